"""The cgroup of a run: its settings while it lives, and that nothing of it stays."""

import os
import signal

import pytest
from limit_runs import cgroup_directories, processes_with, wait_until

import limit_host


def start_and_find(belljar, token, *options, command="sleep SECONDS"):
    """A run that is under way, and the cgroup directories of its workload."""
    script = f"sleep 0.2; {command}; true".replace("SECONDS", token)
    run = belljar.start(*options, "--", "sh", "-c", script, token)
    found = wait_until(lambda: processes_with(token))
    assert found, run.communicate(timeout=60)
    return run, cgroup_directories(found[0])


def all_gone(directories):
    """Only the cgroups that were made for the run must go; those are not our own."""
    own = set(cgroup_directories("self").values())
    return not [d for d in directories.values() if d.exists() and d not in own]


@pytest.mark.requires("cgroup2")
def test_settings(belljar, token):
    run, directories = start_and_find(belljar, token, "--memory", "256m", "--cpus", "0.5",
                                      "--processes", "20")
    try:
        group = directories[""]
        limits = group if (group / "memory.max").exists() and \
            (group / "memory.max").read_text() != "max\n" else group.parent
        assert int((limits / "memory.max").read_text()) == 256 << 20
        assert int((limits / "pids.max").read_text()) in range(20, 24)  # 20 and Belljar's init
        quota, period = map(int, (limits / "cpu.max").read_text().split())
        assert quota / period == 0.5
        swap = limits / "memory.swap.max"
        assert not swap.exists() or int(swap.read_text()) == 0
    finally:
        run.terminate()
        run.communicate(timeout=60)


@pytest.mark.requires("cgroup2")
def test_made_where_we_may(belljar, token):
    """Below the nearest ancestor that is ours, not elsewhere in the tree."""
    run, directories = start_and_find(belljar, token, "--memory", "256m")
    try:
        assert directories[""].is_relative_to(limit_host.cgroup2_parent())
        assert directories[""] != cgroup_directories("self")[""]
    finally:
        run.terminate()
        run.communicate(timeout=60)


@pytest.mark.requires("cgroup2")
def test_workload_cannot_change_it(belljar):
    """No cgroup file system inside; and mounting one is refused."""
    outcome = belljar.run("--memory", "64m", "--json", "--", "sh", "-c",
                          "cat /sys/fs/cgroup/cgroup.procs; find / -name memory.max 2>/dev/null;"
                          " cat /proc/self/cgroup")
    assert "memory.max" not in outcome.json["stdout"]
    assert outcome.json["stdout"].strip() == "0::/", outcome


ENDS = {
    "success": ([], "true", None),
    "failure": ([], "exit 7", None),
    "time-out": (["--timeout", "2s"], "sleep SECONDS", None),
    "memory": ([], "dd if=/dev/zero of=/dev/null bs=200M count=1", None),
    "daemon": ([], "setsid sleep SECONDS & setsid sleep SECONDS & sleep 0.5", None),
    "terminated": ([], "sleep SECONDS", signal.SIGTERM),
    "interrupted": ([], "sleep SECONDS", signal.SIGINT),
    "killed": ([], "sleep SECONDS", signal.SIGKILL),
}


@pytest.mark.requires("cgroup")
@pytest.mark.parametrize("end", ENDS)
def test_gone_afterwards(belljar, token, end):
    options, command, sign = ENDS[end]
    run, directories = start_and_find(belljar, token, "--memory", "64m", *options,
                                      command=command)
    if sign is not None:
        os.kill(run.pid, sign)
    run.communicate(timeout=90)
    assert wait_until(lambda: not processes_with(token, launchers=True), 5), "processes are left"
    assert wait_until(lambda: all_gone(directories), 5), f"left: {directories}"


@pytest.mark.requires("cgroup2")
def test_many_at_once(belljar, token):
    """Sandboxes side by side have a cgroup each."""
    runs = [start_and_find(belljar, f"{token}-{i}", "--memory", "64m") for i in range(5)]
    try:
        assert len({directories[""] for _, directories in runs}) == 5
    finally:
        for run, _ in runs:
            run.terminate()
        for run, _ in runs:
            run.communicate(timeout=60)
    for _, directories in runs:
        assert wait_until(lambda d=directories: all_gone(d), 5)


@pytest.mark.requires("cgroup2")
@pytest.mark.parametrize("user", ["ordinary", "root"])
def test_nothing_stays_of_many_runs(belljar, user):
    """None of them hangs, and the cgroup that they are made in is as it was."""
    parent = limit_host.cgroup2_parent()
    before = sorted(parent.iterdir())
    for _ in range(100):
        outcome = belljar.run("--memory", "64m", "--user", user, "--", "true")
        assert outcome.status == 0, outcome
    assert wait_until(lambda: sorted(parent.iterdir()) == before, 5), sorted(parent.iterdir())


@pytest.mark.requires("cgroup")
def test_nothing_is_degraded_where_it_can_be_had(belljar):
    outcome = belljar.run("--preset", "minimal", "--json", "--", "true")
    assert outcome.status == 0, outcome
    assert not {"memory", "cpu", "processes"} & set(outcome.degraded)
    assert {"memory", "cpu", "processes"} <= set(outcome.json["layers"])
