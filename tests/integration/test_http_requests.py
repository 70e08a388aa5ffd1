"""What the HTTP server does with requests that are as they should be."""

import json
import os
import socket
import threading

import pytest
from http_host import WORKER, serve  # noqa: F401  (a fixture)


def test_a_get(serve):
    answer = serve().get("/health")
    assert answer.status == 200 and answer.json == {"status": "ok"}
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.headers["x-request-id"]) == 32


def test_a_post_of_json(serve):
    answer = serve().post("/value", b'{"value": "a"}')
    assert answer.json["body"] == {"value": "a"} and answer.json["who"] == "worker"


def test_a_unix_socket(serve, tmp_path):
    server = serve("--unix", tmp_path / "s", "--peers")
    answer = server.ask(b"GET /keyed HTTP/1.1\r\nHost: anything\r\n\r\n", server.unix())
    assert answer.status == 200 and answer.json["who"] == "unix"


def test_head_is_get_without_a_body(serve):
    server = serve()
    wire = server.wire()
    got = server.get("/health")
    for _ in range(2):
        head = wire.send(b"HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n").answer(head_only=True)
        assert head.status == 200
        assert head.headers["content-length"] == got.headers["content-length"]
    streamed = wire.send(b"HEAD /stream?pieces=3&size=10 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert streamed.answer(head_only=True).status == 200
    assert wire.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").answer().status == 200


def test_connections_are_kept(serve):
    server = serve()
    wire = server.wire()
    for _ in range(50):
        assert wire.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").answer().status == 200
    wire.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert wire.answer().headers["connection"] == "close"
    assert wire.is_closed()


def test_http_1_0(serve):
    server = serve()
    wire = server.wire().send(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert wire.answer().status == 200 and wire.is_closed()
    wire = server.wire().send(b"GET /stream?pieces=3&size=5 HTTP/1.0\r\nHost: localhost\r\n\r\n")
    answer = wire.answer()
    assert answer.body == b"x" * 15 and "transfer-encoding" not in answer.headers
    wire = server.wire()
    for _ in range(2):
        wire.send(b"GET /health HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
        assert wire.answer().headers["connection"] == "keep-alive"


def test_a_byte_at_a_time(serve):
    wire = serve().wire()
    body = b'{"value": "slow"}'
    request = (b"POST /value HTTP/1.1\r\nHost: localhost\r\n" + WORKER +
               b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    for byte in request:
        wire.send(bytes([byte]))
    assert wire.answer().json["body"] == {"value": "slow"}


def test_chunked_bodies(serve):
    server = serve()
    head = (b"POST /value HTTP/1.1\r\nHost: localhost\r\n" + WORKER +
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    wire = server.wire()
    for pieces in ([b'{"value"', b': "a"}'], [b'{"value": "a"}'],
                   [bytes([byte]) for byte in b'{"value": "a"}']):
        wire.send(head)
        for piece in pieces:
            wire.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        wire.send(b"0\r\n\r\n")
        assert wire.answer().json["body"] == {"value": "a"}
    wire.send(head + b'e;name=value;other="x"\r\n{"value": "a"}\r\n0\r\n\r\n')
    assert wire.answer().json["body"] == {"value": "a"}


def test_large_json(serve):
    value = "x" * (12 << 20)
    answer = serve().post("/value", json.dumps({"value": value}).encode())
    assert answer.status == 200 and answer.json["body"]["value"] == value


def test_pipelined_requests_are_answered_in_order(serve):
    wire = serve().wire()
    wire.send(b"".join(b"GET /item/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number
                       for number in range(200)))
    for number in range(200):
        assert wire.answer().json["parameter"] == str(number)


def test_pipelined_behind_one_that_takes_its_time(serve):
    wire = serve().wire()
    body = b'{"value": "a"}'
    wire.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n" +
              (b"POST /value HTTP/1.1\r\nHost: localhost\r\n" + WORKER +
               b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" %
               (len(body), body)) * 3)
    assert wire.answer().body == b"late\n"
    for _ in range(3):
        assert wire.answer().json["body"] == {"value": "a"}


def test_expect_continue(serve):
    server = serve()
    wire = server.wire()
    body = b'{"value": "a"}'
    head = (b"POST /value HTTP/1.1\r\nHost: localhost\r\n%sContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n")
    wire.send(head % (WORKER, len(body)))
    assert wire.answer().status == 100
    assert wire.send(body).answer().status == 200
    # Without a key there is nothing to go on with, and nothing of the body is asked for.
    wire = server.wire().send(head % (b"", len(body)))
    assert wire.answer().status == 401 and wire.is_closed()


def test_queries(serve):
    server = serve()
    answer = server.get("/query?value=a%20b+c%26&count=7")
    assert answer.json["query"] == {"value": "a b c&", "count": 7}
    for query, told in (("", "value"), ("?valeu=1", "value"), ("?value=1&count=x", "count"),
                        ("?value=1&value=2", "twice"), ("?value=%zz", "encoded"),
                        ("?value=%00", "encoded"), ("?value=%ff", "encoded")):
        answer = server.get("/query" + query)
        assert answer.status == 400 and told in answer.json["error"]["message"], query
    assert server.get("/health?x=1").status == 400


def test_no_body_is_an_object_without_fields(serve):
    answer = serve().post("/value", b"")
    assert answer.status == 400 and "value" in answer.json["error"]["message"]


def test_absolute_addresses_of_this_host(serve):
    server = serve()
    assert server.get("http://localhost/item/a").json["path"] == "/item/a"
    assert server.get("http://other/item/a").status == 400
    assert server.get("http://localhost.evil/item/a").status == 400
    assert server.get("ftp://localhost/item/a").status == 400


def test_streams(serve):
    answer = serve().get("/stream?pieces=300&size=100000")
    assert len(answer.body) == 30000000


@pytest.mark.parametrize("way", ["tcp", "tls", "unix"])
def test_files_both_ways(serve, tmp_path, certificate, way):
    (tmp_path / "files").mkdir()
    content = os.urandom(5000000)
    server = serve("--tcp", "--tls", *certificate, "--unix", tmp_path / "s", "--files",
                   tmp_path / "files")
    wire = {"tcp": server.wire, "tls": server.tls, "unix": server.unix}[way]()
    wire.send(b"PUT /file/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" %
              len(content) + content)
    assert wire.answer().json == {"bytes": len(content)}
    assert (tmp_path / "files/a").read_bytes() == content
    wire.send(b"GET /file/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wire.answer().body == content
    wire.send(b"PUT /file/b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    for at in range(0, len(content), 70001):
        piece = content[at:at + 70001]
        wire.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    wire.send(b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wire.answer().json == {"bytes": len(content)}
    assert wire.answer().status == 200
    assert (tmp_path / "files/b").read_bytes() == content
    wire.send(b"HEAD /file/b HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wire.answer(head_only=True).headers["content-length"] == str(len(content))
    wire.send(b"PUT /file/c HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    assert wire.answer().json == {"bytes": 0}
    wire.close()


def test_pipes_both_ways(serve, tmp_path):
    (tmp_path / "files").mkdir()
    os.mkfifo(tmp_path / "files/p")
    content = os.urandom(3000000)
    server = serve("--tcp", "--files", tmp_path / "files")
    writer = threading.Thread(target=lambda: (tmp_path / "files/p").write_bytes(content))
    writer.start()
    assert server.get("/file/p").body == content
    writer.join()
    seen = []
    reader = threading.Thread(target=lambda: seen.append((tmp_path / "files/p").read_bytes()))
    reader.start()
    wire = server.wire()
    for _ in range(100):  # until the reader has opened it
        wire.send(b"PUT /file/p HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" %
                  (len(content), content))
        answer = wire.answer()
        if answer.status == 200:
            break
        wire = server.wire()
    reader.join()
    assert answer.json == {"bytes": len(content)} and seen == [content]


def test_a_body_nobody_reads_ends_the_connection(serve):
    wire = serve().wire()
    wire.send(b"PUT /ignored HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n0123456789")
    answer = wire.answer()
    assert answer.status == 200 and answer.headers["connection"] == "close" and wire.is_closed()


def test_running_requests_finish_at_the_end(serve):
    server = serve()
    running, idle = server.wire(), server.wire()
    idle.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").answer()
    running.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert len(server.counts) > 0
    server.process.stdin.close()
    assert idle.is_closed()
    answer = running.answer()
    assert answer.body == b"late\n" and answer.headers["connection"] == "close"
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port)).recv(1)
