"""`belljar run -t` and `belljar shell` on a real terminal: keys, size, signals, and that the caller's
terminal is as it was afterwards, whatever happens."""

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from program import PATIENCE, descendants, wait_until, with_word


class Terminal:
    """A pseudo-terminal with the program on it, as the leader of its session."""

    def __init__(self, belljar, *words, size=(24, 80), command="run"):
        arguments = [belljar.path, command, *map(str, words)]
        self.seen = b""
        self.master, slave = pty.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self.master)
        environment = belljar.environment() | {"TERM": "xterm-256color"}
        self.slave = slave
        self.process = subprocess.Popen(
            arguments, cwd=belljar.directory, env=environment, stdin=slave, stdout=slave,
            stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def settings(self):
        return termios.tcgetattr(self.master)

    def is_raw(self):
        return not self.settings()[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def type(self, text):
        os.write(self.master, text.encode() if isinstance(text, str) else text)

    def read(self, seconds=0.1):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if ready:
            try:
                self.seen += os.read(self.master, 65536)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise

    def expect(self, pattern, seconds=PATIENCE):
        """Waits until what was seen matches; returns the match and forgets what came before."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern.encode(), self.seen, re.DOTALL)
            if found:
                self.seen = self.seen[found.end():]
                return found
            assert time.monotonic() < end, (pattern, self.seen)
            self.read()

    def wait(self, seconds=PATIENCE):
        """The status, once the program has ended and everything it wrote was read."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, ("still running", self.seen)
            self.read(0.02)
        self.read(0.02)
        return self.process.returncode

    def restored(self, seconds=3):
        return wait_until(lambda: self.settings() == self.before, seconds)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def terminal(belljar):
    opened = []

    def start(*words, **options):
        opened.append(Terminal(belljar, *words, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_terminal_inside(terminal):
    one = terminal("-t", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all; echo $TERM;"
                               " ls /dev/pts")
    one.expect(r"/dev/pts/0\r\n")
    one.expect(r"all\r\nxterm-256color\r\n")
    assert one.wait() == 0
    assert one.restored()


def test_no_terminal_without_the_option(terminal):
    one = terminal("-c", "tty; test -t 0 || test -t 1 || test -t 2 || echo none")
    one.expect(r"not a tty\r\nnone\r\n")
    assert one.wait() == 0
    assert not one.is_raw()


def test_size(terminal):
    one = terminal("-t", "--", "stty", "size", size=(37, 111))
    one.expect(r"37 111\r\n")
    assert one.wait() == 0


WATCH_SIZE = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])
print("ready", flush=True)
while True:
    signal.sigwait([signal.SIGWINCH])
    size = os.get_terminal_size()
    print(size.lines, size.columns, flush=True)
"""


def test_resize(terminal):
    one = terminal("-t", "--", "/usr/bin/python3", "-c", WATCH_SIZE)
    one.expect("ready")
    for rows, columns in ((50, 132), (10, 40), (24, 80)):
        one.resize(rows, columns)
        one.expect(f"{rows} {columns}\r\n", 10)
    one.type("\x03")
    assert one.wait(10) == 130


def test_size_of_a_terminal_without_one(terminal):
    one = terminal("-t", "--", "stty", "size", size=(0, 0))
    one.expect(r"0 0\r\n")


def test_keys_go_inside(terminal):
    """The caller's terminal neither echoes nor interprets; the one inside does."""
    one = terminal("-t", "-c", "stty -a | grep -o -- '-*icanon'; read line; echo \"got:$line\"")
    one.expect("icanon")
    assert wait_until(one.is_raw)
    one.type("wrogn\x7f\x7fng\r")
    one.expect("got:wrong\r\n")
    assert one.wait() == 0
    assert one.restored()


def test_interrupt_key(terminal):
    one = terminal("-t", "-c", "trap 'echo caught; exit 9' INT; echo ready; sleep 600; echo no")
    one.expect("ready")
    one.type("\x03")
    one.expect("caught")
    assert one.wait() == 9
    assert one.restored()


def test_interrupt_key_ends_a_command(terminal):
    one = terminal("-t", "--", "sleep", "600")
    assert wait_until(one.is_raw)
    time.sleep(0.2)
    one.type("\x03")
    assert one.wait(10) == 130
    assert one.restored()


def test_quit_key(terminal):
    one = terminal("-t", "--", "/usr/bin/python3", "-c",
                   "import time; print('ready', flush=True); time.sleep(600)")
    one.expect("ready")  # bash would ignore the key
    one.type("\x1c")
    assert one.wait(10) == 131


def test_end_of_input_key(terminal):
    one = terminal("-t", "--", "cat")
    assert wait_until(one.is_raw)
    one.type("line\r")
    one.expect("line\r\nline\r\n")
    one.type("\x04")
    assert one.wait(10) == 0
    assert one.restored()


def test_eight_bits_and_control_characters(terminal):
    one = terminal("-t", "-c", "stty raw -echo; echo ready; head -c 300 | od -An -tx1 -v | tr -d ' \\n'")
    one.expect("ready")
    data = bytes(range(256)) + b"\x00\xff\x03\x04\x13\x11\x1a\x1c\x7f\x80" * 4 + b"\r\n\r\n"
    one.type(data)
    found = one.expect("([0-9a-f]{600})")
    assert bytes.fromhex(found.group(1).decode()) == data


def test_much_output(terminal):
    one = terminal("-t", "-c", "seq 1 50000; echo the-end")
    one.expect("the-end", 60)
    assert one.wait() == 0


def test_much_pasted_input(terminal):
    one = terminal("-t", "-c", "stty -echo; echo ready; wc -l; :")
    one.expect("ready")
    for _ in range(200):
        one.type("x" * 50 + "\r")
        one.read(0)
    one.type("\x04")
    assert one.expect(r"(\d+)\r\n").group(1) == b"200"


def test_raw_mode_ends_with_a_failing_command(terminal):
    one = terminal("-t", "--", "no-such-command")
    one.expect("no-such-command: command not found")
    assert one.wait() == 127
    assert one.restored()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_raw_mode_ends_with_a_signal(terminal, sign):
    one = terminal("-t", "-c", "stty raw -echo; echo ready; exec sleep 600")
    one.expect("ready")
    assert wait_until(one.is_raw)
    one.process.send_signal(sign)
    assert one.wait(10) == 128 + sign
    assert one.restored()


def test_raw_mode_ends_with_a_kill(terminal):
    """SIGKILL cannot be caught; the terminal is restored all the same."""
    one = terminal("-t", "-c", "echo ready; exec sleep 600.75")
    one.expect("ready")
    assert wait_until(one.is_raw)
    one.process.kill()
    assert one.wait() == -signal.SIGKILL
    assert one.restored()
    assert wait_until(lambda: not with_word("600.75"))


def test_raw_mode_ends_with_the_time_out(terminal):
    one = terminal("-t", "--timeout", "1", "--", "sleep", "600")
    assert wait_until(one.is_raw)
    assert one.wait(10) == 124
    assert one.restored()


def test_raw_mode_ends_when_init_dies(terminal):
    """The sandbox gone from under it."""
    one = terminal("-t", "-c", "echo ready; exec sleep 600.25")
    one.expect("ready")
    below = descendants(one.process.pid)
    init = [pid for pid, name in below.items() if name == "belljar-init"]
    assert len(init) == 1, below
    os.kill(init[0], signal.SIGKILL)
    assert one.wait(10) != 0
    assert one.restored()


def test_terminal_that_hangs_up(terminal):
    one = terminal("-t", "-c", "echo ready; exec sleep 600.125")
    one.expect("ready")
    os.close(one.slave)
    one.slave = os.open("/dev/null", os.O_RDONLY)
    os.close(one.master)
    one.master = os.open("/dev/null", os.O_RDONLY)
    assert one.process.wait(10) != 0
    assert wait_until(lambda: not with_word("600.125"))


def test_terminal_with_other_streams(belljar):
    """-t without a terminal outside: still one inside; input's end is the ^D of it."""
    done = belljar.run("-t", "-c", "tty; cat; echo end", input="some\nlines\n")
    assert done.status == 0
    assert sorted(done.out.replace("\r", "").split()) == \
        sorted(["/dev/pts/0", "some", "lines", "some", "lines", "end"])  # echo, and cat
    done = belljar.run("-t", "-c", "stty -echo; tty; head -c 5; echo end", input="")
    assert done.status == 0 and "end" in done.out


def test_terminal_output_to_a_file(terminal, belljar, tmp_path):
    with open(tmp_path / "out", "wb") as out:
        process = belljar.start("-t", "-c", "tty; echo error >&2", stdout=out)
        assert process.wait(PATIENCE) == 0
    process.stderr.close()
    assert (tmp_path / "out").read_bytes() == b"/dev/pts/0\r\nerror\r\n"


# ---- shell ----

def prompt(one):
    """A prompt that cannot be mistaken."""
    one.type("PS1='pro''mpt: '; stty -echo; bind 'set enable-bracketed-paste off' 2>/dev/null\r")
    one.expect(r"prompt: $")


def test_shell(terminal, belljar):
    one = terminal(command="shell")
    prompt(one)
    one.type("pwd\r")
    one.expect(re.escape(str(belljar.directory)) + "\r\n")
    one.type("exit 5\r")
    assert one.wait() == 5
    assert one.restored()


def test_job_control(terminal):
    one = terminal(command="shell")
    prompt(one)
    assert b"no job control" not in one.seen
    one.type("sleep 600\r")
    time.sleep(0.4)
    one.type("\x1a")
    one.expect("Stopped")
    one.expect("prompt: ")
    one.type("jobs\r")
    one.expect(r"\[1\].*Stopped.*sleep 600")
    one.type("bg\r")
    one.expect("sleep 600 &")
    one.type("fg\r")
    one.expect("sleep 600\r\n")
    time.sleep(0.3)
    one.type("\x03")
    one.expect("prompt: ")
    one.type("echo status $?\r")
    one.expect("status 130\r\nprompt: ")
    time.sleep(0.2)  # a key typed before the shell reads keys by itself would be the terminal's
    one.type("\x04")
    assert one.wait() == 0
    assert one.restored()


def test_shell_ends_its_jobs(terminal):
    one = terminal(command="shell")
    prompt(one)
    one.type("sleep 600.375 & disown; (setsid sleep 600.375 &)\r")
    one.expect("prompt: ")
    assert wait_until(lambda: len(with_word("600.375")) == 2)
    one.type("exit\r")
    one.wait()
    assert wait_until(lambda: not with_word("600.375"))


def test_shell_takes_no_command(belljar):
    done = subprocess.run([belljar.path, "shell", "ls"], cwd=belljar.directory, text=True,
                          capture_output=True, env=belljar.environment(), check=False,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE)
    assert done.returncode == 125 and "takes no command" in done.stderr


def test_stop_key_of_the_caller(terminal):
    """^Z without -t stops Belljar as any other program, and it goes on afterwards."""
    one = terminal("-c", "echo ready; sleep 1; echo done")
    one.expect("ready")
    os.kill(one.process.pid, signal.SIGSTOP)
    time.sleep(0.3)
    os.kill(one.process.pid, signal.SIGCONT)
    one.expect("done")
    assert one.wait() == 0
