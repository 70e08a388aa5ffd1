"""Archives that belljar-files packs and unpacks: a tree survives, and none leads out of its place.

Apart from test_files_program.py, which has what the program does to files and directories.
"""

import gzip
import io
import os
import stat
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from files_program import NAMES, PROGRAM, SECONDS, archive, fill


@pytest.mark.parametrize("gz", [False, True])
def test_a_tree_survives_an_archive(files, gz):
    for i, name in enumerate(NAMES):
        (files.top / "t" / f"d{i}").mkdir(parents=True)
        path = files.top / "t" / f"d{i}" / name
        path.write_bytes(os.fsencode(name) * 1000)
        os.utime(path, ns=(5, 1234567890123456789 + i))
    fill(files.top, {"t/empty": "", "t/big": b"\1" * 3000000, "t/ro/x": "y"})
    os.symlink("big", files.top / "t/l")
    os.link(files.top / "t/big", files.top / "t/second")
    (files.top / "t/ro").chmod(0o500)
    packed = files("tar-out", *(["--gzip"] if gz else []), "t")
    if gz:
        assert len(gzip.decompress(packed.out)) > 2 * len(packed.out)
    with tarfile.open(fileobj=io.BytesIO(packed.out)) as tar:  # what others make of it
        assert len(tar.getmembers()) == packed.end["entries"]
        assert {os.path.basename(m.name) for m in tar} >= set(NAMES)
    assert files("tar-in", "back/again", input=packed.out).end["entries"] == packed.end["entries"]
    (files.top / "t/ro").chmod(0o700)
    assert (files.top / "back/again/t/ro").stat().st_mode & 0o777 == 0o500
    (files.top / "back/again/t/ro").chmod(0o700)
    assert not subprocess.run(["diff", "-r", "--no-dereference", "t", "back/again/t"], cwd=files.top,
                              capture_output=True, check=False).stdout
    name = f"t/d3/{NAMES[3]}"
    assert (files.top / "back/again" / name).stat().st_mtime_ns == 1234567890123456789 + 3
    assert (files.top / "back/again/t/second").stat().st_nlink == 2
    contents = files("tar-out", "--contents", "t/d0")
    with tarfile.open(fileobj=io.BytesIO(contents.out)) as tar:
        assert tar.getnames() == ["plain"]


def test_others_archives_are_taken(files, tmp_path):
    fill(tmp_path / "made", {"d/a": "1", "d/" + "n" * 200: "2", "d/" + "é" * 60: "3"})
    for kind in ("ustar", "gnu", "pax", "v7"):
        data = subprocess.run(["tar", "-cf", "-", f"--format={kind}", "--ignore-failed-read", "./d"],
                              cwd=tmp_path / "made", capture_output=True, check=False).stdout
        assert files("tar-in", kind, input=data).end["entries"] >= 2, kind
        assert (files.top / kind / "d/a").read_text() == "1"
    assert files("tar-in", "none", input=b"").end["entries"] == 0
    assert files("tar-in", "junk", input=b"no archive at all" * 100).error == "INVALID"
    assert (files.top / "none").is_dir() and not (files.top / "junk").exists()
    data = archive(("a", "f", b"x" * 100000))
    assert files("tar-in", "cut", input=data[:50000]).error == "INVALID"


OUTSIDE = "outside/victim"
ATTACKS = {
    "parent": [("../outside/new", "f", b"bad")],
    "parent inside": [("d/../../outside/new", "f", b"bad")],
    "absolute": [("@/outside/new", "f", b"bad")],
    "through a link": [("l", "l", "../outside"), ("l/new", "f", b"bad")],
    "through an absolute link": [("l", "l", "@/outside"), ("l/new", "f", b"bad")],
    "through two links": [("a", "l", "."), ("a/b", "l", "../outside"), ("b/new", "f", b"bad")],
    "second name": [("h", "h", "../outside/victim"), ("h", "f", b"bad")],
    "second name through a link": [("l", "l", "../outside"), ("h", "h", "l/victim")],
    "onto a link": [("l", "l", "../outside/victim"), ("l", "f", b"bad")],
    "directory through a link": [("l", "l", "../outside"), ("l/sub", "d", None)],
    "permissions through a link": [("l", "l", "../outside"), ("l/", "d", None, 0o777)],
    "device": [("null", "c", None)],
    "fifo": [("p", "p", None)],
    "set-id": [("s", "f", b"#!/bin/sh\n", 0o4755)],
}


def seen_outside(base):
    return {str(path.relative_to(base)): (path.lstat().st_mode, path.lstat().st_nlink,
                                         path.read_bytes() if path.is_file() else None)
            for path in [base / "outside", *(base / "outside").rglob("*")]}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_archive_cannot_leave(files, tmp_path, name):
    base = tmp_path / "base"
    fill(base, {OUTSIDE: "good"})
    (base / "outside").chmod(0o700)
    (base / "in").mkdir()
    before = seen_outside(base)
    data = archive(*[(n.replace("@", str(base)), k,
                      w.replace("@", str(base)) if isinstance(w, str) else w, *m)
                     for n, k, w, *m in ATTACKS[name]])
    result = files("tar-in", str(base / "in"), input=data)
    assert seen_outside(base) == before
    assert name == "onto a link" or result.error in ("INVALID", "NOT_FOUND", "CONFLICT")
    for path in (base / "in").rglob("*"):
        mode = path.lstat().st_mode
        assert stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)
        assert stat.S_ISLNK(mode) or not mode & 0o6000


def test_the_attacks_work_on_others(tmp_path):
    """The other half: an unpacker that follows the archive is led out by these."""
    worked = []
    for name in ("parent", "through a link", "absolute", "directory through a link"):
        base = tmp_path / name.replace(" ", "-")
        fill(base, {OUTSIDE: "good"})
        (base / "in").mkdir()
        before = seen_outside(base)
        for member, kind, what, *_ in ATTACKS[name]:
            path = Path(os.path.join(base / "in", member.replace("@", str(base))))
            if kind == "l":
                os.symlink(what, path)
            elif kind == "d":
                path.mkdir()
            else:
                path.write_bytes(what)
        if seen_outside(base) != before:
            worked.append(name)
    assert len(worked) == 4


def test_limits_of_archives(files):
    fill(files.top, {"d/a": "x" * 1000, "d/b": "y" * 1000})
    assert files("tar-out", "--bytes=1500", "d").error == "LIMIT"
    data = files("tar-out", "d").out
    assert files("tar-in", "--bytes=1500", "x", input=data).error == "LIMIT"
    assert files("tar-in", "--entries=2", "x", input=data).error == "LIMIT"
    assert files("tar-in", "y", input=data).end
    assert files("tar-in", "--keep", "y", input=data).error == "CONFLICT"
    assert files("tar-in", "y", input=data).end
    assert files("tar-out", "gone").error == "NOT_FOUND"


def test_a_file_that_shrinks_while_it_is_packed(files):
    (files.top / "d").mkdir()
    path = files.top / "d/a"
    path.write_bytes(b"x" * (8 << 20))
    (files.top / "d/b").write_text("after")
    process = subprocess.Popen([PROGRAM, "tar-out", "d"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, cwd=files.top)
    first = os.read(process.stdout.fileno(), 1)  # the pipe is full of the first part now
    time.sleep(0.1)
    os.truncate(path, 100)
    rest, err = process.communicate(timeout=SECONDS)
    with tarfile.open(fileobj=io.BytesIO(first + rest)) as tar:
        assert tar.extractfile("d/b").read() == b"after"
        assert tar.getmember("d/a").size == 8 << 20
    assert "shrank" in err.decode()
