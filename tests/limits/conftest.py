"""Fixtures of the limit tests. They run on any host, and in the virtual machine of tests/vm.

A test declares what it needs with `@pytest.mark.requires(...)`, see limit_host.py; where the host
has not got it, the test is skipped. BJ_HAVE lists requirements that this host is known to meet:
there, a probe that says otherwise is a failure, so that nothing is skipped unnoticed.
"""

import os
import random

import pytest
from limit_runs import BELLJAR, Belljar

import limit_host


def pytest_configure(config):
    config.addinivalue_line("markers", "requires(name...): see limit_host.py")


def pytest_runtest_setup(item):
    promised = os.environ.get("BJ_HAVE", "").split()
    for mark in item.iter_markers("requires"):
        for name in mark.args:
            if limit_host.REQUIREMENTS[name]():
                continue
            if name in promised:
                pytest.fail(f"this host should offer {name}, but does not")
            pytest.skip(f"needs {name}")


@pytest.fixture
def belljar(tmp_path):
    assert os.access(BELLJAR, os.X_OK), f"no program at {BELLJAR}"
    return Belljar(tmp_path)


@pytest.fixture
def bare(tmp_path):
    """Belljar on a host without usable cgroups; for tests that require "bare"."""
    return Belljar(tmp_path, tuple(limit_host.bare_prefix()))


@pytest.fixture
def token():
    """A number of seconds that no other process on this host sleeps, by which to find one."""
    return f"60.{random.randrange(10**12):012}"
