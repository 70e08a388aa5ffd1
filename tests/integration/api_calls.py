"""One call of each operation of the service that works, made of the OpenAPI document.

A route that is added to the table and not here makes the tests that stand on this fail.
"""

import io
import socket
import subprocess
import tarfile
import time

from program import BELLJAR, PATIENCE

TAR = io.BytesIO()
with tarfile.open(fileobj=TAR, mode="w") as _archive:
    _archive.addfile(tarfile.TarInfo("unpacked"))

PORT = 9000
LISTEN = f"""
import socket
listener = socket.create_server(("127.0.0.1", {PORT}))
print("ready", flush=True)
while True:
    client = listener.accept()[0]
    client.sendall(b"hello from the port")
"""

# By operationId: query, body. What is not here has neither.
QUERIES = {
    "wait_for_process": "timeout_seconds=0.01", "read_output": "follow=false",
    "stat_file": "path=a", "read_content": "path=a", "write_content": "path=b",
    "remove_file": "path=c", "glob_files": "pattern=*", "search_content": "pattern=x",
    "upload_directory": "path=tree",
}
BODIES = {
    "execute_tool": {"tool_name": "Bash", "arguments": {"command": "true"}},
    "run_bash": {"command": "true"},
    "read_file": {"path": "a"}, "write_file": {"path": "b", "content": "x\n"},
    "search_files": {"pattern": "x"},
    "create_sandbox": {}, "change_sandbox": {"timeout_seconds": 600},
    "run_command": {"command": "true"},
    "start_process": {"command": "cat", "stdin": True},
    "write_stdin": {"data": "x\n"}, "signal_process": {"signal": "CONT"},
    "resize_terminal": {"rows": 30, "columns": 90},
    "write_content": b"x\n", "upload_directory": TAR.getvalue(),
    "make_directory": {"path": "made"}, "move_file": {"path": "b", "target": "c"},
    "change_mode": {"path": "a", "mode": "0600"},
    "edit_file": {"path": "a", "old_text": "x", "new_text": "y"},
    "create_shell": {}, "run_in_shell": {"command": "true"},
}
# In the body, where the path does not name the sandbox.
BY_BODY = ("execute_tool", "run_bash", "read_file", "write_file", "search_files")
# So that each finds what it needs, the ones that take things away come last.
LAST = ("remove_file", "end_shell", "pause_sandbox", "resume_sandbox", "kill_sandbox")


def operations(service):
    """operationId: (method, path, what the document says of it), in an order that works."""
    document = service.get("/openapi.json", key="").json
    found = {said["operationId"]: (method.upper(), path, said)
             for path, methods in document["paths"].items() for method, said in methods.items()}
    return dict(sorted(found.items(), key=lambda item: (
        LAST.index(item[0]) if item[0] in LAST else -1)))


class Things:
    """A sandbox with what calls are about: a file, a process on a terminal, a shell session."""

    def __init__(self, service, key=None):
        self.service, self.key = service, key
        made = service.post("/v1/sandboxes", {}, key=key)
        assert made.status == 201, made
        self.sandbox = made.json["id"]
        base = f"/v1/sandboxes/{self.sandbox}"
        self.process = str(self.ask("POST", f"{base}/processes",
                                    {"command": "cat", "terminal": True}).json["id"])
        self.shell = self.ask("POST", f"{base}/shells", {"name": "s"}).json["name"]
        self.ask("PUT", f"{base}/files/content?path=a", b"x\n")
        listener = self.ask("POST", f"{base}/processes",
                            {"argv": ["/usr/bin/python3", "-c", LISTEN]}).json["id"]
        end = time.monotonic() + PATIENCE
        while b"ready" not in self.ask("GET", f"{base}/processes/{listener}/output").body:
            assert time.monotonic() < end
            time.sleep(0.02)

    def ask(self, method, path, body=None):
        answer = self.service.request(method, path, body, key=self.key)
        assert answer.status < 300, answer
        return answer

    def path(self, path):
        return path.format(sandbox=self.sandbox, process=self.process, shell=self.shell, port=PORT)


def ask_raw(service, path, key, *headers, patience=10):
    """The status and first bytes of an answer that has no end by itself."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=patience) as client:
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{service.port}", f"X-API-Key: {key}",
                 *headers, "", ""]
        client.sendall("\r\n".join(lines).encode())
        received = b""
        while b"\r\n\r\n" not in received:
            more = client.recv(4096)
            assert more, received
            received += more
    return int(received.split()[1]), received.decode(errors="replace")


# Of operations that are no plain requests.
WEBSOCKET = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
HEADERS = {"attach_process": WEBSOCKET, "connect_port": ("Connection: Upgrade", "Upgrade: tcp"),
           "watch_directory": ("Accept: text/event-stream",)}


def call(service, name, operation, things, key=None):
    """Makes the call; its status and text."""
    method, path, _ = operation
    path = things.path(path)
    body = BODIES.get(name)
    if name in BY_BODY:
        body = {**body, "sandbox": things.sandbox}
    if name in QUERIES:
        path += "?" + QUERIES[name]
    if name in HEADERS:
        return ask_raw(service, path, key or service.key, *HEADERS[name])
    answer = service.request(method, path, body, key=key)
    return answer.status, answer.body.decode(errors="replace")


def add_key(service, name, *options):
    """A further key of a service that does not run yet."""
    return subprocess.run([BELLJAR, "serve", "keys", "add", "--create", *options, "--state",
                           service.state, name], check=True, capture_output=True, text=True,
                          env=service.environment(), timeout=30).stdout.strip()
