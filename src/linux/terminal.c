/* The caller's terminal. */
#include "linux/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "linux/syscalls.h"

void bj_terminal_init(struct bj_terminal *terminal)
{
    *terminal = (struct bj_terminal){.fd = -1, .guard_fd = -1};
}

/* Sleeps until the other end of the pipe closes unannounced, then restores. Its own session, so
 * that neither keys nor job control reach it. */
static void guard_main(const struct bj_terminal *terminal, int read_fd) __attribute__((noreturn));
static void guard_main(const struct bj_terminal *terminal, int read_fd)
{
    sigset_t all;
    char byte;
    ssize_t n;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setsid();
    dup2(terminal->fd, 0);
    dup2(read_fd, 1);
    bj_sys_close_range(2, ~0U);
    prctl(PR_SET_NAME, "belljar-terminal", 0, 0, 0);
    do {
        n = read(1, &byte, 1);
    } while (n < 0 && errno == EINTR);
    if (n == 0)
        tcsetattr(0, TCSANOW, &terminal->saved);
    _exit(0);
}

static int start_guard(struct bj_terminal *terminal)
{
    int ends[2];

    if (BJ_SYS(pipe2(ends, O_CLOEXEC)) < 0)
        return -1;
    terminal->guard = BJ_SYS(fork());
    if (terminal->guard == 0)
        guard_main(terminal, ends[0]);
    close(ends[0]);
    terminal->guard_fd = ends[1];
    return terminal->guard < 0 ? -1 : 0;
}

int bj_terminal_make_raw(struct bj_terminal *terminal, int fd, struct bj_error *err)
{
    struct termios raw;

    if (fd < 0 || !isatty(fd))
        return 0;
    if (BJ_SYS(tcgetattr(fd, &terminal->saved)) < 0)
        return bj_fail_errno(err, "terminal", "cannot read the terminal's settings");
    raw = terminal->saved;
    cfmakeraw(&raw);
    terminal->fd = fd;
    if (start_guard(terminal) < 0 || BJ_SYS(tcsetattr(fd, TCSADRAIN, &raw)) < 0) {
        int result = bj_fail_errno(err, "terminal", "cannot make the terminal raw");

        bj_terminal_restore(terminal);
        return result;
    }
    return 0;
}

void bj_terminal_restore(struct bj_terminal *terminal)
{
    if (terminal->fd < 0)
        return;
    tcsetattr(terminal->fd, TCSADRAIN, &terminal->saved);
    if (terminal->guard_fd >= 0)
        (void)!write(terminal->guard_fd, "", 1);
    bj_fd_close(&terminal->guard_fd);
    if (terminal->guard > 0) {
        while (waitpid(terminal->guard, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    bj_terminal_init(terminal);
}

void bj_terminal_size(const int streams[3], uint16_t *ret_rows, uint16_t *ret_columns)
{
    struct winsize size;

    *ret_rows = *ret_columns = 0;
    for (int i = 0; i < 3; i++) {
        if (streams[i] < 0 || ioctl(streams[i], TIOCGWINSZ, &size) < 0)
            continue;
        *ret_rows = size.ws_row;
        *ret_columns = size.ws_col;
        return;
    }
}

void bj_terminal_copy_size(const struct bj_terminal *terminal, int master_fd)
{
    struct winsize size;

    if (terminal->fd >= 0 && ioctl(terminal->fd, TIOCGWINSZ, &size) == 0)
        ioctl(master_fd, TIOCSWINSZ, &size);
}
