"""Real work under glass: the same commands as outside, with the same output and the same files."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from program import BELLJAR

PATIENCE = 120
# What differs by nature: places, durations, addresses, the order of processes.
VARIES = [(re.compile(r"\b\d+\.\d+ ?m?s\b"), "TIME"), (re.compile(r"0x[0-9a-f]+"), "ADDRESS")]


class Work:
    """The same project twice: one directory is worked on outside, the other under glass."""

    def __init__(self, base):
        self.places = {"outside": base / "outside/project", "inside": base / "inside/project"}
        self.home = base / "home"
        for place in (*self.places.values(), self.home):
            place.mkdir(parents=True)
        self.options = []
        self.variables = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}

    def write(self, name, text, mode=0o644):
        for place in self.places.values():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(mode)

    def outside(self, script):
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                       "HOME": str(self.home), "LANG": "C.UTF-8", "USER": "user",
                       "LOGNAME": "user", "SHELL": "/bin/sh", **self.variables}
        return subprocess.run(["/bin/bash", "-c", script], cwd=self.places["outside"],
                              capture_output=True, text=True, env=environment, check=False,
                              timeout=PATIENCE, stdin=subprocess.DEVNULL)

    def inside(self, script):
        variables = [word for name, value in self.variables.items()
                     for word in ("-e", f"{name}={value}")]
        words = [BELLJAR, "run", *self.options, *variables, "--timeout", "120", "-c", script]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}
        return subprocess.run(words, cwd=self.places["inside"], capture_output=True, text=True,
                              env=environment, check=False, timeout=PATIENCE,
                              stdin=subprocess.DEVNULL)

    def plain(self, text):
        for place in self.places.values():
            text = text.replace(str(place), "PROJECT")
        for pattern, word in VARIES:
            text = pattern.sub(word, text)
        return text

    def same(self, script, status=0):
        """Runs it in both places; what it prints, which must be the same."""
        outside, inside = self.outside(script), self.inside(script)
        assert outside.returncode == status, outside
        assert inside.returncode == status, inside
        assert self.plain(inside.stdout) == self.plain(outside.stdout)
        assert self.plain(inside.stderr) == self.plain(outside.stderr)
        return inside.stdout

    def same_files(self, *patterns):
        """The same files with the same modes and content in both places, and there are some."""
        found = {}
        for name, place in self.places.items():
            found[name] = {str(path.relative_to(place)): (oct(path.lstat().st_mode),
                                                          path.lstat().st_uid, path.read_bytes())
                           for pattern in patterns for path in sorted(place.glob(pattern))
                           if path.is_file()}
        assert found["inside"].keys() == found["outside"].keys() != set()
        for name, state in found["inside"].items():
            assert state == found["outside"][name], name


@pytest.fixture
def work(tmp_path):
    return Work(tmp_path)


def needs(program):
    if not shutil.which(program, path="/usr/local/bin:/usr/bin:/bin"):
        pytest.fail(f"{program} is not installed; tools/install-deps test installs it")


# ---- C ----

MAKEFILE = """\
CFLAGS = -O2 -Wall -Iinclude
OBJECTS = $(patsubst src/%.c,build/%.o,$(wildcard src/*.c))

all: build/words
build/words: $(OBJECTS)
\t$(CC) $(CFLAGS) -o $@ $^ -lm
build/%.o: src/%.c include/words.h | build
\t$(CC) $(CFLAGS) -c -o $@ $<
build:
\tmkdir -p $@
check: all
\t./build/words <text | diff - expected && echo checked
clean:
\trm -rf build
.PHONY: all check clean
"""


@pytest.fixture
def c_project(work):
    work.write("Makefile", MAKEFILE)
    work.write("include/words.h", "int count(const char *line);\ndouble mean(int sum, int n);\n")
    work.write("src/count.c", '#include "words.h"\n#include <ctype.h>\nint count(const char *line)\n{'
               "int n = 0; for (; *line; line++) n += !isspace((unsigned char)*line) &&"
               " (line[1] == 0 || isspace((unsigned char)line[1])); return n; }\n")
    work.write("src/mean.c", '#include "words.h"\n#include <math.h>\n'
               "double mean(int sum, int n) { return n ? floor(100.0 * sum / n) / 100 : 0; }\n")
    work.write("src/main.c", '#include "words.h"\n#include <stdio.h>\nint main(void)\n{ char line[999];'
               " int sum = 0, n = 0; while (fgets(line, sizeof line, stdin)) { sum += count(line);"
               ' n++; } printf("%d lines, %d words, mean %.2f\\n", n, sum, mean(sum, n)); }\n')
    work.write("text", "one two\nthree\n\nfour five six\n")
    work.write("expected", "4 lines, 6 words, mean 1.50\n")
    return work


def test_compile_and_run(c_project):
    assert c_project.same("make -s -j2 check") == "checked\n"
    c_project.same_files("build/*", "src/*")
    assert c_project.same("make") == "make: Nothing to be done for 'all'.\n"
    c_project.same("touch -d '+1 minute' include/words.h && make -s && make clean && ls -A")


def test_compile_error(c_project):
    c_project.write("src/main.c", "int main(void) { return absent(1) }\n")
    done = c_project.same("make 2>&1 | grep -c 'error:'; exit ${PIPESTATUS[0]}", status=2)
    assert int(done) > 0


def test_debug_by_signals(c_project):
    """A program of the project that crashes does so as outside."""
    c_project.write("src/main.c", "#include <stdlib.h>\nint main(void) { abort(); }\n")
    assert c_project.same("exec 2>/dev/null; make -s; ./build/words; echo status $?") == "status 134\n"


# ---- Python ----

@pytest.fixture
def python_project(work):
    work.write("shapes/__init__.py", "from .area import area\n")
    work.write("shapes/area.py", "def area(kind, *sizes):\n"
               "    if kind == 'square':\n        return sizes[0] ** 2\n"
               "    if kind == 'box':\n        return sizes[0] * sizes[1]\n"
               "    raise ValueError(kind)\n")
    work.write("tests/__init__.py", "")
    work.write("tests/test_area.py",
               "import tempfile, unittest\nfrom shapes import area\n\n\nclass Area(unittest.TestCase):\n"
               "    def test_square(self):\n        self.assertEqual(area('square', 3), 9)\n\n"
               "    def test_box(self):\n        self.assertEqual(area('box', 3, 4), 12)\n\n"
               "    def test_file(self):\n        with tempfile.TemporaryFile() as file:\n"
               "            file.write(b'x')\n\n"
               "    def test_unknown(self):\n        with self.assertRaises(ValueError):\n"
               "            area('circle', 1)\n")
    return work


def test_unittest(python_project):
    python_project.same("/usr/bin/python3 -B -m unittest -v 2>&1 | sort")
    python_project.write("tests/test_fails.py", "import unittest\nclass F(unittest.TestCase):\n"
                         "    def test_it(self):\n        self.assertEqual(1, 2)\n")
    python_project.same("/usr/bin/python3 -B -m unittest tests.test_fails", status=1)


def test_pytest(python_project):
    text = python_project.same("/usr/bin/python3 -B -m pytest -q -p no:cacheprovider; echo $?")
    assert text.endswith("0\n") and "4 passed" in text


def test_bytecode_and_virtual_environment(python_project):
    python_project.same("/usr/bin/python3 -c 'import shapes; print(shapes.area(\"box\", 2, 3))';"
                        " find shapes -name '*.pyc' | sort")
    python_project.same("/usr/bin/python3 -m venv --without-pip env && env/bin/python -c"
                        " 'import sys; print(sys.prefix != sys.base_prefix)'")


def test_process_pool(work):
    work.write("pool.py", "import multiprocessing as mp, os, time\n"
               "from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor\n"
               "def square(n):\n    return n * n\n"
               "if __name__ == '__main__':\n"
               "    for method in ('fork', 'spawn', 'forkserver'):\n"
               "        with mp.get_context(method).Pool(4) as pool:\n"
               "            print(method, sum(pool.map(square, range(1000), chunksize=50)))\n"
               "    with ProcessPoolExecutor(3) as pool:\n        print(list(pool.map(square, range(5))))\n"
               "    with ThreadPoolExecutor(8) as pool:\n        print(list(pool.map(square, range(5))))\n"
               "    queue, lock, value = mp.Queue(), mp.Lock(), mp.Value('i', 0)\n"
               "    shared = mp.shared_memory.SharedMemory(create=True, size=1 << 20) if"
               " hasattr(mp, 'shared_memory') else None\n"
               "    with mp.Manager() as manager:\n        seen = manager.dict()\n"
               "        seen['x'] = 1\n        print(dict(seen))\n"
               "    with lock:\n        queue.put(value.value)\n    print(queue.get())\n")
    text = work.same("/usr/bin/python3 -B pool.py")
    assert text.count("332833500") == 3


def test_asyncio_and_sockets(work):
    work.write("net.py", "import asyncio, urllib.request, threading\n"
               "from http.server import HTTPServer, SimpleHTTPRequestHandler\n"
               "class H(SimpleHTTPRequestHandler):\n    def log_message(self, *a): pass\n"
               "server = HTTPServer(('127.0.0.1', 0), H)\n"
               "threading.Thread(target=server.serve_forever, daemon=True).start()\n"
               "with urllib.request.urlopen(f'http://localhost:{server.server_port}/net.py') as f:\n"
               "    print(f.status, len(f.read()) > 100)\n"
               "async def main():\n"
               "    p = await asyncio.create_subprocess_exec('cat', stdin=-1, stdout=-1)\n"
               "    print((await p.communicate(b'through'))[0])\n"
               "    r, w = await asyncio.open_connection('localhost', server.server_port)\n"
               "    w.write(b'GET /absent HTTP/1.0\\r\\n\\r\\n')\n    print(await r.readline())\n"
               "asyncio.run(main())\n")
    work.same("/usr/bin/python3 -B net.py")


def test_sqlite(work):
    needs("sqlite3")
    work.write("load.sql", "create table t(n integer primary key, s text);\nbegin;\n"
               + "".join(f"insert into t values({n}, 'row {n}');\n" for n in range(500))
               + "commit;\nselect count(*), sum(n), max(s) from t;\npragma integrity_check;\n")
    assert work.same("sqlite3 -bail data.db <load.sql") == "500|124750|row 99\nok\n"
    work.same("sqlite3 data.db 'pragma journal_mode=wal; update t set s = s || 1 where n < 10;"
              " select s from t limit 3'; ls")
    work.same("/usr/bin/python3 -c 'import sqlite3; print(sqlite3.connect(\"data.db\").execute("
              "\"select count(*) from t\").fetchone())'")


# ---- git ----

def test_git(work):
    work.variables |= {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
                       "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org",
                       "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z",
                       "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z"}
    work.write("file", "first\n")
    work.same("git init -q -b main . && git add . && git commit -qm one && git log --format='%H %s'")
    work.same("git checkout -qb side && echo side >>file && git commit -qam two && git checkout -q main"
              " && echo x >other && git add other && git commit -qm three && git merge -q --no-edit side"
              " && git log --graph --format='%h %s' && git status --short && cat file")
    work.same("git branch -v; git diff HEAD~1 --stat; git show --stat HEAD^2; git fsck;"
              " git stash list; git tag v1 && git describe; git rev-parse HEAD")
    work.same("echo y >file; git stash -q && git stash pop -q; git status --short; git blame -s other")
    work.same("git clone -q . copy && cd copy && git log --oneline | wc -l && git worktree list | wc -l")
    work.same("echo conflict >file; git commit -qam four; git checkout -q side; echo other >file;"
              " git commit -qam five; git merge main; git ls-files -u | wc -l; git merge --abort")
    work.same_files("file", "other", ".git/HEAD", ".git/refs/**/*", ".git/logs/**/*")


def test_git_collects_garbage(work):
    """Packs all, although what it keeps in .git/info for dumb servers stays as it was."""
    work.same("git init -q -b main . && git -c user.name=a -c user.email=a@b.c commit -q --allow-empty"
              " -m one && git gc -q 2>/dev/null && git count-objects -v | grep -E 'count|packs'")


def test_git_settings_stay(work):
    """An agent's `git config` in a repository that exists is refused, and git says why."""
    work.same("git init -q -b main .")
    done = work.inside("git config core.hooksPath /tmp/hooks; echo status $?")
    assert "status 0" not in done.stdout
    assert done.stderr.strip()
    assert "hooksPath" not in (work.places["inside"] / ".git/config").read_text()


# ---- npm ----

def npm_options():
    """Where node and npm lie outside the system's directories they come along as volumes."""
    options, path = [], ["/usr/local/bin", "/usr/bin", "/bin"]
    for name in ("node", "npm"):
        found = shutil.which(name)
        if not found:
            pytest.fail(f"{name} is not installed; tools/install-deps test installs it")
        real = Path(found).resolve()
        if not real.is_relative_to("/usr") and not real.is_relative_to("/opt"):
            prefix = real.parents[1] if name == "node" else Path(found).parent.resolve().parent
            options += ["-v", f"{prefix}:{prefix}:ro"]
            path.insert(0, f"{prefix}/bin")
        elif str(Path(found).parent) not in path:
            path.insert(0, str(Path(found).parent))
    return options, ":".join(path)


def test_npm_install_of_a_tarball(work):
    options, path = npm_options()
    work.options = [*options, "--memory", "0"]
    work.variables |= {"PATH": path, "npm_config_update_notifier": "false", "npm_config_audit": "false",
                       "npm_config_fund": "false", "npm_config_offline": "true", "CI": "1"}
    work.write("greet/package.json", json.dumps(
        {"name": "greet", "version": "1.0.0", "main": "index.js", "bin": {"greet": "cli.js"},
         "scripts": {"postinstall": "node -e \"require('fs').writeFileSync('built', '1')\""}}))
    work.write("greet/index.js", "module.exports = name => `hello ${name}`;\n")
    work.write("greet/cli.js", "#!/usr/bin/env node\nconsole.log(require('.')(process.argv[2]));\n",
               0o755)
    work.write("app/package.json", json.dumps({"name": "app", "version": "1.0.0", "private": True,
                                               "scripts": {"test": "greet world"}}))
    work.same("cd greet && npm pack --silent --pack-destination ..")
    work.same("cd app && npm install --silent ../greet-1.0.0.tgz && ls node_modules"
              " && cat node_modules/greet/built")
    work.same("cd app && npm test --silent && node -e \"console.log(require('greet')('you'))\"")
    work.same("cd app && npm ls && npm run | head -3")
    work.same_files("app/node_modules/greet/*", "app/package.json")


def test_node_sees_its_limits(work):
    options, path = npm_options()
    work.options = options
    work.variables["PATH"] = path
    work.same("node -e \"const os = require('os'); console.log(os.cpus().length > 0,"
              " os.totalmem() > 0, os.EOL === '\\n')\"")
    work.same("node -e \"const {Worker} = require('worker_threads'); new Worker('require("
              "\\\"worker_threads\\\").parentPort.postMessage(6*7)', {eval: true})"
              ".on('message', n => console.log(n))\"")


# ---- the shell's own tools ----

def test_pipes_of_coreutils(work):
    work.write("words", "\n".join(f"{n % 97} word{n % 13} {n * 7919 % 1000}" for n in range(3000)))
    work.same("cut -d' ' -f2 words | sort | uniq -c | sort -k1,1nr -k2 | head -5")
    work.same("awk '{ s[$2] += $3 } END { for (w in s) print w, s[w] }' words | sort")
    work.same("sed -n '1~100p' words | tr a-z A-Z | paste -sd, | fold -w 60 | nl | tac")
    work.same("split -l 500 words part. && cat part.* | cmp - words && wc -l part.* && rm part.*")
    work.same("find . -type f -printf '%f %s\\n' | sort; du -a --apparent-size | sort; stat -c '%A %n' *")
    work.same("seq 1000 | xargs -P4 -n50 echo | tr ' ' '\\n' | sort -n | md5sum; yes | head -100000 | wc -c")
    work.same("comm -12 <(sort words | head -9) <(sort words | head -5) | wc -l; diff words /dev/null | wc -l")
    work.same("mkfifo f; (cat words >f &) ; grep -c word7 f; rm f; mktemp -u | wc -c; date -d @0 -u")


def test_archives(work):
    work.write("tree/a/b", "b\n", 0o640)
    work.write("tree/run", "#!/bin/sh\necho ran\n", 0o755)
    work.same("ln -s a/b tree/link; ln tree/run tree/hard; tar -C tree --sort=name --mtime=@0"
              " --owner=0 --group=0 --numeric-owner -cf t.tar . && sha256sum t.tar && tar -tvf t.tar")
    work.same("mkdir x && tar -C x -xf t.tar && ./x/run && readlink x/link && ls -l x | cut -c1-10"
              " && gzip -n9 t.tar && gzip -t t.tar.gz && sha256sum t.tar.gz")
    work.same_files("t.tar.gz", "x/**/*")


def test_perl(work):
    work.same("perl -MPOSIX -e 'print join(\",\", map { $_ * 2 } 1..5), \"\\n\"; $p = fork // die; "
              "exit 3 unless $p; waitpid($p, 0); print WEXITSTATUS($?), \"\\n\"'")


def test_locks_and_memory_maps(work):
    work.same("exec 9>lock; flock -n 9 && (flock -n 9 || echo held) && flock -u 9; "
              "flock lock -c 'echo locked'")
    work.same("/usr/bin/python3 -c 'import mmap, os\nf = open(\"m\", \"w+b\"); f.truncate(8192)\n"
              "m = mmap.mmap(f.fileno(), 0); m[4096:4099] = b\"abc\"; m.flush(); m.close()\n"
              "print(open(\"m\", \"rb\").read().index(b\"abc\"), os.sysconf(\"SC_PAGESIZE\"))'")
