"""The record of `belljar serve`: nothing is done that is not in it, and nothing is done twice."""

import json
import os
import random
import resource
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from program import BELLJAR, FAULTS, wait_until

CLIENTS, CALLS, KILLS = 6, 60, 20


def records(service):
    """The calls, as `belljar audit` reads them."""
    done = subprocess.run([BELLJAR, "audit", "list", "--limit", "0", "--json", "--file",
                           str(service.state / "audit.db")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def verify(service):
    done = subprocess.run([BELLJAR, "audit", "verify", "--file", str(service.state / "audit.db")],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done


def pid_of(word):
    """The process that has this word for its argument, as the host sees it; None."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes().split(b"\0"):
                return int(path.parent.name)
        except OSError:
            continue  # one that has ended
    return None


def test_the_record_is_found_where_the_service_keeps_it(make_service):
    """Whoever has a running service and types `belljar audit list` is told of --service."""
    service = make_service().start()
    service.bash("echo found")
    home = service.state.parent / "home"
    (home / ".local/state/belljar").mkdir(mode=0o700, parents=True)

    def audit(*words, **more):
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), **more}
        return subprocess.run([BELLJAR, "audit", *words], capture_output=True, text=True,
                              env=environment, timeout=60, check=False)

    by_state = audit("list", "--state", str(service.state))
    assert by_state.returncode == 0 and "echo found" in by_state.stdout, by_state
    by_variable = audit("list", "--service", BELLJAR_STATE=str(service.state))
    assert by_variable.stdout == by_state.stdout, by_variable
    named = audit("verify", "--state", str(service.state), BELLJAR_AUDIT_FILE="/nowhere/audit.db")
    assert named.returncode == 0, named
    both = audit("list", "--service", "--file", "x")
    assert both.returncode == 125 and "--state" in both.stderr, both
    if os.geteuid() == 0:
        return  # root's usual place is the machine's, and not this test's to fill
    told = audit("list", BELLJAR_STATE=str(service.state))
    assert told.returncode == 127, told
    assert f"{service.state}/audit.db: add --service" in told.stderr, told
    (home / ".local/state/belljar/serve").symlink_to(service.state)
    usual = audit("list", "--service")
    assert usual.stdout == by_state.stdout, usual


def commands(calls):
    return [call for call in calls if call["verdict"]["tool"] == "Bash"]


def test_what_was_done_is_recorded_as_it_was_done(service):
    service.bash("echo one\necho '{\"number\": 99}'")
    service.stop()
    call, = commands(records(service))
    assert call["verdict"]["act"]["kind"] == "start"
    assert "echo one\necho '{\"number\": 99}'" in call["verdict"]["act"]["argv"]
    assert call["verdict"]["act"]["sandbox"] == call["verdict"]["sandbox"]
    assert call["outcome"]["ran"] and call["outcome"]["exit_code"] == 0
    verify(service)


def test_secrets_are_not_in_the_record(service):
    service.post("/v1/sandboxes", {"environment": {"DB_PASSWORD": "correct-horse-9"}})
    service.post("/bash", {"command": "echo $MY_TOKEN battery-staple-7",
                           "environment": {"MY_TOKEN": "battery-staple-7"}})
    service.bash(f"echo {service.key}")
    service.bash("echo curl; curl -sSu me:curl-horse-5 http://localhost; mysql -uroot -p'sql horse-6'")
    service.post("/v1/sandboxes/default/processes",
                 {"argv": ["env", "sshpass", "-p", "ssh-horse-8", "true"], "tag": "x"})
    service.post("/bash", {"command": 'sh -c "redis-cli -a red-horse-1; rm -rf /"'})
    service.stop()
    text = json.dumps(records(service))
    assert "mysql -uroot -p" in text and "sshpass" in text and "rm -rf /" in text
    for secret in ("correct-horse-9", "battery-staple-7", service.key, "curl-horse-5", "horse-6",
                   "ssh-horse-8", "red-horse-1"):
        assert secret not in text


def test_each_once_while_the_audit_process_is_killed(service):
    """Clients go on calling; every call is answered, done once, and recorded with its outcome."""
    service.bash("true")
    wrong = []

    def client(number):
        for call in range(CALLS):
            name = f"c{number}-{call}"
            try:
                answer = service.post("/bash", {"command": f"echo {name} | tee -a done"})
                if answer.status != 200 or answer.json["output"] != name + "\n":
                    wrong.append((name, answer))
            except OSError as error:
                wrong.append((name, error))

    clients = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for each in clients:
        each.start()
    for _ in range(KILLS):
        time.sleep(0.05)
        pid = service.roles().get("audit")
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
    for each in clients:
        each.join()
    assert not wrong
    names = sorted(f"c{number}-{call}" for number in range(CLIENTS) for call in range(CALLS))
    assert sorted(service.bash("cat done")["output"].split()) == names
    service.stop()
    verify(service)
    ran = [call["verdict"]["command"].split()[1] for call in commands(records(service))
           if "tee" in call["verdict"]["command"] and call["outcome"] is not None
           and call["outcome"]["ran"]]
    assert sorted(ran) == names
    assert all(call["outcome"] is not None for call in commands(records(service)))


def test_a_full_disk(service):
    """Nothing new is done, which is said; records can be read; then it goes on by itself."""
    service.bash("echo before")
    audit = service.roles()["audit"]
    usual = resource.prlimit(audit, resource.RLIMIT_FSIZE)
    resource.prlimit(audit, resource.RLIMIT_FSIZE, (0, usual[1]))
    for _ in range(3):
        answer = service.post("/bash", {"command": "echo refused >refused"})
        assert answer.status >= 500, answer
        assert "audit" in answer.body.decode(), answer
    answer = service.get("/audit-logs")
    assert answer.status == 200 and b"echo before" in answer.body, answer
    resource.prlimit(audit, resource.RLIMIT_FSIZE, usual)
    assert wait_until(lambda: service.post("/bash", {"command": "ls"}).status == 200)
    assert "refused" not in service.bash("ls")["output"]
    assert service.roles()["audit"] == audit
    service.stop()
    verify(service)


def test_the_keeper_killed_leaves_no_call_open(service):
    worker = threading.Thread(target=lambda: service.post("/bash", {"command": "sleep 30"}))
    worker.start()
    assert wait_until(lambda: any("sleep 30" in call["verdict"].get("command", "")
                                  for call in records(service)))
    os.kill(service.roles()["keeper"], signal.SIGKILL)
    worker.join(30)
    assert not worker.is_alive()

    def ended():
        return all(call["outcome"] is not None for call in records(service))

    assert wait_until(ended)
    call = next(call for call in commands(records(service)) if "sleep" in call["verdict"]["command"])
    assert call["outcome"]["reason"] == "ended with the service's keeper; outcome unknown"


@pytest.mark.parametrize("keeper_too", [False, True], ids=["audit", "audit and keeper"])
def test_an_end_that_the_audit_process_does_not_hear(service, keeper_too):
    """The keeper has how it ended, and says so to the next audit process. Where it is killed as
    well nobody knows, and the record says that instead of a code that nobody saw."""
    base = "/v1/sandboxes/default/processes"
    marker = f"{random.randrange(10**8, 10**9)}"
    process = service.post(base, {"argv": ["sleep", marker]}).json["id"]
    roles = service.roles()
    os.kill(roles["audit"], signal.SIGSTOP)
    assert wait_until(lambda: pid_of(marker))
    os.kill(pid_of(marker), signal.SIGTERM)
    assert wait_until(lambda: service.get(f"{base}/{process}").json["state"] == "ended")
    os.kill(roles[""], signal.SIGSTOP)  # so that nothing is started between the two
    os.kill(roles["audit"], signal.SIGKILL)
    if keeper_too:
        os.kill(roles["keeper"], signal.SIGKILL)
    os.kill(roles[""], signal.SIGCONT)

    def call():
        return next(call for call in records(service)
                    if marker in call["verdict"].get("act", {}).get("argv", []))

    assert wait_until(lambda: call()["outcome"] is not None)
    outcome = call()["outcome"]
    assert outcome["ran"]
    if keeper_too:
        assert outcome["exit_code"] is None and "signal" not in outcome, outcome
        assert outcome["reason"] == "ended with the service's keeper; outcome unknown"
        log = next(log for log in service.get("/audit-logs?limit=1000").json["logs"]
                   if log["number"] == call()["verdict"]["number"])
        assert log["success"] is False
    else:
        assert outcome["exit_code"] == 128 + signal.SIGTERM, outcome
        assert outcome["signal"] == signal.SIGTERM, outcome
    service.stop()
    verify(service)


def test_a_request_that_ends_the_audit_process(make_service):
    """It is refused and recorded without its texts, and everybody's others go on."""
    if not Path(FAULTS).with_name("belljar-serve").exists():
        pytest.skip("build-faults is not built")
    service = make_service(program=FAULTS, variables={"BELLJAR_FAULT_END": "ends-it"})
    service.start()
    service.bash("true")
    answer = service.post("/bash", {"command": "echo ends-it"})
    assert answer.status == 500, answer
    assert "twice" in answer.json["error"]["message"]
    assert service.bash("echo goes on")["output"] == "goes on\n"
    service.stop()
    verify(service)
    given_up = [call["verdict"] for call in records(service)
                if any(reason["rule"] == "service.audit"
                       for reason in call["verdict"].get("reasons", []))]
    assert len(given_up) == 1 and given_up[0]["decision"] == "deny"
    assert "ends-it" not in json.dumps(given_up)


def test_what_was_allowed_and_not_done_is_shown(service):
    answer = service.post("/v1/sandboxes", {"config": {"resource_limits": {"disk_mb": 99999}}})
    assert answer.status == 400 and "can be had here" in answer.json["error"]["message"], answer

    def listed():
        done = subprocess.run([BELLJAR, "audit", "list", "--service", "--state", str(service.state)],
                              capture_output=True, text=True, timeout=30)
        return [line for line in done.stdout.splitlines() if "sandbox.create " in line]

    assert wait_until(lambda: any("not done" in line for line in listed())), listed()
    line, = [line for line in listed() if "not done" in line]
    assert line.split("sandbox.create ")[1].split()[:3] == ["allow", "none", "125"], line
    assert "(not done: resource_limits.disk_mb: at most " in line
