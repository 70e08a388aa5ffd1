"""The command line against a running service: what users of docker expect, and what they do not
have to: a process that outlives a broken connection, and directories that cannot do harm here."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from client_program import SECONDS, client, sandbox  # noqa: F401  (fixtures)
from program import BELLJAR, ROOT, wait_until

# ---- sandboxes ----

def test_a_sandbox_from_its_making_to_its_end(client):
    one = client.says("create", "--label", "team=a", "--timeout", "600").strip()
    two = client.json("create", "-l", "team=b", "-e", "WHO=me", "--set", "resource_limits.disk_mb=256")
    assert re.fullmatch("[a-z0-9]+", one) and two["limits"]["disk_bytes"] == 256 << 20
    assert {row["id"] for row in client.json("ps")} == {one, two["id"]}
    assert client.says("ps", "-q", "-l", "team=b") == two["id"] + "\n"
    assert one in client.says("ps") and "running" in client.says("ps")
    assert client.says("exec", two["id"], "sh", "-c", "echo $WHO") == "me\n"
    assert client.says("rm", one, two["id"]) == f"{one}\n{two['id']}\n"
    assert client.json("ps") == []
    gone = client.run("rm", one)
    assert gone.status != 0 and one in gone.err
    assert client.run("rm", "-f", one).status == 0


def test_a_client_accepts_less_than_it_asks_for(client):
    """Only of limits that it asks for itself: a layer that the preset requires stays required."""
    wanted = ["--set", "resource_limits.cpu_cores=0.5", "--set", "resource_limits.memory_mb=128"]
    strict, lenient = client.run("create", *wanted), client.run("create", "--allow-degraded", *wanted)
    assert lenient.status == 0, lenient
    made = json.loads(client.run("create", "--json", "--allow-degraded", *wanted).out)
    if strict.status != 0:  # what cannot be enforced is said, and what the error advises is there
        assert "--allow-degraded accepts less" in strict.err and made["degraded"]
    refused = client.run("create", "--set", "layers.required=[\"seccomp\"]")
    assert refused.status == 125 and "for whoever runs the service" in refused.err


def test_the_same_key_gives_the_same_sandbox(client):
    made = {client.says("create", "--idempotency-key", "k1") for _ in range(3)}
    assert len(made) == 1 and client.says("create") not in made


# ---- exec ----

def test_exec_is_the_command(client, sandbox):
    done = client.run("exec", sandbox, "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.status, done.out, done.err) == (7, b"out\n", "err\n")
    assert client.run("exec", sandbox, "sh", "-c", "kill -9 $$").status == 137
    assert client.says("exec", "-e", "A=1", "-w", "/tmp", sandbox, "sh", "-c", "echo $A; pwd") \
        == "1\n/tmp\n"
    assert client.says("exec", sandbox, "echo", "-n", "--json", "-x") == "--json -x"
    assert client.says("exec", sandbox, "--", "echo", "--", "x") == "-- x\n"
    assert client.run("exec", sandbox, "--").status == 125
    whole = client.json("exec", sandbox, "echo", "hi")
    assert whole["output"] == "hi\n" and whole["exit_code"] == 0


def test_exec_says_why_it_cannot(client, sandbox):
    client.says("exec", sandbox, "sh", "-c", "echo x > f; chmod 644 f")
    for words, status, text in (
            (["no-such"], 127, "no-such: command not found in the sandbox; check the command's name"),
            (["/no/such"], 127, "/no/such: command not found in the sandbox"),
            (["./f"], 126, "./f: cannot be executed: Permission denied"),
            (["-w", "/no-such"], 125, "cannot enter the working directory /no-such: No such file"),
            (["-w", "f"], 125, "cannot enter the working directory /workspace/f: Not a directory")):
        command = [*words, sandbox, "true"] if words[0] == "-w" else [sandbox, *words]
        for way in ([], ["-d"]):
            done = client.run("exec", *way, *command)
            assert done.status == status and done.out == b"", done
            assert done.err.startswith(f"belljar exec: {text}") and done.err.count("\n") == 1
    assert client.run("exec", "--json", sandbox, "no-such").status == 127
    assert client.run("exec", "--json", sandbox, "./f").status == 126


def test_statuses_of_the_client_s_own(client, sandbox):
    """127 and 126 say something of a command inside; whatever belljar could not do is 125."""
    for words in (["exec", "no-such", "true"], ["logs", sandbox, "99"], ["attach", sandbox],
                  ["cat", sandbox, "no"], ["create", "--preset", "no"], ["rm", "no-such"],
                  ["ps", "--nope"]):
        assert client.run(*words).status == 125, words
    client.where = f"unix://{client.directory}/none"
    assert client.run("exec", sandbox, "true").status == 125


def test_processes_have_no_time_out_that_nobody_gave(client):
    """The preset's is for calls that wait for a command's end; here it is made as short as can be."""
    box = client.says("create", "--set", "resource_limits.timeout_seconds=1").strip()
    path = f"/v1/sandboxes/{box}"
    late = client.service.post(f"{path}/run", {"command": "sleep 3"}).json
    assert late["timed_out"] is True
    started = [client.says("exec", "-d", box, "sleep", "3").strip(),
               client.says("exec", "-d", "-t", box, "sleep", "3").strip(),
               client.service.post(f"{path}/processes", {"command": "sleep 3"}).json["id"]]
    for process in started:
        end = client.service.get(f"{path}/processes/{process}/wait").json["end"]
        assert (end["exit_code"], end["timed_out"]) == (0, False)
    assert client.run("exec", box, "sleep", "2").status == 0
    assert client.json("exec", box, "sleep", "2")["exit_code"] == 0
    given = client.service.post(f"{path}/processes", {"command": "sleep 30", "timeout_seconds": 0.5})
    end = client.service.get(f"{path}/processes/{given.json['id']}/wait").json["end"]
    assert end["timed_out"] is True


def test_exec_says_what_ended_the_command(client, sandbox):
    for wanted, said in (("0.3", "0.3 s"), ("1s", "1 s")):
        done = client.run("exec", "--timeout", wanted, sandbox, "sleep", "100")
        assert (done.status, done.err) == (124, f"belljar: ended by its time-out of {said}\n")
    assert client.says("exec", "--timeout", "5m", sandbox, "echo", "in time") == "in time\n"
    assert client.run("exec", sandbox, "sh", "-c", "kill -9 $$").err == ""
    small = client.run("create", "--allow-degraded", "--set", "resource_limits.memory_mb=64")
    assert small.status == 0, small
    small = small.out.decode().strip()
    done = client.run("exec", small, "tail", "/dev/zero")
    assert (done.status, done.err) == \
        (137, "belljar: ended by the sandbox's memory limit of 64 MiB\n")
    whole = client.run("exec", "--json", small, "tail", "/dev/zero")
    assert whole.status == 137 and json.loads(whole.out)["oom_killed"] is True
    # A shell that passes on what became of its command is no less a victim; a later one is none.
    assert "memory limit" in client.run("exec", small, "sh", "-c", "tail /dev/zero; exit $?").err
    assert client.run("exec", small, "sh", "-c", "kill -9 $$").err == ""


def test_several_are_done_though_one_fails(client):
    one, two = (client.says("create").strip() for _ in range(2))
    for word in ("pause", "resume", "rm"):
        done = client.run(word, "nosuch", one, "none", two)
        if word == "pause" and "cannot be paused here" in done.err:
            continue
        assert (done.status, done.out.decode()) == (125, f"{one}\n{two}\n"), done
        assert [line.partition(";")[0] for line in done.err.splitlines()] == [
            f"belljar {word}: no such sandbox: {name}" for name in ("nosuch", "none")]
    rows = json.loads(client.run("rm", "--json", one, "nosuch").out)
    assert [row["error"]["code"] for row in rows] == ["ENDED", "NOT_FOUND"] or \
        [row["error"]["code"] for row in rows] == ["NOT_FOUND"] * 2
    sandbox = client.says("create").strip()
    number = client.says("exec", "-d", sandbox, "sleep", "100").strip()
    assert "process 77: " in client.run("kill", sandbox, "77").err or \
        "no such process: 77" in client.run("kill", sandbox, "77").err
    done = client.run("kill", sandbox, "77", number, "78")
    assert (done.status, done.out.decode()) == (125, f"{number}\n") and done.err.count("no such process") == 2
    assert wait_until(lambda: client.says("ps", "-q", sandbox) == "")
    done = client.run("kill", sandbox)
    assert done.status == 0 and "belljar rm" in done.err


def test_errors_give_advice_that_fits(client, sandbox):
    about_keys = "belongs to this key"
    for words, advised in ((["exec", "nosuch", "true"], about_keys), (["cat", sandbox, "no"], "check the path"),
                           (["ls", sandbox, "no"], "check the path"),
                           (["create", "--preset", "no"], "there are minimal, standard"),
                           (["logs", sandbox, "99"], "list the sandbox's processes")):
        err = client.run(*words).err
        assert err.endswith("\n") and advised in err.rpartition("; ")[2] or advised in err, err
        assert (about_keys in err) == (advised == about_keys)
    assert client.run("cat", sandbox, "/").err == "belljar cat: / is a directory, not a file\n"
    if client.run("pause", sandbox).status == 0:
        assert client.run("exec", sandbox, "true").err == \
            "belljar exec: the sandbox is paused; resume it first\n"


def test_options_behind_arguments(client, sandbox):
    assert client.run("port", sandbox, "3000", "--help").out.startswith(b"usage: belljar port ")
    assert client.run("ls", sandbox, "--nonsense").err.startswith("belljar ls: --nonsense is not an")
    assert client.run("exec", sandbox, "sh", "-c", 'echo "$1"', "sh", "--help").out == b"--help\n"
    assert "foo is not KEY=VALUE" in client.run("create", "--label", "foo").err


def test_exec_with_input(client, sandbox):
    data = os.urandom(1 << 20)
    assert client.run("exec", "-i", sandbox, "cat", input=data).out == data
    assert client.run("exec", "-i", sandbox, "wc", "-c", input=b"").out.split() == [b"0"]
    # Without -i there is none.
    assert client.run("exec", sandbox, "cat", input=data).out == b""


def test_exec_of_much_output_loses_nothing(client, sandbox):
    done = client.run("exec", sandbox, "sh", "-c", "seq 200000; seq 200000 >&2")
    expected = "".join(f"{i}\n" for i in range(1, 200001))
    assert done.out.decode() == expected and done.err == expected


def test_exec_of_what_writes_at_once_loses_nothing(client, sandbox):
    """More than a log keeps, before the client can have asked for the first byte."""
    client.says("exec", sandbox, "sh", "-c", "head -c 4194304 /dev/urandom > f")
    expected = client.run("cat", sandbox, "f").out
    for _ in range(5):
        done = client.run("exec", sandbox, "cat", "f")
        assert done.out == expected and done.err == ""


def test_a_signal_to_the_client_is_the_process_s(client, sandbox):
    process = client.start("exec", sandbox, "sh", "-c",
                           "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep .1; done")
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == b"caught\n"
    assert process.wait(SECONDS) == 3


# ---- processes that go on ----

def test_detached_processes_and_their_logs(client, sandbox):
    number = client.says("exec", "-d", "--tag", "it", sandbox, "sh", "-c",
                         "for i in 1 2 3; do echo $i; sleep .2; done; echo end >&2").strip()
    assert number in client.says("ps", sandbox)
    done = client.run("logs", "-f", sandbox, number)
    assert (done.out, done.err) == (b"1\n2\n3\n", "end\n")
    assert client.run("logs", "--since", "2", sandbox).out == b"2\n3\n"
    events = [json.loads(line) for line in client.run("logs", "--json", sandbox).out.splitlines()]
    assert events[0]["offset"] == 0 and events[-1]["end"]["exit_code"] == 0
    assert number not in client.says("ps", "-q", sandbox)
    assert number in client.says("ps", "-aq", sandbox)


def test_kill_signals_processes(client, sandbox):
    one, two = (client.says("exec", "-d", sandbox, "sleep", "100").strip() for _ in range(2))
    assert client.says("kill", "-s", "TERM", sandbox, one) == one + "\n"
    wait = lambda count: wait_until(
        lambda: len(client.says("ps", "-q", sandbox).split()) == count)
    assert wait(1)
    assert client.says("kill", sandbox) == two + "\n"
    assert wait(0)
    ends = {p["id"]: p["end"]["exit_code"] for p in client.json("ps", "-a", sandbox)}
    assert ends == {int(one): 143, int(two): 137}


# ---- files ----

def test_files_both_ways(client, sandbox):
    here = client.directory
    data = os.urandom(3 << 20)
    (here / "f").write_bytes(data)
    (here / "f").chmod(0o750)
    assert client.says("cp", "f", f"{sandbox}:") == ""
    assert client.says("cp", f"{sandbox}:f", "g") == "" and (here / "g").read_bytes() == data
    assert client.run("cat", sandbox, "f").out == data
    assert client.run("cat", f"{sandbox}:f").out == data
    assert client.run("cat", f"{sandbox}:f", f"{sandbox}:f").out == data + data
    assert client.run("cat", sandbox).status == client.run("cat", f"{sandbox}:").status == 125
    assert client.json("ls", sandbox)[0]["mode"] == "0750"
    assert client.json("ls", f"{sandbox}:") == client.json("ls", sandbox)
    assert client.says("ls", f"{sandbox}:/workspace") == "f\n"
    assert client.run("ls", f"{sandbox}:f", "f").status == 125
    (here / "dir").mkdir()
    client.says("cp", f"{sandbox}:f", "dir")
    assert (here / "dir/f").read_bytes() == data
    client.says("cp", "f", f"{sandbox}:made/above/f2")
    assert client.says("ls", sandbox, "made/above") == "f2\n"
    assert client.json("cat", sandbox, "f")[0]["base64"]
    missing = client.run("cp", f"{sandbox}:nope", "x")
    assert missing.status == 125 and "nope" in missing.err and not (here / "x").exists()
    assert client.run("cp", "nope", f"{sandbox}:x").status == 125
    assert client.run("cp", "f", "g").status == 125


def test_directories_both_ways(client, sandbox):
    here = client.directory
    (here / "d/sub").mkdir(parents=True)
    (here / "d/sub/ü ber").write_text("x")
    os.symlink("sub", here / "d/link")
    client.says("cp", "d", f"{sandbox}:new")  # it becomes that
    client.says("cp", "d", f"{sandbox}:new")  # it goes into that
    client.says("cp", "d/.", f"{sandbox}:new")  # what is in it does
    listed = client.says("ls", "--depth", "9", sandbox, "new").split("\n")[:-1]
    assert listed == ["d", "d/link", "d/sub", "d/sub/ü ber", "link", "sub", "sub/ü ber"]
    client.says("cp", f"{sandbox}:new/d", "back")
    assert os.readlink(here / "back/link") == "sub"
    assert (here / "back/sub/ü ber").read_text() == "x"
    client.says("cp", f"{sandbox}:new/d", "back")
    assert (here / "back/d/sub/ü ber").read_text() == "x"
    done = client.run("cp", f"{sandbox}:new/d", "-")
    with tarfile.open(fileobj=io.BytesIO(done.out)) as tar:
        assert "sub/ü ber" in tar.getnames()
    junk = client.run("cp", "-", f"{sandbox}:junk", input=b"no archive")
    assert junk.status == 125 and "Unrecognized archive" in junk.err
    assert "junk" not in client.says("ls", sandbox)
    assert client.run("cp", "-", f"{sandbox}:again", input=done.out).status == 0
    assert client.says("cat", sandbox, "again/sub/ü ber") == "x"


def hostile_archive():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        link = tarfile.TarInfo("l")
        link.type, link.linkname = tarfile.SYMTYPE, "../outside"
        tar.addfile(link)
        for name in ("l/new", "../outside/new"):
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"bad"))
    return out.getvalue()


def test_what_a_sandbox_sends_cannot_leave_the_directory(client, tmp_path):
    """A service that lies, or whose sandbox does: the archive leads out, the client does not go."""
    data = hostile_archive()

    class Liar(BaseHTTPRequestHandler):
        def do_GET(self):
            stat = "/files/stat" in self.path
            body = json.dumps({"type": "directory"}).encode() if stat else data
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Liar)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    outside = client.directory / "outside"
    outside.mkdir()
    try:
        client.where = f"http://127.0.0.1:{server.server_port}"
        assert client.run("cp", "abc:/d", "into").status != 0
    finally:
        server.shutdown()
        server.server_close()
    assert os.listdir(outside) == []
    # The other half: one that follows links is led out.
    (tmp_path / "plain/in").mkdir(parents=True)
    (tmp_path / "plain/outside").mkdir()
    os.symlink("../outside", tmp_path / "plain/in/l")
    (tmp_path / "plain/in/l/new").write_text("bad")
    assert os.listdir(tmp_path / "plain/outside") == ["new"]


def test_names_that_act_on_a_terminal_do_not(client, sandbox):
    client.says("exec", sandbox, "touch", "a\x1b[31mb", "x\ny", "u\u202ev")
    listed = client.says("ls", sandbox)
    assert "\x1b" not in listed and "\u202e" not in listed and len(listed.splitlines()) == 3
    assert "\x1b" not in client.says("ps", "-a", sandbox)


def test_paths_are_tidy(client, sandbox):
    """Dots that mean nothing are not shown; what ".." leads to is for the kernel to say."""
    service = client.service
    at = f"/v1/sandboxes/{sandbox}/files"
    put = lambda path: service.request("PUT", f"{at}/content?path={path}", b"x").json
    client.says("exec", sandbox, "sh", "-c", "mkdir -p d/sub; ln -s d/sub l")
    assert put("./test.txt")["path"] == "/workspace/test.txt"
    assert put("/workspace//./d/./t")["path"] == "/workspace/d/t"
    assert put("/../tmp/../tmp/t")["path"] == "/tmp/../tmp/t"
    assert put("/../../tmp/u")["path"] == "/tmp/u"
    put("l/../v")  # d/v, not v
    assert client.says("cat", sandbox, "d/v") == "x"
    assert put("d/")["error"]["code"] == put("d/.")["error"]["code"] == "CONFLICT"
    stat = lambda path: service.get(f"{at}/stat?path={path}").json
    assert (stat("l")["type"], stat("l/.")["type"]) == ("link", "directory")
    assert (stat("l/.")["path"], stat("l/.")["name"]) == ("/workspace/l", "l")
    assert stat(".")["path"] == "/workspace" and stat("/..")["path"] == "/"
    for path in (".", "./", "/./workspace/"):
        files = service.get(f"{at}?path={path}").json["files"]
        assert [file["path"] for file in files] == \
            ["/workspace/d", "/workspace/l", "/workspace/test.txt"]
    # The sandbox's own words on an encoded slash: data in a query, an error in a path.
    assert service.get(f"{at}/stat?path=d%2Ft").json["path"] == "/workspace/d/t"
    refused = service.get("/v1/sandboxes/a%2Fb")
    assert refused.status == 400 and "encoded slash" in refused.json["error"]["message"]


# ---- figures, events, ports ----

def test_stats_and_events(client, sandbox):
    client.says("exec", sandbox, "true")
    assert client.json("stats", sandbox)[0]["sandbox"] == sandbox
    assert sandbox in client.says("stats", "--no-stream")
    lines = client.says("events", "--no-stream", sandbox).splitlines()
    assert any("sandbox.created" in line for line in lines)
    events = [json.loads(line) for line in
              client.says("events", "--no-stream", "--json", sandbox).splitlines()]
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)
    assert {"sandbox.created", "process.ended"} <= {event["type"] for event in events}


def test_what_nobody_measures_is_no_figure(client, sandbox):
    """Unknown is not zero: null in JSON, absent in metrics, a dash in the table."""
    service = client.service
    degraded = service.get(f"/v1/sandboxes/{sandbox}").json["degraded"]
    usage = client.json("stats", sandbox)[0]
    row = re.split(r"\s{2,}", [line for line in client.says("stats", "--no-stream", sandbox)
                              .splitlines() if line.startswith(sandbox)][0])
    metrics = service.get("/metrics").body.decode()
    in_memory = any(line.startswith("disk:") for line in degraded)
    for name, layer, column, family in (
            ("memory_bytes", "memory", 3, "belljar_sandboxes_memory_bytes "),
            ("disk_bytes", "disk", 6, "belljar_sandboxes_disk_bytes ")):
        unknown = any(line.startswith(layer + ":") for line in degraded)
        assert (usage[name] is None) == unknown, (usage, degraded)
        assert unknown or usage[name] > 0
        assert (row[column] == "-") == unknown, row
        assert (family in metrics) != unknown, metrics
    assert (usage["disk_inodes"] is None) == in_memory
    assert usage["cpu_seconds"] is None or usage["cpu_seconds"] >= 0


def test_events_while_they_happen(client, sandbox):
    process = client.start("events", "--json", sandbox)
    try:
        os.set_blocking(process.stdout.fileno(), False)
        seen = b""

        def ended():  # again and again: nobody says when the client has subscribed
            nonlocal seen
            assert client.run("exec", sandbox, "sh", "-c", "exit 9").status == 9
            seen += process.stdout.read() or b""
            return b"process.ended" in seen and b'"exit_code":9' in seen

        assert wait_until(ended), seen
    finally:
        process.kill()
        process.wait()


def test_stats_go_on_after_a_name_that_nothing_has(client, sandbox):
    done = client.run("stats", "--no-stream", "nosuch", sandbox)
    assert done.status == 125 and sandbox in done.out.decode() and "nosuch" in done.err


def test_ls_of_a_file_is_the_file(client, sandbox):
    client.says("exec", sandbox, "touch", ".f", "g")
    assert client.says("ls", sandbox, ".f") == ".f\n"
    assert client.json("ls", f"{sandbox}:g")[0]["path"] == "/workspace/g"
    assert client.says("ls", sandbox) == "g\n"  # as before
    assert "check the path" in client.run("ls", sandbox, "none").err


def test_pause_and_resume(client, sandbox):
    client.says("exec", "-d", sandbox, "sh", "-c", "while :; do echo x; sleep .05; done")
    done = client.run("pause", sandbox)
    if done.status != 0 and "cannot be paused here" in done.err:
        pytest.skip("this host lacks a way to freeze processes")
    assert client.json("ps")[0]["state"] == "paused"
    written = lambda which=sandbox: len(client.run("logs", which).out)
    before = written()
    other = client.says("create").strip()
    client.says("exec", "-d", other, "sh", "-c", "while :; do echo x; sleep .05; done")
    assert wait_until(lambda: written(other) >= 20)  # ten rounds of what stands still here
    assert written() == before
    client.says("resume", sandbox)
    assert wait_until(lambda: written() > before)


# ---- where the service is ----

def test_no_service(client):
    client.where = f"unix://{client.directory}/none"
    done = client.run("ps")
    assert done.status == 125 and "belljar serve" in done.err and "BELLJAR_HOST" in done.err
    assert "(No such file or directory)" in done.err and "port 80" not in done.err
    assert json.loads(client.run("ps", "--json").out)["error"]["code"] == "BUSY"
    client.where = "ftp://x"
    assert "unix:///path" in client.run("ps").err
    done = client.run("ps", "--host", f"unix://{client.service.socket}")
    assert done.status == 0


def test_the_other_scheme_is_hinted_at(client):
    client.where = f"https://127.0.0.1:{client.service.port}"
    assert "if it has no TLS, say http:// instead" in client.run("ps").err
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # as a service is to what is no TLS
        client.where = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        process = client.start("ps")
        there, _ = deaf.accept()
        there.recv(1)
        there.close()
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 125 and b"if it wants TLS, say https:// instead" in err


def test_a_key(client):
    client.where = f"http://127.0.0.1:{client.service.port}"
    done = client.run("ps")
    assert done.status == 125 and "BELLJAR_API_KEY" in done.err
    client.variables["BELLJAR_API_KEY"] = client.service.key
    assert client.json("ps") == []
    sandbox = client.says("create").strip()
    assert client.says("exec", sandbox, "echo", "over", "tcp") == "over tcp\n"
    for bad in ("wrong" * 8, "line\nbreak", "a b"):
        client.variables["BELLJAR_API_KEY"] = bad
        done = client.run("ps")
        assert done.status == 125 and "wrongwrong" not in done.err


# ---- its own tables ----

COMMANDS = re.findall(r'BJ_CLIENT_COMMAND\("(\w+)",.*?"(\w+)",\s+"[^"]*"\)',
                      (ROOT / "src/model/client_commands.def").read_text(), re.DOTALL)
OPTIONS = {}  # name: the commands that take it, [""] for all
for _name, _commands in re.findall(
        r'BJ_CLIENT_OPTION(?:_TOO)?\(\w+, \w+, "([\w-]+)", [^,]+, [^,]+, "([^"]*)"',
        (ROOT / "src/model/client_options.def").read_text()):
    OPTIONS.setdefault(_name, []).extend(_commands.split() or [""])


def test_commands_stand_for_routes(service):
    document = service.get("/openapi.json").json
    known = {operation.get("operationId") for path in document["paths"].values()
             for operation in path.values() if isinstance(operation, dict)}
    assert len(COMMANDS) == 15
    assert {route for _, route in COMMANDS} - known <= {"connect_port"}


def test_help_and_manual_say_all(tmp_path):
    manual = (ROOT / "docs/man/belljar-client.1").read_text().replace("\\-", "-")
    for name, _ in COMMANDS:
        said = subprocess.run([BELLJAR, name, "--help"], capture_output=True, text=True,
                              check=True, cwd=tmp_path, env={}).stdout
        assert f".SS belljar {name}" in manual
        for option, commands in OPTIONS.items():
            taken = commands == [""] or name in commands
            assert len(re.findall(rf"^  (?:-., |    )--{option}[ \n]", said, re.M)) == taken, (name, option)
    for option in OPTIONS:
        assert f"--{option}" in manual, option


@pytest.mark.parametrize("words, meant", [
    (["creat"], "creat is not a command; did you mean belljar create?"),
    (["stop", "x"], "stop is not a command; did you mean belljar rm?"),
    (["keys", "list"], "keys is not a command; did you mean belljar serve keys?"),
    (["--json", "ps"], "--json is not a command; options stand behind the command"),
    (["banana"], "banana is not a command")])
def test_wrong_commands_are_told_apart(client, words, meant):
    done = client.run(*words)
    assert done.status == 125
    assert done.err == f"belljar: {meant}\nbelljar --help lists the commands\n"


def test_help_of_a_command(client):
    assert client.says("help", "create") == client.says("create", "--help")
    assert client.says("help") == client.says("--help")


@pytest.mark.parametrize("words, meant", [
    (["ps", ""], "the first argument is empty; usage: belljar ps [OPTIONS] [SANDBOX]"),
    (["ps", "--quite"], "--quite is not an option; did you mean --quiet?"),
    (["create", "--lable=A=1"], "--lable is not an option; did you mean --label?"),
    (["ps", "-x"], "-x is not an option; see belljar ps --help"),
    (["ps", "-qx"], "-x is not an option; see belljar ps --help"),
    (["ps", "--json=yes"], "--json takes no value"),
    (["logs", "--since"], "--since needs a value; see belljar logs --help"),
    (["exec", "-e"], "-e needs a value; see belljar exec --help"),
    (["exec", "--timeout", "5 minutes"],
     "--timeout takes a time such as 90, 90s, 5m or 1h, not 5 minutes"),
    (["logs", "--since", "1e3", "a"], "--since takes a whole number, not 1e3")])
def test_wrong_options_are_told_apart(client, words, meant):
    assert client.run(*words).err == f"belljar {words[0]}: {meant}\n"


@pytest.mark.parametrize("words", [["exec"], ["ps", "--nope"], ["logs", "--since"],
                                   ["logs", "--since", "x", "a"], ["create", "stray"],
                                   ["create", "--label", "x"], ["port", "abc", "70000"],
                                   ["attach", "--detach-keys", "ctrl", "a"]])
def test_bad_command_lines(client, words):
    done = client.run(*words)
    assert done.status == 125 and done.err.startswith(f"belljar {words[0]}: ")
