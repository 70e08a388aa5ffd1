"""An identifier reaches its owner's keys alone: to others it is as if it were not there."""

import re
import signal
import subprocess

import pytest
from api_calls import Things, add_key, call, operations
from program import BELLJAR, wait_until

SCOPES = ("read", "execute", "files_read", "files_write", "manage", "audit", "admin")


@pytest.fixture
def three(make_service):
    """A service, and keys of two owners beside the administrator's."""
    service = make_service()
    keys = {name: add_key(service, name) for name in ("alice", "bob")}
    return service.start(), keys


def nobody(things):
    """The same with identifiers that nobody has."""
    class Nobody(Things):
        def __init__(self):
            self.sandbox = "0" * len(things.sandbox)
            self.process, self.shell = things.process, things.shell
    return Nobody()


def without_identifiers(text, things):
    text = re.sub(r'"request_id":"[0-9a-f]+"', "", text)
    text = re.sub(r"(?im)^(date|x-request-id):.*$", "", text)
    return text.replace(things.sandbox, "SANDBOX")


def test_what_is_foreign_is_as_what_is_not_there(three):
    service, keys = three
    theirs = Things(service, keys["alice"])
    none = nobody(theirs)
    tried = 0
    for name, operation in operations(service).items():
        if "{sandbox}" not in operation[1] and "sandbox" not in str(operation[2].get("requestBody")):
            continue
        foreign = call(service, name, operation, theirs, keys["bob"])
        unknown = call(service, name, operation, none, keys["bob"])
        if "{sandbox}" not in operation[1] and "execute" not in name and foreign[0] == 201:
            continue
        assert foreign[0] == 404, (name, foreign)
        assert without_identifiers(foreign[1], theirs) == without_identifiers(unknown[1], none), \
            name
        tried += 1
    assert tried >= 35
    # All of it is still there, untouched, for who owns it.
    listed = service.get("/v1/sandboxes", key=keys["alice"]).json
    assert [sandbox["id"] for sandbox in listed["sandboxes"]] == [theirs.sandbox]
    assert service.get("/v1/sandboxes", key=keys["bob"]).json["total"] == 0
    base = f"/v1/sandboxes/{theirs.sandbox}"
    assert service.get(f"{base}/files/content?path=a", key=keys["alice"]).body == b"x\n"
    assert service.get(f"{base}/processes/{theirs.process}", key=keys["alice"]).json["state"] == \
        "running"


def test_the_owner_reaches_all_of_it(three):
    """The other half: the same calls are answered to the key that made the things."""
    service, keys = three
    things = Things(service, keys["alice"])
    for name, operation in operations(service).items():
        if "{sandbox}" in operation[1]:
            status, text = call(service, name, operation, things, keys["alice"])
            assert status < 300, (name, status, text)


def test_identifiers_in_queries(three):
    service, keys = three
    theirs = Things(service, keys["alice"])
    bob = {"key": keys["bob"]}
    assert service.get(f"/v1/events?sandbox={theirs.sandbox}", **bob).status == 404
    assert service.get("/v1/events", **bob).json["events"] == []
    assert service.get("/v1/events?everyone=true", **bob).status == 403
    assert service.get("/v1/sandboxes?everyone=true", **bob).status == 403
    assert service.get(f"/v1/audit/records?sandbox={theirs.sandbox}", **bob).json["records"] == []
    assert service.get("/audit-logs?key=alice", **bob).json["logs"] == []
    assert service.get("/audit-logs?owner=alice", **bob).status == 403
    assert "alice" not in service.get("/audit-logs", **bob).body.decode()
    assert service.get("/metrics", **bob).status == 403


def logged(service, key, query=""):
    """What the key sees of the commands that were recorded, by each of the ways to ask."""
    logs = service.get(f"/audit-logs?limit=1000{query}", key=key).json["logs"]
    found = service.get(f"/v1/audit/records?limit=1000{query}", key=key).json["records"]
    figures = service.get(f"/v1/audit/stats?limit=1000{query}", key=key).json
    assert [log["verdict"] for log in logs] == [record["verdict"] for record in found]
    assert figures["calls"] == len(found)
    return [record["verdict"]["command"] for record in found if "command" in record["verdict"]]


def test_records_are_their_owners(make_service):
    """All keys of an owner see what any of them asked for; a key's name that comes again with
    another owner shows nothing of the one before; and what an administrator did in an owner's
    sandbox is the owner's to see."""
    service = make_service()
    first, second = (add_key(service, name, "--owner", "team") for name in ("one", "two"))
    words = [word for scope in SCOPES for word in ("--scope", scope)]
    admin = add_key(service, "root", "--owner", "admin", *words)
    service.start()
    theirs = service.post("/v1/sandboxes", {}, key=first).json["id"]
    assert service.post("/bash", {"command": "echo first"}, key=first).json["success"]
    assert service.post("/bash", {"command": "echo second"}, key=second).json["success"]
    assert service.post("/bash", {"command": "echo admin"}, key=admin).json["success"]
    for key in (first, second):
        assert logged(service, key) == ["echo first", "echo second"]
    assert logged(service, first, "&key=two") == ["echo second"]
    assert logged(service, admin) == ["echo first", "echo second", "echo admin"]
    assert logged(service, admin, "&owner=team") == ["echo first", "echo second"]
    assert service.post(f"/v1/sandboxes/{theirs}/pause", key=admin).status == 200
    paused = service.get("/v1/audit/records?limit=1000", key=second).json["records"][-1]["verdict"]
    assert paused["act"]["kind"] == "pause"
    assert paused["owner"] == "admin" and paused["sandbox_owner"] == "team"

    subprocess.run([BELLJAR, "serve", "keys", "remove", "--state", service.state, "one"],
                   check=True, timeout=30)
    other = add_key(service, "one", "--owner", "somebody")
    service.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: service.get("/v1/whoami", key=other).status == 200)
    assert logged(service, other) == []
    assert service.get(f"/v1/sandboxes/{theirs}", key=other).status == 404
    assert service.get(f"/v1/events?sandbox={theirs}", key=other).status == 404


def test_a_new_front_knows_every_owner(three):
    service, keys = three
    made = {name: service.post("/v1/sandboxes", {}, key=key).json["id"]
            for name, key in keys.items()}
    before = service.roles()["front"]
    service.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: service.roles().get("front") not in (None, before))
    for name, key in keys.items():
        listed = service.get("/v1/sandboxes", key=key).json["sandboxes"]
        assert [sandbox["id"] for sandbox in listed] == [made[name]]
        other = keys["bob" if name == "alice" else "alice"]
        assert service.get(f"/v1/sandboxes/{made[name]}", key=other).status == 404
        assert service.request("PATCH", f"/v1/sandboxes/{made[name]}",
                               {"metadata": {"a": "b"}}, key=key).status == 200


def test_default_sandboxes_are_each_ones_own(three):
    service, keys = three
    assert service.post("/file/write", {"path": "x", "content": "alice's"},
                        key=keys["alice"]).json["success"]
    read = service.post("/file/read", {"path": "x"}, key=keys["bob"]).json
    assert not read["success"] and "No such file" in read["error"]


def test_scopes(make_service):
    """Each route needs its scope: a key with all others is refused, and with it alone is not."""
    service = make_service()
    only, others = {}, {}
    for scope in SCOPES:
        only[scope] = add_key(service, f"only-{scope}", "--owner", "one", "--scope", scope)
        words = [word for other in SCOPES if other != scope for word in ("--scope", other)]
        others[scope] = add_key(service, f"not-{scope}", "--owner", "one", *words)
    everything = add_key(service, "all", "--owner", "one")
    service.start()
    things = Things(service, everything)
    for name, operation in operations(service).items():
        scope = operation[2].get("x-belljar-scope")
        if scope is None:
            assert call(service, name, operation, things, "")[0] == 200, name
            continue
        status, text = call(service, name, operation, things, others[scope])
        assert status == 403 and "DENIED" in text, (name, status, text)
        status, text = call(service, name, operation, things, only[scope])
        assert status not in (401, 403), (name, status, text)
