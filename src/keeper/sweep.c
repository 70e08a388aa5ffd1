/*
 * What an earlier keeper of this state directory has left: cgroups, should it have been killed
 * together with its launcher and the janitor, and whatever still runs in them. Workspaces and loop
 * devices need nobody: they go with their last descriptor (linux/image.h).
 *
 * A keeper writes down where it makes cgroups and under which number before it makes any, and takes
 * that away when it ends in good order. The next one removes what goes by that number there, and
 * nothing else: the state directory is locked, so that one is gone. Should its number be another
 * process's by now, which might be a keeper with the same names, that is left to the next start.
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
#include "base/limits.h"
#include "base/mem.h"
#include "keeper/keeper_internal.h"
#include "linux/cgroup.h"

#define FILE_NAME "keeper.cgroups"
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

/* One that has ended and that nobody has taken notice of still has its number. */
static bool is_alive(pid_t pid)
{
    char path[64], text[1024], *name_end;

    if (kill(pid, 0) < 0 && errno != EPERM)
        return false;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (bj_read_small_file_at(AT_FDCWD, path, text, sizeof text) <= 0)
        return true;
    name_end = strrchr(text, ')');
    return name_end == NULL || (name_end[2] != 'Z' && name_end[2] != 'X');
}

/* A line: the number and a directory. What cannot be swept yet is written down again. */
static void sweep_line(const char *line, struct bj_buf *again)
{
    char *parent;
    pid_t pid = (pid_t)strtol(line, &parent, 10);

    if (pid <= 1 || *parent++ != ' ' || strstr(parent, "/..") != NULL ||
        strncmp(parent, "/sys/fs/cgroup", strlen("/sys/fs/cgroup")) != 0)
        return;
    if (pid != getpid() && is_alive(pid))
        bj_buf_printf(again, "%s\n", line);
    else
        sweep_parent(parent, pid);
}

static void sweep_file(char *text, struct bj_buf *again)
{
    char *line = text, *end;

    for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        sweep_line(line, again);
    }
}

/* Once, though several presets name it. */
static void put_parent(struct bj_buf *out, const char *path)
{
    char line[BJ_PATH_MAX];

    snprintf(line, sizeof line, "%d %s\n", getpid(), path);
    if (*path != '\0' && strstr(bj_buf_text(out), line) == NULL)
        bj_buf_puts(out, line);
}

static int store(int state_fd, const struct bj_buf *text)
{
    BJ_CLEANUP_CLOSE int fd = openat(state_fd, FILE_NAME ".new",
                                     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 || text->failed || bj_fd_write_all(fd, bj_buf_text(text), text->length) < 0)
        return -1;
    return renameat(state_fd, FILE_NAME ".new", state_fd, FILE_NAME);
}

/* Opens the state directory and sweeps by what is written there; what has to stay is in `again`. */
static int sweep(struct bj_keeper *keeper, struct bj_buf *again, int *ret_fd, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = open(keeper->options->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    BJ_CLEANUP_FREE char *text = bj_alloc(BJ_CGROUPS_FILE_MAX);

    if (fd < 0)
        return bj_fail_errno(err, "state", "cannot open %s", keeper->options->state);
    if (text == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "state", "out of memory");
    if (bj_read_small_file_at(fd, FILE_NAME, text, BJ_CGROUPS_FILE_MAX) > 0)
        sweep_file(text, again);
    *ret_fd = bj_fd_take(&fd);
    return 0;
}

int bj_sweep(struct bj_keeper *keeper, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    struct bj_buf text;
    int result;

    if (keeper->options->state == NULL)
        return 0;
    bj_buf_init(&text, BJ_CGROUPS_FILE_MAX);
    result = sweep(keeper, &text, &fd, err);
    for (uint32_t i = 0; i < keeper->options->preset_count && result == 0; i++) {
        const struct bj_host *host = keeper->facts[i].host;

        for (int c = 0; c < BJ_CONTROLLER_COUNT; c++)
            put_parent(&text, host->cgroup_path[c]);
        put_parent(&text, host->freezer_path);
    }
    if (result == 0 && store(fd, &text) < 0)
        result = bj_fail_errno(err, "state", "cannot write %s in the state directory", FILE_NAME);
    bj_buf_release(&text);
    return result;
}

void bj_sweep_own(struct bj_keeper *keeper)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    struct bj_buf text;

    if (keeper->options->state == NULL)
        return;
    bj_buf_init(&text, BJ_CGROUPS_FILE_MAX);
    if (sweep(keeper, &text, &fd, NULL) == 0 && (text.length > 0 ? store(fd, &text) : -1) < 0)
        unlinkat(fd, FILE_NAME, 0);
    bj_buf_release(&text);
}
