"""Sandboxes that live: disk of their own, pausing, the pool, and what is left after the worst."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from program import AS_ROOT, lives, wait_until
from service import Service

PRESETS = {"presets": {
    "small": {"config": {"resource_limits": {"memory_mb": 96, "disk_mb": 300}}},
    "warm": {"config": {}, "pool": 2},
}}


@pytest.fixture
def lively(tmp_path):
    config = tmp_path / "service.json"
    config.write_text(json.dumps(PRESETS))
    service = Service(tmp_path / "service", "--config", config).start()
    yield service
    service.stop()


def made(service, **body):
    answer = service.post("/v1/sandboxes", body)
    assert answer.status == 201, answer
    return answer.json


def run(service, sandbox, command):
    answer = service.post("/bash", {"command": command, "sandbox": sandbox["id"]})
    assert answer.status == 200, answer
    return answer.json


@pytest.mark.skipif(not AS_ROOT, reason="this host lacks root, who mounts workspaces from files")
def test_a_workspace_holds_more_than_memory_and_no_more_than_said(lively):
    sandbox = made(lively, preset="small")
    assert sandbox["degraded"] == [], sandbox
    done = run(lively, sandbox, "head -c 200000000 /dev/zero > large && stat -c %s large")
    assert done["output"] == "200000000\n", done
    done = run(lively, sandbox, "head -c 200000000 /dev/zero > larger; stat -c %s large")
    assert "No space left on device" in str(done), done
    figures = lively.get(f"/v1/sandboxes/{sandbox['id']}/metrics").json
    assert 200_000_000 < figures["disk_bytes"] <= 300 << 20, figures
    assert figures["memory_bytes"] < 96 << 20, figures
    # Nobody else sees it, and nothing of it has a name on the host.
    assert run(lively, made(lively), "ls -A")["output"] == ""
    assert not [path for path in Path(lively.state).rglob("*") if path.stat().st_size > 100 << 20]


def test_what_a_client_may_set_acts(lively):
    """What is not refused is done."""
    programs = ["bash", "hostname", "cat"]
    sandbox = made(lively, config={
        "hostname": "mine", "working_directory": "/code", "user": "ordinary",
        "security": {"command_whitelist": programs}})
    assert sandbox["workspace"] == "/code"
    assert run(lively, sandbox, "hostname; pwd; echo x > f; cat /code/f")["output"] == \
        "mine\n/code\nx\n"
    assert run(lively, sandbox, "ls")["exit_code"] in (126, 127)
    assert lively.get(f"/v1/sandboxes/{sandbox['id']}/files?path=.").json["files"]
    for config, said in (
            ({"user": "root"}, "for the preset to grant"),
            ({"security": {"command_whitelist": []}}, "at least one"),
            ({"security": {"command_whitelist": [f"p{i}" for i in range(70)]}}, "at most"),
            ({"security": {"command_whitelist": [f"p{i}" for i in range(33)]}}, "at most"),
            ({"security": {"command_whitelist": ["/usr"] * 30}}, "by name"),
            ({"security": {"command_whitelist": ["cat", "usr/bin/id"]}}, "by name"),
            ({"working_directory": "code"}, "working_directory"),
            ({"working_directory": "/usr/lib"}, "over each other"),
            ({"working_directory": "/etc"}, "over each other"),
            ({"working_directory": "//usr//lib/git-core/"}, "over each other"),
            ({"working_directory": "/code\nmore"}, "control characters"),
            ({"hostname": "-"}, "hostname"),
            ({"volumes": ["/etc:/mnt"]}, "for whoever runs the service"),
            ({"isolation": "landlock"}, "for whoever runs the service"),
            ({"security": {"audit": False}}, "for whoever runs the service")):
        answer = lively.post("/v1/sandboxes", {"config": config})
        assert answer.status in (400, 403, 422) and said in answer.json["error"]["message"], answer


@pytest.mark.skipif(not AS_ROOT, reason="this host lacks root, who hands its root over")
def test_a_sandbox_has_few_file_systems(lively):
    """Every one of them makes every sandbox's memory cgroup larger."""
    lines = run(lively, made(lively), "cat /proc/self/mountinfo")["output"].splitlines()
    fields = [line.split() for line in lines]
    kinds = [(line[2], line[line.index("-") + 1]) for line in fields]
    system = {line[4]: (line[2], line[3]) for line in fields if line[4] in ("/usr", "/etc")}
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    if not any(point.startswith(("/usr", "/etc", "/opt")) for point in points):
        assert system["/usr"][0] == system["/etc"][0]
        assert (system["/usr"][1], system["/etc"][1]) == ("/usr", "/etc")
        # The scratch, the overlay, terminals, processes and the workspace; devices are the host's.
        assert len({device for device, kind in kinds if kind != "devtmpfs"}) <= 5, lines


def test_an_idle_sandbox_keeps_little_of_init(lively):
    sandbox = made(lively)
    assert run(lively, sandbox, "echo x")["output"] == "x\n"
    front = lively.roles()["front"]
    family = Path(f"/proc/{front}/status").read_text().split("PPid:\t")[1].split()[0]
    launchers = Path(f"/proc/{family}/task/{family}/children").read_text().split()
    inits = []
    while launchers:
        pid = launchers.pop()
        launchers += Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if Path(f"/proc/{pid}/comm").read_text() == "belljar-init\n":
            inits.append(pid)

    def kept(pid):
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return int(fields["RssAnon"].split()[0]), int(fields["VmPTE"].split()[0])

    assert inits
    for pid in inits:
        assert wait_until(lambda pid=pid: kept(pid)[0] <= 80 and kept(pid)[1] <= 32), kept(pid)


def test_a_paused_sandbox_stands_still(lively):
    sandbox, other = made(lively), made(lively)
    path = f"/v1/sandboxes/{sandbox['id']}"
    command = "i=0; while :; do i=$((i+1)); echo $i >> n; sleep 0.001; done"

    def rounds(where):
        return int(run(lively, where, "cat n 2>/dev/null | wc -l")["output"])

    for each in (sandbox, other):
        started = lively.post(f"/v1/sandboxes/{each['id']}/processes", {"command": command})
        assert started.status == 201, started
        assert wait_until(lambda: rounds(each) > 3)
    paused = lively.post(f"{path}/pause")
    assert paused.status == 200 and paused.json["state"] == "paused", paused
    before = lively.get(f"{path}/metrics").json["cpu_seconds"]
    begun = rounds(other)
    assert wait_until(lambda: rounds(other) > begun + 50)  # what would have run here meanwhile
    assert lively.get(f"{path}/metrics").json["cpu_seconds"] - before <= 0.02
    refused = lively.post("/bash", {"command": "true", "sandbox": sandbox["id"]})
    assert refused.status == 409 and "resume" in str(refused), refused
    assert lively.post(f"{path}/resume").json["state"] == "running"
    first = rounds(sandbox)
    assert wait_until(lambda: rounds(sandbox) > first)


def test_the_pool_makes_creation_a_hand_over(lively):
    seen = []

    def from_pool():
        seen.append(made(lively, preset="warm"))
        return seen[-1]["from_pool"]

    wait_until(from_pool)
    assert run(lively, seen[-1], "echo works; ls -A")["output"] == "works\n"
    # What a client chooses cannot have been made before.
    chosen = made(lively, preset="warm", config={"resource_limits": {"max_processes": 20}})
    assert not chosen["from_pool"]


def children_of(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *children_of(child)]
    return found


@pytest.mark.skipif(not AS_ROOT, reason="this host lacks root, whose cgroups are left")
def test_a_start_sweeps_what_was_left(lively):
    for _ in range(3):
        made(lively)
    listed = (lively.state / "keeper.cgroups").read_text().splitlines()
    left = [Path(line.split(" ", 1)[1]) / f"belljar-{line.split()[0]}-" for line in listed]

    def cgroups():
        return [found for path in left for found in path.parent.glob(path.name + "*")]

    assert not listed or cgroups()
    processes = [lively.process.pid, *children_of(lively.process.pid)]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    for pid in processes:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    lively.process.wait()
    wait_until(lambda: not any(map(lives, processes)))
    lively.start()
    assert not cgroups()
    assert run(lively, made(lively), "echo on")["output"] == "on\n"


def test_a_keeper_that_was_stopped_loses_no_sandbox(lively):
    """Longer than it waits for any init, whose answers lie in its sockets meanwhile."""
    paths = [f"/v1/sandboxes/{made(lively)['id']}" for _ in range(4)]
    going = threading.Event()
    going.set()

    def use(path):
        while going.is_set():
            lively.post(f"{path}/run", {"command": "true"}, timeout=120)

    users = [threading.Thread(target=use, args=(path,)) for path in paths]
    for user in users:
        user.start()
    keeper = lively.roles()["keeper"]
    time.sleep(1)
    os.kill(keeper, signal.SIGSTOP)
    time.sleep(11)
    os.kill(keeper, signal.SIGCONT)
    time.sleep(1)
    going.clear()
    for user in users:
        user.join()
    for path in paths:
        answer = lively.post(f"{path}/run", {"command": "echo on"})
        assert answer.status == 200 and answer.json["output"] == "on\n", answer


def test_identifiers_of_processes_are_not_used_again(lively):
    """Not even where a front, which starts anew, does not know what the one before began."""
    path = f"/v1/sandboxes/{made(lively)['id']}"
    for _ in range(300):
        assert lively.get(f"{path}/files/stat?path=/workspace").status == 200
    before = lively.post(f"{path}/run", {"command": "true"}).json["process"]
    front = lively.roles()["front"]
    os.kill(front, signal.SIGKILL)
    assert wait_until(lambda: lively.roles().get("front", front) != front, 20)
    assert wait_until(lambda: serves(lively, path), 20)
    assert lively.post(f"{path}/run", {"command": "true"}).json["process"] > before


def serves(service, path):
    try:
        return service.get(path).status == 200
    except OSError:
        return False
