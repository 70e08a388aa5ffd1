"""Requests that a client sends before it has the answers to those before, to the whole service.

Whoever answers one of them may be in the middle of answering others who waited for the same: the
next request must not begin there."""

import json
import socket
import time

from api_calls import add_key

ANSWER_SECONDS = 20


def request(service, method, path, body=None, key=None, headers=()):
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"X-API-Key: {key or service.key}",
             *headers]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def pipelined(service, requests):
    """The answers to requests that are sent at once: [(status, document) …]."""
    answers = []
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.sendall(b"".join(requests))
        stream = connection.makefile("rb")
        for _ in requests:
            status = int(stream.readline().split()[1])
            length = 0
            while (line := stream.readline().strip()) != b"":
                name, value = line.split(b":", 1)
                if name.lower() == b"content-length":
                    length = int(value)
            answers.append((status, json.loads(stream.read(length) or b"null")))
    return answers


def test_one_idempotency_key_many_times(service):
    asked = request(service, "POST", "/v1/sandboxes", {}, headers=["Idempotency-Key: once"])
    answers = pipelined(service, [asked] * 4)
    assert [status for status, _ in answers] == [201, 200, 200, 200], answers
    assert len({document["id"] for _, document in answers}) == 1
    assert len(service.get("/v1/sandboxes").json["sandboxes"]) == 1


def test_a_sandbox_that_there_is_no_room_for(make_service):
    service = make_service()
    key = add_key(service, "small", "--quota", "memory_mb=1")
    service.start()
    asked = request(service, "POST", "/bash", {"command": "echo hi"}, key=key)
    for status, document in pipelined(service, [asked] * 5):
        assert status == 429 or status == 403, document
        assert "memory" in document["error"]["message"], document
    begun = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - begun < 10


def test_first_use_of_a_sandbox_by_many(service):
    asked = [request(service, "POST", "/bash", {"command": f"echo {n}"}) for n in range(6)]
    for number, (status, document) in enumerate(pipelined(service, asked)):
        assert status == 200, document
        assert document["output"] == f"{number}\n", document


def test_a_shell_that_is_removed_while_it_is_used(service):
    sandbox = service.post("/v1/sandboxes", {}).json
    path = f"/v1/sandboxes/{sandbox['id']}"
    for _ in range(5):
        assert service.post(f"{path}/shells", {"name": "x"}).status in (200, 201)
        answers = pipelined(service, [
            request(service, "POST", f"{path}/shells/x/run", {"command": "echo hi"}),
            request(service, "DELETE", f"{path}/shells/x"),
            request(service, "POST", f"{path}/shells/x/run", {"command": "echo hi"}),
            request(service, "GET", f"{path}/files/stat?path=/workspace"),
            request(service, "GET", "/health")])
        assert [status for status, _ in answers][0::4] == [200, 200], answers
        assert answers[3][0] == 200, answers


def test_waiting_for_one_process_by_many(service):
    sandbox = service.post("/v1/sandboxes", {}).json
    path = f"/v1/sandboxes/{sandbox['id']}/processes"
    started = service.post(path, {"command": "sleep 1; exit 7"}).json
    wait = request(service, "GET", f"{path}/{started['id']}/wait?timeout_seconds=20")
    for status, document in pipelined(service, [wait] * 8):
        assert status == 200 and document["end"]["exit_code"] == 7, document
