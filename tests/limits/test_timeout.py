"""The time limit: it ends everything, and says so."""

import time

import pytest
from limit_runs import processes_with, wait_until

# SECONDS is the token, which every process started carries.
WAYS = {
    "plain": "sleep SECONDS",
    "daemon": "setsid sleep SECONDS & setsid sh -c 'sleep SECONDS & sleep SECONDS' &"
              " sleep SECONDS",
    "ignores signals": "trap '' TERM INT HUP; while :; do sleep SECONDS; done",
    "stopped": "setsid sleep SECONDS & kill -STOP $$; sleep SECONDS",
}


@pytest.mark.parametrize("way", WAYS)
def test_ends_everything(belljar, token, way):
    start = time.monotonic()
    script = WAYS[way].replace("SECONDS", token) + "; :"
    outcome = belljar.run("--timeout", "1s", "--json", "--", "sh", "-c", script)
    assert outcome.status == 124, outcome
    assert outcome.json["timed_out"] is True
    assert outcome.json["oom_killed"] is False
    assert outcome.json["exit_code"] == 124
    assert outcome.json["reason"]
    assert 900 <= outcome.json["duration_ms"] <= 1000 * (time.monotonic() - start) + 1
    assert wait_until(lambda: not processes_with(token), 5)


def test_message(belljar):
    outcome = belljar.run("--timeout", "1s", "--", "sleep", "60")
    assert outcome.status == 124
    assert "1" in outcome.stderr and "time" in outcome.stderr


def test_background_child_holds_nobody(belljar):
    """The run ends with its command, not when the last holder of the output closes it."""
    start = time.monotonic()
    outcome = belljar.run("--timeout", "60s", "--json", "--", "sh", "-c", "sleep 50 & echo done")
    assert outcome.status == 0, outcome
    assert outcome.json["stdout"] == "done\n"
    assert time.monotonic() - start < 30
