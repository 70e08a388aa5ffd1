/* The processes below one. */
#include "linux/family.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"

#define DEPTH_MAX 4096
#define ROUNDS    20 /* a process that starts others faster than they are stopped is given up on */

pid_t bj_family_pid(int pidfd)
{
    char path[64], text[512], *found;

    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    if (bj_read_small_file_at(AT_FDCWD, path, text, sizeof text) <= 0)
        return -1;
    found = strstr(text, "\nPid:");
    return found != NULL ? (pid_t)strtol(found + strlen("\nPid:"), NULL, 10) : -1;
}

/* Appends the children that the thread `pid` of that number has. */
static int add_children(pid_t pid, pid_t *pids, size_t capacity, size_t *count)
{
    char path[64], text[8192], *at, *end;
    ssize_t length;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    length = bj_read_small_file_at(AT_FDCWD, path, text, sizeof text);
    if (length < 0)
        return -1;
    for (at = text; *count < capacity; at = end) {
        long child = strtol(at, &end, 10);

        if (end == at)
            break;
        pids[(*count)++] = (pid_t)child;
    }
    return 0;
}

ssize_t bj_family_list(pid_t root, pid_t *pids, size_t capacity)
{
    size_t count = 0;

    if (capacity == 0)
        return 0;
    if (access("/proc/self/task/self/children", F_OK) < 0 &&
        access("/proc/thread-self/children", F_OK) < 0)
        return -1;
    pids[count++] = root;
    for (size_t i = 0; i < count; i++) {
        if (add_children(pids[i], pids, capacity, &count) < 0 && i == 0)
            return 0;
    }
    return (ssize_t)count;
}

/* The fields of /proc/PID/stat from the one of this number on; NULL when it has ended. */
static char *stat_field(pid_t pid, int number, char *text, size_t size)
{
    char path[64], *at;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (bj_read_small_file_at(AT_FDCWD, path, text, size) <= 0)
        return NULL;
    at = strrchr(text, ')'); /* the name may have anything in it */
    for (int field = 2; at != NULL && field < number; field++)
        at = strchr(at + 1, ' ');
    return at;
}

int64_t bj_family_cpu_us(const pid_t *pids, size_t count)
{
    int64_t ticks = 0, a_second = sysconf(_SC_CLK_TCK);

    for (size_t i = 0; i < count; i++) {
        char text[1024], *at = stat_field(pids[i], 14, text, sizeof text);

        for (int of = 0; at != NULL && of < 4; of++)
            ticks += strtoll(at, &at, 10);
    }
    return a_second > 0 ? ticks * 1000000 / a_second : 0;
}

/* Whether parents lead from a process to `root`. */
static bool is_below(pid_t pid, pid_t root)
{
    for (int depth = 0; depth < DEPTH_MAX && pid > 1; depth++) {
        char text[1024], *at = stat_field(pid, 4, text, sizeof text);

        if (at == NULL)
            return false;
        pid = (pid_t)strtol(at, NULL, 10);
        if (pid == root)
            return true;
    }
    return false;
}

/* While its pidfd is open, what signals a process cannot reach another of that number; so what was
 * found to be below `root` then is what gets the signal. */
static void signal_one(pid_t pid, pid_t root, int signal)
{
    BJ_CLEANUP_CLOSE int pidfd = BJ_SYS((int)syscall(SYS_pidfd_open, pid, 0));

    if (pidfd >= 0 && is_below(pid, root))
        syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

static bool knows(const pid_t *pids, size_t count, pid_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if (pids[i] == pid)
            return true;
    }
    return false;
}

int bj_family_signal(pid_t root, int signal)
{
    BJ_CLEANUP_FREE pid_t *pids = bj_realloc_array(NULL, 2 * BJ_FAMILY_MAX, sizeof *pids);
    pid_t *done = pids + BJ_FAMILY_MAX;
    size_t done_count = 0;
    bool fresh = true;

    if (pids == NULL) {
        errno = ENOMEM;
        return -1;
    }
    for (int round = 0; round < ROUNDS && fresh; round++) {
        ssize_t count = bj_family_list(root, pids, BJ_FAMILY_MAX);

        if (count < 0)
            return -1;
        fresh = false;
        for (ssize_t i = 1; i < count; i++) {
            if (knows(done, done_count, pids[i]) || done_count == BJ_FAMILY_MAX)
                continue;
            done[done_count++] = pids[i];
            fresh = true;
            signal_one(pids[i], root, signal);
        }
    }
    if (!fresh)
        return 0;
    errno = EAGAIN;
    return -1;
}
