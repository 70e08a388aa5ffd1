"""Every allocation and system call of reading and printing a configuration, failed in turn.

The program is the one built with -Dfaults=true. Each call must end in the same output as without a
fault, or in a message and exit status 125 without any output: never in half a document.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BELLJAR = os.environ.get("BELLJAR_FAULTS", str(ROOT / "build-faults/belljar"))
FAILED = 125
CONFIG = {"preset": "development", "volumes": ["a:/b"], "environment": {"A": "b"}, "workspace": "w",
          "security": {"blocked_tools": ["x", "y"]}, "layers": {"required": ["memory"]},
          "e2b_api_key": "k"}


def belljar(cwd, arguments, **variables):
    return subprocess.run([BELLJAR, *arguments], cwd=cwd, env=dict(os.environ, **variables),
                          capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("arguments", [
    ["config", "show", "--config", "c.json", "--env-file", "v.env", "-v", "x:/y", "-e", "HOME",
     "-w", "/z", "--hostname", "h"],
    ["config", "validate", "c.json"],
    ["config", "schema"],
    ["config", "presets"],
    ["config", "docs"],
    ["config", "manual"],
    ["completion", "bash"],
], ids=lambda arguments: " ".join(arguments[:2]))
def test_every_fault_is_an_error_or_harmless(tmp_path, arguments):
    (tmp_path / "c.json").write_text(json.dumps(CONFIG))
    (tmp_path / "v.env").write_text("A=b\n")
    log = tmp_path / "fault.log"
    whole = belljar(tmp_path, arguments)
    assert whole.returncode == 0, whole.stderr
    for number in range(1, 5000):
        done = belljar(tmp_path, arguments, BELLJAR_FAULT=str(number), BELLJAR_FAULT_ERRNO="12",
                       BELLJAR_FAULT_LOG=str(log))
        hit = log.read_text().rstrip("\0")
        if not hit:
            assert number > 1
            return
        if done.returncode != 0:
            assert (done.returncode, done.stdout) == (FAILED, ""), (number, hit, done)
            assert done.stderr.startswith("belljar: "), (number, hit, done)
        else:
            assert done.stdout == whole.stdout, (number, hit)
        log.unlink()
    pytest.fail("there was no end of calls to fail")
