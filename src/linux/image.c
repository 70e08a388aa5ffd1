/* File systems in files. */
#include "linux/image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/str.h"
#include "linux/mount.h"

#define BLOCK      4096
#define LOOP_US    3000000 /* for as long as others take the free device first */
#define LOOP_PAUSE 500     /* microseconds, at least, before the next is tried */
#define DYING_MS   100

static const char *const makers[] = {"/usr/sbin/mke2fs", "/sbin/mke2fs", "/usr/bin/mke2fs", NULL};

/* ---- the template ---- */

/*
 * Without a journal, since nothing in it outlives a crash; without room for growth; and with its
 * tables left to be filled in when they are used, so that the file stays sparse.
 */
static int run_mke2fs(const char *path, int fd, int64_t inodes, pid_t *ret_pid,
                      struct bj_error *err)
{
    char count[32], *const env[] = {NULL};
    const char *const argv[] = {"mke2fs",
                                "-q",
                                "-F",
                                "-t",
                                "ext4",
                                "-b",
                                "4096",
                                "-m",
                                "0",
                                "-N",
                                count,
                                "-O",
                                "^has_journal,^resize_inode,^metadata_csum,uninit_bg",
                                "-E",
                                "lazy_itable_init=1,nodiscard,root_owner=0:0",
                                "/proc/self/fd/3",
                                NULL};
    posix_spawn_file_actions_t actions;
    int failed;

    snprintf(count, sizeof count, "%lld", (long long)inodes);
    posix_spawn_file_actions_init(&actions);
    failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(&actions, 0, 1);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(&actions, 0, 2);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(&actions, fd, 3);
    if (failed == 0)
        failed = posix_spawn(ret_pid, path, &actions, NULL, (char *const *)argv, env);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        errno = failed;
        return bj_fail_errno(err, "mke2fs", "cannot run %s", path);
    }
    return 0;
}

int bj_image_format_begin(int64_t bytes, int64_t inodes, struct bj_image_maker *ret,
                          struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int low = BJ_SYS(memfd_create("belljar-image", MFD_CLOEXEC)), fd = -1;
    const char *path = NULL;
    pid_t pid = 0;
    int result;

    for (size_t i = 0; makers[i] != NULL && path == NULL; i++)
        path = access(makers[i], X_OK) == 0 ? makers[i] : NULL;
    if (path == NULL)
        return bj_fail(err, BJ_E_UNSUPPORTED, "mke2fs", "there is no mke2fs; install e2fsprogs");
    /* Above 3, which it becomes in mke2fs: a descriptor duplicated onto itself stays
     * close-on-exec. */
    fd = low >= 0 ? fcntl(low, F_DUPFD_CLOEXEC, 10) : -1;
    if (fd < 0 || BJ_SYS(ftruncate(fd, bytes)) < 0)
        return bj_fail_errno(err, "image", "cannot make a file of %lld bytes", (long long)bytes);
    result = run_mke2fs(path, fd, inodes, &pid, err);
    if (result < 0)
        return result;
    *ret = (struct bj_image_maker){.pid = pid, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
    if (ret->pidfd < 0) {
        result = bj_fail_errno(err, "mke2fs", "cannot watch mke2fs");
        ret->fd = -1;
        bj_image_format_end(ret, &ret->fd, NULL);
        return result;
    }
    ret->fd = bj_fd_take(&fd);
    return 0;
}

int bj_image_format_end(struct bj_image_maker *maker, int *ret_fd, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = bj_fd_take(&maker->fd);
    int status = 0;
    pid_t pid = waitpid(maker->pid, &status, WNOHANG);

    if (pid == 0) { /* one that the kernel does not let go of is not waited for for long */
        struct pollfd watched = {.fd = maker->pidfd, .events = POLLIN};

        kill(maker->pid, SIGKILL);
        poll(&watched, 1, DYING_MS);
        waitpid(maker->pid, NULL, WNOHANG);
    }
    bj_fd_close(&maker->pidfd);
    maker->pid = 0;
    if (pid == 0)
        return bj_fail(err, BJ_E_TIMEOUT, "mke2fs", "mke2fs has not ended in time");
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return bj_fail(err, BJ_E_SYSTEM, "mke2fs", "mke2fs has failed (status %d)", status);
    *ret_fd = bj_fd_take(&fd);
    return 0;
}

int bj_image_format(int64_t bytes, int64_t inodes, int *ret_fd, struct bj_error *err)
{
    int64_t until = bj_clock_us() + BJ_IMAGE_FORMAT_US;
    struct pollfd watched = {.events = POLLIN};
    struct bj_image_maker maker;
    int result = bj_image_format_begin(bytes, inodes, &maker, err);

    if (result < 0)
        return result;
    watched.fd = maker.pidfd;
    for (int64_t left = BJ_IMAGE_FORMAT_US; left > 0; left = until - bj_clock_us()) {
        if (poll(&watched, 1, (int)(left / 1000) + 1) > 0)
            break;
    }
    return bj_image_format_end(&maker, ret_fd, err);
}

/* ---- a copy of it ---- */

int bj_image_check_room(int directory_fd, struct bj_error *err)
{
    struct statfs status;
    int64_t keep, left;

    if (BJ_SYS(fstatfs(directory_fd, &status)) < 0)
        return bj_fail_errno(err, "image", "cannot look at the disk of workspaces");
    keep = (int64_t)status.f_blocks / 20 * status.f_bsize;
    left = (int64_t)status.f_bavail * status.f_bsize;
    if (keep > BJ_IMAGE_KEEP_FREE)
        keep = BJ_IMAGE_KEEP_FREE;
    if (left >= keep)
        return 0;
    return bj_fail(err, BJ_E_FULL, "image",
                   "the disk that workspaces lie on has %lld MiB left, and %lld are kept free; "
                   "end sandboxes, or make room on it",
                   (long long)(left >> 20), (long long)(keep >> 20));
}

static int copy_range(int from, int to, off_t at, off_t end)
{
    char block[64 << 10];

    while (at < end) {
        size_t wanted = end - at < (off_t)sizeof block ? (size_t)(end - at) : sizeof block;
        ssize_t length = pread(from, block, wanted, at);

        if (length <= 0)
            return -1;
        if (BJ_SYS(pwrite(to, block, (size_t)length, at)) != length)
            return -1;
        at += length;
    }
    return 0;
}

/* An unnamed file with what the template has, and holes where it has none. */
static int copy_template(int directory_fd, int template_fd)
{
    BJ_CLEANUP_CLOSE int fd =
        BJ_SYS(openat(directory_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
    struct stat status;

    if (fd < 0 || fstat(template_fd, &status) < 0 || BJ_SYS(ftruncate(fd, status.st_size)) < 0)
        return -1;
    for (off_t at = 0; at < status.st_size;) {
        off_t data = lseek(template_fd, at, SEEK_DATA), end;

        if (data < 0 && errno == ENXIO)
            break;
        end = data < 0 ? -1 : lseek(template_fd, data, SEEK_HOLE);
        if (end < 0 || copy_range(template_fd, fd, data, end) < 0)
            return -1;
        at = end;
    }
    return bj_fd_take(&fd);
}

/* Not for as long as those who failed at the same time. */
static void pause_a_little(int tries)
{
    uint64_t spread = (uint64_t)(tries < 8 ? tries + 1 : 8) * LOOP_PAUSE;
    uint64_t random = 0;

    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = (uint64_t)getpid();
    usleep((useconds_t)(LOOP_PAUSE + random % spread));
}

/* -1 with errno; EBUSY: somebody else was quicker. */
static int attach_free(int control_fd, const struct loop_config *config, char *ret_path,
                       size_t size)
{
    int number = BJ_SYS(ioctl(control_fd, LOOP_CTL_GET_FREE));
    BJ_CLEANUP_CLOSE int fd = -1;

    if (number < 0)
        return -1;
    snprintf(ret_path, size, "/dev/loop%d", number);
    fd = BJ_SYS(open(ret_path, O_RDWR | O_CLOEXEC));
    if (fd < 0 || BJ_SYS(ioctl(fd, LOOP_CONFIGURE, config)) < 0)
        return -1;
    return bj_fd_take(&fd);
}

/*
 * A loop device for the file, which lets go of it when nobody uses the device any more. To find a
 * free one and to take it are two calls, and many do so at once.
 */
static int attach_loop(int file_fd, char *ret_path, size_t size)
{
    BJ_CLEANUP_CLOSE int control_fd = BJ_SYS(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    struct loop_config config = {
        .fd = (uint32_t)file_fd,
        .block_size = BLOCK,
        .info = {.lo_flags = LO_FLAGS_AUTOCLEAR},
    };
    int64_t until = bj_clock_us() + LOOP_US;
    int fd = -1;

    if (control_fd < 0)
        return -1;
    for (int tries = 0;; tries++) {
        fd = attach_free(control_fd, &config, ret_path, size);
        if (fd >= 0 || errno != EBUSY || bj_clock_us() >= until)
            return fd;
        pause_a_little(tries);
    }
}

static int failed_at(const char *what, struct bj_error *err)
{
    int code = errno;
    int result = bj_fail_errno(err, "image", "cannot %s", what);

    if ((code == ENOSPC || code == EDQUOT) && err != NULL)
        err->code = BJ_E_FULL;
    return code == ENOSPC || code == EDQUOT ? -BJ_E_FULL : result;
}

/* No barriers, and no direct access to the file's disk: what is in it goes with its sandbox, so
 * nothing need ever reach the disk. With them making and ending one took twice as long. No cache of
 * equal attributes: its table is 8 KiB of the kernel's memory. */
int bj_image_mount(int directory_fd, int template_fd, int *ret_fd, struct bj_error *err)
{
    static const struct bj_mount_option options[] = {
        {"noinit_itable", NULL}, {"nobarrier", NULL}, {"no_mbcache", NULL}, {NULL, NULL}};
    BJ_CLEANUP_CLOSE int file_fd = copy_template(directory_fd, template_fd);
    BJ_CLEANUP_CLOSE int loop_fd = -1, mount_fd = -1;
    char path[32];

    if (file_fd < 0)
        return failed_at("make the file of a workspace", err);
    loop_fd = attach_loop(file_fd, path, sizeof path);
    if (loop_fd < 0 && errno == EBUSY)
        return bj_fail(err, BJ_E_BUSY, "image",
                       "too many take a loop device at this moment; try again");
    if (loop_fd < 0)
        return failed_at("use a loop device", err);
    mount_fd = bj_mount_new("ext4", path, options, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
    if (mount_fd < 0)
        return failed_at("mount the file system of a workspace", err);
    unlinkat(mount_fd, "lost+found", AT_REMOVEDIR);
    *ret_fd = bj_fd_take(&mount_fd);
    return 0;
}
