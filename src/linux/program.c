/* Running a program of the host's; see program.h. */
#include "linux/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/limits.h"
#include "linux/process.h"

#define PATH_USUAL "/usr/local/bin:/usr/bin:/bin"

int bj_program_find(const char *name, char *ret_path, size_t size, struct bj_error *err)
{
    const char *at = getenv("PATH");

    if (at == NULL)
        at = PATH_USUAL;
    for (;;) {
        size_t length = strcspn(at, ":");

        /* A relative directory is not a place to take a program from. */
        if (at[0] == '/' &&
            snprintf(ret_path, size, "%.*s/%s", (int)length, at, name) < (int)size &&
            access(ret_path, X_OK) == 0)
            return 0;
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    ret_path[0] = '\0';
    return bj_fail(err, BJ_E_NOT_FOUND, "program", "%s is not installed, or not in PATH", name);
}

struct child {
    const char *path;
    const char *const *argv;
    int output, null;
    int failed; /* errno */
};

static void run_child(void *data)
{
    static const char *const environment[] = {"PATH=" PATH_USUAL, NULL};
    struct child *child = data;

    if (bj_process_die_with_parent() == 0 && setsid() >= 0 && dup2(child->null, 0) >= 0 &&
        dup2(child->output, 1) >= 0 && dup2(child->output, 2) >= 0 &&
        bj_process_close_from(3) == 0 && bj_process_reset_signals() == 0)
        execve(child->path, (char *const *)child->argv, (char *const *)environment);
    child->failed = errno;
    _exit(127);
}

/* Until end of file; false when time is up. What finds no room is read all the same. */
static bool collect(int fd, char *text, size_t size, int64_t deadline)
{
    size_t used = 0;

    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = (deadline - bj_clock_us() + 999) / 1000;
        char rest[512];
        ssize_t got;

        text[used] = '\0';
        if (left <= 0)
            return false;
        if (poll(&wait, 1, (int)left) < 0 && errno != EINTR)
            return false;
        if (wait.revents == 0)
            continue;
        got =
            used + 1 < size ? read(fd, text + used, size - 1 - used) : read(fd, rest, sizeof rest);
        if (got == 0)
            return true;
        if (got > 0 && used + 1 < size)
            used += (size_t)got;
        else if (got < 0 && errno != EINTR)
            return false;
    }
}

/* Closing its output is not the program's end: waits for that too, as long as there is time. */
static bool has_ended(int pidfd, int64_t deadline)
{
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};

    while (wait.revents == 0) {
        int64_t left = (deadline - bj_clock_us() + 999) / 1000;

        if (poll(&wait, 1, left > 0 ? (int)left : 0) < 0 && errno != EINTR)
            return false;
        if (left <= 0)
            break;
    }
    return wait.revents != 0;
}

int bj_program_output(const char *path, const char *const *argv, char *text, size_t size,
                      int timeout_ms, int *ret_status, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int in = -1, out = -1, null = -1, pidfd = -1;
    struct child child = {.path = path, .argv = argv};
    int64_t deadline;
    int ends[2];
    bool in_time;
    pid_t pid;

    if (BJ_SYS(pipe2(ends, O_CLOEXEC)) < 0)
        return bj_fail_errno(err, "program", "cannot make a pipe");
    in = ends[0];
    out = child.output = ends[1];
    null = child.null = BJ_SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (null < 0)
        return bj_fail_errno(err, "program", "cannot open /dev/null");
    pid = bj_process_vfork(0, run_child, &child, &pidfd);
    if (pid < 0)
        return bj_fail_errno(err, "program", "cannot start %s", path);
    bj_fd_close(&out);
    deadline = bj_clock_us() + (int64_t)timeout_ms * 1000;
    in_time = collect(in, text, size, deadline) && has_ended(pidfd, deadline);
    if (!in_time)
        kill(-pid, SIGKILL);
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        continue;
    if (child.failed != 0) {
        errno = child.failed;
        return bj_fail_errno(err, "program", "cannot execute %s", path);
    }
    return in_time ? 0 : bj_fail(err, BJ_E_TIMEOUT, "program", "%s does not come to an end", path);
}
