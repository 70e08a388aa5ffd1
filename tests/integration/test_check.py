"""belljar check, by the real program: verdicts, exit status, what is printed, and what fails."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BELLJAR = os.environ.get("BELLJAR", str(ROOT / "build/belljar"))
FAULTS = os.environ.get("BELLJAR_FAULTS", str(ROOT / "build-faults/belljar"))
ALLOW, DENY, ASK, FAILED = 0, 1, 2, 125
ROOT_PATTERN = r"rm\s+-rf\s+/\*?(\s|$)"


def check(*arguments, program=BELLJAR, **options):
    options = {"stdin": subprocess.DEVNULL} if "input" not in options and not options else options
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/home/me"} | options.pop("variables", {})
    return subprocess.run([program, "check", *arguments], env=environment, text=True,
                          capture_output=True, timeout=60, check=False, **options)


@pytest.mark.parametrize("command, status", [
    ("ls -la", ALLOW), ("rm -rf /", DENY), ("sudo ls", ASK), ("", ALLOW), ("# x", ALLOW),
    ("chmod 777 x", ALLOW), ("if", ASK)])
def test_verdict_is_the_exit_status(command, status):
    done = check(command)
    assert done.returncode == status, done
    assert done.stdout.splitlines()[-1] == ["allow", "deny", "ask"][status]
    assert done.stderr == ""


def test_text_from_standard_input():
    assert check("-", input="rm -rf /\n").returncode == DENY
    assert check(input="ls\n").returncode == ALLOW
    assert check(input="ls\0x").returncode == FAILED
    assert check(input="x" * (200 << 10)).returncode == FAILED


def test_argument_list():
    assert check("--", "rm", "-rf", "/").returncode == DENY
    assert check("--", "echo", "rm -rf /; sudo x").returncode == ALLOW
    assert check("--json", "--", "sh", "-c", "rm -rf /").returncode == DENY


def test_directory(tmp_path):
    (tmp_path / "d").mkdir()
    deny = ["--deny-command", rf"rm -rf {tmp_path}/d$"]
    assert check("-C", str(tmp_path), *deny, "rm -rf d").returncode == DENY
    assert check(f"-C{tmp_path}", *deny, "rm -rf d").returncode == DENY
    assert check("-C", "/usr", *deny, "rm -rf d").returncode == ALLOW
    done = check("-C", str(tmp_path / "none"), "ls")
    assert done.returncode == FAILED and "none" in done.stderr


def test_json_has_everything():
    done = check("--json", "ls; s''udo id")
    verdict = json.loads(done.stdout)
    assert done.returncode == ASK
    assert verdict["decision"] == "ask" and verdict["risk"] == "medium"
    assert verdict["command"] == "ls; s''udo id"
    [violation] = verdict["violations"]
    assert violation["rule"] == "privilege.sudo"
    assert violation["command"] == "sudo id"
    assert verdict["command"][slice(*violation["span"])] == "s''udo id"
    assert verdict["retry_after_ms"] == 0
    assert violation["advice"] and violation["description"] == verdict["reason"]


@pytest.mark.parametrize("text", ['echo "a', "echo 'a", "echo $(ls", "echo `ls", "cat <<E\nx"])
def test_what_does_not_end_is_said(text):
    done = check(text)
    assert done.returncode == ASK and "does not end" in done.stdout and "close it" in done.stdout


def test_what_is_not_known_is_said_in_words():
    done = check("--deny-command", "rm -rf", "rm $X")
    assert "runs: rm (an unknown part)" in done.stdout


@pytest.mark.parametrize("text", [".shell rm -rf /", "select 1;\n.system rm -rf /", "\\! rm -rf /"])
def test_shell_text_in_sql(text):
    assert check("--", "sqlite3", "x.db", text).returncode == DENY
    assert check("--", "sqlite3", "x.db", ".tables").returncode == ALLOW


def test_home_without_a_variable():
    words = [BELLJAR, "check", "rm -rf ~"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={"PATH": "/bin"})
    assert done.returncode == DENY and "destroy." in done.stdout


def test_rules_as_json():
    rules = json.loads(check("--rules", "--json").stdout)
    assert {"rule": "privilege.sudo", "risk": "medium", "category": "privilege"}.items() <= \
        next(rule for rule in rules if rule["rule"] == "privilege.sudo").items()
    assert len(rules) == len(check("--rules").stdout.splitlines()) - 1


def test_points_at_the_place():
    lines = check("ls &&\n  rm -rf / # x").stdout.splitlines()
    assert lines[1] == "  |   rm -rf / # x"
    assert lines[2] == "  |   ^^^^^^^^"


def test_long_lines_are_cut():
    out = check("echo " + "a" * 3000 + "; sudo id; echo " + "b" * 3000).stdout
    assert max(map(len, out.splitlines())) < 400
    assert "^^^^^^^" in out


def test_control_characters_are_escaped():
    out = check("sudo \x1b]0;x\x07\u202e\r x").stdout
    assert "\x1b" not in out and "\x07" not in out and "\r" not in out and "\u202e" not in out


def test_colours_on_a_terminal_only():
    assert "\x1b" not in check("sudo x").stdout
    for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        master, slave = pty.openpty()
        done = subprocess.run([BELLJAR, "check", "sudo x"], stdout=slave, stdin=slave, check=False,
                              env={"PATH": "/usr/bin:/bin", "HOME": "/"} | variables, timeout=60)
        os.close(slave)
        seen = os.read(master, 65536).decode()
        os.close(master)
        assert done.returncode == ASK
        assert ("\x1b[" in seen) == coloured


@pytest.mark.parametrize("arguments, words", [
    (["--deny-command", "rm(", "ls"],
     ["security.command_blacklist: entry 1: missing closing parenthesis at character 4"]),
    (["rm", "-rf"], ["expected one COMMAND", "quote"]),
    (["--nonsense", "ls"], ["--nonsense"]),
    (["-C"], ["-C", "expected DIR"]),
    (["--config", "/none.json", "ls"], ["/none.json"]),
    (["--deny-risk", "huge", "ls"], ["--deny-risk"]),
])
def test_errors_name_what_is_wrong(arguments, words):
    done = check(*arguments)
    assert done.returncode == FAILED and done.stdout == ""
    for word in words:
        assert word in done.stderr


def test_configuration_file(tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"security": {"command_whitelist": ["ls"], "ask_risk": "off"}}))
    assert check("--config", str(path), "ls").returncode == ALLOW
    assert check("--config", str(path), "cat x").returncode == DENY
    assert check("--config", str(path), "ls > x").returncode == ASK
    path.write_text(json.dumps({"security": {"command_blacklist": ["a", "b["]}}))
    done = check("--config", str(path), "ls")
    assert done.returncode == FAILED and "entry 2" in done.stderr


def test_analysis_can_be_turned_off(tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"security": {"command_analysis": False}}))
    assert check("--config", str(path), "rm -rf /").returncode == ALLOW


def test_rules_are_listed_and_documented():
    listed = check("--rules").stdout.splitlines()
    table = subprocess.run([ROOT / "tools/rules-gen", "markdown", "-",
                            *sorted((ROOT / "src/policy/rules").glob("*.policy"))],
                           capture_output=True, text=True, check=True).stdout
    assert len(listed) - 1 == len(table.splitlines()) - 2 >= 60
    assert (ROOT / "docs/COMMANDS.md").read_text().endswith(table)


def test_nothing_is_run(tmp_path):
    check("-C", str(tmp_path), f"touch {tmp_path}/ran; echo $(touch {tmp_path}/ran)")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path(FAULTS).exists(), reason="needs build-faults")
@pytest.mark.parametrize("arguments", [
    ["--deny-command", ROOT_PATTERN, "cd / && rm -fr . $x | cat"],
    ["--only-command", "ls", "cat x | sh -c 'rm y'"],
], ids=["blacklist", "whitelist"])
def test_every_fault_keeps_the_refusal(tmp_path, arguments):
    """Whatever allocation or system call fails: never an allowance."""
    log = tmp_path / "fault.log"
    for number in range(1, 5000):
        done = check(*arguments, program=FAULTS, variables={
            "BELLJAR_FAULT": str(number), "BELLJAR_FAULT_ERRNO": "12", "BELLJAR_FAULT_LOG": str(log)})
        if not log.exists() or not log.read_text().rstrip("\0"):
            assert number > 20
            return
        assert done.returncode in (DENY, ASK, FAILED), (number, done)
        if done.returncode == FAILED:
            assert done.stderr.startswith("belljar: "), (number, done)
        log.unlink()
    pytest.fail("there is no end to the faults")
