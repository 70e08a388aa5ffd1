"""`belljar COMMAND` against a running service."""

import json
import subprocess

import pytest
from program import BELLJAR, Done


SECONDS = 60


class Client:
    """`belljar COMMAND` against one service, in a directory of the test's own."""

    def __init__(self, service, directory):
        self.service = service
        self.directory = directory
        self.where = f"unix://{service.socket}"
        self.variables = {}

    def environment(self):
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
                "BELLJAR_HOST": self.where, "TERM": "xterm", **self.variables}

    def start(self, *words, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE} | options
        return subprocess.Popen([BELLJAR, *map(str, words)], cwd=self.directory,
                                env=self.environment(), **options)

    def run(self, *words, input=None):
        process = self.start(*words, **({} if input is None else {"stdin": subprocess.PIPE}))
        try:
            out, err = process.communicate(input, timeout=SECONDS)
        finally:
            process.kill()
            process.wait()
        return Done(process.returncode, out, err.decode(errors="replace"))

    def says(self, *words, **more):
        done = self.run(*words, **more)
        assert done.status == 0 and done.err == "", done
        return done.out.decode()

    def json(self, *words):
        return json.loads(self.says(words[0], "--json", *words[1:]))


@pytest.fixture
def client(service, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    return Client(service, here)


@pytest.fixture
def sandbox(client):
    return client.says("create").strip()
