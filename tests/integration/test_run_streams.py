"""Standard streams: every kind that a caller can have, limits, order, and who blocks whom."""

import fcntl
import hashlib
import json
import os
import pty
import re
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from program import PATIENCE, Done, wait_until, with_word

MIB = 1 << 20


def pattern(size):
    """Bytes that differ everywhere and are no text."""
    block = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(2048))
    return (block * (size // len(block) + 1))[:size]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def finish(process, seconds=PATIENCE):
    """Waits for a run whose streams are not pipes of Python's."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


# ---- standard input ----

@pytest.mark.parametrize("size", [0, 1, 4096, 65536, 65537, 5 * MIB])
def test_input_from_a_file(belljar, tmp_path, size):
    data = pattern(size)
    (tmp_path / "input").write_bytes(data)
    with open(tmp_path / "input", "rb") as file:
        done = belljar.run("--", "sha256sum", stdin=file)
    assert done.out.split()[0] == digest(data)


@pytest.mark.parametrize("size", [0, 1, 65536, 5 * MIB])
def test_input_from_a_pipe(belljar, size):
    data = pattern(size)
    done = belljar.run("--", "sha256sum", input=data, text=False, errors=None)
    assert done.out.split()[0].decode() == digest(data)


@pytest.mark.parametrize("size", [0, 1, 65536, 5 * MIB])
def test_input_from_a_socket(belljar, size):
    data = pattern(size)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = belljar.start("--", "sha256sum", stdin=theirs)
        theirs.close()
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert out.split()[0] == digest(data)


def test_input_from_null_device_and_nowhere(belljar):
    assert belljar.run("--", "wc", "-c", stdin=subprocess.DEVNULL).out == "0\n"
    assert belljar.run("-c", "wc -c", preexec_fn=lambda: os.close(0), stdin=None).out == "0\n"


def test_input_from_a_device(belljar):
    with open("/dev/zero", "rb") as zero:
        assert belljar.run("--", "sh", "-c", "head -c 100000 | wc -c", stdin=zero).out == "100000\n"


def test_input_from_a_terminal_only_when_asked_for(belljar):
    master, slave = pty.openpty()
    try:
        os.write(master, b"typed\n")
        done = belljar.run("--", "cat", stdin=slave)
        assert (done.status, done.out) == (0, "")
        process = belljar.start("-i", "--", "cat", stdin=slave)
        os.write(master, b"more\n\x04")
        out, _ = process.communicate(timeout=PATIENCE)
        assert out == "typed\nmore\n"
    finally:
        os.close(master)
        os.close(slave)


def test_input_from_a_directory(belljar):
    fd = os.open(belljar.directory, os.O_RDONLY)
    try:
        done = belljar.run("--", "cat", stdin=fd)
    finally:
        os.close(fd)
    assert done.status in (1, 125)
    assert "irectory" in done.err


def test_caller_position_in_a_pipe_is_kept(belljar):
    """A caller's pipe is handed over as it is: who comes after reads on."""
    command = belljar.command("--", "sh", "-c", "read line; echo got $line")
    done = subprocess.run(["sh", "-c", f'(printf "one\\ntwo\\n") | ({" ".join(map(quote, command))};'
                           " cat)"], cwd=belljar.directory, capture_output=True, text=True,
                          env=belljar.environment(), timeout=PATIENCE, check=True)
    assert done.stdout == "got one\ntwo\n"


def quote(word):
    return "'" + word.replace("'", "'\\''") + "'"


@pytest.mark.parametrize("kind", ["pipe", "socket", "file"])
def test_command_that_does_not_read(belljar, tmp_path, kind):
    """Ends at once, whatever is still to come."""
    if kind == "file":
        (tmp_path / "big").write_bytes(bytes(20 * MIB))
        ends = None, os.open(tmp_path / "big", os.O_RDONLY)
    elif kind == "pipe":
        inner, outer = os.pipe()
        ends = outer, inner
    else:
        ends = tuple(end.detach() for end in socket.socketpair())
    started = time.monotonic()
    try:
        done = belljar.run("--", "true", stdin=ends[1])
    finally:
        for fd in ends:
            if fd is not None:
                os.close(fd)
    assert done.status == 0
    assert time.monotonic() - started < 5


# ---- standard output ----

@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 5 * MIB])
@pytest.mark.parametrize("kind", ["file", "pipe", "socket"])
def test_output(belljar, tmp_path, kind, size):
    data = pattern(size)
    (belljar.directory / "data").write_bytes(data)
    if kind == "file":
        with open(tmp_path / "out", "wb") as out:
            done = belljar.run("--", "cat", "data", stdout=out)
        found = (tmp_path / "out").read_bytes()
    elif kind == "pipe":
        done = belljar.run("--", "cat", "data", text=False, errors=None)
        found = done.out
    else:
        ours, theirs = socket.socketpair()
        with ours:
            process = belljar.start("--", "cat", "data", stdout=theirs)
            theirs.close()
            found = b"".join(iter(lambda: ours.recv(MIB), b""))
            done = Done(process.wait(PATIENCE), "", process.stderr.read())
            process.stderr.close()
    assert done.status == 0
    assert digest(found) == digest(data)


def test_output_is_appended_where_the_caller_stands(belljar, tmp_path):
    path = tmp_path / "out"
    path.write_text("before\n")
    with open(path, "a", encoding="ascii") as out:
        belljar.run("--", "echo", "one", stdout=out)
    with open(path, "r+", encoding="ascii") as out:
        out.seek(7)
        belljar.run("--", "echo", "two", stdout=out)
        assert os.lseek(out.fileno(), 0, os.SEEK_CUR) == 11
    assert path.read_text() == "before\ntwo\n"


@pytest.mark.parametrize("closed", [[1], [2], [0], [0, 1], [1, 2], [0, 2], [0, 1, 2]])
def test_closed_streams(belljar, closed):
    """Descriptors 0 to 2 that the caller closed are not confused with Belljar's own."""
    def close():
        for fd in closed:
            os.close(fd)

    script = ("echo out; echo err >&2; cat; ls /proc/self/fd | wc -l >count; exec 9>streams;"
              " for i in 0 1 2; do readlink /proc/$$/fd/$i >&9; done; exit 4")
    process = belljar.start("-c", script, stdin=None if 0 in closed else subprocess.DEVNULL,
                            preexec_fn=close)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 4
    assert out == ("" if 1 in closed else "out\n")
    assert err == ("" if 2 in closed else "err\n")
    assert (belljar.directory / "count").read_text() == "4\n"  # three, and the directory itself
    streams = (belljar.directory / "streams").read_text().split()
    assert len(streams) == 3
    for fd in closed:
        assert streams[fd] == "/dev/null"


@pytest.mark.parametrize("closed", [[2], [1, 2], [0, 1, 2]])
def test_closed_streams_and_a_failure(belljar, tmp_path, closed):
    """An error text goes nowhere, least into something that was opened since."""
    def close():
        for fd in closed:
            os.close(fd)

    for words in (["--", "no-such-command"], ["--memory", "lots", "--", "true"],
                  ["--timeout", "1", "--", "sleep", "600"], ["--json", "--", "true"]):
        process = belljar.start(*words, stdin=None, preexec_fn=close)
        out, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode in (127, 125, 124, 0)
        assert "belljar:" not in out
    assert not list(belljar.directory.iterdir()) and len(list(tmp_path.iterdir())) == 1


def test_full_device(belljar):
    """What could not be written is not passed over in silence."""
    with open("/dev/full", "wb") as full:
        done = belljar.run("--", "echo", "lost", stdout=full)
    assert done.status != 0
    assert "No space left" in done.err


def test_full_device_stops_the_writer(belljar):
    with open("/dev/full", "wb") as full:
        started = time.monotonic()
        done = belljar.run("--", "yes", stdout=full)
    assert done.status != 0
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("options", [[], ["--output-limit", "50"]])
def test_reader_that_leaves(belljar, options):
    """As with `yes | head`: the writer gets SIGPIPE, whether the pipe is handed over or relayed."""
    process = belljar.start(*options, "--", "yes", text=False, errors=None)
    assert process.stdout.read(4) == b"y\ny\n"
    process.stdout.close()
    assert finish(process, 5) == 128 + signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


def test_pipe_signal_reaches_the_command_as_usual(belljar):
    """Whatever this process ignores or blocks, the command starts with the defaults."""
    def ignore():
        for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))

    out = belljar.run("--", "sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status",
                      preexec_fn=ignore, restore_signals=False).out
    assert {line.split()[1] for line in out.splitlines()} == {"0" * 16}


# ---- order, limits, background ----

def test_order_in_one_file(belljar, tmp_path):
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo o$i; echo e$i >&2; done"
    expected = "".join(f"o{i}\ne{i}\n" for i in range(1, 10))
    with open(tmp_path / "both", "wb") as both:
        belljar.run("-c", script, stdout=both, stderr=both)
    assert (tmp_path / "both").read_text() == expected
    assert belljar.run("-c", script, stderr=subprocess.STDOUT).out == expected


@pytest.mark.parametrize("kind", ["file", "pipe"])
def test_output_limit(belljar, tmp_path, kind):
    script = "head -c 3000000 /dev/zero | tr '\\0' x; echo end >&2"
    if kind == "file":
        with open(tmp_path / "out", "wb") as out:
            done = belljar.sh(script, "--output-limit", "1", stdout=out)
        size = (tmp_path / "out").stat().st_size
    else:
        done = belljar.sh(script, "--output-limit", "1")
        size = len(done.out)
    assert done.status == 0
    assert size == MIB
    assert done.err.startswith("end\n") and "more than 1 MiB" in done.err


def test_output_limit_is_of_each_stream(belljar):
    done = belljar.sh("head -c 900000 /dev/zero | tr '\\0' x; head -c 900000 /dev/zero | tr '\\0' y"
                      " >&2", "--output-limit", "1")
    assert (len(done.out), len(done.err), done.status) == (900000, 900000, 0)


def test_output_limit_in_json(belljar):
    done = belljar.sh("head -c 3000000 /dev/zero | tr '\\0' x; echo e >&2", "--output-limit", "1",
                      "--json")
    assert len(done.json["stdout"]) == MIB
    assert (done.json["truncated"], done.json["stderr"], done.json["exit_code"]) == (True, "e\n", 0)


def test_flood_takes_constant_memory(belljar, tmp_path):
    with open(tmp_path / "out", "wb") as out:
        process = belljar.start("--timeout", "2", "--output-limit", "1", "--", "yes", stdout=out)
        time.sleep(1.5)
        status = Path("/proc", str(process.pid), "status").read_text()
        assert finish(process) == 124
    process.stderr.close()
    assert (tmp_path / "out").stat().st_size == MIB
    assert int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) < 8 << 10


@pytest.mark.parametrize("kind", ["file", "pipe", "json", "terminal"])
def test_background_child_blocks_nobody(belljar, tmp_path, kind):
    """Whoever still holds the output when the command ends is ended with it."""
    script = "sleep 600.5 & (setsid sleep 600.5 &) ; echo done"
    started = time.monotonic()
    if kind == "file":
        with open(tmp_path / "out", "wb") as out:
            assert belljar.sh(script, stdout=out).status == 0
        assert (tmp_path / "out").read_text() == "done\n"
    elif kind == "pipe":
        assert belljar.sh(script).out == "done\n"
    elif kind == "json":
        assert belljar.sh(script, "--json").json["stdout"] == "done\n"
    else:
        master, slave = pty.openpty()
        process = belljar.start("-c", script, stdout=slave)
        os.close(slave)
        assert finish(process) == 0
        assert os.read(master, 100) == b"done\r\n"
        os.close(master)
        process.stderr.close()
    assert time.monotonic() - started < 5
    assert wait_until(lambda: not with_word("600.5"))


def stalled(kind):
    """A stream that takes a little and then nothing more; and what keeps it open."""
    if kind == "pipe":
        reader, writer = os.pipe()
        return writer, [reader]
    if kind == "socket":
        ours, theirs = socket.socketpair()
        return theirs.detach(), [ours.detach()]
    master, slave = pty.openpty()
    return slave, [master]


@pytest.mark.parametrize("kind", ["pipe", "socket", "terminal"])
def test_time_out_while_nobody_reads(belljar, kind):
    stream, kept = stalled(kind)
    started = time.monotonic()
    process = belljar.start("--timeout", "1", "--output-limit", "50", "--", "yes", stdout=stream)
    os.close(stream)
    try:
        assert finish(process, 8) == 124
    finally:
        for fd in kept:
            os.close(fd)
        process.stderr.close()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("kind", ["pipe", "socket", "terminal"])
def test_signal_while_nobody_reads(belljar, kind):
    stream, kept = stalled(kind)
    process = belljar.start("--output-limit", "50", "--", "yes", stdout=stream)
    os.close(stream)
    time.sleep(0.7)
    process.terminate()
    try:
        assert finish(process, 8) == 128 + signal.SIGTERM
    finally:
        for fd in kept:
            os.close(fd)
        process.stderr.close()


def test_slow_reader_gets_all(belljar):
    process = belljar.start("--output-limit", "50", "-c",
                            "head -c 1000000 /dev/zero | tr '\\0' x", text=False, errors=None)
    time.sleep(1)
    out, _ = process.communicate(timeout=PATIENCE)
    assert (len(out), process.returncode) == (1000000, 0)


def test_output_that_does_not_block(belljar):
    """A caller's O_NONBLOCK pipe neither loses bytes nor spins."""
    reader, writer = os.pipe()
    for end in (reader, writer):
        fcntl.fcntl(end, fcntl.F_SETFL, os.O_NONBLOCK)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = belljar.start("--output-limit", "50", "-c", "head -c 500000 /dev/zero | tr '\\0' x",
                            stdout=writer)
    os.close(writer)
    time.sleep(1)
    fcntl.fcntl(reader, fcntl.F_SETFL, 0)
    with open(reader, "rb") as file:
        assert len(file.read()) == 500000
    process.communicate(timeout=PATIENCE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert process.returncode == 0
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.7


def test_no_descriptor_of_the_caller(belljar, tmp_path):
    (tmp_path / "secret").write_text("s3cret")
    with open(tmp_path / "secret", "rb") as secret:
        copy = os.dup2(secret.fileno(), 77)
        out = belljar.run("-c", "ls /proc/self/fd; cat <&77", pass_fds=[copy, secret.fileno()]).out
        os.close(copy)
    assert out.split() == ["0", "1", "2", "3"]


@pytest.mark.parametrize("kind", ["file", "terminal", "socket"])
def test_streams_are_pipes_inside(belljar, tmp_path, kind):
    """A file, a terminal or a socket of the caller's is never handed over."""
    kept = []
    if kind == "file":
        stream = os.open(tmp_path / "both", os.O_RDWR | os.O_CREAT)
    elif kind == "terminal":
        master, stream = pty.openpty()
        kept.append(master)
    else:
        ours, theirs = socket.socketpair()
        kept.append(ours.detach())
        stream = theirs.detach()
    script = "for i in 0 1 2; do readlink /proc/self/fd/$i; test -t $i && echo tty; done >kinds; :"
    process = belljar.start("-i", "-c", script, stdin=stream, stdout=stream, stderr=stream)
    os.close(stream)
    assert finish(process) == 0
    for fd in kept:
        os.close(fd)
    kinds = (belljar.directory / "kinds").read_text().split()
    assert len(kinds) == 3 and all(name.startswith("pipe:") for name in (kinds[0], kinds[2])), kinds


def test_json_on_a_socket(belljar):
    ours, theirs = socket.socketpair()
    with ours:
        process = belljar.start("--json", "--", "echo", "x", stdout=theirs)
        theirs.close()
        text = b"".join(iter(lambda: ours.recv(MIB), b""))
    finish(process)
    process.stderr.close()
    assert json.loads(text)["stdout"] == "x\n"
