"""WebSockets: what RFC 6455 asks for, and what attackers do with it."""

import base64
import hashlib
import os
import struct
import time

import pytest
from http_host import serve  # noqa: F401  (a fixture)
from program import wait_until

KEY = base64.b64encode(b"0123456789abcdef").decode()
HEAD = ("GET /ws HTTP/1.1\r\nHost: localhost\r\nX-API-Key: key-of-reader\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n")
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode, payload, fin=True, mask=b"\1\2\3\4", rsv=0):
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    flag = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([flag | len(payload)])
    elif len(payload) < 65536:
        head += bytes([flag | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", len(payload))
    if not mask:
        return head + payload
    stream = (mask * (len(payload) // 4 + 1))[:len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return head + mask + masked.to_bytes(len(payload), "big")


def receive(wire):
    first, second = wire.take(2)
    length = second & 127
    assert not second & 128
    if length == 126:
        length = struct.unpack(">H", wire.take(2))[0]
    elif length == 127:
        length = struct.unpack(">Q", wire.take(8))[0]
    return first & 15, wire.take(length)


def connect(wire, behind=b""):
    wire.send(HEAD.format(key=KEY).encode() + behind)
    answer = wire.answer()
    assert answer.status == 101, answer.head
    accept = base64.b64encode(hashlib.sha1(
        (KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
    assert answer.headers["sec-websocket-accept"] == accept
    assert answer.headers["upgrade"] == "websocket" and answer.headers["connection"] == "Upgrade"
    return wire


@pytest.mark.parametrize("way", ["tcp", "tls", "unix"])
def test_messages(serve, tmp_path, certificate, way):
    server = serve("--tcp", "--tls", *certificate, "--unix", tmp_path / "s")
    wire = connect({"tcp": server.wire, "tls": server.tls, "unix": server.unix}[way]())
    for size in (0, 1, 125, 126, 65535, 65536, 1 << 20):
        data = os.urandom(size)
        assert receive(wire.send(frame(BINARY, data))) == (BINARY, data)
    assert receive(wire.send(frame(TEXT, "héllo".encode()))) == (TEXT, "héllo".encode())
    wire.send(frame(TEXT, b"a", fin=False) + frame(PING, b"there?") + frame(0, b"b"))
    assert receive(wire) == (PONG, b"there?")
    assert receive(wire) == (TEXT, b"ab")
    wire.send(frame(CLOSE, struct.pack(">H", 1000)))
    assert receive(wire)[0] == CLOSE and wire.is_closed()


def test_messages_right_behind_the_head(serve):
    wire = connect(serve().wire(), frame(TEXT, b"early") + frame(TEXT, b"too"))
    assert receive(wire) == (TEXT, b"early") and receive(wire) == (TEXT, b"too")


def test_closed_by_the_server(serve):
    wire = connect(serve().wire()).send(frame(TEXT, b"bye"))
    assert receive(wire) == (CLOSE, struct.pack(">H", 4000) + b"bye")
    assert wire.is_closed()


def test_many_messages_at_once(serve):
    wire = connect(serve().wire())
    wire.send(frame(TEXT, b"x" * 100) * 2000)
    for _ in range(2000):
        assert receive(wire) == (TEXT, b"x" * 100)


@pytest.mark.parametrize("bad, code", [
    (frame(TEXT, b"a", mask=None), 1002),
    (frame(TEXT, b"a", rsv=4), 1002),
    (frame(3, b"a"), 1002),
    (frame(11, b"a"), 1002),
    (frame(PING, b"x" * 126), 1002),
    (frame(PING, b"x", fin=False), 1002),
    (frame(0, b"a"), 1002),
    (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    (frame(CLOSE, b"x"), 1002),
    (frame(CLOSE, struct.pack(">H", 1005)), 1002),
    (frame(TEXT, b"\xff\xfe"), 1007),
    (b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\1\2\3\4more", 1009),
    (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\2\3\4", 1002),
    (frame(BINARY, b"x" * ((1 << 20) + 1)), 1009)], ids=lambda value: str(value)[:24] if isinstance(value, bytes) else None)
def test_broken_frames(serve, bad, code):
    server = serve()
    wire = connect(server.wire())
    try:
        wire.send(bad)
    except OSError:
        pass
    try:
        opcode, payload = receive(wire)
        assert opcode == CLOSE and payload[:2] in (struct.pack(">H", code), b"")
    except (EOFError, ConnectionResetError):
        pass
    assert wire.is_closed()
    assert wait_until(lambda: server.counts["active"] == 1)


@pytest.mark.parametrize("change, status", [
    (("Upgrade: websocket\r\n", ""), 426),
    (("Upgrade: websocket", "Upgrade: h2c"), 426),
    (("Connection: Upgrade\r\n", ""), 426),
    (("Version: 13", "Version: 12"), 426),
    (("Sec-WebSocket-Version: 13\r\n", ""), 426),
    (("Sec-WebSocket-Key: {key}\r\n", ""), 400),
    (("Key: {key}", "Key: short"), 400),
    (("Key: {key}", "Key: {key}\r\nSec-WebSocket-Key: {key}"), 400),
    (("GET /ws", "POST /ws"), 405),
    (("HTTP/1.1", "HTTP/1.0"), 426),
    (("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\nhello"), 400),
    (("X-API-Key: key-of-reader\r\n", ""), 401),
    (("Host: localhost", "Host: evil.example"), 403),
    (("Upgrade: websocket", "Upgrade: websocket\r\nOrigin: http://evil.example"), 403),
    (("Upgrade: websocket", "Upgrade: websocket\r\nOrigin: null"), 403),
    (("Upgrade: websocket", "Upgrade: websocket\r\nSec-Fetch-Site: cross-site"), 403)])
def test_refused_handshakes(serve, change, status):
    server = serve()
    head = HEAD.replace(*change).format(key=KEY)
    answer = server.ask(head.encode())
    assert answer.status == status and answer.json["error"]["message"]
    if status == 426:
        assert answer.headers["sec-websocket-version"] == "13"


def test_an_upgrade_that_nobody_asked_for_is_an_ordinary_request(serve):
    wire = serve().wire()
    for _ in range(2):
        wire.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                  b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
        assert wire.answer().status == 200


def test_who_does_not_read_is_not_read_from(serve):
    server = serve("--tcp", "--progress-ms", 1000)
    before = server.memory()
    wire = connect(server.wire())
    wire.socket.settimeout(1)
    try:
        for _ in range(500):
            wire.send(frame(BINARY, b"x" * 200000))
    except OSError:
        pass
    assert server.memory() - before < 8 << 20
    assert wait_until(lambda: server.counts["active"] == 1)
    wire = connect(server.wire())
    wire.socket.settimeout(1)
    try:
        for _ in range(3000):
            wire.send(frame(PING, b"x" * 125) * 500)
    except OSError:
        pass
    assert server.memory() - before < 8 << 20


def test_silent_clients_are_asked_for_a_sign(serve):
    server = serve("--tcp", "--idle-ms", 800)
    alive, dead = connect(server.wire()), connect(server.wire())
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        opcode, payload = receive(alive)
        assert opcode == PING
        alive.send(frame(PONG, payload))
    assert wait_until(lambda: server.counts["active"] == 2)  # it, and who counts
    assert dead.is_closed()
    assert receive(alive.send(frame(TEXT, b"hello"))) == (TEXT, b"hello")


def test_told_of_a_restart(serve):
    server = serve()
    wire = connect(server.wire())
    server.process.stdin.close()
    opcode, payload = receive(wire)
    assert opcode == CLOSE and struct.unpack(">H", payload[:2])[0] == 1001
    wire.send(frame(CLOSE, payload[:2]))
    assert wire.is_closed()
