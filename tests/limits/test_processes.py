"""The limit of processes and threads."""

import pytest

FORKS = """
import os, time
made = 0
try:
    while made < 500:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        made += 1
except OSError as error:
    print("refused", error.errno)
print("made", made, flush=True)
"""

THREADS = """
import threading, time
made = 0
try:
    while made < 500:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        made += 1
except RuntimeError:
    pass
import os
os.write(1, b"made %d\\n" % made)
os._exit(0)
"""


def made(outcome):
    return int(outcome.json["stdout"].split("made ")[1])


@pytest.mark.requires("cgroup")
@pytest.mark.parametrize("text", [FORKS, THREADS], ids=["processes", "threads"])
def test_limit_holds(belljar, text):
    outcome = belljar.run("--processes", "20", "--json", "--", "/usr/bin/python3", "-c", text)
    assert outcome.status == 0, outcome
    assert 10 <= made(outcome) < 20
    assert "processes" in outcome.json["layers"]


@pytest.mark.requires("cgroup")
def test_limit_is_of_one_sandbox(belljar, token):
    """A full sandbox takes nothing from the next one."""
    full = belljar.start("--processes", "20", "--", "/usr/bin/python3", "-c",
                         FORKS + "time.sleep(60)", token)
    try:
        assert "refused" in full.stdout.readline()
        outcome = belljar.run("--processes", "20", "--json", "--", "/usr/bin/python3", "-c", FORKS)
        assert made(outcome) >= 10, outcome
    finally:
        full.terminate()
        full.communicate(timeout=60)


@pytest.mark.requires("cgroup")
def test_fork_bomb_ends_with_the_time_limit(belljar):
    """The shell that waits forks once, before there is a bomb: with none left it would end."""
    outcome = belljar.run("--processes", "30", "--timeout", "2s", "--json", "--", "sh", "-c",
                          "bomb() { bomb | bomb & wait; }; (bomb 2>/dev/null) & exec sleep 60")
    assert outcome.status == 124, outcome
    assert outcome.json["timed_out"] is True


@pytest.mark.requires("bare")
def test_without_cgroup_it_is_held_or_refused(bare):
    """Where no cgroup counts, another mechanism may; what may not happen is that nothing does."""
    outcome = bare.run("--processes", "20", "--json", "--", "/usr/bin/python3", "-c", FORKS)
    if outcome.status == 125:
        assert "process" in outcome.json["error"]["message"]
    else:
        assert outcome.status == 0, outcome
        assert made(outcome) < 20
