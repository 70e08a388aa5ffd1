"""Scenarios of terminals, processes and lifetimes."""

import fcntl
import os
import struct
import subprocess
import termios
import time
from pathlib import Path

from scenario import Plain, scenario
from stage import AS_ROOT, GROUPS, command_line, wait_for


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
        arrived = wait_for(lambda: "SIGURG" in self.file.read_text(), 0.2)
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
        self.half.patience = 5 if self.half.inside else 1.8
        if not self.half.inside:
            self.half.prefix = ["timeout", "1"]
        if self.parameter == "unread":
            never_read, self.half.stdout = os.pipe()
            self.opened += [never_read, self.half.stdout]

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
