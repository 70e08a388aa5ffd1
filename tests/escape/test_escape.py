"""Every attempt of the programs in this directory, in both halves; see attempt.h."""

import pytest
from halves import Row, outer_caller, run_half
from scenarios import SCENARIOS
from stage import DECLARED, Lacks

import sandboxes

_outside = {}  # an outer half that callers or modes share is made once


def outside(row, stage, caller):
    """Makes the outer half. Returns what this host lacks for it, or "" where it succeeded."""
    maker = outer_caller(row, stage, caller)
    if maker is None:
        return "root outside"
    key = (row.name, maker.name)
    if key not in _outside:
        _outside[key] = prove(row, stage, maker)
    return _outside[key]


def prove(row, stage, maker):
    """That it can be done here; on a busy machine some things take a second try."""
    for _ in range(3):
        try:
            outcome = run_half(row, stage, maker, None, SCENARIOS)
        except Lacks as lacks:
            return str(lacks)
        if outcome.verdict == "LACKING":
            return outcome.text
        if outcome.verdict == "DONE":
            return ""
    pytest.fail(f"the outer half must succeed: {outcome}")


def test_attempt(row, name, mode, stage, sandbox):
    caller = stage.callers[name]
    options = sandboxes.MODES[mode][0] if mode else ()
    lacking = outside(row, stage, caller)
    try:
        outcome = run_half(row, stage, caller, sandbox, SCENARIOS, options)
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
