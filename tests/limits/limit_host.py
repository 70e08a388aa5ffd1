"""What this host can enforce, found out without asking Belljar.

A test names what it needs by `@pytest.mark.requires("cgroup2")`:

    cgroup    limits can be enforced at all: cgroup v2 as below, or v1 hierarchies that we may write
    cgroup2   an ancestor of our cgroup that we may write has cpu, memory and pids for its children
    bare      no such cgroup, or root, who can take /sys/fs/cgroup away in a mount namespace
    root      uid 0
"""

import os
import re
import shutil
from pathlib import Path

CONTROLLERS = {"cpu", "memory", "pids"}
ROOT = Path("/sys/fs/cgroup")


def own_cgroups():
    """Our cgroup's path by controller; the v2 one under the empty name."""
    paths = {}
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            paths[name] = path
    return paths


def mounts(kind):
    """Mount points of a file system type, with their options."""
    for line in Path("/proc/mounts").read_text(encoding="ascii").splitlines():
        _, point, found, options, *_ = line.split()
        if found == kind:
            yield Path(point), options.split(",")


def cgroup2_parent():
    """The directory in which a limited cgroup can be made, or None."""
    path = own_cgroups().get("")
    for point, _ in mounts("cgroup2") if path else ():
        directory = point / path.lstrip("/")
        while directory != point.parent:
            try:
                enabled = set((directory / "cgroup.subtree_control").read_text().split())
            except OSError:
                enabled = set()
            if enabled >= CONTROLLERS and os.access(directory, os.W_OK) and \
                    os.access(directory / "cgroup.procs", os.W_OK):
                return directory
            directory = directory.parent
    return None


def cgroup1_writable():
    found = set()
    for point, options in mounts("cgroup"):
        if os.access(point, os.W_OK):
            found |= CONTROLLERS & set(options)
    return found == CONTROLLERS


def needs_mask():
    """Must cgroups be taken away for a test of a host without them?"""
    return cgroup2_parent() is not None or cgroup1_writable()


def bare_prefix():
    """Command words that run the rest where no cgroup can be used."""
    if not needs_mask():
        return []
    script = 'umount -R -l /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup; exec "$@"'
    return ["unshare", "-m", "sh", "-c", script, "sh"]


def has_capability(number):
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return bool(int(re.search(r"^CapEff:\s*(\w+)", status, re.MULTILINE)[1], 16) >> number & 1)


REQUIREMENTS = {
    "cgroup": lambda: cgroup2_parent() is not None or cgroup1_writable(),
    "cgroup2": lambda: cgroup2_parent() is not None,
    "bare": lambda: not needs_mask() or (os.getuid() == 0 and shutil.which("unshare")),
    "root": lambda: os.getuid() == 0,
    "sys-resource": lambda: has_capability(24),
}
