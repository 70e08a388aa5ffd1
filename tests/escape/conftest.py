"""The stage of the escape tests, and what a skip means.

A skip is a declared requirement that this host cannot have (a kernel option, root outside, a cgroup
for an ordinary user); it is counted. With BJ_MUST_WORK=1 every other skip is a failure.
"""

import os

import pytest

import sandboxes
from halves import Row
from stage import AS_ROOT, DECLARED, Stage, programs


@pytest.fixture(scope="session")
def stage():
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture(scope="session")
def sandbox():
    return sandboxes.chosen()


def pytest_generate_tests(metafunc):
    if "row" not in metafunc.fixturenames:
        return
    names = ("root", "user") if AS_ROOT else ("user",)
    rows = Row.all(programs() / "attempt")
    cases = [(row, name, mode) for row in rows for name in names if row.for_caller(name)
             for mode in sandboxes.modes_of(row, name)]
    metafunc.parametrize(("row", "name", "mode"), cases,
                         ids=["-".join(filter(None, (row.name, name, mode)))
                              for row, name, mode in cases])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.skipped and os.environ.get("BJ_MUST_WORK") == "1":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if DECLARED not in reason:
            report.outcome = "failed"
            report.longrepr = f"skipped without a declared requirement: {reason}"
