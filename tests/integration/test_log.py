"""--log, --log-format and their variables on real runs."""

import json

import pytest


def test_nothing_is_logged_unless_asked(belljar):
    done = belljar.run("true")
    assert (done.status, done.err) == (0, "")


def test_categories_and_levels(belljar):
    done = belljar.run("--log", "sandbox=debug", "true")
    assert done.status == 0
    lines = done.err.splitlines()
    assert any(" info sandbox: layers: " in line and "seccomp" in line for line in lines)
    assert any(" debug sandbox: command started after " in line for line in lines)
    assert any(" info sandbox: ended with 0 after " in line for line in lines)
    assert belljar.run("--log", "policy=trace", "true").err == ""


def test_variable_and_flag(belljar):
    belljar.variables |= {"BELLJAR_LOG": "sandbox=info", "BELLJAR_LOG_FORMAT": "json"}
    entries = [json.loads(line) for line in belljar.run("true").err.splitlines()]
    assert {(entry["category"], entry["level"]) for entry in entries} == {("sandbox", "info")}
    assert all(entry["time"].endswith("Z") and entry["pid"] > 0 for entry in entries)
    assert belljar.run("--log", "off", "true").err == ""


def test_logging_leaves_output_and_status_alone(belljar):
    done = belljar.sh("echo out; exit 3", "--log", "trace")
    assert (done.status, done.out) == (3, "out\n")


def test_secrets_are_not_logged(belljar):
    done = belljar.sh("echo $TOKEN; exit 0", "--log", "trace", "-e", "TOKEN=s3cr3t-value")
    assert done.out == "s3cr3t-value\n"
    assert "s3cr3t" not in done.err


@pytest.mark.parametrize("levels", ["loud", "sandbox=loud", "sand=debug", "debug,"])
def test_wrong_levels_are_refused(belljar, levels):
    done = belljar.run("--log", levels, "true")
    assert done.status == 125 and done.err.startswith("belljar: --log: expected CATEGORY=LEVEL")
