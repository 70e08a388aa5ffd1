"""Commands are judged and recorded before `belljar run` runs them."""

import json
import os
import pty
import sqlite3
import subprocess

import pytest
from program import wait_until


def config(belljar, tmp_path, **security):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"security": security}))
    return ("--config", path)


@pytest.fixture
def victim(belljar):
    """A file that a refused command would have removed."""
    path = belljar.directory / "precious"
    path.write_text("kept")
    return path


# ---- verdicts ----

def test_without_rules_nothing_is_judged(belljar, victim):
    done = belljar.run("--json", "-c", "rm -rf precious")
    assert done.status == 0 and "verdict" not in done.json
    assert not victim.exists()


@pytest.mark.parametrize("text", ["rm -rf precious", "rm -fr precious", "r\"\"m -r --force precious",
                                  "c='rm -rf precious'; $c", "sh -c 'rm -rf precious'",
                                  "true | xargs rm -rf precious", "echo $(rm -rf precious)"])
def test_denied_command_does_not_run(belljar, victim, text):
    done = belljar.run("--deny-command", r"rm\s+-rf", "-c", text)
    assert done.status == 125, done.err
    assert "deny" in done.err and "blacklist" in done.err
    assert victim.exists()


def test_denied_argv_does_not_run(belljar, victim):
    done = belljar.run("--deny-command", r"rm\s+-rf", "--", "rm", "-f", "-r", "precious")
    assert done.status == 125 and victim.exists()


def test_allowed_command_runs(belljar):
    done = belljar.run("--deny-command", r"rm\s+-rf", "-c", "echo 'rm -rf precious'")
    assert (done.status, done.out) == (0, "rm -rf precious\n")


def test_verdict_is_in_the_result(belljar, victim):
    done = belljar.run("--json", "--deny-command", r"rm\s+-rf", "-c", "ls; rm -rf precious")
    assert done.status == 125 and victim.exists()
    assert done.json["error"]["code"] == "DENIED"
    verdict = done.json["verdict"]
    assert verdict["decision"] == "deny"
    violation = next(v for v in verdict["violations"] if v["rule"] == "blacklist")
    assert violation["command"] == "rm -rf precious"
    start, end = violation["span"]
    assert "ls; rm -rf precious"[start:end] == "rm -rf precious"


def test_verdict_of_an_allowed_command(belljar):
    done = belljar.run("--json", "--deny-command", "sudo", "true")
    assert done.json["verdict"]["decision"] == "allow"


def test_built_in_rules_apply_with_any_rule(belljar):
    done = belljar.run("--deny-risk", "high", "-c", "rm -rf /")
    assert done.status == 125 and "destroy" in done.err


def test_bad_pattern_is_an_error_with_its_place(belljar, tmp_path):
    done = belljar.run(*config(belljar, tmp_path, command_blacklist=["rm", "a(b"]), "true")
    assert done.status == 125
    assert "command_blacklist" in done.err and "entry 2" in done.err


def test_refusal_is_fit_for_a_terminal(belljar):
    done = belljar.run("--deny-command", "rm", "-c", "rm $'\\e[2J\\n'belljar:\\ allowed")
    assert done.status == 125
    assert "\x1b" not in done.err
    assert not any(line.startswith("belljar: allowed") for line in done.err.splitlines())


# ---- questions ----

QUESTION = ("--deny-command", "sudo", "-c", "\"$UNSET_VARIABLE_OF_OTHERS\" precious; $(date) x")


def test_question_without_a_terminal_is_refused(belljar):
    done = belljar.run(*QUESTION, start_new_session=True)
    assert done.status == 125


def test_question_can_be_answered_in_the_configuration(belljar, victim):
    done = belljar.run("--deny-risk", "off", "--ask-risk", "low", "--on-ask", "allow",
                       "-c", "rm -rf /; echo ran")
    assert "ran" in done.out, done.err
    done = belljar.run("--deny-risk", "off", "--ask-risk", "low", "--on-ask", "refuse",
                       "-c", "rm -rf /; echo ran")
    assert done.status == 125 and "ran" not in done.out


@pytest.mark.parametrize("answer, ran", [(b"y\n", True), (b"n\n", False), (b"\n", False)])
def test_question_is_put_to_the_terminal(belljar, answer, ran):
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(belljar.directory)
        os.execve(belljar.path, ["belljar", "run", "--deny-risk", "off", "--ask-risk", "low", "-c",
                                 "rm -rf /; echo it ran"], belljar.environment())
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(master, 4096)
    os.write(master, answer)
    try:
        while True:
            seen += os.read(master, 4096)
    except OSError:
        pass
    os.close(master)
    _, status = os.waitpid(pid, 0)
    assert (b"it ran" in seen.split(b"[y/N]")[1]) == ran, seen
    assert (os.waitstatus_to_exitcode(status) == 125) != ran
    assert (seen.split(b"[y/N]")[1].split()[-3:] == [b"belljar:", b"not", b"run"]) != ran


def test_nobody_to_ask(belljar):
    words = [belljar.path, "run", "--deny-risk", "off", "--ask-risk", "low"]

    def run(*more):
        return subprocess.run([*words, *more, "-c", "rm -rf /; echo it ran"], capture_output=True,
                              text=True, start_new_session=True, cwd=belljar.directory,
                              env=belljar.environment())
    done = run()
    assert done.returncode == 125 and "it ran" not in done.stdout
    assert done.stderr.endswith("belljar: nobody could be asked; --on-ask allow permits it\n")
    result = json.loads(run("--json").stdout)
    assert (result["asked"], result["permitted"]) == (False, False)
    assert "nobody could be asked" in result["error"]["message"]


# ---- records ----

def records(belljar, path):
    done = subprocess.run([belljar.path, "audit", "list", "--json", "--file", path],
                          capture_output=True, text=True, check=True, env=belljar.environment())
    calls = [json.loads(line) for line in done.stdout.splitlines()]
    return [record for call in calls for record in call.values() if record is not None]


def test_verdict_and_outcome_are_recorded(belljar, tmp_path):
    path = tmp_path / "audit.db"
    assert belljar.run("--audit", "on", "--audit-file", path, "-c", "exit 3").status == 3
    assert belljar.run("--audit", "on", "--audit-file", path, "--deny-command", "rm",
                       "-c", "rm x").status == 125
    kinds = [(record["kind"], record.get("decision"), record.get("exit_code"))
             for record in records(belljar, path)]
    assert ("verdict", "allow", None) in kinds
    assert any(kind == "outcome" and code == 3 for kind, _, code in kinds)
    assert ("verdict", "deny", None) in kinds
    assert len(kinds) == 3


def test_no_required_record_means_no_run(belljar, victim, tmp_path):
    place = tmp_path / "folder"
    place.write_text("a file, so no directory can be made here")
    words = ("--audit-file", place / "audit.db", "-c", "rm -f precious")
    done = belljar.run("--audit", "required", *words)
    assert done.status == 125 and victim.exists()
    done = belljar.run("--audit", "on", *words)
    assert done.status == 0 and "audit" in done.err and not victim.exists()


def test_damaged_database_stops_a_required_run(belljar, victim, tmp_path):
    path = tmp_path / "audit.db"
    path.write_bytes(b"this is no database at all, but something that somebody needs" * 100)
    before = path.read_bytes()
    done = belljar.run("--audit", "required", "--audit-file", path, "-c", "rm -f precious")
    assert done.status == 125 and victim.exists()
    assert path.read_bytes() == before


@pytest.mark.parametrize("sql", [
    "DELETE FROM base", "UPDATE record SET hash=zeroblob(32) WHERE number=2",
    "UPDATE record SET body='{}' WHERE number=2"])
def test_history_with_a_changed_end_stops_a_required_run(belljar, victim, tmp_path, sql):
    path = tmp_path / "audit.db"
    words = ("--audit", "required", "--audit-file", path, "-c")
    assert belljar.run(*words, "true").status == 0
    with sqlite3.connect(path) as database:
        database.executescript(sql)
    done = belljar.run(*words, "rm -f precious")
    assert done.status == 125 and victim.exists() and "is damaged: its " in done.err, done


def test_database_within_reach_of_the_workload_is_refused(belljar, tmp_path):
    inside = belljar.directory / "audit.db"
    done = belljar.run("--audit", "on", "--audit-file", inside, "true")
    assert done.status == 125 and "audit" in done.err and not inside.exists()
    shared = tmp_path / "shared"
    shared.mkdir()
    done = belljar.run("--audit", "on", "--audit-file", shared / "audit.db",
                       "-v", f"{shared}:/mnt/shared", "true")
    assert done.status == 125 and "audit" in done.err


def test_secrets_stay_out_of_the_record(belljar, tmp_path):
    path = tmp_path / "audit.db"
    done = belljar.run("--audit", "on", "--audit-file", path, "-e", "API_TOKEN=tr0ub4dor-and-3",
                       "-c", "echo tr0ub4dor-and-3 --password=hunter2-hunter2")
    assert done.status == 0
    with sqlite3.connect(path) as database:
        dump = "\n".join(database.iterdump())
    assert "tr0ub4dor-and-3" not in dump and "hunter2-hunter2" not in dump


def test_runs_side_by_side_are_all_recorded(belljar, tmp_path):
    path = tmp_path / "audit.db"
    started = [belljar.start("--audit", "required", "--audit-file", path, "true")
               for _ in range(12)]
    assert [process.wait() for process in started] == [0] * 12
    assert len(records(belljar, path)) == 24
    done = subprocess.run([belljar.path, "audit", "verify", "--file", path], check=False,
                          capture_output=True, text=True, env=belljar.environment())
    assert done.returncode == 0, done.stderr


# ---- secrets ----

@pytest.mark.parametrize("where", ["own environment", "--env"])
def test_secrets_are_neither_recorded_nor_told(belljar, tmp_path, where):
    told, records = tmp_path / "told", tmp_path / "records"
    secret, options = "sesam-7fb2-oeffne", []
    records.mkdir(mode=0o700)
    belljar.variables["XDG_STATE_HOME"] = str(tmp_path / "state")
    if where == "--env":
        options = ["--env", f"MY_API_TOKEN={secret}"]
    else:
        belljar.variables["MY_API_TOKEN"] = secret
    settings = config(belljar, tmp_path, blocked_tools=["Bash"], alert_risk="low",
                      alert_command=f"cat > {told}.new; mv {told}.new {told}")
    done = belljar.run(*settings, "--audit", "required", "--audit-file", records / "audit.db",
                       *options, "--", "echo", secret, f"x{secret}y")
    assert done.status == 125
    assert wait_until(told.exists)
    event, = json.loads(told.read_text())["events"]
    assert event["command"] == "echo '[masked]' 'x[masked]y'"
    assert secret not in told.read_text()
    files = [path.read_bytes() for path in records.iterdir()]
    assert any(b"[masked]" in data for data in files)
    assert not any(secret.encode() in data for data in files)


def test_a_long_command_is_told_all_the_same(belljar, tmp_path):
    told = tmp_path / "told"
    belljar.variables["XDG_STATE_HOME"] = str(tmp_path / "state")
    settings = config(belljar, tmp_path, command_blacklist=["rm"], alert_risk="low",
                      alert_command=f"cat > {told}.new; mv {told}.new {told}")
    text = "x='" + '"' * 4000 + "'; " + "; ".join(f'rm "$x"{i}' for i in range(70))
    assert belljar.run(*settings, "-c", text).status == 125
    assert wait_until(told.exists)
    event, = json.loads(told.read_text())["events"]
    verdict = event["verdict"]
    assert verdict["decision"] == "deny" and verdict["violations"]
    assert len(verdict["violations"]) + verdict["dropped"] >= 70
