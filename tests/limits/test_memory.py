"""The memory limit: what it counts, and how its end is told."""

import re
import subprocess
from pathlib import Path

import pytest
from limit_runs import processes_with, wait_until

MIB = 1 << 20

HOG = "dd if=/dev/zero of=/dev/null bs=200M count=1"


def python(text):
    return ["/usr/bin/python3", "-c", text]


@pytest.mark.requires("cgroup")
def test_kill_is_told_in_json(belljar):
    outcome = belljar.run("--memory", "64m", "--json", "--", "sh", "-c", f"exec {HOG}")
    assert outcome.status == 137, outcome
    assert outcome.json["oom_killed"] is True
    assert outcome.json["exit_code"] == 137
    assert outcome.json["signal"] == 9
    assert outcome.json["timed_out"] is False
    assert "memory" in outcome.json["reason"]
    assert "memory" in outcome.json["layers"]


@pytest.mark.requires("cgroup")
def test_kill_is_told_on_standard_error(belljar):
    outcome = belljar.run("--memory", "64m", "--", "sh", "-c", f"exec {HOG}")
    assert outcome.status == 137, outcome
    assert "memory" in outcome.stderr
    assert "64" in outcome.stderr


@pytest.mark.requires("cgroup")
def test_kill_of_a_child_is_told(belljar):
    """As when a compiler's child dies: the shell may outlive it; what happened is told."""
    outcome = belljar.run("--memory", "64m", "--json", "--", "sh", "-c", f"{HOG}; exit 3")
    assert outcome.json["oom_killed"] is True, outcome
    assert "memory" in outcome.json["reason"]


@pytest.mark.requires("cgroup")
def test_within_the_limit(belljar):
    outcome = belljar.run("--memory", "256m", "--json", "--", "sh", "-c",
                          "dd if=/dev/zero of=/dev/null bs=100M count=1")
    assert outcome.status == 0, outcome
    assert outcome.json["oom_killed"] is False
    assert outcome.json["reason"] in (None, "")
    assert 100 * MIB <= outcome.json["peak_memory_bytes"] <= 256 * MIB


@pytest.mark.requires("cgroup")
def test_ordinary_kill_is_not_taken_for_it(belljar):
    outcome = belljar.run("--memory", "64m", "--json", "--", "sh", "-c", "kill -9 $$")
    assert outcome.status == 137, outcome
    assert outcome.json["signal"] == 9
    assert outcome.json["oom_killed"] is False


FILES_IN_MEMORY = """
import os, sys
fd = os.memfd_create("m") if sys.argv[1] == "memfd" else \\
    os.open(sys.argv[1] + "/fill", os.O_CREAT | os.O_RDWR)
for _ in range(200):
    os.write(fd, b"x" * (1 << 20))
print("wrote all")
"""

SYSV = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
for _ in range(20):
    at = libc.shmat(libc.shmget(0, 10 << 20, 0o1600), None, 0)
    ctypes.memset(at, 1, 10 << 20)
print("wrote all")
"""

PIPES = """
import fcntl, os
ends = []
try:
    while len(ends) < 400:
        ends.append(os.pipe())
        try:
            fcntl.fcntl(ends[-1][1], 1031, 1 << 20)
        except OSError:
            pass
        os.set_blocking(ends[-1][1], False)
        try:
            while True:
                os.write(ends[-1][1], b"x" * 65536)
        except BlockingIOError:
            pass
except OSError:
    pass
print("held", sum(fcntl.fcntl(w, 1032) for _, w in ends) >> 20)
"""


@pytest.mark.requires("cgroup")
@pytest.mark.parametrize("kind", ["memfd", "/tmp", "/dev/shm"])
def test_files_in_memory_count(belljar, kind):
    """More than the limit never fits: the write fails or the limit's kill comes."""
    outcome = belljar.run("--memory", "64m", "--json", "--", *python(FILES_IN_MEMORY), kind)
    assert outcome.status != 0, outcome
    assert "wrote all" not in outcome.json["stdout"]
    assert outcome.json["peak_memory_bytes"] <= 65 * MIB


@pytest.mark.requires("cgroup")
def test_shared_segments_count(belljar):
    outcome = belljar.run("--memory", "64m", "--json", "--", *python(SYSV))
    assert "wrote all" not in outcome.json["stdout"], outcome
    assert outcome.json["peak_memory_bytes"] <= 65 * MIB


@pytest.mark.requires("cgroup")
def test_pipe_buffers_count(belljar):
    outcome = belljar.run("--memory", "64m", "--json", "--", *python(PIPES))
    if outcome.status == 0:
        assert int(outcome.json["stdout"].split()[1]) <= 64, outcome
    else:
        assert outcome.json["oom_killed"] is True, outcome


@pytest.mark.requires("cgroup")
def test_many_small_processes_count(belljar):
    """The limit is the sandbox's, not a process's: ten times 20 MiB do not fit in 64."""
    outcome = belljar.run(
        "--memory", "64m", "--json", "--", "sh", "-c",
        "for i in 1 2 3 4 5 6 7 8 9 10; do"
        " dd if=/dev/zero bs=20M count=1 2>/dev/null | (sleep 5; cat >/dev/null) & done; wait")
    assert outcome.json["oom_killed"] is True, outcome
    assert outcome.json["peak_memory_bytes"] <= 65 * MIB


def test_init_is_not_the_first_to_go(belljar, token):
    """Where pipes or sockets hold the memory every process looks small; were init chosen, nobody
    could say what happened."""
    run = belljar.start("--", "sleep", token)
    try:
        pid = wait_until(lambda: processes_with(token))[0]
        status = Path(f"/proc/{pid}/status").read_text()
        init = re.search(r"^PPid:\s+(\d+)", status, re.MULTILINE)[1]
        init, main = (Path(f"/proc/{p}/oom_score_adj") for p in (init, pid))
        assert int(main.read_text()) > 0
        # Init's own is raised as well until the program runs.
        assert wait_until(lambda: int(init.read_text()) < int(main.read_text()), 5)
    finally:
        run.terminate()
        run.communicate(timeout=60)


def test_no_start_is_missed_by_the_score(belljar):
    """The very first thing a command does finds it raised, however the kernel schedules."""
    own = int(Path("/proc/self/oom_score_adj").read_text())
    expected = min(max(own, 0) + 300, 1000)
    scores = {belljar.run("-c", "read score </proc/self/oom_score_adj; echo $score").stdout
              for _ in range(100)}
    assert scores == {f"{expected}\n"}


@pytest.mark.requires("root", "sys-resource")
def test_protection_of_the_caller_is_not_passed_on(belljar):
    """A service that is spared when memory ends must not spare what it runs."""
    own = Path("/proc/self/oom_score_adj")
    before = own.read_text()
    own.write_text("-800")
    try:
        outcome = belljar.run("-c", "read score </proc/self/oom_score_adj; echo $score;"
                              " echo -1 >/proc/self/oom_score_adj && echo lowered")
    finally:
        own.write_text(before)
    assert outcome.stdout == "300\n", outcome


@pytest.mark.requires("cgroup")
def test_caller_is_not_hit(belljar):
    """What dies is in the sandbox: the caller's other children live on."""
    with subprocess.Popen(["sleep", "60"]) as bystander:
        belljar.run("--memory", "32m", "--", "sh", "-c", f"exec {HOG}")
        assert bystander.poll() is None
        bystander.kill()
