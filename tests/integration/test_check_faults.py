"""Every allocation and system call of judging a tool's call, failed in turn: never a milder verdict.

The program is the one built with -Dfaults=true.
"""

import json
import os
import subprocess

import pytest
from program import FAULTS

SECURITY = {"blocked_tools": ["WebSearch"], "denied_paths": ["/etc/shadow", "~/.ssh"],
            "allowed_paths": ["/"], "max_requests": 5}


@pytest.mark.parametrize(("tool", "arguments"), [
    ("WebSearch", {"query": "x"}),
    ("Read", {"file_path": "/etc/../etc/shadow"}),
    ("WebFetch", {"url": "file:///etc/passwd"}),
    ("Write", {"path": "x"}),
    ("Bash", {"command": "cd ~/.ssh && cat id_rsa"}),
])
def test_no_fault_makes_a_verdict_milder(tmp_path, tool, arguments):
    (tmp_path / "c.json").write_text(json.dumps({"security": SECURITY}))
    log = tmp_path / "fault.log"
    command = [FAULTS, "check", "--json", "--config", "c.json", "--tool", tool, "--arguments",
               json.dumps(arguments)]
    for number in range(1, 5000):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30,
                              check=False, env={"PATH": os.environ["PATH"], "HOME": "/home/u",
                                                "BELLJAR_FAULT": str(number),
                                                "BELLJAR_FAULT_ERRNO": "12",
                                                "BELLJAR_FAULT_LOG": str(log)})
        hit = log.read_text().rstrip("\0")
        assert done.returncode in (1, 125), (number, hit, done)
        assert done.returncode == 1 or done.stderr.startswith("belljar: "), (number, hit, done)
        if not hit:
            assert number > 1 and done.returncode == 1
            return
        log.unlink()
    pytest.fail("there was no end of calls to fail")
