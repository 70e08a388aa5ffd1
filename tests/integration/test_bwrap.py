"""belljar bwrap: the command lines of agents, beside the real bubblewrap's.

The first half compares: whatever an agent can see must be the same. The second is the attacker's
side: what works under bubblewrap with such a command line must fail here.
"""

import errno
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from program import AS_ROOT, BELLJAR, FAULTS, PATIENCE, descendants, tree, wait_until

REAL = shutil.which("bwrap")
HERE = Path(__file__).resolve().parent
ORDINARY = 61235  # exists on no host, and needs not to
CALLERS = ["root", "user"] if AS_ROOT else ["user"]
ANSWER = r"""
id -u; id -g; pwd; echo "$PWD"; echo "mark=$MARK secret=${SECRET-unset} home=$HOME"
cat "$PROJECT/readme"
touch "$PROJECT/new" 2>/dev/null && echo wrote || echo read-only
touch "$PROJECT/.git/config" 2>/dev/null && echo config open || echo config shut
touch /etc/bj-test 2>/dev/null && echo etc open || echo etc shut
touch /tmp/bj-test 2>/dev/null && echo tmp open || echo tmp shut
cat "$PROJECT/masked" 2>/dev/null || echo masked
(exec 3<>/dev/tcp/127.0.0.1/$PORT) 2>/dev/null && echo connected || echo no network
echo to stderr >&2
exit 7
"""


@pytest.fixture(scope="module")
def place():
    """Where an ordinary user can read: both programs, and what runs inside."""
    directory = Path(tempfile.mkdtemp(prefix="bj-bwrap.", dir="/var/tmp"))
    directory.chmod(0o755)
    shutil.copy(BELLJAR, directory / "belljar")
    (directory / "bwrap").symlink_to("belljar")
    if Path(f"{BELLJAR}-full").exists():
        shutil.copy(f"{BELLJAR}-full", directory / "belljar-full")
    subprocess.run(["cc", "-O1", "-o", directory / "attempts", HERE / "bwrap_attempts.c"],
                   check=True)
    yield directory
    shutil.rmtree(directory)


@dataclass
class Case:
    """One caller's project, and how it calls a bwrap."""

    place: Path
    caller: str
    project: Path
    home: Path
    variables: dict = field(default_factory=dict)

    @property
    def ours(self):
        return str(self.place / "bwrap")

    @property
    def helper(self):
        return str(self.place / "attempts")

    def fresh(self):
        shutil.rmtree(self.project, ignore_errors=True)
        (self.project / ".git/hooks").mkdir(parents=True)
        for name, text in (("readme", "hello\n"), ("masked", "hidden\n"), (".git/config", "")):
            (self.project / name).write_text(text)
        if AS_ROOT and self.caller == "user":
            for path in (self.project, *self.project.rglob("*")):
                os.chown(path, ORDINARY, ORDINARY)

    def start(self, words, **options):
        if AS_ROOT and self.caller == "user":
            words = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups",
                     *words]
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home),
                       "PROJECT": str(self.project), "MARK": "m", "SECRET": "s",
                       **self.variables}
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "text": True,
                   "stderr": subprocess.PIPE, "cwd": self.project, "env": environment} | options
        return subprocess.Popen(list(map(str, words)), **options)

    def run(self, words, **options):
        process = self.start(words, **options)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return process.returncode, out, err

    def both(self, words, **options):
        """The same under the real one and under ours, each on a fresh project."""
        found = []
        for program in (REAL, self.ours):
            self.fresh()
            status, out, err = self.run([program, *words], **options)
            found.append((status, out, err, tree(self.project)))
        for entries in (found[0][3], found[1][3]):
            for name, (mode, owner, content) in list(entries.items()):
                entries[name] = (mode, owner, content)
        return found


@pytest.fixture(params=CALLERS)
def case(request, place, tmp_path_factory):
    directory = Path(tempfile.mkdtemp(prefix="bj-case.", dir="/var/tmp"))
    directory.chmod(0o755)
    (directory / "home").mkdir()
    (directory / "home").chmod(0o755)
    made = Case(place, request.param, directory / "project", directory / "home")
    made.fresh()
    yield made
    shutil.rmtree(directory)


# ---- command lines as agents write them ----

def srt(case):
    """sandbox-runtime, and Claude Code: a helper makes a smaller sandbox inside."""
    project = case.project
    grant = ["--cap-add", "CAP_SETFCAP"] if case.caller == "root" and AS_ROOT else []
    missing = [word for name in (".bashrc", ".gitconfig", ".mcp.json", ".vscode")
               for word in ("--ro-bind", "/dev/null", f"{project}/{name}")]
    inner = f"{case.helper} nest /bin/bash -c '{ANSWER}'"
    return ["--new-session", "--die-with-parent", "--unshare-net", "--setenv", "SANDBOX_RUNTIME", "1",
            "--unsetenv", "SECRET", "--ro-bind", "/", "/",
            "--ro-bind", f"{project}/.git", f"{project}/.git", "--bind", project, project,
            "--ro-bind", "/dev/null", f"{project}/masked", "--tmpfs", "/etc/ssl", *missing,
            "--ro-bind", f"{project}/.git/config", f"{project}/.git/config",
            "--dev", "/dev", "--unshare-pid", "--unshare-user", "--cap-drop", "ALL", *grant,
            "--proc", "/proc", "--", "/bin/bash", "-c", inner]


def codex_probe(case):
    roots = [word for name in ("bin", "etc", "lib", "lib64", "sbin", "usr")
             if Path("/", name).exists() for word in ("--ro-bind", f"/{name}", f"/{name}")]
    return ["--as-pid-1", "--new-session", "--die-with-parent", "--tmpfs", "/", "--dev", "/dev",
            *roots, "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-net",
            "--proc", "/proc", "--cap-drop", "ALL", "--", "/usr/bin/true"]


def codex(case, nothing):
    project, hidden = case.project, case.home / "daemon"
    hidden.mkdir(exist_ok=True)
    return ["--as-pid-1", "--new-session", "--die-with-parent", "--ro-bind", "/", "/",
            "--dev", "/dev", "--bind", project, project,
            "--ro-bind", f"{project}/.git", f"{project}/.git",
            "--perms", "000", "--tmpfs", hidden, "--remount-ro", hidden,
            "--perms", "000", "--ro-bind-data", nothing, f"{project}/masked",
            "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-net",
            "--proc", "/proc", "--cap-drop", "ALL", "--", "/bin/bash", "-c", ANSWER]


def gemini(case):
    project = case.project
    return ["--unshare-all", "--new-session", "--die-with-parent", "--share-net",
            "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp",
            "--bind-try", project, project, "--ro-bind-try", f"{project}/none", f"{project}/none",
            "--symlink", "/dev/null", f"{project}/forbidden",
            "--ro-bind", f"{project}/.git", f"{project}/.git",
            "--bind", case.place / "mask", f"{project}/masked", "--seccomp", "9"]


def blade(case):
    project = case.project
    system = [word for name in ("/usr", "/bin", "/lib", "/lib64", "/etc/resolv.conf", "/etc/hosts",
                                "/etc/ssl") if Path(name).exists()
              for word in ("--ro-bind", name, name)]
    return [*system, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
            "--bind", project, project, "--chdir", project, "--unshare-net", "--unshare-user",
            "--unshare-pid", "--unshare-uts", "--unshare-cgroup", "--die-with-parent",
            "--new-session", "--", "/bin/bash", "-c", ANSWER]


@pytest.fixture
def listener(case):
    server = socket.create_server(("127.0.0.1", 0))
    case.variables["PORT"] = str(server.getsockname()[1])
    yield server
    server.close()


def same(found, status=7):
    real, ours = found
    assert real[0] == status, real
    assert ours[:2] == real[:2] and ours[3] == real[3], (real, ours)
    assert ours[2] == real[2]


@pytest.mark.parametrize("line", [srt, blade])
def test_agents_see_the_same(case, listener, line):
    same(case.both(line(case)))


def test_codex(case, listener, tmp_path):
    same(case.both(codex_probe(case)), 0)
    nothing = os.open("/dev/null", os.O_RDONLY)
    same(case.both(codex(case, nothing), pass_fds=[nothing]))
    os.close(nothing)


def bpf(*instructions):
    return b"".join(struct.pack("=HBBI", *row) for row in instructions)


NO_PTRACE = bpf((0x20, 0, 0, 0), (0x15, 0, 1, 101), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000))


def test_gemini(case, listener):
    """Options come by --args and a filter by descriptor, through a shell that opens both."""
    (case.place / "mask").write_text("")
    (case.place / "args").write_bytes(b"".join(str(word).encode() + b"\0" for word in gemini(case)))
    (case.place / "filter").write_bytes(NO_PTRACE)
    found = []
    for program in (REAL, case.ours):
        for script in (ANSWER, "/usr/bin/python3 -c 'import ctypes; "
                               "print(ctypes.CDLL(None).ptrace(0, 0, 0, 0))'"):
            case.fresh()
            status, out, _ = case.run(["sh", "-c", f'exec {program} --args 8 "$@" 8<"$0/args" '
                                       '9<"$0/filter"', case.place, "--", "/bin/bash", "-c",
                                       script])
            found.append((status, out, tree(case.project)))
    assert found[0][0] == 7 and found[:2] == found[2:]
    assert found[1][1] == "-1\n"


def test_claude_runs_its_helper_by_descriptor(case):
    """Its own file is descriptor 3, and the command executes it; the sandbox's end is told by
    descriptors 5 and 6."""
    for program in (REAL, case.ours):
        held, end = socket.socketpair()
        told, info = socket.socketpair()
        fd = os.open(case.helper, os.O_PATH)
        words = srt(case)[:-3]
        process = case.start([program, "--sync-fd", end.fileno(), "--info-fd", info.fileno(),
                              *words, "/bin/bash", "-c",
                              f"/proc/self/fd/{fd} nest echo nested; sleep 0.3; exit 5"],
                             pass_fds=[fd, end.fileno(), info.fileno()])
        end.close(), info.close(), os.close(fd)
        text = b""
        while chunk := told.recv(4096):
            text += chunk
        child = json.loads(text)["child-pid"]
        assert "bwrap" in Path(f"/proc/{child}/comm").read_text()
        started = time.monotonic()
        assert held.recv(1) == b"" and time.monotonic() - started > 0.1
        assert wait_until(lambda: not Path(f"/proc/{child}").exists() or  # on its way out
                          Path(f"/proc/{child}/stat").read_text().split()[2] in "ZX", 1)
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out, err) == (5, "nested\n", "")


def test_a_tree_around_the_scratch_shows_the_host(case):
    """Where the sandbox's own tmpfs is mounted while it is built must not come along in a copy."""
    with tempfile.NamedTemporaryFile(dir="/tmp", prefix="bj-seen.") as mark:
        name = Path(mark.name).name
        words = [*BASE, "--bind", "/tmp", "/t", "--bind", "/", "/all", "--", "/bin/sh", "-c",
                 f"ls /t/{name} /all/tmp/{name}; ls -d /t/root /t/empty /all/tmp/empty"]
        status, out, _ = case.run([case.ours, *words])
        assert out == f"/all/tmp/{name}\n/t/{name}\n"
        status, out, err = case.run([case.place / "belljar", "run", "--workspace", "empty", "-v",
                                     "/tmp:/t", "--", "/bin/ls", f"/t/{name}"])
        assert (status, out) == (0, f"/t/{name}\n"), err


# ---- the options one by one ----

BASE = ["--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
        "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev"]
FLAT = ["--unshare-user", "--unshare-pid", "--cap-drop", "ALL"]


@pytest.mark.parametrize("words, script", [
    ([], "pwd; echo $PWD; env | sort | grep -v '^_='"),
    (["--clearenv", "--setenv", "A", "b", "--setenv", "A", "c"], "env | sort | grep -v '^_='"),
    (["--chdir", "/usr/bin"], "pwd; echo $PWD"),
    (["--dir", "/a/b", "--perms", "0700", "--dir", "/c/d"], "stat -c '%a %n' /a /a/b /c /c/d"),
    (["--perms", "1777", "--tmpfs", "/x", "--tmpfs", "/y"], "stat -c %a /x /y; touch /x/a /y/a"),
    (["--size", "65536", "--perms", "0711", "--tmpfs", "/x"],
     "stat -c %a /x; head -c 100000 /dev/zero > /x/a; stat -c %s /x/a"),
    (["--tmpfs", "/x", "--remount-ro", "/x"], "touch /x/a; touch /b && echo ok"),
    (["--remount-ro", "/"], "touch /a; mkdir /b"),
    (["--dir", "/a", "--chmod", "0711", "/a"], "stat -c %a /a"),
    (["--uid", "4711", "--gid", "4712"], "id -u; id -g"),
    (["--unshare-uts", "--hostname", "bell"], "hostname"),
    (["--bind", "/usr/share", "/deep/er/down"], "ls / | sort; test -d /deep/er/down/doc && echo y"),
    (["--ro-bind", "/etc/passwd", "/a/b/file"], "cmp /a/b/file /a/b/file && stat -c %F /a/b/file"),
    (["--ro-bind-try", "/nonexistent", "/x", "--dev-bind-try", "/dev/null", "/n"],
     "ls / | sort; echo x > /n && echo ok"),
    (["--symlink", "target", "/d/link"], "readlink /d/link"),
    (["--unshare-ipc", "--mqueue", "/mq"], "stat -f -c %T /mq"),
    (["--bind", "/", "/all", "--tmpfs", "/all/tmp"], "ls /all/tmp; cat /all/proc/self/comm"),
    (["--unshare-net"], "cat /proc/net/dev | wc -l"),
    (["--disable-userns"], "unshare -U true 2>/dev/null || echo none"),
    ([], "unshare -U true && echo some"),
    (["--unsetenv", "HOME"], "echo ${HOME-none}; cd; echo $?"),
    ([], "kill -TERM $$"),
    ([], "ls -a /dev | grep -v core | sort; readlink /dev/ptmx"),
    (["--new-session"], "cut -d' ' -f7 < /proc/self/stat"),
])
def test_option(case, words, script):
    real, ours = case.both([*BASE, *FLAT, *words, "--", "/bin/bash", "-c", script])
    assert ours[:2] == real[:2], (real, ours)
    assert bool(ours[2]) == bool(real[2]), (real, ours)


def test_contents_by_descriptor(case):
    text = "some text\n" * 5000
    words = [*BASE, *FLAT, "--perms", "0640", "--file", "41", "/f/file", "--bind-data", "42", "/data",
             "--ro-bind-data", "43", "/ro", "--", "/bin/sh", "-c",
             "stat -c '%a %s' /f/file /data /ro; echo x >> /data && echo y; echo x >> /ro || echo n"]
    found = []
    for program in (REAL, case.ours):
        for number in (41, 42, 43):
            with tempfile.TemporaryFile() as file:
                file.write(text.encode())
                file.seek(0)
                os.dup2(file.fileno(), number)
        found.append(case.run([program, *words], pass_fds=[41, 42, 43])[:2])
        for number in (41, 42, 43):
            os.close(number)
    assert found[0] == found[1] and found[0][1].endswith("y\nn\n")


def test_argv0(case):
    status, out, _ = case.run([case.ours, *BASE, "--argv0", "other", "--", "/bin/bash", "-c",
                               'echo "$0"; tr "\\0" " " < /proc/$$/cmdline'])
    assert status == 0 and out.startswith("other\nother -c")


def test_bind_by_descriptor(case):
    fd = os.open(case.project, os.O_PATH | os.O_DIRECTORY)
    os.set_inheritable(fd, True)
    status, out, _ = case.run([case.ours, *BASE, "--ro-bind-fd", fd, "/p", "--", "/bin/sh", "-c",
                               "cat /p/readme; touch /p/x || echo read-only"], pass_fds=[fd])
    os.close(fd)
    assert (status, out) == (0, "hello\nread-only\n")


def test_status_and_block(case):
    """Two lines of JSON, and nothing runs before the other descriptor says so."""
    told, status_end = os.pipe()
    gate, opener = os.pipe()
    process = case.start([case.ours, *BASE, "--json-status-fd", status_end, "--block-fd", gate,
                          "--", "/bin/sh", "-c", "echo runs; exit 3"],
                         pass_fds=[status_end, gate])
    os.close(status_end), os.close(gate)
    lines = os.fdopen(told)
    child = json.loads(lines.readline())["child-pid"]
    assert "bwrap" in Path(f"/proc/{child}/comm").read_text()
    assert not select.select([process.stdout], [], [], 0.3)[0]
    os.write(opener, b"x")
    out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (3, "runs\n")
    assert json.loads(lines.readline()) == {"exit-code": 3} and lines.readline() == ""
    os.close(opener), lines.close()


@pytest.mark.parametrize("words, named", [
    (["--userns", "3"], "--userns"), (["--userns2", "3"], "--userns2"), (["--pidns", "3"], "--pidns"),
    (["--userns-block-fd", "3"], "--userns-block-fd"), (["--exec-label", "x"], "--exec-label"),
    (["--file-label", "x"], "--file-label"), (["--lock-file", "/x"], "--lock-file"),
    (["--cap-add", "CAP_SYS_ADMIN"], "CAP_SYS_ADMIN"), (["--cap-add", "nonsense"], "nonsense"),
    (["--frobnicate"], "--frobnicate"), (["--perms", "9"], "--perms"),
    (["--perms", "4755", "--dir", "/x"], "--perms"), (["--perms", "0700", "--proc", "/x"], "--perms"),
    (["--size", "1", "--dir", "/x"], "--size"), (["--size", "0"], "--size"),
    (["--sync-fd", "-1"], "--sync-fd"), (["--args", "1000"], "--args"), (["--uid", "x"], "--uid"),
    (["--setenv", "", "x"], "--setenv"), (["--seccomp", "3", "--add-seccomp-fd", "3"], "--seccomp"),
    (["--ro-bind", "/nonexistent", "/x"], "/nonexistent"), (["--info-fd", "1000"], "--info-fd"),
    (["--chmod", "0700", "/none"], "/none"), (["--remount-ro", "/usr/bin"], "/usr/bin"),
])
def test_what_cannot_be_done_is_named(case, words, named):
    status, out, err = case.run([case.ours, *BASE, *words, "--", "/bin/echo", "ran"])
    assert status == 1 and out == "" and err.startswith("bwrap: ") and named in err, err


def test_help_and_version(case):
    status, out, _ = case.run([case.ours, "--version"])
    assert status == 0 and out.splitlines()[0] == "bubblewrap 0.8.0" and "belljar" in out
    status, out, _ = case.run([case.ours, "--help"])
    assert status == 0 and "--argv0" in out and "--userns FD" not in out
    assert case.run([str(case.place / "belljar"), "bwrap", "--help"])[1] == out
    assert case.run([case.ours])[0] == 1


def test_ends_with_its_parent(case):
    """The caller of the caller is killed: nothing stays."""
    script = (f"{case.ours} {' '.join(map(str, BASE))} --die-with-parent -- "
              "/bin/sleep 600.7 & echo started; wait")
    process = case.start(["sh", "-c", script])
    assert process.stdout.readline() == "started\n"
    assert wait_until(lambda: "sleep" in descendants(process.pid).values())
    below = descendants(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() and
                                      "sleep" in Path(f"/proc/{pid}/comm").read_text()
                                      for pid in below), 5)


def test_limits_come_from_the_environment(case):
    (case.home / "limits.json").write_text(json.dumps(
        {"resource_limits": {"timeout_seconds": 1, "max_open_files": 77}}))
    case.variables["BELLJAR_CONFIG"] = str(case.home / "limits.json")
    status, out, err = case.run([case.ours, *BASE, "--", "/bin/sh", "-c",
                                 "ulimit -n; env | grep -c BELLJAR; sleep 30"])
    assert (status, out) == (124, "77\n0\n") and "timed out" in err


WALLS = r"""
while read -r key value; do case $key in
    Cap[PEA]*|NoNewPrivs:|Seccomp*) echo "$key $value";; esac; done </proc/self/status
while read -r id parent device root place options rest; do echo "$place $options"; done \
    </proc/self/mountinfo | sort
while read -r name rest; do echo "$name"; done </proc/net/dev
echo /* /dev/* /proc/self/fd/* /tmp/*; readlink /proc/self/ns/*
"""


def test_every_call_fails_closed(case):
    """Each system call and allocation fails once: an error, or a sandbox with every wall."""
    if not Path(FAULTS).exists():
        pytest.skip("needs build-faults")
    program, log = case.place / "faulty/bwrap", case.home / "log"
    if not program.exists():
        program.parent.mkdir()
        shutil.copy(FAULTS, program)
    log.write_text("")
    log.chmod(0o666)
    content = os.open(case.project / "readme", os.O_RDONLY)
    words = [program, *BASE, "--tmpfs", "/tmp", "--remount-ro", "/tmp", "--bind", case.project, "/p",
             "--ro-bind-data", content, "/p/masked", "--unshare-all", "--", "/bin/bash", "-c", WALLS]

    def once(number):
        log.write_text("")
        os.lseek(content, 0, os.SEEK_SET)
        case.variables |= {"BELLJAR_FAULT": str(number), "BELLJAR_FAULT_ERRNO": str(errno.EIO),
                           "BELLJAR_FAULT_LOG": str(log)}
        status, out, err = case.run(words, pass_fds=[content])
        here = [os.readlink(f"/proc/self/ns/{name}") for name in os.listdir("/proc/self/ns")]
        for name in here:
            out = out.replace(name, "the host's")
        return log.read_text().rstrip("\0"), status, re.sub(r":\[\d+\]", " its own", out), err

    whole = once(10**9)
    assert whole[1] == 0 and whole[3] == "", whole
    counts = {0: 0, 1: 0}
    for number in range(1, 5000, 2):
        hit, status, out, err = once(number)
        if not hit:
            break
        assert status in counts, (number, hit, status, out, err)
        counts[status] += 1
        if status == 1:
            # It did not run, or behind every wall, and only its end could not be told.
            assert out in ("", whole[2]) and err.startswith("bwrap: "), (number, hit, out, err)
        else:
            assert out == whole[2], (number, hit, out, whole[2])
    print(counts)
    assert number > 100 and counts[1] > 50
    os.close(content)


def test_a_configuration_s_rules_hold(case):
    """And --args is read by the program that this one turns into for them."""
    (case.home / "rules.json").write_text(json.dumps(
        {"security": {"command_blacklist": [r"echo\s+forbidden"]}}))
    case.variables["BELLJAR_CONFIG"] = str(case.home / "rules.json")
    (case.place / "base").write_bytes(b"".join(word.encode() + b"\0" for word in BASE))
    line = f'exec {case.ours} --args 8 "$@" 8<{case.place}/base'
    status, out, _ = case.run(["sh", "-c", line, "_", "--", "/bin/echo", "fine"])
    assert (status, out) == (0, "fine\n")
    for command in (["/bin/echo", "forbidden"], ["/bin/bash", "-c", "echo forbidden"]):
        status, out, err = case.run(["sh", "-c", line, "_", "--", *command])
        assert status == 1 and out == "" and err.startswith("bwrap: "), (status, out, err)
    status, out, err = case.run(["sh", "-c", line, "_", "--argv0", "x", "--", "/bin/echo"])
    assert status == 1 and "--argv0" in err
    (case.home / "rules.json").write_text(json.dumps(
        {"security": {"command_whitelist": ["echo"]}}))
    status, out, err = case.run(["sh", "-c", line, "_", "--", "/bin/echo", "x"])
    assert status == 1 and out == "" and "command_whitelist" in err


# ---- the attacker's side ----

def attempts(case, program, names, *options, more=(), **popen):
    words = [program, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", *more, *options,
             "--", case.helper, *names]
    status, out, err = case.run(words, **popen)
    assert status == 0, (status, out, err)
    return dict(line.split() for line in out.splitlines())


@pytest.mark.parametrize("name", ["vsock", "i386", "ring", "keyring", "network", "mount"])
def test_kernel_is_out_of_reach(case, name):
    real = attempts(case, REAL, [name], "--unshare-all")
    if real[name] != "done":
        pytest.skip(f"this host lacks {name}")
    assert attempts(case, case.ours, [name], "--unshare-all") == {name: "refused"}


def test_descriptors_stay_behind(case):
    """A file with a secret as 49, a directory of the host as 50."""
    (case.home / "secret").write_text("outer-secret")
    words = ["--unshare-all", "--tmpfs", str(case.home)]
    found = []
    for program in (REAL, case.ours):
        os.dup2(os.open(case.home / "secret", os.O_RDONLY), 49)
        os.dup2(os.open(case.home, os.O_RDONLY | os.O_DIRECTORY), 50)
        found.append(attempts(case, program, ["leaked", "leave"], *words, pass_fds=[49, 50]))
        os.close(49), os.close(50)
    assert found == [{"leaked": "done", "leave": "done"}, {"leaked": "refused", "leave": "refused"}]


def test_naming_a_descriptor_gives_no_secret(case):
    """Only a program that can be executed is passed on by its name, not a file or a directory."""
    (case.home / "secret").write_text("outer-secret")
    file = os.open(case.home / "secret", os.O_RDONLY)
    directory = os.open(case.home, os.O_RDONLY | os.O_DIRECTORY)
    status, out, _ = case.run([case.ours, "--ro-bind", "/", "/", "--dev", "/dev", "--tmpfs",
                               case.home, "--", "/bin/sh", "-c",
                               f"cat /proc/self/fd/{file} /proc/self/fd/{directory}/secret"],
                              pass_fds=[file, directory])
    os.close(file), os.close(directory)
    assert status != 0 and out == ""


def test_init_tells_no_secret(case):
    """bubblewrap's own environment is that of its PID 1, --clearenv or not."""
    case.variables["SECRET"] = "outer-secret"
    found = [attempts(case, program, ["pid1"], "--unshare-all", "--clearenv")
             for program in (REAL, case.ours)]
    assert found == [{"pid1": "done"}, {"pid1": "refused"}]


@pytest.mark.skipif(not AS_ROOT, reason="this host lacks root outside")
@pytest.mark.parametrize("root", ["/", "//", "/usr/.."])
def test_root_without_a_user_namespace(place, root):
    """Root's bubblewrap keeps root's power over knobs and disks; here it is an ordinary one."""
    case = Case(place, "root", Path("/var/tmp"), Path("/var/tmp"))
    words = ["--dev-bind", root, "/", "--", case.helper, "knob", "disk"]
    outside, ours = (dict(line.split() for line in case.run(command)[1].splitlines())
                     for command in ([REAL, *words], [case.ours, *words]))
    assert outside["knob"] == "done"
    assert ours == {"knob": "refused", "disk": "refused"}


def test_terminal_cannot_be_typed_into(case):
    """Without --new-session the caller's terminal is bubblewrap's command's too."""
    seen = []
    for program in (REAL, case.ours):
        master, slave = pty.openpty()
        process = case.start([program, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
                              "--", case.helper, "type"], stdin=slave, stdout=subprocess.PIPE,
                             start_new_session=True,
                             preexec_fn=lambda: __import__("fcntl").ioctl(0, 0x540E, 0))
        out, _ = process.communicate(timeout=PATIENCE)
        seen.append(out)
        os.close(master), os.close(slave)
    if seen[0] != "type done\n" and Path("/proc/sys/dev/tty/legacy_tiocsti").exists():
        pytest.skip("this host lacks TIOCSTI, switched off in the kernel")
    assert seen == ["type done\n", "type refused\n"]


def test_a_terminal_is_the_sandbox_s_own(case):
    """With all three streams on a terminal the command gets another one, and works on it."""
    pid, master = pty.fork()
    if pid == 0:
        words = [case.ours, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--",
                 "/bin/sh", "-c", "tty; stat -L -c %d /proc/self/fd/0; read x; echo got $x; exit 4"]
        if AS_ROOT and case.caller == "user":
            os.setgroups([]), os.setgid(ORDINARY), os.setuid(ORDINARY)
        os.execv(words[0], words)
    os.write(master, b"line\n")
    text = b""
    try:
        while chunk := os.read(master, 4096):
            text += chunk
    except OSError:
        pass
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 4
    assert b"/dev/pts/0" in text and b"got line" in text, text
