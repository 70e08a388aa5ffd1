"""What goes on for long: output and events that are followed, terminals, content of any size, ports."""

import base64
import http.client
import io
import json
import os
import socket
import struct
import tarfile
import threading
import time

import pytest
from api_calls import PORT, Things, ask_raw
from program import PATIENCE, wait_until

BASE = "/v1/sandboxes/default"


def events_of(text):
    """Server-sent events as (event, id, data)."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in fields:
            found.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
    return found


def follow(service, path, **headers):
    answer = service.get(path, headers={"Accept": "text/event-stream", **headers})
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/event-stream"
    return events_of(answer.body.decode())


def start(service, **body):
    answer = service.post(f"{BASE}/processes", body)
    assert answer.status == 201, answer
    return f"{BASE}/processes/{answer.json['id']}"


def output_of(events):
    return "".join(data["text"] for event, _, data in events if event == "output")


# ---- output ----

def test_output_as_events_goes_on_where_it_stopped(service):
    process = start(service, command="printf one; sleep 0.2; printf two; printf three >&2")
    seen = follow(service, f"{process}/output")
    assert [event for event, _, _ in seen][-1] == "end"
    assert seen[-1][2]["state"] == "ended" and seen[-1][2]["end"]["exit_code"] == 0
    assert sorted(output_of(seen)) == sorted("onetwothree")
    first = next(number for event, number, _ in seen if event == "output")
    again = follow(service, f"{process}/output", **{"Last-Event-ID": first})
    assert [each for each in again if each[0] == "output"] == \
        [each for each in seen if each[0] == "output" and int(each[1]) > int(first)]
    assert follow(service, f"{process}/output", **{"Last-Event-ID": "11"})[0][0] == "end"


def test_output_that_is_no_text(service):
    process = start(service, command=r"printf '\xff\x00\xfe'")
    data = follow(service, f"{process}/output")[0][2]
    assert base64.b64decode(data["base64"]) == b"\xff\x00\xfe" and "text" not in data
    assert service.get(f"{process}/output").body == b"\xff\x00\xfe"


def test_output_that_is_there_does_not_wait_for_more(service):
    process = start(service, command="printf here; sleep 60")
    end = time.monotonic() + PATIENCE
    while service.get(f"{process}/output", timeout=5).body != b"here":
        assert time.monotonic() < end
    assert service.get(f"{process}/output?offset=2", timeout=5).body == b"re"
    seen = follow(service, f"{process}/output?follow=false")
    assert [event for event, _, _ in seen] == ["output", "now"]
    assert service.get(f"{process}/wait?timeout_seconds=0.1").json["state"] == "running"
    assert service.post(f"{process}/signal", {"signal": "KILL"}).status == 204
    assert service.get(f"{process}/wait").json["end"]["signal"] == 9


def test_only_what_comes_from_now_on(service):
    process = start(service, command="printf before; read x; printf after", stdin=True)
    end = time.monotonic() + PATIENCE
    while service.get(f"{process}/output").body != b"before":
        assert time.monotonic() < end
    got = []
    reader = threading.Thread(target=lambda: got.append(
        service.get(f"{process}/output?offset=-1&follow=true").body))
    reader.start()
    time.sleep(0.3)
    assert service.post(f"{process}/stdin", {"data": "x\n", "close": True}).status == 204
    reader.join(PATIENCE)
    assert got == [b"after"]


def test_what_is_lost_breaks_the_answer(service):
    """More than is kept: bytes alone cannot say that some are missing."""
    size = 4 << 20
    process = start(service, command=f"head -c {size} /dev/zero | tr '\\0' x")
    assert wait_until(lambda: service.get(process).json["end"], PATIENCE)
    figures = service.get(process).json
    lost = figures["dropped_bytes"]
    assert figures["output_bytes"] == size and 0 < lost < size
    assert service.get(f"{process}/output").body == b"x" * (size - lost)
    assert service.get(f"{process}/output?offset={lost}").body == b"x" * (size - lost)
    with pytest.raises((http.client.HTTPException, OSError)):
        service.get(f"{process}/output?offset=0")


def test_who_falls_behind_without_holding_is_broken_off(service):
    size = 16 << 20
    process = start(service, command=f"read x; head -c {size} /dev/zero | tr '\\0' x", stdin=True)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", service.port))
        client.sendall((f"GET {process}/output?follow=true HTTP/1.1\r\nHost: localhost\r\n"
                        f"X-API-Key: {service.key}\r\nConnection: close\r\n\r\n").encode())
        assert client.recv(64).startswith(b"HTTP/1.1 200")
        assert service.post(f"{process}/stdin", {"data": "x\n"}).status == 204
        assert wait_until(lambda: service.get(process).json["end"], PATIENCE)
        received = b""
        try:
            while more := client.recv(1 << 20):
                received += more
        except ConnectionResetError:
            pass
    assert len(received) < size and not received.endswith(b"0\r\n\r\n")


def test_nothing_is_lost_to_who_holds(service):
    """More than is kept of a process, to a slow client, whole and in order."""
    size = 8 << 20
    process = start(service, command=f"read x; head -c {size} /dev/zero | tr '\\0' x", stdin=True)
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as client:
        client.sendall((f"GET {process}/output?hold&follow=true HTTP/1.0\r\nHost: localhost\r\n"
                        f"X-API-Key: {service.key}\r\n\r\n").encode())
        time.sleep(0.2)
        assert service.post(f"{process}/stdin", {"data": "x\n"}).status == 204
        time.sleep(1)  # it is full long before
        received = b""
        while more := client.recv(1 << 20):
            received += more
    assert received.partition(b"\r\n\r\n")[2] == b"x" * size


# ---- events ----

def test_events_are_followed_and_resumed(service):
    assert service.bash("true")["success"]
    kept = service.get("/v1/events").json["events"]
    assert [event["type"] for event in kept][:1] == ["sandbox.created"]
    status, text = ask_raw(service, "/v1/events", service.key, "Accept: text/event-stream",
                           f"Last-Event-ID: {kept[0]['id']}")
    assert status == 200 and "text/event-stream" in text
    assert service.get("/v1/events", headers={"Last-Event-ID": "x"}).status == 400
    later = service.get(f"/v1/events?after={kept[0]['id']}").json["events"]
    assert [event["id"] for event in later[:len(kept) - 1]] == [event["id"] for event in kept[1:]]


# ---- content ----

def test_content_of_any_size_and_in_parts(service):
    content = os.urandom(24 << 20)
    assert service.request("PUT", f"{BASE}/files/content?path=deep/below/it", content).json == {
        "path": "/workspace/deep/below/it", "size": len(content)}
    path = f"{BASE}/files/content?path=deep/below/it"
    assert service.get(path).body == content
    for wanted, status, part in [("bytes=0-0", 206, content[:1]), ("bytes=5-", 206, content[5:]),
                                 ("bytes=-7", 206, content[-7:]),
                                 ("bytes=10-19", 206, content[10:20]),
                                 (f"bytes=-{len(content) * 2}", 206, content),
                                 ("bytes=0-99999999999", 206, content),
                                 ("bytes=2-1", 200, content), ("bytes=a-b", 200, content),
                                 ("lines=1-2", 200, content), ("bytes=0-1,5-6", 200, content)]:
        answer = service.get(path, headers={"Range": wanted})
        assert (answer.status, answer.body == part) == (status, True), wanted
    answer = service.get(path, headers={"Range": f"bytes={len(content)}-"})
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(content)}"
    head = service.request("HEAD", path)
    assert (head.status, head.body, head.headers["Content-Length"]) == \
        (200, b"", str(len(content)))
    assert service.request("HEAD", f"{BASE}/files/archive").status == 200
    assert service.request("PUT", f"{path}&exclusive", b"x").status == 409
    assert service.request("PUT", f"{path}&append", b"end").status == 200
    assert service.get(path, headers={"Range": "bytes=-3"}).body == b"end"


def test_directories_as_archives(service):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in (("a", b"1"), ("d/b", b"22")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    assert service.request("PUT", f"{BASE}/files/archive?path=tree", packed.getvalue()).status == 204
    assert service.bash("cat tree/a tree/d/b")["output"] == "122"
    for gzip, mode in (("", "r:"), ("&gzip", "r:gz")):
        answer = service.get(f"{BASE}/files/archive?path=tree{gzip}")
        assert answer.status == 200
        with tarfile.open(fileobj=io.BytesIO(answer.body), mode=mode) as archive:
            files = {member.name.removeprefix("./"): archive.extractfile(member).read()
                     for member in archive if member.isfile()}
        assert {name.removeprefix("tree/"): content for name, content in files.items()} == \
            {"a": b"1", "d/b": b"22"}
    front = service.roles()["front"]
    assert service.request("PUT", f"{BASE}/files/archive", b"no archive" * 9999).status in \
        range(400, 500)
    assert service.roles()["front"] == front


# ---- terminals and ports ----

class WebSocket:
    """A client of RFC 6455, as small as it can be."""

    def __init__(self, service, path):
        self.client = socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE)
        self.client.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
                             f"X-API-Key: {service.key}\r\nConnection: Upgrade\r\n"
                             "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
        self.stream = self.client.makefile("rb")
        assert b"101" in self.stream.readline()
        while self.stream.readline() != b"\r\n":
            pass

    def send(self, data):
        text = isinstance(data, dict)
        payload = json.dumps(data).encode() if text else data
        mask = os.urandom(4)
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else \
            b"\xfe" + struct.pack("!H", len(payload))
        self.client.sendall(bytes([0x81 if text else 0x82]) + length + mask +
                            bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))

    def receive(self):
        """A text message as an object, a binary one as bytes, None for the close."""
        first, length = self.stream.read(2)
        if length == 126:
            length = struct.unpack("!H", self.stream.read(2))[0]
        elif length == 127:
            length = struct.unpack("!Q", self.stream.read(8))[0]
        payload = self.stream.read(length)
        return {1: lambda: json.loads(payload), 2: lambda: payload}.get(first & 15,
                                                                        lambda: None)()

    def until(self, wanted):
        """Bytes up to and with these."""
        seen = b""
        while wanted not in seen:
            message = self.receive()
            assert message is not None, seen
            seen += message if isinstance(message, bytes) else b""
        return seen


def test_a_terminal_by_websocket(service):
    process = start(service, argv=["/bin/bash", "--norc", "-i"], terminal=True, rows=24, columns=80)
    first = WebSocket(service, f"{process}/attach")
    assert first.receive()["type"] == "ready"
    first.send(b"echo $((40+2)); stty size\n")
    assert b"24 80" in first.until(b"24 80")
    first.send({"type": "resize", "rows": 30, "columns": 100})
    first.send({"type": "input", "data": "stty size\n"})
    first.until(b"30 100")
    # A client that comes later gets the screen, not a blank.
    second = WebSocket(service, f"{process}/attach")
    assert second.receive()["type"] == "ready"
    assert b"30 100" in second.until(b"30 100")
    second.send({"type": "nonsense"})
    while (message := second.receive()).__class__ is bytes or message["type"] != "error":
        pass
    second.send(b"exit 3\n")
    while (message := first.receive()).__class__ is bytes or message["type"] != "end":
        pass
    assert message["process"]["end"]["exit_code"] == 3
    assert first.receive() is None


def test_a_silent_terminal_shows_its_screen(service):
    """Also where what is kept of it fills the pieces that it is read in."""
    size = 128 << 10
    process = start(service, terminal=True, argv=[
        "/bin/bash", "-c",
        f"stty -onlcr; head -c {size - 6} /dev/zero | tr '\\0' x; printf 'marker'; sleep 60"])
    assert wait_until(lambda: b"marker" in service.get(f"{process}/output").body)
    assert b"marker" in WebSocket(service, f"{process}/attach").until(b"marker")


def test_ports_by_header_and_as_a_stream(service):
    things = Things(service)
    path = f"/v1/sandboxes/{things.sandbox}/ports/{PORT}"
    assert service.get(path).status == 426
    status, text = ask_raw(service, path, service.key, "Connection: Upgrade", "Upgrade: tcp")
    assert status == 101
    assert service.get(path.replace(str(PORT), "1"),
                       headers={"Connection": "Upgrade", "Upgrade": "tcp"}).status == 404
    script = ("import http.server as h\n"
              "class H(h.BaseHTTPRequestHandler):\n"
              "    def do_GET(self):\n"
              "        text = (self.path + str(dict(self.headers))).encode()\n"
              "        self.send_response(200); self.send_header('Content-Length', str(len(text)))\n"
              "        self.end_headers(); self.wfile.write(text)\n"
              "s = h.HTTPServer(('127.0.0.1', 9001), H); print('ready', flush=True)\n"
              "s.serve_forever()\n")
    process = things.ask("POST", f"/v1/sandboxes/{things.sandbox}/processes",
                         {"argv": ["/usr/bin/python3", "-c", script]}).json["id"]
    end = time.monotonic() + PATIENCE
    while b"ready" not in service.get(
            f"/v1/sandboxes/{things.sandbox}/processes/{process}/output").body:
        assert time.monotonic() < end
    answer = service.get("/any/path?at=all",
                         headers={"X-Belljar-Port": f"9001-{things.sandbox}"})
    assert answer.status == 200 and answer.body.startswith(b"/any/path?at=all")
    assert service.key.encode() not in answer.body


@pytest.mark.parametrize("path", ["output?follow=true", "wait"])
def test_who_goes_leaves_nothing_behind(service, path):
    process = start(service, command="sleep 600")
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as client:
            client.sendall((f"GET {process}/{path} HTTP/1.1\r\nHost: localhost\r\n"
                            f"X-API-Key: {service.key}\r\n\r\n").encode())
            time.sleep(0.01)
    end = time.monotonic() + PATIENCE
    while "belljar_subscribers 0" not in service.get("/metrics").body.decode():
        assert time.monotonic() < end
        time.sleep(0.05)
