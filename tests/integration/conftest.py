"""Fixtures of the tests that drive the real program."""

import pytest
from program import Program
from service import Service


@pytest.fixture
def belljar(tmp_path):
    """The program, started in a fresh directory of the test's own, the workspace."""
    workspace = tmp_path / "work"
    workspace.mkdir()
    return Program(workspace)


@pytest.fixture
def service(tmp_path):
    """A service that runs for one test, ended in good order behind it."""
    started = Service(tmp_path / "service").start()
    yield started
    started.stop()


@pytest.fixture
def make_service(tmp_path):
    """Makes services with options of the test's own; what still runs is ended behind it."""
    made = []

    def make(*options, name="service", **more):
        made.append(Service(tmp_path / name, *options, **more))
        return made[-1]

    yield make
    for each in made:
        if each.process is not None:
            each.stop()
