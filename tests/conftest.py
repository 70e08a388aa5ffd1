"""What a skip means, for every suite of tests.

A test declares what it needs by `@pytest.mark.requires(...)` with the names of REQUIREMENTS below or
by a reason that begins with "this host lacks". That is a skip. With BJ_MUST_WORK=1 any other
skip, and one for a requirement that the host does meet, is a failure.
"""

import os
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "limits"))

import limit_host

REQUIREMENTS = limit_host.REQUIREMENTS | {"user": lambda: os.getuid() != 0}
DECLARED = re.compile(r"(?:Skipped: )?(?:this host lacks .|needs ([\w-]+)$)")


def pytest_configure(config):
    config.addinivalue_line("markers", "requires(name...): see tests/conftest.py")


def pytest_runtest_setup(item):
    for mark in item.iter_markers("requires"):
        for name in mark.args:
            if not REQUIREMENTS[name]():
                pytest.skip(f"needs {name}")


def declared(reason):
    """Is this the reason of a skip that nobody can help?"""
    found = DECLARED.match(reason)
    if not found or not found.group(1):
        return bool(found)
    probe = REQUIREMENTS.get(found.group(1))
    return probe is not None and not probe()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if not report.skipped or hasattr(report, "wasxfail") or os.environ.get("BJ_MUST_WORK") != "1":
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not declared(reason):
        report.outcome = "failed"
        report.longrepr = f"skipped without a requirement that this host cannot meet: {reason}"
