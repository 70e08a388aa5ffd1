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

int bj_state_path(char **ret_path, struct bj_error *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct bj_buf path;

    bj_buf_init(&path, BJ_PATH_MAX);
    if (geteuid() == 0)
        bj_buf_puts(&path, "/var/lib/belljar/serve");
    else if (state != NULL && state[0] == '/')
        bj_buf_printf(&path, "%s/belljar/serve", state);
    else if (home != NULL && home[0] == '/')
        bj_buf_printf(&path, "%s/.local/state/belljar/serve", home);
    else
        return bj_fail(err, BJ_E_INVALID, "state",
                       "neither XDG_STATE_HOME nor HOME says where to keep the service's files; "
                       "name a directory with --state DIR");
    if (path.failed) {
        bj_buf_release(&path);
        return bj_fail(err, BJ_E_NO_MEMORY, "state", "the path of the state directory is too long");
    }
    *ret_path = path.data;
    return 0;
}

/* Every directory above it that is not there; the first, /, is. */
static int make_parents(char *path, struct bj_error *err)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        int result;

        *slash = '\0';
        result = mkdir(path, 0755);
        if (result < 0 && errno != EEXIST)
            bj_fail_errno(err, "state", "cannot make the directory %s", path);
        *slash = '/';
        if (result < 0 && errno != EEXIST)
            return -BJ_E_SYSTEM;
    }
    return 0;
}

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
    if ((status.st_mode & 0077) != 0 && fchmod(fd, 0700) < 0)
        return bj_fail_errno(err, "state", "cannot keep others out of %s", path);
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

/* Opens the directory, made if it is not there. */
static int open_directory(const char *path, int *ret_fd, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *copy = bj_strdup(path);
    BJ_CLEANUP_CLOSE int directory = -1;
    int result;

    if (copy == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "state", "out of memory");
    result = make_parents(copy, err);
    if (result < 0)
        return result;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return bj_fail_errno(err, "state", "cannot make the directory %s", path);
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return bj_fail_errno(err, "state", "cannot open the directory %s", path);
    result = check_directory(directory, path, err);
    if (result == 0)
        *ret_fd = bj_fd_take(&directory);
    return result;
}

int bj_state_make(const char *path, struct bj_error *err)
{
    int directory = -1, result = open_directory(path, &directory, err);

    bj_fd_close(&directory);
    return result;
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

void bj_state_signal(const char *path, int number)
{
    BJ_CLEANUP_CLOSE int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), file = -1;
    char text[32];
    int64_t pid;

    if (directory < 0)
        return;
    file = openat(directory, LOCK_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    /* Nobody's lock is no service's, whatever the file says. */
    if (file < 0 || flock(file, LOCK_SH | LOCK_NB) == 0 ||
        bj_read_small_file_at(directory, LOCK_NAME, text, sizeof text) <= 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    if (bj_parse_int64(text, &pid) && pid > 1)
        kill((pid_t)pid, number);
}
