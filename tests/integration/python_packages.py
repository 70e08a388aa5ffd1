"""Python packages that tests need, of the versions in requirements.txt, in a place of their own."""

import fcntl
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from program import ROOT

PINS = Path(__file__).with_name("requirements.txt")


def place():
    """Where they are kept for the next run: beside other fetched sources, if one may write there."""
    name = "python-" + hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]
    fetched = ROOT / "build-fetched"
    if fetched.is_dir() and os.access(fetched, os.W_OK):
        return fetched / name
    return Path(tempfile.gettempdir()) / f"bj-{os.getuid()}-{name}"


def install(target):
    """A virtual environment; it names its own place, so it is made there."""
    for command in (["/usr/bin/python3", "-m", "venv", "--clear", target],
                    [target / "bin/python", "-m", "pip", "install", "--quiet",
                     "--disable-pip-version-check", "--requirement", PINS]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode != 0:
            pytest.skip(f"this host lacks Python packages: {done.stdout}{done.stderr}"[:500])
    (target / "whole").touch()


def python_with(package):
    """The Python that has the packages; the test is skipped where they cannot be had."""
    assert package in PINS.read_text()
    target = place()
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{target}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / "whole").exists():
            install(target)
    return str(target / "bin/python")
