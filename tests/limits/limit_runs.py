"""Runs of the program, and ways to look at one from outside."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import limit_host

BELLJAR = os.environ.get("BELLJAR", str(Path(__file__).resolve().parents[2] / "build/belljar"))
PATIENCE = 60  # seconds; emulation is slow


@dataclass
class Outcome:
    """What became of one `belljar run`."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self):
        return json.loads(self.stdout)

    @property
    def degraded(self):
        """Reasons by layer."""
        return {row["layer"]: row["reason"] for row in self.json["degraded"]}


@dataclass
class Belljar:
    """Runs the program with a directory of the test's own as the workspace."""

    directory: Path
    prefix: tuple = ()

    def command(self, *arguments):
        return [*self.prefix, BELLJAR, "run", *map(str, arguments)]

    def run(self, *arguments):
        done = subprocess.run(self.command(*arguments), cwd=self.directory, capture_output=True,
                              text=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments):
        """Starts a run without waiting for it."""
        return subprocess.Popen(self.command(*arguments), cwd=self.directory,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                stdin=subprocess.DEVNULL)


def processes_with(token, launchers=False):
    """Pids of the workload's processes that carry the token; on request Belljar's own too."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        own = any(word.endswith(b"belljar") for word in words)
        if token.encode() in words and (launchers or not own):
            found.append(int(entry.name))
    return found


def wait_until(condition, seconds=30):
    """The first true value of the condition, or its last one when time is up."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


def cgroup_directories(pid):
    """The directories of a process's cgroups that hold limits: of v2, or of each v1 controller."""
    directories = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii").splitlines():
        _, names, path = line.split(":", 2)
        for point, options in limit_host.mounts("cgroup" if names else "cgroup2"):
            for name in names.split(","):
                if not names or name in options:
                    directories[name] = point / path.lstrip("/")
    return directories
