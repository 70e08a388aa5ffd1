"""The virtual machine's root file system: the program, its tests, and the few host files they need.

Everything is gathered in one directory and packed as a cpio archive that the kernel unpacks at
boot. Programs come from the host with the libraries that ldd names; pytest and the kernel's modules
come from unpacked packages, so the host's own Python set-up does not matter.
"""

import re
import shutil
import subprocess
from pathlib import Path

# What the tests start, inside and outside the sandbox. Absent ones are left out; the guest
# fills gaps with busybox.
PROGRAMS = """
bash dash ls cat true false id sleep dd cp mv rm mkdir rmdir ln chmod chown touch head tail wc sort
uniq tr cut env printf echo test uname stat timeout tee seq date df du mktemp mkfifo mknod readlink
realpath basename dirname sync truncate nproc tty stty nice nohup od sha256sum yes install
find grep sed mawk xargs ps kill pgrep unshare nsenter mount umount setpriv script prlimit setsid
findmnt lsns ipcs ipcmk ipcrm flock git strace bwrap getfacl setfacl newuidmap newgidmap su
""".split()

PYTHON = "/usr/bin/python3"
PYTHON_LEAVE_OUT = {"test", "tests", "idlelib", "lib2to3", "ensurepip", "tkinter", "turtledemo",
                    "pydoc_data", "dist-packages", "site-packages"}

MODULES = ["overlay", "virtio_pci", "virtio_blk", "loop", "vsock", "vsock_loopback", "tun", "fuse",
           "dummy"]

ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/bash\n"
              "tester:x:1000:1000:tester:/home/tester:/bin/bash\n"
              "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\ntty:x:5:\ntester:x:1000:\nnogroup:x:65534:\n",
    "shadow": "root:*:19000::::::\ntester:*:19000::::::\n",
    "subuid": "tester:100000:65536\n",
    "subgid": "tester:100000:65536\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "hostname": "belljar-vm\n",
    "machine-id": "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
OS_RELEASE = 'ID=debian\nPRETTY_NAME="Belljar test machine"\n'

DIRECTORIES = """
dev proc sys run tmp home root mnt srv var/tmp var/log etc usr/bin usr/sbin usr/lib usr/lib64
usr/local/bin modules
""".split()


class Root:
    """A root directory under construction."""

    def __init__(self, directory: Path):
        self.directory = directory
        shutil.rmtree(directory, ignore_errors=True)
        for name in DIRECTORIES:
            (directory / name).mkdir(parents=True, exist_ok=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (directory / name).symlink_to(f"usr/{name}")
        self.missing: list[str] = []

    def inside(self, host_path: str) -> Path:
        """Where a host path lands, with /bin and /lib taken for their /usr counterparts."""
        merged = re.sub(r"^/(bin|sbin|lib|lib64)/", r"/usr/\1/", host_path)
        return self.directory / merged.lstrip("/")

    def add_file(self, source: str | Path, target: str | None = None) -> None:
        destination = self.inside(target or str(source))
        destination.parent.mkdir(parents=True, exist_ok=True)
        if not destination.exists():
            shutil.copy2(source, destination)

    def add_tree(self, source: Path, target: str, leave_out: set[str] = frozenset()) -> None:
        def ignore(_directory: str, names: list[str]) -> list[str]:
            return [n for n in names if n in leave_out or n.startswith("config-3")]

        shutil.copytree(source, self.inside(target), symlinks=True, ignore=ignore,
                        dirs_exist_ok=True)

    def add_libraries(self, *binaries: str | Path) -> None:
        done = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True,
                              check=False)
        for library in set(re.findall(r"(/\S+\.so\S*) \(0x", done.stdout)):
            self.add_file(library)

    def add_own_program(self, program: Path) -> None:
        """Belljar and the parts of it that lie beside it, at their place in the copied tree."""
        for part in (program, program.with_name("belljar-full"),
                     program.with_name("belljar-launcher")):
            if not part.is_file():
                continue
            name = "belljar" if part == program else part.name
            self.add_file(part, f"/srv/belljar/build/{name}")
            self.add_libraries(part)
            interpreter = re.search(rb"/lib\w*/ld-[\w.-]+", part.read_bytes()[:4096])
            if interpreter:
                self.add_file(interpreter[0].decode())

    def add_tests(self, project: Path) -> None:
        for suite in ("escape", "limits"):
            self.add_tree(project / "tests" / suite, f"/srv/belljar/tests/{suite}", {"__pycache__"})
        self.add_tree(project / "tests/vm/guest", "/srv/belljar/tests/vm", {"__pycache__"})
        for name in ("conftest.py", "pytest.ini"):
            self.add_file(project / "tests" / name, f"/srv/belljar/tests/{name}")
        for program in self.inside("/srv/belljar/tests/escape/bin").iterdir():
            program.touch()  # nothing can be compiled in the machine, nor needs to be

    def add_programs(self) -> None:
        found = []
        for name in PROGRAMS:
            path = shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin")
            if path is None:
                self.missing.append(name)
                continue
            self.add_file(path)
            found.append(path)
        self.add_libraries(*found)
        (self.directory / "usr/bin/sh").symlink_to("dash")
        (self.directory / "usr/bin/awk").symlink_to("mawk")
        templates = Path("/usr/share/git-core/templates")
        if templates.is_dir():
            self.add_tree(templates, str(templates))
        self.add_file("/usr/bin/busybox")

    def add_python(self, dist_packages: list[Path]) -> None:
        version = subprocess.run(
            [PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True, text=True, check=True).stdout.strip()
        library = Path(f"/usr/lib/python{version}")
        self.add_file(f"/usr/bin/python{version}")
        (self.directory / "usr/bin/python3").symlink_to(f"python{version}")
        self.add_tree(library, str(library), PYTHON_LEAVE_OUT)
        self.add_libraries(f"/usr/bin/python{version}", *(library / "lib-dynload").glob("*.so"))
        packages = "/usr/lib/python3/dist-packages"
        for tree in dist_packages:
            if (tree / packages.lstrip("/")).is_dir():
                self.add_tree(tree / packages.lstrip("/"), packages)
        subprocess.run([PYTHON, "-m", "compileall", "-q", str(self.inside(packages))],
                       stdout=subprocess.DEVNULL, check=False)

    def add_modules(self, kernel_tree: Path) -> None:
        """The wanted modules and those they need, numbered in the order to load them."""
        by_name = {p.stem.replace("-", "_"): p for p in kernel_tree.glob("lib/modules/**/*.ko")}
        ordered: list[str] = []

        def visit(name: str) -> None:
            if name in ordered or name not in by_name:
                return  # not a module: built in
            match = re.search(rb"\0depends=([^\0]*)\0", by_name[name].read_bytes())
            for dependency in (match[1].decode() if match else "").split(","):
                visit(dependency.replace("-", "_"))
            ordered.append(name)

        for name in MODULES:
            visit(name)
        for number, name in enumerate(ordered):
            shutil.copy(by_name[name], self.directory / f"modules/{number:02}-{name}.ko")

    def add_etc(self) -> None:
        (self.directory / "root/.profile").write_text("# root's own\n")
        for name, text in ETC.items():
            (self.directory / "etc" / name).write_text(text)
        (self.directory / "etc/shadow").chmod(0o600)
        (self.directory / "usr/lib/os-release").write_text(OS_RELEASE)
        (self.directory / "etc/os-release").symlink_to("../usr/lib/os-release")
        (self.directory / "var/log/boot").write_text("booted\n")

    def pack(self, archive: Path) -> None:
        names = subprocess.run(["find", ".", "-print0"], cwd=self.directory, capture_output=True,
                               check=True).stdout
        with archive.open("wb") as out:
            subprocess.run(["cpio", "--quiet", "-0", "-o", "-H", "newc", "-R", "0:0"],
                           cwd=self.directory, input=names, stdout=out, check=True)
