"""A thousand runs, some with daemons, time-outs and failures, a quarter killed with SIGKILL at random
moments; then nothing of them is left anywhere."""

import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from program import AS_ROOT, become_subreaper, descendants, tree, wait_until

RUNS = 1000
AT_ONCE = 4
SETTLE = 5  # seconds: the kernel tears namespaces down late
KILL_WITHIN = 0.015  # seconds from the start; a whole run takes less
STARTED = time.time()
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/run")

# How often of a hundred, the arguments, and the statuses that are right.
KINDS = [
    (30, ["--", "/bin/true"], {0}),
    (15, ["-c", "echo x >f; rm f; exit 3"], {3}),
    (5, ["--", "no-such-command"], {127}),
    (4, ["--memory", "lots", "--", "true"], {125}),
    (4, ["-v", "/nowhere:/x", "--", "true"], {125}),
    (14, ["-c", "(setsid sleep 600 >/dev/null 2>&1 &); sleep 600 & exit 0"], {0}),
    (3, ["--timeout", "1", "-c", "setsid sleep 600 & sleep 600"], {124}),
    (7, ["-t", "-c", "tty >/dev/null"], {0}),
    (6, ["--workspace", "empty", "-c", "head -c 1m /dev/zero >f"], {0}),
    (6, ["--user", "root", "-c", "kill -9 $$"], {137}),
    (6, ["--json", "--", "true"], {0}),
]


def cgroups_of(pids):
    """Directories that runs of this test made: by process id, owner and age, since ids come again."""
    found = []
    for directory, names, _ in os.walk("/sys/fs/cgroup"):
        for name in names:
            of = re.match(r"belljar-(\d+)", name)
            if not of or int(of.group(1)) not in pids:
                continue
            try:
                status = os.stat(os.path.join(directory, name))
            except FileNotFoundError:
                continue
            if status.st_uid == os.geteuid() and status.st_mtime >= STARTED:
                found.append(os.path.join(directory, name))
    return found


def mounts():
    """Mount points and their roots; without numbers that others change."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted(" ".join(line.split()[2:5]) for line in lines)


def shared_files():
    """What Belljar or this user could have left where everybody writes."""
    found = set()
    for directory in SHARED:
        for entry in os.scandir(directory):
            try:
                mine = not AS_ROOT and entry.stat(follow_symlinks=False).st_uid == os.getuid()
            except FileNotFoundError:
                continue
            if mine or re.match(r"\.?belljar(?!-(test|broker))", entry.name):
                found.add(entry.path)
    return found


def kernel_counts():
    """Objects of all the machine: exact only where nobody else works, so compared with a margin."""
    counts = {"open files": int(Path("/proc/sys/fs/file-nr").read_text().split()[0])}
    if AS_ROOT:
        for line in Path("/proc/slabinfo").read_text().splitlines():
            name, active = (line.split() + ["0", "0"])[:2]
            if name in ("net_namespace", "mnt_cache", "pid_namespace", "user_namespace"):
                counts[name] = int(active)
    return counts


MARGIN = {"open files": 1500, "net_namespace": 150, "mnt_cache": 6000, "pid_namespace": 400,
          "user_namespace": 400}


def state(belljar):
    return {"mounts": mounts(), "workspace": tree(belljar.directory.parent),
            "shared files": shared_files(), "descriptors": sorted(os.listdir("/proc/self/fd")),
            "processes": descendants()}


def kind(dice):
    number = dice.randrange(100)
    for share, words, statuses in KINDS:
        if number < share:
            return words, statuses
        number -= share
    raise AssertionError("the shares are less than 100")


def finish(running, problems):
    for process, words, statuses, killed in running:
        status = process.wait(20)
        if status not in (statuses | {-9} if killed else statuses):
            problems.append((words, status))


def batch(belljar, dice, pids, problems):
    """A few runs side by side; a quarter of them is killed on the way."""
    running = []
    for _ in range(AT_ONCE):
        words, statuses = kind(dice)
        process = belljar.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pids.add(process.pid)
        killed = dice.randrange(4) == 0
        running.append((process, words, statuses, killed))
        if killed:
            time.sleep(dice.uniform(0, KILL_WITHIN))
            process.kill()
    finish(running, problems)


def test_thousand_runs_leave_nothing(belljar):
    seed = random.randrange(10**9)
    dice = random.Random(seed)
    become_subreaper()
    belljar.run("--", "true")
    before, counted, pids, problems = state(belljar), kernel_counts(), set(), []
    for _ in range(RUNS // AT_ONCE):
        batch(belljar, dice, pids, problems)
    assert not problems, (seed, problems)
    wait_until(lambda: not descendants() and not cgroups_of(pids), SETTLE)
    assert not cgroups_of(pids), seed
    (belljar.directory / "f").unlink(missing_ok=True)  # a command's own, killed before its rm
    after = state(belljar)
    for name, value in before.items():
        assert after[name] == value, (seed, name)
    for name, value in kernel_counts().items():
        assert value - counted[name] < MARGIN[name], (seed, name, counted[name], value)


@pytest.mark.requires("cgroup")
def test_kill_of_the_process_group(belljar):
    """As a supervisor does that has waited too long: whoever cleans up must not be in it."""
    pids = set()
    for step in range(200):
        process = belljar.start("--", "true", process_group=0, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        pids.add(process.pid)
        time.sleep(step % 50 / 10000)
        os.killpg(process.pid, signal.SIGKILL)  # at worst a zombie
        process.wait()
    assert wait_until(lambda: not cgroups_of(pids), SETTLE), cgroups_of(pids)


def test_namespaces_are_given_back(belljar):
    """In a user namespace that may have few namespaces below it: leaked ones would soon use them up."""
    script = ("for kind in user mnt pid net ipc uts cgroup; do"
              " echo 60 >/proc/sys/user/max_${kind}_namespaces || exit 9; done\n"
              "i=0; while [ $i -lt 300 ]; do i=$((i+1))\n"
              "if [ $((i % 4)) = 0 ]; then timeout -s KILL 0.00$((i % 10)) \"$@\" 2>/dev/null\n"
              "else \"$@\" || { echo failed at $i; sleep 2; \"$@\" || exit 8; }; fi; done")
    if subprocess.run(["unshare", "-Ur", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this host lacks user namespaces")
    done = subprocess.run(["unshare", "-Ur", "bash", "-c", script, "bash",
                           *belljar.command("--", "/bin/true")], cwd=belljar.directory, text=True,
                          capture_output=True, env=belljar.environment(), check=False, timeout=120)
    assert done.returncode == 0, done
