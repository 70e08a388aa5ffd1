"""Fixtures of the tests that drive the real program."""

import pytest
from program import Program


@pytest.fixture
def belljar(tmp_path):
    """The program, started in a fresh directory of the test's own, the workspace."""
    workspace = tmp_path / "work"
    workspace.mkdir()
    return Program(workspace)
