"""Every attempt of the programs in this directory, in both halves; see attempt.h."""

import pytest
from conftest import DECLARED
from halves import Row, outer_caller, run_half
from scenarios import SCENARIOS
from stage import Lacks

_outside = {}  # an outer half that both callers share is made once


def outside(row, stage, caller):
    """Makes the outer half. Returns what this host lacks for it, or "" where it succeeded."""
    maker = outer_caller(row, stage, caller)
    if maker is None:
        return "root outside"
    key = (row.name, maker.name)
    if key not in _outside:
        try:
            outcome = run_half(row, stage, maker, None, SCENARIOS)
        except Lacks as lacks:
            _outside[key] = str(lacks)
        else:
            if outcome.verdict == "LACKING":
                _outside[key] = outcome.text
            else:
                assert outcome.verdict == "DONE", f"the outer half must succeed: {outcome}"
                _outside[key] = ""
    return _outside[key]


def test_attempt(row, name, stage, sandbox):
    caller = stage.callers[name]
    lacking = outside(row, stage, caller)
    try:
        outcome = run_half(row, stage, caller, sandbox, SCENARIOS)
    except Lacks as lacks:
        pytest.skip(DECLARED + str(lacks))
    assert outcome.verdict in ("REFUSED", "LACKING"), \
        f"rule {row.rule}, {row.text}: {outcome}"
    if lacking:
        pytest.skip(DECLARED + lacking)


def test_number_of_attempts(stage):
    """A table that was lost would not be missed otherwise."""
    rows = list(Row.all(stage.bin / "attempt"))
    assert len(rows) >= 400
    assert len({row.name for row in rows}) == len(rows)
    assert {row.rule for row in rows} >= set(range(1, 10)) | {11}
    assert {row.scenario.split(":")[0] for row in rows} <= set(SCENARIOS)
