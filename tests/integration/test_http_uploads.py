"""Bodies whose length is said go from the socket into their file without being copied on the way."""

import os
import threading
from pathlib import Path

import pytest
from http_host import Server, serve  # noqa: F401  (a fixture)
from program import wait_until

PIECE = 256 << 10  # BJ_HTTP_PIECE: the last one goes through the parser


def put(name, length):
    return b"PUT /file/%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (name, length)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


def send(wire, *parts):
    """Beside the test, which may wait for an answer before all is sent."""
    def all_parts():
        try:
            for part in parts:
                wire.send(part)
        except OSError:
            pass  # the server has answered and does not listen any more
    thread = threading.Thread(target=all_parts)
    thread.start()
    return thread


@pytest.mark.parametrize("kind", ["tcp", "unix"])
@pytest.mark.parametrize("length", [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 1, (8 << 20) + PIECE,
                                    (8 << 20) + PIECE + 1, 21 << 20])
def test_every_byte_arrives_and_the_next_request_is_seen(serve, files, tmp_path, kind, length):
    options = ("--unix", tmp_path / "socket") if kind == "unix" else ("--tcp",)
    server = serve(*options, "--files", files)
    wire = server.unix() if kind == "unix" else server.wire()
    content = os.urandom(length)
    follows = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    sender = send(wire, put(b"a", length) + content[:100], content[100:] + follows)
    assert wire.answer().status == 200
    assert wire.answer().status == 200
    sender.join()
    assert (files / "a").read_bytes() == content
    # A shorter one after it on the same connection: nothing of the first is left anywhere.
    assert wire.send(put(b"a", 3) + b"end").answer().status == 200
    assert (files / "a").read_bytes() == b"end"
    wire.close()


def test_the_body_does_not_pass_through_the_process(serve, files):
    server = serve("--tcp", "--files", files)
    counts = Path(f"/proc/{server.process.pid}/io")

    def written():
        fields = dict(line.split(": ") for line in counts.read_text(encoding="ascii").splitlines())
        return int(fields["wchar"])

    content = os.urandom(16 << 20)
    before = written()
    wire = server.wire()
    sender = send(wire, put(b"a", len(content)), content)
    assert wire.answer().status == 200
    sender.join()
    assert (files / "a").read_bytes() == content
    assert written() - before < 1 << 20
    wire.close()


def test_a_client_that_goes_leaves_nothing(serve, files):
    server = serve("--tcp", "--files", files)
    server.get("/health")
    before = server.descriptors()
    (files / "a").touch()
    for sent in (0, 1000, PIECE, 3 << 20):
        wire = server.wire().send(put(b"a", 16 << 20) + b"x" * sent)
        assert wait_until(lambda sent=sent: (files / "a").stat().st_size == sent)
        wire.close()
        assert wait_until(lambda: server.descriptors() <= before)
    assert server.get("/health").status == 200


def upload(directory, files, content):
    """To a server of its own, one call of which fails; the answer's status, 0 without one."""
    server = Server(directory, "--tcp", "--files", files)
    try:
        wire = server.wire()
        sender = send(wire, put(b"a", len(content)), content)
        status = wire.answer().status
        sender.join()
        wire.close()
        return status
    except (KeyError, EOFError, OSError, AssertionError):
        return 0  # it was another call, which the server or the connection needs
    finally:
        server.process.kill()
        server.stop()


def test_a_file_that_cannot_be_spliced_to_is_copied_into(files, tmp_path, monkeypatch):
    """As where its file system does not know how; which the failing of that one call stands for."""
    content = os.urandom(3 << 20)
    monkeypatch.setenv("BELLJAR_FAULT_ERRNO", "22")
    log = tmp_path / "fault"
    monkeypatch.setenv("BELLJAR_FAULT_LOG", str(log))
    for number in range(1, 100):
        monkeypatch.setenv("BELLJAR_FAULT", str(number))
        status = upload(tmp_path, files, content)
        if b"pipe[0], NULL" in log.read_bytes():
            assert status == 200
            assert (files / "a").read_bytes() == content
            return
    pytest.fail("the call was not made")
