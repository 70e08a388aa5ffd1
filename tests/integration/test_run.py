"""What `belljar run` promises about the command itself: status, arguments, environment, identity,
result. Files, streams, terminals and ends have their own test_run_*.py."""

import json
import os
import re
import signal
import time

import pytest
from program import AS_ROOT, PATIENCE, wait_until, with_word

ORDINARY_HOME, ROOT_HOME = "/home/user", "/root"


# ---- exit status ----

@pytest.mark.parametrize("status", [0, 1, 2, 7, 124, 125, 126, 127, 128, 200, 255])
def test_own_status(belljar, status):
    done = belljar.run("--", "sh", "-c", f"exit {status}")
    assert (done.status, done.out, done.err) == (status, "", "")


@pytest.mark.parametrize("name", ["HUP", "INT", "QUIT", "ABRT", "KILL", "USR1", "SEGV", "PIPE",
                                  "ALRM", "TERM", "SYS"])
def test_signal_status(belljar, name):
    number = getattr(signal, f"SIG{name}")
    done = belljar.run("--json", "--", "sh", "-c", f"kill -{name} $$")
    assert done.status == 128 + number
    assert done.json["signal"] == number
    assert done.json["exit_code"] == 128 + number
    assert not done.json["oom_killed"] and not done.json["timed_out"]


def test_time_out(belljar):
    started = time.monotonic()
    done = belljar.run("--timeout", "1", "--", "sleep", "600")
    assert done.status == 124
    assert "timed out after 1 s" in done.err
    assert 1 <= time.monotonic() - started < 3


def test_time_out_keeps_earlier_output(belljar):
    done = belljar.sh("echo before; sleep 600", "--timeout", "1")
    assert (done.status, done.out) == (124, "before\n")


@pytest.mark.parametrize("words", [
    ["--no-such-option", "--", "true"], ["--memory", "lots", "--", "true"], [], ["--"],
    ["--workspace", "/nowhere/at/all", "--", "true"], ["-c", "true", "--", "true"],
    ["--isolation", "magic", "--", "true"], ["-v", "/nowhere/at/all:/x", "--", "true"],
    ["-w", "/proc", "--", "true"], ["-e", "=x", "--", "true"],
    ["--env-file", "/nowhere/at/all", "--", "true"],
])
def test_own_failure(belljar, words):
    done = belljar.run(*words)
    assert done.status == 125
    assert done.out == ""
    assert done.err.startswith("belljar: ") and done.err.count("\n") == 1, done.err


def test_not_executable(belljar):
    (belljar.directory / "text").write_text("words\n")
    (belljar.directory / "text").chmod(0o644)
    (belljar.directory / "broken").write_bytes(b"\x7fELF" + bytes(100))
    (belljar.directory / "broken").chmod(0o755)
    for words in (["./text"], ["/etc"], ["/etc/passwd"], [str(belljar.directory)]):
        done = belljar.run("--", *words)
        assert (done.status, done.out) == (126, ""), done
        assert words[0] in done.err and done.err.startswith("belljar: ")
    assert belljar.run("--", "./broken").status in (2, 126, 127)  # sh tries it as a script


@pytest.mark.parametrize("name", ["no-such-command", "./absent", "/nowhere/at/all", ""])
def test_not_found(belljar, name):
    done = belljar.run("--", name)
    assert (done.status, done.out) == (127, ""), done
    assert done.err.startswith("belljar: ") and name in done.err


def test_interpreter_not_found(belljar):
    (belljar.directory / "script").write_text("#!/nowhere/interpreter\n")
    (belljar.directory / "script").chmod(0o755)
    done = belljar.run("--", "./script")
    assert done.status == 127
    assert "interpreter" in done.err


def test_host_program_outside_is_not_found(belljar, tmp_path):
    """Beside the workspace nothing of the host's is there."""
    program = tmp_path / "tool"
    program.write_text("#!/bin/sh\necho ran\n")
    program.chmod(0o755)
    assert belljar.run("--", program).status == 127


def test_script_without_interpreter_line(belljar):
    (belljar.directory / "script").write_text("echo ran: $1 $2\n")
    (belljar.directory / "script").chmod(0o755)
    done = belljar.run("--", "./script", "one", "two")
    assert (done.status, done.out) == (0, "ran: one two\n")


# ---- arguments ----

ARGUMENTS = ["", " ", "a b", "--json", "-c", "--", "new\nline", "tab\t", "$HOME", "`id`", "*", "\\",
             "'", '"', "é 日本 🫙", "x" * 100_000]


def test_arguments_arrive_as_they_are(belljar):
    script = "import json, sys; print(json.dumps(sys.argv[1:]))"
    done = belljar.run("--", "/usr/bin/python3", "-c", script, *ARGUMENTS)
    assert json.loads(done.out) == ARGUMENTS


def test_bytes_that_are_no_text(belljar):
    done = belljar.run("--", "printf", "%s", b"\xff\xfe\x80".decode(errors="surrogateescape"),
                       text=False, errors=None)
    assert done.out == b"\xff\xfe\x80"


def test_many_arguments(belljar):
    words = [str(n) for n in range(5000)]
    done = belljar.run("--", "sh", "-c", "echo $#", "sh", *words)
    assert done.out == "5000\n"


def test_too_many_arguments(belljar):
    done = belljar.run("--", "true", *["x" * 100_000] * 3)
    assert done.status == 125
    assert "larger than" in done.err


def test_options_end_at_the_command(belljar):
    assert belljar.run("echo", "--json", "-c", "--").out == "--json -c --\n"
    assert belljar.run("--", "echo", "--", "x").out == "-- x\n"
    assert belljar.run("--", "--json").status == 127


def test_shell_text(belljar):
    assert belljar.says("echo one; echo $((1 + 1)) | cat") == "one\n2\n"
    assert belljar.sh("exit 9").status == 9
    assert belljar.run("-c", "echo joined", "--json").json["stdout"] == "joined\n"
    assert belljar.run("--command=echo long").out == "long\n"


def test_search_path_is_the_one_inside(belljar):
    (belljar.directory / "bin").mkdir()
    (belljar.directory / "bin/tool").write_text("#!/bin/sh\necho mine\n")
    (belljar.directory / "bin/tool").chmod(0o755)
    assert belljar.run("--", "tool").status == 127
    done = belljar.run("-e", f"PATH={belljar.directory}/bin:/usr/bin:/bin", "--", "tool")
    assert done.out == "mine\n"


# ---- environment ----

def environment_of(done):
    assert done.status == 0, done
    return dict(item.split("=", 1) for item in done.out.split("\0") if item)


def test_environment_is_built_from_nothing(belljar):
    belljar.variables = {"SECRET": "s3cret", "LD_PRELOAD": "", "TZ": "Asia/Tokyo", "EDITOR": "vi",
                         "SSH_AUTH_SOCK": "/x", "TERM": "xterm-256color"}
    found = environment_of(belljar.run("--", "/usr/bin/env", "-0"))
    assert found.pop("PATH") == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert found == {"HOME": ORDINARY_HOME, "USER": "user", "LOGNAME": "user", "SHELL": "/bin/sh",
                     "TMPDIR": "/tmp", "container": "belljar", "LANG": "C.UTF-8",
                     "TZ": "Asia/Tokyo"}


def test_environment_of_a_terminal_program(belljar):
    """TERM comes along only with a terminal."""
    belljar.variables = {"TERM": "linux", "COLORTERM": "truecolor"}
    assert "TERM" not in environment_of(belljar.run("--", "env", "-0"))


def test_variables(belljar):
    belljar.variables = {"COPIED": "from outside", "EMPTY": ""}
    found = environment_of(belljar.run(
        "-e", "ONE=1", "-e", "COPIED", "-e", "EMPTY", "-e", "ABSENT", "--env", "TWO=a=b\nc",
        "-e", "ONE=again", "-e", "LANG=de_DE", "-e", "HOME=/elsewhere", "--", "env", "-0"))
    assert found["ONE"] == "again"
    assert found["COPIED"] == "from outside"
    assert found["EMPTY"] == ""
    assert "ABSENT" not in found
    assert found["TWO"] == "a=b\nc"
    assert found["LANG"] == "de_DE"
    assert found["HOME"] == "/elsewhere"


def test_environment_file(belljar):
    (belljar.directory / "vars").write_text(
        "# comment\n\nA=1\nexport B=two words\nC='single $A'\nD=\"double\\n\"\nA=2\n")
    found = environment_of(belljar.run("--env-file", "vars", "-e", "B=flag", "--", "env", "-0"))
    assert found["A"] == "2"
    assert found["B"] == "flag"
    assert found["C"] == "single $A"
    assert found["D"].startswith("double")


# ---- identity ----

def test_ordinary_user_inside(belljar):
    uid, gid = belljar.says("id -u; id -g").split()
    assert int(uid) != 0 and int(gid) != 0
    assert belljar.says("id -un; cd; pwd").split() == ["user", ORDINARY_HOME]
    assert belljar.says("grep -c . /etc/passwd; touch ~/x && echo wrote") .endswith("wrote\n")
    assert belljar.says("id -G").strip() == gid


def test_root_inside(belljar):
    assert belljar.says("id -u; id -g; id -un; cd; pwd", "--user", "root").split() == \
        ["0", "0", "root", ROOT_HOME]
    assert belljar.says("touch made; stat -c %u made", "--user", "root") == "0\n"
    assert (belljar.directory / "made").stat().st_uid == os.getuid()


def test_root_inside_is_not_root_outside(belljar):
    """No device, no mount, no module, no clock, no raw socket."""
    script = ("mknod x b 8 0 2>&1; mount -t tmpfs x /mnt 2>&1; date -s 2000-01-01 2>&1;"
              " chroot / true 2>&1; echo x >/proc/sys/kernel/hostname")
    done = belljar.sh(script, "--user", "root")
    assert done.status != 0
    assert not (belljar.directory / "x").exists()


def test_own_files_belong_to_the_caller(belljar):
    belljar.says("mkdir -p a/b; echo x >a/b/c; ln -s c a/b/d; mkfifo a/e")
    for name in ("a", "a/b", "a/b/c", "a/b/d", "a/e"):
        status = (belljar.directory / name).lstat()
        assert (status.st_uid, status.st_gid) == (os.getuid(), os.getgid()), name


def test_hostname(belljar):
    assert belljar.says("hostname; cat /proc/sys/kernel/hostname /etc/hostname").split() == \
        ["belljar"] * 3
    assert belljar.says("hostname", "--hostname", "inner").strip() == "inner"
    assert belljar.says("hostname", "--hostname", "inner") != os.uname().nodename + "\n"


# ---- network ----

def test_no_network_but_loopback(belljar):
    names = re.findall(r"^\s*(\S+):", belljar.says("cat /proc/net/dev"), re.MULTILINE)
    assert names == ["lo"]
    script = ("import socket; s = socket.create_server(('127.0.0.1', 0));"
              "c = socket.create_connection(s.getsockname()); print('connected')")
    assert belljar.run("--", "/usr/bin/python3", "-c", script).out == "connected\n"


def test_host_network(belljar):
    with open("/proc/net/dev", encoding="ascii") as file:
        names = set(re.findall(r"^\s*(\S+):", file.read(), re.MULTILINE))
    found = belljar.says("cat /proc/net/dev", "--network", "host")
    assert set(re.findall(r"^\s*(\S+):", found, re.MULTILINE)) == names
    done = belljar.run("--network", "host", "--json", "--", "true")
    assert "network" not in done.json["layers"]


# ---- result ----

FIELDS = {"exit_code": int, "signal": (int, type(None)), "timed_out": bool, "oom_killed": bool,
          "reason": str, "duration_ms": (int, float), "cpu_ms": (int, float),
          "peak_memory_bytes": int, "stdout": str, "stderr": str, "truncated": bool,
          "layers": list, "degraded": list}


def assert_result(result, extra=()):
    assert set(result) == set(FIELDS) | set(extra)
    for name, kind in FIELDS.items():
        assert isinstance(result[name], kind), name
        if kind is int:
            assert not isinstance(result[name], bool), name
    for row in result["degraded"]:
        assert set(row) == {"layer", "reason"} and row["reason"].strip()


def test_json(belljar):
    started = time.monotonic()
    done = belljar.sh("echo out; echo err >&2; sleep 0.3; i=0; while [ $i -lt 50000 ]; do"
                      " i=$((i+1)); done; exit 3", "--json")
    passed = (time.monotonic() - started) * 1000
    assert done.status == 3 and done.err == ""
    result = done.json
    assert_result(result)
    assert (result["exit_code"], result["signal"], result["reason"]) == (3, None, "")
    assert (result["stdout"], result["stderr"], result["truncated"]) == ("out\n", "err\n", False)
    assert 300 <= result["duration_ms"] <= passed
    assert 1 <= result["cpu_ms"] <= passed - 250
    assert 1 << 18 <= result["peak_memory_bytes"] <= 1 << 28
    assert {"mount", "pid", "network", "landlock", "seccomp", "user-namespace"} \
        <= set(result["layers"])
    assert not set(result["layers"]) & {row["layer"] for row in result["degraded"]}


def test_json_of_a_time_out(belljar):
    done = belljar.sh("echo before; sleep 600", "--json", "--timeout", "1")
    result = done.json
    assert_result(result)
    assert done.status == result["exit_code"] == 124
    assert result["timed_out"] and "1 s" in result["reason"]
    assert result["stdout"] == "before\n"


@pytest.mark.parametrize(("words", "status", "code"), [
    (["--", "no-such-command"], 127, "NOT_FOUND"), (["--", "/etc"], 126, "NOT_EXECUTABLE"),
    (["-v", "/nowhere/at/all:/x", "--", "true"], 125, None),
])
def test_json_of_a_failure(belljar, words, status, code):
    done = belljar.run("--json", *words)
    assert done.status == status
    assert_result(done.json, ["error"])
    assert done.json["exit_code"] == status
    assert set(done.json["error"]) == {"code", "step", "message"}
    assert code is None or done.json["error"]["code"] == code


def test_json_of_bytes_that_are_no_text(belljar):
    result = belljar.sh(r"printf 'a\377b\0c\355\240\200d\342\202'; printf '\033[1m\t\"\\\n' >&2",
                        "--json").json
    assert result["stdout"].startswith("a\N{REPLACEMENT CHARACTER}b\0c")
    assert result["stdout"].endswith("\N{REPLACEMENT CHARACTER}")
    assert result["stderr"] == '\033[1m\t"\\\n'


def test_json_to_a_full_device(belljar):
    with open("/dev/full", "wb") as full:
        done = belljar.run("--json", "--", "true", stdout=full)
    assert done.status == 125
    assert "cannot print the result" in done.err


def test_peak_memory_and_cpu_are_of_the_workload(belljar):
    script = ("import time; x = bytearray(80 << 20); end = time.process_time() + 0.3\n"
              "while time.process_time() < end: pass")
    result = belljar.run("--json", "--", "/usr/bin/python3", "-c", script).json
    assert result["peak_memory_bytes"] > 80 << 20
    assert 300 <= result["cpu_ms"] <= 3000


def test_quiet(belljar):
    done = belljar.run("-q", "--timeout", "1", "--", "sleep", "600")
    assert (done.status, done.err) == (124, "")
    assert belljar.run("--quiet", "--", "no-such-command").err != ""


# ---- layers and plans ----

def test_dry_run(belljar):
    done = belljar.run("--dry-run", "--", "touch", "ran")
    assert done.status == 0 and done.err == ""
    assert not (belljar.directory / "ran").exists()
    lines = done.out.splitlines()
    assert lines[0] == "isolation namespaces"
    assert any(line.startswith("init enter the new root") for line in lines)
    assert any(line.startswith("init load system call filter") for line in lines)
    layers = next(line for line in lines if line.startswith("layers ")).split()[1:]
    assert sorted(layers) == sorted(belljar.run("--json", "--", "true").json["layers"])


def test_dry_run_is_of_the_options_given(belljar):
    def lines(*options):
        return belljar.run("--dry-run", *options, "--", "true").out
    assert "target=/data" in lines("-v", f"{belljar.directory}:/data")
    assert "text=inner" in lines("--hostname", "inner")
    assert "seccomp" not in lines("--without", "seccomp")
    assert "directory=/place" in lines("-w", "/place")


def test_dry_run_refuses_what_a_run_refuses(belljar):
    assert belljar.run("--dry-run", "--workspace", "/", "--", "true").status == 125
    assert belljar.run("--dry-run", "--memory", "lots", "--", "true").status == 125


@pytest.mark.parametrize("layer", ["network", "seccomp", "landlock", "uts", "ipc", "mount", "pid"])
def test_required_layer(belljar, layer):
    done = belljar.run("--require", layer, "--json", "--", "true")
    assert done.status == 0
    assert layer in done.json["layers"]


@pytest.mark.parametrize(("layer", "options"), [
    ("network", ["--network", "host"]), ("time", []), ("disk", []),
    ("processes", ["--processes", "0"]),
])
def test_required_layer_that_is_off(belljar, layer, options):
    """Either it is on, or nothing runs."""
    done = belljar.run(*options, "--require", layer, "--json", "--", "touch", "ran")
    if done.status == 0:
        assert layer in done.json["layers"]
        return
    assert done.status == 125
    assert layer in done.json["error"]["message"]
    assert not (belljar.directory / "ran").exists()


def test_required_layer_with_leave(belljar):
    done = belljar.run("--network", "host", "--require", "network", "--allow-degraded", "--json",
                       "--", "true")
    assert done.status == 0
    assert "network" in [row["layer"] for row in done.json["degraded"]]


@pytest.mark.parametrize("layer", ["seccomp", "landlock", "uts", "ipc", "network", "shared-trees",
                                   "cgroup-namespace", "memory", "processes", "cpu"])
def test_layer_left_out(belljar, layer):
    done = belljar.run("--without", layer, "--json", "--", "true")
    assert done.status == 0, done
    assert layer not in done.json["layers"]


@pytest.mark.parametrize("layer", ["user-namespace", "mount", "no-new-privs", "descriptors",
                                   "session", "capabilities", "pid"])
def test_layer_that_cannot_be_left_out(belljar, layer):
    """What the rest stands on: refused, or left on; never silently off."""
    done = belljar.run("--without", layer, "--json", "--", "true")
    if done.status == 0:
        assert layer in done.json["layers"]
    else:
        assert done.status == 125 and layer in done.err + done.out


def test_required_and_left_out(belljar):
    done = belljar.run("--require", "seccomp", "--without", "seccomp", "--", "true")
    assert done.status == 125 and "seccomp" in done.err


def test_degraded_is_said_with_leave(belljar):
    """A limit of a bound directory cannot be enforced: refused, or with leave reported."""
    done = belljar.run("--disk", "100m", "--", "true")
    assert done.status == 125
    assert "disk" in done.err and "--allow-degraded" in done.err
    done = belljar.run("--disk", "100m", "--allow-degraded", "--", "true")
    assert done.status == 0
    assert "degraded: disk" in done.err


# ---- without namespaces ----

def landlock(belljar, script, *options, **more):
    return belljar.sh(script, "--isolation", "landlock", *options, **more)


@pytest.mark.requires("root")
def test_landlock_is_not_for_root(belljar):
    done = landlock(belljar, "echo ran")
    assert (done.status, done.out) == (125, "")
    assert "root" in done.err


@pytest.mark.requires("user")
def test_landlock_files(belljar, tmp_path):
    (tmp_path / "secret").write_text("s3cret")
    done = landlock(belljar, f"cat {tmp_path}/secret; echo x >{tmp_path}/new; echo in >made;"
                             " cat made; ls /usr >/dev/null && echo listed; cat /etc/passwd | wc -l")
    assert "s3cret" not in done.out and done.err.count("ermission denied") == 2
    assert done.out.split()[:2] == ["in", "listed"]
    assert not (tmp_path / "new").exists()
    assert (belljar.directory / "made").read_text() == "in\n"


@pytest.mark.requires("user")
def test_landlock_volumes(belljar, tmp_path):
    for name in ("read", "write"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(f"{name}\n")
    done = landlock(belljar, f"cat {tmp_path}/*/file; touch {tmp_path}/write/made;"
                             f" touch {tmp_path}/read/made",
                    "-v", f"{tmp_path}/read:{tmp_path}/read:ro",
                    "-v", f"{tmp_path}/write:{tmp_path}/write")
    assert sorted(done.out.split()) in (["read", "write"], [])  # the parent need not be listable
    assert (tmp_path / "write/made").exists()
    assert not (tmp_path / "read/made").exists()


@pytest.mark.requires("user")
def test_landlock_network(belljar):
    script = ("import socket\n"
              "for family in (socket.AF_INET, socket.AF_INET6):\n"
              "    try: socket.socket(family, socket.SOCK_STREAM).connect(('localhost', 22))\n"
              "    except OSError as error: print(error.errno)\n")
    done = belljar.run("--isolation", "landlock", "--", "/usr/bin/python3", "-c", script)
    assert set(done.out.split()) <= {"1", "13"}, done  # EPERM, EACCES: whether anybody listens or not
    assert len(done.out.split()) == 2, done
    done = belljar.run("--isolation", "landlock", "--json", "--", "true")
    assert {"landlock", "seccomp", "no-new-privs"} <= set(done.json["layers"])
    assert {"mount", "pid", "user-namespace"} <= {row["layer"] for row in done.json["degraded"]}


@pytest.mark.requires("user")
def test_landlock_refuses_what_it_cannot(belljar):
    for options in (["--workspace", "empty"], ["-w", "/place"], ["--user", "root"],
                    ["-v", f"{belljar.directory}:/data"], ["--without", "seccomp"]):
        done = landlock(belljar, "echo ran", *options)
        assert (done.status, done.out) == (125, ""), options


@pytest.mark.requires("user")
def test_landlock_status_and_time_out(belljar):
    assert landlock(belljar, "exit 7").status == 7
    started = time.monotonic()
    done = landlock(belljar, "(setsid sleep 600 &) ; sleep 600", "--timeout", "1")
    assert done.status == 124
    assert time.monotonic() - started < PATIENCE / 3


@pytest.mark.requires("user")
@pytest.mark.parametrize("end", ["exit", "time-out", "terminated", "killed"])
def test_landlock_ends_what_it_started(belljar, end):
    """There is no process tree to end with init: init ends them one by one."""
    mark = f"600.{os.getpid()}{len(end)}"
    script = f"(setsid sleep {mark} &); sleep {mark} & echo ready; " + \
        ("exit 3" if end == "exit" else f"sleep {mark}")
    process = belljar.start("--isolation", "landlock", "--timeout",
                            "1" if end == "time-out" else "60", "-c", script)
    assert process.stdout.readline() == "ready\n"
    if end == "terminated":
        process.terminate()
    elif end == "killed":
        process.kill()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == {"exit": 3, "time-out": 124, "terminated": 143, "killed": -9}[end]
    assert wait_until(lambda: not with_word(mark), 5)


def test_version_and_help(belljar):
    done = belljar.run("--help")
    assert done.status == 0 and "--memory" in done.out and done.err == ""
    assert AS_ROOT == (os.getuid() == 0)


def test_program_of_the_callers_own_path_is_explained(belljar, tmp_path):
    tool = tmp_path / "tools" / "mytool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho hello\n")
    tool.chmod(0o755)
    belljar.variables["PATH"] = f"/usr/bin:/bin:{tool.parent}"
    done = belljar.run("--", "mytool")
    assert done.status == 127
    assert f"-v {tool.parent}:{tool.parent}:ro -e PATH" in done.err
    done = belljar.run("-v", f"{tool.parent}:{tool.parent}:ro", "-e", "PATH", "--", "mytool")
    assert (done.status, done.out) == (0, "hello\n")
    assert "-e PATH" not in belljar.run("--", "nobody-has-this").err


@pytest.mark.parametrize("place", ["/etc/ssl", "/usr/lib", "~/.ssh"])
def test_system_directories_and_keys_are_no_workspace_by_chance(belljar, tmp_path, place):
    belljar.variables["HOME"] = str(tmp_path)
    (tmp_path / ".ssh").mkdir()
    done = belljar.run("--workspace", place.replace("~", str(tmp_path)), "true")
    assert done.status == 125 and "--allow-home" in done.err
