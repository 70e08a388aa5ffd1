"""The server inside the front's confinement: it serves, and who takes it over gets nowhere."""

import os

import pytest
from http_host import WORKER, serve  # noqa: F401  (a fixture)

ATTACKS = ["open", "create", "socket", "netlink", "connect", "bind", "fork", "exec", "trace", "kill",
           "list", "namespace", "keys", "code"]


@pytest.mark.parametrize("thread", ["", "pool-"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_from_inside(serve, tmp_path, attack, thread):
    """The same call works without the confinement and fails with it, in every thread."""
    (tmp_path / "files").mkdir()
    options = ("--tcp", "--files", tmp_path / "files")
    target = f"/attack/{thread}{attack}"
    if not (attack == "trace" and thread):  # the thread itself would be traced, and stop
        if attack != "trace":
            assert serve(*options).get(target).json["succeeded"]
    assert not serve(*options, "--confined").get(target).json["succeeded"]


@pytest.mark.parametrize("way", ["tcp", "tls", "unix"])
def test_it_serves_all_the_same(serve, tmp_path, certificate, way):
    (tmp_path / "files").mkdir()
    content = os.urandom(3000000)
    server = serve("--tcp", "--tls", *certificate, "--unix", tmp_path / "s", "--files",
                   tmp_path / "files", "--peers", "--confined", "--log")
    if way == "unix":
        os.chmod(tmp_path / "s", 0o777)
    wire = {"tcp": server.wire, "tls": server.tls, "unix": server.unix}[way]()
    wire.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wire.answer().status == 200
    wire.send(b"POST /value HTTP/1.1\r\nHost: localhost\r\n" + WORKER +
              b"Content-Type: application/json\r\nContent-Length: 13\r\n\r\n" + b'{"value":"a"}')
    assert wire.answer().json["body"] == {"value": "a"}
    wire.send(b"PUT /kept HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(content) +
              content)
    assert wire.answer().json == {"bytes": len(content)}
    wire.send(b"GET /kept HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wire.answer().body == content
    wire.send(b"GET /stream?pieces=50&size=100000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert len(wire.answer().body) == 5000000
    wire.close()
