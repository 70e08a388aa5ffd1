/*
 * Leaving behind what the host would later trust: set-id files, file capabilities, device nodes.
 * The driver walks the workspace from outside after each half.
 */
#include "attempt.h"

#include <dirent.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifdef SYS_creat
#define make_by_creat(path, mode) (int)syscall(SYS_creat, path, mode)
#define make_by_mknod(path, mode) (int)syscall(SYS_mknod, path, mode, 0)
#define make_by_open(path, mode)  (int)syscall(SYS_open, path, O_CREAT | O_WRONLY, mode)
#else /* younger architectures have the -at calls only */
#define make_by_creat(path, mode) creat(path, mode)
#define make_by_mknod(path, mode) mknod(path, mode, 0)
#define make_by_open(path, mode)  open(path, O_CREAT | O_WRONLY, mode)
#endif

enum way {
    CHMOD,
    FCHMOD,
    FCHMODAT,
    FCHMODAT2,
    FCHMODAT2_EMPTY,
    FCHMOD_HIGH,
    OPEN,
    OPEN_OLD,
    OPEN_HIGH,
    NAMELESS,
    CREAT,
    OPENAT2,
    MKNOD,
    MKNODAT,
    RENAMED,
};

/* A name below the directory that the driver looks at: the workspace, or a writable volume. */
static const char *target(const char *name)
{
    static char path[PATH_MAX];
    const char *directory = fact("writable_volume");
    snprintf(path, sizeof(path), "%s/%s", *directory ? directory : ".", name);
    return path;
}

static int by_openat2(const char *path, mode_t mode)
{
    struct open_how how = {.flags = O_CREAT | O_WRONLY | O_CLOEXEC, .mode = mode};
    return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

/* A file without a name gets its mode without O_CREAT, and its name later. */
static int by_nameless(const char *path, mode_t mode)
{
    char link[64];
    int fd = open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return fd < 0 ? -1 : linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

/* Makes the mode where nobody minds and moves the file to where it counts. */
static int by_rename(const char *path, mode_t mode)
{
    const char *first = fact("elsewhere");
    int fd = open(first, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0 || fchmod(fd, mode)) {
        return -1;
    }
    return rename(first, path);
}

static int apply(enum way way, const char *path, mode_t mode)
{
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0755);
    if (fd < 0) {
        return -1;
    }
    switch (way) {
    case CHMOD:
        return chmod(path, mode);
    case FCHMOD:
        return fchmod(fd, mode);
    case FCHMODAT:
        return fchmodat(AT_FDCWD, path, mode, 0);
    case FCHMOD_HIGH: /* the kernel reads 16 bits */
        return (int)syscall(SYS_fchmod, fd, mode | 1L << 16 | 1L << 40);
    case FCHMODAT2:
        return (int)syscall(SYS_fchmodat2, AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW);
    case FCHMODAT2_EMPTY:
        return (int)syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH);
    default:
        break;
    }
    if (unlink(path)) {
        return -1;
    }
    switch (way) {
    case OPEN:
        return open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);
    case OPEN_OLD:
        return make_by_open(path, mode);
    case OPEN_HIGH:
        return (int)syscall(SYS_openat, AT_FDCWD, path, (O_CREAT | O_WRONLY) | 1L << 40,
                            mode | 1L << 16);
    case NAMELESS:
        return by_nameless(path, mode);
    case CREAT:
        return make_by_creat(path, mode);
    case OPENAT2:
        return by_openat2(path, mode);
    case MKNOD:
        return make_by_mknod(path, S_IFREG | mode);
    case MKNODAT:
        return mknodat(AT_FDCWD, path, S_IFREG | mode, 0);
    case RENAMED:
        return by_rename(path, mode);
    default:
        errno = EINVAL;
        return -1;
    }
}

static enum outcome leave_set_id(const struct attempt *row)
{
    struct stat status;
    const char *path = target("left-behind");
    mode_t mode = (mode_t)(row->path ? strtol(row->path, NULL, 8) : 04755);
    umask(0);
    if (apply((enum way)row->number, path, mode) < 0) {
        return judged(row, false, row->name);
    }
    if (stat(path, &status)) {
        return broken("no file: %s", strerror(errno));
    }
    errno = 0;
    return judged(row, status.st_mode & (S_ISUID | S_ISGID), "a set-id file");
}

/* An unprivileged owner may set file capabilities in a user namespace of its own (version 3). */
static enum outcome leave_file_capability(const struct attempt *row)
{
    struct {
        uint32_t magic, permitted, inheritable, permitted_high, inheritable_high, root_id;
    } value = {0x02000001, 1 << 21, 0, 0, 0, 0};
    const char *path = target("left-behind");
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0755);
    if (fd < 0) {
        return broken("no file: %s", strerror(errno));
    }
    if (fsetxattr(fd, "security.capability", &value, 20, 0) == 0) {
        return done("a file with capabilities");
    }
    own_mounts(0);
    return judged(row, fsetxattr(fd, "security.capability", &value, 20, 0) == 0,
                  "a file with capabilities");
}

/* A file that not even its owner can remove; taken back at once where it worked. */
static enum outcome make_immutable(const struct attempt *row)
{
    int fd = open("left-behind", O_CREAT | O_RDWR | O_CLOEXEC, 0755), flags = 0;
    if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags)) {
        return judged(row, false, "FS_IOC_GETFLAGS");
    }
    int changed = flags | (int)row->number;
    bool made = ioctl(fd, FS_IOC_SETFLAGS, &changed) == 0;
    int error = errno;
    ioctl(fd, FS_IOC_SETFLAGS, &flags);
    errno = error;
    return judged(row, made, "FS_IOC_SETFLAGS");
}

static enum outcome make_device(const struct attempt *row)
{
    char path[PATH_MAX];
    const char *directory = row->path ? row->path : ".";
    snprintf(path, sizeof(path), "%s/%s", directory, marked("device"));
    mode_t type = row->number ? S_IFBLK : S_IFCHR;
    dev_t device = row->number ? makedev(7, 0) : makedev(1, 11);
    if (mknod(path, type | 0666, device)) {
        return judged(row, false, "mknod");
    }
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int error = errno;
    if (directory[0] != '.') {
        unlink(path);
    }
    errno = error;
    return judged(row, fd >= 0, "a device node made and opened");
}

static enum outcome open_device(const struct attempt *row)
{
    int fd = open(row->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT) {
        fd = open(row->path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    }
    return judged(row, fd >= 0, row->path);
}

static bool is_expected(const char *name)
{
    static const char *const expected[] = {"null",    "zero", "full", "random",
                                           "urandom", "tty",  "ptmx"};
    for (size_t i = 0; i < COUNT(expected); i++) {
        if (strcmp(name, expected[i]) == 0) {
            return true;
        }
    }
    return false;
}

static enum outcome find_strange_device(const struct attempt *row)
{
    DIR *directory = opendir("/dev");
    struct dirent *entry;
    struct stat status;
    while (directory && (entry = readdir(directory))) {
        if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) && !is_expected(entry->d_name)) {
            return done("/dev/%s", entry->d_name);
        }
    }
    (void)row;
    errno = 0;
    return refused("nothing but the usual nodes in /dev");
}

/* As root on the host this changes nothing: the node has that mode already. */
static enum outcome chmod_null(const struct attempt *row)
{
    return judged(row, chmod("/dev/null", 0666) == 0, "chmod /dev/null");
}

#define SET_ID(suffix, way, mode)                                                                  \
    {                                                                                              \
        "set-id-" suffix, 5, "leave a set-id file: " suffix, leave_set_id,                         \
            .number = way, .path = mode, .lacks = suffix, .scenario = "left-behind"                \
    }
#define DEVICE(name)                                                                               \
    {                                                                                              \
        "device-" name, 5, "open /dev/" name, open_device,                                         \
            .path = "/dev/" name, .flags = OUTSIDE_ROOT, .lacks = "/dev/" name                     \
    }

const struct attempt modes_attempts[] = {
    SET_ID("chmod", CHMOD, "4755"),
    SET_ID("chmod-group", CHMOD, "2755"),
    SET_ID("chmod-both", CHMOD, "6777"),
    SET_ID("fchmod", FCHMOD, "4755"),
    SET_ID("fchmodat", FCHMODAT, "4755"),
    SET_ID("fchmodat2", FCHMODAT2, "4755"),
    SET_ID("fchmodat2-empty", FCHMODAT2_EMPTY, "4755"),
    SET_ID("open", OPEN, "4755"),
    SET_ID("open-group", OPEN, "2755"),
    SET_ID("open-old", OPEN_OLD, "4755"),
    SET_ID("open-high", OPEN_HIGH, "4755"),
    SET_ID("fchmod-high", FCHMOD_HIGH, "4755"),
    SET_ID("nameless", NAMELESS, "4755"),
    SET_ID("creat", CREAT, "4755"),
    SET_ID("openat2", OPENAT2, "4755"),
    SET_ID("mknod", MKNOD, "4755"),
    SET_ID("mknodat", MKNODAT, "4755"),
    SET_ID("rename", RENAMED, "4755"),
    {"set-id-volume", 5, "leave a set-id file in a writable volume", leave_set_id, .number = FCHMOD,
     .path = "4755", .scenario = "writable-volume"},
    {"file-capability", 5, "leave a file with capabilities", leave_file_capability,
     .scenario = "left-behind"},
    {"immutable", 5, "leave a file that nobody can change", make_immutable,
     .number = FS_IMMUTABLE_FL, .flags = OUTSIDE_ROOT},
    {"append-only", 5, "leave a file that nobody can remove", make_immutable,
     .number = FS_APPEND_FL, .flags = OUTSIDE_ROOT},
    {"mknod-character", 5, "make a device node (the kernel log) in the workspace", make_device,
     .flags = OUTSIDE_ROOT},
    {"mknod-block", 5, "make a block device node in the workspace", make_device, .number = 1,
     .flags = OUTSIDE_ROOT},
    {"mknod-dev", 5, "make a device node in /dev", make_device, .path = "/dev",
     .flags = OUTSIDE_ROOT},
    {"device-any", 5, "find a device beyond the harmless ones", find_strange_device},
    {"device-null-chmod", 5, "change the mode of /dev/null", chmod_null, .flags = OUTSIDE_ROOT},
    DEVICE("kmsg"),
    DEVICE("kvm"),
    DEVICE("fuse"),
    DEVICE("mem"),
    DEVICE("loop0"),
    DEVICE("loop-control"),
    DEVICE("console"),
    DEVICE("tty0"),
    DEVICE("tty1"),
    DEVICE("ttyS0"),
    DEVICE("vcs"),
    DEVICE("vsock"),
    DEVICE("net/tun"),
    DEVICE("btrfs-control"),
    DEVICE("hwrng"),
    DEVICE("rtc0"),
    DEVICE("userfaultfd"),
    {0},
};
