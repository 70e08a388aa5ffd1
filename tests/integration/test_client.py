"""The command line against a running service: what users of docker expect, and what they do not
have to: a process that outlives a broken connection, and directories that cannot do harm here."""

import http.client
import io
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import tarfile
import termios
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from program import BELLJAR, ROOT, Done, wait_until

SECONDS = 60


class Client:
    """`belljar COMMAND` against one service, in a directory of the test's own."""

    def __init__(self, service, directory):
        self.service = service
        self.directory = directory
        self.where = f"unix://{service.socket}"
        self.variables = {}

    def environment(self):
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
                "BELLJAR_HOST": self.where, "TERM": "xterm", **self.variables}

    def start(self, *words, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE} | options
        return subprocess.Popen([BELLJAR, *map(str, words)], cwd=self.directory,
                                env=self.environment(), **options)

    def run(self, *words, input=None):
        process = self.start(*words, **({} if input is None else {"stdin": subprocess.PIPE}))
        try:
            out, err = process.communicate(input, timeout=SECONDS)
        finally:
            process.kill()
            process.wait()
        return Done(process.returncode, out, err.decode(errors="replace"))

    def says(self, *words, **more):
        done = self.run(*words, **more)
        assert done.status == 0 and done.err == "", done
        return done.out.decode()

    def json(self, *words):
        return json.loads(self.says(words[0], "--json", *words[1:]))


@pytest.fixture
def client(service, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    return Client(service, here)


@pytest.fixture
def sandbox(client):
    return client.says("create").strip()


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


# ---- a terminal ----

class Terminal:
    """The client on a terminal of the test's own."""

    def __init__(self, client, *words, rows=30, columns=100):
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (rows, columns))
        self.before = termios.tcgetattr(self.slave)
        self.process = client.start(*words, stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                    start_new_session=True)
        self.text = b""

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            self.text += os.read(self.master, 65536)
        return self.text

    def expect(self, text, seconds=20):
        found = wait_until(lambda: text in self.read(), seconds)
        assert found, self.text
        self.text = self.text.split(text, 1)[1]

    def send(self, data):
        os.write(self.master, data)

    def restored(self):
        return wait_until(lambda: termios.tcgetattr(self.slave) == self.before)

    def wait(self):
        return self.process.wait(SECONDS)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def test_a_terminal(client, sandbox):
    terminal = Terminal(client, "exec", "-it", sandbox, "sh")
    try:
        terminal.send(b"stty size; echo do''ne\r")
        terminal.expect(b"30 100")
        terminal.expect(b"done")
        termios.tcsetwinsize(terminal.slave, (40, 120))
        os.killpg(terminal.process.pid, signal.SIGWINCH)
        # It looks again until it is told, and says what it sees on a line of the size itself.
        terminal.send(b"until stty size | grep -x '40 120'; do sleep .05; done\r")
        terminal.expect(b"\n40 120")
        terminal.send(b"(echo sl''eeping; exec sleep 100)\r")
        terminal.expect(b"sleeping")
        terminal.send(b"\x03")  # ctrl-c is the command's, not the client's
        terminal.send(b"exit 5\r")
        assert terminal.wait() == 5 and terminal.restored()
    finally:
        terminal.close()


def test_a_terminal_says_what_ended_the_command_on_a_line_of_its_own(client, sandbox):
    terminal = Terminal(client, "exec", "-it", "--timeout", "1s", sandbox, "sh", "-c",
                        "printf unfinished; sleep 100")
    try:
        assert terminal.wait() == 124 and terminal.restored()
        terminal.expect(b"unfinished\r\nbelljar: ended by its time-out of 1 s\r\n")
    finally:
        terminal.close()


def test_leaving_a_terminal_and_coming_back(client, sandbox):
    terminal = Terminal(client, "exec", "-it", sandbox, "sh")
    try:
        terminal.send(b"V=kept; echo re''ady\r")
        terminal.expect(b"ready")
        terminal.send(b"\x10\x11")
        assert terminal.wait() == 0 and terminal.restored()
    finally:
        terminal.close()
    assert len(client.says("ps", "-q", sandbox).split()) == 1
    terminal = Terminal(client, "attach", sandbox)
    try:
        terminal.expect(b"ready")  # the screen is what it was
        terminal.send(b"echo $V-$V\r")
        terminal.expect(b"kept-kept")
        terminal.send(b"exit\r")
        assert terminal.wait() == 0
    finally:
        terminal.close()


# What programs leave behind on a terminal, and what undoes it.
MODES = {b"\x1b[?1049h": b"\x1b[?1049l", b"\x1b[?1000h": b"\x1b[?1000l",
         b"\x1b[?1002;1006h": b"\x1b[?1002l", b"\x1b[?2004h": b"\x1b[?2004l",
         b"\x1b[?25l": b"\x1b[?25h", b"\x1b[?1h": b"\x1b[?1l", b"\x1b=": b"\x1b>",
         b"\x1b[1;44m": b"\x1b[0m", b"\x1b(0": b"\x1b(B", b"\x1b[5;9r": b"\x1b[r",
         b"\x1b[4 q": b"\x1b[0 q"}


def leave(client, sandbox, said):
    """What comes to the terminal when the user leaves a process that has said that."""
    octal = "".join(f"\\{byte:03o}" for byte in said)
    script = f"stty -echo; printf '{octal}'; printf 're''ady'; exec sleep 100"
    terminal = Terminal(client, "exec", "-it", sandbox, "sh", "-c", script)
    try:
        terminal.expect(b"ready")
        terminal.send(b"\x10\x11")
        assert terminal.wait() == 0 and terminal.restored()
        return terminal.read()
    finally:
        terminal.close()


def test_leaving_undoes_what_the_process_did_to_the_terminal(client, sandbox):
    left = leave(client, sandbox, b"".join(MODES))
    for did, undone in MODES.items():
        assert undone in left, (did, left)
    # Only what was done is undone, since some of it moves the cursor; and what was undone is not.
    left = leave(client, sandbox, b"plain \x1b]0;title \x1b[?1049h\x07 \x1b[?1049h\x1b[?1049l")
    assert b"\x1b" not in left and b"left; the process runs on" in left


def test_a_killed_client_gives_the_terminal_back(client, sandbox):
    terminal = Terminal(client, "exec", "-it", sandbox, "sh")
    try:
        terminal.send(b"echo re''ady\r")
        terminal.expect(b"ready")
        assert termios.tcgetattr(terminal.slave) != terminal.before
        terminal.process.kill()
        assert terminal.restored()
    finally:
        terminal.close()


def test_a_process_outlives_the_front(client, sandbox):
    """The service's front is killed; the client comes back and has every byte once."""
    process = client.start("exec", sandbox, "sh", "-c",
                           "for i in $(seq 100); do echo line $i; sleep .05; done; exit 4")
    assert process.stdout.readline() == b"line 1\n"
    os.kill(client.service.roles()["front"], signal.SIGKILL)
    out, err = process.communicate(timeout=SECONDS)
    assert out.decode() == "".join(f"line {i}\n" for i in range(2, 101)), err
    assert process.returncode == 4 and b"connected again" in err


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


ECHO = """
import base64, hashlib, socket, threading

def echo(sock):
    while data := sock.recv(65536):
        sock.sendall(data)
    sock.sendall(b"over")  # after the other side's end
    sock.close()

def first(sock):  # ends its own way first
    sock.sendall(b"hello")
    sock.shutdown(socket.SHUT_WR)
    data = b""
    while piece := sock.recv(65536):
        data += piece
    print("got", len(data), flush=True)

def web(sock):
    head = b""
    while not head.endswith(b"\\r\\n\\r\\n"):
        head += sock.recv(1)
    key = [l.split(b": ")[1] for l in head.split(b"\\r\\n") if l.lower().startswith(b"sec-websocket-key")][0]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    sock.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
                 b"Sec-WebSocket-Accept: " + accept + b"\\r\\n\\r\\n")
    frame = sock.recv(100)  # a masked text, short
    mask, length = frame[2:6], frame[1] & 127
    text = bytes(b ^ mask[i % 4] for i, b in enumerate(frame[6:6 + length]))
    sock.sendall(bytes([0x81, len(text)]) + text)
    sock.close()

def listen(port, serve):
    server = socket.create_server(("127.0.0.1", port))
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],)).start()

for port, serve in ((4000, echo), (4001, first), (4002, web)):
    threading.Thread(target=listen, args=(port, serve)).start()
print("up", flush=True)
"""


@pytest.fixture
def forwarded(client, sandbox):
    """Ports of servers in a sandbox, as they are here: {inside: here}; and one where nobody is."""
    if client.run("exec", sandbox, "python3", "-c", "import hashlib, socket").status != 0:
        pytest.skip("this host lacks python3 where sandboxes find it")
    number = client.says("exec", "-d", sandbox, "python3", "-c", ECHO).strip()
    assert wait_until(lambda: client.run("logs", sandbox, number).out == b"up\n")
    process = client.start("port", "--json", sandbox, *(f"0:{port}" for port in range(4000, 4004)))
    lines = [json.loads(process.stdout.readline()) for _ in range(4)]
    yield {line["port"]: line["local"] for line in lines} | {"process": process, "number": number}
    process.kill()
    process.wait()


def receive_all(sock):
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def dial(port):
    return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)


def test_a_port_carries_any_stream(forwarded):
    data = os.urandom(3 << 20)
    for _ in range(3):  # one after the other
        with dial(forwarded[4000]) as sock:
            sender = threading.Thread(target=lambda: (sock.sendall(data),
                                                      sock.shutdown(socket.SHUT_WR)))
            sender.start()
            assert receive_all(sock) == data + b"over"
            sender.join()
    several = [dial(forwarded[4000]) for _ in range(20)]  # at once, the last one first
    for i, sock in reversed(list(enumerate(several))):
        sock.sendall(b"%d" % i)
    for i, sock in enumerate(several):
        assert sock.recv(10) == b"%d" % i
        sock.close()


def test_each_way_of_a_port_ends_by_itself(client, sandbox, forwarded):
    with dial(forwarded[4001]) as sock:
        assert receive_all(sock) == b"hello"
        for _ in range(10):
            sock.sendall(b"x" * 100000)
            time.sleep(0.01)
        sock.shutdown(socket.SHUT_WR)
        assert wait_until(
            lambda: b"got 1000000\n" in client.run("logs", sandbox, forwarded["number"]).out)


def test_a_websocket_through_a_port(forwarded):
    with dial(forwarded[4002]) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        sock.sendall(b"\x81\x82abcd" + bytes(a ^ b for a, b in zip(b"hi", b"ab")))
        assert receive_all(sock) == b"\x81\x02hi"


def test_a_port_where_nobody_listens(forwarded):
    with dial(forwarded[4003]) as sock:
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    assert b"nobody listens on port 4003" in forwarded["process"].stderr.readline()
    with dial(forwarded[4000]) as sock:  # the others go on
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"


SERVER = ("import http.server as h\n"
          "class H(h.BaseHTTPRequestHandler):\n"
          " protocol_version='HTTP/1.1'\n"
          " def do_POST(self):\n"
          "  b=self.rfile.read(int(self.headers['Content-Length']))\n"
          "  r=repr(sorted(k.lower() for k in self.headers)).encode()+b'|'+b\n"
          "  self.send_response(200);self.send_header('Content-Length',str(len(r)))\n"
          "  self.end_headers();self.wfile.write(r)\n"
          "print('up',flush=True)\n"
          "h.HTTPServer(('127.0.0.1',3000),H).serve_forever()\n")


def test_a_port(client, sandbox):
    if client.run("exec", sandbox, "python3", "-c", "import http.server").status != 0:
        pytest.skip("this host lacks python3 where sandboxes find it")
    client.variables["BELLJAR_API_KEY"] = client.service.key
    client.where = f"http://127.0.0.1:{client.service.port}"
    sandbox = client.says("create").strip()
    number = client.says("exec", "-d", sandbox, "python3", "-c", SERVER).strip()
    assert wait_until(lambda: client.run("logs", sandbox, number).out == b"up\n")
    process = client.start("port", sandbox, "0:3000")
    try:
        assert re.fullmatch(rf"http://127\.0\.0\.1:\d+ -> {sandbox}:3000\n",
                            process.stdout.readline().decode())  # to click on
    finally:
        process.kill()
        process.wait()
    process = client.start("port", "--json", sandbox, "0:3000")
    try:
        local = json.loads(process.stdout.readline())["local"]
        for size in (1, 300000):
            connection = http.client.HTTPConnection("127.0.0.1", local, timeout=SECONDS)
            body = b"x" * size
            connection.request("POST", "/any/path?q=1", body, {"X-Mine": "1"})
            headers, _, rest = connection.getresponse().read().partition(b"|")
            assert rest == body and b"x-mine" in headers
            assert b"x-api-key" not in headers  # what is behind the port does not learn the key
            connection.close()
        connection = http.client.HTTPConnection("127.0.0.1", local, timeout=SECONDS)
        for i in range(3):  # on one connection
            connection.request("POST", "/", f"{i}")
            assert connection.sock is not None
            assert connection.getresponse().read().endswith(f"|{i}".encode())
        connection.close()
    finally:
        process.kill()
        process.wait()


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
