"""The server library behind a few routes (tests/unit/server/http_server.c), and raw requests to it."""

import json
import os
import select
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from program import ROOT

SERVER = Path(os.environ.get("BELLJAR_HTTP_SERVER",
                             ROOT / "build-faults/tests/unit/http-server"))
WORKER = b"X-API-Key: key-of-worker\r\n"
PATIENCE = 20


class Answer:
    """One response, taken apart."""

    def __init__(self, head, body):
        lines = head.split(b"\r\n")
        self.head = head
        self.status = int(lines[0].split()[1])
        self.headers = {}
        self.lines = lines
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            self.headers[name.decode().lower()] = value.strip().decode("latin-1")
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["error"]["code"]


class Wire:
    """A connection, with no help from a library."""

    def __init__(self, sock):
        self.socket = sock
        self.socket.settimeout(PATIENCE)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)
        return self

    def more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def until(self, mark):
        while mark not in self.buffer:
            if not self.more():
                raise EOFError(self.buffer)
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def take(self, length):
        while len(self.buffer) < length:
            if not self.more():
                raise EOFError(self.buffer)
        found, self.buffer = self.buffer[:length], self.buffer[length:]
        return found

    def answer(self, head_only=False):
        head = self.until(b"\r\n\r\n")
        answer = Answer(head, b"")
        if head_only or answer.status < 200 or answer.status in (204, 304):
            return answer
        if "content-length" in answer.headers:
            answer.body = self.take(int(answer.headers["content-length"]))
        elif answer.headers.get("transfer-encoding") == "chunked":
            while True:
                size = int(self.until(b"\r\n"), 16)
                answer.body += self.take(size)
                assert self.take(2) == b"\r\n"
                if size == 0:
                    break
        else:
            answer.body = self.rest()
        return answer

    def rest(self):
        try:
            while self.more():
                pass
        except ConnectionResetError:
            pass
        found, self.buffer = self.buffer, b""
        return found

    def is_closed(self, seconds=PATIENCE):
        """The server has said that nothing follows, or has broken the connection."""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                if select.select([self.socket], [], [], 0.05)[0] and not self.more():
                    return True
        except OSError:
            return True
        return False

    def close(self):
        self.socket.close()


class Server:
    """The program, started with options of the test's own."""

    def __init__(self, directory, *options):
        if not SERVER.exists():
            pytest.skip(f"there is no {SERVER}")
        self.directory = directory
        self.errors = open(directory / "server.log", "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen([str(SERVER), *map(str, options)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors, cwd=directory)
        self.places = {}
        wanted = sum(option in ("--tcp", "--tls", "--unix") for option in options)
        for _ in range(wanted):
            name, _, place = self.process.stdout.readline().decode().strip().partition(" ")
            self.places[name] = place

    @property
    def port(self):
        return int(self.places["tcp"])

    def wire(self):
        return Wire(socket.create_connection(("127.0.0.1", self.port)))

    def unix(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.places["unix"])
        return Wire(sock)

    def tls(self, context=None):
        if context is None:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        sock = socket.create_connection(("127.0.0.1", int(self.places["tls"])))
        return Wire(context.wrap_socket(sock, server_hostname="localhost"))

    def ask(self, data, wire=None, head_only=False):
        """One raw request on a connection of its own, and its answer."""
        wire = wire or self.wire()
        try:
            return wire.send(data).answer(head_only)
        finally:
            wire.close()

    def get(self, target, *headers, host="localhost"):
        lines = [f"GET {target} HTTP/1.1", f"Host: {host}", *headers, "", ""]
        return self.ask("\r\n".join(lines).encode("latin-1"))

    def post(self, target, body, *headers, key="key-of-worker"):
        lines = [f"POST {target} HTTP/1.1", "Host: localhost", f"X-API-Key: {key}",
                 f"Content-Length: {len(body)}", *headers]
        if not any(header.lower().startswith("content-type") for header in headers):
            lines.append("Content-Type: application/json")
        return self.ask("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    @property
    def counts(self):
        return self.get("/counts").json

    def log(self):
        self.errors.flush()
        return (self.directory / "server.log").read_text(errors="replace")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self):
        """Bytes that are its own; 0 under a sanitizer, which keeps what was freed."""
        if "libasan" in Path(f"/proc/{self.process.pid}/maps").read_text(encoding="utf-8"):
            return 0
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) << 10
        return 0

    def stop(self):
        """Ends it as the front is ended; its exit status, 0 unless something was wrong."""
        self.process.stdin.close()
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return status


@pytest.fixture
def serve(tmp_path):
    """Starts servers; at the end they must all still be there and end well."""
    servers = []

    def start(*options):
        options = options or ("--tcp",)
        server = Server(tmp_path, *options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        log = server.log()
        assert server.process.poll() is None, log
        assert server.stop() == 0, log
        server.errors.close()
