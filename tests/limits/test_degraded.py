"""Limits on a host that cannot enforce them: refused when asked for, reported when a default."""

import os
import subprocess

import pytest

import limit_host

UNENFORCEABLE = {"memory": ("--memory", "256m"), "cpu": ("--cpus", "1")}

pytestmark = pytest.mark.requires("bare")


@pytest.mark.parametrize("layer", UNENFORCEABLE)
def test_asked_for_is_refused(bare, layer):
    outcome = bare.run(*UNENFORCEABLE[layer], "--", "sh", "-c", "echo ran; echo ran >trace")
    assert outcome.status == 125, outcome
    assert outcome.stdout == ""
    assert layer in outcome.stderr.lower()
    assert "--allow-degraded" in outcome.stderr
    assert not (bare.directory / "trace").exists()


@pytest.mark.parametrize("layer", UNENFORCEABLE)
def test_asked_for_with_leave(bare, layer):
    outcome = bare.run(*UNENFORCEABLE[layer], "--allow-degraded", "--json", "--", "echo", "ran")
    assert outcome.status == 0, outcome
    assert outcome.json["stdout"] == "ran\n"
    assert outcome.degraded[layer].strip()
    assert layer not in outcome.json["layers"]


@pytest.mark.parametrize("layer", UNENFORCEABLE)
def test_required_is_refused(bare, layer):
    outcome = bare.run("--preset", "minimal", "--require", layer, "--", "echo", "ran")
    assert outcome.status == 125, outcome
    assert outcome.stdout == ""
    assert layer in outcome.stderr.lower()


@pytest.mark.parametrize(("preset", "cpus"), [("minimal", 1), ("standard", 2)])
def test_preset_runs_and_says_so(bare, preset, cpus):
    """As many CPUs as the host has are no limit, so nothing is missing then."""
    expected = {"memory", "cpu"} if len(os.sched_getaffinity(0)) > cpus else {"memory"}
    outcome = bare.run("--preset", preset, "--json", "--", "echo", "ran")
    assert outcome.status == 0, outcome
    assert outcome.json["stdout"] == "ran\n"
    assert expected <= set(outcome.degraded)
    assert all(reason.strip() for reason in outcome.degraded.values())
    assert not set(outcome.degraded) & {"seccomp", "landlock", "mount", "pid", "network"}


def test_config_file_counts_as_asked_for(bare):
    (bare.directory / "belljar.json").write_text('{"resource_limits": {"memory_mb": 256}}')
    outcome = bare.run("--config", "belljar.json", "--", "echo", "ran")
    assert outcome.status == 125, outcome
    assert "memory" in outcome.stderr.lower()


@pytest.mark.requires("root")
@pytest.mark.parametrize("kind", ["tmpfs", "ramfs"])
def test_false_cgroup_is_not_believed(belljar, kind):
    """Another file system where cgroups should be takes the writes and limits nothing."""
    script = f'mount -t {kind} x /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/memory; exec "$@"'
    belljar.prefix = ("unshare", "-m", "sh", "-c", script, "sh")
    outcome = belljar.run("--memory", "64m", "--", "echo", "ran")
    assert outcome.status == 125, outcome
    assert outcome.stdout == ""


@pytest.mark.requires("root", "cgroup")
def test_read_only_cgroup_is_not_enough(belljar):
    """As in a container, where the cgroup tree is there but mounted read-only."""
    points = [str(p) for kind in ("cgroup", "cgroup2") for p, _ in limit_host.mounts(kind)]
    script = "".join(f"mount -o remount,ro,bind {p}; " for p in points) + 'exec "$@"'
    belljar.prefix = ("unshare", "-m", "sh", "-c", script, "sh")
    outcome = belljar.run("--memory", "64m", "--", "echo", "ran")
    assert outcome.status == 125, outcome
    outcome = belljar.run("--preset", "minimal", "--json", "--", "echo", "ran")
    assert outcome.status == 0, outcome
    assert "memory" in outcome.degraded


def test_every_limit_off_needs_nothing(bare):
    outcome = bare.run("--memory", "0", "--cpus", "0", "--processes", "0", "--disk", "0",
                       "--json", "--", "true")
    assert outcome.status == 0, outcome
    assert not {"memory", "cpu", "processes", "disk"} & set(outcome.degraded)


@pytest.mark.requires("root")
def test_mask_of_these_tests_works(bare):
    """The means by which the tests above take cgroups away does so."""
    done = subprocess.run([*bare.prefix, "sh", "-c", "ls -A /sys/fs/cgroup | grep -c ."],
                          capture_output=True, text=True, check=False)
    assert done.stdout.strip() in ("0", ""), done
