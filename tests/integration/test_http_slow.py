"""Clients that are slow, silent, many, or in no hurry to read: they hurt only themselves."""

import os
import socket
import time

import pytest
from http_host import WORKER, serve  # noqa: F401  (a fixture)
from program import wait_until

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
FAST = ("--tcp", "--head-ms", 600, "--idle-ms", 1500, "--progress-ms", 800)


def test_silence(serve):
    server = serve(*FAST)
    begun = time.monotonic()
    assert server.wire().is_closed(5)
    assert time.monotonic() - begun > 0.5
    assert server.counts["timed_out"] == 1


def test_a_head_that_never_ends(serve):
    server = serve(*FAST)
    wire = server.wire().send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < 5 and b"408" not in wire.buffer:
            wire.send(b"X: y\r\n")
            time.sleep(0.05)
            wire.socket.setblocking(False)
            try:
                wire.more()
            except BlockingIOError:
                pass
            wire.socket.settimeout(5)
    except OSError:
        pass
    assert time.monotonic() - begun < 4
    assert wire.buffer.startswith(b"HTTP/1.1 408 ") or wire.buffer == b""


def test_a_body_that_trickles(serve):
    server = serve(*FAST)
    wire = server.wire().send(b"POST /value HTTP/1.1\r\nHost: localhost\r\n" + WORKER +
                              b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < 6:
            wire.send(b" ")
            time.sleep(0.05)
    except OSError:
        pass
    assert time.monotonic() - begun < 5
    assert server.get("/health").status == 200


def test_an_upload_that_trickles(serve, tmp_path):
    (tmp_path / "files").mkdir()
    server = serve(*FAST, "--files", tmp_path / "files")
    wire = server.wire().send(b"PUT /file/a HTTP/1.1\r\nHost: localhost\r\n"
                              b"Content-Length: 100000\r\n\r\nx")
    assert wire.answer().status == 408
    assert wire.is_closed()


def test_an_upload_into_a_pipe_that_nobody_empties_is_not_the_clients_fault(serve, tmp_path):
    (tmp_path / "files").mkdir()
    os.mkfifo(tmp_path / "files/p")
    server = serve(*FAST, "--files", tmp_path / "files")
    reader = os.open(tmp_path / "files/p", os.O_RDONLY | os.O_NONBLOCK)
    content = b"x" * 3000000
    wire = server.wire()
    wire.socket.setblocking(False)
    wire.socket.setblocking(True)
    import threading
    thread = threading.Thread(target=lambda: wire.send(
        b"PUT /file/p HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(content) +
        content))
    thread.start()
    for _ in range(3):  # who does stand still is given up meanwhile, one after the other
        stalled = server.wire().send(b"PUT /file/a HTTP/1.1\r\nHost: localhost\r\n"
                                     b"Content-Length: 100000\r\n\r\nx")
        assert stalled.answer().status == 408
    assert server.get("/health").status == 200
    got = 0
    os.set_blocking(reader, True)
    while got < len(content):
        got += len(os.read(reader, 65536))
    thread.join()
    assert wire.answer().json == {"bytes": len(content)}
    os.close(reader)


def test_idle_connections_are_closed(serve):
    server = serve(*FAST)
    wire = server.wire().send(GET)
    wire.answer()
    begun = time.monotonic()
    assert wire.is_closed(6) and time.monotonic() - begun > 1


@pytest.mark.parametrize("target", ["/stream?pieces=1000&size=100000", "/file/big"])
def test_who_does_not_read(serve, tmp_path, target):
    (tmp_path / "files").mkdir()
    with open(tmp_path / "files/big", "wb") as file:
        file.truncate(100 << 20)
    server = serve(*FAST, "--files", tmp_path / "files")
    before = server.memory()
    wires = []
    for _ in range(10):
        wire = server.wire()
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wires.append(wire.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()))
    time.sleep(0.3)
    assert server.memory() - before < 16 << 20
    assert wait_until(lambda: server.counts["connections"] == 1, 8)
    assert wait_until(lambda: server.counts["active"] == 1, 8)


def test_who_reads_slowly_gets_everything(serve):
    server = serve("--tcp", "--progress-ms", 1000, "--progress-bytes", 1000)
    wire = server.wire()
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    wire.send(b"GET /stream?pieces=40&size=100000 HTTP/1.1\r\nHost: localhost\r\n"
              b"Connection: close\r\n\r\n")
    total = 0
    while True:
        data = wire.socket.recv(65536)
        if not data:
            break
        total += len(data)
        time.sleep(0.01)
    assert total > 4000000


def test_pipelining_without_reading(serve):
    server = serve(*FAST)
    before = server.memory()
    wire = server.wire()
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.socket.settimeout(0.5)
    try:
        for _ in range(2000):
            wire.send(GET * 500)
    except OSError:
        pass
    assert server.memory() - before < 8 << 20
    assert server.get("/health").status == 200
    wire.close()


def test_many_connections_of_one_address(serve):
    server = serve("--tcp", "--max-per-address", 20)
    wires = [server.wire().send(GET) for _ in range(20)]
    for wire in wires:
        assert wire.answer().status == 200
    answer = server.wire().answer()
    assert answer.status == 503 and answer.code == "BUSY" and answer.headers["retry-after"]
    for wire in wires:
        assert wire.send(GET).answer().status == 200
    wires.pop().close()
    assert wait_until(lambda: server.wire().send(GET).answer().status == 200)


def test_idle_ones_make_room(serve):
    server = serve("--tcp", "--max-connections", 20)
    wires = [server.wire().send(GET) for _ in range(20)]
    for wire in wires:
        assert wire.answer().status == 200
    for _ in range(5):
        assert server.wire().send(GET).answer().status == 200
    assert server.counts["refused"] == 0


def test_a_flood_of_connections(serve):
    server = serve("--tcp", "--max-connections", 100, "--max-per-address", 1000, "--head-ms", 800)
    before = server.descriptors()
    wires = []
    for _ in range(600):
        wires.append(server.wire())
    assert server.descriptors() <= before + 101
    for wire in wires:
        wire.close()
    assert wait_until(lambda: server.get("/health").status == 200)
    assert wait_until(lambda: server.descriptors() <= before + 1, 10)


def test_few_descriptors(serve):
    server = serve("--tcp", "--max-connections", 1000)
    import resource
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (32, 32))
    wires = []
    for _ in range(60):
        wires.append(server.wire())

    def rests():  # it waits for connections to end and does not try for ever: that would never sleep
        for _ in range(20):
            with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as stat:
                if stat.read().rpartition(")")[2].split()[0] != "S":
                    return False
            time.sleep(0.01)
        return True

    assert wait_until(rests)
    for wire in wires:
        wire.close()
    assert wait_until(lambda: server.get("/health").status == 200)


def test_clients_that_go_away(serve, tmp_path):
    (tmp_path / "files").mkdir()
    with open(tmp_path / "files/big", "wb") as file:
        file.truncate(30 << 20)
    server = serve("--tcp", "--files", tmp_path / "files")
    server.get("/health")
    before = server.descriptors()
    starts = [GET[:10], GET[:-2], b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n",
              b"GET /stream?pieces=1000&size=100000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
              b"GET /file/big HTTP/1.1\r\nHost: localhost\r\n\r\n",
              b"PUT /file/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\nabc",
              b"PUT /file/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
              b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
              b"Content-Length: 50\r\n\r\n{"]
    for round_ in range(10):
        for start in starts:
            wire = server.wire().send(start)
            if round_ % 2:  # with a reset
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       b"\1\0\0\0\0\0\0\0")
            if round_ % 3 == 0:
                time.sleep(0.01)
            wire.close()
    assert wait_until(lambda: server.counts["active"] == 1 and server.counts["connections"] == 1)
    assert wait_until(lambda: server.descriptors() <= before + 1), server.descriptors()


def test_half_closed_clients_are_answered(serve):
    server = serve()
    wire = server.wire().send(GET)
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.answer().status == 200
    wire = server.wire().send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.answer().body == b"late\n" and wire.is_closed()


def test_memory_is_flat(serve):
    server = serve()
    sizes = []
    for _ in range(3):
        for _ in range(300):
            server.post("/value", b'{"value": "%s"}' % (b"x" * 5000))
        sizes.append(server.memory())
    assert sizes[-1] - sizes[0] < 1 << 20


def test_handlers_that_never_end_use_nothing_up(serve):
    server = serve("--tcp", "--log", "--max-per-address", 20, "--abandon-ms", 300)
    for _ in range(3):
        wires = [server.wire().send(b"GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n")
                 for _ in range(15)]
        assert wait_until(lambda: server.counts["active"] % 15 == 1, 8)
        for wire in wires:
            wire.close()
        assert wait_until(lambda: server.counts["connections"] == 1, 8)
    assert server.counts["stranded"] == 45
    # Nor does one whose client only ended its own side, nor does any of them hold up the end.
    wire = server.wire().send(b"GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n")
    wire.socket.shutdown(socket.SHUT_WR)
    assert wait_until(lambda: server.counts["stranded"] == 46, 8)
    assert wire.is_closed()
    # The fixture insists on an end in good order, which this one would hold up for ever.
    server.wire().send(b"GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n")
