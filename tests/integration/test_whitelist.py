"""The kernel's side of command_whitelist: no program file runs that is not listed.

Each attack has two halves. Without a list it succeeds in the sandbox: the way exists and the attack
knows it. With a list that does not hold what it starts, it fails. Success is a file named "ran" in
the workspace, looked for from outside, whatever the attack says. Nobody reads the commands first:
analysis is switched off, and where the attack is shell text, the shell of -c carries it.
"""

import os
import shutil
import subprocess
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from program import AS_ROOT, BELLJAR, Program

LIBRARIES = f"/lib/{sysconfig.get_config_var('MULTIARCH') or 'x86_64-linux-gnu'}"
LOADER = os.path.realpath("/lib64/ld-linux-x86-64.so.2") \
    if os.path.exists("/lib64/ld-linux-x86-64.so.2") else "/lib/ld-linux-aarch64.so.1"
ORDINARY = 61235
PYTHON = "/usr/bin/python3"

EVIL_SO = r"""
#include <fcntl.h>
__attribute__((constructor)) static void ran(void) { open("ran", O_CREAT | O_WRONLY, 0600); }
"""


@dataclass
class Caller(Program):
    prefix: tuple = ()

    def command(self, *words):
        unread = Path(self.path).with_name("unread.json")
        return [*self.prefix, self.path, "run", "--config", str(unread), *map(str, words)]

    @property
    def ran(self):
        return (self.directory / "ran").exists()


@pytest.fixture(scope="module")
def evil_so(tmp_path_factory):
    place = tmp_path_factory.mktemp("so")
    (place / "evil.c").write_text(EVIL_SO)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", place / "evil.so", place / "evil.c"],
                   check=True)
    return place / "evil.so"


@pytest.fixture(params=["root", "ordinary"] if AS_ROOT else ["caller"])
def caller(request, evil_so):
    """The program as a caller of each kind starts it, in a workspace with things to attack with."""
    top = Path(tempfile.mkdtemp(prefix="whitelist-", dir="/var/tmp"))
    top.chmod(0o755)
    workspace = top / "work"
    workspace.mkdir()
    for name in ("belljar", "belljar-full"):  # where an ordinary user may look
        shutil.copy(Path(BELLJAR).parent / name, top)
    shutil.copy("/usr/bin/touch", workspace / "evil")
    shutil.copy(evil_so, workspace / "evil.so")
    write(workspace / "foreign", "#!/usr/bin/touch ran\n")
    write(workspace / "script", "#!/bin/bash\n: > ran\n")
    (top / "unread.json").write_text('{"security": {"command_analysis": false}}')
    prefix = ()
    if request.param == "ordinary":
        prefix = ("setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups")
        for path in (workspace, *workspace.rglob("*")):
            os.chown(path, ORDINARY, ORDINARY)
    yield Caller(workspace, str(top / "belljar"), {"HOME": "/nonexistent"}, prefix)
    shutil.rmtree(top)


def write(path, text):
    path.write_text(text)
    path.chmod(0o755)


def only(*names):
    return [word for name in names for word in ("--only-command", name)]


def python(text):
    return [PYTHON, "-I", "-c", "import os, sys, ctypes, mmap\n" + text]


FEXECVE = """
def run(fd):
    try:
        os.execve(fd, ["touch", "ran"], {})
    except OSError:
        pass
    os.execve(f"/proc/self/fd/{fd}", ["touch", "ran"], {})
def fill(fd):
    os.write(fd, open("evil", "rb").read())
    os.fchmod(fd, 0o755)
"""

# name: what is listed, and what is run: a list of words, or text for the shell of -c.
ATTACKS = {
    "find": (["find"], ["find", ".", "-maxdepth", "0", "-exec", "touch", "ran", ";"]),
    "find by path": (["find"], ["find", ".", "-maxdepth", "0", "-exec", "/usr/bin/touch", "ran", ";"]),
    "env": (["env"], ["env", "touch", "ran"]),
    "xargs": (["xargs"], "echo ran | xargs touch"),
    "timeout": (["timeout"], ["timeout", "5", "touch", "ran"]),
    "awk": (["awk"], ["awk", 'BEGIN { system("touch ran") }']),
    "sh -c": (["env"], ["env", "sh", "-c", ": > ran"]),
    "shell": (["ls"], "touch ran"),
    "shell by path": (["ls"], "/usr/bin/touch ran"),
    "hidden by PATH": (["ls"], "PATH=. evil ran"),
    "loader": (["ls"], f"{LOADER} /usr/bin/touch ran"),
    "loader by its link": (["ls"], "/lib64/ld-linux-x86-64.so.2 /usr/bin/touch ran"),
    "loader on a copy": (["ls"], f"{LOADER} ./evil ran"),
    "loader with --library-path":
        (["ls"], f"{LOADER} --library-path .:{LIBRARIES} --inhibit-cache ./evil ran"),
    "loader with --preload": (["ls"], f"{LOADER} --preload ./evil.so /usr/bin/ls"),
    "loader with --argv0": (["ls"], f"{LOADER} --argv0 ls ./evil ran"),
    "loader on another's helper": (["ls"], f"{LOADER} /usr/lib/git-core/git init -q ran"),
    "helper of another": (["ls"], "/usr/lib/git-core/git init -q ran"),
    "LD_PRELOAD": (["ls"], "LD_PRELOAD=$PWD/evil.so ls"),
    "LD_AUDIT": (["ls"], "LD_AUDIT=$PWD/evil.so ls"),
    "LD_LIBRARY_PATH": (["ls", "mkdir", "cp"],
                        "mkdir l && cp evil.so l/libselinux.so.1 && LD_LIBRARY_PATH=l ls"),
    "loadable builtin": (["ls"], "enable -f ./evil.so evil"),
    "file in the workspace": (["ls"], "./evil ran"),
    "file in /tmp": (["cp"], "cp evil /tmp/e && /tmp/e ran"),
    "file in /var/tmp": (["cp"], "cp evil /var/tmp/e && /var/tmp/e ran"),
    "file in the home": (["cp"], "cp evil ~/e && ~/e ran"),
    "loader on a file in /tmp": (["cp"], f"cp evil /tmp/e && {LOADER} /tmp/e ran"),
    "loader on a file in the home": (["cp"], f"cp evil ~/e && {LOADER} ~/e ran"),
    "copy of a listed program": (["cp"], "cp /bin/cp ./c && ./c evil ran"),
    "script": (["ls", "bash"], "./script"),
    "foreign interpreter": (["ls"], "./foreign"),
    "foreign interpreter of env": (["ls", "env"], ["env", "./foreign"]),
    "hard link with a listed name": (["ls", "ln"], "ln evil ls && ./ls ran"),
    "link with a listed name": (["ls", "ln"], "ln -s /usr/bin/touch ls && ./ls ran"),
    "link in PATH": (["ls", "ln"], "ln -s $PWD/evil ls && PATH=$PWD:$PATH && ls ran"),
    "another root": (["ls"], "/proc/self/root/usr/bin/touch ran"),
    "another's root": (["ls"], "/proc/1/root/usr/bin/touch ran || /proc/$$/root/usr/bin/touch ran"),
    "directory of a process": (["ls"], "/proc/self/cwd/evil ran"),
    "python execs": ([PYTHON], python('os.execv("/usr/bin/touch", ["touch", "ran"])')),
    "python execs a descriptor": ([PYTHON], python(FEXECVE + 'run(os.open("evil", os.O_RDONLY))')),
    "python execs a path descriptor":
        ([PYTHON], python(FEXECVE + 'run(os.open("/usr/bin/touch", os.O_PATH))')),
    "python loads": ([PYTHON], python('ctypes.CDLL("./evil.so")')),
    "python loads from /tmp":
        ([PYTHON], python('open("/tmp/e", "wb").write(open("evil.so", "rb").read())\n'
                          'ctypes.CDLL("/tmp/e")')),
    "memory file": ([PYTHON], python(FEXECVE + 'fd = os.memfd_create("m", 0)\nfill(fd)\nrun(fd)')),
    "memory file that says noexec later":
        ([PYTHON], python(FEXECVE + 'fd = os.memfd_create("m", 2)\nfill(fd)\nrun(fd)')),
    "loader on a memory file":
        ([PYTHON], python(FEXECVE + 'fd = os.memfd_create("m", 0)\nfill(fd)\n'
                          f'os.execv("{LOADER}", ["l", f"/proc/self/fd/{{fd}}", "ran"])')),
    "library in a memory file":
        ([PYTHON], python('fd = os.memfd_create("m", 0)\n'
                          'os.write(fd, open("evil.so", "rb").read())\n'
                          'ctypes.CDLL(f"/proc/self/fd/{fd}")')),
    "unnamed file": ([PYTHON], python(FEXECVE + 'fd = os.open("/tmp", os.O_TMPFILE | os.O_RDWR)\n'
                                      'fill(fd)\nfd = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)\n'
                                      'os.closerange(fd - 1, fd)\nrun(fd)')),
    "executable mapping":
        ([PYTHON], python('mmap.mmap(os.open("evil", os.O_RDONLY), 0, mmap.MAP_PRIVATE, '
                          'mmap.PROT_READ | mmap.PROT_EXEC)\nopen("ran", "w")')),
    "mapping made executable":
        ([PYTHON], python('m = mmap.mmap(os.open("evil", os.O_RDWR), 0, mmap.MAP_SHARED, 3)\n'
                          'at = ctypes.addressof(ctypes.c_char.from_buffer(m))\n'
                          'assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(at), 4096, 5) == 0\n'
                          'open("ran", "w")')),
    "perl execs": (["perl"], ["perl", "-e", 'exec "/usr/bin/touch", "ran"']),
    "git alias": (["git"], ["git", "-c", "alias.x=!touch ran", "x"]),
    "make": (["make"], "printf 'x:\\n\\ttouch ran\\n' > Makefile; make"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(caller, name):
    listed, attack = ATTACKS[name]
    words = ["-c", attack] if isinstance(attack, str) else ["--", *attack]
    caller.run(*words)
    assert caller.ran, "the attack does not work without a list either"
    subprocess.run(["rm", "-rf", caller.directory / "ran", caller.directory / "ls",
                    caller.directory / "c", caller.directory / "l"], check=True)

    done = caller.run(*only(*listed), *words)
    assert not caller.ran, done
    assert "belljar: " not in done.err, "the attack was not even started"


def test_shared_memory_is_never_executable(caller):
    script = f"cp evil /dev/shm/e; /dev/shm/e ran; {LOADER} /dev/shm/e ran"
    caller.run("-c", script)
    assert not caller.ran
    caller.run(*only("cp"), "-c", script)
    assert not caller.ran


@pytest.mark.parametrize("options", [["--user", "root"], ["--without", "shared-trees"],
                                     ["--network", "host"]], ids=lambda words: words[-1])
@pytest.mark.parametrize("name", ["loader", "loader on a copy", "memory file", "find", "script",
                                  "file in the home", "python loads", "helper of another"])
def test_attack_with_options(caller, name, options):
    listed, attack = ATTACKS[name]
    words = ["-c", attack] if isinstance(attack, str) else ["--", *attack]
    done = caller.run(*only(*listed), *options, *words)
    assert not caller.ran and done.status != 125, done


def test_work_without_overlays(caller):
    done = caller.run(*only("ls", "python3"), "--without", "shared-trees", "-c",
                      "ls evil; python3 -c 'import ssl; print(6 * 7)'")
    assert done.out == "evil\n42\n", done


# ---- A listed file in the workspace ----

def tool(caller, text="#!/bin/bash\necho tool \"$1\"\n", name="tools/tool"):
    path = caller.directory / name
    path.parent.mkdir(exist_ok=True)
    write(path, text)
    if caller.prefix:
        os.chown(path.parent, ORDINARY, ORDINARY)
        os.chown(path, ORDINARY, ORDINARY)
    return path


def test_listed_file_of_the_workspace(caller):
    path = tool(caller)
    for words in (["--", str(path), "a"], ["--", "tools/tool", "a"], ["-c", "./tools/tool a"]):
        done = caller.run(*only(str(path)), *words)
        assert (done.status, done.out) == (0, "tool a\n"), done


@pytest.mark.parametrize("attack", [
    "cat evil > tools/tool; tools/tool ran",
    "mv evil tools/tool; tools/tool ran",
    "ln -f evil tools/tool; tools/tool ran",
    "rm tools/tool; cp evil tools/tool; tools/tool ran",
    "mv tools x; mkdir tools; cp evil tools/tool; tools/tool ran",
    "ln tools/tool t; cat evil > t; tools/tool ran; ./t ran",
    "mv tools/tool t; cat evil > t; ./t ran; cp evil tools/tool; tools/tool ran",
])
def test_listed_file_cannot_be_replaced(caller, attack):
    path = tool(caller)
    caller.run("-c", attack)
    assert caller.ran
    for leftover in ("ran", "tools", "x", "t"):
        subprocess.run(["rm", "-rf", caller.directory / leftover], check=True)
    if not (caller.directory / "evil").exists():
        shutil.copy("/usr/bin/touch", caller.directory / "evil")

    path = tool(caller)
    done = caller.run(*only(str(path), "cat", "mv", "cp", "ln", "rm", "mkdir"), "-c", attack)
    assert not caller.ran, done
    assert path.exists() or (caller.directory / "x/tool").exists()


def test_file_with_a_second_name_is_refused(caller):
    path = tool(caller)
    os.link(path, caller.directory / "second")
    done = caller.run(*only(str(path)), "--", str(path))
    assert done.status == 125 and "second name" in done.err


def test_file_that_is_writable_by_another_path_is_refused(caller):
    path = tool(caller)
    done = caller.run(*only("/t/tool"), "-v", f"{path.parent}:/t:ro", "--", "/t/tool")
    assert done.status == 125 and "by another path" in done.err
    done = caller.run(*only("/t/tool"), "--workspace", "empty", "-v", f"{path.parent}:/t:ro",
                      "--", "/t/tool", "a")
    assert (done.status, done.out) == (0, "tool a\n"), done
    done = caller.run(*only("/t/tool"), "--workspace", "empty", "-v", f"{path.parent}:/t",
                      "--", "/t/tool", "a")
    assert (done.status, done.out) == (0, "tool a\n"), done


def test_link_to_a_script_brings_its_interpreter(caller):
    tool(caller, "#!/usr/bin/env python3\nprint('from python')\n", "package/main.py")
    link = caller.directory / "node_modules"
    link.symlink_to("package")
    (caller.directory / "package/bin").symlink_to("main.py")
    done = caller.run(*only(str(link / "bin")), "--", str(link / "bin"))
    assert (done.status, done.out) == (0, "from python\n"), done


def test_volumes_are_not_executable(caller, tmp_path_factory):
    place = Path(tempfile.mkdtemp(prefix="whitelist-", dir="/var/tmp"))
    place.chmod(0o777)
    shutil.copy("/usr/bin/touch", place / "e")
    for mode in ("", ":ro"):
        script = f"cd {caller.directory}; /v/e ran; {LOADER} /v/e ran"
        caller.run("-v", f"{place}:/v{mode}", "-c", script)
        assert caller.ran
        (caller.directory / "ran").unlink()
        caller.run(*only("ls"), "-v", f"{place}:/v{mode}", "-c", script)
        assert not caller.ran
    shutil.rmtree(place)


def test_interpreter_in_a_volume_has_its_modules(caller):
    place = Path(tempfile.mkdtemp(prefix="whitelist-", dir="/var/tmp"))
    place.chmod(0o755)
    python = Path(PYTHON).resolve()
    modules = Path("/usr/lib") / python.name / "lib-dynload"
    (place / "bin").mkdir()
    shutil.copy(python, place / "bin")
    shutil.copytree(modules, place / "lib" / python.name / "lib-dynload")
    done = caller.run(*only(f"/v/bin/{python.name}"), "-v", f"{place}:/v:ro", "--",
                      f"/v/bin/{python.name}", "-I", "-c", "import _ctypes; print(_ctypes.__file__)")
    assert done.status == 0 and done.out.startswith("/v/lib/"), done
    shutil.rmtree(place)


def test_listed_library_is_loaded(caller):
    """By path a library can be listed as well, in the workspace too; it is not executed."""
    load = ["--", PYTHON, "-I", "-c", "import ctypes; ctypes.CDLL('./evil.so')"]
    caller.run(*only(PYTHON), *load)
    assert not caller.ran
    caller.run(*only(PYTHON, f"{caller.directory}/evil.so"), *load)
    assert caller.ran


@pytest.mark.parametrize("path", ["/proc/1/exe", "/proc/self/exe", "/proc/$PPID/exe"])
def test_program_of_another_process(caller, path):
    done = caller.run(*only("ls"), "-c", f"exec -a touch {path} run -- ls; {LOADER} {path} ran")
    assert not caller.ran and done.status != 0


def test_standard_input_is_no_way_in(caller):
    with open(caller.directory / "evil", "r+b") as evil:
        caller.run("-i", *only("ls"), "-c", f"{LOADER} /proc/self/fd/0 ran; /proc/self/fd/0 ran",
                   stdin=evil)
    assert not caller.ran


# ---- What is listed works ----

def test_only_listed_programs_are_seen(caller):
    done = caller.run(*only("ls", "cat"), "--", "ls", "/usr/bin", "/bin", "/usr/sbin")
    seen = {line for line in done.out.split("\n") if line and not line.endswith(":")}
    assert seen == {"ls", "cat"}


def test_links_that_names_lead_through_are_seen(caller):
    done = caller.run(*only("python3"), "-c", "for f in /usr/bin/*; do echo $f; done; "
                                              "python3 -c 'print(6 * 7)'")
    assert done.status == 0 and done.out.endswith("42\n")
    assert "/usr/bin/python3\n" in done.out and "/usr/bin/perl" not in done.out


WORK = {
    "pipeline": (["grep", "sort", "uniq"], "printf 'b\\na\\nb\\n' | grep -v x | sort | uniq -c | sort -n",
                 "1 a"),
    "git": (["git"], "git init -q r && cd r && : > f && git add f && "
            "git -c user.name=n -c user.email=e commit -qm m && git log --oneline | while read -r h m; "
            "do echo \"$m\"; done && git status --short && git diff", "m"),
    "python": (["python3"], "python3 -c 'import ssl, sqlite3, ctypes, lzma, hashlib, decimal; "
               "print(hashlib.sha256(b\"\").hexdigest()[:4])'", "e3b0"),
    "gcc": (["gcc", "make"], "printf '#include <math.h>\\n#include <stdio.h>\\nint main(int c, char **v)"
            "{ (void)v; printf(\"%f\", sqrt(c)); }' > m.c; printf 'm: m.c\\n\\tgcc -O2 -flto -o m m.c -lm\\n'"
            " > Makefile; make -s && echo built; ./m 2> /dev/null || echo not run", "built\nnot run"),
    "g++": (["g++"], "printf '#include <iostream>\\nint main() { std::cout << 1; }' > m.cc; "
            "g++ m.cc -o m && echo built", "built"),
    "node": (["node"], "node -e 'console.log(1 + 1)'", "2"),
    "npm": (["npm"], "printf '{\"scripts\": {\"x\": \"echo from npm\"}}' > package.json; "
            "npm run -s x", "from npm"),
    "perl": (["perl"], "perl -MPOSIX -MSocket -e 'print POSIX::floor(2.5)'", "2"),
    "bash script": (["bash"], "printf 'echo $((6 * 7))' > s; bash s", "42"),
    "iconv": (["iconv"], "printf '\\344' | iconv -f latin1 -t utf8", "ä"),
    "busybox has all its applets": (["busybox"], "busybox touch ran; busybox ls ran", "ran"),
}


@pytest.mark.parametrize("name", WORK)
def test_work(caller, name):
    listed, script, words = WORK[name]
    for program in listed:
        if shutil.which(program, path="/usr/bin:/bin") is None:
            pytest.skip(f"no {program} here")
    done = caller.run(*only(*listed), "-c", script)
    assert done.status == 0 and words in done.out, done


def test_root_inside_works(caller):
    done = caller.run(*only("ls", "python3"), "--user", "root", "-c",
                      "ls evil; python3 -c 'import os; print(os.getuid())'")
    assert done.out == "evil\n0\n", done


def test_own_path(caller):
    tool(caller, name="bin/mytool")
    path = f"{caller.directory}/bin:/usr/bin"
    done = caller.run(*only("mytool"), "-e", f"PATH={path}", "-c", "mytool a")
    assert (done.status, done.out) == (0, "tool a\n"), done


# ---- What is said ----

@pytest.mark.parametrize(("options", "command", "words"), [
    (only("ls"), ["rm", "x"], "rm is not among the programs that may run"),
    (only("ls"), ["./evil"], "./evil is not among"),
    (only("ls"), ["bash", "-c", "ls"], "bash is not among"),
    (only("ls"), [LOADER, "/usr/bin/rm"], "is not among"),
    (only("if", "[["), ["ls"], "no entry of command_whitelist is a program here"),
    ([*only("ls"), "--without", "landlock"], ["ls"], "without Landlock"),
    ([*only("ls"), "--without", "seccomp"], ["ls"], "without the system call filter"),
    ([*only("ls"), "--sandbox-type", "none"], ["ls"], "keeps no program from running"),
    (["--require", "commands"], ["ls"], "commands is required"),
])
def test_refused(caller, options, command, words):
    done = caller.run(*options, "--", *command)
    assert done.status == 125 and words in done.err and done.out == "", done


def test_result_names_the_layer(caller):
    done = caller.run(*only("ls", "if"), "--json", "--", "ls")
    assert "commands" in done.json["layers"]
    assert any("if is no program" in row["reason"] for row in done.json["degraded"])
    assert "commands" not in caller.run("--json", "--", "ls").json["layers"]


def test_config_file(caller):
    (caller.directory / "c.json").write_text(
        '{"security": {"command_whitelist": ["ls"], "command_analysis": false}}')
    done = caller.run("--config", "c.json", "-c", "ls evil; touch ran")
    assert done.out == "evil\n" and not caller.ran, done
    (caller.directory / "c.json").write_text('{"security": {"command_whitelist": []}}')
    assert caller.run("--config", "c.json", "--", "touch", "x").status == 0


def test_landlock_alone(caller):
    """Without mounts the loader runs what it can read: said, and refused unless accepted."""
    options = [*only("find"), "--isolation", "landlock"]
    attack = ["--", "find", ".", "-maxdepth", "0", "-exec", "touch", "ran", ";"]
    done = caller.run(*options, *attack)
    if AS_ROOT and not caller.prefix:
        assert done.status == 125 and "does not run as root" in done.err
        return
    assert done.status == 125 and "loader" in done.err
    done = caller.run(*options, "--allow-degraded", *attack)
    assert not caller.ran and "commands" in done.err, done
    done = caller.run("--isolation", "landlock", *attack)
    assert caller.ran, done
