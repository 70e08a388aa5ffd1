"""Bad command lines and configurations, against the real program.

For every flag and every key: what is refused, with exit status 125 and a message that names the
flag or the key's path, and nothing runs. Two tests compare the tables here with what the program
lists, so that a new row without a case fails. The JSON Schema and the loader must agree about every
value tried; secrets must never appear.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BELLJAR = os.environ.get("BELLJAR", str(ROOT / "build/belljar"))
FAILED = 125
VARIABLES = ("BELLJAR_PRESET", "BELLJAR_CONFIG", "E2B_API_KEY", "E2B_DOMAIN", "DAYTONA_API_KEY")


def belljar(*arguments, cwd, **variables):
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return subprocess.run([BELLJAR, *arguments], cwd=cwd, env=environment | variables, text=True,
                          capture_output=True, timeout=30, stdin=subprocess.DEVNULL)


def refused(done, *words):
    """One line on standard error, nothing else, and the status of a failure of our own."""
    assert done.returncode == FAILED, done
    assert done.stdout == ""
    assert done.stderr.startswith("belljar: ") and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def run_refused(tmp_path, *arguments, words, **variables):
    done = belljar("run", *arguments, "--", "touch", "ran", cwd=tmp_path, **variables)
    refused(done, *words)
    assert not (tmp_path / "ran").exists()


def config_of(path, value):
    """{"section": {"key": value}} for "section.key"."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def write_config(tmp_path, document, name="config.json"):
    text = document if isinstance(document, str) else json.dumps(document)
    (tmp_path / name).write_text(text)
    return name


def shorten(value):
    """A long text is no name for a test."""
    return repr(value[:40])


# What each flag refuses, and words of the message.

SIZE = "expected a size such as 512m or 2g"
SWITCH = [("maybe", 'expected true or false; found "maybe"'), ("", "expected true or false")]
RISK = [("huge", "expected off, low, medium, high or critical"), ("", "expected off"),
        ("hihg", "did you mean high?")]
LAYER = [("memry", "did you mean memory?"), ("", "expected a layer"),
         ("MEMORY", "expected a layer")]


def sizes(least):
    return [("lots", SIZE), ("", SIZE), ("-1", SIZE), ("1.5g", SIZE), ("512x", SIZE), ("1k", SIZE),
            ("17t", f"from {least} to 16777216"), ("99999999999999999999", SIZE)]


def counts(least, most, zero):
    expected = f"expected a whole number from {least} to {most}"
    values = ["many", "", "-1", "1.5", str(most + 1), "99999999999999999999", "0x10"]
    return [(value, expected) for value in values + ([] if zero else ["0", str(least - 1)])]


FLAGS = {
    "preset": [("tiny", "expected minimal, standard or development"), ("", "expected minimal"),
               ("standrad", "did you mean standard?")],
    "config": [("absent.json", "absent.json: No such file"), ("/", "not a regular file"),
               ("", "expected a text")],
    "sandbox-type": [("docker", "expected native, bubblewrap"), ("", "expected native"),
                     ("natve", "did you mean native?")],
    "isolation": [("vm", "expected namespaces or landlock"), ("", "expected namespaces")],
    "require": LAYER,
    "without": LAYER,
    "allow-degraded": SWITCH,
    "cpus": [(value, "expected a number from 0.01 to 4096, or 0 for no limit")
             for value in ("two", "", "-1", "4097", "0.001", "1e3", "inf", "nan", "0x1")],
    "memory": [*sizes(4), ("3", "from 4 to 16777216, or 0 for no limit")],
    "disk": sizes(1),
    "timeout": [(value, "expected a time such as 30, 5m or 1h")
                for value in ("soon", "", "-5", "1.5", "5d", "1h30m", "8785h")],
    "processes": counts(1, 4194304, True),
    "open-files": counts(16, 1048576, False),
    "output-limit": sizes(1),
    "network": [("bridge", "expected none, host or domains"), ("", "expected none"),
                ("hsot", "did you mean host?")],
    "workspace": [("", "expected a directory")],
    "workdir": [(value, "expected an absolute path inside")
                for value in ("relative", "", "/", "/a/../b", "/./a")]
               + [("/proc/x", "below /proc"), ("/dev", "below /dev")],
    "volume": [(value, "expected SRC:DST or SRC:DST:ro")
               for value in ("a", "", ":/b", "a:", "a:b", "a:/", "a:/b:rx", "a:/b:ro:ro",
                             "a:/../b")]
              + [("a:/sys/x", "below /sys")],
    "allow-home": SWITCH,
    "allow-git-config": SWITCH,
    "allow-shell-config": SWITCH,
    "allow-editor-config": SWITCH,
    "sysfs": SWITCH,
    "env": [("=x", "expected NAME=VALUE"), ("", "expected NAME=VALUE"),
            ("A B=x", "expected NAME=VALUE")],
    "env-file": [("absent.env", "absent.env: No such file"), ("/", "not a regular file"),
                 ("", "expected a file")],
    "user": [("nobody", "expected ordinary or root"), ("", "expected ordinary"),
             ("0", "expected ordinary")],
    "ids": [("many", "expected single or subordinate"), ("", "expected single")],
    "deny-command": [("", "expected a text")],
    "only-command": [("", "expected a text")],
    "deny-risk": RISK,
    "ask-risk": RISK,
    "on-ask": [("maybe", "expected prompt, refuse or allow"), ("", "expected prompt")],
    "audit": [("maybe", "expected off, on or required"), ("", "expected off"),
              ("requird", "did you mean required?")],
    "audit-file": [("", "expected a path")],
    "hostname": [(value, "expected a host name")
                 for value in ("", "-a", ".a", "a_b", "a b", "a" * 64)],
    "command": [("", "expected a text")],
    "interactive": SWITCH,
    "tty": SWITCH,
    "json": SWITCH,
    "dry-run": SWITCH,
    "quiet": SWITCH,
    "log": [("", "expected a text"), ("loud", "expected CATEGORY=LEVEL"),
            ("sandbox=loud", "expected CATEGORY=LEVEL")],
    "log-format": [("xml", "expected text or json"), ("", "expected text")],
    "help": [],  # nothing after it is looked at
}


def listed_flags(tmp_path):
    text = belljar("run", "--help", cwd=tmp_path).stdout
    return re.findall(r"^ +(?:-(\w), )?--([\w-]+)(?: (\S+))?", text, re.MULTILINE)


def test_every_flag_has_cases(tmp_path):
    assert {flag for _, flag, _ in listed_flags(tmp_path)} == set(FLAGS)


@pytest.mark.parametrize(("flag", "value", "words"), [
    (flag, value, words) for flag, cases in FLAGS.items() for value, words in cases])
def test_flag_refuses(tmp_path, flag, value, words):
    option = "" if "below" in words or "regular" in words or "such file" in words else f"--{flag}: "
    run_refused(tmp_path, f"--{flag}={value}", words=(option, words))


def test_flags_need_their_value(tmp_path):
    for short, flag, argument in listed_flags(tmp_path):
        if not argument:
            continue
        for option in filter(None, (f"--{flag}", short and f"-{short}", short and f"-t{short}")):
            done = belljar("run", option, cwd=tmp_path)
            refused(done, f"--{flag}: expected {argument}; found nothing after it")


@pytest.mark.parametrize(("arguments", "words"), [
    (["--memroy", "1g"], "unknown option --memroy; did you mean --memory?"),
    (["--mem=1g"], "unknown option --mem; did you mean --memory?"),
    (["--unheard-of"], "unknown option --unheard-of"),
    (["-Z"], 'unknown option "Z"'),
    (["-itZ"], 'unknown option "Z"'),
    (["--x\x1b[2J"], "unknown option --x\\x1b[2J"),
    (["-v", "/usr:/a", "-v", "/etc:/a"], "volumes: \"/a\" is given twice"),
    (["--require", "memory", "--without", "memory"], "layer memory is both required and left out"),
])
def test_bad_command_line(tmp_path, arguments, words):
    run_refused(tmp_path, *arguments, words=(words,))


# What each key refuses. A key of the schema without a row here fails a test.

TYPES = [None, True, 7, 1.5, "x\u0001", [1], [["x"]], {"=": "x"}]
BOOL = [value for value in TYPES if value is not True]
TEXT = [value for value in TYPES if not isinstance(value, str)] + ["", "x\u0001", "x\n"]
TEXTS = [*TYPES, [""], ["x\u0001"], ["good", None], ["x"] * 1025]


def integers(least, most, zero):
    low = [-1] if zero else [0, least - 1]
    return [*(value for value in TYPES if value != 7), *low, most + 1, str(least), 20.0, [least]]


KEYS = {
    "preset": [*TYPES, "tiny", ""],
    "sandbox_type": [*TYPES, "docker", "NATIVE", ""],
    "isolation": [*TYPES, "vm"],
    "layers.required": [*TEXTS, ["memry"]],
    "layers.disabled": [*TEXTS, ["memry"]],
    "layers.allow_degraded": BOOL,
    "resource_limits.cpu_cores": [None, True, "2", [2], {"a": 1}, -1, 0.001, 4096.5, 1e300],
    "resource_limits.memory_mb": [*integers(4, 16 << 20, True), 3],
    "resource_limits.disk_mb": integers(1, 16 << 20, True),
    "resource_limits.timeout_seconds": integers(1, 366 * 86400, True),
    "resource_limits.max_processes": integers(1, 1 << 22, True),
    "resource_limits.max_open_files": [*integers(16, 1 << 20, False), 7],
    "resource_limits.output_limit_mb": integers(1, 16 << 20, True),
    "network.enabled": BOOL,
    "network.allowed_domains": [*TEXTS, ["no domain"], ["a..b"], ["-a"], ["a:0"], ["a:65536"],
                                ["a:080"], ["http://a"], ["*.*"], ["a" * 64]],
    "network.mode": [*TYPES, "bridge"],
    "workspace": [value for value in TYPES if not isinstance(value, str)] + [""],
    "working_directory": [*TEXT[:-2], "x", "/", "//", "/a/..", "/./a"],
    "volumes": [*TEXTS[:-1], ["a"], ["a:b"], [":/b"], ["a:/"], ["a:/b:rx"], ["a:/b/.."],
                [f"/a:/b{i}" for i in range(65)]],
    "security.allow_home": BOOL,
    "security.allow_git_config": BOOL,
    "security.allow_shell_config": BOOL,
    "security.allow_editor_config": BOOL,
    "sysfs": BOOL,
    "environment": [*TYPES, {"": "x"}, {"A B": "x"}, {"A": 1}, {"A": None}, ["A=b"]],
    "user": [*TYPES, "nobody", "0"],
    "ids": [*TYPES, "many"],
    "hostname": [*TEXT, "-a", "a_b", "a" * 64],
    "security.allowed_tools": TEXTS,
    "security.blocked_tools": TEXTS,
    "security.command_blacklist": TEXTS,
    "security.command_whitelist": TEXTS,
    "security.allowed_paths": TEXTS,
    "security.denied_paths": TEXTS,
    "security.command_analysis": BOOL,
    "security.deny_risk": [*TYPES, "huge"],
    "security.ask_risk": [*TYPES, "huge"],
    "security.unknown_commands": [*TYPES, "guess"],
    "security.on_ask": [*TYPES, "guess"],
    "security.enable_audit_log": BOOL,
    "security.audit": [*TYPES, "maybe"],
    "security.audit_path": [value for value in TYPES if not isinstance(value, str)] + [""],
    "security.audit_durable": BOOL,
    "security.audit_max_days": integers(1, 36500, True),
    "security.audit_max_mb": integers(1, 16 << 20, True),
    "security.max_requests": integers(1, 1000000, True),
    "security.window_seconds": integers(1, 86400, False)[:-4] + [0, -1, 86401],
    "security.alert_risk": [*TYPES, "huge"],
    "security.alert_command": [*TEXT, "x" * 4097],
    "security.alert_url": [*TEXT, "https://a/" + "x" * 2048],
    "security.allow_root": BOOL,
    "session_timeout_minutes": integers(1, 366 * 1440, False)[:-4] + [0, -1, 366 * 1440 + 1],
    "auto_cleanup": BOOL,
    "e2b_api_key": [*TEXT, "x" * 1025],
    "e2b_template": [*TEXT, "x" * 257],
    "e2b_domain": [*TEXT, "x" * 254],
    "daytona_api_key": [*TEXT, "x" * 1025],
}

THRESHOLDS = ["off", "low", "medium", "high", "critical"]
GOOD = {
    "preset": ["minimal", "standard", "development"],
    "sandbox_type": ["native", "bubblewrap", "seatbelt", "e2b", "daytona", "none"],
    "isolation": ["namespaces", "landlock"],
    "layers.required": [[], ["memory", "seccomp"]],
    "layers.disabled": [[], ["time"]],
    "resource_limits.cpu_cores": [0, 0.0, 0.01, 0.5, 2, 4096],
    "resource_limits.memory_mb": [0, 4, 16 << 20],
    "resource_limits.disk_mb": [0, 1, 16 << 20],
    "resource_limits.timeout_seconds": [0, 1, 366 * 86400],
    "resource_limits.max_processes": [0, 1, 1 << 22],
    "resource_limits.max_open_files": [16, 1 << 20],
    "resource_limits.output_limit_mb": [0, 1, 16 << 20],
    "network.allowed_domains": [[], ["*"], ["a.b", "*.a.b:8443", "localhost", "1.2.3.4:65535"]],
    "network.mode": ["none", "host", "domains"],
    "workspace": ["empty", ".", "/a b"],
    "working_directory": ["/workspace", "/a//b/", "/..a/b..", "/a:b"],
    "volumes": [[], ["a:/b", "/x:/y:ro", "./z:/c//d/:rw"]],
    "environment": [{}, {"A": "", "npm_config_//x": "=\n"}],
    "user": ["ordinary"],
    "ids": ["single", "subordinate"],
    "hostname": ["a", "A-b.c", "a" * 63],
    "security.allowed_tools": [[], ["Bash", "Read"], ["x"] * 1024],
    "security.deny_risk": THRESHOLDS,
    "security.ask_risk": THRESHOLDS,
    "security.unknown_commands": ["judge", "ask", "deny", "allow"],
    "security.on_ask": ["prompt", "refuse", "allow"],
    "security.audit": ["off", "on", "required"],
    "security.audit_path": ["a", "/a/b.db"],
    "security.audit_max_days": [0, 1, 36500],
    "security.audit_max_mb": [0, 1, 16 << 20],
    "security.max_requests": [0, 1, 1000000],
    "security.window_seconds": [1, 86400],
    "security.alert_risk": THRESHOLDS,
    "security.alert_command": ["mail -s alert root"],
    "security.alert_url": ["https://example.com/hook"],
    "security.blocked_tools": [["x" * 256]],
    "security.command_blacklist": [["rm\\s+-rf\\s+/", "sudo"]],
    "security.command_whitelist": [["ls"]],
    "security.allowed_paths": [["/a"]],
    "security.denied_paths": [["~/.ssh"]],
    "session_timeout_minutes": [1, 366 * 1440],
    "e2b_api_key": ["x" * 1024],
    "e2b_template": ["base"],
    "e2b_domain": ["e2b.example"],
    "daytona_api_key": ["x"],
}


def schema_of(tmp_path):
    return json.loads(belljar("config", "schema", cwd=tmp_path).stdout)


def schema_keys(schema, prefix=""):
    for name, inner in schema["properties"].items():
        if "properties" in inner:
            yield from schema_keys(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_every_key_has_cases(tmp_path):
    keys = list(schema_keys(schema_of(tmp_path)))
    assert len(keys) == len(set(keys))
    assert set(keys) == set(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_key_refuses(tmp_path, key):
    for value in KEYS[key]:
        name = write_config(tmp_path, config_of(key, value))
        done = belljar("run", "--config", name, "--", "touch", "ran", cwd=tmp_path)
        refused(done, f"config.json: {key}: ", "expected ", )
        assert not (tmp_path / "ran").exists(), value


@pytest.mark.parametrize(("text", "words"), ids=shorten, argvalues=[
    ("", "config.json: line 1, column 0: "),
    ("{", "config.json: line 1, column 1: "),
    ("{}x", "config.json: line 1, column 3: "),
    ("[]", "expected an object; found a list"),
    ("7", "line 1, column"),
    ('{"sysfs": true,\n "sysfs": true}', "line 2, column 8: duplicate key"),
    ('{"hostname": "a\\u0000b"}', "line 1, column"),
    ('{"resource_limits": {"memroy_mb": 5}}',
     "unknown key resource_limits.memroy_mb; did you mean resource_limits.memory_mb?"),
    ('{"memory_mb": 5}', "unknown key memory_mb; did you mean resource_limits.memory_mb?"),
    ('{"resource_limits.memory_mb": 5}', "unknown key resource_limits.memory_mb"),
    ('{"sandboxtype": "native"}', "unknown key sandboxtype; did you mean sandbox_type?"),
    ('{"dry_run": true}', "unknown key dry_run"),
    ('{"network": []}', "network: expected an object; found a list"),
    ('{"network": {"enabled": true, "mode": "none"}}', "network.mode: "),
    ("[" * 100, "nested deeper than 64"),
    (" " * (1 << 20) + "{}", "is larger than"),
    ('{"user": "root"}', "security.allow_root"),
    ('{"layers": {"required": ["memory"], "disabled": ["memory"]}}', "layer memory is both"),
])
def test_bad_file(tmp_path, text, words):
    name = write_config(tmp_path, text)
    run_refused(tmp_path, "--config", name, words=(words,))


@pytest.mark.parametrize(("text", "words"), ids=shorten, argvalues=[
    ("A=b\nB\x00=c\n", "line 2: has a NUL byte"),
    ("\nA='b\n", "line 2: the closing quote is missing"),
    ('A="b" c\n', "line 1: expected nothing after the closing quote"),
    ("A B=c\n", "line 1: expected NAME=VALUE"),
    ("#" * (1 << 20) + "\n", "is larger than"),
])
def test_bad_environment_file(tmp_path, text, words):
    (tmp_path / "v.env").write_text(text)
    run_refused(tmp_path, "--env-file", "v.env", words=(words,))


@pytest.mark.parametrize(("name", "value", "words"), [
    ("BELLJAR_PRESET", "tiny", "environment variable BELLJAR_PRESET: expected minimal"),
    ("BELLJAR_CONFIG", "absent.json", "absent.json: No such file"),
    ("E2B_DOMAIN", "a\nb", "environment variable E2B_DOMAIN: expected"),
    ("E2B_API_KEY", "a\nb", "environment variable E2B_API_KEY: expected"),
    ("DAYTONA_API_KEY", "a\nb", "environment variable DAYTONA_API_KEY: expected"),
])
def test_bad_variable(tmp_path, name, value, words):
    run_refused(tmp_path, words=(words,), **{name: value})


@pytest.mark.parametrize(("key", "value"), [
    ("auto_cleanup", False), ("preset", "development"),
    ("network", {"enabled": True, "allowed_domains": ["example.com"]}),
])
def test_what_is_not_enforced_is_refused(tmp_path, key, value):
    name = write_config(tmp_path, config_of(key, value))
    word = "network.allowed_domains" if key in ("preset", "network") else key
    run_refused(tmp_path, "--config", name, words=(f"{word} is not enforced yet",))
    assert "warning: " in belljar("config", "validate", name, cwd=tmp_path).stderr


# The schema and the loader.

def valid(schema, value):
    """The part of JSON Schema that ours uses; an unknown keyword fails."""
    types = {"object": dict, "array": list, "string": str, "boolean": bool}
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    for keyword, want in schema.items():
        if keyword == "type" and want == "integer":
            good = number and isinstance(value, int)
        elif keyword == "type" and want == "number":
            good = number
        elif keyword == "type":
            good = isinstance(value, types[want])
        elif keyword == "enum":
            good = isinstance(value, str) and value in want
        elif keyword == "const":
            good = number and value == want
        elif keyword == "anyOf":
            good = any(valid(inner, value) for inner in want)
        elif keyword == "minimum":
            good = not number or value >= want
        elif keyword == "maximum":
            good = not number or value <= want
        elif keyword in ("minLength", "maxLength"):
            size = len(value.encode()) if isinstance(value, str) else want
            good = size >= want if keyword == "minLength" else size <= want
        elif keyword == "pattern":
            good = not isinstance(value, str) or re.search(want.replace("$", r"\Z"), value)
        elif keyword == "maxItems":
            good = not isinstance(value, list) or len(value) <= want
        elif keyword == "items":
            good = not isinstance(value, list) or all(valid(want, item) for item in value)
        elif keyword == "maxProperties":
            good = not isinstance(value, dict) or len(value) <= want
        elif keyword == "propertyNames":
            good = not isinstance(value, dict) or all(valid(want, name) for name in value)
        elif keyword == "properties":
            good = not isinstance(value, dict) or all(
                valid(want[name], inner) for name, inner in value.items() if name in want)
        elif keyword == "additionalProperties":
            rest = set(value) - set(schema.get("properties", ())) if isinstance(value, dict) else ()
            good = all(want is not False and valid(want, value[name]) for name in rest)
        else:
            assert keyword in ("$schema", "title", "description", "writeOnly"), keyword
            good = True
        if not good:
            return False
    return True


def refused_files(tmp_path, documents):
    """The numbers of the documents that the loader refuses, asked in one call."""
    names = [write_config(tmp_path, document, f"{number}.json")
             for number, document in enumerate(documents)]
    done = belljar("config", "validate", *names, cwd=tmp_path)
    lines = [line for line in done.stderr.splitlines() if ": warning: " not in line]
    assert (done.returncode == FAILED) == bool(lines)
    return {int(re.match(r"belljar: (\d+)\.json: ", line)[1]) for line in lines}


@pytest.mark.parametrize("key", KEYS)
def test_schema_and_loader_agree(tmp_path, key):
    schema = schema_of(tmp_path)
    values = [*KEYS[key], *GOOD.get(key, [True, False])]
    pool = {json.dumps(value): value for cases in (*KEYS.values(), *GOOD.values())
            for value in cases if len(str(value)) < 80 and value != "root"}
    documents = [config_of(key, value) for value in (*values, *pool.values())]
    refused_ones = refused_files(tmp_path, documents)
    for number, document in enumerate(documents):
        assert valid(schema, document) == (number not in refused_ones), document
    for number in range(len(KEYS[key]), len(values)):
        assert number not in refused_ones, documents[number]


def test_schema_refuses_unknown_keys(tmp_path):
    schema = schema_of(tmp_path)
    assert valid(schema, {})
    assert not valid(schema, {"unheard_of": 1})
    assert not valid(schema, {"network": {"unheard_of": 1}})


# What the program says about a configuration.

def test_presets(tmp_path):
    lines = belljar("config", "presets", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["PRESET", "minimal", "standard", "development"]
    limits = {}
    for name in ("minimal", "standard", "development"):
        shown = json.loads(belljar("config", "show", "--preset", name, cwd=tmp_path).stdout)
        limits[name] = [*list(shown["resource_limits"].values())[:5], shown["network"]["mode"]]
    assert limits == {"minimal": [1, 256, 512, 30, 20, "none"],
                      "standard": [2, 512, 1024, 60, 50, "none"],
                      "development": [4, 2048, 4096, 300, 200, "domains"]}


def test_show_is_valid_and_the_same_again(tmp_path):
    flags = ["--memory", "1g", "-v", "/usr:/u:ro", "--network", "host", "-u", "root", "--cpus",
             "0.1", "--workspace", "empty", "-w", "/w", "--require", "seccomp", "--hostname", "h"]
    first = belljar("config", "show", *flags, cwd=tmp_path)
    assert first.returncode == 0 and first.stderr == ""
    document = json.loads(first.stdout)
    assert valid(schema_of(tmp_path), document)
    name = write_config(tmp_path, document)
    assert belljar("config", "show", "--config", name, cwd=tmp_path).stdout == first.stdout


def test_precedence(tmp_path):
    name = write_config(tmp_path, {"preset": "minimal", "e2b_domain": "file.example",
                                   "resource_limits": {"memory_mb": 100, "disk_mb": 200}})
    done = belljar("config", "show", "--memory", "300", cwd=tmp_path, BELLJAR_CONFIG=name,
                   E2B_DOMAIN="variable.example")
    shown = json.loads(done.stdout)
    assert shown["preset"] == "minimal"
    assert shown["e2b_domain"] == "variable.example"
    limits = shown["resource_limits"]
    assert (limits["max_processes"], limits["disk_mb"], limits["memory_mb"]) == (20, 200, 300)


def test_secrets_are_never_printed(tmp_path):
    secret = "geheim-0123456789"
    config = write_config(tmp_path, {"e2b_api_key": secret, "environment": {"TOKEN": secret}})
    (tmp_path / ".env").write_text(f"DAYTONA_API_KEY='{secret}'\nE2B_API_KEY={secret}\n")
    (tmp_path / "bad.env").write_text(f"A={secret}\n{secret} {secret}\n")
    bad = write_config(tmp_path, f'{{"e2b_api_key": "{secret}" "{secret}"}}', "bad.json")
    calls = [
        ["config", "show", "--config", config], ["config", "show", "--sandbox-type", "daytona"],
        ["config", "show", "--sandbox-type", "e2b"], ["config", "show", "-e", f"A={secret}"],
        ["config", "validate", bad, config], ["run", "--config", bad, "--", "true"],
        ["run", "--config", config, "--dry-run", "--", "true"],
        ["run", "-e", f"A={secret}", "--dry-run", "--", "true"],
        ["run", "--env-file", "bad.env", "--", "true"],
        ["run", "--sandbox-type", "e2b", "--", "true"],
        ["run", "-e", f"A B={secret}", "--", "true"],
    ]
    for call in calls:
        done = belljar(*call, cwd=tmp_path, E2B_API_KEY=secret, DAYTONA_API_KEY=secret)
        assert secret not in done.stdout + done.stderr, call
    shown = belljar("config", "show", "--config", config, cwd=tmp_path)
    assert "e2b_api_key is set (not shown)" in shown.stderr
    assert "environment: TOKEN is set (not shown)" in shown.stderr
    assert "api_key" not in shown.stdout and "TOKEN" not in shown.stdout


def test_no_file_is_opened_unless_named(tmp_path):
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    (tmp_path / ".env").write_text("E2B_API_KEY=x\n")

    def opened(*arguments):
        """By a run without a command, which ends where its options have been read."""
        done = subprocess.run(
            ["strace", "-f", "-o", "trace", "-e", "trace=open,openat,openat2", BELLJAR, "run",
             *arguments], cwd=tmp_path, capture_output=True, timeout=30, check=False)
        assert b"no command was given" in done.stderr
        paths = re.findall(r'open\w*\([^"]*"([^"]*)"', (tmp_path / "trace").read_text())
        return [path for path in paths if not re.search(r"ld\.so\.|/lib", path)]

    assert opened() == []
    assert opened("-m", "1g", "-v", "/usr:/u", "-e", "HOME", "--preset", "minimal") == []
    assert opened("--sandbox-type", "e2b") == [".env"]


@pytest.mark.parametrize(("arguments", "words"), [
    ([], "expected presets, show, validate or schema"),
    (["unheard-of"], "expected presets"),
    (["presets", "x"], "expected presets"),
    (["validate"], "expected FILE"),
    (["validate", "absent.json"], "No such file"),
    (["show", "--", "true"], "expected options only"),
    (["show", "--memory", "x"], "--memory: expected"),
])
def test_bad_config_command(tmp_path, arguments, words):
    done = belljar("config", *arguments, cwd=tmp_path)
    assert done.returncode == FAILED
    assert done.stdout == ""
    assert words in done.stderr


# Documents made from the table.

def test_documentation_is_current(tmp_path):
    made = belljar("config", "docs", cwd=tmp_path).stdout
    assert (ROOT / "docs/CONFIG.md").read_text() == made, (
        "run: build/belljar config docs > docs/CONFIG.md")


def test_help_fits_a_terminal(tmp_path):
    done = belljar("run", "--help", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_manual_has_every_flag(tmp_path):
    manual = belljar("config", "manual", cwd=tmp_path).stdout
    for _, flag, _ in listed_flags(tmp_path):
        assert f"Fl \\-{flag.replace('-', chr(92) + '-')}" in manual


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_parses(tmp_path, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    (tmp_path / "script").write_text(belljar("completion", shell, cwd=tmp_path).stdout)
    done = subprocess.run([shell, "-n", "script"], cwd=tmp_path, capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize(("words", "expected"), [
    (["belljar", "sh"], ["shell"]),
    (["belljar", "run", "--mem"], ["--memory"]),
    (["belljar", "run", "--preset", ""], ["minimal", "standard", "development"]),
    (["belljar", "run", "-m", "1g", "--require", "sec"], ["seccomp"]),
    (["belljar", "run", "--", "--mem"], []),
    (["belljar", "config", "show", "--net"], ["--network"]),
    (["belljar", "config", "sc"], ["schema"]),
    (["belljar", "completion", "z"], ["zsh"]),
    (["belljar", "audit", "he"], ["head"]),
    (["belljar", "audit", "verify", "--he"], ["--head"]),
    (["belljar", "audit", "list", "--sa"], ["--sandbox"]),
    (["belljar", "wrap", "--b"], ["--backend"]),
    (["belljar", "bwrap", "--ro-bind-t"], ["--ro-bind-try"]),
    (["belljar", "bwrap", "--tmpfs", "/", "--unshare-p"], ["--unshare-pid"]),
    (["belljar", "check", "--settings", "x", "--rul"], ["--rules"]),
    (["belljar", "check", "--deny-r"], ["--deny-risk"]),
    (["belljar", "check", "--deny-risk", "hi"], ["high"]),
    (["belljar", "capabilities", "-"], ["--json"]),
])
def test_bash_completes(tmp_path, words, expected):
    (tmp_path / "script").write_text(belljar("completion", "bash", cwd=tmp_path).stdout)
    call = ('. ./script; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _belljar; '
            'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "--norc", "-c", call, "bash", *words], cwd=tmp_path, text=True,
                          capture_output=True, timeout=30, check=True)
    assert done.stdout.split() == expected


@pytest.mark.parametrize("words", [
    ["audit"], ["check"], ["wrap"], ["bwrap"], ["capabilities"], ["doctor"]])
def test_completion_knows_what_help_says(tmp_path, words):
    script = belljar("completion", "bash", cwd=tmp_path).stdout
    text = belljar(*words, "--help", cwd=tmp_path).stdout
    for flag in set(re.findall(r"^ +(?:-\w, )?(--[a-z][a-z0-9-]+)", text, re.M)) - {"--help"}:
        assert re.search(rf"[ ']{flag}[ ']", script), flag


def test_bad_completion(tmp_path):
    done = belljar("completion", "tcsh", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert "bash|zsh|fish" in done.stderr
