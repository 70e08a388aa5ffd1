"""belljar check for calls of any tool."""

import json
import subprocess

import pytest
from program import BELLJAR

SECURITY = {"blocked_tools": ["WebSearch"], "denied_paths": ["/etc/shadow", "~/.ssh"],
            "deny_risk": "critical"}


@pytest.fixture
def check(tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"security": SECURITY}))

    def run(*words, input=None):
        return subprocess.run([BELLJAR, "check", "--config", config, *words], cwd=tmp_path,
                              env={"PATH": "/usr/bin:/bin", "HOME": "/home/u"}, text=True,
                              input=input, capture_output=True, check=False)
    return run


@pytest.mark.parametrize(("tool", "arguments", "status", "rule"), [
    ("Read", {"file_path": "a.txt"}, 0, None),
    ("Read", {"file_path": "/etc/../etc/shadow"}, 1, "path.denied"),
    ("Read", {"file_path": "~/.ssh/id_rsa"}, 1, "path.denied"),
    ("Grep", {"pattern": "x", "path": "/home"}, 2, "path.holds"),
    ("WebSearch", {"query": "x"}, 1, "tool.blocked"),
    ("WebFetch", {"url": "file:///etc/passwd"}, 1, "url.scheme"),
    ("Write", {"path": "x"}, 1, "tool.arguments"),
    ("Bash", {"command": "cat ~/.ssh/id_rsa"}, 1, "path.denied"),
    ("Bash", {"command": "cd ~/.ssh && cat id_rsa"}, 1, "path.denied"),
    ("Bash", {"command": "cp -r ~ /tmp/x"}, 2, "path.holds"),
    ("Bash", {"command": "ls -l"}, 0, None),
    ("mcp__any__tool", {"whatever": 1}, 0, None),
])
def test_calls(check, tool, arguments, status, rule):
    done = check("--json", "--tool", tool, "--arguments", json.dumps(arguments))
    assert done.returncode == status, done
    rules = [violation["rule"] for violation in json.loads(done.stdout)["violations"]]
    assert rule is None or rule in rules


def test_words_for_a_person(check):
    done = check("--tool=Read", '--arguments={"path": "/etc/shadow"}')
    assert done.returncode == 1
    assert "/etc/shadow may not be read" in done.stdout


def test_request_from_a_file_and_from_input(check, tmp_path):
    call = {"session_id": "s", "cwd": "/etc", "tool_name": "Read",
            "tool_input": {"file_path": "shadow"}}
    (tmp_path / "call.json").write_text(json.dumps(call))
    assert check("--request", "call.json").returncode == 1
    assert check("--request", "-", input=json.dumps(call)).returncode == 1
    call = {"tool": "Read", "arguments": {"file_path": "shadow"}}
    assert check("--request", "-", input=json.dumps(call)).returncode == 0
    assert check("--request", "-", "-C", "/etc", input=json.dumps(call)).returncode == 1


@pytest.mark.parametrize(("words", "message"), [
    (["--tool", "Read", "--arguments", "{"], "line 1"),
    (["--tool", "Read", "--arguments", "[]"], "expected a JSON object"),
    (["--arguments", "{}"], "--tool NAME"),
    (["--tool"], "--tool: found nothing"),
    (["--request", "absent"], "absent"),
    (["--request", "x", "--tool", "Read"], "leave out --tool"),
    (["--tool", "Read", "ls"], "found both"),
])
def test_mistakes_of_the_caller(check, words, message):
    done = check(*words)
    assert done.returncode == 125 and message in done.stderr


def test_a_wrong_request_is_named(check, tmp_path):
    for text in ("", "[", '{"arguments": {}}'):
        (tmp_path / "wrong.json").write_text(text)
        assert "wrong.json: " in check("--request", "wrong.json").stderr
        assert "standard input: " in check("--request", "-", input=text).stderr


def test_names_that_are_nearly_tools_are_warned_of(check, tmp_path):
    config = tmp_path / "other.json"
    config.write_text(json.dumps({"security": {"blocked_tools": ["bash"]}}))
    done = check("--config", config, "--tool", "TodoWrite", "--arguments", '{"todos": []}')
    assert done.returncode == 0 and "did you mean Bash?" in done.stderr
    done = subprocess.run([BELLJAR, "config", "validate", config], text=True, capture_output=True,
                          check=False)
    assert "did you mean Bash?" in done.stderr
