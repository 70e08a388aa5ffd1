/*
 * The caller's terminal: reaching it, typing into it, changing it. The driver gives a controlling
 * terminal, and afterwards looks for typed text and changed attributes on its side.
 */
#include "attempt.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>

#define HIGH_BITS (1UL << 32) /* the kernel reads 32 bits of the request; a filter may read 64 */

static int terminal_ioctl(int fd, unsigned long request, void *argument)
{
    return (int)syscall(SYS_ioctl, fd, request, argument);
}

static enum outcome open_terminal(const struct attempt *row)
{
    int fd = open(row->path ? row->path : fact("pty"), O_RDWR | O_NOCTTY | O_CLOEXEC);
    return judged(row, fd >= 0, row->path ? row->path : fact("pty"));
}

static enum outcome find_terminal(const struct attempt *row)
{
    for (int fd = 0; fd < 3; fd++) {
        if (isatty(fd)) {
            return done("descriptor %d is the caller's terminal", fd);
        }
    }
    (void)row;
    return refused("no terminal");
}

static int inject(int fd, unsigned long request)
{
    for (const char *letter = "INJECTED\n"; *letter; letter++) {
        char copy = *letter;
        if (terminal_ioctl(fd, request, &copy)) {
            return -1;
        }
    }
    return 0;
}

/* Newer kernels have a switch for it, which answers EIO. */
static enum outcome not_typed(const struct attempt *row)
{
    if (errno == EIO) {
        return lacking("TIOCSTI, switched off in the kernel");
    }
    return judged(row, false, "TIOCSTI");
}

static enum outcome type_into_terminal(const struct attempt *row)
{
    unsigned long request = TIOCSTI | (row->number ? HIGH_BITS : 0);
    for (int fd = 0; fd < 3; fd++) {
        if (inject(fd, request) == 0) {
            return done("typed into descriptor %d", fd);
        }
    }
    int error = errno;
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && inject(fd, request) == 0) {
        return done("typed into /dev/tty");
    }
    errno = error;
    return not_typed(row);
}

static enum outcome change_attributes(const struct attempt *row)
{
    struct termios attributes;
    signal(SIGTTOU, SIG_IGN);
    for (int fd = 0; fd < 3; fd++) {
        if (tcgetattr(fd, &attributes) == 0) {
            attributes.c_cc[VINTR] = 'q';
            if (tcsetattr(fd, TCSANOW, &attributes) == 0) {
                return done("Ctrl-C is now q");
            }
        }
    }
    (void)row;
    return refused("tcsetattr");
}

static enum outcome change_size(const struct attempt *row)
{
    struct winsize size = {.ws_row = 7, .ws_col = 13};
    for (int fd = 0; fd < 3; fd++) {
        if (terminal_ioctl(fd, TIOCSWINSZ, &size) == 0) {
            return done("window size changed");
        }
    }
    (void)row;
    return refused("TIOCSWINSZ");
}

static enum outcome take_foreground(const struct attempt *row)
{
    signal(SIGTTOU, SIG_IGN);
    return judged(row, setpgid(0, 0) == 0 && tcsetpgrp(STDIN_FILENO, getpid()) == 0, "tcsetpgrp");
}

/* Subcommand 6 asks for the state of the shift keys: harmless, and as guarded as pasting is. */
static enum outcome use_console(const struct attempt *row)
{
    char subcommand[8] = {6};
    unsigned long request = TIOCLINUX | (row->number ? HIGH_BITS : 0);
    return judged(row, terminal_ioctl(STDIN_FILENO, request, subcommand) == 0, "TIOCLINUX");
}

/* ---- a terminal of the workload's own ---- */

static int own_terminal(void)
{
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), unlocked = 0, number = 0;
    char path[64];
    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) || ioctl(master, TIOCGPTN, &number)) {
        return -1;
    }
    snprintf(path, sizeof(path), "/dev/pts/%d", number);
    setsid();
    int slave = open(path, O_RDWR | O_CLOEXEC);
    if (slave >= 0) {
        ioctl(slave, TIOCSCTTY, 0);
    }
    return slave;
}

static enum outcome type_into_own(const struct attempt *row)
{
    int fd = own_terminal();
    if (fd < 0) {
        return refused("no terminal of its own");
    }
    return inject(fd, TIOCSTI | (row->number ? HIGH_BITS : 0)) == 0 ? done("TIOCSTI")
                                                                    : not_typed(row);
}

static enum outcome change_discipline(const struct attempt *row)
{
    int fd = own_terminal(), discipline = 0;
    if (fd < 0) {
        return refused("no terminal of its own");
    }
    unsigned long request = TIOCSETD | (row->number ? HIGH_BITS : 0);
    return judged(row, terminal_ioctl(fd, request, &discipline) == 0, "TIOCSETD");
}

#define ON_TERMINAL(name, text, run, n)                                                            \
    {                                                                                              \
        name, 3, text, run, .number = n, .scenario = "terminal"                                    \
    }

const struct attempt terminal_attempts[] = {
    {"terminal-open", 3, "open /dev/tty", open_terminal, .path = "/dev/tty",
     .scenario = "terminal"},
    ON_TERMINAL("terminal-by-path", "open the caller's terminal by its path", open_terminal, 0),
    ON_TERMINAL("terminal-stdio", "find the caller's terminal as a stream", find_terminal, 0),
    ON_TERMINAL("terminal-type", "type into the caller's terminal: TIOCSTI", type_into_terminal, 0),
    ON_TERMINAL("terminal-type-high", "TIOCSTI with high bits set", type_into_terminal, 1),
    ON_TERMINAL("terminal-attributes", "change what Ctrl-C does outside", change_attributes, 0),
    ON_TERMINAL("terminal-size", "change the caller's window size", change_size, 0),
    ON_TERMINAL("terminal-foreground", "become the terminal's foreground group", take_foreground,
                0),
    {"terminal-type-with-t", 6, "TIOCSTI where a terminal was given", type_into_terminal,
     .scenario = "terminal", .options = "-t"},
    {"terminal-type-high-with-t", 6, "TIOCSTI with high bits where a terminal was given",
     type_into_terminal, .number = 1, .scenario = "terminal", .options = "-t"},
    {"console-command", 6, "TIOCLINUX on a console given as input", use_console,
     .flags = OUTSIDE_ROOT, .scenario = "stdin:console", .lacks = "a virtual console"},
    {"console-command-high", 6, "TIOCLINUX with high bits set", use_console, .number = 1,
     .flags = OUTSIDE_ROOT, .scenario = "stdin:console", .lacks = "a virtual console"},
    {"own-terminal-type", 6, "TIOCSTI on a terminal of its own", type_into_own},
    {"own-terminal-type-high", 6, "the same with high bits set", type_into_own, .number = 1},
    {"own-terminal-discipline", 6, "TIOCSETD on a terminal of its own", change_discipline},
    {"own-terminal-discipline-high", 6, "the same with high bits set", change_discipline,
     .number = 1},
    {0},
};
