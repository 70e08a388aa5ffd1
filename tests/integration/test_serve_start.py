"""What `belljar serve` says at its start, and what it does not start with."""

import json
import os
import shutil
import signal
import socket
import subprocess

import pytest
from program import AS_ROOT, BELLJAR, wait_until
from service import Service, sheltered

ORDINARY = 61235  # exists on no host, and needs not to
AS_ORDINARY = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups"] \
    if AS_ROOT else []
# The usual port may be somebody else's on this machine, but not in a network of one's own.
ALONE = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"] if AS_ROOT else []


def environment(home, **more):
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", **more}


def refused(tmp_path, *words, ordinary=False, variables=None):
    """What a service says that must not come up; every mistake is said once, and ends with 125."""
    done = subprocess.run(
        [*(AS_ORDINARY if ordinary else []), BELLJAR, "serve", "--state",
         str(sheltered(tmp_path) / "state"), "--listen", "127.0.0.1:0", *map(str, words)], capture_output=True, text=True, timeout=60, cwd="/",
        env=environment(tmp_path, **(variables or {})))
    assert done.returncode == 125, done
    assert done.stdout == "" and done.stderr.startswith("belljar serve: "), done
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


class Ordinary(Service):
    """An ordinary user's, at the places that it takes without being told."""

    def __init__(self, directory, *options, variables=None):
        super().__init__(directory, *options, variables=variables)
        self.home = self.runtime.name + "/home"
        os.mkdir(self.home)
        if AS_ROOT:
            os.chmod(self.runtime.name, 0o755)
            os.chown(self.home, ORDINARY, ORDINARY)
        self.state = self.directory / "none"

    def command(self):
        return [*ALONE, *AS_ORDINARY, BELLJAR, "serve", *self.options]

    def environment(self):
        return environment(self.home, **self.variables)


@pytest.fixture
def make_ordinary(tmp_path):
    made = []

    def make(*options, **more):
        made.append(Ordinary(tmp_path / "service", *options, **more))
        return made[-1]

    yield make
    for each in made:
        if each.process is not None:
            each.stop()
        shutil.rmtree(each.home, ignore_errors=True)


def client(service, *words, **variables):
    return subprocess.run([*(AS_ORDINARY if isinstance(service, Ordinary) else []), BELLJAR, *words],
                          capture_output=True, text=True, timeout=60,
                          env={**service.environment(), **variables})


def run_line(service, start, ordinary=False):
    """A line of the welcome, as somebody copies it into a shell."""
    line = service.welcome[service.welcome.index(start):].split("\n\n")[0]
    if start != "curl":
        line = line.split("\n")[0]
    return subprocess.run([*(AS_ORDINARY if ordinary else []), "sh", "-c", line],
                          capture_output=True, text=True, timeout=60,
                          env={**service.environment(),
                               "PATH": f"{os.path.dirname(BELLJAR)}:/usr/bin:/bin"})


# ---- lines to copy ----


def test_the_curl_line_with_a_key_in_the_environment(make_service):
    service = make_service(variables={"BELLJAR_API_KEY": "a-key-that-somebody-chose"}).start()
    done = run_line(service, "curl")
    assert json.loads(done.stdout)["output"] == "Hello\n", done
    assert "a-key-that-somebody-chose" not in service.welcome


def test_a_line_with_a_key_in_a_file_of_any_name(make_service, tmp_path):
    file = tmp_path / "the key's $(echo file)"
    file.write_text("a-key-that-somebody-chose\n")
    file.chmod(0o600)
    done = run_line(make_service("--key-file", file).start(), "curl")
    assert json.loads(done.stdout)["output"] == "Hello\n", done


def test_the_curl_line_with_a_key_of_a_list(make_service):
    service = make_service()
    done = subprocess.run([BELLJAR, "serve", "keys", "add", "--create", "--state",
                           str(service.state), "one"],
                          capture_output=True, text=True, timeout=30)
    service.start()
    line = service.welcome[service.welcome.index("curl"):]
    assert "YOUR-KEY" in line and "cat " not in line
    done = subprocess.run(["sh", "-c", line.replace("YOUR-KEY", done.stdout.strip())],
                          capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["output"] == "Hello\n", done


@pytest.mark.parametrize("kind", ["socket", "address"])
def test_how_clients_find_it_elsewhere(make_service, kind):
    service = make_service()
    if kind == "address":
        service.command = lambda: [BELLJAR, "serve", "--state", str(service.state), "--listen",
                                   "127.0.0.1:0"]
    service.start()
    done = run_line(service, "BELLJAR_HOST=")
    assert done.returncode == 0 and done.stdout.startswith("SANDBOX"), done


# ---- an ordinary user ----


def has_usual_port():
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 8000))
        except OSError:
            return False
    return True


@pytest.mark.parametrize("runtime", [True, False])
def test_a_service_and_its_clients_find_each_other(make_ordinary, runtime):
    """With nothing said to either, with a runtime directory and without."""
    assert ALONE or wait_until(has_usual_port)
    service = make_ordinary()
    place = service.home
    if runtime:
        service.variables["XDG_RUNTIME_DIR"] = place
    else:
        place += "/.local/state/belljar/serve"
    service.start()
    assert f"on         {place}/belljar.sock" in service.welcome
    assert "BELLJAR_HOST" not in service.welcome
    created = client(service, "create")
    assert created.returncode == 0, created
    done = client(service, "exec", created.stdout.strip(), "echo", "found")
    assert done.stdout == "found\n", done


def test_workspaces_in_memory_are_said(make_ordinary):
    service = make_ordinary("--no-key").start()
    line = next(line for line in service.welcome.splitlines() if "workspaces lie in memory" in line)
    service.socket = service.welcome.split()[3]
    said = service.get("/health", unix=True).json["degraded"]
    assert any(each in line for each in said if "workspaces lie in memory" in each)


@pytest.mark.skipif(not AS_ROOT, reason="this host lacks root outside")
def test_workspaces_on_the_disk_are_not(service):
    sandbox = service.post("/v1/sandboxes", {}).json
    on_disk = not any("workspace" in note["reason"] for note in sandbox["degraded"])
    said = service.get("/health", key="").json["degraded"]
    assert on_disk == (not any("workspaces lie in memory" in line for line in said))


def test_a_user_for_the_front_takes_root(tmp_path):
    assert "only root" in refused(tmp_path, "--user", "nobody", ordinary=True)


# ---- what it does not start with ----


@pytest.mark.parametrize("words, said", [
    (("--tls-cert", "/nofile", "--tls-key", "/nofile"), "/nofile"),
    (("--key-file", "/nofile"), "/nofile"),
    (("--user", "nobody-of-this-name"), "user")])
def test_what_the_front_finds_out_is_said_once(tmp_path, words, said):
    assert said in refused(tmp_path, *words)


@pytest.mark.parametrize("config, said", [
    ({"audit": {"path": "config.json/audit.db"}}, "audit.db"),
    ({"presets": {"mine": {"config": {"security": {
        "command_whitelist": ["no-such-program"]}}}}}, "preset mine")])
def test_what_others_find_out_is_said_once(tmp_path, config, said):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert said in refused(tmp_path, "--config", tmp_path / "config.json")


def test_a_certificate_that_is_none(tmp_path):
    (tmp_path / "cert").write_text("nonsense")
    assert "certificate" in refused(tmp_path, "--tls-cert", tmp_path / "cert", "--tls-key",
                                    tmp_path / "cert")


@pytest.mark.parametrize("config, said", [
    ({"isolation": "landlock"}, "isolation: landlock"),
    ({"sandbox_type": "none"}, "sandbox_type"), ({"sandbox_type": "bubblewrap"}, "sandbox_type"),
    ({"workspace": "/srv"}, "workspace")])
def test_presets_that_cannot_serve(tmp_path, config, said):
    (tmp_path / "config.json").write_text(json.dumps({"presets": {"mine": {"config": config}}}))
    text = refused(tmp_path, "--config", tmp_path / "config.json")
    assert said in text and "presets.mine" in text


def test_a_process_that_only_dies_is_tried_again(make_service):
    """It is what a process says, not that it ends, which makes the service give up."""
    service = make_service()
    service.start()
    front = service.roles()["front"]
    os.kill(front, signal.SIGKILL)
    assert service.bash("echo on")["output"] == "on\n"
