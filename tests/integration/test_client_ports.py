"""Ports of a sandbox, carried here by `belljar port`."""

import http.client
import json
import os
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from client_program import SECONDS, client, sandbox  # noqa: F401  (fixtures)
from program import wait_until


ECHO = """
import base64, hashlib, socket, threading

def echo(sock):
    while data := sock.recv(65536):
        sock.sendall(data)
    sock.sendall(b"over")  # after the other side's end
    sock.close()

def first(sock):  # ends its own way first
    sock.sendall(b"hello")
    sock.shutdown(socket.SHUT_WR)
    data = b""
    while piece := sock.recv(65536):
        data += piece
    print("got", len(data), flush=True)

def web(sock):
    head = b""
    while not head.endswith(b"\\r\\n\\r\\n"):
        head += sock.recv(1)
    key = [l.split(b": ")[1] for l in head.split(b"\\r\\n") if l.lower().startswith(b"sec-websocket-key")][0]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    sock.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
                 b"Sec-WebSocket-Accept: " + accept + b"\\r\\n\\r\\n")
    frame = sock.recv(100)  # a masked text, short
    mask, length = frame[2:6], frame[1] & 127
    text = bytes(b ^ mask[i % 4] for i, b in enumerate(frame[6:6 + length]))
    sock.sendall(bytes([0x81, len(text)]) + text)
    sock.close()

def listen(port, serve):
    server = socket.create_server(("127.0.0.1", port))
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],)).start()

for port, serve in ((4000, echo), (4001, first), (4002, web)):
    threading.Thread(target=listen, args=(port, serve)).start()
print("up", flush=True)
"""


@pytest.fixture
def forwarded(client, sandbox):
    """Ports of servers in a sandbox, as they are here: {inside: here}; and one where nobody is."""
    if client.run("exec", sandbox, "python3", "-c", "import hashlib, socket").status != 0:
        pytest.skip("this host lacks python3 where sandboxes find it")
    number = client.says("exec", "-d", sandbox, "python3", "-c", ECHO).strip()
    assert wait_until(lambda: client.run("logs", sandbox, number).out == b"up\n")
    process = client.start("port", "--json", sandbox, *(f"0:{port}" for port in range(4000, 4004)))
    lines = [json.loads(process.stdout.readline()) for _ in range(4)]
    yield {line["port"]: line["local"] for line in lines} | {"process": process, "number": number}
    process.kill()
    process.wait()


def receive_all(sock):
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def dial(port):
    return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)


def test_a_port_carries_any_stream(forwarded):
    data = os.urandom(3 << 20)
    for _ in range(3):  # one after the other
        with dial(forwarded[4000]) as sock:
            sender = threading.Thread(target=lambda: (sock.sendall(data),
                                                      sock.shutdown(socket.SHUT_WR)))
            sender.start()
            assert receive_all(sock) == data + b"over"
            sender.join()
    several = [dial(forwarded[4000]) for _ in range(20)]  # at once, the last one first
    for i, sock in reversed(list(enumerate(several))):
        sock.sendall(b"%d" % i)
    for i, sock in enumerate(several):
        assert sock.recv(10) == b"%d" % i
        sock.close()


def test_each_way_of_a_port_ends_by_itself(client, sandbox, forwarded):
    with dial(forwarded[4001]) as sock:
        assert receive_all(sock) == b"hello"
        for _ in range(10):
            sock.sendall(b"x" * 100000)
            time.sleep(0.01)
        sock.shutdown(socket.SHUT_WR)
        assert wait_until(
            lambda: b"got 1000000\n" in client.run("logs", sandbox, forwarded["number"]).out)


def test_a_websocket_through_a_port(forwarded):
    with dial(forwarded[4002]) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        sock.sendall(b"\x81\x82abcd" + bytes(a ^ b for a, b in zip(b"hi", b"ab")))
        assert receive_all(sock) == b"\x81\x02hi"


def test_a_port_where_nobody_listens(forwarded):
    with dial(forwarded[4003]) as sock:
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    assert b"nobody listens on port 4003" in forwarded["process"].stderr.readline()
    with dial(forwarded[4000]) as sock:  # the others go on
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"


SERVER = ("import http.server as h\n"
          "class H(h.BaseHTTPRequestHandler):\n"
          " protocol_version='HTTP/1.1'\n"
          " def do_POST(self):\n"
          "  b=self.rfile.read(int(self.headers['Content-Length']))\n"
          "  r=repr(sorted(k.lower() for k in self.headers)).encode()+b'|'+b\n"
          "  self.send_response(200);self.send_header('Content-Length',str(len(r)))\n"
          "  self.end_headers();self.wfile.write(r)\n"
          "print('up',flush=True)\n"
          "h.HTTPServer(('127.0.0.1',3000),H).serve_forever()\n")


def test_a_port(client, sandbox):
    if client.run("exec", sandbox, "python3", "-c", "import http.server").status != 0:
        pytest.skip("this host lacks python3 where sandboxes find it")
    client.variables["BELLJAR_API_KEY"] = client.service.key
    client.where = f"http://127.0.0.1:{client.service.port}"
    sandbox = client.says("create").strip()
    number = client.says("exec", "-d", sandbox, "python3", "-c", SERVER).strip()
    assert wait_until(lambda: client.run("logs", sandbox, number).out == b"up\n")
    process = client.start("port", sandbox, "0:3000")
    try:
        assert re.fullmatch(rf"http://127\.0\.0\.1:\d+ -> {sandbox}:3000\n",
                            process.stdout.readline().decode())  # to click on
    finally:
        process.kill()
        process.wait()
    process = client.start("port", "--json", sandbox, "0:3000")
    try:
        local = json.loads(process.stdout.readline())["local"]
        for size in (1, 300000):
            connection = http.client.HTTPConnection("127.0.0.1", local, timeout=SECONDS)
            body = b"x" * size
            connection.request("POST", "/any/path?q=1", body, {"X-Mine": "1"})
            headers, _, rest = connection.getresponse().read().partition(b"|")
            assert rest == body and b"x-mine" in headers
            assert b"x-api-key" not in headers  # what is behind the port does not learn the key
            connection.close()
        connection = http.client.HTTPConnection("127.0.0.1", local, timeout=SECONDS)
        for i in range(3):  # on one connection
            connection.request("POST", "/", f"{i}")
            assert connection.sock is not None
            assert connection.getresponse().read().endswith(f"|{i}".encode())
        connection.close()
    finally:
        process.kill()
        process.wait()
