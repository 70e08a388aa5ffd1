"""`belljar capabilities`: what it says is what happens."""

import json
import shutil
import subprocess

import pytest
from program import BELLJAR, PATIENCE

ALL = {"networkIsolation": True, "filesystemIsolation": True, "processIsolation": True}
NONE = dict.fromkeys(ALL, False)


def capabilities(path, *prefix, status=0):
    done = subprocess.run([*prefix, BELLJAR, "capabilities", "--json"], text=True,
                          env={"PATH": path}, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == status, done
    said = json.loads(done.stdout)
    return said, {backend["name"]: backend for backend in said["backends"]}


def test_a_host_with_bubblewrap():
    if shutil.which("bwrap") is None:
        pytest.skip("this host lacks a bubblewrap")
    said, backends = capabilities("/usr/bin:/bin")
    assert set(said) == {"available", "type", "features", "backends"}
    assert (said["available"], said["type"], said["features"]) == (True, "bubblewrap", ALL)
    version = subprocess.run(["bwrap", "--version"], text=True, capture_output=True, check=True)
    assert version.stdout == f"bubblewrap {backends['bubblewrap']['version']}\n"
    assert backends["bubblewrap"]["path"] == shutil.which("bwrap")
    assert [b["available"] for b in said["backends"]] == [True, True, False]


def test_a_host_without_bubblewrap(tmp_path):
    said, backends = capabilities(str(tmp_path))
    assert said["available"] and said["type"] == "bubblewrap" and backends["native"]["available"]
    assert not backends["bubblewrap"]["available"]
    assert "not installed" in backends["bubblewrap"]["reason"]
    assert backends["bubblewrap"]["features"] == NONE


@pytest.mark.parametrize("text", ["exit 1", "echo something else", "echo bubblewrap 9.9; exit 1",
                                  "[ $1 = --version ] && echo bubblewrap 9.9 || exit 1"])
def test_a_bubblewrap_that_does_not_work(tmp_path, text):
    bwrap = tmp_path / "bwrap"
    bwrap.write_text(f"#!/bin/sh\n{text}\n")
    bwrap.chmod(0o755)
    _, backends = capabilities(str(tmp_path))
    assert not backends["bubblewrap"]["available"]


def test_a_host_that_forbids_namespaces():
    """A user namespace that may have none below it, and no capabilities in it."""
    limit = "/proc/sys/user/max_user_namespaces"
    script = f'mount -t proc proc /proc; echo 0 > {limit}; exec setpriv --bounding-set -all "$@"'
    said, backends = capabilities("/usr/bin:/bin", "unshare", "-Urpf", "--mount", "sh", "-c",
                                  script, "sh", status=1)
    assert (said["available"], said["type"], said["features"]) == (False, "none", NONE)
    assert backends["native"]["reason"] != "" and backends["bubblewrap"]["reason"] != ""


def test_plain_text():
    done = subprocess.run([BELLJAR, "capabilities"], text=True, capture_output=True,
                          timeout=PATIENCE, check=False)
    assert done.returncode == 0 and done.stdout.startswith("native      works"), done
