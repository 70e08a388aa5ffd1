"""What the front knows is with the keeper: a front that is killed takes nothing along but windows of
rates and the events' history. And what a client may set of a sandbox can only refuse more."""

import os
import signal
import threading

import pytest
from program import wait_until
from service import Service


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path).start()
    yield service
    service.kill()


def kill_front(service):
    before = service.roles()["front"]
    os.kill(before, signal.SIGKILL)
    assert wait_until(lambda: service.roles().get("front") not in (None, before))
    assert wait_until(lambda: is_ready(service))


def is_ready(service):
    try:
        return service.get("/readyz", timeout=5).status == 200
    except OSError:
        return False


def make(service, **body):
    answer = service.post("/v1/sandboxes", body)
    assert answer.status in (200, 201), answer
    return answer.json["id"]


def run(service, sandbox, command, shell=None, **more):
    where = f"/shells/{shell}" if shell else ""
    answer = service.post(f"/v1/sandboxes/{sandbox}{where}/run", {"command": command, **more})
    assert answer.status == 200, answer
    return answer.json


def test_a_killed_front_takes_nothing_along(service):
    body = {"metadata": {"colour": "blue"}, "env": {"GIVEN": "by the client"}}
    key = {"Idempotency-Key": "once"}
    made = service.post("/v1/sandboxes", body, headers=key).json
    sandbox = made["id"]
    own = service.bash("echo kept > file")["sandbox"]
    assert service.post(f"/v1/sandboxes/{sandbox}/shells", {"name": "s"}).status == 201
    run(service, sandbox, "cd /tmp; export MINE='my own'; unset GIVEN", shell="s")
    counting = service.post(f"/v1/sandboxes/{sandbox}/processes", {
        "command": "for i in $(seq 1 30); do echo $i; sleep 0.1; done", "tag": "counting"}).json

    kill_front(service)

    after = service.get(f"/v1/sandboxes/{sandbox}").json
    assert after["metadata"] == {"colour": "blue"} and after["created"] == made["created"]
    again = service.post("/v1/sandboxes", body, headers=key)
    assert (again.status, again.json["id"]) == (200, sandbox)
    assert service.post("/v1/sandboxes", {}, headers=key).status == 409
    kept = service.bash("cat file")
    assert (kept["sandbox"], kept["output"]) == (own, "kept\n")
    said = run(service, sandbox, "echo \"$PWD $MINE [$GIVEN]\"", shell="s")
    assert said["output"] == "/tmp my own []\n"
    assert run(service, sandbox, "echo $GIVEN")["output"] == "by the client\n"
    known = service.get(f"/v1/sandboxes/{sandbox}/processes/{counting['id']}").json
    assert known["tag"] == "counting"
    output = service.get(f"/v1/sandboxes/{sandbox}/processes/{counting['id']}/output?follow=true")
    assert output.body.split() == [b"%d" % i for i in range(1, 31)]
    assert run(service, sandbox, "true")["process"] > counting["id"]


def test_lines_of_a_shell_session_are_those_that_were_typed(service):
    sandbox = make(service)
    assert service.post(f"/v1/sandboxes/{sandbox}/shells", {"name": "s"}).status == 201
    for command, line in (("no-such-command", 1), ("true\nno-such-command", 2)):
        said = run(service, sandbox, command, shell="s")
        assert said["error"] == f"bash: line {line}: no-such-command: command not found\n", said
    assert run(service, sandbox, "\n\necho $LINENO", shell="s")["output"] == "3\n"


def test_first_use_by_many_makes_one_sandbox(service):
    found = []
    threads = [threading.Thread(target=lambda: found.append(service.bash("true")["sandbox"]))
               for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16 and len(set(found)) == 1
    assert service.get("/v1/sandboxes").json["total"] == 1


def test_shell_sessions(service):
    sandbox = make(service)
    assert service.post(f"/v1/sandboxes/{sandbox}/shells", {"name": "s"}).status == 201
    assert service.post(f"/v1/sandboxes/{sandbox}/shells", {"name": "s"}).status == 409
    assert run(service, sandbox, "cd /usr; export A='1 2'; b=3; exit 7", shell="s")["exit_code"] == 7
    assert run(service, sandbox, "echo \"$PWD $A [$b]\"", shell="s")["output"] == "/usr 1 2 []\n"
    # What ends without a word leaves it as it was; what asks for one of its own does not.
    run(service, sandbox, "cd /; kill -9 $$", shell="s")
    run(service, sandbox, "cd /; exec true", shell="s")
    assert run(service, sandbox, "pwd", shell="s")["output"] == "/usr\n"
    assert run(service, sandbox, "trap 'echo bye' EXIT; cd /etc", shell="s")["output"] == "bye\n"
    assert run(service, sandbox, "pwd", shell="s")["working_directory"] == "/etc"
    # A directory that is gone is said, and the session goes on from another.
    run(service, sandbox, "mkdir /tmp/gone; cd /tmp/gone", shell="s")
    assert run(service, sandbox, "rmdir /tmp/gone")["success"]
    said = service.post(f"/v1/sandboxes/{sandbox}/shells/s/run", {"command": "pwd"})
    assert b"/tmp/gone" in said.body and (said.status != 200 or not said.json["success"]), said
    assert run(service, sandbox, "pwd", shell="s")["output"] == "/workspace\n"
    assert service.request("DELETE", f"/v1/sandboxes/{sandbox}/shells/s").status in (200, 204)
    ended = service.post(f"/v1/sandboxes/{sandbox}/shells/s/run", {"command": "true"})
    assert b"no such shell session" in ended.body


def test_commands_of_a_session_take_turns(service):
    sandbox = make(service)
    service.post(f"/v1/sandboxes/{sandbox}/shells", {"name": "s"})
    threads = [threading.Thread(target=run, args=(
        service, sandbox, "n=$(cat n 2>/dev/null || echo 0); sleep 0.05; echo $((n + 1)) > n", "s"))
        for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run(service, sandbox, "cat n")["output"] == "8\n"


def test_variables_are_part_of_what_is_judged(service):
    sandbox = make(service)
    refused = service.post(f"/v1/sandboxes/{sandbox}/run",
                           {"command": "rm -rf $WHERE", "env": {"WHERE": "/"}})
    assert "root directory" in refused.body.decode()
    assert refused.status == 403 or refused.json["success"] is False
    for name in ("BASH_ENV", "ENV", "SHELLOPTS"):
        assert service.post(f"/v1/sandboxes/{sandbox}/run",
                            {"command": "true", "env": {name: "/workspace/x"}}).status == 400
    assert service.post("/v1/sandboxes", {"env": {"BASH_ENV": "/x"}}).status == 400


def test_memory_is_limited_where_nothing_else_runs(service):
    """A sandbox that lives has no main process, whose end would be its own: what uses too much is
    ended, and it goes on."""
    sandbox = make(service)
    assert run(service, sandbox, "echo kept > file")["success"]
    greedy = run(service, sandbox,
                 "python3 -c 'import time; a = bytearray(900 << 20); time.sleep(2)'")
    assert greedy["exit_code"] == 137, greedy
    assert run(service, sandbox, "cat file")["output"] == "kept\n"
