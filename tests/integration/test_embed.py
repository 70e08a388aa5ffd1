"""The example that embeds the library is built, and does what its text says."""
import os
import subprocess

from program import ROOT

BUILD = os.environ.get("BELLJAR_BUILD", str(ROOT / "build"))


def test_embed_runs_a_command(tmp_path):
    done = subprocess.run([os.path.join(BUILD, "embed")], cwd=tmp_path, text=True, timeout=60,
                          capture_output=True,
                          env={"BELLJAR_LAUNCHER": os.path.join(BUILD, "belljar-launcher")})
    assert done.returncode == 0, done.stderr
    assert "exit code 1" in done.stdout
    assert "said: 42" in done.stdout
    assert "Read-only file system" in done.stdout
    assert os.listdir(tmp_path) == []


def test_embed_without_launcher_says_so(tmp_path):
    done = subprocess.run([os.path.join(BUILD, "embed")], cwd=tmp_path, text=True, timeout=60,
                          capture_output=True, env={"BELLJAR_LAUNCHER": "/nonexistent/launcher"})
    assert done.returncode == 1
    assert "/nonexistent/launcher" in done.stderr


# ---- judging, recording, wrapping ----

def judge(tmp_path, command):
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    return subprocess.run([os.path.join(BUILD, "judge"), tmp_path / "audit.db", command],
                          cwd=work, text=True, timeout=60, capture_output=True,
                          env={"BELLJAR_LAUNCHER": os.path.join(BUILD, "belljar-launcher"),
                               "PATH": "/usr/bin:/bin"})


def test_judge_runs_what_is_allowed_and_proves_the_record(tmp_path):
    done = judge(tmp_path, "exit 3")
    assert done.returncode == 0, done.stderr
    assert "verdict: allow" in done.stdout
    assert "exit code 3" in done.stdout
    assert '"exit_code":3' in done.stdout
    assert "proof: sound, 2 records up to 2:" in done.stdout
    assert "wrapped: env -i " in done.stdout and " bwrap " in done.stdout


def test_judge_refuses_and_says_where(tmp_path):
    done = judge(tmp_path, "ls; rm -fr x")
    assert done.returncode == 1
    assert "verdict: deny" in done.stdout
    assert "hit: blacklist at 4-12: rm -" in done.stdout
    assert "exit code" not in done.stdout


def test_public_headers_are_c_and_cplusplus(tmp_path):
    """Each by itself, as strict as compilers get."""
    include = ROOT / "include"
    for name in sorted(path.name for path in (include / "belljar").glob("*.h")):
        source = tmp_path / "one.c"
        source.write_text(f"#include <belljar/{name}>\nint main(void) {{ return 0; }}\n")
        for compiler, language in (("cc", "c"), ("c++", "c++")):
            if compiler == "c++" and subprocess.run(["which", "c++"], check=False,
                                                    capture_output=True).returncode:
                continue
            standard = "-std=c17" if language == "c" else "-std=c++17"
            subprocess.run([compiler, "-x", language, standard, "-Wall", "-Wextra", "-Wpedantic",
                            "-Werror", "-I", include, "-fsyntax-only", source], check=True,
                           timeout=60)
