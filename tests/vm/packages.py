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
        """Names that a package depends on."""
        return re.findall(r"(?:^|[,|] )([a-z0-9][a-z0-9.+-]+)", self._records([name])[0]["Depends"])

    def trees(self, names: list[str]) -> list[Path]:
        """The directories that the packages are unpacked in, one for each version of each."""
        return [self._tree(record["Package"], record["Version"]) for record in self._records(names)]

    def _tree(self, name: str, version: str) -> Path:
        target = self.unpacked / f"{name}_{version.replace(':', '%3a')}"
        if target.is_dir():
            return target
        self._run(["apt-get", *self.options, "download", f"{name}={version}"], cwd=self.debs)
        found = sorted(self.debs.glob(f"{name}_*.deb"), key=lambda p: p.stat().st_mtime)
        if not found:
            raise PackageError(f"apt-get downloaded no file for {name}")
        partial = self.unpacked / f"{name}.partial"
        self._run(["rm", "-rf", str(partial)])
        self._run(["dpkg-deb", "-x", str(found[-1]), str(partial)])
        partial.rename(target)
        found[-1].unlink()
        return target

    def _records(self, names: list[str]) -> list[dict[str, str]]:
        """What apt knows of the packages: a field table for each."""
        found = self._show(names)
        if len(found) < len(names) and not self.options:
            self._private_lists()
            found = self._show(names)
        absent = set(names) - {record["Package"] for record in found}
        if absent:
            raise PackageError(f"apt knows no package {' '.join(sorted(absent))};"
                               " are Debian's package sources set up?")
        return found

    def _show(self, names: list[str]) -> list[dict[str, str]]:
        done = subprocess.run(["apt-cache", *self.options, "show", "--no-all-versions", *names],
                              capture_output=True, text=True, check=False)
        paragraphs = [p for p in done.stdout.split("\n\n") if p.startswith("Package:")]
        return [dict(re.findall(r"^([A-Z][\w-]*): (.*)$", p, re.MULTILINE)) for p in paragraphs]

    def _private_lists(self) -> None:
        lists = self.private / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        (self.private / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
        self.options = ["-o", f"Dir::State::Lists={lists}",
                        "-o", f"Dir::Cache={self.private}/cache"]
        self._run(["apt-get", *self.options, "-o", "Debug::NoLocking=1", "-qq", "update"])

    @staticmethod
    def _run(command: list[str], cwd: Path | None = None) -> None:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False,
                              env={**os.environ, "LC_ALL": "C"})
        if done.returncode != 0:
            raise PackageError(f"{' '.join(command)} failed: {done.stderr.strip()}")
