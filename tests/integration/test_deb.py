"""The Debian package: made, installed in a clean root, tried, removed and purged."""

import os
import shutil
import subprocess

import pytest
from program import AS_ROOT, ROOT

MINUTES = 60
# Where it is built: the tree itself, not the copy that the suites run from.
TREE = os.environ.get("BELLJAR_TREE", ROOT)


@pytest.mark.skipif(not AS_ROOT, reason="this host lacks root outside")
@pytest.mark.skipif(not shutil.which("debootstrap"), reason="this host lacks debootstrap")
def test_it_installs_serves_and_purges(tmp_path):
    """As packaging/test-deb says. BELLJAR_DEB_ROOT names a root that was made before."""
    made = subprocess.run(["make", "-s", "deb"], cwd=TREE, capture_output=True, text=True,
                          timeout=30 * MINUTES)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    package = made.stdout.split()[-1]
    root = os.environ.get("BELLJAR_DEB_ROOT", str(tmp_path / "root"))
    done = subprocess.run([ROOT / "packaging/test-deb", package, root], capture_output=True,
                          text=True, timeout=20 * MINUTES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is purged, and leaves nothing" in done.stdout
