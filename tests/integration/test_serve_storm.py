"""`belljar serve` with every kind of client at work while its processes are killed at random.

BJ_STORM_KILLS says how many there are (40 in an ordinary run, 500 by hand: some six minutes).
BJ_STORM_SEED repeats the choices of an earlier storm, not its timing.
"""

import base64
import collections
import http.client
import json
import os
import random
import re
import signal
import struct
import subprocess
import threading
import time
from pathlib import Path

from program import BELLJAR, become_subreaper, descendants, processes, wait_until, with_word

KILLS = int(os.environ.get("BJ_STORM_KILLS", "40"))
SEED = int(os.environ.get("BJ_STORM_SEED", random.randrange(10**6)))
# The keeper's and launcher's end is that of every sandbox, so they are hit less often: what the
# others do to a sandbox can only be seen while it lives.
TARGETS = ("front",) * 4 + ("audit",) * 4 + ("init",) * 3 + ("keeper", "launcher")
LINES = 3000
# What a client may be told when the part that would have done it was just killed.
REASONS = {"BUSY", "ENDED", "NOT_FOUND", "PROTOCOL", "CONFLICT", "QUOTA", "RATE"}


class Storm:
    """What the clients and the killer know of each other."""

    def __init__(self, service):
        self.service = service
        self.chance = random.Random(SEED)
        self.over = threading.Event()
        self.ends = 0           # of keepers and launchers: all sandboxes went with them
        self.inits = set()      # that were killed
        self.kills = collections.Counter()
        self.latest = collections.deque(maxlen=12)
        self.wrong = []
        self.answers = collections.Counter()

    def say(self, *what):
        self.wrong.append((time.strftime("%T"), *what))

    def find(self, what):
        everybody = processes()
        roles = self.service.roles()
        if what in ("front", "audit", "keeper"):
            return roles.get(what)
        launchers = [pid for pid, (parent, _, name) in everybody.items()
                     if parent == roles.get("keeper") and name.startswith("belljar-launch")]
        if what == "launcher":
            return launchers[0] if launchers else None
        inits = [pid for pid, (parent, state, _) in everybody.items()
                 if parent in launchers and state not in "ZX"]
        return self.chance.choice(sorted(inits)) if inits else None

    def kill(self):
        what = self.chance.choice(TARGETS)
        try:
            pid = self.find(what)
            if pid is None:
                return
            # Said before, so that nobody sees the effect without the cause; and behind it, for who
            # makes a sandbox in between.
            if what == "init":
                self.inits.add(pid)
            self.ends += what in ("keeper", "launcher")
            os.kill(pid, signal.SIGKILL)
            self.latest.append((time.strftime("%T"), what, pid))
            self.ends += what in ("keeper", "launcher")
            self.kills[what] += 1
        except (ProcessLookupError, FileNotFoundError):
            pass

    def ask(self, method, path, body=None, **more):
        """An answer that is one, or None where the connection broke."""
        try:
            answer = self.service.request(method, path, body, timeout=45, **more)
        except TimeoutError:
            self.say("no answer within 45 s", method, path)
            return None
        except (OSError, http.client.HTTPException):
            self.answers["broken"] += 1
            return None
        self.answers[answer.status] += 1
        if answer.status == 503:
            time.sleep(0.03)
        if answer.status >= 400:
            try:
                error = answer.json["error"]
                if error["code"] not in REASONS or not error["message"]:
                    self.say("an error that is none of a kill's", method, path, body, answer)
            except (ValueError, KeyError, TypeError):
                self.say("an error without its form", method, path, answer)
        return answer


class Home:
    """A sandbox that nobody has a reason to lose but for the kills that end it."""

    def __init__(self, storm):
        self.storm = storm
        self.id = None
        self.mark = None

    def base(self):
        """Its path; a new sandbox when the last one went, which it must have had a cause for."""
        while not self.storm.over.is_set():
            if self.id is not None:
                answer = self.storm.ask("GET", f"/v1/sandboxes/{self.id}")
                if answer is None or answer.status == 503:
                    time.sleep(0.02)
                    continue
                if answer.status == 200 and answer.json["state"] == "running":
                    return f"/v1/sandboxes/{self.id}"
                if not self.may_be_gone():
                    self.storm.say("a sandbox went without a cause", answer, self.init)
                self.id = None
            self.make()
        return None

    def may_be_gone(self):
        return self.storm.ends != self.ends or self.init is None or self.init in self.storm.inits

    def make(self):
        self.ends = self.storm.ends
        self.mark = f"{random.randrange(10**6, 10**7)}.{os.getpid()}"
        made = self.storm.ask("POST", "/v1/sandboxes", {})
        if made is None or made.status != 201:
            return
        self.init = None
        self.id = made.json["id"]
        self.storm.ask("POST", f"/v1/sandboxes/{self.id}/processes",
                       {"argv": ["/bin/sleep", self.mark]})
        everybody = processes()
        for pid in with_word(self.mark):
            while pid in everybody and everybody[pid][0] in everybody:
                parent = everybody[pid][0]
                if everybody[parent][2].startswith("belljar-launch"):
                    self.init = pid
                pid = parent


class Client(threading.Thread):
    """Does one thing again and again until the storm is over."""

    def __init__(self, storm, number):
        super().__init__(daemon=True)
        self.storm, self.number = storm, number
        self.count = 0
        self.home = Home(storm)

    def run(self):
        while not self.storm.over.is_set():
            self.count += 1
            try:
                self.turn(f"storm-{self.number}-{self.count}")
            except Exception as error:  # pylint: disable=broad-except
                self.storm.say("the client itself", type(self).__name__, repr(error))
                raise


class Commands(Client):
    """Runs commands; keeps what it was told, and what the sandbox kept of those that ran."""

    def __init__(self, *more):
        super().__init__(*more)
        self.told = []
        self.happened = collections.Counter()
        self.told_here = []

    def turn(self, mark):
        before = self.home.id
        base = self.home.base()
        if base is None:
            return
        if self.home.id != before:
            self.told_here = []
        answer = self.storm.ask("POST", f"{base}/run", {"command": f"echo {mark} | tee -a done"})
        if answer is not None and answer.status == 200 and answer.json["success"]:
            if answer.json["output"] != mark + "\n":
                self.storm.say("a wrong output", mark, answer)
            self.told.append(mark)
            self.told_here.append(mark)
        if self.count % 20 == 0:
            self.look(base)

    def look(self, base):
        answer = self.storm.ask("POST", f"{base}/run", {"command": "cat done 2>/dev/null || true"})
        if answer is None or answer.status != 200 or not answer.json["success"]:
            return
        seen = collections.Counter(answer.json["output"].split())
        if any(times > 1 for times in seen.values()):
            self.storm.say("done twice", [mark for mark, times in seen.items() if times > 1])
        if missing := [mark for mark in self.told_here if mark not in seen]:
            self.storm.say("told and not done", missing)
        self.happened |= seen


class Creator(Client):
    """Makes and ends sandboxes; asks again with the same key when it was not told."""

    def __init__(self, *more):
        super().__init__(*more)
        self.mine = []

    def turn(self, mark):
        for _ in range(400):
            made = self.storm.ask("POST", "/v1/sandboxes", {"metadata": {"storm": mark}},
                                  headers={"Idempotency-Key": mark})
            if made is not None and made.status in (200, 201):
                break
            if self.storm.over.is_set():
                return
            time.sleep(0.02)
        else:
            self.storm.say("400 refusals in a row", made)
            return
        listed = self.storm.ask("GET", f"/v1/sandboxes?state=running&metadata=storm={mark}")
        if listed is not None and listed.status == 200 and len(listed.json["sandboxes"]) > 1:
            self.storm.say("made twice", mark, listed)
        self.storm.ask("POST", f"/v1/sandboxes/{made.json['id']}/run", {"command": f"echo {mark}"})
        self.storm.ask("DELETE", f"/v1/sandboxes/{made.json['id']}")


class Files(Client):
    """Writes and reads: what comes is what was written, or the connection breaks."""

    def turn(self, mark):
        base = self.home.base()
        if base is None:
            return
        content = (mark.encode() + b"\n") * self.storm.chance.randrange(1, 20000)
        written = self.storm.ask("PUT", f"{base}/files/content?path={mark}", content,
                                 headers={"Content-Type": "application/octet-stream"})
        if written is None or written.status >= 300:
            return
        read = self.storm.ask("GET", f"{base}/files/content?path={mark}")
        if read is not None and read.status == 200 and read.body != content:
            self.storm.say("a file that differs", mark, len(content), len(read.body))
        self.storm.ask("GET", f"{base}/files")
        self.storm.ask("DELETE", f"{base}/files?path={mark}")


def numbered():
    return "".join(f"line {number}\n" for number in range(LINES)).encode()


class Streams(Client):
    """Follows a process's output from where the last connection broke, to the last byte."""

    def __init__(self, *more):
        super().__init__(*more)
        self.whole = 0
        self.breaks = 0

    def turn(self, mark):
        base = self.home.base()
        if base is None:
            return
        script = f"i=0; while [ $i -lt {LINES} ]; do echo line $i; i=$((i+1)); " \
                 "[ $((i%100)) = 0 ] && sleep 0.05; done"
        started = self.storm.ask("POST", f"{base}/processes", {"command": script})
        if started is None or started.status != 201:
            return
        path = f"{base}/processes/{started.json['id']}"
        seen = b""
        while not self.storm.over.is_set():
            piece, end = self.follow(path, len(seen))
            seen += piece
            if not numbered().startswith(seen):
                self.storm.say("output that was not written", path, len(seen), piece[:100])
                return
            if end == "gone":
                return
            if end == "whole":
                break
            self.breaks += 1
        if seen == numbered():
            self.whole += 1
            return
        now = self.storm.ask("GET", path)
        if not self.storm.over.is_set() and now is not None and now.status == 200 \
                and now.json["end"] and now.json["end"]["exit_code"] == 0:
            self.storm.say("output that ends early", path, len(seen), now)

    def follow(self, path, offset):
        """What comes until the end or the break, and which of the two it was."""
        service = self.storm.service
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=45)
        piece = b""
        try:
            connection.request("GET", f"{path}/output?offset={offset}&follow=true",
                               headers={"X-API-Key": service.key})
            response = connection.getresponse()
            if response.status in (404, 410):
                return b"", "gone"
            if response.status != 200:
                time.sleep(0.02)
                return b"", "broken"
            while more := response.read1(65536):
                piece += more
            return piece, "whole"
        except TimeoutError:
            self.storm.say("output that stands still", path, offset)
            return piece, "broken"
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)
            return piece, "broken"
        finally:
            connection.close()


class Terminals(Client):
    """Types into a terminal over a WebSocket; at each break it goes on behind what it has."""

    def __init__(self, *more):
        super().__init__(*more)
        self.compared = 0

    def turn(self, mark):
        base = self.home.base()
        if base is None:
            return
        started = self.storm.ask("POST", f"{base}/processes",
                                 {"argv": ["/bin/cat"], "terminal": True})
        if started is None or started.status != 201:
            return
        path = f"{base}/processes/{started.json['id']}"
        seen = b""
        for _ in range(6):
            seen, gone = self.visit(path, seen, mark)
            if gone or self.storm.over.is_set():
                break
        kept = self.storm.ask("GET", f"{path}/output?offset=0&follow=false")
        if kept is not None and kept.status == 200:
            self.compared += 1
            if not kept.body.startswith(seen):
                self.storm.say("a terminal's output differs", path, seen[-200:], kept.body[-200:])
        self.storm.ask("POST", f"{path}/signal", {"signal": "KILL"})

    def visit(self, path, seen, mark):
        """One connection: what was seen with it, and whether the process is gone."""
        service = self.storm.service
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
        try:
            connection.request("GET", f"{path}/attach?offset={len(seen)}", headers={
                "X-API-Key": service.key, "Connection": "Upgrade", "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()})
            response = connection.getresponse()
            if response.status != 101:
                response.read()
                time.sleep(0.02)
                return seen, response.status in (404, 410)
            stream = response.fp
            for number in range(10):
                line = f"{mark}.{number}\n".encode()
                connection.sock.sendall(struct.pack("!BBI", 0x82, 0x80 | len(line), 0) + line)
                while seen.count(line.replace(b"\n", b"\r\n")) < 2:
                    more, end = self.message(stream)
                    if end:
                        return seen, False
                    seen += more
            return seen, False
        except TimeoutError:
            self.storm.say("a terminal that stands still", path, len(seen))
            return seen, True
        except (OSError, http.client.HTTPException, EOFError):
            return seen, False
        finally:
            connection.close()

    @staticmethod
    def message(stream):
        def take(length):
            data = stream.read(length)
            if len(data) < length:
                raise EOFError
            return data

        first, length = take(2)
        if length == 126:
            length, = struct.unpack("!H", take(2))
        elif length == 127:
            length, = struct.unpack("!Q", take(8))
        payload = take(length)
        ended = first & 15 == 8 or first & 15 == 1 and json.loads(payload)["type"] in ("end", "error")
        return (payload if first & 15 == 2 else b""), ended


CLIENTS = (Commands, Commands, Creator, Files, Streams, Terminals)


def audit(service, *words):
    done = subprocess.run([BELLJAR, "audit", *words, "--file", str(service.state / "audit.db")],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done
    return done.stdout


def check_record(service, clients):
    """Every act has one outcome, and what happened is what the record says."""
    audit(service, "verify")
    calls = [json.loads(line) for line in
             audit(service, "list", "--limit", "0", "--json").splitlines()]
    acts = [call for call in calls if call["verdict"].get("act")]
    assert acts
    assert not [call for call in acts if call["outcome"] is None][:3]
    outcomes = collections.Counter()
    for line in audit(service, "export").splitlines():
        record = json.loads(line)
        if record["record"]["kind"] == "outcome":
            outcomes[record["record"]["verdict"]] += 1
    assert not [call for call in acts if outcomes[call["verdict"]["number"]] != 1][:3]
    ran = collections.Counter()
    for call in acts:
        found = re.search(r"echo (storm-\d+-\d+) \| tee", call["verdict"].get("command") or "")
        if found and call["outcome"]["ran"]:
            ran[found.group(1)] += 1
    for client in clients:
        if isinstance(client, Commands):
            assert client.told
            assert not [mark for mark in client.told if not ran[mark]]
            assert not [mark for mark in client.happened if not ran[mark]]


class Traces:
    """What a service leaves about on its host: cgroups, loop devices, files."""

    def __init__(self, service):
        self.service = service
        self.prefixes = set()

    def note(self):
        """To be called while keepers come and go, each of which names its cgroups anew."""
        try:
            for line in (self.service.state / "keeper.cgroups").read_text().splitlines():
                name, path = line.split(" ", 1)
                self.prefixes.add((path, f"belljar-{name}-"))
        except (OSError, ValueError):
            pass

    def cgroups(self):
        return [found for path, name in self.prefixes for found in Path(path).parent.glob(name + "*")
                ] + [found for path, name in self.prefixes for found in Path(path).glob(name + "*")]

    def loops(self):
        found = []
        for path in Path("/sys/block").glob("loop*/loop/backing_file"):
            try:
                if str(self.service.state) in path.read_text():
                    found.append(path)
            except OSError:
                pass
        return found

    def mounts(self):
        return [line for line in Path("/proc/self/mountinfo").read_text().splitlines()
                if str(self.service.directory) in line]

    def files(self):
        return {path.name for path in self.service.state.iterdir()}

    def all(self):
        return self.cgroups() + self.loops() + self.mounts()


def works(service):
    try:
        answer = service.post("/bash", {"command": "echo up"}, timeout=20)
        return answer.status == 200 and answer.json["output"] == "up\n"
    except (OSError, http.client.HTTPException):
        return False


def test_a_storm(make_service, tmp_path):
    become_subreaper()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    before = set(descendants())
    service = make_service(variables={"TMPDIR": str(scratch)}).start()
    assert works(service)
    traces = Traces(service)
    files = traces.files()
    storm = Storm(service)
    clients = [kind(storm, number) for number, kind in enumerate(CLIENTS)]
    for client in clients:
        client.start()
    while sum(storm.kills.values()) < KILLS and not storm.wrong:
        time.sleep(storm.chance.uniform(0.02, 0.5))
        traces.note()
        storm.kill()
    assert wait_until(lambda: works(service), 60), service.errors()[-3000:]
    time.sleep(2)  # so that what the last kill broke is seen to go on
    storm.over.set()
    for client in clients:
        client.join(60)
        assert not client.is_alive(), type(client).__name__
    print(f"seed {SEED}, kills {dict(storm.kills)}, answers {dict(storm.answers)}, "
          f"streams whole {clients[4].whole} over {clients[4].breaks} breaks, "
          f"terminals compared {clients[5].compared}, commands {len(clients[0].told)}")
    for what in (*storm.wrong[:5], *storm.latest):
        print(*what)
    assert not storm.wrong, (SEED, storm.wrong[:5], storm.latest)
    assert clients[4].whole and clients[5].compared
    assert works(service)
    traces.note()
    assert service.stop() == 0
    assert wait_until(lambda: not set(descendants()) - before, 20), descendants()
    assert wait_until(lambda: not traces.all(), 20), traces.all()
    assert not list(scratch.iterdir())
    assert traces.files() <= files | {"keeper.cgroups"}, traces.files()
    assert not service.socket.exists()
    check_record(service, clients)


def test_what_a_killed_service_left_is_swept_and_no_other_one_is(make_service):
    become_subreaper()
    killed, other = make_service(name="killed").start(), make_service(name="other").start()
    kept = other.bash("echo kept > kept")["sandbox"]
    mark = f"{random.randrange(10**6, 10**7)}.{os.getpid()}"
    for _ in range(3):
        made = killed.post("/v1/sandboxes", {}).json["id"]
        assert killed.post(f"/v1/sandboxes/{made}/processes",
                           {"argv": ["/bin/sleep", mark]}).status == 201
    assert wait_until(lambda: len(with_word(mark)) == 3)
    traces = Traces(killed)
    traces.note()
    family = [killed.process.pid, *descendants(killed.process.pid)]
    for number in (signal.SIGSTOP, signal.SIGKILL):  # so that none sees another one's end
        for pid in family:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
    killed.process.wait()
    assert wait_until(lambda: not with_word(mark), 20)
    killed.start()
    assert works(killed)
    fresh = Traces(killed)
    fresh.note()
    traces.prefixes -= fresh.prefixes
    assert wait_until(lambda: not traces.cgroups(), 10), traces.cgroups()
    assert not traces.mounts()
    assert killed.get("/v1/sandboxes?state=running").json["sandboxes"][1:] == []
    assert other.bash("cat kept")["output"] == "kept\n" and other.bash("true")["sandbox"] == kept
    assert killed.stop() == 0
    assert wait_until(lambda: not traces.all() and not fresh.all(), 20), (traces.all(), fresh.all())
    assert other.bash("cat kept")["output"] == "kept\n"
