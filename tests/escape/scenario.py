"""What surrounds an attempt: what the driver gives it, does meanwhile, and looks at afterwards.

A scenario is chosen by the attempt's row ("kind:parameter…"). `judge` may overrule the program's
word; what holds for every inner half stands in halves.overrule().
"""

import os
import select
import time

from stage import AS_ROOT, Lacks

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
