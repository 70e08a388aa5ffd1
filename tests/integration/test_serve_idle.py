"""The idle time-out: who is at a sandbox keeps it, what runs unattended does not."""

import os
import re
import signal
import socket
import time

from api_calls import add_key
from client_program import SECONDS, client  # noqa: F401  (a fixture)
from program import wait_until

IDLE = 1  # seconds; somebody is there several times as long


def ask(service, method, path, *headers):
    """A request that is not read, on a connection that stays open."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(SECONDS)
    connection.connect(str(service.socket))
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
    connection.sendall("\r\n".join(lines).encode())
    return connection


def websocket(service, path):
    return ask(service, "GET", path, "Upgrade: websocket", "Connection: Upgrade",
               "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


def busy(service, box):
    """A process that is silent, and its path."""
    made = service.post(f"/v1/sandboxes/{box}/processes", {"command": "sleep 1000", "terminal": True})
    assert made.status == 201, made
    return f"/v1/sandboxes/{box}/processes/{made.json['id']}"


def port(service, box):
    listens = "import socket, time; s = socket.create_server(('', 3000)); print('up', flush=True); " \
              "c = s.accept()[0]; c.recv(1); c.close(); time.sleep(1000)"
    path = f"/v1/sandboxes/{box}"
    made = service.post(f"{path}/processes", {"argv": ["python3", "-c", listens]}).json["id"]
    assert wait_until(
        lambda: b"up" in service.get(f"{path}/processes/{made}/output").body, SECONDS)
    connection = ask(service, "GET", f"{path}/ports/3000", "Upgrade: tcp", "Connection: Upgrade")
    assert b" 101 " in connection.recv(4096)
    return connection


FOREVER = '{"command": "sleep 1000", "timeout_seconds": 0}'
WAYS = {
    "run": lambda s, b: ask(s, "POST", f"/v1/sandboxes/{b}/run", "Content-Type: application/json",
                            f"Content-Length: {len(FOREVER)}", "", FOREVER),
    "wait": lambda s, b: ask(s, "GET", busy(s, b) + "/wait"),
    "follow": lambda s, b: ask(s, "GET", busy(s, b) + "/output?follow=true"),
    "terminal": lambda s, b: websocket(s, busy(s, b) + "/attach"),
    "file": lambda s, b: ask(s, "PUT", f"/v1/sandboxes/{b}/files/content?path=f",
                             "Content-Type: application/octet-stream", "Content-Length: 10"),
    "port": port,
}


def box_of(client):
    return client.says("create").strip()


def grow_idle(service, box):
    answer = service.request("PATCH", f"/v1/sandboxes/{box}", {"idle_timeout_seconds": IDLE})
    assert answer.status == 200, answer


def lives(client, box):
    return box in client.says("ps", "-q").split()


def test_what_has_ended_says_why(client):
    other = add_key(client.service, "other", "--owner", "somebody")
    service = client.service
    killed, idle, stays = (box_of(client) for _ in range(3))
    client.says("rm", killed)
    grow_idle(service, idle)
    assert wait_until(lambda: why_ended(service, idle) == "idle", SECONDS)
    rows = {row["id"]: row for row in client.json("ps", "--all")}
    assert (rows[killed]["state"], rows[killed]["reason"]) == ("ended", "killed")
    assert (rows[idle]["state"], rows[idle]["reason"]) == ("ended", "idle")
    assert rows[idle]["ended"] > rows[idle]["created"] and rows[stays]["ended"] is None
    assert [row["id"] for row in client.json("ps")] == [stays]
    assert re.search(f"{idle} +ended .* idle\n", client.says("ps", "--all"))
    ended = service.get("/v1/sandboxes?state=ended").json
    assert {one["id"] for one in ended["sandboxes"]} == {killed, idle} and ended["total"] == 2
    one = service.get(f"/v1/sandboxes/{idle}")
    assert (one.status, one.json["state"], one.json["reason"]) == (200, "ended", "idle")
    for answer in (service.post(f"/v1/sandboxes/{idle}/run", {"command": "true"}),
                   service.request("DELETE", f"/v1/sandboxes/{idle}"),
                   service.get(f"/v1/sandboxes/{idle}/processes")):
        assert (answer.status, answer.json["error"]["code"]) == (410, "ENDED")
    done = client.run("exec", idle, "true")
    assert done.status == 125 and "has ended: idle" in done.err
    assert wait_until(lambda: service.get("/v1/sandboxes", key=other).status == 200, SECONDS)
    assert service.get(f"/v1/sandboxes/{idle}", key=other).status == 404
    assert service.get("/v1/sandboxes?state=ended", key=other).json["sandboxes"] == []


def why_ended(service, box):
    for event in service.get("/v1/events?limit=1000").json["events"]:
        if event["type"] == "sandbox.ended" and event["sandbox"] == box:
            return event["details"]["reason"]
    return None


def test_whoever_is_at_a_sandbox_keeps_it(client):
    service = client.service
    there = {}
    for name, way in WAYS.items():
        box = box_of(client)
        there[name] = box, way(service, box)
    boxes = {name: box for name, (box, _) in there.items()}
    boxes["exec"] = box_of(client)
    command = client.start("exec", boxes["exec"], "sh", "-c", "echo up; sleep 1000")
    assert command.stdout.readline() == b"up\n"
    boxes["unattended"] = box_of(client)
    busy(service, boxes["unattended"])
    for box in boxes.values():
        grow_idle(service, box)
    assert wait_until(lambda: why_ended(service, boxes["unattended"]) == "idle", SECONDS)
    time.sleep(3 * IDLE)
    assert [name for name, box in boxes.items() if not lives(client, box)] == ["unattended"]
    command.kill()
    command.wait()
    for _, connection in there.values():
        connection.close()
    for name, box in boxes.items():
        assert wait_until(lambda: why_ended(service, box) == "idle", SECONDS), name  # noqa: B023


def test_nobody_is_there_any_more_when_the_front_is_gone(client):
    service = client.service
    box = box_of(client)
    connection = ask(service, "GET", busy(service, box) + "/wait")
    grow_idle(service, box)
    time.sleep(2 * IDLE)
    assert lives(client, box)
    before = service.roles()["front"]
    os.kill(before, signal.SIGKILL)
    assert wait_until(lambda: service.roles().get("front") not in (None, before), SECONDS)
    assert wait_until(lambda: not lives(client, box), SECONDS)
    connection.close()


def test_looking_at_it_does_not_keep_it(client):
    service = client.service
    box = box_of(client)
    grow_idle(service, box)

    def ended():
        service.get(f"/v1/sandboxes/{box}")
        service.get(f"/v1/sandboxes/{box}/metrics")
        return why_ended(service, box) == "idle"
    assert wait_until(ended, SECONDS)
