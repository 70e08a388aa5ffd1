"""`belljar serve` when the machine runs short: disk, descriptors, processes, time itself, and
clients who ask for more than they read. What cannot be done is said, and the rest goes on."""

import contextlib
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest
from program import AS_ROOT, BELLJAR, processes, wait_until

FEW = 64
DAY = 86400


def answers(service):
    try:
        answer = service.post("/bash", {"command": "echo up"}, timeout=20)
        return answer.status == 200 and answer.json["output"] == "up\n"
    except (OSError, http.client.HTTPException):
        return False


def family(service):
    """Every process of the service itself: the roles, and the launcher."""
    roles = service.roles()
    everybody = processes()
    launchers = [pid for pid, (parent, _, name) in everybody.items()
                 if parent == roles.get("keeper") and name.startswith("belljar-launch")]
    return {**roles, "launcher": launchers[0]}


def is_refused(answer, *statuses):
    """A clear error: one of the statuses, a code, and a text that is one."""
    assert answer.status in statuses, answer
    assert answer.json["error"]["code"] and len(answer.json["error"]["message"]) > 10, answer
    return True


def verified(database, directory):
    copy = directory / "copy.db"
    for end in ("", "-wal"):
        if Path(f"{database}{end}").exists():
            shutil.copy(f"{database}{end}", f"{copy}{end}")
    done = subprocess.run([BELLJAR, "audit", "verify", "--file", str(copy)], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done


# ---- disk ----

@contextlib.contextmanager
def full_tmpfs(service):
    state = Path(f"/proc/{service.process.pid}/root{service.place}")
    filler = state / "filler"
    with open(filler, "wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(65536))
        with contextlib.suppress(OSError):
            while True:
                file.write(b"x")
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def no_more_bytes(service):
    """What an ordinary user can have instead: none of them may make a file longer."""
    usual = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in family(service).values()}
    for pid, (_, hard) in usual.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        for pid, limits in usual.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def on_small_disk(make_service, tmp_path):
    """A service whose state directory is a small file system of its own, where that can be had."""
    key = tmp_path / "key"
    key.write_text("key-of-a-small-disk-0123456789\n")
    key.chmod(0o600)
    service = make_service("--key-file", key)
    service.place = service.state
    service.state.mkdir(parents=True, mode=0o700)
    command = service.command()
    if AS_ROOT:
        script = f'mount -t tmpfs -o size=32m,mode=700 small "{service.state}" && exec "$@"'
        service.command = lambda: ["unshare", "-m", "--propagation", "private", "sh", "-c", script,
                                   "sh", *command]
    shutil.copy(key, service.state / "key")
    return service.start()


def test_a_full_disk(on_small_disk, tmp_path):
    service = on_small_disk
    sandbox = service.bash("echo before; echo kept > kept")["sandbox"]
    base = f"/v1/sandboxes/{sandbox}"
    ticking = service.post(f"{base}/processes", {
        "command": "while sleep 0.05; do echo tick; done"}).json["id"]
    before = family(service)
    with (full_tmpfs if AS_ROOT else no_more_bytes)(service):
        # What fits into the last pages still goes; then nothing does.
        assert wait_until(lambda: service.post("/bash", {"command": "echo x"}).status != 200, 30)
        for path, body in (("/bash", {"command": "echo refused >refused"}), ("/v1/sandboxes", {}),
                           ("/file/write", {"path": "refused", "content": "x"})):
            assert is_refused(service.post(path, body), 503, 507)
        assert service.get(base).json["state"] == "running"
        assert service.get("/v1/sandboxes").status == 200
        assert b"echo before" in service.get("/audit-logs?limit=1000").body
        assert service.get("/health").status in (200, 503)
        path = f"{base}/processes/{ticking}"
        seen = wait_until(lambda: service.get(f"{path}/output").body)
        assert seen.startswith(b"tick\n")
        assert wait_until(lambda: len(service.get(f"{path}/output").body) > len(seen))
        assert family(service) == before
    assert wait_until(lambda: answers(service), 20)
    assert service.bash("cat kept; ls")["output"] == "kept\nkept\n"
    assert service.bash("true")["sandbox"] == sandbox
    assert family(service) == before
    if AS_ROOT:
        verified(Path(f"/proc/{service.process.pid}/root{service.place}/audit.db"), tmp_path)
    assert service.stop() == 0


# ---- descriptors ----

def test_few_descriptors_in_the_midst_of_work(make_service):
    """Each process of the service is held to 64 while more is asked for than that allows."""
    service = make_service()
    command = service.command()
    service.command = lambda: ["bash", "-c", f'ulimit -n {FEW} && exec "$@"', "bash", *command]
    service.start()
    sandbox = service.bash("true")["sandbox"]
    before = family(service)
    made, refused = [], []
    for _ in range(FEW):
        answer = service.post("/v1/sandboxes", {})
        if answer.status == 201:
            made.append(answer.json["id"])
        else:
            refused.append(answer)
    assert made and refused
    assert all(is_refused(answer, 429, 503, 507) for answer in refused), refused[:3]
    for _ in range(FEW):
        answer = service.post(f"/v1/sandboxes/{sandbox}/processes",
                              {"argv": ["/bin/sleep", "600"], "stdin": True})
        assert answer.status == 201 or is_refused(answer, 429, 503, 507)
    assert service.get("/v1/sandboxes").status == 200
    assert service.get(f"/v1/sandboxes/{sandbox}").json["state"] == "running"
    clients = []
    for _ in range(FEW * 2):
        clients.append(socket.create_connection(("127.0.0.1", service.port), timeout=10))
    time.sleep(0.3)
    for client in clients:
        client.close()
    assert wait_until(lambda: service.get("/v1/sandboxes").status == 200, 20)
    for name in [*made, sandbox]:
        assert service.request("DELETE", f"/v1/sandboxes/{name}").status == 204
    assert wait_until(lambda: answers(service), 20)
    assert service.post("/v1/sandboxes", {}).status == 201
    assert family(service) == before, service.errors()[-2000:]
    assert service.stop() == 0


# ---- processes ----

def pids_group():
    """Where the host's controller of processes is, and a group of our own in it."""
    for root in (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup")):
        group = root / f"belljar-test-{os.getpid()}"
        if (root / "cgroup.procs").exists():
            group.mkdir()
            if (group / "pids.max").exists():
                return root, group
            group.rmdir()
    raise AssertionError("there is no controller of processes")


def group_of(pid, root):
    """Of a process, below the root: of version 1 the line of pids, of version 2 the only one."""
    wanted = "pids" if root.name == "pids" else ""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == wanted:
            return root / path.lstrip("/")
    raise AssertionError(f"process {pid} has no group")


@contextlib.contextmanager
def no_forks_of_root(pid):
    root, group = pids_group()
    home = group_of(pid, root)
    (group / "cgroup.procs").write_text(str(pid))
    (group / "pids.max").write_text("1")
    try:
        yield
    finally:
        (group / "pids.max").write_text("max")
        for each in (group / "cgroup.procs").read_text().split():
            (home / "cgroup.procs").write_text(each)
        assert wait_until(lambda: not (group / "cgroup.procs").read_text())
        group.rmdir()


@contextlib.contextmanager
def no_forks_of_user(pid):
    usual = resource.prlimit(pid, resource.RLIMIT_NPROC)
    resource.prlimit(pid, resource.RLIMIT_NPROC, (1, usual[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NPROC, usual)


# fork() and clone() of a process fail with EAGAIN.
no_forks = no_forks_of_root if AS_ROOT else no_forks_of_user


def test_no_process_for_another_sandbox(service):
    sandbox = service.bash("echo one > one")["sandbox"]
    before = family(service)
    with no_forks(before["launcher"]):
        for _ in range(5):
            answer = service.post("/v1/sandboxes", {})
            assert is_refused(answer, 503, 429), answer
        assert service.get(f"/v1/sandboxes/{sandbox}").json["state"] == "running"
        assert service.bash("cat one")["output"] == "one\n"
    made = wait_until(lambda: service.post("/v1/sandboxes", {}).status == 201, 20)
    assert made and family(service) == before, service.errors()[-2000:]
    assert service.bash("cat one")["output"] == "one\n"


def test_no_process_for_a_new_front_or_a_question(service):
    """The supervisor tries again until it can; nothing else is disturbed."""
    sandbox = service.bash("echo one > one")["sandbox"]
    before = family(service)
    with no_forks(service.process.pid):
        os.kill(before["front"], signal.SIGKILL)
        time.sleep(1)
        assert service.process.poll() is None
        assert "front" not in service.roles()
    assert wait_until(lambda: answers(service), 30), service.errors()[-2000:]
    assert service.bash("cat one")["output"] == "one\n"
    assert service.bash("true")["sandbox"] == sandbox
    after = family(service)
    assert {role for role in before if after[role] != before[role]} == {"front"}


# ---- the clock ----

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long *offset;
static int (*get)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
    int fd = open(getenv("TEST_CLOCK"), O_RDONLY | O_CLOEXEC);

    get = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    if (fd >= 0)
        offset = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
}

int clock_gettime(clockid_t id, struct timespec *time)
{
    int result = get(id, time);

    if (result == 0 && offset != NULL && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        time->tv_sec += *offset;
    return result;
}

time_t time(time_t *ret)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (ret != NULL)
        *ret = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}
"""


@pytest.fixture
def clock(tmp_path):
    """A file with the seconds that the wall clock of who has it preloaded is ahead."""
    (tmp_path / "clock.c").write_text(SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", tmp_path / "clock.so",
                    tmp_path / "clock.c", "-ldl"], check=True)
    path = tmp_path / "clock"
    path.write_bytes(struct.pack("l", 0))

    def turn(seconds):
        with open(path, "r+b") as file:
            file.write(struct.pack("l", seconds))

    turn.variables = {"LD_PRELOAD": str(tmp_path / "clock.so"), "TEST_CLOCK": str(path)}
    return turn


def test_the_clock_turned_a_day(make_service, clock, tmp_path):
    """Ahead and back: no time-out comes earlier or later, and the record stays whole."""
    service = make_service(variables=clock.variables).start()
    sandbox = service.bash("true")["sandbox"]
    short = service.post("/v1/sandboxes", {"timeout_seconds": 6}).json["id"]
    begun = time.monotonic()
    before = family(service)
    done = []
    worker = threading.Thread(target=lambda: done.append(
        service.bash("sleep 3; echo slept", timeout=60)))
    worker.start()
    ended = threading.Thread(target=lambda: done.append(
        service.post("/bash", {"command": "sleep 60", "timeout": 2}, timeout=60).json))
    ended.start()
    time.sleep(0.5)
    clock(DAY)
    seen = service.bash("true")
    assert seen["success"] and seen["sandbox"] == sandbox
    time.sleep(0.5)
    clock(-DAY)
    assert service.bash("true")["sandbox"] == sandbox
    assert service.get(f"/v1/sandboxes/{short}").json["state"] == "running"
    ended.join(20)
    assert 1.5 < time.monotonic() - begun < 5
    clock(0)
    worker.join(20)
    assert any(result.get("output") == "slept\n" for result in done), done
    assert any(not result["success"] for result in done), done

    def is_gone():
        answer = service.get(f"/v1/sandboxes/{short}")
        return answer.status != 200 or answer.json["state"] == "ended"

    assert wait_until(is_gone, 15)
    assert 5 < time.monotonic() - begun < 15
    assert family(service) == before, service.errors()[-2000:]
    assert service.stop() == 0
    verified(service.state / "audit.db", tmp_path)
    times = [json.loads(line)["record"]["time"][:10] for line in subprocess.run(
        [BELLJAR, "audit", "export", "--file", str(service.state / "audit.db")], check=True,
        capture_output=True, text=True, timeout=60).stdout.splitlines()]
    assert len(set(times)) >= 3, set(times)  # the clock did turn


# ---- who does not read ----

def resident(service):
    total = 0
    for pid in family(service).values():
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                total += int(line.split()[1]) * 1024
    return total


def asks_and_never_reads(service, path, *headers):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(20)
    client.connect(("127.0.0.1", service.port))
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", f"X-API-Key: {service.key}", *headers]
    client.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return client


WEBSOCKET = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
EVENTS = ("Accept: text/event-stream",)


@pytest.mark.parametrize("what", ["output", "events of output", "file", "archive", "events",
                                  "terminal"])
def test_a_client_that_never_reads(service, what):
    sandbox = service.bash("head -c 60000000 /dev/zero > large")["sandbox"]
    base = f"/v1/sandboxes/{sandbox}"
    flood = {"argv": ["/usr/bin/yes", "a line of a flood of output"]}
    path, headers = {
        "output": ("{process}/output?follow=true", ()),
        "events of output": ("{process}/output?follow=true", EVENTS),
        "file": (f"{base}/files/content?path=large", ()),
        "archive": (f"{base}/files/archive", ()),
        "events": ("/v1/events", EVENTS),
        "terminal": ("{process}/attach?offset=0", WEBSOCKET),
    }[what]
    process = ""
    if "{process}" in path:
        process = service.post(f"{base}/processes",
                               {**flood, "terminal": what == "terminal"}).json["id"]
        process = f"{base}/processes/{process}"
    before, known = resident(service), family(service)
    clients = [asks_and_never_reads(service, path.format(process=process), *headers)
               for _ in range(5)]
    for _ in range(30):
        begun = time.monotonic()
        assert service.bash("echo on")["output"] == "on\n"
        assert time.monotonic() - begun < 10
    made = service.post("/v1/sandboxes", {}).json["id"]
    assert service.request("DELETE", f"/v1/sandboxes/{made}").status == 204
    time.sleep(1)
    assert resident(service) - before < 32 << 20, (before, resident(service))
    for client in clients:
        client.close()
    assert family(service) == known, service.errors()[-2000:]
    assert service.bash("echo on")["output"] == "on\n"
    if process:
        assert service.post(f"{process}/signal", {"signal": "KILL"}).status == 204
