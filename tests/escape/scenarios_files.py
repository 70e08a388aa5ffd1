"""Scenarios of files, descriptors and what the host obeys."""

import fcntl
import os
import socket
from pathlib import Path

from scenario import Plain, scenario
from stage import Lacks, dangerous, snapshot


# ---- files ----

@scenario("host-file")
class HostFile(Plain):
    """A file of the attempt's name in one of the host's directories."""

    def judge(self, outcome):
        places = ["/", "/etc", "/usr", "/usr/bin", "/tmp", "/var/tmp", "/dev/shm", "/run", "/dev",
                  self.caller.home, self.caller.keep]
        found = [path for place in places
                 if (path := Path(place, f"bj-escape-{self.half.mark}")).exists()]
        for path in found:
            path.unlink()
        self.by_sight(outcome, found, f"on the host: {list(map(str, found))}")


@scenario("volume")
class Volume(Plain):
    mode = "ro"
    fact = "volume"

    def prepare(self):
        self.volume = self.half.workspace.with_name(f"volume-{self.half.workspace.name}")
        self.caller.make(self.volume, mode=0o755)
        self.caller.make(self.volume / "file", "content\n", 0o644)
        os.symlink(self.caller.keep, self.volume / "link")
        self.caller.own(self.volume / "link")
        self.half.volumes.append((self.volume, self.volume, self.mode))
        self.half.arguments.append(f"{self.fact}={self.volume}")
        self.before = snapshot(self.volume)

    def judge(self, outcome):
        self.also_by_sight(outcome, snapshot(self.volume) != self.before, "the volume changed")


@scenario("writable-volume")
class WritableVolume(Volume):
    mode = "rw"
    fact = "writable_volume"

    def judge(self, outcome):
        found = dangerous(self.volume)
        self.also_by_sight(outcome, found, str(found))


@scenario("mountpoint")
class MountPoint(Volume):
    """A volume whose target lies behind a link that the workload could have planted."""

    def prepare(self):
        super().prepare()
        self.target = self.caller.make(self.half.workspace.with_name(
            f"target-{self.half.workspace.name}"))
        os.symlink(self.target, self.half.workspace / "out")
        self.half.volumes.append((self.volume, self.half.workspace / "out" / "new", "ro"))
        self.half.accepts_failure = True

    def judge(self, outcome):
        made = list(self.target.iterdir())
        outcome.verdict = "REFUSED"
        self.by_sight(outcome, made, f"made behind the link: {made}")


@scenario("workdir")
class WorkingDirectory(Plain):
    def prepare(self):
        self.half.accepts_failure = True
        if self.parameter == "fd":
            fd = self.open(self.caller.keep, os.O_RDONLY | os.O_DIRECTORY)
            os.dup2(fd, 78)
            self.opened.append(78)
            self.half.pass_fds = (78,)
            self.half.start_directory = self.caller.keep
            self.half.inner_directory = "/proc/self/fd/78"
        else:
            os.symlink(self.caller.keep, self.half.workspace / "link")
            self.half.start_directory = self.half.workspace / "link"
            self.half.inner_directory = self.half.workspace / "link"


@scenario("left-behind")
class LeftBehind(Plain):
    def prepare(self):
        elsewhere = "/tmp" if self.half.inside else self.caller.directory
        self.half.arguments.append(f"elsewhere={elsewhere}/elsewhere-{self.half.mark}")

    def judge(self, outcome):
        found = dangerous(self.half.workspace)
        self.also_by_sight(outcome, found, str(found))


@scenario("core")
class Core(Plain):
    def judge(self, outcome):
        found = [path.name for path in self.half.workspace.iterdir()]
        self.also_by_sight(outcome, found, f"left: {found}")


# ---- descriptors ----

@scenario("leaked")
class Leaked(Plain):
    def prepare(self):
        for number, path in ((77, self.caller.keep / "secret"), (78, self.caller.keep),
                             (79, "/proc/self/ns/net")):
            os.dup2(self.open(path, os.O_RDONLY), number)
            self.opened.append(number)
        self.half.pass_fds = (77, 78, 79)


@scenario("stdin")
class Stdin(Plain):
    """Standard input is something of the caller's."""

    def prepare(self):
        self.file = None
        kind = self.parameter
        if kind == "directory":
            self.half.stdin = self.open(self.caller.keep, os.O_RDONLY)
        elif kind in ("udp", "tcp"):
            kinds = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
            self.half.stdin = socket.socket(socket.AF_INET, kinds[kind]).detach()
            self.opened.append(self.half.stdin)
        elif kind == "null":
            self.half.stdin = self.open("/dev/null", os.O_RDWR)
        elif kind == "console":
            try:
                self.half.stdin = self.open("/dev/tty1", os.O_RDWR | os.O_NOCTTY)
            except OSError as error:
                raise Lacks(f"a virtual console: {error.strerror}") from error
        else:
            self._prepare_file(kind)
        self.half.accepts_failure = kind in ("directory", "udp", "tcp")

    def _prepare_file(self, kind):
        self.file = self.caller.make(self.half.workspace.with_name(
            f"input-{self.half.workspace.name}"), self.caller.secret + "\n" + "line\n" * 9, 0o644)
        flags = os.O_RDONLY if kind in ("read", "skipped", "offset") else os.O_RDWR
        self.half.stdin = self.open(self.file, flags | (os.O_APPEND if kind == "flags" else 0))
        if kind == "skipped":
            os.lseek(self.half.stdin, len(self.caller.secret) + 1, os.SEEK_SET)
        self.before = snapshot(self.file)
        self.flags = fcntl.fcntl(self.half.stdin, fcntl.F_GETFL)

    def judge(self, outcome):
        if not self.file:
            return
        if self.parameter in ("flags", "lock"):
            # A pipe of the sandbox's own may well be locked and changed.
            self.by_sight(outcome, False, "not the caller's file")
        self.also_by_sight(outcome, snapshot(self.file) != self.before, "the caller's file changed")
        self.also_by_sight(outcome, fcntl.fcntl(self.half.stdin, fcntl.F_GETFL) != self.flags,
                           "the caller's flags changed")
        again = self.open(self.file, os.O_RDONLY)
        try:
            fcntl.flock(again, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            self.also_by_sight(outcome, True, "the caller's file is locked")


class OutputFile(Plain):
    """A stream is a file of the caller's, which already says something."""

    def prepare(self):
        self.head = self.caller.secret + "\n"
        self.file = self.caller.make(self.half.workspace.with_name(
            f"output-{self.half.workspace.name}"), self.head, 0o644)
        self.output = self.open(self.file, os.O_WRONLY)
        os.lseek(self.output, 0, os.SEEK_END)
        self.flags = fcntl.fcntl(self.output, fcntl.F_GETFL)

    def judge(self, outcome):
        if "flags" in self.half.row.name:
            self.by_sight(outcome, False, "not the caller's file")
        text = self.file.read_text(errors="replace")
        self.also_by_sight(outcome, not text.startswith(self.head),
                           "what the caller wrote before is gone")
        self.also_by_sight(outcome, self.file.stat().st_mode & 0o777 != 0o644, "its mode changed")
        self.also_by_sight(outcome, fcntl.fcntl(self.output, fcntl.F_GETFL) != self.flags,
                           "its flags changed")


@scenario("stdout")
class Stdout(OutputFile):
    def prepare(self):
        super().prepare()
        self.half.stdout = self.output
        self.half.arguments.append("verdict=2")


@scenario("stderr")
class Stderr(OutputFile):
    def prepare(self):
        super().prepare()
        self.half.stderr = self.output


@scenario("flood")
class Flood(OutputFile):
    def prepare(self):
        super().prepare()
        setattr(self.half, self.parameter, self.output)
        if self.parameter == "stdout":
            self.half.arguments.append("verdict=2")
        self.half.patience = 30

    def judge(self, outcome):
        size = self.file.stat().st_size
        self.by_sight(outcome, size > 4 << 20, f"{size >> 10} KiB came through")
        if self.half.inside:
            self.also_by_sight(outcome, outcome.peak > 64 << 10,
                               f"the launcher grew to {outcome.peak} KiB")


# ---- files that the host obeys ----

@scenario("git")
class Git(Plain):
    paths = (".git", ".gitmodules", ".envrc", ".vscode", ".mcp.json", "vendor", "real")
    files = {
        ".git/HEAD": "ref: refs/heads/main\n",
        ".git/config": "[core]\n\trepositoryformatversion = 0\n",
        ".git/config.worktree": "[core]\n",
        ".git/hooks/sample.sample": "#!/bin/sh\n",
        ".git/hooks/post-checkout": "#!/bin/sh\n",
        ".git/info/attributes": "",
        ".git/modules/part/config": "[core]\n",
        ".git/worktrees/other/commondir": "../..\n",
        ".git/objects/empty": "",
        ".git/refs/heads/none": "",
        ".gitmodules": "",
        ".envrc": "",
        ".vscode/tasks.json": "{}",
        ".mcp.json": "{}",
    }

    def prepare(self):
        self.caller.make(self.caller.keep / "repository")
        for name, content in self.files.items():
            content = content.replace("KEEP", str(self.caller.keep))
            self.caller.make(self.half.workspace / name, content, 0o644)
        self.before = self._state()

    def _state(self):
        return snapshot(*(self.half.workspace / path for path in self.paths))

    def judge(self, outcome):
        after = self._state()
        changed = [path for path in self.before.keys() | after.keys()
                   if self.before.get(path) != after.get(path)]
        # What was written into a cover of the sandbox's own never reached the host.
        self.by_sight(outcome, changed, f"changed: {sorted(changed)[:5]}")


@scenario("git-file")
class GitFile(Git):
    files = {".git": "gitdir: KEEP/repository\n"}


@scenario("git-link")
class GitLink(Git):
    files = {name.replace(".git/", "real/", 1): content for name, content in Git.files.items()
             if name.startswith(".git/")}

    def prepare(self):
        os.symlink("real", self.caller.own(self.half.workspace) / ".git")
        self.half.accepts_failure = True  # a link cannot be kept, and so is refused
        super().prepare()


@scenario("git-bare-bones")
class GitBareBones(Git):
    files = {".git/HEAD": "ref: refs/heads/main\n", ".git/config": "[core]\n",
             ".git/objects/empty": "", ".git/refs/heads/none": ""}

