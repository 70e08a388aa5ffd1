"""Every system call and allocation of a launch, failed in turn.

The program is the one built with -Dfaults=true. Each run must end soon, and either with status 125
and a message that says what could not be done, or, where a failure does no harm, as it ends without
a fault, with every wall in its place. In neither case may anything of it be left.
"""

import difflib
import errno
import json
import os
import pty
import re
import termios
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from program import FAULTS, Program, become_subreaper, descendants, tree, wait_until

FAILED = 125
SECONDS = 15  # for one run; it takes milliseconds
CALLS_MAX = 5000
WALL = 0x40000000  # waitpid(2): children by clone(2) too

# What no launch may do without, whatever else the failing call is optional for.
STRICT = re.compile(r"seccomp|landlock|pivot_root|umount|NO_NEW_PRIVS|capset|SECUREBITS|unshare"
                    r"|set(res|group)|sethostname|close_range|MOUNT_SETATTR|DUMPABLE",
                    re.IGNORECASE)
# Messages that stand for the cause without its errno.
CAUSES = ("Cannot allocate memory", "out of memory", "no memory to keep the output in", "the sandbox ended")

# 1 spares a handler of core files, 0 is as good.
CORE = re.compile(r"Max core file size +[01] +[01] .*")

# What the command can see of its walls; numbers of namespaces are compared with the host's. What is
# bound read-only has an overlay or, where that is refused, an id-mapped mount.
WALLS = r"""
while read -r key value; do case $key in
    Uid:|Gid:|Groups:|Cap*|NoNewPrivs:|Seccomp*|Sig[BIC]*) echo "$key $value";; esac
done </proc/self/status
while read -r line; do echo "$line"; done </proc/self/limits
while read -r id parent device root place options rest; do
    [ "$MOUNTS" = no ] || echo "$place ${options%,idmapped}"; done </proc/self/mountinfo
while read -r name rest; do [ "$MOUNTS" = no ] || echo "$name"; done </proc/net/dev
read -r name </proc/sys/kernel/hostname; echo "$name"
echo /* /dev/* /proc/self/fd/* ~/* "$PWD"
export -p
umask
(: <"$SECRET") 2>/dev/null && echo BREACH: a secret read
[ -e "$SECRET" ] && (: >>"$SECRET") 2>/dev/null && echo BREACH: a secret written
(: >/usr/made) 2>/dev/null && echo BREACH: a system file written
(: >/proc/sys/vm/swappiness) 2>/dev/null && echo BREACH: a knob of the kernel opened
kill -0 1 2>/dev/null && echo init is of the same user
readlink /proc/self/ns/* || true
"""

KINDS = [
    pytest.param([], id="namespaces"),
    pytest.param(["--isolation", "landlock"], id="landlock",
                 marks=pytest.mark.requires("user")),
    pytest.param(["--user", "root"], id="root"),
    pytest.param(["--workspace", "empty", "-v", "{beside}:/a", "-v", "{beside}:/b:ro"],
                 id="volumes"),
    pytest.param(["--allow-degraded"], id="degraded"),
    pytest.param(["--sandbox-type", "bubblewrap"], id="bubblewrap"),
    pytest.param(["--config", "{beside}/kernel-only.json", "--only-command", "readlink"],
                 id="commands"),
]


@dataclass
class Faults:
    """Runs of one kind, with one call failing in each."""

    belljar: Program
    secret: Path
    options: list
    script: str = WALLS
    json: bool = True
    pids: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    failed: int = 0
    tolerated: int = 0

    @property
    def log(self):
        return self.belljar.directory.parent / "fault.log"

    def once(self, number, code, **streams):
        """What the failing call was, "" when there was none, and what became of the run."""
        self.log.write_bytes(b"")
        self.belljar.variables = {"BELLJAR_FAULT": str(number), "BELLJAR_FAULT_ERRNO": str(code),
                                  "BELLJAR_FAULT_LOG": str(self.log)}
        mounts = "no" if "landlock" in self.options else "yes"
        words = ["--json"] * self.json + self.options + [
            "-e", f"SECRET={self.secret}", "-e", f"MOUNTS={mounts}", "-c", self.script]
        process = self.belljar.start(*words, **streams)
        self.pids.append(process.pid)
        try:
            out, err = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
            process.wait()
        return self.log.read_text().rstrip("\0"), process.returncode, out, err

    def plain(self, out):
        """The output without what differs from run to run, and what is said to be missing."""
        result = json.loads(out) if self.json else {"stdout": out}
        text = result["stdout"]
        for name in os.listdir("/proc/self/ns"):
            text = text.replace(os.readlink(f"/proc/self/ns/{name}"), f"the host's {name}")
        text = re.sub(r":\[\d+\]", " of its own", text)
        text = CORE.sub("no core files", text)
        return sorted(text.splitlines()), {entry["layer"] for entry in result.get("degraded", [])}

    def said(self, out, err):
        """The message of a run that failed, "" if there is none or more than that."""
        if self.json and out:
            error = json.loads(out)["error"]
            return error["message"] if error["step"] and err == "" else ""
        return err if err.startswith("belljar: ") and err.count("\n") == 1 else ""

    def judge(self, number, code, run, whole):
        hit, status, out, err = run
        if hit == "0":
            code = errno.EIO  # the maker of network namespaces knows no other
        about = (number, errno.errorcode[code], hit)
        if status == FAILED:
            self.failed += 1
            said = self.said(out, err)
            if not said:
                self.problems.append((*about, "no message", out, err))
            elif not any(cause in said for cause in (os.strerror(code), *CAUSES)):
                self.problems.append((*about, "not the cause", said))
            return
        self.tolerated += 1
        if status != 0:
            self.problems.append((*about, "status", status, err))
            return
        text, missing = self.plain(out)
        if any("BREACH" in line for line in text):
            self.problems.append((*about, text))
        if missing > whole[1]:
            return  # and it was told
        if STRICT.search(hit):
            self.problems.append((*about, "went on without it"))
        if text != whole[0] or err:
            lines = difflib.ndiff(whole[0], text)
            self.problems.append((*about, "another sandbox", err,
                                  [line for line in lines if line[0] in "+-"]))

    def all(self, code, step=1):
        """Fails call 1, 1 + step … until there is none of that number."""
        _, status, out, err = self.once(10**9, code)
        assert (status, err) == (0, ""), out + err
        whole = self.plain(out)
        assert [line for line in whole[0] if "BREACH" in line] == []
        for number in range(1, CALLS_MAX, step):
            run = self.once(number, code)
            if not run[0]:
                assert number > step and run[1] == 0
                return
            self.judge(number, code, run, whole)
            if not wait_until(lambda: not children(), 5):
                self.problems.append((number, run[0], "left", children()))
        pytest.fail("there was no end of calls to fail")


def children():
    """What is left of a run: as we are the subreaper it is our child."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG | WALL)
        except ChildProcessError:
            return {}
        if pid == 0:
            return descendants()


def cgroups():
    """Those of all runs there are, with the process ids of who made them."""
    found = {}
    for path, _, _ in os.walk("/sys/fs/cgroup"):
        made_by = re.match(r"belljar-(\d+)-", os.path.basename(path))
        if made_by:
            found[path] = int(made_by[1])
    return found


def mounts():
    """Where what is mounted; numbers are left out."""
    return sorted(line.split()[3:6] for line in
                  Path("/proc/self/mountinfo").read_text().splitlines())


@pytest.fixture
def faults(belljar, tmp_path):
    """Makes Faults; at the end nothing of theirs may be left."""
    made = []
    belljar.path = FAULTS
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "file").write_text("x\n")
    (beside / "kernel-only.json").write_text('{"security": {"command_analysis": false}}')
    (belljar.directory / "own").write_text("x\n")
    secret = tmp_path / "secret"
    secret.write_text("secret\n")
    become_subreaper()

    def make(options=(), **more):
        options = [word.format(beside=beside) for word in options]
        made.append(Faults(belljar, secret, options, **more))
        made[0].log.touch()
        return made[-1]

    def files():
        return {name: state for name, state in tree(tmp_path).items() if name != "fault.log"}

    def left_cgroups(pids):
        return [path for path, pid in cgroups().items() if pid in pids and path not in others]

    before, mounted, descriptors = files(), mounts(), os.listdir("/proc/self/fd")
    others = cgroups()
    yield make
    for one in made:
        print(f"{one.options}: {one.failed} ended in an error, {one.tolerated} did no harm")
        assert not one.problems, "\n".join(map(str, one.problems))
        assert wait_until(lambda one=one: not left_cgroups(one.pids)), left_cgroups(one.pids)
    assert files() == before
    assert mounts() == mounted
    assert len(os.listdir("/proc/self/fd")) == len(descriptors)


@pytest.mark.parametrize("options", KINDS)
def test_every_call(faults, options):
    faults(options).all(errno.EIO)


@pytest.mark.parametrize("code", [errno.ENOMEM, errno.EPERM, errno.ENOSPC],
                         ids=errno.errorcode.get)
@pytest.mark.parametrize("options", KINDS)
def test_every_third_call(faults, options, code):
    faults(options).all(code, step=3)


def test_handed_streams(faults):
    """Without --json the command has the caller's own streams."""
    faults(script="echo out; pwd", json=False).all(errno.EIO)


def test_terminal(faults):
    """And the caller's terminal is what it was."""
    master, slave = pty.openpty()
    try:
        faulty = faults(["-t"], script="tty; echo out", json=False)
        before = termios.tcgetattr(slave)
        plain = faulty.once

        def once(number, code):
            run = plain(number, code, stdin=slave)
            if termios.tcgetattr(slave) != before:
                faulty.problems.append((number, run[0], "the terminal was left raw"))
                termios.tcsetattr(slave, termios.TCSANOW, before)
            return run

        faulty.once = once
        faulty.all(errno.EIO)
    finally:
        os.close(slave)
        os.close(master)
