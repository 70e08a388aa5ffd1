"""A service of a test's own: `belljar serve` in a directory of its own, and requests to it."""

import atexit
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from program import BELLJAR

START_SECONDS = 20
STOP_SECONDS = 60


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Answer:
    """A response, read to its end."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:2000]!r}"


SHELTERS = {}


def sheltered(directory):
    """The directory, if the service may keep its files below it, or one in its place.

    It keeps none below a directory that everybody may write to and that lacks the sticky bit, as
    /var/tmp does on some hosts.
    """
    directory = Path(directory).resolve()
    if all(above.stat().st_mode & 0o1002 != 0o002 for above in directory.parents):
        return directory
    if directory not in SHELTERS:
        SHELTERS[directory] = Path(tempfile.mkdtemp(prefix="bj-state-", dir="/tmp"))
        atexit.register(shutil.rmtree, SHELTERS[directory], ignore_errors=True)
    return SHELTERS[directory]


class Service:
    """A service on a free port of 127.0.0.1 and on a Unix socket, both in a directory of its own."""

    def __init__(self, directory, *options, program=BELLJAR, variables=None):
        self.directory = Path(directory)
        self.state = sheltered(self.directory) / "state"
        # A socket's path must be short and open to other users; a test's own directory may not be.
        self.runtime = tempfile.TemporaryDirectory(prefix="bj-", dir="/tmp")
        self.socket = Path(self.runtime.name) / "s"
        self.log = self.directory / "log"
        self.options = options
        self.program = program
        self.variables = variables or {}
        self.process = None
        self.port = None
        self.scheme = "http"
        self.welcome = ""

    def command(self):
        return [self.program, "serve", "--state", str(self.state), "--listen", "127.0.0.1:0",
                "--listen", str(self.socket), *map(str, self.options)]

    def environment(self):
        kept = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **kept,
                **self.variables}

    def start(self):
        """Starts it and waits until it serves."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                cwd=self.directory, env=self.environment())
        os.set_blocking(self.process.stdout.fileno(), False)
        self.welcome, end = "", time.monotonic() + START_SECONDS
        while "curl" not in self.welcome:
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"the service does not start: {self.welcome}{self.errors()}")
            self.welcome += (self.process.stdout.read() or b"").decode()
            time.sleep(0.01)
        self.port = int(re.search(r"//127\.0\.0\.1:(\d+)", self.welcome).group(1))
        return self

    def stop(self, number=signal.SIGTERM):
        """Ends it in good order; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.kill()

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def errors(self):
        """What it has logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def key(self):
        return (self.state / "key").read_text().strip()

    def request(self, method, path, body=None, key=None, headers=None, timeout=60, unix=False):
        """One request on a connection of its own; `body` becomes JSON unless it is bytes. The
        service's own key goes with it; key="" sends none."""
        connection = UnixConnection(self.socket, timeout) if unix else \
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        all_headers = dict(headers or {})
        if key != "" and not unix:
            all_headers.setdefault("X-API-Key", key or self.key)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            all_headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, all_headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def bash(self, command, **more):
        """POST /bash of a command that must be taken."""
        answer = self.post("/bash", {"command": command}, **more)
        assert answer.status == 200, answer
        return answer.json

    def roles(self):
        """The process of each role: {"front": pid …}; the supervisor's own is under ""."""
        found = {"": self.process.pid}
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in map(int, children.read_text().split()):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue  # one that was tried, or has just ended
            if len(words) > 1 and words[1].startswith(b"@"):
                found[words[1][1:].decode()] = pid
        return found
