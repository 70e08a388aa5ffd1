"""Who holds many connections, silent or in use, locks nobody else out."""

import os
import socket

import pytest
from http_host import serve  # noqa: F401  (a fixture)
from program import wait_until

UPGRADE = (b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")


def head(path, *headers):
    return b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + b"".join(headers) + b"\r\n"


def key(name):
    return b"X-API-Key: key-of-" + name + b"\r\n"


def forwarded(address):
    return b"X-Forwarded-For: " + address + b"\r\n"


def hold(server, name, *headers):
    """A connection that is in use for as long as the test likes."""
    wire = server.wire().send(head(b"/ws", key(name), UPGRADE, *headers))
    answer = wire.answer(head_only=True)
    return wire, answer


def asked(server, path, *headers):
    wire = server.wire().send(head(path, *headers))
    answer = wire.answer()
    wire.close()
    return answer


def test_an_owner_with_many(serve):
    server = serve("--tcp", "--max-per-owner", 6, "--max-per-address", 8)
    held = [hold(server, b"worker") for _ in range(6)]
    assert [answer.status for _, answer in held] == [101] * 6
    refused = asked(server, b"/keyed", key(b"worker"))
    assert refused.status == 429 and int(refused.headers["retry-after"]) >= 1
    # More than the address may have without keys: others with keys are not counted there.
    others = [hold(server, b"reader") for _ in range(6)]
    assert [answer.status for _, answer in others] == [101] * 6
    assert asked(server, b"/health").status == 200
    held[0][0].close()
    assert wait_until(lambda: asked(server, b"/keyed", key(b"worker")).status == 200)


@pytest.mark.parametrize("part", [b"", b"GET /health HTTP/1.1\r\nHost: loc"])
def test_silent_ones_give_way(serve, part):
    server = serve("--tcp", "--max-connections", 16, "--max-per-address", 12)
    silent = []
    for number in range(2, 6):
        for _ in range(16):
            wire = socket.socket()
            wire.bind((f"127.0.0.{number}", 0))
            wire.connect(("127.0.0.1", server.port))
            wire.sendall(part)
            silent.append(wire)
    for _ in range(40):
        assert asked(server, b"/health").status == 200
        assert asked(server, b"/keyed", key(b"worker")).status == 200


def test_silent_ones_on_the_unix_socket(serve, tmp_path):
    path = str(tmp_path / "s") if len(str(tmp_path)) < 90 else f"/tmp/bj-room-{os.getpid()}"
    server = serve("--tcp", "--unix", path, "--max-connections", 32, "--max-per-address", 8)
    silent = []
    for _ in range(80):
        wire = socket.socket(socket.AF_UNIX)
        wire.connect(path)
        silent.append(wire)
    assert asked(server, b"/health").status == 200
    # Those of one user, and the two that look; closed ones are counted until the loop turns.
    assert wait_until(lambda: server.counts["connections"] <= 10)


def test_the_reserve(serve):
    server = serve("--tcp", "--max-connections", 16, "--max-per-owner", 14)
    held = [hold(server, name) for _ in range(7) for name in (b"worker", b"reader")]
    assert [answer.status for _, answer in held] == [101] * 14
    assert asked(server, b"/keyed", key(b"worker")).status == 503
    assert asked(server, b"/keyed").status == 401
    assert asked(server, b"/health").status == 200
    assert asked(server, b"/admin", key(b"admin")).status == 200


def test_a_trusted_proxy(serve):
    server = serve("--tcp", "--max-per-address", 3, "--trusted-proxy", "127.0.0.1", "--log")
    idle = [server.wire().send(head(b"/health", forwarded(b"192.0.2.7"))) for _ in range(3)]
    assert [wire.answer().status for wire in idle] == [200] * 3
    assert asked(server, b"/health", forwarded(b"192.0.2.7")).status == 429
    # The client's own words in front do not count, the proxy's behind them do.
    assert asked(server, b"/health", forwarded(b"198.51.100.1, 192.0.2.7")).status == 429
    assert asked(server, b"/health", forwarded(b"192.0.2.7, 198.51.100.1")).status == 200
    assert asked(server, b"/health", forwarded(b"192.0.2.7, 198.51.100.1, 127.0.0.1")).status == 200
    assert " 198.51.100.1 " in server.log()


def test_who_is_no_proxy_is_not_believed(serve):
    server = serve("--tcp", "--max-per-address", 3)
    held = [server.wire().send(head(b"/later", forwarded(b"192.0.2.%d" % number)))
            for number in range(3)]
    assert [wire.answer().status for wire in held] == [200] * 3
    assert server.wire().answer().status == 503
