"""belljar-alert: a real web server, one that hangs, commands that hang, and many alerts at once."""

import http.server
import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from program import BELLJAR, wait_until

ALERT = str(Path(BELLJAR).parent / "belljar-alert")
EVENT = {"tool": "Bash", "verdict": {"decision": "deny", "risk": "high"}}


class Hook:
    """A web server that keeps what is posted to it."""

    def __init__(self, status=200, answer=b"", location=None):
        self.posts = []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.posts.append((self.path, self.headers["Content-Type"], json.loads(body)))
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                try:
                    self.wfile.write(answer)
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook"


class Alerts:
    """Starts belljar-alert with a state directory of the test's own."""

    def __init__(self, directory):
        self.state = directory / "state"
        self.environment = {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(self.state)}

    def start(self, command=None, url=None, event=None):
        message = json.dumps({"command": command, "url": url, "event": event or EVENT})
        process = subprocess.Popen([ALERT], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=self.environment, text=True)
        process.stdin.write(message)
        process.stdin.close()
        return process

    def send(self, timeout=20, **targets):
        process = self.start(**targets)
        assert process.wait(timeout) == 0, process.stderr.read()

    @property
    def log(self):
        path = self.state / "belljar/alert/alert.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def alerts(tmp_path):
    return Alerts(tmp_path)


def test_command_gets_the_event(alerts, tmp_path):
    alerts.send(command=f"cat > {tmp_path}/got; readlink /proc/self/fd/* | sort -u > {tmp_path}/fds")
    assert json.loads((tmp_path / "got").read_text()) == {"events": [EVENT], "dropped": 0}
    assert alerts.log == ""


def test_command_has_a_session_and_no_foreign_descriptor(alerts, tmp_path):
    with open(tmp_path / "secret", "w") as secret:
        os.set_inheritable(secret.fileno(), True)
        alerts.send(command=f"ls -l /proc/$$/fd > {tmp_path}/fds; ps -o sid= -p $$ > {tmp_path}/sid")
    assert "secret" not in (tmp_path / "fds").read_text()
    assert int((tmp_path / "sid").read_text()) != os.getsid(0)


def test_web_hook_gets_the_event(alerts):
    hook = Hook()
    alerts.send(url=hook.url)
    assert hook.posts == [("/hook", "application/json", {"events": [EVENT], "dropped": 0})]
    assert alerts.log == ""


def test_failures_are_logged_without_the_url(alerts):
    hook = Hook(status=500)
    alerts.send(url=hook.url + "?token=s3cret", command="exit 7")
    assert "alert_command failed: exit status 7" in alerts.log
    assert "alert_url failed: HTTP status 500" in alerts.log
    assert "s3cret" not in alerts.log
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        alerts.send(url=f"http://127.0.0.1:{closed.getsockname()[1]}/")
    assert "alert_url failed: " in alerts.log.splitlines()[-1]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://127.0.0.1/", "/elsewhere"])
def test_redirects_are_not_followed(alerts, location):
    hook = Hook(status=302, location=location)
    alerts.send(url=hook.url)
    assert len(hook.posts) == 1
    assert "HTTP status 302" in alerts.log


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "dict://127.0.0.1:1/x"])
def test_other_schemes_are_refused(alerts, url):
    alerts.send(url=url)
    assert "alert_url failed" in alerts.log


def test_certificates_are_checked(alerts, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                    "-keyout", tmp_path / "key", "-out", tmp_path / "cert", "-subj",
                    "/CN=localhost"], check=True, capture_output=True)
    import ssl
    hook = Hook()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    hook.server.socket = context.wrap_socket(hook.server.socket, server_side=True)
    alerts.send(url=hook.url.replace("http://", "https://"))
    assert hook.posts == []
    assert "alert_url failed" in alerts.log


def test_endless_answers_end(alerts):
    hook = Hook(answer=b"x" * (8 << 20))
    begun = time.monotonic()
    alerts.send(url=hook.url)
    assert time.monotonic() - begun < 10
    assert len(hook.posts) == 1


def test_hanging_server_and_command_end_after_half_a_minute(alerts, tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        begun = time.monotonic()
        first = alerts.start(url=url)
        second = alerts.start(command=f"setsid sleep 1000 & echo $! > {tmp_path}/pid; sleep 1000")
        assert first.wait(45) == 0 and second.wait(45) == 0
    assert 28 < time.monotonic() - begun < 40
    assert "killed after 30 s" in alerts.log
    assert "alert_url failed" in alerts.log
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


def test_many_at_once_are_put_together(alerts, tmp_path):
    gate = tmp_path / "gate"
    command = (f"cat >> {tmp_path}/got; echo >> {tmp_path}/got; echo x >> {tmp_path}/started; "
               f"while [ ! -e {gate} ]; do sleep 0.05; done")
    first = [alerts.start(command=command, event=EVENT | {"number": n}) for n in range(4)]
    assert wait_until(lambda: (tmp_path / "started").exists()
                      and len((tmp_path / "started").read_text().split()) == 4)
    for number in range(4, 40):  # none of them finds a slot, and none waits for one
        alerts.send(timeout=5, command=command, event=EVENT | {"number": number})
    assert len((tmp_path / "started").read_text().split()) == 4
    gate.touch()
    assert all(process.wait(10) == 0 for process in first)
    messages = [json.loads(line) for line in (tmp_path / "got").read_text().splitlines() if line]
    numbers = sorted(event["number"] for message in messages for event in message["events"])
    assert numbers == list(range(40))
    assert len(messages) <= 8


def test_what_waits_is_bounded_and_counted(alerts, tmp_path):
    gate = tmp_path / "gate"
    command = f"cat >> {tmp_path}/got; while [ ! -e {gate} ]; do sleep 0.05; done"
    large = EVENT | {"text": "x" * 100000}
    first = [alerts.start(command=command) for _ in range(4)]
    assert wait_until(lambda: (tmp_path / "got").exists()
                      and (tmp_path / "got").read_text().count("events") == 4)
    for _ in range(5):
        alerts.send(timeout=5, command=command, event=large)
    gate.touch()
    assert all(process.wait(10) == 0 for process in first)
    assert '"dropped": 3}' in (tmp_path / "got").read_text()


def test_somebody_elses_directory_is_refused(alerts):
    directory = alerts.state / "belljar/alert"
    directory.mkdir(parents=True)
    directory.chmod(0o777)
    process = alerts.start(command="true")
    assert process.wait(5) == 125
    assert "others can write" in process.stderr.read()


def test_wrong_input_is_refused(alerts):
    for text in ("", "{", "{}", '{"event": {}}', "[1]"):
        done = subprocess.run([ALERT], input=text, env=alerts.environment, text=True,
                              capture_output=True, check=False)
        assert done.returncode == 125 and "not by hand" in done.stderr


# ---- from a run ----

def run_with(belljar, tmp_path, text, **security):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"security": {"blocked_tools": ["Bash"], **security}}))
    belljar.variables["XDG_STATE_HOME"] = str(tmp_path / "state")
    return belljar.run("--config", config, "-c", text)


def test_refused_run_is_told(belljar, tmp_path):
    hook = Hook()
    got = tmp_path / "got"
    done = run_with(belljar, tmp_path, "forbidden --token=hunter2hunter2", alert_risk="low",
                    alert_command=f"cat > {got}.new; mv {got}.new {got}", alert_url=hook.url)
    assert done.status == 125
    assert wait_until(got.exists) and wait_until(lambda: hook.posts)
    event, = json.loads(got.read_text())["events"]
    assert event == hook.posts[0][2]["events"][0]
    assert event["tool"] == "Bash" and event["verdict"]["decision"] == "deny"
    assert "hunter2" not in got.read_text()


def test_run_does_not_wait_for_what_is_told(belljar, tmp_path):
    begun = time.monotonic()
    done = run_with(belljar, tmp_path, "forbidden", alert_risk="low", alert_command="sleep 5")
    assert done.status == 125 and time.monotonic() - begun < 2


def test_below_the_risk_nobody_is_told(belljar, tmp_path):
    got = tmp_path / "got"
    for risk in ("critical", "off"):
        run_with(belljar, tmp_path, "true", alert_risk=risk, alert_command=f"cat > {got}")
    time.sleep(0.5)
    assert not got.exists()


def test_verdicts_are_logged(belljar, tmp_path):
    belljar.variables["BELLJAR_LOG"] = "policy=info"
    done = run_with(belljar, tmp_path, "forbidden")
    assert " info policy: Bash: deny, " in done.err
