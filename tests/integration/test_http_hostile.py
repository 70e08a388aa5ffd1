"""Requests that nobody honest sends: every one is refused, none is taken for something else."""

import re

import pytest
from http_host import WORKER, serve  # noqa: F401  (a fixture)

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"


def refused(server, data, statuses=(400,), closed=True):
    """The answer to raw bytes, which is an error in its one shape, and the end of the connection."""
    wire = server.wire().send(data)
    answer = wire.answer()
    assert answer.status in statuses, (data[:200], answer.head, answer.body)
    error = answer.json["error"]
    assert set(error) >= {"code", "message", "advice", "request_id"}
    assert error["request_id"] == answer.headers["x-request-id"]
    if closed:
        assert answer.headers.get("connection") == "close" and wire.is_closed(), data[:200]
    wire.close()
    return answer


SMUGGLING = {
    "both": HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both, turned": HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": HOST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "two lengths alike": HOST + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": HOST + b"Content-Length: 4, 4\r\n\r\nabcd",
    "a negative length": HOST + b"Content-Length: -1\r\n\r\n",
    "a signed length": HOST + b"Content-Length: +4\r\n\r\nabcd",
    "a length in hexadecimal": HOST + b"Content-Length: 0x4\r\n\r\nabcd",
    "a length with a blank": HOST + b"Content-Length: 4 4\r\n\r\nabcd",
    "a length with letters": HOST + b"Content-Length: 4a\r\n\r\nabcd",
    "an empty length": HOST + b"Content-Length: \r\n\r\n",
    "a length beyond 64 bits": HOST + b"Content-Length: 99999999999999999999\r\n\r\n",
    "a length beyond 63 bits": HOST + b"Content-Length: 18446744073709551615\r\n\r\n",
    "two codings": HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding and identity": HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "identity and a coding": HOST + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "gzip": HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "xchunked": HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a quoted coding": HOST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "a vertical tab": HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a length and a blank before the colon": HOST + b"Content-Length : 4\r\n\r\nabcd",
    "a bare line feed": HOST + b"X: y\nContent-Length: 4\r\n\r\nabcd",
    "a bare carriage return": HOST + b"X: y\rContent-Length: 4\r\n\r\nabcd",
    "line feeds only": b"Host: localhost\nContent-Length: 4\n\nabcd",
    "a folded header": HOST + b"X: y\r\n z\r\n\r\n",
    "a folded coding": HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a NUL in a value": HOST + b"X: a\0b\r\n\r\n",
    "a NUL in a name": HOST + b"X\0: a\r\n\r\n",
    "no colon": HOST + b"nonsense\r\n\r\n",
    "an empty name": HOST + b": value\r\n\r\n",
    "no Host": b"\r\n",
    "two Hosts": HOST + HOST + b"\r\n",
    "two other Hosts": HOST + b"Host: evil\r\n\r\n",
    "an empty Host": b"Host: \r\n\r\n",
    "a Host with a path": b"Host: localhost/x\r\n\r\n",
    "a Host with a user": b"Host: user@localhost\r\n\r\n",
    "a Host with blanks": b"Host: localhost evil\r\n\r\n",
    "a Host with two ports": b"Host: localhost:80:80\r\n\r\n",
    "a Host with a long port": b"Host: localhost:123456\r\n\r\n",
    "a Host with letters for a port": b"Host: localhost:http\r\n\r\n",
    "an open bracket": b"Host: [::1\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_smuggling(serve, name):
    server = serve()
    hidden = b"GET /item/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for method in (b"POST /echo", b"GET /item/a", b"PUT /ignored"):
        wire = server.wire()
        wire.send(method + b" HTTP/1.1\r\n" + SMUGGLING[name] + hidden)
        said = wire.rest()
        assert said.startswith(b"HTTP/1.1 400 "), (method, said)
        assert said.count(b"HTTP/1.1 ") == 1 and b"smuggled" not in said, (method, said)
        wire.close()
    assert server.counts["errors"] == 0


CHUNKS = {
    "no number": b"x\r\nabcd\r\n0\r\n\r\n",
    "a sign": b"+4\r\nabcd\r\n0\r\n\r\n",
    "a minus": b"-1\r\n\r\n0\r\n\r\n",
    "0x": b"0x4\r\nabcd\r\n0\r\n\r\n",
    "a blank before": b" 4\r\nabcd\r\n0\r\n\r\n",
    "a blank behind": b"4 \r\nabcd\r\n0\r\n\r\n",
    "a number beyond 64 bits": b"10000000000000004\r\nabcd\r\n0\r\n\r\n",
    "many digits": b"f" * 30 + b"\r\nabcd\r\n0\r\n\r\n",
    "too short": b"3\r\nabcd\r\n0\r\n\r\n",
    "too long": b"5\r\nabcd\r\n0\r\n\r\n",
    "line feeds only": b"4\nabcd\n0\n\n",
    "a line feed behind the data": b"4\r\nabcd\n0\r\n\r\n",
    "a carriage return": b"4\rabcd\r\n0\r\n\r\n",
    "a line feed in an extension": b"4;x=\n1\r\nabcd\r\n0\r\n\r\n",
    "a NUL in an extension": b"4;\0\r\nabcd\r\n0\r\n\r\n",
    "a long extension": b"4;" + b"x" * 5000 + b"\r\nabcd\r\n0\r\n\r\n",
    "many extensions": b"".join(b"1;%s\r\n1\r\n" % (b"y" * 200) for _ in range(20)) + b"0\r\n\r\n",
    "trailers": b"4\r\n1234\r\n0\r\nX-Trailer: a\r\n\r\n",
    "a trailing length": b"4\r\n1234\r\n0\r\nContent-Length: 50\r\n\r\n",
}


@pytest.mark.parametrize("name", CHUNKS)
def test_chunks(serve, tmp_path, name):
    (tmp_path / "files").mkdir()
    server = serve("--tcp", "--files", tmp_path / "files")
    head = b"Transfer-Encoding: chunked\r\n" + HOST + JSON + b"\r\n"
    hidden = b"GET /item/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for method in (b"POST /echo", b"PUT /file/a"):
        wire = server.wire().send(method + b" HTTP/1.1\r\n" + head + CHUNKS[name] + hidden)
        said = wire.rest()
        # A body that goes on for ever may also be cut off without a word.
        assert said.count(b"HTTP/1.1 ") <= 1 and b"smuggled" not in said, (method, said)
        assert said == b"" or said.startswith(b"HTTP/1.1 400 "), (method, said)
        wire.close()
    assert server.counts["errors"] == 0


LINES = {
    "nothing": b"\r\n\r\n\r\n\r\nX\r\n\r\n",
    "no method": b"/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "an unknown method": b"BREW /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method in lower case": b"get /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /health\r\n" + HOST + b"\r\n",
    "HTTP/0.9": b"GET /health HTTP/0.9\r\n" + HOST + b"\r\n",
    "HTTP/1.2": b"GET /health HTTP/1.2\r\n" + HOST + b"\r\n",
    "HTTP/2.0": b"GET /health HTTP/2.0\r\n" + HOST + b"\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two blanks": b"GET  /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tab": b"GET\t/health HTTP/1.1\r\n" + HOST + b"\r\n",
    "a blank in the address": b"GET /he alth HTTP/1.1\r\n" + HOST + b"\r\n",
    "bytes beyond ASCII": b"GET /h\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a control character": b"GET /h\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a fragment": b"GET /health#x HTTP/1.1\r\n" + HOST + b"\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT localhost:22 HTTP/1.1\r\n" + HOST + b"\r\n",
    "another host": b"GET http://169.254.169.254/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "another user": b"GET http://localhost@evil/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
    "SSH": b"SSH-2.0-OpenSSH_9.0\r\n",
    "a response": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a line feed first": b"\nGET /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "an unknown expectation": b"GET /health HTTP/1.1\r\n" + HOST + b"Expect: miracles\r\n\r\n",
    "coding in HTTP/1.0": b"POST /echo HTTP/1.0\r\n" + HOST + JSON +
                          b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", LINES)
def test_request_lines(serve, name):
    server = serve()
    said = server.wire().send(LINES[name]).rest()
    assert said == b"" or said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 405 ")), said
    assert len(re.findall(rb"HTTP/1.1 \d", said)) <= 1
    assert server.get("/health").status == 200


@pytest.mark.parametrize("path", [
    "//", "/./health", "/../health", "/item/..", "/item/.", "/item//a", "/item/a/", "/%2e%2e/health",
    "/item/%2e", "/item/%2E%2e", "/item/a%2fb", "/item/a%2F..%2Fb", "/item/%00", "/item/a%00b",
    "/item/%", "/item/%4", "/item/%zz", "/item/%ff", "/item/%c0%af", "/item/%0d%0aX: y",
    "/item/%7f", "/item/%ed%a0%80", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd"])
def test_paths(serve, path):
    server = serve()
    answer = server.get(path.replace(" ", "%20"))
    assert answer.status == 400, answer.body
    assert answer.json["error"]["message"]


def test_paths_are_decoded_once(serve):
    answer = serve().get("/item/%252e%252e%252fx")
    assert answer.json["parameter"] == "%2e%2e%2fx"


def test_limits_of_the_head(serve):
    server = serve()
    line = b"GET /health HTTP/1.1\r\n" + HOST
    refused(server, line + b"X: " + b"a" * 20000 + b"\r\n\r\n", (431,))
    refused(server, line + b"X" * 20000 + b": a\r\n\r\n", (431,))
    refused(server, line + b"".join(b"X%d: a\r\n" % i for i in range(80)) + b"\r\n", (431,))
    refused(server, b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", (414,))
    refused(server, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", (414,), closed=False)
    refused(server, b"A" * 20000, (400, 414, 431))
    assert server.ask(line + b"X: " + b"a" * 15000 + b"\r\n\r\n").status == 200
    assert server.ask(line + b"".join(b"X%d: a\r\n" % i for i in range(60)) + b"\r\n").status == 200


def test_limits_of_bodies(serve):
    server = serve()
    head = b"POST /echo HTTP/1.1\r\n" + HOST + JSON
    refused(server, head + b"Content-Length: 999999999\r\n\r\n", (413,))
    wire = server.wire().send(head + b"Transfer-Encoding: chunked\r\n\r\n")
    piece = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    try:
        for _ in range(40):
            wire.send(piece)
    except OSError:
        pass
    assert wire.rest()[:12] in (b"HTTP/1.1 413", b"")
    # One that is small on the wire and large in memory.
    before = server.memory()
    answer = server.post("/echo", b"[" + b"[]," * 5000000 + b"1]")
    assert answer.status == 413 and "values" in answer.json["error"]["message"]
    answer = server.post("/echo", b"[" * 100000)
    assert answer.status == 400
    assert server.memory() - before < 64 << 20


@pytest.mark.parametrize("body", [
    b"{", b"nonsense", b'{"value": "a"', b'{"value": "\xff"}', b'{"value": "a", "value": "b"}',
    b'{"value": "a"} x', b'{"value": "\\ud800"}', b'{"value": NaN}', b"\xef\xbb\xbf{}", b"[1]",
    b'"a"', b"null", b'{"value": 1}', b'{"value": null}', b'{"other": 1}', b'{"value": "a\\u0000b"}',
    b'{"value": "a", "count": 1.5}', b'{"value": "a", "count": 99999999999999999999999}'])
def test_bodies_that_are_not_what_they_should_be(serve, body):
    answer = serve().post("/value", body)
    assert answer.status == 400 and answer.json["error"]["message"]


@pytest.mark.parametrize("kind", [
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "application/jsonx", "text/json", "", "application/json2; charset=utf-8"])
def test_forms_are_not_json(serve, kind):
    answer = serve("--tcp", "--no-key").post("/value", b'{"value": "a"}', f"Content-Type: {kind}")
    assert answer.status == 415


def test_json_may_say_its_charset(serve):
    answer = serve().post("/value", b'{"value": "a"}', "Content-Type: application/json; charset=utf-8")
    assert answer.status == 200


def test_compressed_bodies(serve):
    answer = serve().post("/value", b"x" * 100, "Content-Encoding: gzip")
    assert answer.status == 415


def test_bodies_where_there_is_none(serve):
    refused(serve(), b"GET /health HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello")


# ---- who asks ----

@pytest.mark.parametrize("headers, status, who", [
    ((), 401, None),
    (("X-API-Key: key-of-reader",), 200, "reader"),
    (("Authorization: Bearer key-of-reader",), 200, "reader"),
    (("authorization: bearer key-of-reader",), 200, "reader"),
    (("X-API-Key: key-of-nobody",), 401, None),
    (("X-API-Key: ",), 401, None),
    (("X-API-Key: key-of-reader\tx",), 401, None),
    (("Authorization: Basic a2V5",), 401, None),
    (("Authorization: key-of-reader",), 401, None),
    (("X-API-Key: key-of-reader", "X-API-Key: key-of-worker"), 400, None),
    (("X-API-Key: key-of-nobody", "Authorization: Bearer key-of-reader"), 401, None),
    (("Cookie: X-API-Key=key-of-reader",), 401, None)])
def test_keys(serve, headers, status, who):
    answer = serve().get("/keyed", *headers)
    assert answer.status == status
    if status == 200:
        assert answer.json["who"] == who
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"


def test_keys_do_not_go_into_addresses(serve):
    assert serve().get("/keyed?key=key-of-reader").status == 401


def test_scopes(serve):
    server = serve()
    assert server.get("/admin", "X-API-Key: key-of-worker").status == 403
    assert server.post("/value", b'{"value": "a"}', key="key-of-reader").status == 403
    assert serve("--tcp", "--no-key").get("/admin").status == 200


def test_keys_and_queries_are_not_logged(serve):
    server = serve("--tcp", "--log")
    server.get("/query?value=secret-in-a-link", "X-API-Key: key-of-reader")
    server.get("/item/a%1b[31m", "X-API-Key: key-of-reader")
    server.get("/item/" + "%E2%80%AE" + "x")
    log = server.log()
    assert "key=reader" in log and "key-of" not in log and "secret-in" not in log
    assert "\x1b" not in log and "‮" not in log
    assert all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in log.splitlines())


# ---- from where ----

@pytest.mark.parametrize("host, status", [
    ("localhost", 200), ("LOCALHOST", 200), ("localhost:8000", 200), ("127.0.0.1", 200),
    ("127.0.0.1:80", 200), ("127.9.9.9", 200), ("[::1]", 200), ("[::1]:8000", 200),
    ("service.example", 200), ("Service.Example:443", 200), ("box.example", 200),
    ("evil.example", 403), ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403),
    ("service.example.evil", 403), ("xservice.example", 403), ("a.box.example", 403),
    ("8080.box.example", 403), ("x-y.box.example", 403), ("99999-abc.box.example", 403),
    ("0-abc.box.example", 403), ("10.0.0.1", 403), ("0.0.0.0", 403), ("[::]", 403),
    ("[::ffff:10.0.0.1]", 403), ("localhost.", 403), ("2130706433", 403), ("0x7f.1", 403),
    ("127.1", 403), ("8080-abc.box.example.evil", 403)])
def test_names_of_this_host(serve, host, status):
    assert serve("--tcp", "--no-key").get("/health", host=host).status == status


@pytest.mark.parametrize("headers, status", [
    (("Origin: http://localhost:8000",), 200),
    (("Origin: https://localhost:8000",), 200),
    (("Origin: http://evil.example",), 403),
    (("Origin: null",), 403),
    (("Origin: ",), 403),
    (("Origin: http://localhost:8001",), 403),
    (("Origin: http://localhost",), 403),
    (("Origin: http://localhost:8000.evil.example",), 403),
    (("Origin: http://evil.example/localhost:8000",), 403),
    (("Origin: file://",), 403),
    (("Origin: chrome-extension://abc",), 403),
    (("Sec-Fetch-Site: cross-site",), 403),
    (("Sec-Fetch-Site: same-site",), 403),
    (("Sec-Fetch-Site: anything",), 403),
    (("Sec-Fetch-Site: same-origin",), 200),
    (("Sec-Fetch-Site: none",), 200),
    (("Origin: http://localhost:8000", "Sec-Fetch-Site: cross-site"), 403)])
def test_pages_of_others(serve, headers, status):
    server = serve("--tcp", "--no-key")
    answer = server.get("/health", *headers, host="localhost:8000")
    assert answer.status == status
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_preflights_get_no_permission(serve):
    server = serve("--tcp", "--no-key")
    answer = server.ask(b"OPTIONS /value HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
                        b"Access-Control-Request-Method: POST\r\n"
                        b"Access-Control-Request-Headers: x-api-key, content-type\r\n\r\n")
    assert answer.status == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


# ---- answers ----

def test_header_values_cannot_end_their_line(serve):
    answer = serve().get("/header?value=a%0d%0aSet-Cookie:%20b=1%0d%0a%0d%0a%3Chtml%3E%00"
                         .replace("%00", ""))
    assert answer.status == 200 and "set-cookie" not in answer.headers
    assert answer.headers["x-value"].startswith("a%0D%0ASet-Cookie")
    assert answer.body == b"ok\n"


def test_answers_are_not_for_caches_or_sniffers(serve):
    answer = serve().get("/health")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_methods_that_an_address_does_not_take(serve):
    answer = serve().ask(b"DELETE /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.status == 405 and "GET" in answer.headers["allow"]


def test_the_connection_stays_after_a_mistake_in_what_is_asked(serve):
    wire = serve().wire()
    for target, status in (("/nothing", 404), ("/keyed", 401), ("/query", 400), ("/item/..", 400)):
        wire.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert wire.answer().status == status
    body = b'{"value": 1}'
    wire.send(b"POST /value HTTP/1.1\r\n" + HOST + WORKER + JSON +
              b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert wire.answer().status == 400
    assert wire.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").answer().status == 200
