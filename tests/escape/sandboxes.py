"""How a program is put into a sandbox: Belljar, or another one to compare with.

BJ_ESCAPE_AGAINST=bwrap runs the same suite against bubblewrap, which shows that the tests can fail.
"""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


# Other ways to start it, and the tables of attempts that must fail there too. Root inside may be
# root there, so what it is told about itself is left out. Landlock alone is for ordinary users,
# gives no terminal, and says what else it does not give.
MODES = {
    "root-inside": (("--user", "root"),
                    {"files", "modes", "processes", "init", "kernel", "mounts", "proc", "network",
                     "ipc"}),
    "landlock": (("--isolation", "landlock", "--allow-degraded"),
                 {"modes", "descriptors", "terminal", "kernel", "mounts", "network", "secrets"}),
}


def modes_of(row, caller_name):
    """Names of the modes in which this attempt is made by that caller; "" is the default."""
    if os.environ.get("BJ_ESCAPE_AGAINST") == "bwrap" or row.scenario.startswith("limit"):
        return [""]
    group = "secrets" if row.name.startswith(("secret-", "home-", "create-")) else row.group
    return ["", *(mode for mode, (_, groups) in MODES.items()
                  if (group in groups or row.group in groups)
                  and (mode != "landlock" or (caller_name != "root" and "-t" not in row.options)))]


class Belljar:
    name = "belljar"

    def __init__(self, path):
        self.path = str(Path(path).resolve())
        self.known = {}

    def command(self, program, cwd, options=(), volumes=(), directory=None):
        words = [self.path, "run", *options]
        for source, target, mode in volumes:
            words += ["-v", f"{source}:{target}" + (":ro" if mode == "ro" else "")]
        if directory:
            words += ["-w", str(directory)]
        return [*words, "--", *program]

    @staticmethod
    def failed(outcome):
        return outcome.status in (125, 126, 127)

    def degraded(self, caller, options):
        """Layers that Belljar itself says it cannot give this caller with these options."""
        key = (caller.name, tuple(options))
        if key not in self.known:
            cwd = caller.workspace()
            command = self.command(["/bin/true"], cwd, ["--json", *options])
            ran = subprocess.run(command, cwd=cwd, env=caller.environment(),
                                 capture_output=True, text=True, timeout=30, check=False,
                                 stdin=subprocess.DEVNULL, **caller.identity())
            assert ran.returncode == 0, ran
            self.known[key] = {row["layer"]: row["reason"]
                               for row in json.loads(ran.stdout)["degraded"]}
        return self.known[key]


class Bubblewrap:
    """With all that it offers, to compare with."""

    name = "bwrap"

    def command(self, program, cwd, options=(), volumes=(), directory=None):
        words = ["bwrap", "--unshare-all", "--new-session", "--die-with-parent", "--clearenv",
                 "--cap-drop", "ALL", "--hostname", "bwrap"]
        for path in ("/usr", "/etc"):
            words += ["--ro-bind", path, path]
        for path in ("/bin", "/sbin", "/lib", "/lib64"):
            words += ["--symlink", f"usr{path}", path]
        words += ["--proc", "/proc", "--dev", "/dev"]
        for path in ("/tmp", "/var/tmp", "/run", "/dev/shm"):
            words += ["--tmpfs", path]
        words += ["--bind", str(cwd), str(cwd), "--chdir", str(directory or cwd)]
        for source, target, mode in volumes:
            words += ["--ro-bind" if mode == "ro" else "--bind", str(source), str(target)]
        return [*words, "--", *program]

    @staticmethod
    def failed(outcome):
        return outcome.status == 1 and outcome.stderr.startswith("bwrap:")

    def degraded(self, caller, options):
        return {}


def chosen():
    if os.environ.get("BJ_ESCAPE_AGAINST") == "bwrap":
        return Bubblewrap()
    return Belljar(os.environ.get("BELLJAR", ROOT / "build" / "belljar"))
