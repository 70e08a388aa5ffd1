"""A key in the environment of `belljar serve`: it opens, and nobody finds it there."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from program import AS_ROOT, BELLJAR, descendants, wait_until

TEXT = "a-key-that-somebody=chose"


@pytest.fixture
def service(make_service):
    return make_service(variables={"BELLJAR_API_KEY": TEXT, "OTHER": "is-left"}).start()


def in_the_open(pid):
    """What /proc tells of how a process was started; what this user may not read nobody tells."""
    said = b""
    for file in ("environ", "cmdline"):
        try:
            said += Path(f"/proc/{pid}/{file}").read_bytes()
        except PermissionError:
            assert not AS_ROOT
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has just ended
    return said


def in_memory(pid):
    """Does the memory that a process may write to have the key?"""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, \
            open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            place, mode, *_ = line.split()
            start, end = (int(part, 16) for part in place.split("-"))
            if not mode.startswith("rw"):
                continue
            try:
                memory.seek(start)
                if TEXT.encode() in memory.read(end - start):
                    return True
            except OSError:
                continue
    return False


def front_again(service, how):
    front = service.roles()["front"]
    how(front)
    assert wait_until(lambda: service.roles().get("front") not in (None, front))


def test_it_opens_and_goes_on_to(service):
    for how in (lambda front: os.kill(front, signal.SIGKILL),
                lambda front: service.process.send_signal(signal.SIGHUP)):
        assert service.get("/v1/sandboxes", key=TEXT).status == 200
        assert service.get("/v1/sandboxes", key=TEXT + "x").status == 401
        front_again(service, how)
    assert service.get("/v1/sandboxes", key=TEXT).status == 200


def test_no_process_shows_it(service):
    service.bash("sleep 100 &", key=TEXT)
    front_again(service, lambda front: os.kill(front, signal.SIGKILL))
    service.bash("true", key=TEXT)
    below = {service.process.pid, *descendants(service.process.pid)}
    assert len(below) > 5  # the launcher and the sandbox's too
    for pid in below:
        assert TEXT.encode() not in in_the_open(pid), pid
    assert b"OTHER=is-left" in in_the_open(service.roles()["keeper"])
    assert TEXT not in service.errors() + service.welcome


@pytest.mark.skipif(not AS_ROOT, reason="this host lacks root outside")
def test_the_front_has_only_a_digest(service):
    assert in_memory(service.roles()["audit"])
    assert not in_memory(service.roles()["front"]) and not in_memory(service.roles()["keeper"])


@pytest.mark.parametrize("given", ["variable", "file"])
def test_it_is_masked_in_records(make_service, tmp_path, given):
    if given == "variable":
        service = make_service(variables={"BELLJAR_API_KEY": TEXT}).start()
    else:
        (tmp_path / "key").write_text(TEXT + "\n")
        service = make_service("--key-file", tmp_path / "key").start()
    for _ in range(2):
        audit = service.roles()["audit"]
        assert service.bash(f"echo {TEXT} it-was", key=TEXT)["output"] == f"{TEXT} it-was\n"
        os.kill(audit, signal.SIGKILL)
        assert wait_until(lambda: service.roles().get("audit") not in (None, audit))
    service.stop()
    database = b"".join(path.read_bytes() for path in service.state.glob("audit.db*"))
    assert database.count(b"it-was") >= 2 and TEXT.encode() not in database


def test_a_reload_does_not_open_the_service_instead(make_service, tmp_path):
    config = tmp_path / "service.json"
    config.write_text("{}")
    service = make_service("--config", config, variables={"BELLJAR_API_KEY": TEXT}).start()
    config.write_text('{"no_key": true}')
    service.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: "BELLJAR_API_KEY" in service.errors())
    assert service.get("/v1/sandboxes", key="").status == 401
    assert service.get("/v1/sandboxes", key=TEXT).status == 200


def test_two_places_for_one_key(tmp_path):
    (tmp_path / "key").write_text("a-key-out-of-a-file\n")
    (tmp_path / "service.json").write_text(json.dumps({"key_file": str(tmp_path / "key")}))
    for words in (["--key-file", tmp_path / "key"], ["--config", tmp_path / "service.json"]):
        done = subprocess.run([BELLJAR, "serve", "--state", str(tmp_path / "s"), "--listen",
                               "127.0.0.1:0", *map(str, words)], capture_output=True, text=True,
                              timeout=30, env={"PATH": "/usr/bin:/bin", "BELLJAR_API_KEY": TEXT})
        assert done.returncode == 125 and done.stderr.count("\n") == 1, done
        assert "--key-file" in done.stderr and "BELLJAR_API_KEY; leave one" in done.stderr
        assert TEXT not in done.stderr


def test_a_reload_brings_no_second_key(make_service, tmp_path):
    config = tmp_path / "service.json"
    config.write_text("{}")
    (tmp_path / "key").write_text("a-key-out-of-a-file\n")
    service = make_service("--config", config, variables={"BELLJAR_API_KEY": TEXT}).start()
    config.write_text(json.dumps({"key_file": str(tmp_path / "key")}))
    service.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: "key_file, another place" in service.errors())
    assert service.get("/v1/sandboxes", key=TEXT).status == 200


@pytest.mark.parametrize("bad", ["short", "with a blank in between", "x" * 513])
def test_what_is_no_key(tmp_path, bad):
    done = subprocess.run([BELLJAR, "serve", "--state", str(tmp_path / "s"), "--listen",
                           "127.0.0.1:0"], capture_output=True, text=True, timeout=30,
                          env={"PATH": "/usr/bin:/bin", "BELLJAR_API_KEY": bad})
    assert done.returncode == 125 and done.stderr.count("\n") == 1
    assert "BELLJAR_API_KEY" in done.stderr and bad not in done.stderr
