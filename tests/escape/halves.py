"""Runs one half of an attempt and says what came of it, with what is seen from outside."""

import os
import re
import select
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from stage import command_line, dangerous, descendants, wait_for

# The flags of attempt.h.
OUTSIDE_ROOT, DIRECT, CALLER_ROOT, OUTSIDE_USER = 1, 2, 4, 8

VERDICT = re.compile(r"attempt: (DONE|REFUSED|LACKING|BROKEN) ?(.*)")


@dataclass(frozen=True)
class Row:
    """One attempt, as the program lists it."""

    group: str  # the table it stands in
    name: str
    rule: int
    flags: int
    scenario: str
    options: tuple
    text: str

    def for_caller(self, name):
        return name == "root" or not self.flags & CALLER_ROOT

    @classmethod
    def all(cls, program):
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
        for line in listed.stdout.splitlines():
            group, name, rule, flags, scenario, options, text = line.split("\t")
            yield cls(group, name, int(rule), int(flags), scenario, tuple(options.split()), text)


@dataclass
class Outcome:
    verdict: str
    text: str
    status: int = None  # of the process that was started; negative for a signal
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0
    hung: bool = False  # ended by us
    closed: bool = True  # standard output reached its end when the process had ended
    peak: int = 0  # KiB, of the launcher and everything it waited for

    def __str__(self):
        said = "".join(f"\n    {name}: {getattr(self, name).strip()[-600:]}"
                       for name in ("stdout", "stderr") if getattr(self, name).strip())
        return f"{self.verdict}: {self.text} (status {self.status}, {self.seconds:.2f} s){said}"


@dataclass
class Half:
    """One run of one program, outside or inside. Scenarios change it before it starts."""

    row: Row
    stage: object
    caller: object  # whose facts and victim; inside also who runs it
    sandbox: object  # None outside
    patience: float = 15
    arguments: list = field(default_factory=list)
    options: list = field(default_factory=list)
    volumes: list = field(default_factory=list)
    prefix: list = field(default_factory=list)  # before everything, outside and inside
    wrap: list = field(default_factory=list)  # before the program, outside
    stdin: int = subprocess.DEVNULL
    stdout: int = subprocess.PIPE
    stderr: int = subprocess.PIPE
    pass_fds: tuple = ()
    groups: tuple = ()
    process_group: int = None
    start_directory: Path = None  # outside; the workspace otherwise
    inner_directory: str = None  # for -w
    terminal: int = None  # the slave that becomes the controlling terminal
    prepare_child: object = None
    accepts_failure: bool = False  # the sandbox may refuse to start at all
    as_caller: bool = True  # the prefix changes the user itself where this is not set
    process: subprocess.Popen = None

    def __post_init__(self):
        self.workspace = self.caller.workspace()
        self.mark = f"{self.row.name}.{os.urandom(4).hex()}"
        self.options += self.row.options
        self.volumes.append((self.stage.bin, self.stage.bin, "ro"))
        self.touched = self.caller.evidence()

    @property
    def inside(self):
        return self.sandbox is not None

    def program(self):
        return [str(self.stage.bin / "attempt"), self.row.name,
                f"facts={self.stage.bin}/facts-{self.caller.name}", f"mark={self.mark}",
                *self.arguments]

    def command(self):
        if not self.inside:
            return [*self.prefix, *self.wrap, *self.program()]
        return [*self.prefix, *self.sandbox.command(self.program(), self.workspace, self.options,
                                                    self.volumes, self.inner_directory)]

    def start(self):
        identity = self.caller.identity(self.groups) if self.as_caller else {}
        cwd = self.workspace if self.inside else self.start_directory or self.workspace
        if self.terminal is not None:
            self.stdin = self.stdout = self.stderr = self.terminal
        return subprocess.Popen(
            [str(word) for word in self.command()], cwd=cwd, env=self.caller.environment(),
            stdin=self.stdin, stdout=self.stdout, stderr=self.stderr, pass_fds=self.pass_fds,
            process_group=self.process_group, start_new_session=self.terminal is not None,
            preexec_fn=self.prepare_child, **identity)

    def attempt_pids(self, of=None):
        """The attempt's own processes, without the launcher that names them too."""
        return [pid for pid in descendants(of) if (words := command_line(pid))
                and words[0].endswith("/attempt") and f"mark={self.mark}" in words]


def _read(stream, name, collected, streams):
    """Reads what is there; forgets a stream that has ended."""
    try:
        data = os.read(stream, 65536)
    except OSError:  # a terminal whose other side has gone
        data = b""
    if data:
        collected[name].append(data)
    else:
        del streams[stream]


def collect(process, streams, patience, grace):
    """Waits for a process and reads its streams, but not for those who merely hold them open."""
    collected = {name: [] for name in streams.values()}
    start, ended, hung, usage = time.monotonic(), None, False, None
    alive = os.pidfd_open(process.pid)
    while ended is None or (streams and time.monotonic() - ended < grace):
        waited = [*streams, alive] if ended is None else [*streams]
        ready = select.select(waited, [], [], 0.05)[0]
        for stream in ready:
            if stream in streams:
                _read(stream, streams[stream], collected, streams)
        if ended is None and alive in ready:
            _, status, usage = os.wait4(process.pid, 0)
            ended = time.monotonic()
            process.returncode = os.waitstatus_to_exitcode(status)
        elif ended is None and time.monotonic() - start > patience and not hung:
            hung = True
            process.send_signal(signal.SIGKILL)
    os.close(alive)
    texts = {name: b"".join(parts).decode(errors="replace").replace("\r\n", "\n")
             for name, parts in collected.items()}
    return Outcome("", "", process.returncode, texts.get("stdout", ""), texts.get("stderr", ""),
                   ended - start, hung, not streams, usage.ru_maxrss)


def own_word(outcome):
    """What the program says of itself, or what its end says for it."""
    found = VERDICT.findall(outcome.stdout + "\n" + outcome.stderr)
    if found:
        return found[-1]
    if outcome.status in (159, -signal.SIGSYS):
        return "REFUSED", "killed by the filter"
    if outcome.hung:
        return "DONE", "went on until it was ended"
    return "BROKEN", "no verdict"


def overrule(half, outcome):
    """Inside, what is seen from outside counts more than any word."""
    seen = half.caller.evidence()[len(half.touched):].split("\n")
    if any(seen):
        return "DONE", f"the victim noted: {', '.join(filter(None, seen))}"
    if left := dangerous(half.workspace):
        return "DONE", f"left in the workspace: {left}"
    if not wait_for(lambda: not half.stage.survivors(), 1):
        names = [" ".join(command_line(pid))[:80] for pid in half.stage.survivors()]
        return "DONE", f"processes survived: {names}"
    if outcome.hung:
        return "DONE", "the launcher hung"
    if half.sandbox.failed(outcome):
        return ("REFUSED" if half.accepts_failure else "BROKEN"), "the sandbox did not start"
    return outcome.verdict, outcome.text


def run_half(row, stage, caller, sandbox, scenarios, options=()):
    """The whole life of one half."""
    half = Half(row, stage, caller, sandbox, options=list(options))
    kind, *parameters = row.scenario.split(":")
    scenario = scenarios[kind](half, *parameters)
    try:
        scenario.prepare()
        half.process = half.start()
        scenario.started()
        streams = scenario.streams()
        scenario.during()
        outcome = collect(half.process, streams, half.patience, scenario.grace)
        scenario.prefix_output(outcome)
        outcome.verdict, outcome.text = own_word(outcome)
        scenario.judge(outcome)
        if half.inside:
            outcome.verdict, outcome.text = overrule(half, outcome)
        return outcome
    finally:
        if half.process and half.process.returncode is None:
            half.process.kill()
            half.process.wait()
        scenario.release()
        stage.sweep()


def outer_caller(row, stage, caller):
    """Who makes the outer half: it has to succeed, and must harm nobody."""
    if row.flags & OUTSIDE_ROOT:
        return stage.callers.get("root")
    if row.flags & OUTSIDE_USER:
        return stage.callers["user"]
    return caller
