"""The CPU limit. Measured by the workload itself, and compared with what the result says."""

import pytest

# Spins for two seconds of wall time in as many processes as said; prints used/elapsed. The clock of
# processes is read, so a busy host lowers the figure and never raises it.
SPIN = """
import os, sys, time
start = time.monotonic()
for _ in range(int(sys.argv[1]) - 1):
    if os.fork() == 0:
        while time.monotonic() < start + 2:
            pass
        os._exit(0)
while time.monotonic() < start + 2:
    pass
try:
    while True:
        os.wait()
except ChildProcessError:
    pass
used = os.times()
print(sum(used[:4]) / (time.monotonic() - start))
"""


def spin(belljar, cpus, processes):
    outcome = belljar.run("--cpus", cpus, "--json", "--", "/usr/bin/python3", "-c", SPIN,
                          processes)
    assert outcome.status == 0, outcome
    return outcome


@pytest.mark.requires("cgroup")
@pytest.mark.parametrize(("cpus", "processes"), [(0.5, 1), (0.5, 3), (1, 3)])
def test_share(belljar, cpus, processes):
    outcome = spin(belljar, cpus, processes)
    assert 0.4 * cpus <= float(outcome.json["stdout"]) <= 1.5 * cpus
    assert "cpu" in outcome.json["layers"]


@pytest.mark.requires("cgroup")
def test_time_is_told(belljar):
    """cpu_ms counts what children used too."""
    result = spin(belljar, 0.5, 2).json
    share = result["cpu_ms"] / result["duration_ms"]
    assert 0.2 <= share <= 0.7, result
