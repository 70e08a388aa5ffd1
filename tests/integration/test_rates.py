"""max_requests over runs, each of which is a process of its own."""

import json
import time

import pytest


@pytest.fixture
def limited(belljar, tmp_path):
    """Runs a command under at most three calls in two seconds."""
    def run(*words, **security):
        path = tmp_path / "config.json"
        settings = {"max_requests": 3, "window_seconds": 2, "audit": "on",
                    "audit_path": str(tmp_path / "state" / "audit.db"),
                    "command_analysis": False} | security
        path.write_text(json.dumps({"security": settings}))
        return belljar.run("--config", path, *words)
    return run


def test_calls_beyond_the_rate_are_refused_until_the_window_moves(limited):
    for _ in range(3):
        assert limited("true").status == 0
    for _ in range(3):  # a refused call does not count
        done = limited("--json", "touch", "made")
        assert done.status == 125
        assert "rate.limit" in [v["rule"] for v in done.json["verdict"]["violations"]]
        assert 0 < done.json["verdict"]["retry_after_ms"] <= 2000
    time.sleep(done.json["verdict"]["retry_after_ms"] / 1000)
    assert limited("true").status == 0


def test_without_records_a_rate_is_refused(limited):
    done = limited("true", audit="off")
    assert done.status == 125 and "set security.audit to on" in done.err


def test_rate_that_cannot_be_counted_is_refused(limited):
    done = limited("true", audit_path="/proc/none/audit.db")
    assert done.status == 125 and "security.max_requests" in done.err
