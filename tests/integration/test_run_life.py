"""How a run ends, by whom, and in which surroundings it can start."""

import os
import re
import resource
import signal
import subprocess
import time

import pytest
from program import PATIENCE, Done, descendants, wait_until, with_word


@pytest.fixture
def mark():
    """An argument of sleep(1) by which to find a process from outside."""
    return f"600.{os.getpid()}{time.monotonic_ns() % 10**9}"


def gone(mark):
    return wait_until(lambda: not with_word(mark), 5)


def started(belljar, *words, ready, **options):
    """A run whose command has said that it is ready."""
    process = belljar.start(*words, **options)
    assert process.stdout.readline() == f"{ready}\n"
    return process


def ended(process, seconds=10):
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Done(process.returncode, out, err)


# ---- signals to belljar ----

@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT"])
def test_signal_reaches_the_command(belljar, name):
    script = f"trap 'echo caught; exit 5' {name}; echo ready; while :; do sleep 0.02; done"
    process = started(belljar, "-c", script, ready="ready")
    process.send_signal(getattr(signal, f"SIG{name}"))
    done = ended(process)
    assert (done.status, done.out) == (5, "caught\n"), done


@pytest.mark.parametrize("name", ["USR1", "USR2"])
def test_user_signals_are_passed_on(belljar, name):
    script = (f"trap 'echo caught' {name}; echo ready; i=0; while [ $i -lt 40 ]; do"
              " sleep 0.02; i=$((i+1)); done; exit 6")
    process = started(belljar, "-c", script, ready="ready")
    for _ in range(4):
        process.send_signal(getattr(signal, f"SIG{name}"))
        time.sleep(0.1)
    done = ended(process)
    assert done.status == 6
    assert 1 <= done.out.count("caught") <= 4


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP"])
def test_signal_ends_the_command(belljar, mark, name):
    number = getattr(signal, f"SIG{name}")
    process = started(belljar, "-c", f"echo ready; exec sleep {mark}", ready="ready")
    process.send_signal(number)
    assert ended(process).status == 128 + number
    assert gone(mark)


def test_signal_reaches_the_whole_group(belljar, mark):
    """As a key on a terminal would: children of the command too."""
    script = (f"/usr/bin/python3 -c 'import signal, sys; print(\"ready\", flush=True);"
              f" signal.sigwait([signal.SIGTERM]) if signal.pthread_sigmask(signal.SIG_BLOCK,"
              f" [signal.SIGTERM]) is not None else 0; open(\"child\", \"w\")' & wait; wait; sleep {mark}")
    process = belljar.start("-c", f"trap : TERM; {script}")
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    process.terminate()
    assert wait_until((belljar.directory / "child").exists)
    process.kill()
    ended(process)
    assert gone(mark)


def test_third_signal_ends_all(belljar, mark):
    script = f"trap '' INT TERM; sleep {mark} & echo ready; while :; do sleep {mark}; done"
    process = started(belljar, "-c", script, ready="ready")
    for count in range(3):
        assert process.poll() is None, count
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    done = ended(process)
    assert done.status == 128 + signal.SIGINT
    assert "ended by signal 2" in done.err
    assert gone(mark)


def test_three_at_once(belljar, mark):
    """Without waiting in between: never fewer than needed, and never stuck."""
    process = started(belljar, "-c", f"trap '' TERM; echo ready; sleep {mark}", ready="ready")
    for _ in range(200):
        if process.poll() is not None:
            break
        process.terminate()
        time.sleep(0.01)
    # The last of them may find the sandbox gone and belljar about to exit.
    assert ended(process).status in (128 + signal.SIGTERM, -signal.SIGTERM)
    assert gone(mark)


def test_signal_while_starting(belljar, mark):
    """At whatever moment it comes, the run ends and says so by its status."""
    for step in range(40):
        process = belljar.start("--", "sleep", mark)
        time.sleep(step / 4000)
        process.terminate()
        done = ended(process)
        assert done.status in (-signal.SIGTERM, 128 + signal.SIGTERM), (step, done)
    assert gone(mark)


@pytest.mark.parametrize("moment", [0, 0.001, 0.002, 0.003, 0.005, 0.01, 0.2])
def test_killed(belljar, mark, moment):
    """SIGKILL leaves nothing running."""
    script = f"(setsid sleep {mark} &); (setsid setsid sleep {mark} &); sleep {mark}"
    process = belljar.start("-c", script)
    time.sleep(moment)
    process.kill()
    ended(process)
    assert gone(mark)


def test_stopped_and_continued(belljar):
    process = started(belljar, "-c", "echo ready; sleep 0.5; echo done", ready="ready")
    process.send_signal(signal.SIGSTOP)
    time.sleep(1)
    process.send_signal(signal.SIGCONT)
    assert ended(process).out == "done\n"


# ---- ends ----

DAEMONS = {
    "child": "sleep {0} & sleep {0}",
    "daemon": "(setsid sleep {0} >/dev/null 2>&1 </dev/null &); sleep {0}",
    "stopped": "sleep {0} & kill -STOP $!; kill -STOP $$",
    "deaf": "trap '' TERM INT HUP QUIT; sleep {0} & while :; do sleep {0}; done",
    "chain": "f() {{ sleep 0.01; (f &) ; }}; f; sleep {0}",
    "nohup": "nohup setsid nohup sleep {0} >/dev/null 2>&1 & sleep {0}",
    "threads": "/usr/bin/python3 -c 'import threading, time; [threading.Thread(target=time.sleep,"
               " args=(600,)).start() for _ in range(9)]' & sleep {0}",
}


@pytest.mark.parametrize("kind", DAEMONS)
def test_time_out_ends_everything(belljar, mark, kind):
    begun = time.monotonic()
    done = belljar.sh(DAEMONS[kind].format(mark), "--timeout", "1")
    assert done.status == 124
    assert time.monotonic() - begun < 4
    assert gone(mark)
    assert not descendants() or wait_until(lambda: not descendants())


@pytest.mark.parametrize("kind", ["child", "daemon", "stopped", "nohup"])
def test_end_of_the_command_ends_everything(belljar, mark, kind):
    script = DAEMONS[kind].format(mark).rpartition("sleep")[0] if kind != "stopped" else \
        f"sleep {mark} & kill -STOP $!"
    done = belljar.sh(f"{script} sleep 0.1; exit 3")
    assert done.status == 3
    assert gone(mark)


def test_children_are_not_waited_for(belljar, mark):
    begun = time.monotonic()
    assert belljar.sh(f"sleep {mark} & exit 4").status == 4
    assert time.monotonic() - begun < 2


@pytest.mark.requires("cgroup")
def test_memory_kill_is_said(belljar):
    eat = "x = bytearray(300 << 20); print('no')"
    done = belljar.run("--memory", "64m", "--", "/usr/bin/python3", "-c", eat)
    assert (done.status, done.out) == (137, "")
    assert "memory limit of 64 MiB" in done.err
    result = belljar.run("--memory", "64m", "--json", "--", "/usr/bin/python3", "-c", eat).json
    assert result["oom_killed"] and result["signal"] == 9 and "64 MiB" in result["reason"]
    assert result["peak_memory_bytes"] <= 65 << 20


def test_memory_is_limited_by_default(belljar):
    """The preset's limit holds with a cgroup or without, and is told."""
    done = belljar.run("--json", "--timeout", "30", "--", "/usr/bin/python3", "-c",
                       "x = []\nwhile True: x.append(bytearray(1 << 20))")
    assert done.json["oom_killed"] or "MemoryError" in done.json["stderr"]
    assert done.status in (137, 1)


def test_other_kills_are_not_called_memory(belljar):
    result = belljar.sh("kill -9 $$", "--json").json
    assert not result["oom_killed"] and result["reason"] == ""


def test_init_cannot_be_killed_from_inside(belljar):
    done = belljar.sh("kill -9 1; kill -TERM 1; kill -STOP 1; kill -9 -1; echo survived")
    assert done.status in (0, 137)
    assert belljar.sh("kill -9 1 2>/dev/null; sleep 0.1; echo survived").out == "survived\n"


def test_end_of_init_is_an_end(belljar, mark):
    """Should it be killed from outside, everything ends and it is not taken for success."""
    process = started(belljar, "-c", f"echo ready; sleep {mark}", ready="ready")
    init = [pid for pid, name in descendants(process.pid).items() if name == "belljar-init"]
    os.kill(init[0], signal.SIGKILL)
    done = ended(process)
    assert done.status not in (0, -signal.SIGKILL)
    assert done.err.startswith("belljar: ")
    assert gone(mark)


# ---- where it starts ----

@pytest.mark.parametrize("name", ["a b", "new\nline", "tab\there", "\u65e5\u672c \U0001fad9", "-v",
                                  "a:b", "a,b", "a=b", "\\134x", "'q\"", "%s%n", "*?[", "e\u0301"])
def test_odd_directories(belljar, name):
    directory = belljar.directory / name
    directory.mkdir()
    done = belljar.sh("pwd; echo x >made; cat made", cwd=directory)
    assert done.out == f"{directory}\nx\n", done
    assert (directory / "made").read_text() == "x\n"


def test_directory_that_is_no_text(belljar):
    directory = os.fsencode(belljar.directory) + b"/\xff\xfe"
    os.mkdir(directory)
    done = belljar.run("-c", "pwd; touch made", cwd=directory, text=False, errors=None)
    assert done.out == directory + b"\n"
    assert os.path.exists(directory + b"/made")


@pytest.mark.parametrize("length", [1000, 3900])
def test_long_directory(belljar, length):
    directory = str(belljar.directory)
    while len(directory) < length - 202:
        directory += "/" + "d" * 200
    os.makedirs(directory)
    done = belljar.sh("pwd; touch made", cwd=directory)
    assert done.out == directory + "\n", done
    assert os.path.exists(directory + "/made")


def test_directory_longer_than_a_path(belljar):
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(belljar.directory)
        for _ in range(25):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
        done = belljar.sh("echo ran", cwd=None)
    finally:
        os.fchdir(here)
        os.close(here)
    assert done.status == 125 and done.out == ""
    assert "--workspace" in done.err
    subprocess.run(["rm", "-rf", belljar.directory / ("d" * 200)], check=True)


def test_deleted_directory(belljar, tmp_path):
    directory = tmp_path / "gone"
    directory.mkdir()
    script = f'cd {directory}; rmdir {directory}; exec "$@"'
    for words in (belljar.command("--", "echo", "ran"),
                  belljar.command("--dry-run", "--", "echo", "ran")):
        done = subprocess.run(["sh", "-c", script, "sh", *words], capture_output=True, text=True,
                              env=belljar.environment(), check=False, timeout=PATIENCE)
        assert (done.returncode, done.stdout) == (125, ""), done
        directory.mkdir(exist_ok=True)
    words = belljar.command("--workspace", "empty", "--", "echo", "ran")
    done = subprocess.run(["sh", "-c", script, "sh", *words], capture_output=True, text=True,
                          env=belljar.environment(), check=False, timeout=PATIENCE)
    assert done.stdout == "ran\n", done


@pytest.mark.requires("user")
def test_directory_that_may_not_be_entered(belljar):
    directory = belljar.directory / "closed"
    directory.mkdir(mode=0o000)
    done = belljar.run("--workspace", directory, "--", "true")
    assert done.status == 125 and "ermission denied" in done.err
    directory.chmod(0o500)
    assert belljar.sh("touch x", "--workspace", directory).status == 1


@pytest.mark.parametrize("count", [8, 12, 16, 24, 32, 64, 256])
def test_few_descriptors(belljar, count):
    """Either it works or it says what was missing; never half."""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))

    done = belljar.sh("echo ran; ulimit -n", preexec_fn=limit)
    if done.status == 0:
        assert done.out == f"ran\n{count}\n"
    else:
        assert done.status == 125 and done.out == ""
        assert re.search("Too many open files|No file descriptors", done.err), done
    assert done.status == 0 or count < 256


@pytest.mark.requires("user")
@pytest.mark.parametrize("more", range(0, 8))
def test_few_processes(belljar, more):
    """RLIMIT_NPROC so low that some fork of the launch must fail."""
    mine = len(re.findall(r"^", subprocess.run(
        ["ps", "-L", "-o", "lwp=", "-U", str(os.getuid())], capture_output=True, text=True,
        check=True).stdout, re.MULTILINE))

    def limit():
        resource.setrlimit(resource.RLIMIT_NPROC, (mine - 2 + more, mine - 2 + more))

    done = belljar.run("--", "/bin/true", preexec_fn=limit)
    if done.status != 0:
        assert done.status == 125
        assert "Resource temporarily unavailable" in done.err, done
    assert done.status == 0 or more < 6, done


def test_small_files_only(belljar):
    """RLIMIT_FSIZE of the caller neither stops a launch nor is it raised."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = belljar.sh("ulimit -f; echo small >f", preexec_fn=limit)
    assert done.status == 0, done
    assert int(done.out.split()[0]) <= 4  # blocks of 1024 bytes


def test_little_memory(belljar):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20))

    assert belljar.run("--", "/bin/true", preexec_fn=limit).status == 0


def test_strict_umask(belljar):
    done = belljar.sh("umask; touch f; mkdir d; ls /usr/bin/env /tmp /proc/1/comm",
                      preexec_fn=lambda: os.umask(0o777))
    assert done.status == 0, done
    assert done.out.startswith("0022\n")


def test_many_at_once(belljar):
    processes = [belljar.start("-c", f"echo {number}; sleep 0.3") for number in range(30)]
    for number, process in enumerate(processes):
        done = ended(process, PATIENCE)
        assert (done.status, done.out) == (0, f"{number}\n"), done


def test_inside_itself(belljar):
    """A sandbox in a sandbox is refused in words; or it works."""
    folder = os.path.dirname(belljar.path)
    done = belljar.run("-v", f"{folder}:/belljar:ro", "--", "/belljar/belljar", "run", "--", "echo",
                       "ran")
    assert (done.status, done.out) in ((125, ""), (0, "ran\n"))
    assert done.status == 0 or done.err.startswith("belljar: ")


def test_strange_environment(belljar):
    """What the caller's variables hold does not reach the launch."""
    for variables in ({"HOME": ""}, {"HOME": "relative"}, {"HOME": "/" + "x" * 5000}, {"PATH": ""},
                      {"LD_PRELOAD": "/nowhere.so", "LD_LIBRARY_PATH": "/nowhere"},
                      {"LANG": "x" * 10000}, {"TZ": ":/etc/passwd"}, {"TMPDIR": "/nowhere"}):
        done = belljar.run("--", "/bin/true", env=belljar.environment() | variables)
        assert (done.status, done.err) == (0, ""), (variables, done)
    done = belljar.run("--", "/bin/true", env={})
    assert (done.status, done.err) == (0, "")
