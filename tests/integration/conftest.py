"""Fixtures of the tests that drive the real program."""

import subprocess

import pytest
from files_program import runner
from program import Program
from service import Service


@pytest.fixture
def belljar(tmp_path):
    """The program, started in a fresh directory of the test's own, the workspace."""
    workspace = tmp_path / "work"
    workspace.mkdir()
    return Program(workspace)


@pytest.fixture
def files(tmp_path):
    """Runs one operation of belljar-files in a directory of the test's own."""
    top = tmp_path / "top"
    top.mkdir()
    return runner(top)


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


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Paths of a certificate for localhost, signed by itself, and of its key."""
    directory = tmp_path_factory.mktemp("certificate")
    paths = [str(directory / "certificate.pem"), str(directory / "key.pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-out", paths[0], "-keyout", paths[1]],
                   check=True, capture_output=True)
    return paths
