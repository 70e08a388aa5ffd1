"""include/belljar/policy.h through the shared library: tools, rates and what is counted."""

import ctypes
import json
from pathlib import Path

import pytest
from program import BELLJAR


class Hit(ctypes.Structure):
    _fields_ = [("time_us", ctypes.c_int64), *((name, ctypes.c_char_p) for name in (
        "tool", "rule", "description", "command", "risk", "decision"))]


class Totals(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("calls", ctypes.c_uint64), ("allowed", ctypes.c_uint64),
                ("asked", ctypes.c_uint64), ("denied", ctypes.c_uint64), ("hits", ctypes.c_uint64),
                ("by_risk", ctypes.c_uint64 * 5)]


class Policy:
    def __init__(self, path):
        self.library = ctypes.CDLL(str(Path(BELLJAR).parent / "libbelljar.so"))
        self.library.bj_config_new.restype = ctypes.c_void_p
        self.library.bj_verdict_decision.restype = ctypes.c_char_p
        config = ctypes.c_void_p(self.library.bj_config_new(None))
        assert self.library.bj_config_load(config, str(path).encode(), None) == 0
        self.policy = ctypes.c_void_p()
        assert self.library.bj_policy_open(config, ctypes.byref(self.policy), None) == 0
        self.library.bj_config_free(config)

    def judge(self, tool, **arguments):
        verdict = ctypes.c_void_p()
        assert self.library.bj_policy_judge_tool(self.policy, tool.encode(),
                                                 json.dumps(arguments).encode(), None,
                                                 ctypes.byref(verdict), None) == 0
        decision = self.library.bj_verdict_decision(verdict).decode()
        self.library.bj_verdict_free(verdict)
        return decision

    def totals(self):
        totals = Totals(size=ctypes.sizeof(Totals))
        assert self.library.bj_policy_count(self.policy, ctypes.byref(totals), None) == 0
        return totals

    def hits(self, risk=None, maximum=8):
        hits, count = (Hit * maximum)(), ctypes.c_size_t()
        assert self.library.bj_policy_past_hits(self.policy, risk and risk.encode(), hits, maximum,
                                                ctypes.byref(count), None) == 0
        return count.value, [hit.rule.decode() for hit in hits[:min(count.value, maximum)]]


@pytest.fixture
def policy(tmp_path):
    def make(**security):
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"security": security}))
        return Policy(path)
    return make


def test_counts(policy):
    judged = policy(blocked_tools=["WebFetch"], denied_paths=["/secret"])
    assert judged.judge("Read", path="/secret/x") == "deny"
    assert judged.judge("WebFetch", url="https://a/") == "deny"
    assert judged.judge("Read", path="/open") == "allow"
    totals = judged.totals()
    assert (totals.calls, totals.allowed, totals.denied, totals.hits) == (3, 1, 2, 2)
    assert list(totals.by_risk) == [0, 0, 1, 1, 0]
    assert judged.hits() == (2, ["tool.blocked", "path.denied"])
    assert judged.hits("high") == (1, ["path.denied"])
    assert judged.hits("critical") == (0, [])
    assert judged.hits(maximum=1) == (2, ["tool.blocked"])


def test_rate_of_one_policy(policy):
    judged = policy(max_requests=2, window_seconds=3600)
    assert [judged.judge("TodoWrite", todos=[]) for _ in range(3)] == ["allow", "allow", "deny"]
    assert judged.hits() == (1, ["rate.limit"])
