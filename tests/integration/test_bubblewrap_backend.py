"""`belljar run --sandbox-type bubblewrap`: bwrap makes the walls, everything around it is ours."""

import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import time

import pytest
from program import (AS_ROOT, PATIENCE, become_subreaper, descendants, tree, wait_until, with_word)

TYPE = ("--sandbox-type", "bubblewrap")
# Limits that bwrap cannot have, whatever the host.
LESS = {"landlock", "proc", "shared-trees", "time", "own-uid"}


@pytest.fixture(scope="module", autouse=True)
def has_bubblewrap():
    if shutil.which("bwrap") is None:
        pytest.skip("this host lacks a bubblewrap")


def sh(belljar, script, *options, **more):
    return belljar.sh(script, *TYPE, *options, **more)


def test_files_inside_and_outside(belljar, tmp_path):
    (tmp_path / "secret").write_text("s")
    before = tree(tmp_path)
    done = sh(belljar, f"pwd; cat {tmp_path}/secret; echo x > {tmp_path}/new; touch /new /usr/new; "
              "touch ~/mine /tmp/mine && echo own")
    assert done.out == f"{belljar.directory}\nown\n", done
    assert tree(tmp_path) == before
    assert sh(belljar, "echo data > made").status == 0
    assert (belljar.directory / "made").read_text() == "data\n"
    assert (belljar.directory / "made").stat().st_uid == os.geteuid()


def test_volumes_keep_their_own_rule(belljar, tmp_path):
    for name in ("r", "w"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(name)
    done = sh(belljar, "cat /vr/f /vw/f; touch /vw/g && echo wrote; touch /vr/g || echo refused",
              "-v", f"{tmp_path}/r:/vr:ro", "-v", f"{tmp_path}/w:/vw")
    assert done.out == "rwwrote\nrefused\n", done
    assert (tmp_path / "w/g").exists() and not (tmp_path / "r/g").exists()


def test_what_the_host_would_obey_is_protected(belljar):
    subprocess.run(["git", "init", "-q", belljar.directory], check=True)
    (belljar.directory / ".bashrc").write_text("old")
    done = sh(belljar, "echo evil > .git/hooks/pre-commit; echo evil > .bashrc; "
              "mv .git g; echo fine > .git/description && echo done")
    assert done.out == "done\n", done
    assert not (belljar.directory / ".git/hooks/pre-commit").exists()
    assert (belljar.directory / ".bashrc").read_text() == "old"


@pytest.mark.parametrize("script, status", [
    ("exit 0", 0), ("exit 42", 42), ("exit 1", 1), ("exit 125", 125), ("kill -TERM $$", 143),
    ("kill -KILL $$", 137), ("nonexistent-program", 127)])
def test_exit_statuses(belljar, script, status):
    done = sh(belljar, script)
    assert done.status == status and "bubblewrap could not" not in done.err, done


def test_a_command_that_could_not_be_started_is_told_from_one_that_failed(belljar):
    done = belljar.run(*TYPE, "--", "/nonexistent")
    assert done.status == 125 and "could not start the command" in done.err, done
    assert "No such file" in done.err
    said = belljar.run(*TYPE, "--json", "--", "/nonexistent").json
    assert said["error"]["code"] == "LAYER"


def test_arguments_arrive_as_they_are(belljar):
    words = ["a b", "", "--", "-x", "ü", "'\"$(id)", "line\nbreak"]
    done = belljar.run(*TYPE, "--", "python3", "-c", "import sys; print(sys.argv[1:])", *words)
    assert done.out == f"{words}\n", done


def test_streams(belljar):
    done = belljar.run(*TYPE, "--", "sh", "-c", "cat; echo err >&2", input="x" * 300000)
    assert done.out == "x" * 300000 and done.err == "err\n"


def test_output_comes_as_it_is_made(belljar):
    process = belljar.start(*TYPE, "-c", "echo first; read line; echo got $line",
                            stdin=subprocess.PIPE)
    assert process.stdout.readline() == "first\n"
    out, _ = process.communicate("answer\n", timeout=PATIENCE)
    assert out == "got answer\n" and process.returncode == 0


def test_a_terminal(belljar):
    master, slave = pty.openpty()
    process = belljar.start(*TYPE, "-t", "-c", "tty -s && echo is one; ps -o tty= -p $$ >&2; exit 3",
                            stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    said = b""
    while select.select([master], [], [], PATIENCE)[0]:
        try:
            said += os.read(master, 4096)
        except OSError:
            break
    assert process.wait(PATIENCE) == 3 and b"is one" in said, said
    os.close(master)


def test_the_environment_is_built_from_nothing(belljar):
    belljar.variables["SECRET"] = "hunter2"
    done = sh(belljar, "env; cat /proc/*/environ | tr '\\0' '\\n'; true", "-e", "MINE=yes")
    assert "hunter2" not in done.out and "MINE=yes" in done.out
    assert "HOME=/home/user" in done.out


def test_no_descriptor_comes_along(belljar):
    read, write = os.pipe()
    done = belljar.run(*TYPE, "--", "python3", "-c", "import os; print(os.listdir('/proc/self/fd'))",
                       pass_fds=[read, write])
    os.close(read)
    os.close(write)
    assert done.out == "['0', '1', '2', '3']\n", done  # 3 is the directory being listed


def test_network(belljar):
    server = socket.create_server(("127.0.0.1", 0))
    probe = f"exec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]} && echo connected"
    assert sh(belljar, probe, "--network", "host").out == "connected\n"
    assert sh(belljar, probe).out == ""
    server.close()


def test_processes_of_the_host(belljar):
    done = sh(belljar, f"kill -0 {os.getpid()} || echo absent; ls -d /proc/[0-9]* | wc -l")
    word, count = done.out.split()
    assert word == "absent" and int(count) < 10


KNOBS = ("for f in /proc/sys/vm/swappiness /proc/sys/kernel/core_pattern /proc/sysrq-trigger "
         "$(find /proc/irq /proc/fs /proc/acpi /proc/bus -type f 2>/dev/null | head -50); do "
         "[ -e $f ] && (: >> $f) 2>/dev/null && echo open $f; done; true")


def test_knobs_of_the_kernel(belljar):
    """Root owns them outside, so that only a read-only mount keeps it from them inside."""
    assert sh(belljar, KNOBS).out == ""
    assert sh(belljar, KNOBS, "--user", "root").out == ""


def test_the_system_call_filter_is_loaded(belljar):
    script = "unshare -U true; python3 -c 'import os; os.open(\".\", os.O_RDONLY); " \
             "open(\"f\", \"w\"); os.chmod(\"f\", 0o4755)'; grep Seccomp: /proc/self/status"
    done = sh(belljar, script)
    assert done.out.split() == ["Seccomp:", "2"] and "PermissionError" in done.err, done
    assert not (belljar.directory / "f").stat().st_mode & 0o6000
    without = sh(belljar, "grep Seccomp: /proc/self/status", "--without", "seccomp")
    assert without.out.split() == ["Seccomp:", "0"], without


def test_the_limits_that_can_be_had(belljar):
    assert sh(belljar, "sleep 30", "--timeout", "1").status == 124
    assert sh(belljar, "ulimit -n", "--open-files", "77").out == "77\n"


@pytest.mark.requires("cgroup")
def test_memory(belljar):
    said = belljar.run(*TYPE, "--json", "-m", "64m", "--", "python3", "-c",
                       "x = bytearray(300 << 20)").json
    assert said["oom_killed"] and said["exit_code"] == 137 and "memory" in said["layers"]


@pytest.mark.requires("cgroup")
def test_processes(belljar):
    script = """import os, time
count = 1
try:
    while count < 40:
        if os.fork() == 0:
            time.sleep(20)
        count += 1
except OSError:
    pass
print(count, flush=True)
"""
    done = belljar.run(*TYPE, "--processes", "10", "--", "python3", "-c", script)
    assert done.out == "10\n", done


def test_a_time_out_ends_daemons_as_well(belljar):
    become_subreaper()
    sh(belljar, "setsid sleep 4711 & sleep 4712", "--timeout", "1")
    assert wait_until(lambda: not with_word("4711") and not with_word("4712"))


def test_the_end_of_the_command_is_the_end_of_its_daemons(belljar):
    assert sh(belljar, "setsid sleep 4713 >&- 2>&- <&- & exit 5").status == 5
    assert wait_until(lambda: not with_word("4713"))


def test_nothing_is_left_when_belljar_is_killed(belljar):
    become_subreaper()
    process = belljar.start(*TYPE, "-c", "sleep 4714")
    assert wait_until(lambda: with_word("4714"))
    process.kill()
    process.wait()
    assert wait_until(lambda: not with_word("4714"))
    assert wait_until(lambda: not [p for p in descendants().values() if p in ("bwrap", "belljar")])


def test_a_signal_reaches_the_command_and_not_bubblewrap(belljar):
    process = belljar.start(*TYPE, "-c", "trap 'echo caught; exit 9' TERM; echo ready; "
                            "while :; do sleep 0.1; done")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE)
    assert (out, process.returncode) == ("caught\n", 9)


def test_a_signal_that_is_not_caught(belljar):
    process = belljar.start(*TYPE, "-c", "echo ready; sleep 60")
    assert process.stdout.readline() == "ready\n"
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 143 and time.monotonic() - started < 5


def test_an_empty_workspace(belljar):
    done = sh(belljar, "pwd; touch x && ls", "--workspace", "empty")
    assert done.out == "/workspace\nx\n" and list(belljar.directory.iterdir()) == []


def test_who_the_command_is(belljar):
    assert sh(belljar, "id -u").out == f"{1000 if AS_ROOT else os.getuid()}\n"
    assert sh(belljar, "id -u; echo $HOME", "--user", "root").out == "0\n/root\n"
    assert sh(belljar, "hostname", "--hostname", "glass").out == "glass\n"


def test_a_configuration_chooses_it(belljar, tmp_path):
    config = tmp_path / "c.json"
    config.write_text(json.dumps({"sandbox_type": "bubblewrap"}))
    done = belljar.sh("cat /proc/1/comm", "--config", config)
    assert done.out == "bwrap\n", done


def test_the_difference_is_reported(belljar):
    said = belljar.run(*TYPE, "--json", "--", "true").json
    assert LESS <= {entry["layer"] for entry in said["degraded"]}
    assert not LESS & set(said["layers"])
    assert {"mount", "pid", "network", "seccomp", "capabilities"} <= set(said["layers"])
    native = belljar.run("--json", "--", "true").json
    assert set(said["layers"]) < set(native["layers"])


@pytest.mark.parametrize("options, words", [
    (["--require", "landlock"], "landlock is required"),
    (["--isolation", "landlock"], "has no isolation without namespaces"),
    (["--ids", "subordinate"], "has no subordinate ids|subuid"),
    (["--sysfs"], "has no /sys"),
    (["--without", "pid"], "cannot leave out the layer pid"),
    (["--disk", "10m"], "disk"),
    (["--workspace", "empty", "--disk", "10m"], "disk|written"),
    (["--workspace", "/etc"], "will not make all of /etc writable"),
    (["-v", "/nonexistent:/x"], "could not start the command"),
])
def test_what_cannot_be_had_is_an_error_before_anything_runs(belljar, options, words):
    done = sh(belljar, "touch ran; echo ran", *options)
    assert done.status == 125 and done.out == "", done
    assert any(word in done.err for word in words.split("|")), done
    assert list(belljar.directory.iterdir()) == []


def test_without_bubblewrap(belljar, tmp_path):
    belljar.variables["PATH"] = str(tmp_path)
    done = belljar.run(*TYPE, "--", "true")
    assert done.status == 125 and "install bubblewrap" in done.err, done


def test_dry_run_runs_nothing(belljar):
    done = sh(belljar, "touch ran", "--dry-run")
    assert done.status == 0 and "bwrap --" in done.out and "degraded landlock" in done.out
    assert list(belljar.directory.iterdir()) == []
