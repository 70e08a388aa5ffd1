"""What this kernel offers, told to the host as facts, and the few runs that show the machine fit
for the suites: the program starts at all, from a directory on a disk and from one on a tmpfs."""

import ctypes
import json
import os
import re
import subprocess
import tempfile

import pytest

# Of these, boot puts the first on a disk and the second on a tmpfs.
PLACES = ["/tmp", "/var/tmp"]
BELLJAR = os.environ["BELLJAR"]
libc = ctypes.CDLL(None, use_errno=True)


def attempt(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 0:
        return "works"
    return "does not: " + ((done.stderr + done.stdout).strip().splitlines() or ["no message"])[-1]


def test_landlock(fact):
    create_ruleset, get_version = 444, 1
    fact("Landlock ABI", libc.syscall(create_ruleset, None, 0, get_version))


def test_namespaces(fact):
    fact("user namespace", attempt("unshare", "--user", "--map-root-user", "true"))
    fact("user namespace, subordinate ids",
         attempt("unshare", "--user", "--map-root-user", "--map-auto", "true"))
    fact("time namespace in a user namespace", attempt("unshare", "-rT", "true"))
    fact("cgroup namespace in a user namespace", attempt("unshare", "-rC", "true"))
    fact("/proc in a child of a user namespace", attempt(
        "unshare", "-rmpf", "mount", "-t", "proc", "proc", "/proc"))


@pytest.mark.parametrize("place", PLACES)
def test_overlay(fact, place):
    with tempfile.TemporaryDirectory(dir=place) as base:
        for name in ("lower", "upper", "work", "merged"):
            os.mkdir(f"{base}/{name}")
        fact(f"overlay in a user namespace, {place}", attempt(
            "unshare", "-rm", "mount", "-t", "overlay", "overlay", "-o",
            f"userxattr,lowerdir={base}/lower,upperdir={base}/upper,workdir={base}/work",
            f"{base}/merged"))


def test_settings(fact):
    for name in ("kernel/unprivileged_userns_clone", "user/max_user_namespaces",
                 "kernel/apparmor_restrict_unprivileged_userns", "kernel/yama/ptrace_scope",
                 "kernel/unprivileged_bpf_disabled", "vm/unprivileged_userfaultfd"):
        try:
            with open(f"/proc/sys/{name}", encoding="ascii") as file:
                fact(name, file.read().strip())
        except OSError as error:
            fact(name, error.strerror)


def test_cgroup(fact):
    with open("/proc/self/cgroup", encoding="ascii") as file:
        path = file.read().strip().removeprefix("0::")
    parent = os.path.dirname("/sys/fs/cgroup" + path)
    with open(f"{parent}/cgroup.subtree_control", encoding="ascii") as file:
        fact("cgroup", f"{path}; controllers for siblings: {file.read().strip()};"
             f" parent writable: {os.access(parent, os.W_OK)}")


def test_program_needs_no_libraries():
    """It must start on a machine that has not got what it was built with."""
    with open(BELLJAR, "rb") as file:
        interpreter = re.search(rb"/lib\w*/ld-[\w.-]+", file.read(4096))
    assert interpreter is None, interpreter[0]


def test_doctor():
    done = subprocess.run([BELLJAR, "doctor"], capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "landlock" in done.stdout.lower()


def run_in(directory, *options):
    return subprocess.run(
        [BELLJAR, "run", "--json", *options, "--", "sh", "-c", "echo made >made && cat made"],
        cwd=directory, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("place", PLACES)
def test_starts(fact, place):
    """A file made inside belongs to the caller outside. What root runs has a uid of its own, for
    which the workspace's file system must map ids; this kernel's tmpfs cannot."""
    with tempfile.TemporaryDirectory(dir=place) as base:
        done = run_in(base)
        result = json.loads(done.stdout)
        if os.getuid() == 0 and place == PLACES[1] and done.returncode == 125:
            assert "--workspace empty" in result["error"]["message"]
            fact(f"root's workspace in {place}", result["error"]["message"])
            return
        assert done.returncode == 0, done.stdout + done.stderr
        assert result["stdout"] == "made\n"
        made = os.stat(f"{base}/made")
        assert (made.st_uid, made.st_gid) == (os.getuid(), os.getgid())
        fact(f"layers, {place}", " ".join(result["layers"]))
        fact(f"degraded, {place}", json.dumps(result["degraded"]))


def test_starts_with_an_empty_workspace():
    with tempfile.TemporaryDirectory(dir="/tmp") as base:
        done = run_in(base, "--workspace", "empty")
        assert done.returncode == 0, done.stdout + done.stderr
        assert not os.listdir(base)
