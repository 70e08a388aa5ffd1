"""What the tests of belljar-files share: how it is run, what it said, trees and archives for it."""

import io
import json
import os
import subprocess
import tarfile
import urllib.parse
from pathlib import Path

from program import BELLJAR, FAULTS

PROGRAM = str(Path(BELLJAR).with_name("belljar-files"))
FAULTY = str(Path(FAULTS).with_name("belljar-files"))
SECONDS = 20  # for one operation; it takes milliseconds

NAMES = ["plain", "sp ace", "quo\"te", "back\\slash", "tab\t", "new\nline", "esc\x1b[31m", "ümläut",
         "你好", "\u202eabc", "bad\udcff", "\udc80\udc81", "per%cent", "x" * 255]


class Result:
    """What one operation said."""

    def __init__(self, status, lines):
        self.status = status
        records = [json.loads(line) for line in lines.splitlines()]
        self.last = records.pop()
        self.records = records

    @property
    def error(self):
        assert "error" in self.last, self.last
        return self.last["error"]["code"]

    @property
    def end(self):
        assert self.status == 0 and self.last.get("end") is True, (self.status, self.last)
        return self.last

    @property
    def paths(self):
        assert self.end
        return [raw(record) for record in self.records]


def raw(record, name="path"):
    """A name as the kernel has it."""
    encoded = record.get(name + "_encoded")
    return os.fsdecode(urllib.parse.unquote_to_bytes(encoded)) if encoded else record[name]


def runner(top):
    """What runs one operation in the directory `top`."""
    def run(*words, input=b"", program=PROGRAM, check_stderr=True, **options):
        done = subprocess.run([program, *map(os.fsencode, map(str, words))], input=input,
                              capture_output=True, timeout=SECONDS, cwd=top, check=False, env={},
                              **options)
        tar = "tar-out" in words
        assert not check_stderr or tar or done.stderr == b""
        result = Result(done.returncode, done.stderr if tar else done.stdout)
        result.out = done.stdout
        return result

    run.top = top
    return run


def fill(top, tree):
    for name, content in tree.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content)


def archive(*members, gz=False):
    """(name, kind, what): f content, l target, h target, d, p, c."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz" if gz else "w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, what, *mode in members:
            info = tarfile.TarInfo(name)
            info.mode = mode[0] if mode else 0o755 if kind == "d" else 0o644
            info.mtime = 1000000000
            info.type = {"f": tarfile.REGTYPE, "l": tarfile.SYMTYPE, "h": tarfile.LNKTYPE,
                         "d": tarfile.DIRTYPE, "p": tarfile.FIFOTYPE, "c": tarfile.CHRTYPE}[kind]
            info.devmajor, info.devminor = (1, 3) if kind == "c" else (0, 0)
            if kind == "f":
                info.size = len(what)
                tar.addfile(info, io.BytesIO(what))
            else:
                info.linkname = what or ""
                tar.addfile(info)
    return out.getvalue()
