"""The C library's launcher, or its client, or both are killed: nothing of a sandbox is left."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from program import ROOT, become_subreaper, descendants, tree, wait_until, with_word

BUILD = os.environ.get("BELLJAR_BUILD", str(ROOT / "build"))
CLIENT = r"""
import ctypes, sys
library, launcher, *words = sys.argv[1:]
bj = ctypes.CDLL(library)
bj.bj_runner_new.restype = bj.bj_config_new.restype = ctypes.c_void_p
runner = ctypes.c_void_p(bj.bj_runner_new(launcher.encode(), None))
config = ctypes.c_void_p(bj.bj_config_new(None))
assert runner and config
assert bj.bj_config_set_text(config, b"layers.allow_degraded", b"true", None) == 0
argv = (ctypes.c_char_p * (len(words) + 1))(*map(str.encode, words), None)
outcome = ctypes.c_void_p()
print("ready", flush=True)
failed = bj.bj_run(runner, config, argv, ctypes.byref(outcome), None)
bj.bj_outcome_free(outcome)
bj.bj_runner_free(runner)
sys.exit(9 if failed < 0 else 0)
"""


@pytest.fixture
def mark():
    """An argument of sleep(1) by which to find a process from outside."""
    return f"600.{os.getpid()}{time.monotonic_ns() % 10**9}"


def cgroups():
    return {path for path, _, _ in os.walk("/sys/fs/cgroup")
            if os.path.basename(path).startswith("belljar-")}


def started(directory, mark):
    """A client whose launcher is up, and the launcher's process id."""
    words = ["sh", "-c", f"(setsid sleep {mark} &); sleep {mark}"]
    client = subprocess.Popen([sys.executable, "-c", CLIENT, f"{BUILD}/libbelljar.so",
                               f"{BUILD}/belljar-launcher", *words],
                              cwd=directory, stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == "ready\n"
    found = wait_until(lambda: [pid for pid, name in descendants(client.pid).items()
                                if name == "belljar-launch"])
    return client, found[0]


def killed(directory, mark, victims, delay):
    """One client's life; delay None = once the command runs."""
    client, launcher = started(directory, mark)
    if delay is None:
        assert wait_until(lambda: len(with_word(mark)) >= 2)
    else:
        time.sleep(delay)
    try:
        if "launcher" in victims:
            os.kill(launcher, signal.SIGKILL)  # there as long as its client
        if "client" in victims:
            client.kill()
        status = client.wait(10)
    finally:
        client.kill()
        client.wait()
        client.stdout.close()
    expected = {"launcher": 9, "client": -signal.SIGKILL}  # of both, the first may be enough
    assert status in {expected[victim] for victim in victims}


@pytest.fixture
def nothing_left(tmp_path, mark):
    become_subreaper()
    others, files, below = cgroups(), tree(tmp_path), descendants()
    yield
    assert wait_until(lambda: not with_word(mark)), "processes of the command"
    assert wait_until(lambda: descendants().keys() <= below.keys()), descendants()
    assert wait_until(lambda: cgroups() <= others), cgroups() - others
    assert tree(tmp_path) == files


@pytest.mark.parametrize("victims", [["client"], ["launcher", "client"]], ids=" and ".join)
def test_while_the_command_runs(tmp_path, nothing_left, mark, victims):
    killed(tmp_path, mark, victims, None)


def test_launcher_alone(tmp_path, nothing_left, mark):
    """The client hears of it."""
    killed(tmp_path, mark, ["launcher"], None)


def test_at_any_moment(tmp_path, nothing_left, mark):
    for _ in range(30):
        victims = random.choice([["client"], ["launcher", "client"]])
        killed(tmp_path, mark, victims, random.uniform(0, 0.015))
