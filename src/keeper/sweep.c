/*
 * What an earlier keeper of this state directory has left: cgroups, should it have been killed
 * together with its launcher and the janitor, and whatever still runs in them. Workspaces and loop
 * devices need nobody: they go with their last descriptor (linux/image.h).
 *
 * A keeper writes down where it makes cgroups and under which number before it makes any, and takes
 * that away when it ends in good order. The next one removes what goes by that number there, and
 * nothing else: the state directory is locked, so that one is gone. Should its number be another
 * process's by now, which might be a keeper with the same names, everything is left as it is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "keeper/keeper_internal.h"
#include "linux/cgroup.h"

#define FILE_NAME "keeper.cgroups"
#define FILE_MAX  (64 << 10)
#define TRIES     200 /* of 10 ms until a cgroup is empty */
#define PAUSE_NS  10000000

/* ---- ending what runs in a cgroup ---- */

/* Kills a process if it is in the cgroup of that name. While its pidfd is open, its number cannot
 * become another's unseen. */
static void kill_member(pid_t pid, const char *name)
{
    BJ_CLEANUP_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    char path[64], text[4096], wanted[128];

    snprintf(path, sizeof path, "/proc/%d/cgroup", pid);
    snprintf(wanted, sizeof wanted, "/%s\n", name);
    if (pidfd >= 0 && bj_read_small_file_at(AT_FDCWD, path, text, sizeof text) > 0 &&
        strstr(text, wanted) != NULL)
        syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

static void kill_members(int directory_fd, const char *name)
{
    char path[256], text[16384], *at, *end;

    snprintf(path, sizeof path, "%s/cgroup.kill", name);
    if (bj_write_file_at(directory_fd, path, "1") == 0)
        return;
    snprintf(path, sizeof path, "%s/cgroup.procs", name);
    if (bj_read_small_file_at(directory_fd, path, text, sizeof text) <= 0)
        return;
    for (at = text; *at != '\0'; at = end) {
        long pid = strtol(at, &end, 10);

        if (end == at)
            break;
        if (pid > 1)
            kill_member((pid_t)pid, name);
        end += *end == '\n';
    }
}

static void remove_cgroup(const char *parent, int directory_fd, const char *name)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    char path[BJ_PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", parent, name) >= (int)sizeof path)
        return;
    for (int i = 0; i < TRIES; i++) {
        kill_members(directory_fd, name);
        bj_cgroup_freeze(path, false); /* what is frozen does not end, under version 1 */
        if (unlinkat(directory_fd, name, AT_REMOVEDIR) == 0 || errno != EBUSY)
            return;
        nanosleep(&pause, NULL);
    }
}

/* Every cgroup "belljar-PID-SERIAL" there. */
static void sweep_parent(const char *parent, pid_t pid)
{
    BJ_CLEANUP_CLOSE int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int listed = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    DIR *directory = listed >= 0 ? fdopendir(listed) : NULL;
    struct dirent *entry;
    char prefix[48];

    if (directory == NULL) {
        bj_fd_close(&listed);
        return;
    }
    snprintf(prefix, sizeof prefix, "belljar-%d-", pid);
    while ((entry = readdir(directory)) != NULL) {
        const char *serial = entry->d_name + strlen(prefix);

        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && *serial != '\0' &&
            strspn(serial, "0123456789") == strlen(serial))
            remove_cgroup(parent, fd, entry->d_name);
    }
    closedir(directory);
}

/* ---- what is written down ---- */

/* The number, then a directory a line. */
static void sweep_file(char *text)
{
    char *line = strchr(text, '\n'), *end;
    pid_t pid = (pid_t)strtol(text, &end, 10);

    if (line == NULL || end != line || pid <= 1)
        return;
    if (pid != getpid() && (kill(pid, 0) == 0 || errno == EPERM))
        return;
    for (line++; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (strncmp(line, "/sys/fs/cgroup", strlen("/sys/fs/cgroup")) == 0 &&
            strstr(line, "/..") == NULL)
            sweep_parent(line, pid);
    }
}

static void put_parent(struct bj_buf *out, const char *path)
{
    if (*path != '\0')
        bj_buf_printf(out, "%s\n", path);
}

static int write_down(struct bj_keeper *keeper, int state_fd, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = openat(state_fd, FILE_NAME ".new",
                                     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct bj_buf text;
    int result = 0;

    bj_buf_init(&text, FILE_MAX);
    bj_buf_printf(&text, "%d\n", getpid());
    for (uint32_t i = 0; i < keeper->options->preset_count; i++) {
        const struct bj_host *host = keeper->facts[i].host;

        for (int c = 0; c < BJ_CONTROLLER_COUNT; c++)
            put_parent(&text, host->cgroup_path[c]);
        put_parent(&text, host->freezer_path);
    }
    if (fd < 0 || text.failed || bj_fd_write_all(fd, text.data, text.length) < 0 ||
        renameat(state_fd, FILE_NAME ".new", state_fd, FILE_NAME) < 0)
        result = bj_fail_errno(err, "state", "cannot write %s in the state directory", FILE_NAME);
    bj_buf_release(&text);
    return result;
}

int bj_sweep(struct bj_keeper *keeper, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int state_fd = -1;
    BJ_CLEANUP_FREE char *text = NULL;
    ssize_t length;

    if (keeper->options->state == NULL)
        return 0;
    state_fd = open(keeper->options->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    text = bj_alloc(FILE_MAX);
    if (state_fd < 0)
        return bj_fail_errno(err, "state", "cannot open %s", keeper->options->state);
    if (text == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "state", "out of memory");
    length = bj_read_small_file_at(state_fd, FILE_NAME, text, FILE_MAX);
    if (length > 0)
        sweep_file(text);
    return write_down(keeper, state_fd, err);
}

void bj_sweep_nothing_left(struct bj_keeper *keeper)
{
    BJ_CLEANUP_CLOSE int state_fd = -1;

    if (keeper->options->state == NULL)
        return;
    state_fd = open(keeper->options->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state_fd >= 0)
        unlinkat(state_fd, FILE_NAME, 0);
}
