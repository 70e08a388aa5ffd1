"""`belljar serve`: starting, keys, listening, and what it says of itself."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
from program import AS_ROOT, BELLJAR, ROOT, wait_until
from service import Service, sheltered


def serve(*words, variables=None, directory="/"):
    """A service that must not come up: its status and what it says."""
    done = subprocess.run(
        [BELLJAR, "serve", *map(str, words)], capture_output=True, text=True, timeout=30,
        cwd=directory, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **(variables or {})})
    return done.returncode, done.stderr


def keys(service, *words):
    done = subprocess.run([BELLJAR, "serve", "keys", words[0], "--state", str(service.state),
                           *words[1:]], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done
    return done.stdout.strip()


# ---- the first minutes ----


def test_the_curl_line_of_the_welcome_works(service):
    line = service.welcome[service.welcome.index("curl"):]
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["output"] == "Hello\n", done


def test_a_key_is_made_and_said_where(service):
    assert f"key        in {service.state}/key" in service.welcome
    assert stat.S_IMODE(os.stat(service.state / "key").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(service.state).st_mode) == 0o700
    assert len(service.key) == 44 and service.key.startswith("e2b_")
    assert int(service.key[4:], 16)
    first = service.key
    service.stop()
    service.start()
    assert service.key == first
    assert service.bash("echo again")["output"] == "again\n"


def test_both_ways_to_send_the_key(service):
    for header in ({"X-API-Key": service.key}, {"Authorization": f"Bearer {service.key}"}):
        assert service.get("/v1/sandboxes", key="", headers=header).status == 200
    assert service.get("/v1/sandboxes", key="").status == 401
    assert service.get("/v1/sandboxes", key="e2b_" + 40 * "0").status == 401
    assert service.get("/v1/sandboxes", key="", headers={"Authorization": "Basic eDp5"}).status == 401


def test_the_key_is_nowhere_in_the_open(service):
    service.bash("true")
    for pid in service.roles().values():
        for file in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{file}", "rb") as text:
                    assert service.key.encode() not in text.read()
            except PermissionError:
                assert not AS_ROOT  # then nobody else can read it either
    assert service.key not in service.errors() + service.welcome


def test_the_unix_socket_needs_no_key_for_its_owner(service):
    assert service.get("/v1/sandboxes", unix=True).status == 200


def as_user(uid, service, *words):
    """The status of a request over the Unix socket by another user of the machine."""
    os.chmod(service.runtime.name, 0o755)
    done = subprocess.run(
        ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "curl", "-s", "-o",
         "/dev/null", "-w", "%{http_code}", "--unix-socket", str(service.socket), *words,
         "http://localhost/v1/sandboxes"], capture_output=True, text=True, timeout=30)
    return done.stdout


@pytest.mark.skipif(not AS_ROOT, reason="this host lacks root outside")
def test_other_users_need_a_key_or_to_be_named(service):
    assert as_user(61235, service) == "401"
    assert as_user(61235, service, "-H", f"X-API-Key: {service.key}") == "200"
    keys(service, "add", "--peer", "61235")
    assert wait_until(lambda: as_user(61235, service) == "200")
    assert as_user(61236, service) == "401"


@pytest.mark.skipif(not AS_ROOT, reason="this host lacks root outside")
def test_without_a_key_the_sockets_permissions_count(make_service):
    service = make_service("--no-key").start()
    assert stat.S_IMODE(os.stat(service.socket).st_mode) == 0o600
    assert as_user(61235, service) == "000"


def test_without_any_key(make_service):
    service = make_service("--no-key").start()
    assert service.post("/bash", {"command": "echo Hello"}, key="").json["output"] == "Hello\n"
    assert not (service.state / "key").exists()


def test_no_key_is_for_loopback_only(tmp_path):
    status, said = serve("--no-key", "--listen", "0.0.0.0:0", "--state", sheltered(tmp_path) / "s")
    assert status == 125 and "can be reached from other machines" in said
    status, said = serve("--no-key", "--listen", "[::]:0", "--state", sheltered(tmp_path) / "s")
    assert status == 125 and "can be reached from other machines" in said


@pytest.mark.parametrize("given", ["variable", "file"])
def test_a_key_of_ones_own(make_service, tmp_path, given):
    text = "a-key-that-somebody-chose"
    if given == "variable":
        service = make_service(variables={"BELLJAR_API_KEY": text}).start()
    else:
        (tmp_path / "key").write_text(text + "\n")
        service = make_service("--key-file", tmp_path / "key").start()
    assert service.get("/v1/sandboxes", key=text).status == 200
    assert service.get("/v1/sandboxes", key=text + "x").status == 401
    assert not (service.state / "key").exists()


def test_mistakes_are_said(tmp_path):
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    (tmp_path / "bad.json").write_text('{"lisen": []}')
    (tmp_path / "short").write_text("short\n")
    state = ("--state", sheltered(tmp_path) / "s")
    for words, said in (
            ((*state, "--listen", f"127.0.0.1:{port}"), "another program does"),
            ((*state, "--listen", "nowhere"), "ADDRESS:PORT"),
            ((*state, "--lsiten", "x"), "did you mean --listen?"),
            ((*state, "--config", tmp_path / "bad.json"), "did you mean listen?"),
            ((*state, "--config", tmp_path / "none.json"), "none.json"),
            ((*state, "--tls-cert", "x"), "go together"),
            ((*state, "--log", "server=loud"), "expected CATEGORY=LEVEL"),
            ((*state, "word"), "unexpected argument")):
        status, text = serve(*words)
        assert status == 125 and said in text, text
    status, text = serve(*state, "--key-file", tmp_path / "short", "--listen", "127.0.0.1:0")
    assert status != 0 and "expected one line with a key" in text


def test_help(tmp_path):
    done = subprocess.run([BELLJAR, "serve", "--help"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and done.stderr == ""
    assert "--listen WHERE" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_two_services_do_not_share_a_state_directory(service, tmp_path):
    begun = time.monotonic()
    status, said = serve("--state", service.state, "--listen", "127.0.0.1:0")
    assert status == 125 and "another service uses" in said
    assert time.monotonic() - begun < 20
    assert service.bash("echo still")["output"] == "still\n"


@pytest.mark.skipif(not AS_ROOT, reason="this host lacks root outside")
def test_a_state_directory_of_somebody_else(tmp_path):
    (sheltered(tmp_path) / "s").mkdir()
    os.chown(sheltered(tmp_path) / "s", 12345, 12345)
    status, said = serve("--state", sheltered(tmp_path) / "s", "--listen", "127.0.0.1:0")
    assert status == 125 and "belongs to user 12345" in said


# ---- keys ----


def test_keys_have_owners_scopes_and_ends(service):
    ci = keys(service, "add", "ci")
    reader = keys(service, "add", "--owner", "ci", "--scope", "read", "reader")
    other = keys(service, "add", "other")
    wait_until(lambda: service.get("/v1/sandboxes", key=other).status == 200)
    made = service.post("/v1/sandboxes", {}, key=ci)
    assert made.status == 201, made
    where = f"/v1/sandboxes/{made.json['id']}"
    assert service.get(where, key=ci).status == 200
    assert service.get(where, key=reader).status == 200
    assert service.request("DELETE", where, key=reader).status == 403
    assert service.get(where, key=other).status == 404
    assert service.request("DELETE", where, key=other).status == 404
    listed = json.loads(keys(service, "list", "--json"))
    assert {each["name"] for each in listed} == {"ci", "reader", "other"}
    assert all(each["quota"] == {} for each in listed)
    for key in (ci, reader, other):
        assert key not in (service.state / "keys.json").read_text()
    keys(service, "remove", "other")
    wait_until(lambda: service.get("/v1/sandboxes", key=other).status == 401)
    assert service.get("/v1/sandboxes", key=other).status == 401
    assert service.get(where, key=ci).status == 200


def test_keys_go_where_a_service_was(tmp_path):
    def call(*words):
        return subprocess.run([BELLJAR, "serve", "keys", words[0], "--state", str(state), *words[1:]],
                              capture_output=True, text=True, timeout=30)

    state = sheltered(tmp_path) / "none"
    empty = sheltered(tmp_path) / "empty"
    empty.mkdir(mode=0o700)
    for words in (("add", "a"), ("list",), ("remove", "a")):
        for state in (sheltered(tmp_path) / "none", empty):
            done = call(*words)
            assert done.returncode == 125 and "--create" in done.stderr, done
    assert not (sheltered(tmp_path) / "none").exists() and not list(empty.iterdir())
    state = sheltered(tmp_path) / "new"
    assert call("add", "--create", "a").returncode == 0
    assert call("add", "b").returncode == 0  # now it is one
    done = call("add", "--peer", "nosuchuser")
    assert done.returncode == 125 and "nosuchuser" in done.stderr, done


def test_listed_keys_show_their_quotas(service):
    keys(service, "add", "--quota", "sandboxes=3", "--quota", "requests=600", "ci")
    listed, = json.loads(keys(service, "list", "--json"))
    assert listed["quota"] == {"sandboxes": 3, "requests": 600, "window_seconds": 60}
    head, line = keys(service, "list").splitlines()
    assert head.endswith(" QUOTAS") and line.endswith(" sandboxes=3,requests=600,window_seconds=60")


def test_an_added_key_disturbs_nobody(service):
    front = service.roles()["front"]
    with socket.create_connection(("127.0.0.1", service.port), 20) as open_before:
        line = f"GET /v1/sandboxes HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {service.key}\r\n\r\n"
        open_before.sendall(line.encode())
        assert open_before.recv(65536).startswith(b"HTTP/1.1 200")
        for number in range(5):
            key = keys(service, "add", f"k{number}")
            assert wait_until(lambda: service.get("/v1/sandboxes", key=key).status == 200)
        open_before.sendall(line.encode())
        assert open_before.recv(65536).startswith(b"HTTP/1.1 200")
    assert service.roles()["front"] == front


@pytest.mark.parametrize("words", [("default",), ("local",), ("unix:12345",),
                                   ("--peer", "12345", "unix:12346"), ("--peer", "12345", "default")])
def test_names_that_the_service_uses_itself(service, words):
    done = subprocess.run([BELLJAR, "serve", "keys", "add", "--state", str(service.state), *words],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and f'"{words[-1]}"' in done.stderr, done
    assert json.loads(keys(service, "list", "--json")) == []
    keys(service, "add", "--peer", "12345")
    assert service.stop() == 0
    service.start()


def test_a_file_with_the_services_own_name_is_said_and_mended(service):
    keys(service, "add", "mine")
    file = service.state / "keys.json"
    assert service.stop() == 0
    file.write_text(file.read_text().replace('"mine"', '"default"'))
    with pytest.raises(RuntimeError):
        service.start()
    assert f'{file}: no key can be named "default"' in service.errors()
    keys(service, "remove", "default")
    service.start()


def test_quota_of_requests(service):
    key = keys(service, "add", "--quota", "requests=5", "--quota", "window_seconds=60", "few")
    wait_until(lambda: service.get("/v1/sandboxes", key=key).status == 200)
    answers = [service.get("/v1/sandboxes", key=key) for _ in range(8)]
    refused = [each for each in answers if each.status == 429]
    assert refused and refused[0].headers["Retry-After"]
    assert service.get("/v1/sandboxes").status == 200


# ---- restarting ----


def test_hangup_replaces_the_front_and_nothing_else(service):
    service.bash("echo kept >file; sleep 100 & echo $! >pid")
    before = service.roles()
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: service.roles().get("front") not in (None, before["front"]))
    assert service.bash("cat file; kill -0 $(cat pid) && echo lives")["output"] == "kept\nlives\n"
    after = service.roles()
    assert {**after, "front": 0} == {**before, "front": 0}


def test_no_request_is_refused_while_the_front_is_replaced(service):
    service.bash("true")
    for _ in range(5):
        service.process.send_signal(signal.SIGHUP)
        for _ in range(10):
            assert service.bash("echo x")["output"] == "x\n"


def test_streams_of_events_do_not_hold_up_the_next_front(service):
    with socket.create_connection(("127.0.0.1", service.port), 20) as stream:
        stream.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                       + f"X-API-Key: {service.key}\r\n\r\n".encode())
        assert stream.recv(4096).startswith(b"HTTP/1.1 200")
        front, begun = service.roles()["front"], time.monotonic()
        service.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: service.roles().get("front") not in (None, front))
        assert service.get("/health").status == 200
        assert time.monotonic() - begun < 4


def test_a_long_call_holds_up_the_next_front(service):
    """It is answered by the front that has it, which serves others meanwhile."""
    front, answers = service.roles()["front"], []
    call = threading.Thread(target=lambda: answers.append(service.post(
        "/bash", {"command": "touch begun; until [ -e go ]; do sleep 0.1; done; echo done"})))
    call.start()
    assert wait_until(lambda: service.bash("ls")["output"] == "begun\n")
    time.sleep(1.5)  # longer than a call that is not waited for
    service.process.send_signal(signal.SIGHUP)
    service.process.send_signal(signal.SIGHUP)
    assert service.bash("echo x")["output"] == "x\n"
    time.sleep(7)  # longer than what calls get in any case
    assert answers == [] and service.roles()["front"] == front
    assert service.bash("touch go")["exit_code"] == 0
    call.join()
    assert answers[0].json["output"] == "done\n"
    assert wait_until(lambda: service.roles().get("front") not in (None, front))
    assert service.bash("echo y")["output"] == "y\n"


def test_a_long_call_of_a_removed_key_holds_up_nothing(service):
    key, front = keys(service, "add", "one"), service.roles()["front"]
    assert wait_until(lambda: service.get("/v1/sandboxes", key=key).status == 200)
    with socket.create_connection(("127.0.0.1", service.port), 60) as call:
        body = b'{"command": "sleep 50"}'
        call.sendall(b"POST /bash HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     + f"X-API-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        time.sleep(1.5)
        service.process.send_signal(signal.SIGHUP)
        keys(service, "remove", "one")
        assert call.recv(4096) == b""
        assert wait_until(lambda: service.roles().get("front") not in (None, front))
    assert service.get("/v1/sandboxes", key=key).status == 401


def test_the_end_does_not_wait_for_a_reload(service):
    front = service.roles()["front"]
    with socket.create_connection(("127.0.0.1", service.port), 60) as call:
        body = b'{"command": "sleep 100"}'
        call.sendall(b"POST /bash HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     + f"X-API-Key: {service.key}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                     + body)
        time.sleep(1.5)
        service.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert service.roles()["front"] == front
        assert service.stop() == 0  # which takes less than the front would have waited


def test_hangup_with_a_wrong_configuration_changes_nothing(make_service, tmp_path):
    config = tmp_path / "service.json"
    config.write_text('{"hosts": ["one.example"]}')
    service = make_service("--config", config).start()
    assert service.get("/health", headers={"Host": "one.example"}).status == 200
    assert service.get("/health", headers={"Host": "two.example"}).status == 403
    config.write_text('{"hosts": ["two.example"], "nonsense": 1}')
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "stays as it was" in service.errors())
    assert service.get("/health", headers={"Host": "one.example"}).status == 200
    config.write_text('{"hosts": ["two.example"]}')
    before = service.roles()["front"]
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: service.roles().get("front") not in (None, before))
    assert service.get("/health", headers={"Host": "two.example"}).status == 200
    assert service.get("/health", headers={"Host": "one.example"}).status == 403


def test_hangup_with_wrong_keys_or_certificate_changes_nothing(make_service, certificate, tmp_path):
    for number, path in enumerate(certificate):
        shutil.copy(path, tmp_path / f"{number}.pem")
    service = make_service("--tls-cert", tmp_path / "0.pem", "--tls-key", tmp_path / "1.pem")
    service.scheme = "https"
    service.start()
    file, before = service.state / "keys.json", service.roles()
    keys(service, "add", "one")
    good = {each: each.read_text() for each in (tmp_path / "0.pem", tmp_path / "1.pem", file)}
    other = subprocess.run(["openssl", "genpkey", "-algorithm", "ec", "-pkeyopt",
                            "ec_paramgen_curve:prime256v1"], check=True, capture_output=True,
                           text=True).stdout
    for path, wrong, word in ((tmp_path / "0.pem", "none", "certificate"),
                              (tmp_path / "1.pem", other, "key"), (file, "{", "keys.json")):
        said = len(service.errors())
        path.write_text(wrong)
        service.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: "stays as it was" in service.errors()[said:])
        assert word in service.errors()[said:]
        path.write_text(good[path])
        assert service.get("/health", unix=True).status == 200
        assert service.roles() == before
    service.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: service.roles().get("front") not in (None, before["front"]))
    assert service.get("/health", unix=True).status == 200


def test_a_removed_key_ends_though_nothing_else_can_be_read(make_service, tmp_path):
    config = tmp_path / "service.json"
    config.write_text("{}")
    service = make_service("--config", config).start()
    key = keys(service, "add", "one")
    assert wait_until(lambda: service.get("/v1/sandboxes", key=key).status == 200)
    config.write_text("{")
    keys(service, "remove", "one")
    assert wait_until(lambda: service.get("/v1/sandboxes", key=key).status == 401)


def test_a_removed_key_opens_nothing_from_then_on(service):
    for number in range(10):
        key = keys(service, "add", f"k{number}")
        assert service.get("/v1/sandboxes", key=key).status == 200
        keys(service, "remove", f"k{number}")
        assert service.get("/v1/sandboxes", key=key).status == 401


def test_a_change_that_is_not_taken_over_is_said(service):
    """As by a supervisor that is stopped."""
    keys(service, "add", "one")
    service.process.send_signal(signal.SIGSTOP)
    try:
        done = subprocess.run([BELLJAR, "serve", "keys", "remove", "--state", str(service.state),
                               "one"], capture_output=True, text=True, timeout=60)
    finally:
        service.process.send_signal(signal.SIGCONT)
    assert done.returncode == 125 and "has not taken it over" in done.stderr, done
    keys(service, "add", "two")
    assert "one" not in keys(service, "list")


def test_a_reload_without_any_keys(make_service, tmp_path):
    config = tmp_path / "service.json"
    config.write_text("{}")
    service = make_service("--config", config).start()
    config.write_text("{")
    service.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: "the configuration stays as it was" in service.errors())
    assert "keys stay" not in service.errors()


# ---- upgrades ----


@pytest.fixture
def installed(make_service, tmp_path):
    """A service of programs in a directory of its own, where others can take their place."""
    place = tmp_path / "bin"
    place.mkdir()
    for path in Path(BELLJAR).parent.glob("belljar*"):
        if path.is_file() and os.access(path, os.X_OK):
            shutil.copy(path, place / path.name)
    service = make_service(program=place / "belljar").start()
    service.place = place
    return service


def put(service, name, content):
    """As a package does it: a new file in the place of the old one."""
    new = service.place / "new"
    new.write_bytes(content)
    new.chmod(0o755)
    new.rename(service.place / name)


def runs(service, role, inode):
    """Is it that file? Of the front only root can tell: True to anybody else."""
    if role == "front" and not AS_ROOT:
        return True
    return os.stat(f"/proc/{service.roles()[role]}/exe").st_ino == inode


def test_hangup_takes_a_newer_front(installed):
    before = installed.roles()
    installed.bash("echo kept >file")
    put(installed, "belljar-serve", (installed.place / "belljar-serve").read_bytes() + b"newer")
    inode = (installed.place / "belljar-serve").stat().st_ino
    installed.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: installed.roles().get("front") not in (None, before["front"]))
    assert installed.bash("cat file")["output"] == "kept\n"
    assert runs(installed, "front", inode)
    # Whoever ends by himself comes back of the version that the others are of.
    for role, same in (("keeper", False), ("audit", False), ("front", True)):
        pid = installed.roles()[role]
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: installed.roles().get(role) not in (None, pid))
        assert wait_until(lambda: installed.post("/bash", {"command": "true"}).status == 200)
        assert runs(installed, role, inode) == same, role


OTHER_MAGIC = "other magic"
MAGIC = b"BLJ6"  # of messages, as src/wire/keeper.h has it


@pytest.mark.parametrize("other", [b"#!/bin/sh\nexit 3\n", OTHER_MAGIC, None])
def test_hangup_leaves_a_front_of_another_version_alone(installed, other):
    """A program that knows nothing of trials, one whose messages are others, and none at all."""
    before = installed.roles()
    installed.bash("echo kept >file")
    if other == OTHER_MAGIC:
        program = (installed.place / "belljar-serve").read_bytes()
        assert MAGIC in program
        other = program.replace(MAGIC, b"BLJ\x01")
    if other is None:
        (installed.place / "belljar-serve").unlink()
    else:
        put(installed, "belljar-serve", other)
    for name in ("belljar-launcher", "belljar-files"):
        put(installed, name, b"#!/bin/sh\nexit 3\n")
    installed.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: "the front stays of the program that runs" in installed.errors())
    if other is not None:
        assert "restart the service" in installed.errors()
    assert wait_until(lambda: installed.roles().get("front") not in (None, before["front"]))
    assert installed.bash("cat file")["output"] == "kept\n"
    os.kill(before["keeper"], signal.SIGKILL)
    assert wait_until(lambda: installed.roles().get("keeper") not in (None, before["keeper"]))
    assert wait_until(lambda: installed.post("/v1/sandboxes", {}).status == 201)
    assert installed.bash("echo x")["output"] == "x\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_is_in_good_order(make_service, number):
    service = make_service().start()
    service.bash("setsid sleep 1234.5 >/dev/null 2>&1 &")
    roles = service.roles()
    assert service.stop(number) == 0
    for pid in roles.values():
        assert not os.path.exists(f"/proc/{pid}")
    assert not service.socket.exists()
    assert "error" not in service.errors(), service.errors()


def test_an_end_with_nothing_in_between(make_service):
    assert make_service().start().stop() == 0


# ---- what the processes may do ----


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file)


def test_the_front_has_no_rights(service):
    front = status_of(service.roles()["front"])
    assert front["CapEff"] == front["CapPrm"] == front["CapBnd"] == 16 * "0" or \
        front["CapEff"] == front["CapPrm"] == 16 * "0"
    assert front["NoNewPrivs"] == "1" and front["Seccomp"] == "2"
    if AS_ROOT:
        assert "0" not in front["Uid"].split() and "0" not in front["Gid"].split()
        assert front["Groups"].strip() == ""


def test_health_says_how_strong_the_isolation_is(service):
    said = service.get("/health", key="").json["degraded"]
    shown = "every layer" not in service.welcome
    assert bool(said) == shown
    for line in said:
        assert line in service.welcome


def test_limits_of_descriptors_are_raised(make_service):
    service = make_service()
    service.directory.mkdir(parents=True)
    import resource
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = min(256, hard)
    original = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        service.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, original)
    for pid in service.roles().values():
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("Max open files"))
        assert line.split()[3] == line.split()[4]


# ---- systemd's words ----


def test_notify_and_socket_activation(make_service, tmp_path):
    """As systemd starts it: with sockets that it opened, and told when it serves and when it ends."""
    service = make_service()
    service.directory.mkdir(parents=True)
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(f"{service.runtime.name}/notify")
    notify.settimeout(20)
    listening = socket.create_server(("127.0.0.1", 0))
    command = [BELLJAR, "serve", "--state", str(service.state)]
    script = 'exec 3<&{fd}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'.format(
        fd=listening.fileno())
    with open(service.log, "ab") as log:
        service.process = subprocess.Popen(
            ["bash", "-c", script, "bash", *command], stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, pass_fds=[listening.fileno()],
            env={**service.environment(), "NOTIFY_SOCKET": f"{service.runtime.name}/notify",
                 "WATCHDOG_USEC": "4000000"})
    said = b""
    while b"READY=1" not in said:
        said += notify.recv(4096) + b"\n"
    service.port = listening.getsockname()[1]
    assert service.bash("echo through")["output"] == "through\n"
    while b"WATCHDOG=1" not in said:
        said += notify.recv(4096) + b"\n"
    assert b"STATUS=Serving on" in said
    service.process.send_signal(signal.SIGTERM)
    while b"STOPPING=1" not in said:
        said += notify.recv(4096) + b"\n"
    assert service.process.wait(60) == 0


def test_the_page_has_every_option():
    """docs/SERVICE.md has the table that the program prints."""
    program = os.path.join(os.path.dirname(BELLJAR), "belljar-serve")
    table = subprocess.run([program, "@options"], capture_output=True, text=True, check=True).stdout
    assert table.count("\n") > 20
    assert table in (ROOT / "docs/SERVICE.md").read_text()
