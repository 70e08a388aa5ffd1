"""A pytest plugin: one "@@ result" line for each test, for the host that reads the serial line."""

import os

import pytest

SUITE = os.environ.get("BJ_SUITE", "suite")
OUT = os.dup(1)  # loaded before pytest captures anything


def say(text):
    os.write(OUT, f"\n@@ {text}\n".encode())


def reason_of(report):
    if isinstance(report.longrepr, tuple):  # a skip: file, line, reason
        return " | " + str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return " | " + crash.message.split("\n")[0][:300] if crash else ""


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report):
    counted = report.when == "call" or report.outcome != "passed"
    return report.outcome if counted else "", "", ""  # no dots between the lines


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        say(f"result {SUITE} {report.outcome} {report.nodeid}{reason_of(report)}")


def pytest_collectreport(report):
    if report.outcome != "passed":
        say(f"result {SUITE} {report.outcome} collecting-{report.nodeid}{reason_of(report)}")


@pytest.fixture
def fact():
    """Tells the host something that is true of this kernel."""
    return lambda name, value: say(f"fact {SUITE} {name}: {value}")
