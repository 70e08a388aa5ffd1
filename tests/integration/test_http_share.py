"""Who sends or reads large texts slowly uses up its own share of the memory, and nobody else's."""

import os
import socket

import pytest
from http_host import Wire, serve  # noqa: F401  (a fixture)
from program import wait_until

MIB = 1 << 20
# A quarter, 4 MiB, for one owner; 12 MiB for all but the administrator.
SHARED = ("--tcp", "--shared-bytes", 16 * MIB, "--own-bytes", 65536)
BODY = b'{"value":"%s"}'


@pytest.fixture
def path(tmp_path):
    """Of a Unix socket: the kernel keeps little there of what is not read."""
    path = str(tmp_path / "s") if len(str(tmp_path)) < 90 else f"/tmp/bj-share-{os.getpid()}"
    yield path
    if os.path.exists(path):
        os.unlink(path)


def whole(size, name):
    return (f"GET /whole?pieces=1&size={size} HTTP/1.1\r\nHost: localhost\r\n"
            f"X-API-Key: key-of-{name}\r\n\r\n").encode()


def post(length, name, path="/quiet"):
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: key-of-{name}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n").encode()


def read_slowly(server, name, count, size):
    """Statuses of as many large answers, each with its connection, none of which is read."""
    found = []
    for _ in range(count):
        wire = server.unix().send(whole(size, name))
        found.append((wire.answer(head_only=True), wire))
    return found


def statuses(found):
    return [answer.status for answer, _ in found]


def test_slow_readers_have_a_bound(serve, path):
    server = serve(*SHARED, "--unix", path)
    before = server.memory()
    found = read_slowly(server, "worker", 30, 2 * MIB)
    refused = [answer for answer, _ in found if answer.status == 429]
    assert statuses(found)[0] == 200 and len(refused) >= 28
    assert int(refused[0].headers["retry-after"]) >= 1
    # Within the share, and what allocators keep beside it: not 30 times 2 MiB.
    assert server.memory() - before < 16 * MIB
    # Small requests of the same owner are answered, and large ones of another.
    assert server.post("/echo", BODY % (b"x" * 1000)).status == 200
    assert statuses(read_slowly(server, "reader", 1, 2 * MIB)) == [200]
    for _, wire in found:
        wire.close()
    assert wait_until(lambda: statuses(read_slowly(server, "worker", 1, 2 * MIB)) == [200])


def test_an_answer_beyond_the_share_is_refused_whole(serve):
    server = serve(*SHARED)
    wire = server.wire().send(whole(5 * MIB, "worker"))
    answer = wire.answer()
    assert answer.status == 429 and answer.code == "RATE", answer.body
    # The connection is none the worse for it.
    assert wire.send(whole(3 * MIB, "worker")).answer().body == b"x" * (3 * MIB)


def test_what_is_all_for_all_is_kept_for_the_administrator(serve):
    server = serve("--tcp", "--shared-bytes", 16 * MIB, "--own-bytes", 65536, "--no-key")
    held = []
    for number in range(2, 7):
        wire = socket.socket()
        wire.bind((f"127.0.0.{number}", 0))
        wire.connect(("127.0.0.1", server.port))
        wire.sendall(post(4 * MIB - 10, "none"))
        held.append(Wire(wire))
    busy = [wire.answer() for wire in held[3:]]
    assert [answer.status for answer in busy] == [503, 503]
    assert int(busy[0].headers["retry-after"]) >= 1
    assert server.post("/echo", b"{}").status == 200


def test_silent_bodies_are_counted_by_their_heads(serve):
    server = serve(*SHARED)
    held = [server.wire().send(post(MIB, "worker")) for _ in range(4)]
    assert wait_until(lambda: server.counts["connections"] >= 5)
    late = [server.wire().send(post(MIB, "worker")).answer() for _ in range(10)]
    assert [answer.status for answer in late] == [429] * 10
    assert server.post("/echo", BODY % (b"x" * 1000)).status == 200
    assert server.post("/echo", BODY % (b"x" * MIB), key="key-of-admin").status == 200
    # Those who were there first are not the ones who are refused.
    body = BODY % (b"x" * (MIB - len(BODY % b"")))
    assert [wire.send(body).answer().status for wire in held] == [200] * 4
    assert server.post("/quiet", body).status == 200


def test_a_body_of_no_said_length_is_counted_as_it_comes(serve):
    server = serve(*SHARED)
    head = (b"POST /quiet HTTP/1.1\r\nHost: localhost\r\nX-API-Key: key-of-worker\r\n"
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b"%x\r\n" % MIB + b" " * MIB + b"\r\n"
    wire = server.wire().send(head)
    for _ in range(2):
        wire.send(piece)
    assert wait_until(lambda: server.counts["received"] >= 2 * MIB)
    assert server.post("/quiet", BODY % (b"x" * (3 * MIB))).status == 429
    wire.send(b"0\r\n\r\n")
    assert wire.answer().status == 400
    assert server.post("/quiet", BODY % (b"x" * (3 * MIB))).status == 200


def test_who_holds_much_must_get_on_by_much(serve):
    """What is enough progress for few bytes is none for many."""
    server = serve(*SHARED, "--progress-ms", 3000, "--progress-bytes", 1)
    wires = [server.wire().send(post(size, "worker")) for size in (3 * MIB, 1000)]

    def trickle():
        for wire in wires:
            try:
                wire.send(b" ")
            except OSError:
                pass
        return server.counts["timed_out"] >= 1

    assert wait_until(trickle, 30)
    assert wires[0].answer().status == 408
    assert wires[1].send(b" ").buffer == b""


def test_who_reads_much_must_read_on(serve):
    server = serve("--tcp", "--shared-bytes", 256 * MIB, "--progress-ms", 3000,
                   "--progress-bytes", 1)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", server.port))
    Wire(sock).send(whole(32 * MIB, "worker")).answer(head_only=True)

    def sip():
        # At most 100 KiB in a second: a twentieth of what waits are more, in three.
        sock.recv(1024)
        return server.counts["timed_out"] >= 1

    assert wait_until(sip, 30)
