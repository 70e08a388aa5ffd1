"""The files that a command sees: the workspace, volumes, what is protected, and that nothing is left
behind on the host."""

import os
import socket
import stat

import pytest
from program import AS_ROOT, tree

SYSTEM = {"bin", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "nix", "opt", "proc", "root",
          "run", "sbin", "tmp", "usr", "var"}


# ---- the workspace ----

def test_workspace_is_the_current_directory(belljar):
    (belljar.directory / "there").write_text("outside\n")
    assert belljar.says("pwd; cat there; echo inside >there; echo new >made") == \
        f"{belljar.directory}\noutside\n"
    assert (belljar.directory / "there").read_text() == "inside\n"
    assert (belljar.directory / "made").read_text() == "new\n"


def test_nothing_else_is_there(belljar, tmp_path):
    (tmp_path / "beside").write_text("x")
    names = set(belljar.says("ls -A /").split())
    top = belljar.directory.parts[1]
    assert names <= SYSTEM | {top}
    assert belljar.says(f"ls -A {tmp_path}").split() == ["work"]
    assert belljar.says("ls -A /tmp /dev/shm /run ~ | grep -v :; :").split() == []


def test_system_is_read_only(belljar):
    done = belljar.sh("for d in / /usr /etc /usr/bin /proc/sys/kernel /dev /home /run /var; do"
                      " touch $d/belljar-test && echo wrote $d; done; :")
    assert done.out == ""
    assert "Read-only file system" in done.err or "denied" in done.err
    assert not os.path.exists("/usr/belljar-test")


def test_own_places_are_writable_and_fresh(belljar):
    script = "for d in /tmp /var/tmp /dev/shm ~; do echo x >$d/f || echo cannot $d; done; ls ~"
    assert belljar.says(script) == "f\n"
    assert belljar.says("ls /tmp /var/tmp ~ | grep '^f$'; :") == ""
    assert belljar.says("stat -c %a /tmp /var/tmp") == "1777\n1777\n"


def test_workspace_elsewhere(belljar, tmp_path):
    (tmp_path / "other").mkdir()
    assert belljar.says("pwd; touch made", "--workspace", tmp_path / "other") == \
        f"{tmp_path}/other\n"
    assert (tmp_path / "other/made").exists()
    assert belljar.says("ls -A; pwd", "--workspace", "../other") == f"made\n{tmp_path}/other\n"


def test_working_directory(belljar):
    (belljar.directory / "there").write_text("")
    assert belljar.says("pwd; ls; touch made", "-w", "/deep/place") == "/deep/place\nthere\n"
    assert (belljar.directory / "made").exists()
    assert belljar.says(f"ls {belljar.directory.parts[1]} 2>/dev/null; echo", "-w", "/x").strip() == ""


def test_empty_workspace(belljar):
    before = tree(belljar.directory)
    assert belljar.says("pwd; ls -A; echo x >f && mkdir d && cat f", "--workspace", "empty") == \
        "/workspace\nx\n"
    assert belljar.says("pwd; ls -A", "--workspace", "empty", "-w", "/mine") == "/mine\n"
    assert tree(belljar.directory) == before


def test_empty_workspace_is_limited(belljar):
    done = belljar.sh("head -c 30m /dev/zero >f; wc -c <f", "--workspace", "empty",
                      "--disk", "10m", "--json")
    assert int(done.json["stdout"]) <= 10 << 20
    assert "disk" in done.json["layers"]
    done = belljar.sh("i=0; while touch f$i 2>/dev/null && [ $i -lt 6000 ]; do i=$((i+1)); done;"
                      " echo $i", "--workspace", "empty", "--disk", "10m", "--timeout", "60")
    assert int(done.out) < 5000


WIDE = ["/", "/tmp", "/var/tmp", "/etc", "/usr", "/home", "/root", "/var", "/proc", "/proc/self",
        "/dev", "/dev/shm", "/sys", "/run"]


@pytest.mark.parametrize("path", WIDE)
def test_wide_workspace_is_refused(belljar, path):
    if not os.access(path, os.R_OK | os.X_OK):
        pytest.skip("needs root")
    done = belljar.run("--workspace", path, "--", "true")
    assert done.status == 125, done
    assert "--workspace" in done.err
    assert belljar.run("--", "true", cwd=path).status == 125
    assert belljar.run("--", "true", cwd=path, env={"HOME": "/nonexistent"}).status == 125


def test_home_is_refused_without_leave(belljar, tmp_path):
    for home in (belljar.directory, tmp_path / "work/below"):
        home.mkdir(exist_ok=True)
        belljar.variables["HOME"] = str(home)
        assert belljar.run("--", "true").status == 125
        assert belljar.run("--dry-run", "--", "true").status == 125
        done = belljar.run("--", "true")
        assert "--allow-home" in done.err
        assert belljar.run("--allow-home", "--", "true").status == 0
    belljar.variables["HOME"] = str(tmp_path)
    assert belljar.run("--", "true").status == 0


def test_other_names_of_a_wide_workspace(belljar, tmp_path):
    """The check is not fooled by links, dots and slashes."""
    belljar.variables["HOME"] = str(tmp_path / "home")
    (tmp_path / "home").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "home")
    (tmp_path / "tmp").symlink_to("/tmp")
    for path in ("/tmp/", "//tmp", "/usr/../tmp", "/tmp/.", tmp_path / "tmp", tmp_path / "link",
                 tmp_path / "home/", tmp_path / "work/../home", tmp_path / "link/.."):
        done = belljar.run("--workspace", path, "--", "true")
        assert done.status == 125, (path, done)


# ---- volumes ----

@pytest.fixture
def data(tmp_path):
    directory = tmp_path / "data"
    (directory / "sub").mkdir(parents=True)
    (directory / "file").write_text("content\n")
    return directory


def test_volume(belljar, data):
    assert belljar.says("cat /data/file; echo new >/data/made; echo more >>/data/file; ls /data",
                        "-v", f"{data}:/data") == "content\nfile\nmade\nsub\n"
    assert (data / "made").read_text() == "new\n"
    assert (data / "file").read_text() == "content\nmore\n"
    assert (data / "made").stat().st_uid == os.getuid()


def test_read_only_volume(belljar, data):
    before = tree(data)
    done = belljar.sh("cat /data/file; echo x >/data/made; echo x >/data/file; rm /data/file;"
                      " mkdir /data/sub/x; chmod 777 /data/file; mv /data/file /data/f",
                      "-v", f"{data}:/data:ro")
    assert done.out == "content\n" and done.status != 0
    assert done.err.count("\n") == 6
    assert tree(data) == before


def test_file_as_volume(belljar, data):
    assert belljar.says("cat /conf; cat /tmp/a/b; echo x >/conf", "-v", f"{data}/file:/conf",
                        "-v", f"{data}/file:/tmp/a/b:ro") == "content\ncontent\n"
    assert (data / "file").read_text() == "x\n"
    done = belljar.sh("echo y >/tmp/f", "-v", f"{data}/file:/tmp/f:ro")
    assert done.status != 0 and (data / "file").read_text() == "x\n"


def test_volume_at_its_own_path(belljar, data):
    assert belljar.says(f"cat {data}/file; ls -A {data.parent}", "-v", f"{data}:{data}").split() \
        == ["content", "data", "work"]


def test_nested_volumes(belljar, data, tmp_path):
    """Into another volume's existing directory, in the order given."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/deep").write_text("deep\n")
    assert belljar.says("cat /data/sub/deep; echo x >/data/sub/made; ! touch /data/no 2>/dev/null",
                        "-v", f"{data}:/data:ro", "-v", f"{tmp_path}/inner:/data/sub") == "deep\n"
    assert (tmp_path / "inner/made").exists()
    assert not list((data / "sub").iterdir())


def test_volume_in_the_workspace(belljar, data):
    before = tree(data)
    (belljar.directory / "vendor").mkdir()
    assert belljar.says("cat vendor/file; echo x >vendor/made; ls vendor",
                        "-v", f"{data}:{belljar.directory}/vendor").split() == \
        ["content", "file", "made", "sub"]
    assert not list((belljar.directory / "vendor").iterdir())
    assert set(tree(data)) == set(before) | {"made"}


@pytest.mark.parametrize("place", ["vendor", "vendor/deep", "here"])
def test_missing_mount_point_in_the_workspace(belljar, data, place):
    """Nothing is created in a directory of the host's; the message says what to do."""
    (belljar.directory / "here").symlink_to("/nowhere")
    before = tree(belljar.directory)
    done = belljar.sh("echo ran", "-v", f"{data}:{belljar.directory}/{place}")
    assert (done.status, done.out) == (125, "")
    assert place == "here" or "create it first" in done.err
    assert tree(belljar.directory) == before


def test_missing_mount_point_in_own_places(belljar, data):
    assert belljar.says("cat /tmp/a/b/c/file /mnt/x/file /opt-x/file",
                        "-v", f"{data}:/tmp/a/b/c:ro", "-v", f"{data}:/mnt/x",
                        "-v", f"{data}:/opt-x") == "content\n" * 3


def test_missing_source(belljar, tmp_path):
    done = belljar.run("-v", f"{tmp_path}/absent:/data", "--", "echo", "ran")
    assert (done.status, done.out) == (125, "")
    assert f"{tmp_path}/absent" in done.err and "No such file" in done.err
    assert not (tmp_path / "absent").exists()


def test_relative_and_strange_sources(belljar, data, tmp_path):
    (tmp_path / "link").symlink_to(data)
    odd = tmp_path / "a b\n\u65e5"
    odd.mkdir()
    (odd / "file").write_text("odd\n")
    for source in ("../data", f"{tmp_path}/work/../data", str(tmp_path / "link")):
        assert belljar.says("cat /data/file", "-v", f"{source}:/data") == "content\n"
    assert belljar.says("cat /data/file '/x y/file'", "-v", f"{odd}:/data", "-v",
                        f"{odd}:/x y:ro") == "odd\n" * 2


def test_mount_point_cannot_be_led_astray(belljar, data, tmp_path):
    """A link in the workspace that points at another place does not move a mount there."""
    (belljar.directory / "link").symlink_to("/etc")
    (tmp_path / "outside").mkdir()
    (belljar.directory / "out").symlink_to(tmp_path / "outside")
    done = belljar.sh("ls /etc/hostname", "-v", f"{data}:{belljar.directory}/link/alternatives")
    assert done.status in (0, 125)
    belljar.sh("true", "-v", f"{data}:{belljar.directory}/out/x")
    assert not list((tmp_path / "outside").iterdir())


def test_many_volumes(belljar, tmp_path):
    options = []
    for number in range(40):
        directory = tmp_path / f"v{number}"
        directory.mkdir()
        (directory / "name").write_text(f"{number}\n")
        options += ["-v", f"{directory}:/v/{number}:ro"]
    assert belljar.says("cat /v/*/name | sort -n | tail -1", *options) == "39\n"


@pytest.mark.requires("root")
def test_volume_of_another_owner(belljar, tmp_path):
    """The workload is the owner of what it is given, whoever that is."""
    directory = tmp_path / "theirs"
    directory.mkdir()
    (directory / "file").write_text("x")
    for path in (directory, directory / "file"):
        os.chown(path, 61111, 61112)
    assert belljar.says("stat -c %U /data/file; echo y >/data/file; touch /data/made",
                        "-v", f"{directory}:/data") == "user\n"
    status = (directory / "made").stat()
    assert (status.st_uid, status.st_gid) == (61111, 61112)


def test_set_id_files_cannot_be_made(belljar, data):
    for user in ("ordinary", "root"):
        belljar.sh("cp /bin/true f; chmod u+s f; chmod g+s f; chmod 6755 f; mkdir -m 2777 d;"
                   " chmod g+s . ; cp /bin/true /data/f; chmod 4755 /data/f",
                   "--user", user, "-v", f"{data}:/data")
        for path in (*belljar.directory.rglob("*"), belljar.directory, *data.rglob("*")):
            assert not path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID), path


# ---- what the host would later execute ----

PROTECTED = [".git/hooks/pre-commit", ".git/config", ".git/info/attributes", ".gitmodules",
             ".bashrc", ".envrc", ".vscode/settings.json", ".claude/settings.json", ".mcp.json"]
LEAVE = {"--allow-git-config": (".git/", ".gitmodules"), "--allow-shell-config": (".bashrc", ".envrc"),
         "--allow-editor-config": (".vscode/", ".claude/", ".mcp.json")}


@pytest.fixture
def repository(belljar):
    for name in (*PROTECTED, ".git/HEAD", ".git/objects/x", ".git/index", "source.c"):
        path = belljar.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old\n")
    return belljar.directory


@pytest.mark.parametrize("name", PROTECTED)
def test_protected_file(belljar, repository, name):
    before = tree(repository)
    for script in (f"echo new >{name}", f"rm {name}", f"mv {name} x", f"chmod 777 {name}",
                   f"rm -rf $(dirname {name})/..?* $(dirname {name})/*", f"ln -sf x {name}",
                   f"cp source.c {name}", f"truncate -s 0 {name}", f"touch {name}.new && mv {name}.new"
                   f" {name}"):
        belljar.sh(script)
    after = tree(repository)
    assert after[name] == before[name]


@pytest.mark.parametrize("flag", LEAVE)
def test_protected_file_with_leave(belljar, repository, flag):
    script = "; ".join(f"(echo new >{name})" for name in PROTECTED)
    done = belljar.sh(script, flag)
    for name in PROTECTED:
        changed = (repository / name).read_text() == "new\n"
        assert changed == name.startswith(LEAVE[flag]), (name, done)


def test_repository_itself_is_writable(belljar, repository):
    belljar.says("echo new >.git/HEAD; echo new >.git/objects/y; rm .git/index; echo new >source.c")
    assert (repository / ".git/HEAD").read_text() == "new\n"
    assert not (repository / ".git/index").exists()


@pytest.mark.parametrize("script", [
    "mv .git x", "mv .git x; cp -r x .git; echo new >.git/hooks/pre-commit", "rm -rf .git",
    "mv .git/hooks .git/h; mkdir .git/hooks; echo new >.git/hooks/pre-commit",
    "ln -s /tmp/h .git/hooks/link", "mkdir -p .git/hooks/sub", "rmdir .git/hooks",
])
def test_protection_is_not_got_round(belljar, repository, script):
    belljar.sh(script)
    assert (repository / ".git/hooks/pre-commit").read_text() == "old\n"
    assert os.listdir(repository / ".git/hooks") == ["pre-commit"]
    assert (repository / ".git/config").read_text() == "old\n"


def test_refused_write_says_so(belljar, repository):
    done = belljar.sh("echo new >.git/config")
    assert done.status != 0
    assert "Read-only file system" in done.err or "ermission denied" in done.err


def test_nothing_is_created(belljar):
    """No placeholder for what is not there."""
    before = tree(belljar.directory.parent)
    belljar.says("true")
    belljar.says("true", "--user", "root")
    belljar.sh("exit 3")
    belljar.run("--timeout", "1", "--", "sleep", "600")
    (belljar.directory / ".git").mkdir()
    belljar.says("true")
    (belljar.directory / ".git").rmdir()
    assert tree(belljar.directory.parent) == before


def test_symbolic_links_to_protected_places(belljar, tmp_path):
    """What cannot be kept read-only is refused, unless it need not be."""
    (tmp_path / "real/hooks").mkdir(parents=True)
    (belljar.directory / ".git").symlink_to(tmp_path / "real")
    done = belljar.run("--", "true")
    assert done.status == 125
    assert "symbolic link" in done.err and "--allow-git-config" in done.err
    assert belljar.run("--allow-git-config", "--", "true").status == 0


def test_socket_in_the_workspace(belljar):
    """A Unix socket crosses the network namespace: those in sight are masked."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(belljar.directory / "agent.sock"))
        server.listen()
        script = ("import socket\n"
                  "try: socket.socket(socket.AF_UNIX).connect('agent.sock'); print('connected')\n"
                  "except OSError as error: print('refused')\n")
        assert belljar.run("--", "/usr/bin/python3", "-c", script).out == "refused\n"


def test_files_of_other_owners_in_the_workspace(belljar):
    if not AS_ROOT:
        pytest.skip("needs root")
    path = belljar.directory / "theirs"
    path.write_text("x")
    path.chmod(0o600)
    os.chown(path, 61111, 61111)
    done = belljar.sh("cat theirs; echo y >theirs; echo mine >mine; cat mine")
    assert done.out == "mine\n"
    assert path.read_text() == "x"
