"""What surrounds an attempt: what the driver gives it, does meanwhile, and looks at afterwards.

A scenario is chosen by the attempt's row ("kind:parameter…"). `judge` may overrule the program's
word; what holds for every inner half stands in halves.overrule().
"""

import fcntl
import os
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

from stage import AS_ROOT, GROUPS, Lacks, command_line, dangerous, snapshot, wait_for

SCENARIOS = {}


def scenario(name):
    def register(kind):
        SCENARIOS[name] = kind
        return kind
    return register


@scenario("plain")
class Plain:
    """Nothing special: the program's own word counts."""

    grace = 0.5

    def __init__(self, half, *parameters):
        self.half, self.parameters = half, parameters
        self.caller, self.stage = half.caller, half.stage
        self.parameter = parameters[0] if parameters else ""
        self.opened = []
        self.early = ""

    def prepare(self):
        pass

    def started(self):
        """Our copies of what the half was given would keep it open."""

    def streams(self):
        """Descriptors to read, by name."""
        process = self.half.process
        return {stream.fileno(): name
                for name, stream in (("stdout", process.stdout), ("stderr", process.stderr))
                if stream}

    def during(self):
        pass

    def prefix_output(self, outcome):
        outcome.stdout = self.early + outcome.stdout

    def judge(self, outcome):
        pass

    def release(self):
        for fd in self.opened:
            os.close(fd)
        for stream in (self.half.process.stdout, self.half.process.stderr) \
                if self.half.process else ():
            if stream:
                stream.close()

    # ---- tools ----

    def open(self, path, flags, mode=0o644):
        fd = os.open(path, flags | os.O_CLOEXEC, mode)
        self.opened.append(fd)
        return fd

    def by_sight(self, outcome, seen, what):
        """Only what was seen counts, unless the program could not even try."""
        if outcome.verdict != "BROKEN":
            outcome.verdict = "DONE" if seen else "REFUSED"
            outcome.text = f"{what}; the program says: {outcome.text}"

    def also_by_sight(self, outcome, seen, what):
        """Either is enough."""
        if seen:
            outcome.verdict, outcome.text = "DONE", what

    def wait_ready(self, seconds=5):
        """Until the program says that it has begun; what it said is kept."""
        fd, end = self.half.process.stdout.fileno(), time.monotonic() + seconds
        while "ready\n" not in self.early and time.monotonic() < end:
            if select.select([fd], [], [], 0.05)[0]:
                data = os.read(fd, 4096)
                if not data:
                    return False
                self.early += data.decode(errors="replace")
            if "attempt: " in self.early:
                return False
        return "ready\n" in self.early

    def need_root(self, what):
        if not AS_ROOT:
            raise Lacks(f"{what}: needs root outside")


# ---- files ----

@scenario("host-file")
class HostFile(Plain):
    """A file of the attempt's name in one of the host's directories."""

    def judge(self, outcome):
        places = ["/", "/etc", "/usr", "/usr/bin", "/tmp", "/var/tmp", "/dev/shm", "/run", "/dev",
                  self.caller.home, self.caller.keep]
        found = [path for place in places
                 if (path := Path(place, f"bj-escape-{self.half.mark}")).exists()]
        for path in found:
            path.unlink()
        self.by_sight(outcome, found, f"on the host: {list(map(str, found))}")


@scenario("volume")
class Volume(Plain):
    mode = "ro"
    fact = "volume"

    def prepare(self):
        self.volume = self.half.workspace.with_name(f"volume-{self.half.workspace.name}")
        self.caller.make(self.volume, mode=0o755)
        self.caller.make(self.volume / "file", "content\n", 0o644)
        os.symlink(self.caller.keep, self.volume / "link")
        self.caller.own(self.volume / "link")
        self.half.volumes.append((self.volume, self.volume, self.mode))
        self.half.arguments.append(f"{self.fact}={self.volume}")
        self.before = snapshot(self.volume)

    def judge(self, outcome):
        self.also_by_sight(outcome, snapshot(self.volume) != self.before, "the volume changed")


@scenario("writable-volume")
class WritableVolume(Volume):
    mode = "rw"
    fact = "writable_volume"

    def judge(self, outcome):
        found = dangerous(self.volume)
        self.also_by_sight(outcome, found, str(found))


@scenario("mountpoint")
class MountPoint(Volume):
    """A volume whose target lies behind a link that the workload could have planted."""

    def prepare(self):
        super().prepare()
        self.target = self.caller.make(self.half.workspace.with_name(
            f"target-{self.half.workspace.name}"))
        os.symlink(self.target, self.half.workspace / "out")
        self.half.volumes.append((self.volume, self.half.workspace / "out" / "new", "ro"))
        self.half.accepts_failure = True

    def judge(self, outcome):
        made = list(self.target.iterdir())
        outcome.verdict = "REFUSED"
        self.by_sight(outcome, made, f"made behind the link: {made}")


@scenario("workdir")
class WorkingDirectory(Plain):
    def prepare(self):
        self.half.accepts_failure = True
        if self.parameter == "fd":
            fd = self.open(self.caller.keep, os.O_RDONLY | os.O_DIRECTORY)
            os.dup2(fd, 78)
            self.opened.append(78)
            self.half.pass_fds = (78,)
            self.half.start_directory = self.caller.keep
            self.half.inner_directory = "/proc/self/fd/78"
        else:
            os.symlink(self.caller.keep, self.half.workspace / "link")
            self.half.start_directory = self.half.workspace / "link"
            self.half.inner_directory = self.half.workspace / "link"


@scenario("left-behind")
class LeftBehind(Plain):
    def prepare(self):
        elsewhere = "/tmp" if self.half.inside else self.caller.directory
        self.half.arguments.append(f"elsewhere={elsewhere}/elsewhere-{self.half.mark}")

    def judge(self, outcome):
        found = dangerous(self.half.workspace)
        self.also_by_sight(outcome, found, str(found))


@scenario("core")
class Core(Plain):
    def judge(self, outcome):
        found = [path.name for path in self.half.workspace.iterdir()]
        self.also_by_sight(outcome, found, f"left: {found}")


# ---- descriptors ----

@scenario("leaked")
class Leaked(Plain):
    def prepare(self):
        for number, path in ((77, self.caller.keep / "secret"), (78, self.caller.keep),
                             (79, "/proc/self/ns/net")):
            os.dup2(self.open(path, os.O_RDONLY), number)
            self.opened.append(number)
        self.half.pass_fds = (77, 78, 79)


@scenario("stdin")
class Stdin(Plain):
    """Standard input is something of the caller's."""

    def prepare(self):
        self.file = None
        kind = self.parameter
        if kind == "directory":
            self.half.stdin = self.open(self.caller.keep, os.O_RDONLY)
        elif kind in ("udp", "tcp"):
            kinds = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
            self.half.stdin = socket.socket(socket.AF_INET, kinds[kind]).detach()
            self.opened.append(self.half.stdin)
        elif kind == "null":
            self.half.stdin = self.open("/dev/null", os.O_RDWR)
        elif kind == "console":
            try:
                self.half.stdin = self.open("/dev/tty1", os.O_RDWR | os.O_NOCTTY)
            except OSError as error:
                raise Lacks(f"a virtual console: {error.strerror}") from error
        else:
            self._prepare_file(kind)
        self.half.accepts_failure = kind in ("directory", "udp", "tcp")

    def _prepare_file(self, kind):
        self.file = self.caller.make(self.half.workspace.with_name(
            f"input-{self.half.workspace.name}"), self.caller.secret + "\n" + "line\n" * 9, 0o644)
        flags = os.O_RDONLY if kind in ("read", "skipped", "offset") else os.O_RDWR
        self.half.stdin = self.open(self.file, flags | (os.O_APPEND if kind == "flags" else 0))
        if kind == "skipped":
            os.lseek(self.half.stdin, len(self.caller.secret) + 1, os.SEEK_SET)
        self.before = snapshot(self.file)
        self.flags = fcntl.fcntl(self.half.stdin, fcntl.F_GETFL)

    def judge(self, outcome):
        if not self.file:
            return
        if self.parameter in ("flags", "lock"):
            # A pipe of the sandbox's own may well be locked and changed.
            self.by_sight(outcome, False, "not the caller's file")
        self.also_by_sight(outcome, snapshot(self.file) != self.before, "the caller's file changed")
        self.also_by_sight(outcome, fcntl.fcntl(self.half.stdin, fcntl.F_GETFL) != self.flags,
                           "the caller's flags changed")
        again = self.open(self.file, os.O_RDONLY)
        try:
            fcntl.flock(again, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            self.also_by_sight(outcome, True, "the caller's file is locked")


class OutputFile(Plain):
    """A stream is a file of the caller's, which already says something."""

    def prepare(self):
        self.head = self.caller.secret + "\n"
        self.file = self.caller.make(self.half.workspace.with_name(
            f"output-{self.half.workspace.name}"), self.head, 0o644)
        self.output = self.open(self.file, os.O_WRONLY)
        os.lseek(self.output, 0, os.SEEK_END)
        self.flags = fcntl.fcntl(self.output, fcntl.F_GETFL)

    def judge(self, outcome):
        if "flags" in self.half.row.name:
            self.by_sight(outcome, False, "not the caller's file")
        text = self.file.read_text(errors="replace")
        self.also_by_sight(outcome, not text.startswith(self.head),
                           "what the caller wrote before is gone")
        self.also_by_sight(outcome, self.file.stat().st_mode & 0o777 != 0o644, "its mode changed")
        self.also_by_sight(outcome, fcntl.fcntl(self.output, fcntl.F_GETFL) != self.flags,
                           "its flags changed")


@scenario("stdout")
class Stdout(OutputFile):
    def prepare(self):
        super().prepare()
        self.half.stdout = self.output
        self.half.arguments.append("verdict=2")


@scenario("stderr")
class Stderr(OutputFile):
    def prepare(self):
        super().prepare()
        self.half.stderr = self.output


@scenario("flood")
class Flood(OutputFile):
    def prepare(self):
        super().prepare()
        setattr(self.half, self.parameter, self.output)
        if self.parameter == "stdout":
            self.half.arguments.append("verdict=2")
        self.half.patience = 30

    def judge(self, outcome):
        size = self.file.stat().st_size
        self.by_sight(outcome, size > 4 << 20, f"{size >> 10} KiB came through")
        if self.half.inside:
            self.also_by_sight(outcome, outcome.peak > 64 << 10,
                               f"the launcher grew to {outcome.peak} KiB")


# ---- terminals ----

@scenario("terminal")
class Terminal(Plain):
    """The half has a controlling terminal, and we hold its other side."""

    grace = 0.1

    def prepare(self):
        self.master, self.slave = os.openpty()
        self.opened += [self.master, self.slave]
        if AS_ROOT:
            os.fchown(self.slave, self.caller.uid, self.caller.uid)
        attributes = termios.tcgetattr(self.slave)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(self.slave, termios.TCSANOW, attributes)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.before = self._state()
        self.half.terminal = self.slave
        self.half.arguments.append(f"pty={os.ttyname(self.slave)}")
        self.half.prepare_child = lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def streams(self):
        return {self.master: "stdout"}

    def _state(self):
        size = fcntl.ioctl(self.slave, termios.TIOCGWINSZ, bytes(8))
        return termios.tcgetattr(self.slave), size

    def _typed(self):
        """What waits to be read by the next one who reads the terminal: the caller's shell."""
        attributes = termios.tcgetattr(self.slave)
        attributes[3] &= ~termios.ICANON
        attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 0, 0
        termios.tcsetattr(self.slave, termios.TCSANOW, attributes)
        try:
            return os.read(self.slave, 4096)
        except BlockingIOError:
            return b""

    def judge(self, outcome):
        changed = self._state() != self.before
        self.also_by_sight(outcome, changed, "the caller's terminal was changed")
        self.also_by_sight(outcome, b"INJECTED" in self._typed(), "typed into the caller's shell")


# ---- processes ----

@scenario("victim")
class Victim(Plain):
    def judge(self, outcome):
        # The victim needs a moment; where the program failed there is nothing to wait for.
        seen = wait_for(lambda: self.caller.evidence()[len(self.half.touched):],
                        0.5 if outcome.verdict == "DONE" else 0)
        self.by_sight(outcome, seen, f"noted: {seen.strip()}")


@scenario("group")
class Group(Plain):
    """A witness shares the caller's process group."""

    def prepare(self):
        self.file = self.half.workspace.with_name(f"witness-{self.half.workspace.name}")
        self.witness = subprocess.Popen(
            [self.stage.bin / "victim", "--witness", self.file], stdin=subprocess.PIPE,
            process_group=0, **self.caller.identity())
        self.stage.settled.add(self.witness.pid)
        wait_for(self.file.exists, 5)
        wait_for(lambda: "ready" in self.file.read_text(), 5)
        self.half.process_group = self.witness.pid
        self.half.arguments.append(f"group={self.witness.pid}")

    def judge(self, outcome):
        arrived = wait_for(lambda: "SIGURG" in self.file.read_text(), 0.1)
        self.by_sight(outcome, arrived, "the caller's group was signalled" if arrived else "")

    def release(self):
        super().release()
        self.witness.stdin.close()
        self.witness.wait(5)
        self.stage.settled.discard(self.witness.pid)


@scenario("naive")
class Naive(Plain):
    """Outside, under an init that was made without care."""

    def prepare(self):
        self.half.patience = 8
        if self.half.inside:
            # The launcher's own arguments name the secret too.
            named = self.caller.make(self.caller.directory / self.caller.secret)
            self.half.volumes.append((named, named, "ro"))
        else:
            self.half.wrap = [self.stage.bin / "naive", self.caller.keep / "secret",
                              self.caller.secret]

    def judge(self, outcome):
        if not self.half.inside and outcome.status is not None and outcome.status > 100 \
                and outcome.verdict == "BROKEN":
            outcome.verdict, outcome.text = "DONE", "init ended, and everything with it"


# ---- who it is ----

@scenario("groups")
class Groups(Plain):
    def prepare(self):
        self.need_root("groups of the caller's")
        self.half.groups = GROUPS


@scenario("group-file")
class GroupFile(Groups):
    def prepare(self):
        super().prepare()
        path = self.half.workspace / "readable-by-group"
        path.write_text(self.caller.secret)
        os.chown(path, 61235, GROUPS[0])
        path.chmod(0o640)


@scenario("helper")
class Helper(Plain):
    def prepare(self):
        self.need_root("a set-id program")


@scenario("ambient")
class Ambient(Plain):
    """Started with a capability that survives execution."""

    def prepare(self):
        self.need_root("a capability to inherit")
        uid = str(self.caller.uid)
        self.half.as_caller = False
        self.half.prefix = ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups",
                            "--inh-caps", "+net_raw", "--ambient-caps", "+net_raw"]


@scenario("host-user")
class HostUser(Plain):
    def uids(self, half, process):
        pids = wait_for(lambda: half.attempt_pids(process.pid), 3) or []
        found = set()
        for pid in pids:
            for line in Path("/proc", str(pid), "status").read_text().splitlines():
                if line.startswith("Uid:"):
                    found |= set(map(int, line.split()[1:]))
        return found

    def during(self):
        self.found = self.uids(self.half, self.half.process)

    def judge(self, outcome):
        if not self.found:
            outcome.verdict, outcome.text = "BROKEN", "the attempt was not seen"
        self.by_sight(outcome, 0 in self.found, f"host users {self.found}")


@scenario("two-users")
class TwoUsers(HostUser):
    def during(self):
        self.found = self.uids(self.half, self.half.process)
        second = self.half.start()
        self.others = self.uids(self.half, second)
        second.communicate(timeout=10)

    def judge(self, outcome):
        if not self.found or not self.others:
            outcome.verdict, outcome.text = "BROKEN", "the attempt was not seen"
        shared = self.found & self.others
        self.by_sight(outcome, shared, f"host users {self.found} and {self.others}")


# ---- wires through shared files ----

class Shared(Plain):
    def prepare(self):
        if self.parameter == "volume":
            directory = self.half.workspace.with_name(f"shared-{self.half.workspace.name}")
            self.file = self.caller.make(directory / "file", "x" * 100, 0o644)
            self.half.volumes.append((directory, directory, "ro"))
        else:
            self.file = Path("/usr/lib/os-release").resolve()
        self.half.arguments.append(f"shared={self.file}")


@scenario("hold-lock")
class HoldLock(Shared):
    OFD_GETLK = 36

    def during(self):
        self.felt = False
        if not self.wait_ready():
            return
        fd = self.open(self.file, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            self.felt = True
        for request in (fcntl.F_GETLK, self.OFD_GETLK):
            wanted = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            answer = fcntl.fcntl(fd, request, wanted)
            self.felt |= struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK

    def judge(self, outcome):
        self.by_sight(outcome, self.felt, "the host felt it" if self.felt else "not felt outside")


@scenario("notice-lock")
class NoticeLock(Shared):
    def prepare(self):
        super().prepare()
        fcntl.flock(self.open(self.file, os.O_RDONLY), fcntl.LOCK_EX)


@scenario("notice-opening")
class NoticeOpening(Shared):
    def during(self):
        if self.wait_ready():
            for _ in range(5):
                self.file.read_bytes()


class Tenant(Shared):
    """A second sandbox with the same file; outside, a second process."""

    def neighbour(self, *program):
        half = self.half
        workspace = self.caller.workspace()
        command = list(program)
        if half.inside:
            command = half.sandbox.command(command, workspace, (), half.volumes)
        return subprocess.run([str(word) for word in command], cwd=workspace, check=False,
                              env={**self.caller.environment(), "LD_LIBRARY_PATH": ""},
                              capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              **self.caller.identity())


@scenario("tenant-opens")
class TenantOpens(Tenant):
    def during(self):
        self.ran = self.neighbour("cat", self.file) if self.wait_ready() else None

    def judge(self, outcome):
        if self.ran is None or self.ran.returncode != 0:
            outcome.verdict, outcome.text = "BROKEN", f"the neighbour failed: {self.ran}"


@scenario("tenant-locks")
class TenantLocks(Tenant):
    def during(self):
        test = ("flock", "-n", "-s", "-E", "9", self.file, "true")
        self.ran = self.neighbour(*test) if self.wait_ready() else None

    def judge(self, outcome):
        if self.ran is None or self.ran.returncode not in (0, 9):
            outcome.verdict, outcome.text = "BROKEN", f"the neighbour failed: {self.ran}"
        else:
            felt = self.ran.returncode == 9
            self.by_sight(outcome, felt, "the neighbour felt it" if felt else "not felt next door")


@scenario("lock")
class HeldLock(Plain):
    """A host process holds a lock on a file that the attempt knows by its number."""

    def prepare(self):
        fd = self.open(self.caller.keep / "secret", os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX)
        status = os.fstat(fd)
        major, minor = os.major(status.st_dev), os.minor(status.st_dev)
        self.half.arguments.append(f"lock_inode={major:02x}:{minor:02x}:{status.st_ino}")


# ---- sockets ----

@scenario("workspace-socket")
class WorkspaceSocket(Plain):
    def prepare(self):
        path = self.half.workspace / "socket"
        self.caller.ask_victim(path)
        self.half.arguments.append(f"workspace_socket={path}")


@scenario("volume-socket")
class VolumeSocket(Volume):
    def prepare(self):
        super().prepare()
        path = self.volume / "socket"
        self.caller.ask_victim(path)
        self.half.arguments.append(f"volume_socket={path}")

    def judge(self, outcome):
        pass


@scenario("serve")
class Serve(Plain):
    """The other direction: we connect to what the attempt offers."""

    def prepare(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = probe.getsockname()
        self.family = socket.AF_INET
        self.half.arguments.append(f"port={self.address[1]}")

    def connect(self):
        with socket.socket(self.family) as client:
            return client.connect_ex(self.address) == 0

    def during(self):
        self.reached = wait_for(self.connect, 0.4)

    def judge(self, outcome):
        self.by_sight(outcome, self.reached, "reached" if self.reached else "not reachable")


@scenario("serve-abstract")
class ServeAbstract(Serve):
    def prepare(self):
        name = f"bj-escape-{os.urandom(6).hex()}"
        self.address, self.family = "\0" + name, socket.AF_UNIX
        self.half.arguments.append(f"name={name}")


# ---- limits ----

@scenario("limit")
class Limit(Plain):
    """limit:LAYER:DIRECTORY. Outside the program counts only as far as the host can bear."""

    def prepare(self):
        self.half.patience = 40
        place = self.parameters[1] if len(self.parameters) > 1 else "."
        if self.half.inside:
            self.half.arguments.append(f"directory={place}")
            return
        self.directory = self.caller.make(self.stage.fast / self.half.mark)
        self.half.arguments.append(f"directory={self.directory}")
        self.half.prepare_child = self.bound

    @staticmethod
    def bound():
        """So that a mistake in an attempt costs us little."""
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        most = 2000 if hard == resource.RLIM_INFINITY else min(2000, hard)
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))

    def judge(self, outcome):
        if not self.half.inside:
            return
        if outcome.verdict == "BROKEN" and outcome.status in (137, -signal.SIGKILL):
            outcome.verdict, outcome.text = "REFUSED", "killed by its limit"
        if outcome.verdict == "DONE" and self.parameter:
            degraded = self.half.sandbox.degraded(self.caller, self.half.options)
            if self.parameter in degraded:
                raise Lacks(f"{self.parameter} for {self.caller.name}, and that is said: "
                            f"{degraded[self.parameter]}")

    def release(self):
        super().release()
        if not self.half.inside:
            shutil.rmtree(getattr(self, "directory", "/nonexistent"), ignore_errors=True)


@scenario("watches")
class Watches(Plain):
    """Can the caller still have one while the attempt holds what it could get?"""

    def during(self):
        self.starved = False
        if self.wait_ready():
            test = "import ctypes, sys; sys.exit(ctypes.CDLL(None).inotify_init1(0) < 0)"
            ran = subprocess.run([sys.executable, "-c", test], check=False,
                                 **self.caller.identity())
            self.starved = ran.returncode != 0

    def judge(self, outcome):
        self.by_sight(outcome, self.starved, "the caller gets none" if self.starved else "")


# ---- lifetimes ----

@scenario("survive")
class Survive(Plain):
    def judge(self, outcome):
        left = self.left()
        outcome.verdict = "REFUSED"
        self.by_sight(outcome, left, f"survivors: {left}" if left else "none left")

    def left(self):
        """Who lives on; inside, the kernel has a second to take a process namespace down."""
        if self.half.inside:
            wait_for(lambda: not self.stage.survivors(), 1)
        return {" ".join(command_line(pid))[:60] for pid in self.stage.survivors()}


@scenario("chain")
class Chain(Survive):
    """No link lives long enough to be seen; all of them write to one file."""

    def left(self):
        beats = self.half.workspace / "beats"
        before = beats.stat().st_size if beats.exists() else 0
        time.sleep(0.2)
        after = beats.stat().st_size if beats.exists() else 0
        return {f"{after - before} more links"} if after > before else set()

    def release(self):
        self.caller.make(self.half.workspace / "stop", "")
        super().release()


@scenario("holder")
class Holder(Plain):
    grace = 1.0

    def judge(self, outcome):
        waited = outcome.seconds > 2.5
        self.by_sight(outcome, waited or not outcome.closed,
                      f"ended after {outcome.seconds:.1f} s, "
                      f"output {'closed' if outcome.closed else 'still open'}")


@scenario("timeout")
class Timeout(Plain):
    def prepare(self):
        self.half.patience = 5 if self.half.inside else 2.5
        if not self.half.inside:
            self.half.prefix = ["timeout", "1"]

    def judge(self, outcome):
        left = self.stage.survivors()
        if self.half.inside:
            wait_for(lambda: not self.stage.survivors(), 1)
            left = self.stage.survivors()
        outcome.verdict = "REFUSED"
        late = outcome.hung or (self.half.inside and outcome.status != 124)
        self.by_sight(outcome, left or late,
                      f"status {outcome.status} after {outcome.seconds:.1f} s, {len(left)} left")


@scenario("kill")
class KillLauncher(Plain):
    def prepare(self):
        self.half.patience = 1.5
        if not self.half.inside:
            self.half.wrap = ["sh", "-c", '"$@" & wait', "sh"]

    def during(self):
        if self.wait_ready():
            time.sleep(0.1)
            self.half.process.send_signal(int(self.parameter))

    def judge(self, outcome):
        # A signal that was passed on to a deaf command ends nobody; then we ended the launcher.
        outcome.hung = False
        seconds = 1 if self.half.inside else 0.1
        wait_for(lambda: not self.stage.survivors(), seconds)
        left = self.stage.survivors()
        outcome.verdict = "REFUSED" if "ready\n" in self.early else "BROKEN"
        self.by_sight(outcome, left, f"{len(left)} left")


# ---- files that the host obeys ----

@scenario("git")
class Git(Plain):
    paths = (".git", ".gitmodules", ".envrc", ".vscode", ".mcp.json", "vendor")
    files = {
        ".git/HEAD": "ref: refs/heads/main\n",
        ".git/config": "[core]\n\trepositoryformatversion = 0\n",
        ".git/config.worktree": "[core]\n",
        ".git/hooks/sample.sample": "#!/bin/sh\n",
        ".git/hooks/post-checkout": "#!/bin/sh\n",
        ".git/info/attributes": "",
        ".git/modules/part/config": "[core]\n",
        ".git/worktrees/other/commondir": "../..\n",
        ".git/objects/empty": "",
        ".git/refs/heads/none": "",
        ".gitmodules": "",
        ".envrc": "",
        ".vscode/tasks.json": "{}",
        ".mcp.json": "{}",
    }

    def prepare(self):
        self.caller.make(self.caller.keep / "repository")
        for name, content in self.files.items():
            content = content.replace("KEEP", str(self.caller.keep))
            self.caller.make(self.half.workspace / name, content, 0o644)
        self.before = self._state()

    def _state(self):
        return snapshot(*(self.half.workspace / path for path in self.paths))

    def judge(self, outcome):
        after = self._state()
        changed = [path for path in self.before.keys() | after.keys()
                   if self.before.get(path) != after.get(path)]
        self.also_by_sight(outcome, changed, f"changed: {sorted(changed)[:5]}")


@scenario("git-file")
class GitFile(Git):
    files = {".git": "gitdir: KEEP/repository\n"}


@scenario("git-bare-bones")
class GitBareBones(Git):
    files = {".git/HEAD": "ref: refs/heads/main\n", ".git/config": "[core]\n",
             ".git/objects/empty": "", ".git/refs/heads/none": ""}


@scenario("git-nested")
class GitNested(Git):
    files = {**Git.files, **{f"vendor/part/{name}": content for name, content in Git.files.items()
                             if name.startswith(".git/")}}
