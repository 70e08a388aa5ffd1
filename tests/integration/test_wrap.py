"""`belljar wrap`: the printed lines are given to a shell, and what they let through is looked at.

The lines for native and bubblewrap are run here. No Mac is: the seatbelt profile is compared with a
file that people have read, and checked for being a well-formed list of rules in the right order.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from program import BELLJAR, PATIENCE

GOLDEN = Path(__file__).parent / "golden"
RUNNABLE = ["native", "bubblewrap"]
HOSTILE = ["plain", "two words", "it's", 'double"quote', "new\nline", "-rf", "--", "$(touch PWNED)",
           "`touch PWNED`", "$HOME", "a;b", "a&b|c", "über 漢字", "back\\slash", "star*?[x]", "#x", "~",
           "tab\there", "trailing "]


@pytest.fixture(scope="module", autouse=True)
def has_bubblewrap():
    if shutil.which("bwrap") is None:
        pytest.skip("this host lacks a bubblewrap")


def wrap(command, *options, status=0, home=None, cwd=None):
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "SECRET": "hunter2",
                   "HOME": str(home or "/nonexistent")}
    done = subprocess.run([BELLJAR, "wrap", *map(str, options), "--", command], text=True,
                          env=environment, cwd=cwd, capture_output=True, timeout=PATIENCE,
                          check=False)
    assert done.returncode == status, done
    return done.stdout[:-1] if status == 0 else done.stderr


def shell(line, **options):
    options = {"cwd": "/", "env": {"PATH": os.environ["PATH"], "SECRET": "hunter2"}} | options
    return subprocess.run(["/bin/sh", "-c", line], text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False, **options)


def run(command, *options, **more):
    return shell(wrap(command, *options, **more))


@pytest.mark.parametrize("backend", RUNNABLE)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_directory_of_any_name_is_writable_and_nothing_else(tmp_path, backend, name):
    work = tmp_path / "in" / name
    outside = tmp_path / "outside"
    work.mkdir(parents=True)
    outside.mkdir()
    done = run(f"pwd; echo data > inside; echo bad > {shlex.quote(str(outside / 'x'))}; "
               "cat inside", "--backend", backend, "--workdir", work)
    assert done.returncode == 0, done
    assert done.stdout == f"{work}\ndata\n"
    assert (work / "inside").read_text() == "data\n"
    assert list(outside.iterdir()) == []
    assert list(tmp_path.rglob("PWNED")) == [] and not Path("/PWNED").exists()


@pytest.mark.parametrize("backend", RUNNABLE)
@pytest.mark.parametrize("command", [
    "printf '%s' \"it's\"", "printf '%s\\n' 'a\nb'", "echo $((1+1)); echo \"$0\"",
    "cat <<'X'\n$HOME `id`\nX", "printf '%s' 'ü漢'", "echo 'a' \"b\" \\c", "exit 7",
    "kill -TERM $$", "-x", "--version"])
def test_the_command_means_what_it_meant(tmp_path, backend, command):
    expected = subprocess.run(["/bin/bash", "-c", "--", command], cwd=tmp_path, text=True,
                              capture_output=True, check=False)
    done = run(command, "--backend", backend, "--workdir", tmp_path)
    status = expected.returncode if expected.returncode >= 0 else 128 - expected.returncode
    assert (done.stdout, done.returncode) == (expected.stdout, status), done


@pytest.mark.parametrize("backend", RUNNABLE)
@pytest.mark.parametrize("name", [n for n in HOSTILE if n != "plain"])
def test_paths_to_read_and_to_write(tmp_path, backend, name):
    work, readable, writable = (tmp_path / d / name for d in ("w", "r", "rw"))
    for directory in (work, readable, writable):
        directory.mkdir(parents=True)
    (readable / "f").write_text("text")
    r, w = shlex.quote(str(readable)), shlex.quote(str(writable))
    done = run(f"cat {r}/f; echo > {r}/g || echo -n ' refused '; echo made > {w}/made",
               "--backend", backend, "--workdir", work, "--read", readable, "--write", writable)
    assert done.stdout == "text refused ", done
    assert not (readable / "g").exists()
    assert (writable / "made").read_text() == "made\n"


@pytest.mark.parametrize("backend", RUNNABLE)
def test_a_project_in_a_readable_home_stays_writable(tmp_path, backend):
    project = tmp_path / "home" / "project"
    project.mkdir(parents=True)
    (tmp_path / "home" / "notes").write_text("n")
    done = run("echo x > made && cat ../notes; echo > ../notes", "--backend", backend, "--workdir",
               project, "--read", tmp_path / "home")
    assert (project / "made").exists(), done
    assert (tmp_path / "home" / "notes").read_text() == "n"
    assert done.stdout == "n" and done.returncode != 0


@pytest.mark.parametrize("backend", RUNNABLE)
def test_what_may_be_read_below_what_may_be_written_stays_as_it_is(tmp_path, backend):
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    done = run("echo > vendor/x || echo refused; mv vendor v2 2>&- || echo kept", "--backend",
               backend, "--workdir", tmp_path, "--read", vendor)
    assert done.stdout == "refused\nkept\n", done


@pytest.mark.parametrize("backend", RUNNABLE)
def test_a_hook_for_git_cannot_be_left_behind(tmp_path, backend):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    done = run("echo evil > .git/hooks/pre-commit; mv .git g && cp -r g .git; "
               "echo evil >> .git/config; echo fine > .git/description && echo done",
               "--backend", backend, "--workdir", tmp_path)
    assert done.stdout == "done\n", done
    assert not (tmp_path / ".git/hooks/pre-commit").exists()
    assert "evil" not in (tmp_path / ".git/config").read_text()


@pytest.mark.parametrize("backend", RUNNABLE)
def test_the_environment_is_not_the_callers(tmp_path, backend):
    done = run("env; tr '\\0' '\\n' < /proc/1/environ; true", "--backend", backend, "--workdir",
               tmp_path)
    assert "PATH=" in done.stdout and "hunter2" not in done.stdout, done


@pytest.fixture
def listener():
    """A port of the host's that says hello."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connection.sendall(b"hello\n")
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


@pytest.mark.parametrize("backend", RUNNABLE)
def test_network_only_when_said(tmp_path, backend, listener):
    command = f"cat < /dev/tcp/127.0.0.1/{listener}"
    options = ("--backend", backend, "--workdir", tmp_path)
    assert run(command, *options, "--network").stdout == "hello\n"
    refused = run(command, *options)
    assert refused.returncode != 0 and refused.stdout == "", refused


@pytest.mark.parametrize("backend", RUNNABLE)
def test_processes_of_the_host_are_absent(tmp_path, backend):
    done = run("ls -d /proc/[0-9]* | wc -l", "--backend", backend, "--workdir", tmp_path)
    assert int(done.stdout) < 10, done
    assert run(f"kill -0 {os.getpid()}", "--backend", backend, "--workdir",
               tmp_path).returncode != 0


@pytest.mark.parametrize("backend", RUNNABLE)
def test_knobs_of_the_kernel(tmp_path, backend):
    knob = "/proc/sys/vm/swappiness"
    done = run(f"(: >> {knob}) && echo open; cat {knob}", "--backend", backend, "--workdir",
               tmp_path)
    assert done.stdout == Path(knob).read_text(), done


@pytest.mark.requires("root")
def test_what_root_is_warned_of(tmp_path):
    """The other half of the warning: with the native line it does not happen."""
    for backend in RUNNABLE:
        (tmp_path / backend).mkdir()
        said = json.loads(wrap("cp /bin/true t; chmod 4755 t", "--json", "--backend", backend,
                               "--workdir", tmp_path / backend))
        shell(said["command"])
        left = bool((tmp_path / backend / "t").stat().st_mode & 0o4000)
        assert left == (backend == "bubblewrap")
        assert any("set-user-id" in warning for warning in said["warnings"]) == left


@pytest.fixture
def unix_socket(tmp_path):
    path = tmp_path / "s.sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    yield path
    server.close()


@pytest.mark.parametrize("backend", RUNNABLE)
def test_sockets_by_the_settings(tmp_path, backend, unix_socket):
    work = tmp_path / "work"
    work.mkdir()
    allowed = tmp_path / "allowed.json"
    allowed.write_text(json.dumps({"network": {"allowedUnixSockets": [str(unix_socket)]}}))
    probe = ("python3 -c \"import socket; socket.socket(socket.AF_UNIX).connect('"
             f"{unix_socket}'); print('connected')\"")
    options = ("--backend", backend, "--workdir", work)
    assert run(probe, *options).stdout == ""
    assert run(probe, *options, "--settings", allowed).stdout == "connected\n"


@pytest.mark.parametrize("backend", RUNNABLE)
def test_a_directory_by_another_name(tmp_path, backend):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    done = run(f"pwd; echo x > {tmp_path}/link/made", "--backend", backend, "--workdir",
               tmp_path / "link")
    assert done.returncode == 0, done
    assert (tmp_path / "real" / "made").exists()
    # The link lies in what is shown: mounts must not follow it elsewhere.
    done = run("echo y > other", "--backend", backend, "--workdir", tmp_path / "link", "--read",
               tmp_path)
    assert done.returncode == 0 and (tmp_path / "real" / "other").exists(), done


@pytest.mark.parametrize("backend", RUNNABLE)
def test_what_does_not_exist_is_left_out_and_said(tmp_path, backend):
    done = json.loads(wrap("echo fine", "--json", "--backend", backend, "--workdir", tmp_path,
                           "--read", tmp_path / "none", "--write", tmp_path / "nor"))
    assert done["backend"] == backend
    assert [w.split("/")[-1] for w in done["warnings"] if "run by root" not in w] == [
        "none does not exist and is left out", "nor does not exist and is left out"]
    assert shell(done["command"]).stdout == "fine\n"


@pytest.mark.parametrize("backend", [*RUNNABLE, "seatbelt"])
def test_refusals(tmp_path, backend):
    for options, words in [
            (["--workdir", tmp_path / "none"], "cannot resolve the working directory"),
            (["--workdir", tmp_path, "--write", "/"], "will not make all of / writable"),
            (["--workdir", tmp_path, "--settings", tmp_path / "none"], "cannot open"),
            (["--workdir", tmp_path, "--read", ""], "a path is empty")]:
        assert words in wrap("true", "--backend", backend, *options, status=125)
    for directory in ("/", "/etc"):
        assert "will not make all of" in wrap("true", "--backend", backend, "--workdir", directory,
                                              status=125)
    assert "expected native, bubblewrap or seatbelt" in wrap("true", "--backend", "x", status=125)


@pytest.mark.parametrize("backend", RUNNABLE)
def test_a_name_that_is_no_text(tmp_path, backend):
    work = os.fsencode(tmp_path) + b"/\xff\xfe"
    os.mkdir(work)
    words = [BELLJAR, "wrap", "--backend", backend, "--workdir", work]
    line = subprocess.run([*words, "echo data > made"], capture_output=True, check=True).stdout
    assert subprocess.run(["sh", "-c", line[:-1]], check=False).returncode == 0
    assert os.path.exists(work + b"/made")
    json_line = subprocess.run([*words, "--json", "true"], capture_output=True, check=False)
    assert json_line.returncode == 125 and b"not UTF-8" in json_line.stderr


def test_without_options_it_is_native_and_here(tmp_path):
    line = wrap("echo > here", cwd=tmp_path)
    assert shlex.split(line)[:2] == [BELLJAR, "run"]
    assert shell(line).returncode == 0 and (tmp_path / "here").exists()


def test_a_colon_that_a_volume_cannot_hold(tmp_path):
    (tmp_path / "a:b").mkdir()
    options = ("--workdir", tmp_path, "--read", tmp_path / "a:b")
    assert "colon" in wrap("true", *options, status=125)
    assert run("ls -d a:b", "--backend", "bubblewrap", *options).stdout == "a:b\n"


# The seatbelt profile.

TOKEN = re.compile(r'\s*(?:(\()|(\))|#?"((?:\\.|[^"\\])*)"|([^\s()"]+))', re.DOTALL)


def read(text):
    """The s-expressions of a text; raises when it is not a list of them."""
    stack, at = [[]], 0
    text = text.strip()
    while at < len(text):
        found = TOKEN.match(text, at)
        assert found, text[at:at + 40]
        at = found.end()
        opens, closes, string, word = found.groups()
        if opens:
            stack.append([])
        elif closes:
            done = stack.pop()
            stack[-1].append(tuple(done))
        else:
            stack[-1].append(word if word else ("text", re.sub(r"\\(.)", r"\1", string,
                                                              flags=re.DOTALL)))
    assert len(stack) == 1
    return stack[0]


def seatbelt(work, *options):
    words = shlex.split(wrap("echo 'hi there'", "--backend", "seatbelt", "--workdir", work,
                             *options))
    at = words.index("-p")
    assert words[:3] == ["cd", str(work), "&&"] and words[3:5] == ["env", "-i"]
    assert words[at - 1] == "/usr/bin/sandbox-exec"
    assert words[at + 2:] == ["/bin/bash", "-c", "echo 'hi there'"]
    return words[at + 1]


def variants(tmp_path):
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"network": {
        "allowLocalBinding": True, "allowedUnixSockets": [str(tmp_path / "r" / "s.sock")],
        "httpProxyPort": 8080}}))
    for name in ("work", "r", "w"):
        (tmp_path / name).mkdir()
    (tmp_path / "r" / "s.sock").touch()
    return {
        "closed": [],
        "open": ["--network", "--read", tmp_path / "r", "--write", tmp_path / "w"],
        "settings": ["--settings", settings],
    }


@pytest.mark.parametrize("name", ["closed", "open", "settings"])
def test_the_profile_is_the_one_that_was_read(tmp_path, name):
    profile = seatbelt(tmp_path / "work", *variants(tmp_path)[name])
    golden = GOLDEN / f"seatbelt-{name}.sb"
    profile = profile.replace(str(tmp_path), "@TMP@")
    if os.environ.get("BJ_WRITE_GOLDEN") == "1":
        golden.write_text(profile)
    assert profile == golden.read_text()


@pytest.mark.parametrize("name", ["closed", "open", "settings"])
def test_the_profile_is_a_list_of_rules(tmp_path, name):
    rules = read(seatbelt(tmp_path / "work", *variants(tmp_path)[name]))
    work = ("text", str(tmp_path / "work"))
    assert rules[:2] == [("version", "1"), ("deny", "default")]
    assert {rule[0] for rule in rules[2:]} == {"allow", "deny"}
    allowed = [rule for rule in rules if rule[0] == "allow"]
    writes = [rule for rule in allowed if "file-write*" in rule]
    expected = {work} | ({("text", str(tmp_path / "w"))} if name == "open" else set())
    assert {rule[-1] for rule in writes} == {("subpath", path) for path in expected}
    # The last rule that fits decides: denials come after what they take from.
    last_write = max(rules.index(rule) for rule in writes)
    assert all(rules.index(rule) > last_write for rule in rules[2:] if rule[0] == "deny")
    network = [rule for rule in allowed if any("network" in str(word) for word in rule[1:])]
    assert bool(network) == (name != "closed")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_profile_holds_any_path(tmp_path, name):
    work = tmp_path / name
    work.mkdir()
    rules = read(seatbelt(work))
    assert ("allow", "file-read*", "file-write*", ("subpath", ("text", str(work)))) in rules
