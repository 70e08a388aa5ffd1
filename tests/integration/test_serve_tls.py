"""TLS: by the service's own certificate, and by a proxy in front of it."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest
from program import ROOT, wait_until
from service import Answer

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
HOST = "sandboxes.example"


def certificate(directory, name=HOST, days="2"):
    """A self-signed certificate of that name and its key."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", str(directory / "key.pem"), "-out", str(directory / "cert.pem"),
         "-days", days, "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"],
        check=True, capture_output=True)
    return directory / "cert.pem", directory / "key.pem"


class TLS(http.client.HTTPSConnection):
    """HTTPS to a port of 127.0.0.1 in the name of HOST."""

    def __init__(self, port, context):
        super().__init__("127.0.0.1", port, timeout=60, context=context)
        self.tls = context

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), 60)
        self.sock = self.tls.wrap_socket(plain, server_hostname=HOST)


def trust(path):
    return ssl.create_default_context(cafile=str(path))


def ask(port, context, method, path, body=None, **headers):
    connection = TLS(port, context)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"Host": HOST, "Content-Type": "application/json", **headers})
        return Answer(connection.getresponse())
    finally:
        connection.close()


@pytest.fixture
def secured(make_service, tmp_path):
    cert, key = certificate(tmp_path)
    service = make_service("--tls-cert", cert, "--tls-key", key, "--host", HOST)
    service.scheme = "https"
    service.start()
    service.cert = cert
    return service


def test_by_a_certificate(secured):
    assert f"https://127.0.0.1:{secured.port}" in secured.welcome
    answer = ask(secured.port, trust(secured.cert), "POST", "/bash", {"command": "echo Hello"},
                 **{"X-API-Key": secured.key})
    assert answer.status == 200 and answer.json["output"] == "Hello\n"


def test_no_old_protocol_and_no_plain_text(secured):
    context = trust(secured.cert)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = trust(secured.cert)
        context.minimum_version = context.maximum_version = version
        assert ask(secured.port, context, "GET", "/healthz").status == 200
    context = trust(secured.cert)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(secured.port, context, "GET", "/healthz")
    with socket.create_connection(("127.0.0.1", secured.port), 30) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            assert not plain.recv(4096).startswith(b"HTTP/1.1 200")
        except ConnectionError:
            pass


def test_the_unix_socket_stays_plain(secured):
    assert secured.get("/healthz", unix=True).status == 200


def test_a_new_certificate_is_taken_over(secured, tmp_path):
    old = trust(secured.cert)
    (tmp_path / "new").mkdir()
    cert, key = certificate(tmp_path / "new")
    new = trust(cert)
    shutil.copy(cert, tmp_path / "cert.pem")
    shutil.copy(key, tmp_path / "key.pem")
    secured.process.send_signal(signal.SIGHUP)

    def taken():
        try:
            return ask(secured.port, new, "GET", "/healthz").status == 200
        except OSError:
            return False
    assert wait_until(taken)
    with pytest.raises(ssl.SSLError):
        ask(secured.port, old, "GET", "/healthz")


@pytest.mark.parametrize("wrong", ["absent", "garbage", "mismatch"])
def test_a_certificate_that_is_none_is_said(make_service, tmp_path, wrong):
    cert, key = certificate(tmp_path)
    if wrong == "absent":
        cert = tmp_path / "nowhere.pem"
    elif wrong == "garbage":
        cert.write_text("no certificate\n")
    else:
        (tmp_path / "other").mkdir()
        cert, _ = certificate(tmp_path / "other")
    service = make_service("--tls-cert", cert, "--tls-key", key)
    with pytest.raises(RuntimeError) as raised:
        service.start()
    assert str(cert) in str(raised.value) or str(key) in str(raised.value)


# ---- behind nginx, as docs/SERVICE.md has it ----


def documented():
    """The server and map blocks of the page."""
    page = (ROOT / "docs/SERVICE.md").read_text()
    begin = page.index("    server {\n        listen 443 ssl;")
    end = page.index("default upgrade; '' ''; }", begin) + len("default upgrade; '' ''; }")
    return page[begin:end]


@pytest.fixture
def proxied(make_service, tmp_path):
    if NGINX is None:
        pytest.skip("this host lacks nginx")
    service = make_service("--host", HOST, "--domain", HOST).start()
    cert, key = certificate(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    blocks = documented()
    for old, new in (("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
                     ("/etc/ssl/fullchain.pem", str(cert)), ("/etc/ssl/privkey.pem", str(key)),
                     ("http://127.0.0.1:8000", f"http://127.0.0.1:{service.port}"),
                     ("sandboxes.example.com", HOST)):
        assert old in blocks, old
        blocks = blocks.replace(old, new)
    places = "\n".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in
                       ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log stderr;\n"
        + ("user root;\n" if os.geteuid() == 0 else "")
        + f"events {{ }}\nhttp {{ access_log off;\n{places}\n{blocks}\n}}\n")
    with open(tmp_path / "nginx.log", "wb") as log:
        nginx = subprocess.Popen([NGINX, "-p", str(tmp_path), "-c", "nginx.conf"],
                                 stdout=log, stderr=log)
    context = trust(cert)

    def up():
        try:
            return ask(port, context, "GET", "/healthz").status == 200
        except OSError:
            return False
    try:
        assert wait_until(up), (tmp_path / "nginx.log").read_text()
        yield service, port, context
    finally:
        nginx.terminate()
        nginx.wait(10)


def test_through_nginx(proxied):
    service, port, context = proxied
    answer = ask(port, context, "POST", "/bash", {"command": "echo Hello"},
                 **{"X-API-Key": service.key})
    assert answer.status == 200 and answer.json["output"] == "Hello\n"
    assert ask(port, context, "POST", "/bash", {"command": "echo Hello"}).status == 401


def test_output_comes_through_nginx_as_it_is_written(proxied):
    """Server-sent events: the first arrives while the process still runs."""
    service, port, context = proxied
    made = service.post("/v1/sandboxes", {}).json["id"]
    begun = service.post(f"/v1/sandboxes/{made}/processes",
                         {"command": "echo first; sleep 5; echo last"})
    assert begun.status == 201, begun
    number = begun.json.get("process", begun.json.get("id"))
    connection = TLS(port, context)
    connection.request("GET", f"/v1/sandboxes/{made}/processes/{number}/output",
                       headers={"Host": HOST, "X-API-Key": service.key,
                                "Accept": "text/event-stream"})
    started = time.monotonic()
    response = connection.getresponse()
    text = b""
    while b"first" not in text and b"Zmlyc3Q" not in text:
        piece = response.read1(4096)
        assert piece, text
        text += piece
    assert time.monotonic() - started < 4
    connection.close()


def test_a_foreign_host_is_refused_through_nginx(proxied):
    service, port, context = proxied
    answer = ask(port, context, "GET", "/v1/sandboxes", Host="evil.example",
                 **{"X-API-Key": service.key})
    assert answer.status == 403
