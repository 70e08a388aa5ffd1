"""`belljar doctor`: what it says, on this host and in surroundings made to refuse things.

Whatever it says must be what `belljar run` does in the same surroundings.
"""

import ctypes
import json
import os
import platform
import random
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from program import AS_ROOT, BELLJAR, become_subreaper, descendants, wait_until

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "limits"))

import limit_host

LAYERS = ["user-namespace", "mount", "pid", "network", "ipc", "uts", "cgroup-namespace", "time",
          "proc", "shared-trees", "landlock", "commands", "seccomp", "no-new-privs", "capabilities",
          "session", "descriptors", "own-uid", "memory", "cpu", "processes", "disk"]
STATES = {"on", "partial", "off"}
NO_USER_NAMESPACES = ["unshare", "-U", "--map-current-user", "--keep-caps", "sh", "-c",
                      'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "sh"]
# What a container runtime leaves of /proc: parts of it covered.
COVERED_PROC = ["bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc",
                "--tmpfs", "/proc/acpi", "--unshare-pid", "--die-with-parent", "--"]


def call(*words, prefix=(), **options):
    return subprocess.run([*prefix, BELLJAR, *words], capture_output=True, text=True, timeout=60,
                          check=False, stdin=subprocess.DEVNULL, **options)


def doctor(prefix=(), **options):
    """Status, the JSON object and its layers by name; the plain text must agree and be narrow."""
    done = call("doctor", "--json", prefix=prefix, **options)
    assert done.stderr == "", done
    said = json.loads(done.stdout)
    assert set(said) == {"host", "layers", "run"}
    assert set(said["host"]) == {"kernel", "uid", "privileged", "container", "cgroup"}
    assert set(said["run"]) == {"isolation", "degraded", "refused"}
    layers = {row["name"]: row for row in said["layers"]}
    assert list(layers) == LAYERS
    assert {row["state"] for row in said["layers"]} <= STATES

    plain = call("doctor", prefix=prefix, **options)
    assert plain.returncode == done.returncode
    assert all(len(line) <= 80 for line in plain.stdout.splitlines())
    rows = dict(re.findall(r"^([a-z-]+) +(on|partial|off) ", plain.stdout, re.MULTILINE))
    assert rows == {name: row["state"] for name, row in layers.items()}
    return done.returncode, said, layers


def agrees_with_run(status, said, prefix=(), **options):
    """Does `belljar run` do what was said?"""
    ran = call("run", "--json", "--workspace", "empty", "--", "/bin/true", prefix=prefix,
               **options)
    if status == 2:
        assert ran.returncode == 125, ran
        assert said["run"]["refused"] and json.loads(ran.stdout)["error"]["message"]
        return
    assert ran.returncode == 0, ran
    result = json.loads(ran.stdout)
    states = {row["name"]: row["state"] for row in said["layers"]}
    for name in result["layers"]:
        # A default that the host cannot exceed anyhow counts as kept; the doctor looks further.
        assert states[name] != "off" or name == "cpu"
    for row in result["degraded"]:
        assert states[row["layer"]] != "on", row
        assert row["layer"] in {row["layer"] for row in said["run"]["degraded"]}


def test_this_host():
    status, said, layers = doctor()
    assert status in (0, 1)
    assert status == (1 if said["run"]["degraded"] else 0)
    assert said["host"]["uid"] == os.geteuid()
    assert said["host"]["kernel"] == platform.release()
    assert said["run"]["refused"] is None and said["run"]["isolation"] == "namespaces"
    for name in ("user-namespace", "mount", "pid", "network", "seccomp", "descriptors"):
        assert layers[name]["state"] == "on"
    assert layers["own-uid"]["state"] == ("on" if said["host"]["privileged"] else "off")
    for row in said["run"]["degraded"]:
        assert layers[row["layer"]]["reason"] == row["reason"]
        assert layers[row["layer"]]["state"] != "on"
    agrees_with_run(status, said)


def test_what_the_service_says_of_the_disk_is_here_too():
    """`belljar serve` sends whoever has workspaces in memory to the doctor."""
    _, said, layers = doctor()
    disk = layers["disk"]
    in_memory = said["host"]["uid"] != 0 or not os.access("/dev/loop-control", os.W_OK)
    assert ("workspaces of belljar serve lie in memory" in disk["reason"]) == in_memory
    assert (disk["advice"] is not None) == in_memory, disk
    if AS_ROOT:
        _, _, layers = doctor(["setpriv", "--reuid=61235", "--regid=61235", "--clear-groups"])
        assert "run belljar serve as root" in layers["disk"]["advice"]


@pytest.mark.requires("cgroup")
def test_limits_where_cgroups_can_be_had():
    _, said, layers = doctor()
    assert said["host"]["cgroup"] in ("v1", "v2")
    for name in ("memory", "cpu", "processes"):
        assert layers[name]["state"] == "on"
        assert "cgroup version" in layers[name]["reason"]


@pytest.mark.requires("bare")
def test_no_cgroup():
    prefix = limit_host.bare_prefix()
    status, said, layers = doctor(prefix)
    assert status == 1
    assert said["host"]["cgroup"] == "none"
    assert layers["memory"]["state"] == "partial" and "watched" in layers["memory"]["reason"]
    assert layers["cpu"]["state"] == "off"
    assert layers["processes"]["state"] == "on"
    assert layers["cpu"]["advice"] is not None
    plain = call("doctor", prefix=prefix).stdout
    assert "\n  watched     memory\n  not limited cpu\n" in plain
    agrees_with_run(status, said, prefix)


def test_no_user_namespaces():
    prefix = NO_USER_NAMESPACES
    status, said, layers = doctor(prefix)
    assert status == 2
    assert said["run"]["isolation"] is None
    assert layers["user-namespace"]["state"] == "off"
    assert "user.max_user_namespaces is 0" in layers["user-namespace"]["reason"]
    assert "sysctl -w user.max_user_namespaces" in layers["user-namespace"]["advice"]
    assert layers["mount"]["reason"] == "needs a user namespace"
    assert layers["landlock"]["state"] != "off"
    agrees_with_run(status, said, prefix)
    ran = call("run", "--workspace", "empty", "--", "/bin/true", prefix=prefix)
    assert ran.stderr == f"belljar: {said['run']['refused']}\n"


def test_landlock_is_offered_only_where_it_works(tmp_path):
    plain = call("doctor", prefix=NO_USER_NAMESPACES).stdout
    ran = call("run", "--isolation", "landlock", "--allow-home", "--", "/bin/true",
               prefix=NO_USER_NAMESPACES, cwd=tmp_path)
    assert ("--isolation landlock would work" in plain) == (ran.returncode == 0), (plain, ran)
    assert AS_ROOT or ran.returncode == 0, ran


def test_covered_proc():
    if shutil.which("bwrap") is None:
        pytest.skip("this host lacks bwrap")
    status, said, layers = doctor(COVERED_PROC)
    assert status == 1
    assert said["host"]["container"] is not None
    assert layers["proc"]["state"] == "off"
    assert "cover parts of it" in layers["proc"]["reason"]
    assert "systempaths=unconfined" in layers["proc"]["advice"]
    agrees_with_run(status, said, COVERED_PROC)
    assert call("run", "--require", "proc", "--workspace", "empty", "--", "/bin/true",
                prefix=COVERED_PROC).returncode == 125


def forbid_namespaces():
    """What docker's default filter does to a process without CAP_SYS_ADMIN."""
    load, equal, any_bit, answer = 0x20, 0x15, 0x45, 0x06
    allow, refuse = 0x7FFF0000, 0x00050001  # RET_ALLOW, RET_ERRNO | EPERM
    clone_new_user, clone, unshare, clone3 = 0x10000000, 56, 272, 435
    program = [
        (load, 0, 0, 0),
        (equal, 4, 0, unshare),
        (equal, 3, 0, clone3),
        (equal, 0, 3, clone),
        (load, 0, 0, 16),
        (any_bit, 0, 1, clone_new_user),
        (answer, 0, 0, refuse),
        (answer, 0, 0, allow),
    ]
    packed = b"".join(struct.pack("HBBI", *row) for row in program)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    described = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, described, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot load the filter")


def test_filter_of_a_container():
    if platform.machine() != "x86_64":
        pytest.skip("this host lacks an x86-64 processor")
    options = {"preexec_fn": forbid_namespaces}
    status, said, layers = doctor(**options)
    assert status == 2
    assert "a system call filter" in layers["user-namespace"]["reason"]
    assert "--security-opt seccomp=unconfined" in layers["user-namespace"]["advice"]
    agrees_with_run(status, said, **options)


@pytest.mark.requires("root")
def test_root_without_capabilities():
    prefix = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"]
    status, said, layers = doctor(prefix)
    assert status == 2
    assert said["host"]["privileged"] is False
    assert "CAP_SETFCAP" in layers["user-namespace"]["reason"]
    agrees_with_run(status, said, prefix)


@pytest.mark.requires("root")
def test_directory_without_mapped_ids(tmp_path):
    """A ramfs knows no id-mapped mounts; root's sandboxes need them for what they bind."""
    prefix = ["unshare", "-m", "sh", "-c", 'mount -t ramfs ramfs "$0" && cd "$0" && exec "$@"',
              str(tmp_path)]
    status, _, layers = doctor(prefix)
    assert status == 1
    assert layers["own-uid"]["state"] == "partial"
    assert "no id-mapped mounts" in layers["own-uid"]["reason"]
    assert call("run", "--allow-home", "--", "/bin/true", prefix=prefix).returncode == 125


@pytest.mark.requires("root")
def test_mounts_below_system_directories():
    """No overlay can be laid over them from inside a user namespace."""
    prefix = ["unshare", "-m", "sh", "-c",
              'mount --bind /etc/passwd /etc/passwd && exec "$@"', "sh"]
    status, said, layers = doctor(prefix)
    assert status == 1
    assert layers["shared-trees"]["state"] == "off"
    assert re.search(r"mounted below, as on /(usr|etc|opt)/", layers["shared-trees"]["reason"])
    agrees_with_run(status, said, prefix)


@pytest.mark.requires("root")
def test_chroot(tmp_path):
    for name in ("usr", "proc", "tmp", "program"):
        (tmp_path / name).mkdir()
    script = ('mount --bind /usr "$0/usr" && mount -t proc proc "$0/proc" && '
              'mount --bind "$1" "$0/program" && exec chroot "$0" /program/"$2" doctor --json')
    full = Path(BELLJAR).with_name("belljar-full")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, tmp_path, full.parent, full.name],
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 2, done
    rows = {row["name"]: row for row in json.loads(done.stdout)["layers"]}
    assert "chroot" in rows["user-namespace"]["reason"]


@pytest.mark.parametrize("words", [["--jsn"], ["host"], ["--json", "--verbose"], [""]])
def test_unknown_arguments(words):
    done = call("doctor", *words)
    assert done.returncode == 125
    assert done.stdout == ""
    assert done.stderr.startswith("belljar: doctor: expected ")


def test_help():
    done = call("doctor", "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert "Exit status: 0" in done.stdout


def test_closed_output():
    done = subprocess.run(["sh", "-c", '"$1" doctor >&-', "sh", BELLJAR], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 125
    assert "cannot print the report" in done.stderr


def mounts():
    return Path("/proc/self/mountinfo").read_text().splitlines()


def cgroups_of(pids):
    """Cgroups that carry the process id of one of our runs; others run at the same time."""
    found = ((re.match(r"belljar-(\d+)", path.name), path)
             for path in Path("/sys/fs/cgroup").rglob("belljar-*"))
    return [path for match, path in found if match and int(match.group(1)) in pids]


@pytest.mark.parametrize("kill", [False, True], ids=["ended", "killed"])
def test_nothing_is_left(tmp_path, kill):
    become_subreaper()
    before, dice, ours = mounts(), random.Random(1), set()
    for _ in range(30):
        with subprocess.Popen([BELLJAR, "doctor"], stdout=subprocess.DEVNULL, cwd=tmp_path,
                              stderr=subprocess.DEVNULL) as process:
            ours.add(process.pid)
            try:
                process.wait(dice.random() * 0.02 if kill else 60)
            except subprocess.TimeoutExpired:
                process.kill()
    assert wait_until(lambda: not cgroups_of(ours)), cgroups_of(ours)
    assert wait_until(lambda: not descendants()), descendants()
    assert mounts() == before
    assert not os.listdir(tmp_path)
