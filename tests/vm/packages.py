"""Debian packages, fetched and unpacked into a cache directory. Nothing is installed on the host.

The host's own package lists are asked first. Where they are absent (a fresh container), a private
copy is fetched below the cache directory, which needs no privilege.
"""

import os
import re
import subprocess
from pathlib import Path


class PackageError(Exception):
    """A package could not be had; the text says what to do."""


class Packages:
    def __init__(self, cache: Path):
        self.debs = cache / "debs"
        self.unpacked = cache / "unpacked"
        self.private = cache / "apt"
        self.options: list[str] = []
        for directory in (self.debs, self.unpacked):
            directory.mkdir(parents=True, exist_ok=True)

    def depends(self, name: str) -> list[str]:
        """Names that a package depends on, itself not included; fetches lists where none are."""
        found = self._ask(name)
        if found is None and not self.options:
            self._private_lists()
            found = self._ask(name)
        if found is None:
            raise PackageError(f"apt knows no package {name}; are Debian's package sources set up?")
        return found

    def closure(self, name: str, pattern: str) -> list[str]:
        """The package and what it needs, directly or not, whose names match the pattern."""
        wanted, queue = [], [name]
        while queue:
            current = queue.pop()
            if current in wanted:
                continue
            wanted.append(current)
            queue += [d for d in self.depends(current) if re.fullmatch(pattern, d)]
        return sorted(wanted)

    def tree(self, name: str) -> Path:
        """The directory that the package is unpacked in; one for each version."""
        version = self._version(name)
        target = self.unpacked / f"{name}_{version.replace(':', '%3a')}"
        if target.is_dir():
            return target
        self._run(["apt-get", *self.options, "download", f"{name}={version}"], cwd=self.debs)
        found = sorted(self.debs.glob(f"{name}_*.deb"), key=lambda p: p.stat().st_mtime)
        if not found:
            raise PackageError(f"apt-get downloaded no file for {name}")
        partial = target.with_suffix(".partial")
        self._run(["rm", "-rf", str(partial)])
        self._run(["dpkg-deb", "-x", str(found[-1]), str(partial)])
        partial.rename(target)
        found[-1].unlink()
        return target

    def _ask(self, name: str) -> list[str] | None:
        done = subprocess.run(
            ["apt-cache", *self.options, "depends", "--important", name],
            capture_output=True, text=True, check=False)
        if done.returncode != 0 or not done.stdout.strip():
            return None
        return re.findall(r"^ [ |]Depends: ([^\s<>:]+)", done.stdout, re.MULTILINE)

    def _version(self, name: str) -> str:
        done = subprocess.run(["apt-cache", *self.options, "policy", name],
                              capture_output=True, text=True, check=False)
        match = re.search(r"Candidate: (\S+)", done.stdout)
        if match is None or match[1] == "(none)":
            raise PackageError(f"apt has no version of {name} to download")
        return match[1]

    def _private_lists(self) -> None:
        lists = self.private / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        (self.private / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
        self.options = ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={self.private}/cache"]
        self._run(["apt-get", *self.options, "-o", "Debug::NoLocking=1", "-qq", "update"])

    @staticmethod
    def _run(command: list[str], cwd: Path | None = None) -> None:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False,
                              env={**os.environ, "LC_ALL": "C"})
        if done.returncode != 0:
            raise PackageError(f"{' '.join(command)} failed: {done.stderr.strip()}")
