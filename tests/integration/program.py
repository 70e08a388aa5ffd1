"""Runs of the program, and what can be seen of one from outside."""

import ctypes
import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BELLJAR = os.environ.get("BELLJAR", str(ROOT / "build/belljar"))
FAULTS = os.environ.get("BELLJAR_FAULTS", str(ROOT / "build-faults/belljar"))
AS_ROOT = os.geteuid() == 0
PATIENCE = 30  # seconds that no run of these tests should come near


@dataclass
class Done:
    """What became of one run."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@dataclass
class Program:
    """Starts the program with a directory of the test's own as the workspace."""

    directory: Path
    path: str = BELLJAR
    variables: dict = field(default_factory=dict)

    def environment(self):
        kept = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **kept,
                **self.variables}

    def command(self, *words):
        return [self.path, "run", *map(str, words)]

    def start(self, *words, **options):
        """Starts `belljar run WORDS`; the streams are pipes unless said otherwise."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, "cwd": self.directory, "env": self.environment(),
                   "text": True, "errors": "surrogateescape"} | options
        return subprocess.Popen(self.command(*words), **options)

    def run(self, *words, input=None, timeout=PATIENCE, **options):
        if input is not None:
            options["stdin"] = subprocess.PIPE
        process = self.start(*words, **options)
        try:
            out, err = process.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return Done(process.returncode, out, err)

    def sh(self, script, *options, **more):
        """`belljar run OPTIONS -c SCRIPT`."""
        return self.run(*options, "-c", script, **more)

    def says(self, script, *options, **more):
        """What a script that must succeed prints."""
        done = self.sh(script, *options, **more)
        assert done.status == 0 and done.err == "", done
        return done.out


def wait_until(condition, seconds=10):
    """The first true value of the condition, or its last one when time is up."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.01)


def become_subreaper():
    """Whoever loses its parent becomes our child, so that a survivor cannot hide."""
    ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)


def processes():
    """pid → (parent, state, name) of every process that can be seen."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            head, _, tail = Path("/proc", entry, "stat").read_text().rpartition(")")
        except OSError:
            continue
        state, parent = tail.split()[:2]
        found[int(entry)] = (int(parent), state, head.partition("(")[2])
    return found


def descendants(of=None):
    """Names by pid of the processes below one, ours by default; zombies are over and not told."""
    everybody = processes()
    found, frontier = {}, {of or os.getpid()}
    while frontier:
        frontier = {pid for pid, (parent, _, _) in everybody.items() if parent in frontier}
        found |= {pid: everybody[pid][2] for pid in frontier if everybody[pid][1] not in "ZX"}
    return found


def lives(pid):
    """Is it a process that runs? One that nobody has waited for yet is over."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def with_word(word):
    """Pids of processes outside Belljar's own that have the word in their command line."""
    found = []
    for pid in processes():
        try:
            words = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in words and not any(w.endswith((b"belljar", b"belljar-full"))
                                              for w in words):
            found.append(pid)
    return found


def tree(directory):
    """Every path below a directory with its kind, mode, owner and content."""
    state = {}
    for path in sorted(Path(directory).rglob("*")):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else \
            path.read_bytes() if path.is_file() else None
        state[str(path.relative_to(directory))] = (status.st_mode, status.st_uid, content)
    return state
