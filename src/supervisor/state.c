/* The state directory. */
#include "supervisor/state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define LOCK_NAME     "lock"
#define LOCK_PAUSE_US 50000
#define KEYS_PAUSE_US 2000

/* Whose a link or a directory on the way is has the say where it leads: that must be root, or the
 * one who starts the service. */
static int check_step(int fd, const char *path, struct bj_error *err)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return bj_fail_errno(err, "state", "cannot look at %s", path);
    if (status.st_uid != 0 && status.st_uid != geteuid())
        return bj_fail(err, BJ_E_DENIED, "state",
                       "%s belongs to user %u, who could lead the service elsewhere; name another "
                       "directory with --state DIR",
                       path, status.st_uid);
    return 0;
}

/* So has everybody in a directory where all may rename what is there, as `path` is; the sticky bit
 * keeps them from it. */
static int check_door(int fd, const char *path, struct bj_error *err)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return bj_fail_errno(err, "state", "cannot look at the directory of %s", path);
    if ((status.st_mode & (S_IWOTH | S_ISVTX)) != S_IWOTH)
        return 0;
    return bj_fail(err, BJ_E_DENIED, "state",
                   "everybody may put something else in the place of %s, and so lead the service "
                   "elsewhere; forbid it with chmod o-w (or +t) of the directory it is in, or name "
                   "another one with --state DIR",
                   path);
}

/* Everything above the directory, wherever links have led to: what a link's own text or the working
 * directory goes through is no step of the path. */
static int check_above(int fd, const char *path, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int at = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char name[BJ_PATH_MAX + 32];
    struct stat status, above;
    int result = 0;

    snprintf(name, sizeof name, "a directory above %s", path);
    while (result == 0) {
        BJ_CLEANUP_CLOSE int next =
            at >= 0 ? openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

        if (next < 0 || fstat(at, &status) < 0 || fstat(next, &above) < 0)
            return bj_fail_errno(err, "state", "cannot look at %s", name);
        result = check_step(at, name, err);
        if (result == 0)
            result = check_door(at, path, err);
        if (status.st_dev == above.st_dev && status.st_ino == above.st_ino)
            break;
        bj_fd_close(&at);
        at = bj_fd_take(&next);
    }
    return result;
}

/* The state directory itself. One that was there before is nobody's to change. */
static int check_directory(int fd, const char *path, struct bj_error *err)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return bj_fail_errno(err, "state", "cannot look at %s", path);
    if (status.st_uid != geteuid())
        return bj_fail(err, BJ_E_DENIED, "state",
                       "%s belongs to user %u, not to the one who starts the service (%u); name "
                       "another directory with --state DIR",
                       path, status.st_uid, geteuid());
    if ((status.st_mode & 0077) != 0)
        return bj_fail(err, BJ_E_DENIED, "state",
                       "others may look into %s; keep them out with chmod 700, or name another "
                       "directory with --state DIR",
                       path);
    return 0;
}

/* Goes one name further from *at, which is made if it is not there. `path` leads to it. */
static int go(int *at, const char *path, const char *name, mode_t mode, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int next = -1;
    struct stat status;
    int result = check_door(*at, path, err);

    if (result < 0)
        return result;
    if (mkdirat(*at, name, mode) < 0 && errno != EEXIST)
        return bj_fail_errno(err, "state", "cannot make the directory %s", path);
    next = openat(*at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0 || fstat(next, &status) < 0)
        return bj_fail_errno(err, "state", "cannot open the directory %s", path);
    result = check_step(next, path, err);
    if (result < 0)
        return result;
    bj_fd_close(&next);
    next = openat(*at, name,
                  O_RDONLY | O_DIRECTORY | O_CLOEXEC | (S_ISLNK(status.st_mode) ? 0 : O_NOFOLLOW));
    if (next < 0)
        return bj_fail_errno(err, "state", "cannot open the directory %s", path);
    result = check_step(next, path, err);
    if (result < 0)
        return result;
    bj_fd_close(at);
    *at = bj_fd_take(&next);
    return 0;
}

static int lock(int fd, const char *path, int64_t patience_us, struct bj_error *err)
{
    int64_t end = bj_clock_us() + patience_us;

    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return bj_fail_errno(err, "state", "cannot lock %s", path);
        if (bj_clock_us() >= end)
            return bj_fail(err, BJ_E_CONFLICT, "state",
                           "another service uses %s; end it, or name another directory with "
                           "--state DIR",
                           path);
        usleep(LOCK_PAUSE_US);
    }
    return 0;
}

/* Opens the directory, made if it is not there, like those above it. */
static int open_directory(const char *path, int *ret_fd, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *copy = bj_strdup(path);
    BJ_CLEANUP_CLOSE int at = open(path[0] == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *name = copy, *end;
    int result = 0;

    if (copy == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "state", "out of memory");
    if (at < 0)
        return bj_fail_errno(err, "state", "cannot open the directory %s", path);
    for (name += strspn(name, "/"); *name != '\0' && result == 0; name = end) {
        char *rest = name + strcspn(name, "/"), between = *rest;

        end = rest + strspn(rest, "/");
        *rest = '\0';
        result = go(&at, copy, name, *end != '\0' ? 0755 : 0700, err);
        *rest = between;
    }
    if (result == 0)
        result = check_above(at, path, err);
    if (result == 0)
        result = check_directory(at, path, err);
    if (result == 0)
        *ret_fd = bj_fd_take(&at);
    return result;
}

int bj_state_make(const char *path, struct bj_error *err)
{
    int directory = -1, result = open_directory(path, &directory, err);

    bj_fd_close(&directory);
    return result;
}

bool bj_state_is(const char *path)
{
    static const char *const names[] = {LOCK_NAME, "keys.json"};
    BJ_CLEANUP_CLOSE int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (size_t i = 0; directory >= 0 && i < sizeof names / sizeof *names; i++) {
        if (faccessat(directory, names[i], F_OK, 0) == 0)
            return true;
    }
    return false;
}

int bj_state_open(const char *path, int64_t patience_us, int *ret_lock, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int directory = -1, file = -1;
    int result = open_directory(path, &directory, err);

    if (result < 0)
        return result;
    file = openat(directory, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return bj_fail_errno(err, "state", "cannot make the lock in %s", path);
    result = lock(file, path, patience_us, err);
    if (result < 0)
        return result;
    if (ftruncate(file, 0) < 0 || dprintf(file, "%d\n", getpid()) < 0)
        return bj_fail_errno(err, "state", "cannot write to the lock in %s", path);
    *ret_lock = bj_fd_take(&file);
    return 0;
}

/*
 * The lock file's lines: the supervisor's number, and the file of keys that the front goes by. The
 * second has the same length always, so that it is there whole or not at all.
 */
#define KEYS_LINE "keys %020llu %020lld.%09ld\n"

static void put_keys_line(char text[96], const struct stat *file)
{
    snprintf(text, 96, KEYS_LINE, (unsigned long long)file->st_ino, (long long)file->st_mtim.tv_sec,
             file->st_mtim.tv_nsec);
}

/* What a running service has in its lock. False: nobody holds it, so that it is no service's,
 * whatever the file says. */
static bool read_lock(int directory, char text[160])
{
    BJ_CLEANUP_CLOSE int file = openat(directory, LOCK_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return file >= 0 && flock(file, LOCK_SH | LOCK_NB) < 0 &&
           bj_read_small_file_at(directory, LOCK_NAME, text, 160) > 0;
}

void bj_state_signal(const char *path, int number)
{
    BJ_CLEANUP_CLOSE int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char text[160];
    int64_t pid;

    if (directory < 0 || !read_lock(directory, text))
        return;
    text[strcspn(text, "\n")] = '\0';
    if (bj_parse_int64(text, &pid) && pid > 1)
        kill((pid_t)pid, number);
}

void bj_state_note_keys(int lock, const struct stat *file)
{
    char first[32], line[96];

    /* Without the note, whoever waits for it says that it did not come. */
    put_keys_line(line, file);
    snprintf(first, sizeof first, "%d\n", getpid());
    (void)!pwrite(lock, line, strlen(line), (off_t)strlen(first));
}

int bj_state_wait_for_keys(const char *path, const char *file, int64_t patience_us,
                           struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int64_t end = bj_clock_us() + patience_us;
    char text[160], wanted[96];
    struct stat status;

    while (directory >= 0 && read_lock(directory, text)) {
        /* Somebody may have changed them again meanwhile. */
        if (fstatat(directory, file, &status, AT_SYMLINK_NOFOLLOW) < 0)
            return bj_fail_errno(err, "keys", "cannot look at %s/%s", path, file);
        put_keys_line(wanted, &status);
        if (strstr(text, wanted) != NULL)
            return 0;
        if (bj_clock_us() >= end)
            return bj_fail(err, BJ_E_BUSY, "keys",
                           "%s/%s is changed, but the service that runs has not taken it over "
                           "within %d s; see its log, or restart it",
                           path, file, (int)(patience_us / 1000000));
        usleep(KEYS_PAUSE_US);
    }
    return 0;
}
