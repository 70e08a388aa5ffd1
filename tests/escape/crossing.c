/*
 * Trees that everybody reads: a lock or a watch on such a file is a wire between tenants, and
 * between a tenant and the host. The driver stands at the other end of the wire.
 */
#include "attempt.h"

#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <time.h>

static const char *shared_file(void)
{
    return fact("shared");
}

static void wait_milliseconds(long milliseconds)
{
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000}, NULL);
}

static void tell_driver(void)
{
    ssize_t taken = write(STDOUT_FILENO, "ready\n", 6);
    (void)taken;
}

/* Holds a lock while the driver, or a second sandbox, tries for it. */
static enum outcome hold_lock(const struct attempt *row)
{
    struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 10};
    int fd = open(shared_file(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return broken("cannot open %s: %s", shared_file(), strerror(errno));
    }
    int result = row->number == 0   ? flock(fd, LOCK_EX | LOCK_NB)
                 : row->number == 1 ? fcntl(fd, F_SETLK, &range)
                                    : fcntl(fd, F_OFD_SETLK, &range);
    if (result) {
        return refused("lock");
    }
    tell_driver();
    wait_milliseconds(300);
    errno = 0;
    return done("held a lock; whether it crossed is for the driver to say");
}

/* The driver holds the lock; whoever notices has received a bit. */
static enum outcome notice_lock(const struct attempt *row)
{
    int fd = open(shared_file(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return broken("cannot open %s: %s", shared_file(), strerror(errno));
    }
    (void)row;
    if (flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK) {
        return done("the host's lock is felt");
    }
    errno = 0;
    return refused("the host's lock is not felt");
}

/* The driver, or a second sandbox, opens the file a few times. */
static enum outcome notice_opening(const struct attempt *row)
{
    int watch = inotify_init1(IN_CLOEXEC);
    if (watch < 0 || inotify_add_watch(watch, shared_file(), IN_OPEN | IN_ACCESS) < 0) {
        return refused("inotify");
    }
    tell_driver();
    struct pollfd wait = {.fd = watch, .events = POLLIN};
    (void)row;
    if (poll(&wait, 1, 400) == 1) {
        return done("an opening elsewhere is seen");
    }
    errno = 0;
    return refused("no opening elsewhere is seen");
}

#define CROSSING(name, text, run, n, kind)                                                         \
    {"usr-" name, 5, text " on a system file", run, .number = n, .scenario = kind ":system"},      \
    {                                                                                              \
        "volume-" name, 5, text " on a file of a read-only volume", run,                           \
            .number = n, .scenario = kind ":volume"                                                \
    }

const struct attempt crossing_attempts[] = {
    CROSSING("lock", "hold a lock", hold_lock, 0, "hold-lock"),
    CROSSING("record-lock", "hold a record lock", hold_lock, 1, "hold-lock"),
    CROSSING("file-lock", "hold an open-file lock", hold_lock, 2, "hold-lock"),
    CROSSING("lock-felt", "feel the host's lock", notice_lock, 0, "notice-lock"),
    CROSSING("watch", "see the host's openings", notice_opening, 0, "notice-opening"),
    CROSSING("watch-tenant", "see another sandbox's openings", notice_opening, 0, "tenant-opens"),
    CROSSING("lock-tenant", "have a lock felt in another sandbox", hold_lock, 0, "tenant-locks"),
    {0},
};
