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
