"""Scenarios of what many share: wires through files, sockets, limits."""

import fcntl
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
from pathlib import Path

from scenario import Plain, scenario
from scenarios_files import Volume
from stage import Lacks, wait_for


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
            ran = subprocess.run([self.stage.bin / "helper", "inotify"], check=False,
                                 **self.caller.identity())
            self.starved = ran.returncode != 0

    def judge(self, outcome):
        self.by_sight(outcome, self.starved, "the caller gets none" if self.starved else "")
