"""Terminals of a running service by the command line: what was on them, what is left of them here."""

import os
import pty
import select
import signal
import termios

from client_program import SECONDS, client, sandbox  # noqa: F401  (fixtures)
from program import wait_until


class Terminal:
    """The client on a terminal of the test's own."""

    def __init__(self, client, *words, rows=30, columns=100):
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (rows, columns))
        self.before = termios.tcgetattr(self.slave)
        self.process = client.start(*words, stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                    start_new_session=True)
        self.text = b""

    def read(self):
        while select.select([self.master], [], [], 0)[0]:
            self.text += os.read(self.master, 65536)
        return self.text

    def expect(self, text, seconds=20):
        found = wait_until(lambda: text in self.read(), seconds)
        assert found, self.text
        self.text = self.text.split(text, 1)[1]

    def send(self, data):
        os.write(self.master, data)

    def restored(self):
        return wait_until(lambda: termios.tcgetattr(self.slave) == self.before)

    def wait(self):
        return self.process.wait(SECONDS)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def test_a_terminal(client, sandbox):
    terminal = Terminal(client, "exec", "-it", sandbox, "sh")
    try:
        terminal.send(b"stty size; echo do''ne\r")
        terminal.expect(b"30 100")
        terminal.expect(b"done")
        termios.tcsetwinsize(terminal.slave, (40, 120))
        os.killpg(terminal.process.pid, signal.SIGWINCH)
        # It looks again until it is told, and says what it sees on a line of the size itself.
        terminal.send(b"until stty size | grep -x '40 120'; do sleep .05; done\r")
        terminal.expect(b"\n40 120")
        terminal.send(b"(echo sl''eeping; exec sleep 100)\r")
        terminal.expect(b"sleeping")
        terminal.send(b"\x03")  # ctrl-c is the command's, not the client's
        terminal.send(b"exit 5\r")
        assert terminal.wait() == 5 and terminal.restored()
    finally:
        terminal.close()


def test_a_terminal_says_what_ended_the_command_on_a_line_of_its_own(client, sandbox):
    terminal = Terminal(client, "exec", "-it", "--timeout", "1s", sandbox, "sh", "-c",
                        "printf unfinished; sleep 100")
    try:
        assert terminal.wait() == 124 and terminal.restored()
        terminal.expect(b"unfinished\r\nbelljar: ended by its time-out of 1 s\r\n")
    finally:
        terminal.close()


def test_an_archive_is_not_for_a_terminal(client, sandbox):
    terminal = Terminal(client, "cp", f"{sandbox}:/etc/hostname", "-")
    try:
        assert terminal.wait() == 125
        terminal.expect(b"which is not for a terminal")
    finally:
        terminal.close()


def test_leaving_a_terminal_and_coming_back(client, sandbox):
    terminal = Terminal(client, "exec", "-it", sandbox, "sh")
    try:
        terminal.send(b"V=kept; echo re''ady\r")
        terminal.expect(b"ready")
        terminal.send(b"\x10\x11")
        assert terminal.wait() == 0 and terminal.restored()
    finally:
        terminal.close()
    assert len(client.says("ps", "-q", sandbox).split()) == 1
    terminal = Terminal(client, "attach", sandbox)
    try:
        terminal.expect(b"ready")  # the screen is what it was
        terminal.send(b"echo $V-$V\r")
        terminal.expect(b"kept-kept")
        terminal.send(b"exit\r")
        assert terminal.wait() == 0
    finally:
        terminal.close()


# What programs leave behind on a terminal, and what undoes it.
MODES = {b"\x1b[?1049h": b"\x1b[?1049l", b"\x1b[?1000h": b"\x1b[?1000l",
         b"\x1b[?1002;1006h": b"\x1b[?1002l", b"\x1b[?2004h": b"\x1b[?2004l",
         b"\x1b[?25l": b"\x1b[?25h", b"\x1b[?1h": b"\x1b[?1l", b"\x1b=": b"\x1b>",
         b"\x1b[1;44m": b"\x1b[0m", b"\x1b(0": b"\x1b(B", b"\x1b[5;9r": b"\x1b[r",
         b"\x1b[4 q": b"\x1b[0 q"}


def leave(client, sandbox, said):
    """What comes to the terminal when the user leaves a process that has said that."""
    octal = "".join(f"\\{byte:03o}" for byte in said)
    script = f"stty -echo; printf '{octal}'; printf 're''ady'; exec sleep 100"
    terminal = Terminal(client, "exec", "-it", sandbox, "sh", "-c", script)
    try:
        terminal.expect(b"ready")
        terminal.send(b"\x10\x11")
        assert terminal.wait() == 0 and terminal.restored()
        return terminal.read()
    finally:
        terminal.close()


def test_leaving_undoes_what_the_process_did_to_the_terminal(client, sandbox):
    left = leave(client, sandbox, b"".join(MODES))
    for did, undone in MODES.items():
        assert undone in left, (did, left)
    # Only what was done is undone, since some of it moves the cursor; and what was undone is not.
    left = leave(client, sandbox, b"plain \x1b]0;title \x1b[?1049h\x07 \x1b[?1049h\x1b[?1049l")
    assert b"\x1b" not in left and b"left; the process runs on" in left


def test_a_killed_client_gives_the_terminal_back(client, sandbox):
    terminal = Terminal(client, "exec", "-it", sandbox, "sh")
    try:
        terminal.send(b"echo re''ady\r")
        terminal.expect(b"ready")
        assert termios.tcgetattr(terminal.slave) != terminal.before
        terminal.process.kill()
        assert terminal.restored()
    finally:
        terminal.close()


def test_a_process_outlives_the_front(client, sandbox):
    """The service's front is killed; the client comes back and has every byte once."""
    process = client.start("exec", sandbox, "sh", "-c",
                           "for i in $(seq 100); do echo line $i; sleep .05; done; exit 4")
    assert process.stdout.readline() == b"line 1\n"
    os.kill(client.service.roles()["front"], signal.SIGKILL)
    out, err = process.communicate(timeout=SECONDS)
    assert out.decode() == "".join(f"line {i}\n" for i in range(2, 101)), err
    assert process.returncode == 4 and b"connected again" in err
