"""belljar audit, on databases that a small program fills."""

import csv
import hashlib
import io
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from program import BELLJAR, FAULTS, PATIENCE, ROOT, Done, wait_until

FILL = Path(os.environ.get("BELLJAR_AUDIT_FILL", ROOT / "build-faults/tests/unit/audit-fill"))
COLUMNS = ("number", "time", "uid", "key", "sandbox", "tool", "verdict", "risk", "rules", "what",
           "exit_code", "signal", "duration_ms", "stdout_bytes", "stderr_bytes", "limits", "walls")


class Records:
    """A database of records and the command that reads it."""

    def __init__(self, directory):
        directory.chmod(0o700)
        self.file = directory / "audit.db"
        self.environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC",
                            "BELLJAR_AUDIT_FILE": str(self.file), "HOME": str(directory)}

    def fill(self, calls=6):
        subprocess.run([FILL, self.file, str(calls)], check=True, timeout=PATIENCE)
        return self

    def __call__(self, *words, program=BELLJAR, **variables):
        done = subprocess.run([program, "audit", *map(str, words)], capture_output=True,
                              env=self.environment | variables, timeout=PATIENCE, check=False)
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def says(self, *words):
        done = self(*words)
        assert done.status == 0 and done.err == "", done
        return done.out

    def lines(self, *words):
        """None are said to be none, on standard error."""
        done = self(*words)
        assert done.status == 0, done
        assert done.err == ("" if done.out else "belljar: no records match\n"), done
        return [json.loads(line) for line in done.out.splitlines()]

    def tamper(self, sql):
        with sqlite3.connect(self.file) as database:
            database.executescript(sql)


@pytest.fixture
def records(tmp_path):
    if not FILL.exists():
        pytest.skip("build-faults has no tests/unit/audit-fill")
    return Records(tmp_path)


def test_list_is_a_table(records):
    lines = records.fill().says("list").splitlines()
    assert lines[0].split() == ["NUMBER", "TIME", "KEY", "SANDBOX", "TOOL", "VERDICT", "RISK",
                                "EXIT", "TOOK", "WHAT"]
    assert len(lines) == 7
    assert re.match(r"1 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +alice +sb1 +Bash +allow +none +0 +2.5ms +"
                    r"ls -la && echo done$", lines[1]), lines[1]
    assert "deny" in lines[2] and "[some.rule] rm -rf /" in lines[2]


def test_nothing_acts_on_a_terminal(records):
    """No forged line, no escape, in whatever form it is shown; and it fits the terminal."""
    records.fill()
    for words in (["list"], ["list", "--json"], ["show", "6"], ["export"],
                  ["export", "--format", "csv"]):
        out = records.says(*words)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", out), words
        assert "\nNUMBER forged" not in out


def test_what_was_forged_in_the_file_does_not_act_either(records):
    records.fill()
    records.tamper("""UPDATE record SET key=char(27)||'[2J', tool=char(155)||'31m'||char(10)||'x',
                      body=replace(body,'ls',char(27)||'[2J'||char(8238))""")
    for words in (["list"], ["list", "--json"], ["export"], ["export", "--format", "csv"],
                  ["show", 1]):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", records(*words).out), words


def test_table_fits_the_terminal(records):
    records.fill(60)
    ours, theirs = pty.openpty()
    import fcntl
    import struct
    import termios
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    done = subprocess.Popen([BELLJAR, "audit", "list", "--limit", "6"], stdout=theirs,
                            env=records.environment)
    os.close(theirs)
    out = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:
            break
        if not chunk:
            break
        out += chunk
    assert done.wait(PATIENCE) == 0
    lines = out.decode().replace("\r", "").splitlines()
    assert len(lines) == 7
    assert all(len(line) <= 100 for line in lines), lines
    assert any(line.endswith("…") for line in lines)


@pytest.mark.parametrize("words, wanted", [
    (["--key", "alice"], [1, 4, 8, 10]),
    (["--sandbox", "sb2"], [3, 6]),
    (["--tool", "Read"], [4]),
    (["--verdict", "deny"], [3]),
    (["--verdict", "ask"], [6]),
    (["--risk", "medium"], [3, 6]),
    (["--risk", "low", "--key", "alice"], [8]),
    (["--since", "1h"], [1, 3, 4, 6, 8, 10]),
    (["--since=2001-01-01", "--until", "2001-01-02T10:00"], []),
    (["--until", "1h"], []),
    (["--until", "2100-01-01T00:00:00+02:00"], [1, 3, 4, 6, 8, 10]),
    (["--limit", "2"], [8, 10]),
    (["--limit", "1", "--key", "bob"], [3]),
    (["--key", "nobody"], []),
])
def test_filters(records, words, wanted):
    found = records.fill().lines("list", "--json", *words)
    assert [call["verdict"]["number"] for call in found] == wanted
    stats = json.loads(records.says("stats", "--json", *[w for w in words if "limit" not in w])
                       ) if "--limit" not in words else None
    assert stats is None or stats["calls"] == len(wanted)


@pytest.mark.parametrize("words, says", [
    (["list", "--since", "yesterday"], "--since: expected a time"),
    (["list", "--risk", "huge"], "--risk: expected none, low"),
    (["list", "--limit", "-1"], "--limit: expected a number"),
    (["list", "--head", "x"], "not an option"),
    (["list", "--json=1"], "expected no value"),
    (["list", "word"], "expected options only"),
    (["verify", "--head", "7"], "expected NUMBER:HASH"),
    (["show"], "expected the number"),
    (["show", "x"], "expected the number"),
    (["prune"], "expected --older-than"),
    (["prune", "--max-size", "0"], "expected a size"),
    (["export", "--format", "xml"], "expected jsonl or csv"),
    (["frobnicate"], "expected list, show"),
    ([], "expected list, show"),
])
def test_wrong_arguments(records, words, says):
    done = records.fill(1)(*words)
    assert done.status == 125 and says in done.err, done


def test_help(records):
    for words in (["--help"], ["list", "--help"]):
        done = records(*words)
        assert done.status == 0 and "belljar audit verify" in done.out


def test_no_database(records):
    done = records("list")
    assert done.status == 127 and "nothing was recorded yet" in done.err
    assert records("prune", "--older-than", "1d").status == 127
    assert not records.file.exists()


def test_file_option_and_home(records):
    """--file wins over the environment; root's place and the user's differ."""
    records.fill(1)
    other = records.file.with_name("other.db")
    subprocess.run([FILL, other, "2"], check=True)
    assert len(records.lines("list", "--json", "--file", other)) == 2
    assert len(records.lines("list", "--json")) == 1


def test_show(records):
    records.fill()
    out = records.says("show", 3)
    assert "decision:          deny" in out and "some.rule" in out and "hash: " in out
    both = records.says("show", 2)
    assert both.count("kind: ") == 2 and "walls:" in both
    call = json.loads(records.says("show", 1, "--json"))
    assert call["outcome"]["verdict"] == 1
    assert records("show", 99).status == 127


def test_secrets_are_nowhere(records):
    records.fill()
    assert "PASSWORD=[masked] make" in records.says("list")
    for path in records.file.parent.iterdir():
        assert b"hunter2" not in path.read_bytes(), path


def test_export_proves_itself(records):
    """The chain can be checked with nothing but the exported lines."""
    records.fill(20)
    previous = None
    for line in records.says("export").splitlines():
        match = re.fullmatch(r'\{"hash":"([0-9a-f]{64})","record":(\{.*\})\}', line)
        json.loads(line)
        if previous:
            assert hashlib.sha256(previous + match[2].encode()).hexdigest() == match[1]
        previous = bytes.fromhex(match[1])
    assert records.says("head").strip().endswith(previous.hex())


def test_csv(records):
    rows = list(csv.reader(io.StringIO(records.fill().says("export", "--format", "csv"))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 7
    by_number = {row[0]: dict(zip(COLUMNS, row)) for row in rows[1:]}
    assert by_number["8"]["what"] == "'=HYPERLINK(\"http://h/\")"
    assert by_number["3"]["exit_code"] == "" and by_number["3"]["rules"] == "some.rule"
    assert by_number["4"]["limits"] == "timeout" and by_number["4"]["duration_ms"] == "2.500"
    for row in rows[1:]:
        assert not any(cell[:1] in tuple("=+-@\t\r") for cell in row if cell), row


def test_stats(records):
    records.fill(12)
    stats = json.loads(records.says("stats", "--json"))
    assert stats["calls"] == 12 and stats["outcomes"] == 10 and stats["failed"] == 4
    assert stats["verdicts"] == {"allow": 8, "ask": 2, "deny": 2}
    assert stats["risks"]["critical"] == 2 and stats["last"] == 22
    assert "verdicts   allow 8, ask 2, deny 2" in records.says("stats")


@pytest.mark.parametrize("sql, number, says", [
    ("DELETE FROM record WHERE number=5", 5, "missing"),
    ("UPDATE record SET body=replace(body,'ls','cp') WHERE number=1", 1, "does not follow"),
    ("UPDATE record SET key='eve' WHERE number=4", 4, "columns"),
    ("UPDATE record SET number=-1 WHERE number=3; UPDATE record SET number=3 WHERE number=4;"
     "UPDATE record SET number=4 WHERE number=-1", 3, "does not follow"),
])
def test_verify(records, sql, number, says):
    records.fill()
    assert records.says("verify").startswith("whole: 11 records\nhead:  11:")
    records.tamper(sql)
    done = records("verify")
    assert done.status == 1 and says in done.out, done
    found = json.loads(records("verify", "--json").out)
    assert found["sound"] is False and found["bad"] == number


def test_anchor(records):
    records.fill()
    head = records.says("head").strip()
    assert re.fullmatch(r"11:[0-9a-f]{64}", head)
    records.fill(3)
    assert "anchored record is among them" in records.says("verify", "--head", head)
    records.tamper("DELETE FROM record WHERE number>9")
    assert records("verify").status == 0  # the chain itself cannot know
    done = records("verify", "--head", head)
    assert done.status == 1 and "ends at record 9" in done.out


def test_prune(records):
    """Without a unit a size is MiB and an age days, as in the configuration."""
    records.fill(6000)
    head = records.says("head").strip()
    before = records.file.stat().st_size + Path(f"{records.file}-wal").stat().st_size

    def would_go(*words):
        return json.loads(records.says("prune", *words, "--dry-run", "--json"))["would_remove"]
    assert would_go("--older-than", "5") == would_go("--max-size", "500") == 0
    count = would_go("--max-size", "1m")
    assert 0 < count == would_go("--max-size", "1") < 11000
    assert records.says("verify").startswith("whole: 11000 records\n")
    assert records.says("prune", "--max-size", "1") == f"{count} records removed\n"
    assert records.file.stat().st_size < 1 << 20 < before
    assert "where retention ended" in records.says("verify", "--head", head)
    assert records.says("prune", "--older-than", "1h", "--json") == '{"removed": 0}\n'
    done = records("verify", "--head", f"7:{'0' * 64}")
    assert done.status == 1 and "taken by retention" in done.out
    assert f"records {count + 1} to 11002 follow from one another" in done.out


@pytest.mark.parametrize("answer, status", [(b"n\n", 125), (b"y\n", 0)])
def test_prune_asks_at_a_terminal(records, answer, status):
    records.fill(3000)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(BELLJAR, ["belljar", "audit", "prune", "--max-size", "1"], records.environment)
    said = b""
    while b"[y/N] " not in said:
        said += os.read(terminal, 4096)
    os.write(terminal, answer)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == status
    os.close(terminal)
    assert re.search(rb"remove the oldest \d+ records\?", said), said
    first = json.loads(records.says("stats", "--json"))["first"]
    assert (first == 1) == (status != 0), first


def test_sandbox_as_the_table_shows_it(records):
    records.fill(12)
    records.tamper("UPDATE record SET sandbox='run-0123456789-'||sandbox WHERE sandbox='sb2'")
    shown = records.says("list").splitlines()[2].split()[4]
    assert shown == "run-012345…"
    for name in (shown, "run-0", "run-0123456789-sb2"):
        assert len(records.lines("list", "--json", "--sandbox", name)) == 4, name
    assert len(records.lines("list", "--json", "--tool", "Ba…")) == 10
    assert records.lines("list", "--json", "--tool", "Ba") == []
    records.tamper("UPDATE record SET sandbox='run-0other' WHERE number=1")
    done = records("list", "--sandbox", "run-0")
    assert done.status == 125 and "beginning of several" in done.err


def test_cells_do_not_touch(records):
    records.fill(1)
    records.tamper("UPDATE record SET duration_us=9999999 WHERE verdict=1")
    assert " 10.00s " in records.says("list")
    records.tamper("UPDATE record SET duration_us=9999999999999 WHERE verdict=1")
    assert " 10000000… ls" in records.says("list")


def test_unknown_option_gets_a_suggestion(records):
    done = records("list", "--sanbox", "x")
    assert done.status == 125 and "did you mean --sandbox?" in done.err
    assert json.loads(records.fill(1).says("head", "--json"))["number"] == 2


@pytest.mark.parametrize("words", [["list", "--json"], ["export"]])
def test_follow(records, words):
    records.fill(1)
    process = subprocess.Popen([BELLJAR, "audit", *words, "-f"], stdout=subprocess.PIPE,
                               env=records.environment, text=True)
    lines = []
    import threading
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")))
    reader.start()
    assert wait_until(lambda: len(lines) >= 1)
    first = len(lines)
    records.fill(2)
    assert wait_until(lambda: len(lines) >= first + 2)
    time.sleep(0.6)
    assert len(lines) == (3 if words[0] == "list" else 5), lines  # each once
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)
    reader.join(PATIENCE)


def test_reader_that_has_enough(records):
    """`belljar audit export | head -1` ends, and without a word."""
    records.fill(3000)
    done = subprocess.run(f"{BELLJAR} audit export | head -1", shell=True, capture_output=True,
                          env=records.environment, timeout=PATIENCE, check=False)
    assert done.stdout.count(b"\n") == 1 and done.stderr == b""


def test_damaged_database_is_read_as_far_as_it_goes(records):
    records.fill(500)
    records.tamper("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(records.file, "r+b") as file:
        file.seek(4096 * 20)
        file.write(b"\xa5" * 4096)
    content = records.file.read_bytes()
    done = records("list", "--json", "--limit", "0")
    assert done.status == 125 and "is damaged" in done.err
    assert 400 < len(done.out.splitlines()) < 500
    assert records("verify").status == 1
    assert records.file.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000])
def test_what_is_no_database(records, content):
    records.file.write_bytes(content)
    records.file.chmod(0o600)
    for words in (["list"], ["verify"], ["prune", "--older-than", "1d"]):
        done = records(*words)
        assert done.status == 125 and str(records.file) in done.err
    assert records.file.read_bytes() == content


@pytest.mark.parametrize("size", [0, 60, 100, 1000, 5000])
def test_verify_of_what_was_cut_off(records, size):
    """As long as the file can be told to have been ours, the answer is that it is not whole."""
    records.fill(500)
    records.tamper("PRAGMA wal_checkpoint(TRUNCATE)")
    os.truncate(records.file, size)
    done = records("verify")
    if size < 72:
        assert done.status == 125 and "not an audit database" in done.err
        assert "mv " not in done.err
    else:
        assert done.status == 1 and done.out.startswith("not whole: "), done


def test_verify_without_a_base(records):
    records.fill()
    records.tamper("DELETE FROM base")
    done = records("verify")
    assert done.status == 1 and done.out.startswith("not whole: the base is gone"), done


def test_link_is_refused(records, tmp_path):
    records.fill(1)
    link = tmp_path / "link.db"
    link.symlink_to(records.file)
    done = records("list", "--file", link)
    assert done.status == 125 and "symbolic link" in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="this host lacks the right to mount")
def test_full_disk(tmp_path):
    """A file system without room: what was recorded stays readable and whole."""
    mount = tmp_path / "small"
    mount.mkdir(mode=0o700)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "small", mount],
                      check=False, capture_output=True).returncode != 0:
        pytest.skip("this host lacks the right to mount")
    try:
        records = Records(mount)
        records.fill(1)
        done = subprocess.run([FILL, records.file, "100000"], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        assert done.returncode == 1 and "no room on its file system" in done.stderr
        assert records.says("verify").startswith("whole: ")
        assert len(records.lines("list", "--json", "--limit", 0)) > 100
    finally:
        subprocess.run(["umount", "-l", mount], check=True)


def test_every_failure_has_a_message(records, tmp_path):
    """Each allocation and call of ours, failing one after the other."""
    if not Path(FAULTS).exists():
        pytest.skip("build-faults is not built")
    records.fill(2)
    log = tmp_path / "log"
    for words in (["list"], ["export", "--format", "csv"], ["show", 1], ["verify"], ["stats"],
                  ["prune", "--older-than", "1d"]):
        for number in range(1, 400):
            log.unlink(missing_ok=True)
            done = records(*words, program=FAULTS, BELLJAR_FAULT=str(number),
                           BELLJAR_FAULT_LOG=str(log))
            if not log.read_bytes().rstrip(b"\0"):
                break
            assert done.status in (0, 1, 125), (words, number, done)
            assert done.status == 0 or done.err or done.out, (words, number)
        assert number > 5
    assert records("verify").status == 0
