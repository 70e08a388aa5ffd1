"""Nothing goes round policy and audit: every route and every tool that acts leaves a verdict and its
outcome in the record."""

import json
import subprocess
import time

import pytest
from api_calls import Things, call, operations
from program import BELLJAR, PATIENCE

TOOLS = {
    "Bash": {"command": "true"}, "Read": {"file_path": "a"},
    "Write": {"file_path": "t", "content": "x"},
    "Edit": {"file_path": "t", "old_string": "x", "new_string": "y"},
    "Glob": {"pattern": "*"}, "Grep": {"pattern": "x"}, "LS": {"path": "."},
    "Search": {"pattern": "x"},
}
# They go on until somebody ends them, and so does what is recorded of them.
GO_ON = ("start_process", "attach_process", "watch_directory", "connect_port", "create_shell",
         "create_sandbox")


def records(service):
    """All calls on record, from outside: verdict and outcome."""
    done = subprocess.run([BELLJAR, "audit", "list", "--json", "--limit", "0", "--file",
                           service.state / "audit.db"], capture_output=True, text=True,
                          check=True, timeout=30)
    return [json.loads(line) for line in done.stdout.splitlines()]


def newest(service, before, wanted):
    """The calls that came on record since; waits until `wanted` says that they are as they must
    be."""
    end = time.monotonic() + PATIENCE
    while True:
        found = [each for each in records(service) if each["verdict"]["number"] > before]
        if wanted(found) or time.monotonic() > end:
            return found
        time.sleep(0.02)


def last_number(service):
    return max((each["verdict"]["number"] for each in records(service)), default=0)


def all_ended(found):
    return found and all(each["outcome"] for each in found)


@pytest.mark.parametrize("acts", [True, False], ids=["acts", "looks"])
def test_every_route(service, acts):
    things = Things(service)
    for name, operation in operations(service).items():
        if operation[2]["x-belljar-acts"] != acts:
            continue
        before = last_number(service)
        status, text = call(service, name, operation, things)
        assert status < 300, (name, status, text)
        if not acts:
            time.sleep(0.1)
            assert last_number(service) == before, name
            continue
        found = newest(service, before, (lambda found: found) if name in GO_ON else all_ended)
        assert found, f"{name} left no record"
        assert all(each["verdict"]["decision"] == "allow" for each in found), (name, found)
        assert all(each["verdict"]["key"] == "default" for each in found), (name, found)
        if name not in GO_ON:
            assert all_ended(found), (name, found)


def test_every_tool(service):
    things = Things(service)
    for tool, arguments in TOOLS.items():
        before = last_number(service)
        answer = service.post("/execute", {"tool_name": tool, "arguments": arguments,
                                           "sandbox": things.sandbox})
        assert answer.status == 200 and answer.json["success"], (tool, answer)
        found = newest(service, before, all_ended)
        assert all_ended(found), (tool, found)
        assert tool in [each["verdict"]["tool"] for each in found]


@pytest.mark.parametrize("path, body", [
    ("/bash", {"command": "rm -rf /"}),
    ("/execute", {"tool_name": "Bash", "arguments": {"command": "rm -rf /"}}),
    ("/v1/sandboxes/default/run", {"command": "rm -rf /"}),
    ("/v1/sandboxes/default/run", {"argv": ["rm", "-rf", "/"]}),
    ("/v1/sandboxes/default/run", {"argv": ["sh", "-c", "rm -rf /"]}),
    ("/v1/sandboxes/default/processes", {"command": "rm -rf /"}),
    ("/v1/sandboxes/default/processes", {"argv": ["bash", "-c", "rm -rf /"], "terminal": True}),
    ("/v1/sandboxes/default/shells/s/run", {"command": "rm -rf /"}),
])
def test_what_is_refused_is_recorded_too(service, path, body):
    assert service.post("/v1/sandboxes/default/shells", {"name": "s"}).status == 201
    before = last_number(service)
    answer = service.post(path, body)
    if "processes" in path:
        assert answer.status == 403, answer
        verdict = answer.json["error"]["details"]
    else:
        assert answer.status == 200 and not answer.json["success"], answer
        assert answer.json["exit_code"] is None
        verdict = answer.json["verdict"]
    assert verdict["decision"] == "deny" and verdict["violations"][0]["rule"]
    found = newest(service, before, bool)
    assert [each["verdict"]["decision"] for each in found][-1] == "deny", found
    assert service.post("/bash", {"command": "ls /usr"}).json["success"]
