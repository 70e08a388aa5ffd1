"""Ports behind the server: what goes through, and what must not."""

import os
import socket
import ssl
import threading
import time

import pytest
from http_host import Wire, serve  # noqa: F401  (a fixture)
from program import AS_ROOT, wait_until

TCP_REPAIR = 19  # linux/tcp.h


class Program:
    """A program behind a port: answers each connection with what the test says, keeps what it got."""

    def __init__(self, answer, until=b"\r\n\r\n", then=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard = []
        self.answer, self.until, self.then = answer, until, then
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            wire = Wire(sock)
            try:
                while self.until and self.until not in wire.buffer:
                    if not wire.more():
                        break
                self.heard.append(wire)
                sock.sendall(self.answer)
                if self.then:
                    self.then(wire)
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def program():
    programs = []

    def start(*arguments, **options):
        programs.append(Program(*arguments, **options))
        return programs[-1]

    yield start
    for one in programs:
        one.close()


def head(port, method="GET", target="/", *lines):
    return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {port}-abc.box.example",
                        "X-API-Key: key-of-worker", *lines, "", ""]).encode()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def test_a_request_goes_through_as_it_came(serve, program):
    server, behind = serve(), program(OK)
    target = "/a//b/../%2f?x=%00&y#z".replace("#z", "")
    answer = server.ask(head(behind.port, "GET", target, "X-Own: a  b", "Authorization: Basic abc",
                             "Connection: keep-alive"))
    assert answer.body == b"hello"
    heard = behind.heard[0].buffer
    assert heard.startswith(f"GET {target} HTTP/1.1\r\n".encode())
    assert b"X-Own: a  b\r\n" in heard and b"Authorization: Basic abc\r\n" in heard
    assert b"Connection: close\r\n" in heard and b"keep-alive" not in heard


def test_by_header(serve, program):
    server, behind = serve(), program(OK)
    answer = server.get("/x", f"X-Belljar-Port: {behind.port}-abc", "X-API-Key: key-of-worker")
    assert answer.body == b"hello"
    for bad in ("x", "80", "-abc", "80-", "0-abc", "70000-abc", "80-" + "a" * 50):
        assert server.get("/x", f"X-Belljar-Port: {bad}",
                          "X-API-Key: key-of-worker").status == 400


def test_the_key_does_not_go_there(serve, program):
    server, behind = serve(), program(OK)
    server.ask(head(behind.port))
    server.ask(f"GET / HTTP/1.1\r\nHost: {behind.port}-abc.box.example\r\n"
               "Authorization: Bearer key-of-worker\r\n\r\n".encode())
    assert len(behind.heard) == 2
    for wire in behind.heard:
        assert b"key-of-worker" not in wire.buffer and b"\r\n\r\n" in wire.buffer


OTHER_KEY = ("Authorization: Bearer key-of-admin", "authorization: bearer key-of-admin",
             "AUTHORIZATION: Bearer   key-of-admin", "Authorization: key-of-worker",
             "Authorization: Bearer key-of-nobody", "X-Other: key-of-admin",
             "Proxy-Authorization: Bearer key-of-admin", "Cookie: a=b; key=key-of-reader")


@pytest.mark.parametrize("line", OTHER_KEY)
def test_nor_does_another_key(serve, program, line):
    """Whatever else the client shows that is a key, or looks like one, stays here too."""
    server, behind = serve(), program(OK)
    assert server.ask(head(behind.port, "GET", "/", line, "X-Own: 1")).body == b"hello"
    assert b"key-of-" not in behind.heard[0].buffer and b"X-Own: 1\r\n" in behind.heard[0].buffer


@pytest.mark.parametrize("first, second", [
    ("X-API-Key: key-of-worker", "x-api-key: key-of-admin"),
    ("Authorization: Bearer key-of-worker", "AUTHORIZATION: Bearer key-of-admin"),
    ("X-API-Key: key-of-worker", "X-API-KEY: key-of-worker")])
def test_a_key_is_shown_once(serve, program, first, second):
    server, behind = serve(), program(OK)
    for lines in ((first, second), (second, first)):
        assert server.get("/", *lines, host=f"{behind.port}-abc.box.example").status == 400
    assert behind.heard == []


def test_what_is_for_the_program_goes_there(serve, program):
    server, behind = serve(), program(OK)
    server.ask(head(behind.port, "GET", "/", "Authorization: Bearer of-the-programs-own"))
    assert b"Authorization: Bearer of-the-programs-own\r\n" in behind.heard[0].buffer
    assert b"X-API-Key" not in behind.heard[0].buffer


def test_where_nobody_needs_a_key(serve, program):
    server, behind = serve("--tcp", "--no-key"), program(OK)
    host = f"{behind.port}-abc.box.example"
    server.get("/", "Authorization: Bearer of-the-programs-own", host=host)
    assert b"of-the-programs-own" in behind.heard[0].buffer
    server.get("/", "Authorization: Bearer key-of-worker", "X-API-Key: anything", host=host)
    assert b"key-of-" not in behind.heard[1].buffer and b"anything" not in behind.heard[1].buffer


def test_headers_of_a_connection_stay_on_it(serve, program):
    server, behind = serve(), program(
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\n"
        b"Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nTrailer: X-End\r\nX-Own: 1\r\n"
        b"Content-Length: 5\r\n\r\nhello")
    answer = server.ask(head(behind.port, "GET", "/", "Connection: X-Mine, Host , close",
                             "x-mine: 1", "TE: trailers", "Proxy-Connection: keep-alive",
                             "Keep-Alive: timeout=5", "X-Kept: 1"))
    heard = behind.heard[0].buffer.lower()
    for gone in (b"x-mine", b"\r\nte:", b"proxy-connection", b"keep-alive"):
        assert gone not in heard
    assert b"x-kept: 1\r\n" in heard and b"connection: close\r\n" in heard
    assert b"host: " in heard
    assert answer.body == b"hello" and answer.headers["x-own"] == "1"
    assert answer.headers["connection"] == "close"
    assert not {"keep-alive", "x-hop", "proxy-connection", "upgrade", "trailer"} & set(answer.headers)


def test_empty_lines_in_front(serve, program):
    """A server reads over them; the program gets a request."""
    server, behind = serve(), program(OK)
    assert server.ask(b"\r\n" + head(behind.port)).body == b"hello"
    assert behind.heard[0].buffer.startswith(b"GET / HTTP/1.1\r\n")


def test_only_with_a_key(serve, program):
    server, behind = serve(), program(OK)
    for headers, status in (((), 401), (("X-API-Key: key-of-reader",), 403),
                            (("X-API-Key: key-of-worker", "Origin: http://evil.example"), 403),
                            (("X-API-Key: key-of-worker", "Sec-Fetch-Site: cross-site"), 403)):
        assert server.get("/", *headers, host=f"{behind.port}-abc.box.example").status == status
    assert behind.heard == []


def test_the_next_request_does_not_go_there(serve, program):
    """Neither one that is pipelined nor one that a client sends on a connection it keeps."""
    server = serve()
    behind = program(OK, then=lambda wire: wire.rest())
    wire = server.wire().send(head(behind.port) + b"GET /secret HTTP/1.1\r\nHost: x\r\n\r\n")
    assert wire.answer().body == b"hello"
    try:
        wire.send(b"GET /secret HTTP/1.1\r\nHost: localhost\r\nX-API-Key: key-of-worker\r\n\r\n")
    except OSError:
        pass
    assert wire.is_closed()
    wire = server.wire().send(head(behind.port, "POST", "/", "Content-Length: 3") +
                              b"abcGET /secret HTTP/1.1\r\nHost: x\r\n\r\n")
    assert wire.answer().body == b"hello" and wire.is_closed()
    assert wait_until(lambda: len(behind.heard) == 2)
    for heard in behind.heard:
        assert b"secret" not in heard.buffer


@pytest.mark.parametrize("lines", [("Content-Length: 3", "Transfer-Encoding: chunked"),
                                   ("Content-Length: 3", "Content-Length: 4"),
                                   ("Transfer-Encoding: gzip",), ("Host: other",), (" folded",)])
def test_smuggling_through(serve, program, lines):
    server, behind = serve(), program(OK)
    assert server.ask(head(behind.port, "POST", "/", *lines) + b"0\r\n\r\n").status == 400
    assert behind.heard == []


def test_bodies_both_ways(serve, program):
    content = os.urandom(3000000)
    server = serve()

    def echo(wire):
        while len(wire.buffer.partition(b"\r\n\r\n")[2]) < len(content):
            if not wire.more():
                return
        body = wire.buffer.partition(b"\r\n\r\n")[2]
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    behind = program(b"", then=echo)
    answer = server.ask(head(behind.port, "POST", "/", f"Content-Length: {len(content)}") + content)
    assert answer.body == content
    chunked = b"".join(b"%x;a=b\r\n%s\r\n" % (len(content[at:at + 65000]), content[at:at + 65000])
                       for at in range(0, 650000, 65000)) + b"0\r\n\r\n"
    behind = program(b"", until=chunked, then=lambda wire: wire.send(OK))
    assert server.ask(head(behind.port, "POST", "/", "Transfer-Encoding: chunked") +
                      chunked).body == b"hello"


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK, OK])
def test_the_end_of_an_answer_is_seen(serve, program, answer):
    """A program that keeps its connection does not keep the client's."""
    server = serve()
    behind = program(answer, then=lambda wire: wire.rest())
    wire = server.wire().send(head(behind.port))
    final = wire.answer()
    assert (final if final.status == 200 else wire.answer()).body == b"hello"
    assert wire.is_closed(5)


SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("method, answer, body", [
    ("GET", OK, b"hello"),
    ("GET", CHUNKED + b"5;a=b\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n", b"hello"),
    ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 90\r\n\r\n", b""),
    ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 90\r\n\r\n", b""),
    ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n", b""),
    ("HEAD", CHUNKED, b""),
])
@pytest.mark.parametrize("at_once", (True, False))
def test_what_follows_an_answer_goes_nowhere(serve, program, method, answer, body, at_once):
    """Nothing that a program says can be taken for the answer to somebody else's request."""
    server = serve()

    def follow(wire):
        time.sleep(0.05)
        wire.send(SECOND)

    behind = program(answer + (SECOND if at_once else b""), then=None if at_once else follow)
    wire = server.wire().send(head(behind.port, method, "/", "Connection: keep-alive"))
    got = wire.answer(head_only=method == "HEAD")
    assert got.status == int(answer.split()[1]) and got.body == body
    assert got.headers["connection"] == "close"
    assert wire.rest() == b""


NO_ANSWERS = [
    b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nNo-End: 1", b"\x16\x03\x01\x02\x00",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 999 Odd\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: 1\r\n" % i for i in range(200)) + b"\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40000 + b"\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nX:" + b" " * 400000,
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: thing\r\n\r\nraw",
    b"HTTP/1.1 100 Continue\r\n\r\n",
]


@pytest.mark.parametrize("number", range(len(NO_ANSWERS)))
def test_what_is_no_answer(serve, program, number):
    server = serve()
    behind = program(NO_ANSWERS[number], then=lambda wire: wire.socket.close())
    wire = server.wire().send(head(behind.port))
    got = wire.answer()
    while got.status == 100:
        got = wire.answer()
    assert got.status == 502 and "behind the port" in got.json["error"]["message"]
    assert wire.is_closed()


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", CHUNKED + b"5\r\nhello\r\n",
    CHUNKED + b"5\r\nhello\r\nzz\r\n"])
def test_half_an_answer_is_not_taken_for_a_whole_one(serve, program, answer):
    server = serve()
    behind = program(answer, then=lambda wire: wire.socket.close())
    wire = server.wire().send(head(behind.port))
    assert wire.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    assert not wire.rest().endswith(b"0\r\n\r\n")


def test_a_client_of_http_1_0(serve, program):
    server = serve()
    behind = program(b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED + b"5\r\nhello\r\n0\r\n\r\n" + SECOND)
    wire = server.wire().send(head(behind.port).replace(b"HTTP/1.1", b"HTTP/1.0"))
    answer = wire.answer()
    assert answer.status == 200 and answer.body == b"hello"
    assert "transfer-encoding" not in answer.headers


def test_another_protocol_than_was_asked_for(serve, program):
    server = serve()
    behind = program(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade"
                     b"\r\n\r\nfirst")
    assert server.ask(head(behind.port, "GET", "/", "Connection: Upgrade",
                           "Upgrade: thing")).status == 502


def test_connect_is_not_for_ports(serve, program):
    server, behind = serve(), program(OK)
    host = f"{behind.port}-abc.box.example"
    for target in ("/", host, f"{host}:80", f"http://{host}/"):
        assert server.ask(head(behind.port, "CONNECT", target)).status == 400
    assert behind.heard == []


def test_an_answer_that_ends_with_the_connection(serve, program):
    server = serve()
    behind = program(b"HTTP/1.0 200 OK\r\n\r\nhello", then=lambda wire: wire.socket.close())
    assert server.ask(head(behind.port)).body == b"hello"


def test_another_protocol(serve, program):
    server = serve()

    def echo(wire):
        wire.take(len(wire.until(b"\r\n\r\n")) * 0)
        while wire.buffer or wire.more():
            wire.send(wire.buffer)
            wire.buffer = b""

    behind = program(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: thing\r\nConnection: Upgrade"
                     b"\r\n\r\nfirst", then=echo)
    wire = server.wire().send(head(behind.port, "GET", "/", "Connection: Upgrade", "Upgrade: thing"))
    assert wire.answer().status == 101
    assert wire.take(5) == b"first"
    content = os.urandom(1000000)
    threading.Thread(target=lambda: wire.socket.sendall(content)).start()
    assert wire.take(len(content)) == content
    wire.close()


def test_another_protocol_begun_with_its_request(serve, program):
    """What a client sends before it has the 101 is for the program, too, and comes first."""
    server = serve()
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: thing\r\nConnection: Upgrade\r\n\r\n"
    behind = program(switching,
                     then=lambda wire: wire.send(wire.rest().partition(b"\r\n\r\n")[2]))
    wire = server.wire().send(head(behind.port, "GET", "/", "Connection: Upgrade", "Upgrade: thing") +
                              b"FIRST")
    assert wire.answer().status == 101
    wire.send(b"LAST")
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.take(len(b"FIRSTLAST")) == b"FIRSTLAST"


def test_another_protocol_refused(serve, program):
    """The way to the program opens only with its 101: until then nothing of the client's follows."""
    server = serve()
    behind = program(OK, then=lambda wire: wire.rest())
    wire = server.wire().send(head(behind.port, "GET", "/", "Connection: Upgrade", "Upgrade: thing") +
                              b"GET /secret HTTP/1.1\r\nHost: x\r\n\r\n")
    assert wire.answer().body == b"hello" and wire.is_closed()
    assert b"secret" not in behind.heard[0].buffer


def test_raw_streams_and_half_closed_ones(serve, program):
    server = serve()

    def shout(wire):
        data = wire.rest()
        wire.send(data.upper())
        wire.socket.close()

    behind = program(b"", until=None, then=shout)
    wire = server.wire().send(f"GET /raw/{behind.port} HTTP/1.1\r\nHost: localhost\r\n"
                              "Connection: Upgrade\r\nUpgrade: raw\r\n\r\nhello ".encode())
    assert wire.answer().status == 101
    wire.send(b"world")
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.rest() == b"HELLO WORLD"


def long_answer(wire):
    wire.rest()
    wire.send(b"x" * 8000000)
    wire.socket.close()


RAW = "GET /raw/{} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"


def test_who_sends_no_more_still_gets_all(serve, program):
    server = serve()
    behind = program(b"", until=None, then=long_answer)
    wire = server.wire().send(RAW.format(behind.port).encode())
    assert wire.answer().status == 101
    wire.socket.shutdown(socket.SHUT_WR)
    time.sleep(0.3)  # more waits in the server than a socket takes
    assert len(wire.rest()) == 8000000


def test_the_same_by_tls(serve, program, certificate):
    """Where the client's end is TCP's alone, as libcurl's is."""
    server = serve("--tls", *certificate)
    behind = program(b"", until=None, then=long_answer)
    trusting = ssl.create_default_context(cafile=certificate[0])
    trusting.check_hostname = False
    wire = server.tls(trusting).send(RAW.format(behind.port).encode())
    assert wire.answer().status == 101
    with socket.socket(fileno=os.dup(wire.socket.fileno())) as below:
        below.shutdown(socket.SHUT_WR)
    assert len(wire.rest()) == 8000000


def test_nothing_listens(serve):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert serve().ask(head(port)).status == 502


def counted(server):
    """Connections, without the one that asks."""
    return server.counts["connections"] - 1


def test_a_client_that_breaks_off_while_its_program_does_not_read(serve, program):
    server = serve()
    behind = program(b"", until=None, then=lambda wire: time.sleep(30))
    wire = server.wire().send(f"GET /raw/{behind.port} HTTP/1.1\r\nHost: localhost\r\n"
                              "Connection: Upgrade\r\nUpgrade: raw\r\n\r\n".encode())
    assert wire.answer().status == 101
    wire.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        while True:
            wire.socket.send(b"x" * 65536)
    assert counted(server) == 1
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wire.close()
    assert wait_until(lambda: counted(server) == 0)


@pytest.mark.skipif(not AS_ROOT, reason="this host lacks root, who can end a connection unsaid")
def test_a_client_whose_machine_is_gone(serve, program):
    """TCP_REPAIR lets a socket go without a word; whoever asks for it later is told that there is
    none. Without a question nobody would ever learn of it."""
    server = serve("--tcp", "--keepalive-s", 1)
    silent = program(b"", then=lambda wire: time.sleep(30))
    wires = [server.wire().send(head(silent.port)),
             server.wire().send(f"GET /raw/{silent.port} HTTP/1.1\r\nHost: localhost\r\n"
                                "Connection: Upgrade\r\nUpgrade: raw\r\n\r\n".encode())]
    assert wires[1].answer().status == 101
    assert wait_until(lambda: counted(server) == 2)
    for wire in wires:
        wire.socket.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        wire.close()
    assert wait_until(lambda: counted(server) == 0)


def test_nothing_is_left(serve, program):
    server = serve()
    behind = program(OK)
    server.ask(head(behind.port))
    before = server.descriptors()
    waiting = program(b"", then=lambda wire: wire.rest())
    for number in range(20):
        server.ask(head(behind.port))
        wire = server.wire().send(head(waiting.port))
        if number % 2:
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert wait_until(lambda number=number: len(waiting.heard) == number + 1)
        wire.close()
    assert wait_until(lambda: server.descriptors() <= before)
    assert wait_until(lambda: server.counts["active"] == 1)
