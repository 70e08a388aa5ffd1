"""The unit that systemd starts the service with: what it forbids, the service does without.

There is no systemd here. What the unit asks for is put around the service by other means, and an
option of which it is not known what it does to a service that makes sandboxes fails the test.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from program import AS_ROOT, BELLJAR
from service import sheltered

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "packaging/belljar.service.in"
HOST = [sys.executable, str(Path(__file__).with_name("unit_host.py"))]

# Options that are no walls.
HARMLESS = {"Type", "EnvironmentFile", "ExecStart", "ExecReload", "Restart", "RestartSec",
            "KillMode", "TimeoutStopSec", "WatchdogSec", "NotifyAccess", "Delegate", "TasksMax",
            "OOMPolicy", "OOMScoreAdjust", "StateDirectory", "StateDirectoryMode",
            "RuntimeDirectory", "RuntimeDirectoryMode", "RuntimeDirectoryPreserve"}
# Those that are, as far as a shell can build them; PrivateTmp is left out, since this test's own
# files lie there, and a new session keyring takes a program of its own.
WALLS = {
    ("ProtectSystem", "full"): "for d in /usr /boot /efi /etc; do [ ! -d $d ] || { mount --bind $d $d "
                               "&& mount -o remount,bind,ro $d; } || exit 9; done",
    ("ProtectHome", "read-only"): "for d in /home /root /run/user; do [ ! -d $d ] || { mount --bind "
                                  "$d $d && mount -o remount,bind,ro $d; } || exit 9; done",
    ("PrivateTmp", "yes"): "", ("KeyringMode", "private"): "",
    ("UMask", "0077"): "umask 0077",
    ("LimitNOFILE", "1048576"): "",
    ("NoNewPrivileges", "yes"): "",
}


def options():
    section = UNIT.read_text().split("[Service]")[1].split("[Install]")[0]
    return [tuple(line.split("=", 1)) for line in section.splitlines()
            if line and not line.startswith("#")]


def around():
    """A command that starts another one as systemd would, as the unit says."""
    script, words = ["mount --make-rprivate / || exit 9"], ["setpriv", "--no-new-privs"]
    for name, value in options():
        if name in HARMLESS:
            continue
        if name == "CapabilityBoundingSet":
            kept = ",".join("+" + cap.removeprefix("CAP_").lower() for cap in value.split())
            words += ["--bounding-set", "-all," + kept]
        else:
            assert (name, value) in WALLS, f"what does {name}={value} do to sandboxes?"
            script.append(WALLS[name, value] or ":")
    return ["unshare", "--mount", "sh", "-c", "\n".join([*script, 'exec "$@"']), "sh", *words]


def isolation(service):
    return service.welcome.split("  isolation  ")[1].split("\n\n")[0]


@pytest.mark.skipif(not AS_ROOT, reason="this host lacks root, whose unit it is")
def test_nothing_is_lost_under_the_unit(make_service):
    free, fenced = make_service(name="free").start(), make_service(name="fenced")
    plain = fenced.command()
    fenced.command = lambda: [*around(), *plain]
    fenced.start()
    assert isolation(fenced) == isolation(free)
    assert fenced.bash("hostname; echo a >/workspace/a && cat /workspace/a")["output"].endswith("a\n")


@pytest.mark.parametrize("name", ["sethostname"])
def test_a_filter_around_it_is_said_at_the_start(tmp_path, name):
    done = subprocess.run(
        [*HOST, "refuse", name, "--", BELLJAR, "serve", "--listen", "127.0.0.1:0", "--state",
         str(sheltered(tmp_path) / "state")],
        capture_output=True, text=True, timeout=60,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"})
    assert done.returncode == 125 and done.stdout == "", done
    assert done.stderr.startswith("belljar serve: no sandbox can be made: ") and \
        done.stderr.count("\n") == 1, done
    assert "Operation not permitted; a system call filter is around the service" in done.stderr


def test_systemd_understands_it(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("this host lacks systemd-analyze")
    # Root's files only: a program that is there stands for the one that will be.
    (tmp_path / "belljar.service").write_text(
        UNIT.read_text().replace("@bindir@/belljar", "/bin/true"))
    done = subprocess.run([analyze, "verify", "--man=no", str(tmp_path / "belljar.service")],
                          capture_output=True, text=True, timeout=60)
    assert "belljar.service" not in done.stderr, done
