"""`belljar serve` when its processes are killed: nothing is orphaned, and the service goes on."""

import json
import os
import random
import re
import resource
import signal
import subprocess
import threading
import time

import pytest
from program import BELLJAR, descendants, lives, processes, wait_until, with_word

KILLS = int(os.environ.get("BJ_FAULT_KILLS", "40"))
ROLES = ("front", "audit", "keeper", "launcher")


def pid_of(service, what):
    """The process of a role, or the launcher."""
    keeper = service.roles().get("keeper")
    if what != "launcher":
        return service.roles().get(what)
    return next((pid for pid, (parent, state, name) in processes().items()
                 if parent == keeper and name.startswith("belljar-launch")), None)


def kill(service, what):
    pid = wait_until(lambda: pid_of(service, what))
    os.kill(pid, signal.SIGKILL)
    return pid


def answers(service):
    """Whether a sandbox can be made and used."""
    try:
        answer = service.post("/bash", {"command": "echo up"}, timeout=20)
        return answer.status == 200 and answer.json["output"] == "up\n"
    except OSError:
        return False


def word():
    """An argument of sleep(1) that no other process has."""
    return f"{random.randrange(10**6, 10**7)}.{os.getpid()}"


def gone(*words):
    return wait_until(lambda: not any(map(with_word, words)), 20)


def audit(service, *words):
    done = subprocess.run([BELLJAR, "audit", *words, "--file", str(service.state / "audit.db")],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    return done.stdout


def test_the_front_killed_loses_connections_and_nothing_else(service):
    mark = word()
    sandbox = service.bash(f"echo kept >file; sleep {mark} >/dev/null 2>&1 &")["sandbox"]
    before = service.roles()
    kill(service, "front")
    assert wait_until(lambda: answers(service))
    assert service.bash("cat file")["output"] == "kept\n"
    assert service.bash("true")["sandbox"] == sandbox
    assert len(with_word(mark)) == 1
    after = service.roles()
    assert after["keeper"] == before["keeper"] and after["audit"] == before["audit"]
    service.stop()
    assert gone(mark)


def test_the_audit_process_killed_loses_nothing(service):
    sandbox = service.bash("echo kept >file")["sandbox"]
    for _ in range(3):
        kill(service, "audit")
        assert service.bash("cat file")["output"] == "kept\n"
        assert service.bash("true")["sandbox"] == sandbox
    service.stop()
    audit(service, "verify")


@pytest.mark.parametrize("what", ["keeper", "launcher"])
def test_the_keeper_killed_ends_sandboxes_and_the_service_goes_on(service, what):
    mark = word()
    sandbox = service.bash(f"sleep {mark} >/dev/null 2>&1 & setsid sleep 1{mark} >/dev/null 2>&1 &"
                           )["sandbox"]
    assert wait_until(lambda: len(with_word(mark)) == 1)
    kill(service, what)
    assert gone(mark, "1" + mark)
    assert wait_until(lambda: answers(service))
    assert service.bash("true")["sandbox"] != sandbox
    assert service.get(f"/v1/sandboxes/{sandbox}").status in (404, 410) or \
        service.get(f"/v1/sandboxes/{sandbox}").json["state"] == "ended"
    service.stop()
    audit(service, "verify")


def test_the_supervisor_killed_ends_everything_and_it_starts_again(make_service):
    service = make_service().start()
    mark = word()
    service.bash(f"sleep {mark} >/dev/null 2>&1 &")
    family = descendants(service.process.pid)
    assert len(family) >= 5
    service.kill()
    assert gone(mark)
    assert wait_until(lambda: not any(map(lives, family)), 30)
    service.start()
    assert answers(service)
    service.stop()
    audit(service, "verify")


def test_a_new_service_waits_for_what_is_left_of_the_old_one(make_service):
    service = make_service().start()
    service.bash("true")
    service.kill()
    service.start()
    assert answers(service)


def test_everything_killed_at_once(make_service):
    service = make_service().start()
    mark = word()
    service.bash(f"sleep {mark} >/dev/null 2>&1 &")
    for pid in service.roles().values():
        os.kill(pid, signal.SIGKILL)
    service.process.wait()
    assert gone(mark)
    assert service.start() and answers(service)


def test_a_crash_loop_is_said_and_does_not_take_the_machine(service):
    """The audit process cannot begin when its database is no database any more."""
    path = service.state / "audit.db"
    service.bash("true")
    path.rename(service.state / "away")
    path.mkdir()
    started = time.monotonic()
    kill(service, "audit")
    assert wait_until(lambda: "ended 4 times in a row" in service.errors(), 20)
    assert time.monotonic() - started > 0.25
    assert service.process.poll() is None
    assert service.get("/health").status in (200, 503)
    path.rmdir()
    (service.state / "away").rename(path)
    assert wait_until(lambda: answers(service), 30)


def test_a_service_that_cannot_begin_says_so_and_ends(make_service):
    service = make_service()
    service.state.mkdir(parents=True)
    os.chmod(service.state, 0o700)
    (service.state / "audit.db").mkdir()
    with pytest.raises(RuntimeError) as raised:
        service.start()
    assert str(raised.value).count("is not a regular file") == 1
    assert service.process.wait() == 125


def test_few_descriptors(make_service):
    """With 64 of them it says what it lacks, serves what it can, and recovers."""
    service = make_service()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    script = 'ulimit -n 64 && exec "$@"'
    command = service.command()
    service.command = lambda: ["bash", "-c", script, "bash", *command]
    service.start()
    assert answers(service)
    many = [threading.Thread(target=lambda: answers(service)) for _ in range(80)]
    for thread in many:
        thread.start()
    for thread in many:
        thread.join()
    assert wait_until(lambda: answers(service), 30)
    assert (soft, hard) == resource.getrlimit(resource.RLIMIT_NOFILE)


class Load(threading.Thread):
    """A client that goes on asking; what it was told is kept."""

    def __init__(self, service, number):
        super().__init__(daemon=True)
        self.service, self.number = service, number
        self.done, self.failed, self.wrong = [], 0, []
        self.stop = threading.Event()

    def run(self):
        count = 0
        while not self.stop.is_set():
            count += 1
            mark = f"load-{self.number}-{count}"
            try:
                answer = self.service.post("/bash", {"command": f"echo {mark}"}, timeout=30)
            except OSError:
                self.failed += 1
                continue
            if answer.status == 200 and answer.json["success"]:
                if answer.json["output"] != mark + "\n":
                    self.wrong.append((mark, answer))
                self.done.append(mark)
            elif not answer.json.get("error"):
                self.wrong.append((mark, answer))
            else:
                self.failed += 1


def test_killed_at_random_under_load(make_service):
    """BJ_FAULT_KILLS kills; every command that was answered is in the audit, exactly once."""
    service = make_service().start()
    assert answers(service)
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    clients = [Load(service, number) for number in range(4)]
    for client in clients:
        client.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.02, 0.4))
        pid = pid_of(service, chance.choice(ROLES))
        if pid:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    assert wait_until(lambda: answers(service), 60), seed
    for client in clients:
        client.stop.set()
    for client in clients:
        client.join(60)
        assert not client.is_alive() and not client.wrong, (seed, client.wrong)
    done = [mark for client in clients for mark in client.done]
    assert done, seed
    family = descendants(service.process.pid)
    assert service.stop() == 0, seed
    assert wait_until(lambda: not any(map(lives, family)), 20), seed
    audit(service, "verify")
    recorded = {}
    for line in audit(service, "export").splitlines():
        found = re.search(r"load-\d+-\d+", json.dumps(json.loads(line)))
        if found:
            recorded[found.group()] = recorded.get(found.group(), 0) + 1
    missing = [mark for mark in done if mark not in recorded]
    assert not missing, (seed, missing[:5])


def test_it_stays_small(service):
    """What the service itself holds does not grow with the calls that it has answered."""
    def anonymous():
        total = 0
        for pid in service.roles().values():
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("RssAnon"))
        return total

    for _ in range(100):
        service.bash("true")
    before = anonymous()
    for _ in range(300):
        service.bash("true")
    assert anonymous() - before < 2048, (before, anonymous())
