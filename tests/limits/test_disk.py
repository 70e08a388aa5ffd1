"""Disk limits of what is the sandbox's own, and honesty about what is not."""

import pytest

MIB = 1 << 20


def test_empty_workspace_is_limited(belljar):
    outcome = belljar.run("--workspace", "empty", "--disk", "32m", "--json", "--", "sh", "-c",
                          "dd if=/dev/zero of=big bs=1M count=100; stat -c %s big")
    assert "No space left" in outcome.json["stderr"], outcome
    assert int(outcome.json["stdout"]) <= 33 * MIB


def test_empty_workspace_has_limited_inodes(belljar):
    outcome = belljar.run("--workspace", "empty", "--disk", "32m", "--json", "--",
                          "/usr/bin/python3", "-c",
                          "for i in range(100000): open(f'f{i}', 'w').close()")
    assert outcome.status == 1, outcome
    assert "No space left" in outcome.json["stderr"], outcome


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm", "/run", "/var/tmp", "/"])
def test_other_writable_places_are_limited(belljar, place):
    """Not absent by name but by effect: 100 MiB fit nowhere that is not bound."""
    outcome = belljar.run("--workspace", "empty", "--disk", "32m", "--json", "--", "sh", "-c",
                          f"dd if=/dev/zero of={place}/big bs=1M count=100")
    assert outcome.status != 0, outcome


def test_bound_directory_is_limited_or_said_not_to_be(belljar):
    """A limit that does not reach the bound workspace is refused or said, never ignored."""
    outcome = belljar.run("--disk", "32m", "--json", "--", "sh", "-c",
                          "dd if=/dev/zero of=big bs=1M count=64")
    big = belljar.directory / "big"
    if outcome.status == 125:
        assert "disk" in outcome.json["error"]["message"]
        assert not big.exists()
    else:
        assert big.stat().st_size <= 33 * MIB or "disk" in outcome.degraded, outcome


def test_nothing_stays_of_an_empty_workspace(belljar):
    before = sorted(p.name for p in belljar.directory.iterdir())
    belljar.run("--workspace", "empty", "--", "sh", "-c", "echo x >file")
    assert sorted(p.name for p in belljar.directory.iterdir()) == before
