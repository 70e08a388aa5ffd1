"""belljar-files, as a plain program: it does with a directory what the service asks of it.

What the service relies on: every name survives, nothing special is waited for, budgets hold, and
what others do to the tree meanwhile leads nowhere.
"""

import contextlib
import errno
import grp
import hashlib
import json
import os
import pwd
import resource
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest
from files_program import FAULTY, NAMES, PROGRAM, SECONDS, Result, archive, fill, raw
from program import AS_ROOT, wait_until


# ---- entries ----

def test_names_survive(files):
    for name in NAMES:
        (files.top / name).write_text(name, errors="surrogateescape")
    listed = files("list", ".")
    assert listed.paths == sorted((str(files.top / name) for name in NAMES), key=os.fsencode)
    assert "\x1b" not in listed.out.decode() and len(listed.out.splitlines()) == len(NAMES) + 1
    for record in listed.records:
        assert raw(record, "name") == os.path.basename(raw(record))
        assert raw(files("stat", raw(record)).records[0]) == raw(record)


def named(look_up, number):
    try:
        return look_up(number)[0]
    except KeyError:
        return str(number)


def test_an_entry_is_as_the_kernel_has_it(files):
    path = files.top / "f"
    path.write_bytes(b"12345")
    path.chmod(0o1640)
    os.utime(path, ns=(1, 1234567890123456789))
    entry, status = files("stat", "f").records[0], path.stat()
    assert entry == {
        "path": str(path), "name": "f", "type": "file", "size": 5,
        "allocated": status.st_blocks * 512, "mode": 0o1640, "permissions": "-rw-r----T",
        "links": 1, "uid": status.st_uid, "gid": status.st_gid, "owner": named(pwd.getpwuid, status.st_uid),
        "group": named(grp.getgrgid, status.st_gid), "mtime_ns": 1234567890123456789, "ctime_ns": status.st_ctime_ns,
        "atime_ns": 1}


def test_kinds_and_links(files):
    top = files.top
    (top / "d").mkdir()
    os.mkfifo(top / "p")
    bound = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(top)
    bound.bind("s")
    os.chdir(here)
    os.symlink("d/../d", top / "l")
    os.symlink("loop", top / "loop")
    os.symlink("nowhere", top / "n")
    entries = {entry["name"]: entry for entry in files("list", ".").records}
    assert {name: entry["type"] for name, entry in entries.items()} == {
        "d": "directory", "p": "fifo", "s": "socket", "l": "symlink", "loop": "symlink",
        "n": "symlink"}
    assert entries["l"]["target"] == "d/../d" and entries["l"]["target_path"] == str(top / "d")
    assert entries["l"]["target_type"] == "directory" and entries["l"]["target_mode"] == 0o755
    assert entries["loop"]["target_path"] is None and entries["n"]["target_type"] is None
    assert files("stat", "--follow", "l").records[0]["type"] == "directory"
    for mode in (0o7777, 0o6666, 0o0, 0o755, 0o4711):
        path = top / "mode"
        path.touch()
        path.chmod(mode)
        if AS_ROOT or mode & 0o777:
            assert files("stat", "mode").records[0]["permissions"] == stat.filemode(
                path.stat().st_mode)


def test_a_directory_is_followed_by_its_children(files):
    fill(files.top, {"b/x": "", "b/y/z": "", "a": "", "b-c": "", "c": ""})
    os.symlink("b", files.top / "l")
    names = lambda *words: [os.path.relpath(path, files.top) for path in files(*words).paths]
    assert names("list", ".") == ["a", "b", "b-c", "c", "l"]
    assert names("list", "--depth=2", ".") == ["a", "b", "b/x", "b/y", "b-c", "c", "l"]
    assert names("list", "--depth=9", "l") == ["l/x", "l/y", "l/y/z"]
    cut = files("list", "--depth=9", "--limit=4", ".")
    assert len(cut.paths) == 4 and cut.end["truncated"] == "limit"
    assert files("list", "--limit=5", ".").end["truncated"] is None
    assert files("list", "--depth=9", "--entries=3", ".").end["truncated"] == "entries"
    assert files("list", "a").error == "INVALID"
    assert files("list", "gone").error == "NOT_FOUND"


def test_many_names_take_little_memory(files):
    for i in range(20000):
        os.close(os.open(files.top / f"a-rather-long-name-{i:06}", os.O_CREAT))

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (24 << 20, 24 << 20))

    cut = files("list", "--limit=10", ".", preexec_fn=limit)
    assert [record["name"][-6:] for record in cut.records] == [f"{i:06}" for i in range(10)]


def test_a_tree_deeper_than_any_path(files):
    levels, fd = 1500, os.open(files.top, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("deep-enough", dir_fd=fd)
        below = os.open("deep-enough", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    assert files("list", "--depth=256", ".").end["truncated"] == "depth"
    assert files("usage", ".").end["truncated"] == "depth"
    assert files("copy", "deep-enough", "copied").error == "LIMIT"
    files("remove", "--recursive", "copied").end

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))

    assert files("remove", "--recursive", "deep-enough", preexec_fn=limit).end["removed"] == levels
    assert os.listdir(files.top) == []


# ---- changes ----

def test_mkdir(files):
    assert files("mkdir", "a/b/c").records[0]["created"] is True
    again = files("mkdir", "a/b/c").records[0]
    assert again["created"] is False and again["type"] == "directory"
    assert files("mkdir", "--mode=1770", "p/q").records[0]["mode"] == 0o1770
    assert files("stat", "p").records[0]["mode"] == 0o755
    (files.top / "f").touch()
    assert files("mkdir", "f").error == "INVALID"
    assert files("mkdir", "f/x").last["error"]["errno"] == "ENOTDIR"
    assert files("mkdir", "--mode=4755", "s").error == "INVALID"


def test_move_and_copy(files):
    fill(files.top, {"a/x": "one", "a/y": "two", "other": "three"})
    os.symlink("x", files.top / "a/l")
    os.mkfifo(files.top / "a/p")
    (files.top / "a/x").chmod(0o640)
    copied = files("copy", "a", "b")
    assert (copied.end["copied"], copied.end["skipped"]) == (4, 1)
    assert os.readlink(files.top / "b/l") == "x" and (files.top / "b/x").stat().st_mode & 0o777 == 0o640
    assert files("copy", "a", "new/place").error == "NOT_FOUND"
    assert files("copy", "--parents", "a", "new/place").end
    assert files("copy", "--keep", "a", "b").error == "CONFLICT"
    assert files("copy", "other", "other").error == "INVALID"
    assert (files.top / "other").read_text() == "three"
    assert files("copy", "a", "a/in/itself").error == "NOT_FOUND"
    assert files("copy", "a", "a/itself").end["copied"] == 4
    assert files("copy", "--bytes=4", "a", "less").error == "LIMIT"
    assert files("move", "--keep", "a/x", "other").error == "CONFLICT"
    assert files("move", "a/x", "no/such/place").error == "NOT_FOUND"
    assert files("move", "--parents", "gone", "made/x").error == "NOT_FOUND"
    assert not (files.top / "made").exists()
    assert raw(files("move", "--parents", "a/x", "made/x").records[0]) == str(files.top / "made/x")
    assert files("move", "other", "made/x").end and (files.top / "made/x").read_text() == "three"


def test_holes_stay_holes(files):
    with open(files.top / "h", "wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 30)
        file.write(b"data")
    files("copy", "h", "c").end
    status = (files.top / "c").stat()
    assert status.st_size == 1 << 40 and status.st_blocks < 100
    with open(files.top / "c", "rb") as file:
        file.seek(1 << 30)
        assert file.read(5) == b"data\0"


def test_remove(files):
    fill(files.top, {"d/e/f": "", "d/g": "", "kept/x": ""})
    os.symlink("../kept", files.top / "d/l")
    assert files("remove", "d").error == "CONFLICT"
    assert files("remove", "--recursive", "d").end["removed"] == 5
    assert files("remove", "d").error == "NOT_FOUND"
    assert files("remove", "--missing", "d").end["removed"] == 0
    assert files("remove", "kept/x").end["removed"] == 1
    assert files("remove", "kept").end["removed"] == 1


def test_permissions(files):
    fill(files.top, {"d/e/f": ""})
    outside = files.top.parent / "outside"
    outside.touch(0o600)
    os.symlink(outside, files.top / "d/l")
    assert files("chmod", "--recursive", "500", "d").end["changed"] == 3
    assert (files.top / "d/e/f").stat().st_mode & 0o777 == 0o500
    assert outside.stat().st_mode & 0o777 == 0o600
    for mode in ("4755", "2755", "8", "", "u+s", "-1", "77777777777777777777"):
        assert files("chmod", "--", mode, "d").error == "INVALID"
    assert files("chown", f"{os.getuid()}:{os.getgid()}", "d").end["changed"] == 1
    assert "user not found" in files("chown", "nobody-at-all", "d").last["error"]["message"]
    if not AS_ROOT:
        assert files("chown", "0", "d").error == "DENIED"


def test_attributes(files):
    (files.top / "f").touch()
    try:
        os.setxattr(files.top / "f", "user.old", b"x")
    except OSError:
        pytest.skip("this host lacks extended attributes in its temporary directory")
    set_some = files("xattr", "--xattrs=user.", "f", "user.a=1", "user.b=")
    assert set_some.records[0]["xattrs"] == {"user.a": {"value": "1"}, "user.b": {"value": ""}}
    os.setxattr(files.top / "f", "user.b", b"\xff\x00")
    some = files("stat", "--xattrs=user.b", "f").records[0]["xattrs"]
    assert some == {"user.b": {"value": "\ufffd\0", "value_encoded": "%FF%00"}}
    assert files("xattr", "f", "trusted.a=1").error == "INVALID"


# ---- edit ----

def edit(files, old, new, *words):
    return files("edit", f"--old={len(old)}", *words, input=old + new)


def test_edit(files):
    path = files.top / "f"
    path.write_bytes(b"one\ntwo two\n\xff\0three\n")
    path.chmod(0o751)
    assert edit(files, b"two", b"2", "f").error == "CONFLICT"
    assert edit(files, b"four", b"4", "f").error == "NOT_FOUND"
    done = edit(files, b"\xff\0", b"", "f").end
    assert (done["replaced"], done["line"], done["size"]) == (1, 3, 18)
    assert edit(files, b"two", b"zwei\n", "--all", "f").end["replaced"] == 2
    assert path.read_bytes() == b"one\nzwei\n zwei\n\nthree\n"
    assert path.stat().st_mode & 0o777 == 0o751
    assert edit(files, b"x", b"y", "gone").error == "NOT_FOUND"
    assert files("edit", "--old=9", "f", input=b"short").error == "INVALID"
    assert files("edit", "f", input=b"short").error == "INVALID"
    assert os.listdir(files.top) == ["f"]


def test_edit_keeps_what_a_file_is(files):
    fill(files.top, {"one": "a", "d/target": "a"})
    os.link(files.top / "one", files.top / "two")
    os.symlink("d/target", files.top / "l")
    edit(files, b"a", b"b", "one").end
    assert (files.top / "two").read_text() == "b"
    edit(files, b"a", b"b", "l").end
    assert (files.top / "l").is_symlink() and (files.top / "d/target").read_text() == "b"


def test_edit_that_finds_no_room_leaves_the_file(files):
    path = files.top / "f"
    path.write_bytes(b"a" + b"x" * 5000)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    assert edit(files, b"a", b"b" * 8000, "f").end  # without the limit
    path.write_bytes(b"a" + b"x" * 5000)
    done = files("edit", "--old=1", "f", input=b"a" + b"b" * 8000, preexec_fn=limit)
    assert done.error == "LIMIT"
    assert path.read_bytes() == b"a" + b"x" * 5000 and os.listdir(files.top) == ["f"]


# ---- glob ----

TREE = ["a.c", "b.h", "src/a.c", "src/x/b.c", "src/x/y/c.py", ".hidden/d.c", "sp ace/e[1].c", "Ä.C"]


@pytest.mark.parametrize("pattern, found", [
    ("*.c", ["a.c"]),
    ("**/*.c", [".hidden/d.c", "a.c", "sp ace/e[1].c", "src/a.c", "src/x/b.c"]),
    ("**/*.{c,py}", [".hidden/d.c", "a.c", "sp ace/e[1].c", "src/a.c", "src/x/b.c", "src/x/y/c.py"]),
    ("src/**", ["src/a.c", "src/x/b.c", "src/x/y/c.py"]),
    ("src/**/*.py", ["src/x/y/c.py"]),
    ("**/x/**/c.py", ["src/x/y/c.py"]),
    ("./src//a.c", ["src/a.c"]),
    ("src/../*.h", ["b.h"]),
    ("[ab].[ch]", ["a.c", "b.h"]),
    ("[!a].*", ["b.h", "Ä.C"]),
    ("?.C", ["Ä.C"]),
    ("**/e\\[1\\].c", ["sp ace/e[1].c"]),
    ("{src,.hidden}/{a,d}.c", [".hidden/d.c", "src/a.c"]),
    ("{a,{b,c}}.{c,h}", ["a.c", "b.h"]),
    ("no/such/*.c", []),
    ("a.c/*", []),
])
def test_glob(files, pattern, found):
    fill(files.top, {name: "" for name in TREE})
    result = files("glob", "--type=file", "--order=name", pattern, ".")
    assert [os.path.relpath(path, files.top) for path in result.paths] == found
    absolute = files("glob", "--type=file", "--order=name", f"{files.top}/{pattern}", "/")
    assert [os.path.relpath(path, files.top) for path in absolute.paths] == found


@pytest.mark.parametrize("pattern", ["", "{a,b", "[a", "a\\", "a[", "{,}", "[a/b]", "a\\/b",
                                     "{a,b}" * 8, "/".join("*" * 70), "{" * 20 + "a" + "}" * 20,
                                     "x" * 5000])
def test_what_is_no_pattern(files, pattern):
    assert files("glob", pattern, ".").error in ("INVALID", "LIMIT")


def test_glob_has_the_newest_first(files):
    for i in range(50):
        path = files.top / f"f{i:02}"
        path.touch()
        os.utime(path, (i * 37 % 50, i * 37 % 50))
    found = files("glob", "--limit=3", "*", ".")
    assert [entry["mtime_ns"] for entry in found.records] == [49 * 10**9, 48 * 10**9, 47 * 10**9]
    assert found.end["truncated"] == "limit"
    (files.top / "sub").mkdir()
    assert [entry["name"] for entry in files("glob", "--type=directory", "**", ".").records] == ["sub"]
    assert files("glob", "--ignore-case", "F0?", ".").end["truncated"] is None
    assert len(files("glob", "--ignore-case", "F0?", ".").records) == 10


def test_a_pattern_that_could_go_on_for_ever(files):
    (files.top / ("a" * 250)).touch()
    start = time.monotonic()
    assert files("glob", "*a" * 100 + "b", ".").paths == []
    assert files("glob", "**/" * 60 + "b", ".").paths == []
    assert time.monotonic() - start < 5


# ---- search ----

def lines(result):
    assert result.end
    return [(os.path.basename(raw(r)), r["line"], r["text"], r["match"]) for r in result.records]


def test_search(files):
    fill(files.top, {"a": "one\ntwo\nthree\nfour\r\nTwo\n", "d/b": "two two", "bin": b"two\0",
                     "e": "", "ü": "zwei äöü"})
    assert lines(files("search", "two", ".")) == [("a", 2, "two", True), ("b", 1, "two two", True)]
    assert lines(files("search", "--ignore-case", "TWO$", "a")) == [
        ("a", 2, "two", True), ("a", 5, "Two", True)]
    assert lines(files("search", "four$", "a")) == [("a", 4, "four", True)]
    assert lines(files("search", "--before=1", "--after=1", "three|four", "a")) == [
        ("a", 2, "two", False), ("a", 3, "three", True), ("a", 4, "four", True),
        ("a", 5, "Two", False)]
    assert lines(files("search", "--fixed", "t.o", ".")) == []
    assert lines(files("search", "ä\\w{2}$", ".")) == [("ü", 1, "zwei äöü", True)]
    assert [r["count"] for r in files("search", "--show=count", "(?i)two", ".").records] == [2, 1]
    names = files("search", "--show=files", "two", ".")
    assert [os.path.basename(path) for path in names.paths] == ["a", "b"]
    assert (names.end["matches"], names.end["files"], names.end["skipped"]) == (2, 2, 1)
    record = files("search", "two$", "d/b").records[0]
    assert (record["column"], record["from"], record["to"]) == (5, 4, 7)
    assert files("search", "(", ".").error == "INVALID"
    assert files("search", "x", "gone").error == "NOT_FOUND"
    assert files("search", "--limit=1", "two", ".").end["truncated"] == "limit"


def test_search_in_some_files(files):
    fill(files.top, {name: "x" for name in ("a.c", "b.py", "d/c.c", "d/e/f.c", ".git/g.c")})
    found = lambda *words: [os.path.relpath(path, files.top) for path in
                            files("search", "--show=files", *words, "x", ".").paths]
    assert found("--glob=*.c", "--exclude=.git") == ["a.c", "d/c.c", "d/e/f.c"]
    assert found("--glob=d/*.c") == ["d/c.c"]
    assert found("--glob=*.{c,py}", "--glob=!d/**") == [".git/g.c", "a.c", "b.py"]
    assert found("--glob=!*.c") == ["b.py"]
    assert found("--glob=!d", "--glob=!.git") == ["a.c", "b.py"]
    for i, name in enumerate(["b.py", "d/c.c", "a.c"]):
        os.utime(files.top / name, (2000000000 + i, 2000000000 + i))
    assert found("--order=newest", "--limit=3") == ["a.c", "d/c.c", "b.py"]


def test_search_across_lines(files):
    fill(files.top, {"a": "x\nstart\nmiddle\nend y\nstart end\nz\n"})
    found = files("search", "--multiline", "--before=1", "start.*?end", "a")
    assert lines(found) == [("a", 1, "x", False), ("a", 2, "start", True), ("a", 3, "middle", True),
                            ("a", 4, "end y", True), ("a", 5, "start end", True)]
    assert lines(files("search", "start.*end", "a")) == [("a", 5, "start end", True)]
    assert lines(files("search", "--multiline", "z\\n", "a")) == [("a", 6, "z", True)]


def test_long_lines_are_cut_around_the_match(files):
    fill(files.top, {"a": "é" * 100000 + "needle" + "ü" * 100000})
    record = files("search", "--line-bytes=100", "needle", "a").records[0]
    assert record["cut"] is True and len(record["text"].encode()) <= 100
    text = record["text"].encode()
    assert text[record["from"]:record["to"]] == b"needle" and record["column"] == 200001


def test_search_gives_up_on_what_takes_too_long(files):
    fill(files.top, {"a": "a" * 50000 + "\nfine\n"})
    start = time.monotonic()
    found = files("search", "(a+)+$x|fine", "a")
    assert time.monotonic() - start < 10
    assert lines(found) == [("a", 2, "fine", True)] and found.end["gave_up"] == 1
    (files.top / "big").write_text("a" * 500 + "\n" + ("a" * 500 + "\n") * 20000)
    start = time.monotonic()
    assert files("search", "--time=300", "(a+)+[xy]", "big").end["truncated"] == "time"
    assert time.monotonic() - start < 5


# ---- special files ----

@pytest.mark.parametrize("kind", ["fifo", "socket", "endless"])
def test_special_files_are_not_waited_for(files, kind):
    path = files.top / "s"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        os.mknod(path, 0o600 | stat.S_IFSOCK)
    else:
        os.symlink("/dev/zero", path)
    for words in (["hash", "s"], ["search", "x", "s"], ["edit", "--old=1", "s"],
                  ["xattr", "s", "user.a=1"]):
        assert files(*words, input=b"xx").error == "INVALID", words
    assert lines(files("search", "x", ".")) == []
    assert files("stat", "s").end
    copied = files("copy", "s", "copied")
    assert copied.end if kind == "endless" else copied.error == "INVALID"
    (files.top / "copied").unlink(missing_ok=True)
    assert files("tar-out", ".").end
    assert files("usage", ".").end["others"] == 1


def test_an_endless_file_is_bounded(files):
    path = "/proc/self/pagemap"  # 256 TiB of it, and no end in sight
    if not os.path.exists(path):
        pytest.skip("this host lacks /proc/self/pagemap")
    assert files("hash", "--time=200", path).error in ("TIMEOUT", "DENIED", "SYSTEM")


def test_usage_and_hash(files):
    fill(files.top, {"a": "12345", "d/b": "678"})
    os.link(files.top / "a", files.top / "d/c")
    end = files("usage", ".").end
    assert (end["bytes"], end["files"], end["directories"], end["others"]) == (8, 3, 2, 0)
    assert end["total"] >= end["free"] > 0
    for name in ("sha256", "sha1", "sha512", "md5"):
        record = files("hash", f"--algorithm={name}", "a").records[0]
        assert record["hash"] == hashlib.new(name, b"12345").hexdigest() and record["size"] == 5
    assert files("hash", "a", "gone").error == "NOT_FOUND"


# ---- watch ----

class Watch:
    """A watch and what it has told so far."""

    def __init__(self, top, *words):
        self.process = subprocess.Popen([PROGRAM, "watch", *words, "."], stdout=subprocess.PIPE,
                                        cwd=top)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = b""
        assert wait_until(lambda: self.told() and self.lines[0] == {"start": True})

    def told(self):
        self.text += self.process.stdout.read() or b""
        self.lines = [json.loads(line) for line in self.text.split(b"\n")[:-1]]
        return self.lines

    def events(self, count):
        """The first so many, or all that came in time."""
        wait_until(lambda: len(self.told()) > count)
        return [(line["event"], line.get("relative")) for line in self.lines[1:]]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_watch(files):
    fill(files.top, {"d/old": ""})
    watch = Watch(files.top, "--recursive", "--entry")
    try:
        (files.top / "d/old").chmod(0o600)
        (files.top / "new").mkdir()
        wait_until(lambda: len(watch.told()) > 2)
        (files.top / "new/f").write_text("x" * 10)
        wait_until(lambda: len(watch.told()) > 4)
        (files.top / "new").rename(files.top / "renamed")
        wait_until(lambda: len(watch.told()) > 7)
        (files.top / "renamed/f").unlink()
        assert watch.events(8) == [
            ("chmod", "d/old"), ("create", "new"), ("create", "new/f"), ("write", "new/f"),
            ("rename", "new"), ("create", "renamed"), ("create", "renamed/f"),
            ("remove", "renamed/f")]
        assert watch.lines[1]["mode"] == 0o600 and watch.lines[2]["directory"] is True
        os.symlink("/", files.top / "l")
        assert watch.events(9)[-1] == ("create", "l")
    finally:
        watch.stop()


def test_watch_misses_nothing_in_new_directories(files):
    watch = Watch(files.top, "--recursive")
    try:
        for i in range(200):
            (files.top / f"d{i}/a/b").mkdir(parents=True)
            (files.top / f"d{i}/a/b/f").touch()
        expected = {f"d{i}/{rest}".rstrip("/") for i in range(200) for rest in ("", "a", "a/b", "a/b/f")}
        assert wait_until(lambda: expected <= {line.get("relative") for line in watch.told()})
    finally:
        watch.stop()


def test_watch_ends_with_its_directory_and_its_reader(files):
    (files.top / "d").mkdir()
    process = subprocess.Popen([PROGRAM, "watch", "d"], stdout=subprocess.PIPE, cwd=files.top)
    assert json.loads(process.stdout.readline()) == {"start": True}
    (files.top / "d").rmdir()
    assert json.loads(process.stdout.readline()) == {"end": True, "truncated": None}
    assert process.wait(SECONDS) == 0
    process = subprocess.Popen([PROGRAM, "watch", "."], stdout=subprocess.PIPE, cwd=files.top)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(SECONDS) != 0
    assert files("watch", "gone").error == "NOT_FOUND"
    (files.top / "f").touch()
    assert files("watch", "f").error == "INVALID"


def test_watch_says_that_some_were_lost(files):
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
        most = int(file.read())
    if most > 100000:
        pytest.skip("this host lacks a short queue of events")
    watch = Watch(files.top)
    try:
        os.kill(watch.process.pid, signal.SIGSTOP)
        for i in range(most // 2 + 100):  # a create and a chmod each, no two alike
            os.close(os.open(files.top / f"{i}", os.O_CREAT))
            os.chmod(files.top / f"{i}", 0o600)
        os.kill(watch.process.pid, signal.SIGCONT)
        assert wait_until(lambda: {"event": "overflow"} in watch.told())
    finally:
        watch.stop()


# ---- others at work ----

def test_a_directory_turned_into_a_link_leads_nowhere(files, tmp_path):
    """Somebody swaps a directory for a link while it is removed or its permissions change."""
    victim = tmp_path / "victim"
    fill(victim, {f"f{i}": "good" for i in range(20)})
    spot, link = files.top / "t/spot", files.top / "link"
    fill(files.top, {f"t/spot/f{i}": "" for i in range(20)})
    os.symlink(victim, link)
    done = threading.Event()

    def swap():
        aside = files.top / "aside"
        while not done.is_set():
            for one, other in ((spot, aside), (link, spot), (spot, link), (aside, spot)):
                with contextlib.suppress(OSError):
                    os.rename(one, other)
            with contextlib.suppress(OSError):
                if not link.is_symlink():
                    os.symlink(victim, link)
                spot.mkdir()

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(60):
            files("chmod", "--recursive", "700", "t")
            files("tar-out", "t")
            files("remove", "--recursive", "t")
            fill(files.top, {"t/keep": ""})
    finally:
        done.set()
        thread.join()
    assert sorted(os.listdir(victim)) == sorted(f"f{i}" for i in range(20))
    assert all(path.stat().st_mode & 0o777 != 0o700 for path in victim.iterdir())


@pytest.mark.parametrize("words, input", [
    (["list", "--depth=9", "."], b""), (["glob", "**/*", "."], b""), (["search", "x", "."], b""),
    (["copy", "d", "c"], b""), (["edit", "--old=1", "d/f"], b"xy"), (["tar-out", "d"], b""),
    (["tar-in", "u"], None), (["remove", "--recursive", "d"], b""), (["usage", "."], b""),
    (["hash", "d/f"], b""), (["move", "--parents", "d", "n/m"], b"")], ids=lambda w: w[0] if w else "")
def test_every_failure_is_told(files, words, input):
    """Each system call and allocation fails in turn: an error at worst, never a crash."""
    if not os.path.exists(FAULTY):
        pytest.fail("build the program with -Dfaults=true first")
    if input is None:
        input = archive(("a", "d", None), ("a/f", "f", b"x" * 10), ("a/l", "l", "f"))
    log = files.top.parent / "fault"
    for number in range(1, 2000):
        subprocess.run(["sh", "-c", "rm -rf -- * && mkdir -p d/e && echo x >d/f && ln -s f d/l && "
                        "ln d/f d/e/g"], cwd=files.top, check=True)
        log.unlink(missing_ok=True)
        done = subprocess.run(
            [FAULTY, *words], input=input, cwd=files.top, timeout=SECONDS, check=False,
            capture_output=True, env={"BELLJAR_FAULT": str(number),
                                      "BELLJAR_FAULT_ERRNO": str(errno.ENOSPC),
                                      "BELLJAR_FAULT_LOG": str(log)})
        assert done.returncode in (0, 124, 125, 126, 127), (number, done)
        text = done.stderr if words[0] == "tar-out" else done.stdout
        assert (text == b"" and done.returncode) or Result(done.returncode, text).last, done
        if words[0] == "edit":
            assert (files.top / "d/f").read_text() in ("x\n", "y\n"), number
        left = [name for name in os.listdir(files.top / "d") if name.startswith(".belljar")] \
            if (files.top / "d").is_dir() else []
        assert left == [], number
        if not log.read_bytes().strip(b"\0"):
            assert done.returncode == 0 and number > 5
            return
    pytest.fail("there is no end of calls")
