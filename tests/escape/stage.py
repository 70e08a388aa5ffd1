"""What stands outside: callers, their secrets, their victims, and a count of who is left.

Everything lies below one fresh directory, so that nothing of the user's own is at stake:

    bin/            the programs, and the facts that an attempt may know
    NAME/home/      the caller's home, with a key
    NAME/keep/      the secret, the victim's evidence
    NAME/work/N/    the workspace of one half
"""

import atexit
import ctypes
import functools
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ORDINARY = 61234  # exists on no host, and needs not to
GROUPS = (4343, 42)
AS_ROOT = os.geteuid() == 0
PLANT_IN = ("/tmp", "/var/tmp", "/dev/shm", "/run")

_libc = ctypes.CDLL(None, use_errno=True)


DECLARED = "this host lacks "  # how the reason of a skip begins that nobody can help


class Lacks(Exception):
    """This host cannot have what the half needs; the text says what."""


def _build(directory):
    subprocess.run(["make", "-s", "-C", str(HERE), f"BIN={directory}"], check=True,
                   stdout=subprocess.DEVNULL)
    return Path(directory)


@functools.cache
def programs():
    """The directory of the compiled programs; a temporary one where the tree is not ours."""
    made = HERE / "bin"
    sources = [*HERE.glob("*.c"), *HERE.glob("*.h")]
    if (made / "helper").exists() and all(
            (made / name).stat().st_mtime >= max(path.stat().st_mtime for path in sources)
            for name in ("attempt", "naive", "victim", "helper")):
        return made
    if os.access(HERE, os.W_OK):
        return _build(made)
    directory = tempfile.mkdtemp(prefix="bj-escape-bin.")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return _build(directory)


# ---- processes ----

def become_subreaper():
    """Whoever loses its parent becomes our child, so a survivor cannot hide."""
    _libc.prctl(36, 1, 0, 0, 0)


def _states():
    """(parent, state letter) of every process."""
    states = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            fields = text.rpartition(")")[2].split()
            states[int(entry)] = (int(fields[1]), fields[0])
    return states


def _children(pid):
    """As the kernel lists them; None where it was built without that."""
    try:
        return [int(child) for task in os.listdir(f"/proc/{pid}/task")
                for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    except OSError:
        return [] if os.path.exists("/proc/self/task/%d/children" % os.getpid()) else None


def descendants(of=None):
    """Pids of processes below one, ours by default; ended ones that nobody took included."""
    found, frontier = [], [of or os.getpid()]
    if _children(frontier[0]) is not None:
        while frontier:
            frontier = [child for pid in frontier for child in _children(pid)]
            found += frontier
        return found
    states = _states()
    while frontier:
        frontier = [pid for pid, (parent, _) in states.items() if parent in frontier]
        found += frontier
    return found


def has_ended(pid):
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def command_line(pid):
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def wait_for(check, seconds, step=0.02):
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value or time.monotonic() > end:
            return value
        time.sleep(step)


# ---- callers ----

@dataclass
class Caller:
    """Somebody who runs things: as root, or as an ordinary user."""

    name: str
    uid: int
    stage: "Stage"
    facts: dict = field(default_factory=dict)
    victim: subprocess.Popen = None
    count: int = 0

    @property
    def directory(self):
        return self.stage.base / self.name

    @property
    def home(self):
        return self.directory / "home"

    @property
    def keep(self):
        return self.directory / "keep"

    @property
    def secret(self):
        return f"secret-of-{self.facts['token']}"

    def own(self, path):
        """Gives a path to the caller."""
        if AS_ROOT:
            os.chown(path, self.uid, self.uid, follow_symlinks=False)
        return Path(path)

    def make(self, path, content=None, mode=None):
        """A file with content, or a directory; the caller's in any case."""
        path = Path(path)
        for parent in reversed([p for p in path.parents if not p.exists()]):
            parent.mkdir()
            self.own(parent)
        if content is None:
            path.mkdir(exist_ok=True)
        else:
            path.write_text(content)
        if mode is not None:
            path.chmod(mode)
        return self.own(path)

    def identity(self, groups=()):
        """Arguments that make Popen run something as this caller."""
        if not AS_ROOT:
            return {}
        return {"user": self.uid, "group": self.uid, "extra_groups": list(groups)}

    def environment(self):
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "BJ_CALLERS_SECRET": self.secret,
            "SSH_AUTH_SOCK": str(self.keep / "agent"),
            "LD_LIBRARY_PATH": "/nonexistent",
        }

    def workspace(self):
        self.count += 1
        return self.make(self.directory / "work" / str(self.count), mode=0o755)

    def evidence(self):
        """What the victim noted, once it has noted everything that happened so far."""
        path = self.keep / "evidence"
        self.ask_victim("")
        return path.read_text() if path.exists() else ""

    def start(self):
        self.facts = {"token": secrets.token_hex(8), **self.stage.common}
        self.make(self.directory, mode=0o755)
        self.make(self.keep / "secret", self.secret + "\n")
        self.make(self.home / ".ssh" / "id_ed25519", self.secret + "\n")
        self.victim = subprocess.Popen(
            [self.stage.bin / "victim", self.keep, self.facts["token"], f"victim-{self.name}"],
            env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            **self.identity())
        made = self.keep / "facts"
        if not wait_for(made.exists, 10):
            raise RuntimeError(f"the victim did not start: {self.victim.poll()}")
        self.facts.update(line.split("=", 1) for line in made.read_text().splitlines())
        self.facts.update({
            "secret_file": str(self.keep / "secret"),
            "secret_directory": str(self.keep),
            "secret_relative": "../../keep/secret",
            "home": str(self.home),
            "home_key": str(self.home / ".ssh" / "id_ed25519"),
            "helper_set_id": str(self.stage.bin / f"helper-{self.name}"),
            "helper_capable": str(self.stage.bin / "helper-capable"),
        })
        made.unlink()  # the address of the secret is for the attempts alone
        path = self.stage.bin / f"facts-{self.name}"
        path.write_text("".join(f"{key}={value}\n" for key, value in self.facts.items()))
        path.chmod(0o644)

    def ask_victim(self, path):
        """Has the victim listen on a socket at that path too, and note what it has seen."""
        self.victim.stdin.write(f"{path}\n")
        self.victim.stdin.flush()
        self.victim.stdout.readline()

    def stop(self):
        if self.victim:
            self.victim.terminate()
            self.victim.wait(10)


def _default_route(family):
    """Is there one? Connecting a datagram socket sends nothing."""
    address = ("198.51.100.1", 9) if family == socket.AF_INET else ("2001:db8::1", 9)
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(address)
        except OSError:
            return ""
        return "yes"


def _resolver():
    try:
        lines = Path("/etc/resolv.conf").read_text().splitlines()
    except OSError:
        return ""
    servers = [line.split()[1] for line in lines if line.startswith("nameserver ")]
    return next((s for s in servers if not s.startswith("127.") and "%" not in s), "")


def _machine_id():
    try:
        return Path("/etc/machine-id").read_text().strip()
    except OSError:
        return ""


class Stage:
    """The whole arrangement of one test session."""

    def __init__(self):
        become_subreaper()
        self.base = Path(tempfile.mkdtemp(prefix="bj-escape.", dir="/tmp"))
        self.base.chmod(0o755)
        self.bin = self.base / "bin"
        self.bin.mkdir()
        self.bin.chmod(0o755)
        for name in ("attempt", "naive", "victim", "helper"):
            shutil.copy(programs() / name, self.bin / name)
        self.planted = []
        self.fast = None
        self.common = {
            "hostname": socket.gethostname(),
            "machine_id": _machine_id(),
            "route4": _default_route(socket.AF_INET),
            "route6": _default_route(socket.AF_INET6),
            "resolver": _resolver(),
            "planted": f"bj-escape-planted-{secrets.token_hex(4)}",
        }
        self._plant()
        self._make_helpers()
        self.callers = {}
        if AS_ROOT:
            self._add(Caller("root", 0, self))
            self._add(Caller("user", ORDINARY, self))
        else:
            self._add(Caller("user", os.geteuid(), self))
        self.settled = set(descendants())

    def _add(self, caller):
        self.callers[caller.name] = caller
        caller.start()

    def _plant(self):
        for directory in PLANT_IN:
            path = Path(directory, self.common["planted"])
            try:
                path.write_text("the host's\n")
            except OSError:
                continue
            path.chmod(0o644)
            self.planted.append(path)
        # Outer halves that fill a directory do it on a tmpfs, for speed.
        where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else self.base
        self.fast = Path(tempfile.mkdtemp(prefix="bj-escape.", dir=where))
        self.fast.chmod(0o1777)

    def _make_helpers(self):
        """Set-id for whoever the caller is not, and one with file capabilities."""
        if not AS_ROOT:
            return
        for name, owner in (("helper-user", 0), ("helper-root", ORDINARY)):
            path = self.bin / name
            shutil.copy(self.bin / "helper", path)
            os.chown(path, owner, owner)
            path.chmod(0o4755)
        path = self.bin / "helper-capable"
        shutil.copy(self.bin / "helper", path)
        path.chmod(0o755)
        net_raw = (1 << 13).to_bytes(4, "little")
        os.setxattr(path, "security.capability",
                    b"\x01\x00\x00\x02" + net_raw + bytes(12))

    def survivors(self):
        """Processes below us that were not there when the stage was set."""
        left = []
        for pid in descendants():
            if pid in self.settled:
                continue
            if not has_ended(pid):
                left.append(pid)
                continue
            try:
                os.waitpid(pid, os.WNOHANG)  # it lost its parent and became ours
            except ChildProcessError:
                pass
        return left

    def sweep(self):
        """Ends what an attempt left behind, by number."""
        for _ in range(200):
            left = self.survivors()
            if not left:
                return
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)
        raise RuntimeError(f"cannot end {left}")

    def close(self):
        for caller in self.callers.values():
            caller.stop()
        for path in self.planted:
            path.unlink(missing_ok=True)
        shutil.rmtree(self.fast, ignore_errors=True)
        shutil.rmtree(self.base, ignore_errors=True)


def dangerous(directory):
    """Files below a directory that a host should not trust: set-id, capable, devices."""
    found = []
    for parent, directories, files in os.walk(directory):
        for name in directories + files:
            path = Path(parent, name)
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                continue
            if status.st_mode & (stat.S_ISUID | stat.S_ISGID):
                found.append(f"{name} has mode {stat.filemode(status.st_mode)}")
            if stat.S_ISBLK(status.st_mode) or stat.S_ISCHR(status.st_mode):
                found.append(f"{name} is a device")
            try:
                os.getxattr(path, "security.capability", follow_symlinks=False)
                found.append(f"{name} has capabilities")
            except OSError:
                pass
    return found


def snapshot(*paths):
    """Everything about some trees that a change would show in."""
    state = {}
    for top in map(Path, paths):
        trees = [top, *sorted(top.rglob("*"))] if top.is_dir() and not top.is_symlink() else [top]
        for path in trees:
            if not path.exists() and not path.is_symlink():
                continue
            status = path.lstat()
            content = (os.readlink(path) if path.is_symlink()
                       else path.read_bytes() if path.is_file() else "")
            changed = status.st_mtime_ns if path.is_file() else 0
            names = () if path.is_symlink() else tuple(os.listxattr(path))
            state[str(path)] = (status.st_mode, status.st_size if path.is_file() else 0, changed,
                                content, names)
    return state
