"""`belljar check --settings`: SandboxCheckResult from the real program."""

import json
import os
import subprocess

import pytest
from program import BELLJAR, FAULTS, PATIENCE

SEED = {
    "enabled": True, "autoAllowBashIfSandboxed": True,
    "allowUnsandboxedCommands": ["git", "npm", "docker"],
    "excludedCommands": ["sudo", "systemctl"],
    "network": {"allowLocalBinding": True, "allowAllUnixSockets": False,
                "allowedUnixSockets": ["/var/run/docker.sock"]},
    "ignoreFileViolations": ["/tmp/*", "*.log"], "ignoreNetworkViolations": ["localhost:*"],
}


@pytest.fixture
def check(tmp_path):
    """Asks about a command under settings; the parsed result and the exit status."""
    def ask(settings, command, *options, path="/usr/bin:/bin", words=None):
        file = tmp_path / "settings.json"
        file.write_text(settings if isinstance(settings, str) else json.dumps(settings))
        words = words or ["--", command] if command.startswith("-") else [command]
        done = subprocess.run(
            [BELLJAR, "check", "--json", "--settings", file, *map(str, options), *words],
            text=True, env={"PATH": path, "HOME": str(tmp_path)}, cwd=tmp_path,
            capture_output=True, timeout=PATIENCE, check=False)
        assert done.returncode != 125, done
        return json.loads(done.stdout), done.returncode

    return ask


@pytest.mark.parametrize("settings, command, options, expected", [
    ({}, "rm -rf ~", [], (True, False, "Sandbox is disabled", "disabled", 0)),
    (SEED, "npm install", [], (True, False, "Command will run in sandbox", "sandboxed", 0)),
    (SEED, "sudo systemctl restart x", [],
     (True, False, "Command is in excluded list", "excluded", 0)),
    (SEED, "sudo rm -rf /", [], (True, False, "Command will run in sandbox", "sandboxed", 0)),
    (SEED, "npm install", ["--dangerously-disable-sandbox"],
     (False, True, "Command requests unsandboxed execution", "requires_permission", 2)),
    (SEED, "npm install; curl x | sh", ["--dangerously-disable-sandbox"],
     (False, False, "Unsandboxed commands are not allowed", "denied", 1)),
    (SEED, "make", ["--dangerously-disable-sandbox"],
     (False, False, "Unsandboxed commands are not allowed", "denied", 1)),
    ({"sandbox": {"enabled": True, "allowUnsandboxedCommands": True}}, "make",
     ["--dangerously-disable-sandbox"],
     (False, True, "Command requests unsandboxed execution", "requires_permission", 2)),
    ({"enabled": True, "excludedCommands": ["git"]}, "git status; rm -rf ~", [],
     (True, False, "Command will run in sandbox", "sandboxed", 0)),
])
def test_answers(check, settings, command, options, expected):
    said, status = check(settings, command, *options)
    assert (said["allowed"], said["requiresPermission"], said["reason"], said["outcome"],
            status) == expected


def test_the_note_says_why_a_listed_command_stays_inside(check):
    said, _ = check({"enabled": True, "excludedCommands": ["git"]}, "git status; rm -rf ~")
    assert said["note"] == "not taken for listed: it also runs rm"


def test_warnings(check):
    said, _ = check({"enable": True}, "true")
    assert said["warnings"] == ["enable: unknown field, without effect; did you mean enabled?"]


def run(*words, **options):
    return subprocess.run([BELLJAR, "check", *map(str, words)], text=True, capture_output=True,
                          timeout=PATIENCE, check=False, **options)


def test_errors_name_the_file_and_the_field(tmp_path):
    file = tmp_path / "s.json"
    file.write_text('{"network": {"allowLocalBinding": 1}}')
    done = run("--settings", file, "true")
    assert done.returncode == 125 and done.stdout == ""
    assert f"{file}: network.allowLocalBinding: expected true or false" in done.stderr
    done = run("--settings", tmp_path / "none", "true")
    assert done.returncode == 125 and "cannot open" in done.stderr


def test_plain_words(tmp_path):
    file = tmp_path / "s.json"
    file.write_text(json.dumps({"enabled": True, "excludedCommands": ["git"]}))
    assert run("--settings", file, "git status").stdout == "allowed: Command is in excluded list\n"
    done = run("--settings", file, "git status; rm x")
    assert done.stdout == "allowed: Command will run in sandbox (not taken for listed: it also " \
                          "runs rm)\n"


def test_a_program_and_its_arguments(tmp_path):
    file = tmp_path / "s.json"
    file.write_text(json.dumps({"enabled": True, "excludedCommands": ["git"]}))
    assert "excluded" in run("--settings", file, "--", "git", "log", "x; rm -rf x").stdout
    assert "in sandbox" in run("--settings", file, "--", "git status").stdout


def test_the_stricter_of_policy_and_settings_decides(tmp_path):
    settings, config = tmp_path / "s.json", tmp_path / "c.json"
    settings.write_text(json.dumps({"enabled": True, "excludedCommands": ["git"]}))
    config.write_text(json.dumps({"security": {"command_blacklist": ["git push.*"]}}))
    both = ("--settings", settings, "--config", config)
    assert run("--json", *both, "git status").returncode == 0
    refused = run("--json", *both, "git push")
    assert refused.returncode == 1
    said = json.loads(refused.stdout)
    assert (said["allowed"], said["requiresPermission"]) == (False, False)
    assert said["outcome"] == "denied" and said["reason"] != ""
    # The settings' refusal stays where the policy would allow.
    denied = run("--json", *both, "--dangerously-disable-sandbox", "ls")
    assert denied.returncode == 1
    assert json.loads(denied.stdout)["reason"] == "Unsandboxed commands are not allowed"


def test_disabling_needs_settings():
    done = run("--dangerously-disable-sandbox", "true")
    assert done.returncode == 125 and "--settings" in done.stderr


@pytest.mark.skipif(not os.path.exists(FAULTS), reason="this host lacks a build with faults")
def test_memory_that_ends_is_an_error(tmp_path):
    """Each allocation in turn fails: never another answer, never a crash."""
    file = tmp_path / "s.json"
    file.write_text(json.dumps({"excludedCommands": ["git", "npm"],
                                "network": {"allowedUnixSockets": ["/a"]}}))
    words = [FAULTS, "wrap", "--settings", file, "--workdir", tmp_path, "true"]
    expected = subprocess.run(words, capture_output=True, check=True).stdout
    failed = 0
    for call in range(1, 400):
        done = subprocess.run(words, capture_output=True, timeout=PATIENCE, check=False,
                              env={**os.environ, "BELLJAR_FAULT": str(call),
                                   "BELLJAR_FAULT_ERRNO": "ENOMEM"})
        assert done.returncode in (0, 125), (call, done)
        assert done.returncode == 125 or done.stdout == expected, (call, done)
        failed += done.returncode == 125
    assert failed > 20
