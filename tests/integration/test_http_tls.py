"""TLS: the versions that are spoken, and clients that mean no good."""

import os
import socket
import ssl
import time
import warnings

import pytest
from http_host import Wire, serve  # noqa: F401  (a fixture)
from program import wait_until

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def plain(server):
    return Wire(socket.create_connection(("127.0.0.1", int(server.places["tls"]))))


def context(lowest, highest, ciphers=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.minimum_version, made.maximum_version = lowest, highest
    if ciphers:
        made.set_ciphers(ciphers)
    return made


def test_the_certificate_is_the_one_given(serve, certificate):
    server = serve("--tls", *certificate)
    trusting = ssl.create_default_context(cafile=certificate[0])
    trusting.check_hostname = False
    assert server.tls(trusting).send(GET).answer().status == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        server.tls(ssl.create_default_context())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_that_are_spoken(serve, certificate, version):
    server = serve("--tls", *certificate)
    wire = server.tls(context(version, version))
    for _ in range(3):
        assert wire.send(GET).answer().status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_versions_that_are_not(serve, certificate, version):
    server = serve("--tls", *certificate)
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        server.tls(context(version, version, "ALL:@SECLEVEL=0"))
    assert server.tls().send(GET).answer().status == 200


def test_another_protocol_than_http_1(serve, certificate):
    server = serve("--tls", *certificate)
    made = context(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    made.set_alpn_protocols(["h2"])
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        server.tls(made).send(GET).answer()
    made.set_alpn_protocols(["h2", "http/1.1"])
    wire = server.tls(made)
    assert wire.socket.selected_alpn_protocol() == "http/1.1"
    assert wire.send(GET).answer().status == 200


def test_plain_http_there(serve, certificate):
    server = serve("--tls", *certificate)
    assert not plain(server).send(GET).rest().startswith(b"HTTP/1.1 200")


def test_a_handshake_that_stalls(serve, certificate):
    server = serve("--tls", *certificate, "--tcp", "--head-ms", 600)
    begun = time.monotonic()
    wires = [plain(server), plain(server).send(b"\x16\x03\x01\x02\x00"),
             plain(server).send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50)]
    for wire in wires:
        assert wire.is_closed(5)
    assert 0.4 < time.monotonic() - begun < 5
    assert server.tls().send(GET).answer().status == 200


def test_garbage(serve, certificate):
    server = serve("--tls", *certificate, "--tcp")
    for _ in range(50):
        wire = plain(server).send(os.urandom(500))
        wire.rest()
        wire.close()
    assert server.tls().send(GET).answer().status == 200
    assert wait_until(lambda: server.counts["connections"] <= 2)


def test_large_answers_and_large_requests(serve, certificate):
    server = serve("--tls", *certificate)
    assert len(server.tls().send(b"GET /stream?pieces=100&size=100000 HTTP/1.1\r\nHost: localhost"
                                 b"\r\n\r\n").answer().body) == 10000000
    body = b'{"value": "%s"}' % (b"x" * 3000000)
    wire = server.tls().send(b"POST /value HTTP/1.1\r\nHost: localhost\r\nX-API-Key: key-of-worker\r\n"
                             b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" %
                             len(body) + body)
    assert len(wire.answer().json["body"]["value"]) == 3000000


def test_many_requests_in_one_record(serve, certificate):
    wire = serve("--tls", *certificate).tls().send(GET * 100)
    for _ in range(100):
        assert wire.answer().status == 200


def test_a_certificate_that_is_none(tmp_path, serve):
    import subprocess
    from http_host import SERVER
    (tmp_path / "a").write_text("nonsense")
    done = subprocess.run([SERVER, "--tls", tmp_path / "a", tmp_path / "a"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 1 and "certificate" in done.stderr


def test_clients_that_break_off(serve, certificate):
    """Writing to one that has gone must not end the process."""
    server = serve("--tls", *certificate, "--tcp")
    for _ in range(20):
        wire = server.tls().send(b"GET /stream?pieces=500&size=100000 HTTP/1.1\r\n"
                                 b"Host: localhost\r\n\r\n")
        wire.socket.recv(1000)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.close()
    assert wait_until(lambda: server.counts["active"] == 1)
