/* Files that bound alerts. */
#include "bin/alert_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/siphash.h"

static int find_directory(char path[BJ_PATH_MAX], struct bj_error *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int length = 0;

    if (state != NULL && state[0] == '/')
        length = snprintf(path, BJ_PATH_MAX, "%s/belljar/alert", state);
    else if (geteuid() == 0)
        length = snprintf(path, BJ_PATH_MAX, "/var/lib/belljar/alert");
    else if (home != NULL && home[0] == '/')
        length = snprintf(path, BJ_PATH_MAX, "%s/.local/state/belljar/alert", home);
    if (length > 0 && length < BJ_PATH_MAX)
        return 0;
    return bj_fail(err, BJ_E_INVALID, "alert",
                   "neither XDG_STATE_HOME nor HOME says where to work");
}

static int make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        int failed;

        *slash = '\0';
        failed = mkdir(path, 0700) < 0 && errno != EEXIST;
        *slash = '/';
        if (failed)
            return -1;
    }
    return mkdir(path, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

int bj_alert_spool_open(struct bj_alert_spool *spool, const char *command, const char *url,
                        struct bj_error *err)
{
    static const uint8_t key[16] = "belljar alert 1";
    BJ_CLEANUP_CLOSE int fd = -1;
    char path[BJ_PATH_MAX];
    struct stat status;

    *spool = (struct bj_alert_spool){.directory = -1};
    if (find_directory(path, err) < 0)
        return -BJ_E_INVALID;
    if (make_directories(path) < 0)
        return bj_fail_errno(err, "alert", "cannot make %s", path);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        return bj_fail_errno(err, "alert", "cannot open %s", path);
    if (status.st_uid != geteuid() || (status.st_mode & 022) != 0)
        return bj_fail(err, BJ_E_DENIED, "alert", "others can write to %s", path);
    snprintf(spool->target, sizeof spool->target, "%016llx",
             (unsigned long long)(bj_siphash(key, command, strlen(command)) ^
                                  (bj_siphash(key, url, strlen(url)) << 1)));
    spool->directory = bj_fd_take(&fd);
    return 0;
}

void bj_alert_spool_close(struct bj_alert_spool *spool)
{
    bj_fd_close(&spool->directory);
}

/* Opens a file of the target's, made if need be. */
static int open_file(const struct bj_alert_spool *spool, const char *suffix)
{
    char name[64];

    snprintf(name, sizeof name, "%s.%s", spool->target, suffix);
    return openat(spool->directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int bj_alert_spool_slot(const struct bj_alert_spool *spool)
{
    for (int i = 0; i < BJ_ALERT_SLOTS; i++) {
        char suffix[16];
        int fd;

        snprintf(suffix, sizeof suffix, "slot%d", i);
        fd = open_file(spool, suffix);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        bj_fd_close(&fd);
    }
    return -1;
}

/* The waiting file, locked; the lock is short, so it is waited for. */
static int open_waiting(const struct bj_alert_spool *spool, struct bj_error *err)
{
    int fd = open_file(spool, "waiting");

    while (fd >= 0 && flock(fd, LOCK_EX) < 0) {
        if (errno != EINTR)
            bj_fd_close(&fd);
    }
    if (fd < 0)
        bj_fail_errno(err, "alert", "cannot open the events that wait");
    return fd;
}

/* The number that is in a file; kept beside the lines because they may be too many to add one. */
static int64_t read_count(int fd)
{
    char text[32] = "";

    return pread(fd, text, sizeof text - 1, 0) > 0 ? strtoll(text, NULL, 10) : 0;
}

static int write_count(const struct bj_alert_spool *spool, int64_t more, int64_t *ret_before)
{
    BJ_CLEANUP_CLOSE int fd = open_file(spool, "dropped");
    char text[32];
    int64_t before;
    int length;

    if (fd < 0)
        return -1;
    before = read_count(fd);
    if (ret_before != NULL)
        *ret_before = before;
    length = snprintf(text, sizeof text, "%-20lld\n", (long long)(more > 0 ? before + more : 0));
    return pwrite(fd, text, (size_t)length, 0) == length ? 0 : -1;
}

int bj_alert_spool_put(const struct bj_alert_spool *spool, const char *event, size_t length,
                       struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = open_waiting(spool, err);
    off_t end;

    if (fd < 0)
        return -BJ_E_SYSTEM;
    end = lseek(fd, 0, SEEK_END);
    if (end < 0)
        return bj_fail_errno(err, "alert", "cannot add to the events that wait");
    if (length + 1 > BJ_ALERT_WAITING_MAX - (size_t)end)
        return write_count(spool, 1, NULL) < 0
                   ? bj_fail_errno(err, "alert", "cannot count an event that was dropped")
                   : 0;
    if (bj_fd_write_all(fd, event, length) < 0 || bj_fd_write_all(fd, "\n", 1) < 0) {
        bj_fail_errno(err, "alert", "cannot add to the events that wait");
        (void)!ftruncate(fd, end); /* half a line would spoil those before it */
        return -BJ_E_SYSTEM;
    }
    return 0;
}

int bj_alert_spool_take(const struct bj_alert_spool *spool, struct bj_buf *ret_lines,
                        int64_t *ret_dropped, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = open_waiting(spool, err);
    off_t end;
    char *room;

    *ret_dropped = 0;
    if (fd < 0)
        return -BJ_E_SYSTEM;
    end = lseek(fd, 0, SEEK_END);
    if (end <= 0)
        return 0;
    room = bj_buf_reserve(ret_lines, (size_t)end);
    if (room == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "alert", "out of memory");
    if (pread(fd, room, (size_t)end, 0) != end || ftruncate(fd, 0) < 0)
        return bj_fail_errno(err, "alert", "cannot read the events that wait");
    ret_lines->length += (size_t)end;
    ret_lines->data[ret_lines->length] = '\0';
    return write_count(spool, 0, ret_dropped) < 0
               ? bj_fail_errno(err, "alert", "cannot read how many events were dropped")
               : 0;
}

void bj_alert_spool_log(const struct bj_alert_spool *spool, const char *text)
{
    BJ_CLEANUP_CLOSE int fd = openat(spool->directory, "alert.log",
                                     O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct bj_buf line;
    time_t now = time(NULL);
    struct tm parts;
    struct stat status;
    char when[32];

    if (fd < 0)
        return;
    if (fstat(fd, &status) == 0 && status.st_size > BJ_ALERT_LOG_MAX && ftruncate(fd, 0) < 0)
        return;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ ", gmtime_r(&now, &parts));
    bj_buf_init(&line, 8192);
    bj_buf_puts(&line, when);
    bj_put_escaped(&line, text, strnlen(text, 1024));
    bj_buf_puts(&line, "\n");
    bj_fd_write_all(fd, bj_buf_text(&line), line.length);
    bj_buf_release(&line);
}
