/*
 * Landlock. The constants come from the ABI's documentation rather than from the build machine's
 * headers, which may be older than the kernel that the program runs on.
 */
#include "linux/landlock.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/fd.h"
#include "linux/syscalls.h"

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1

enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_CHAR = 1 << 6,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_MAKE_FIFO = 1 << 10,
    FS_MAKE_BLOCK = 1 << 11,
    FS_MAKE_SYM = 1 << 12,
    FS_REFER = 1 << 13,     /* ABI 2 */
    FS_TRUNCATE = 1 << 14,  /* ABI 3 */
    FS_IOCTL_DEV = 1 << 15, /* ABI 5 */
};

#define NET_TCP   (3u) /* bind and connect, ABI 4 */
#define SCOPE_ALL (3u) /* abstract Unix sockets and signals, ABI 6 */

#define FILE_ACCESSES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset_attr {
    uint64_t handled_fs, handled_net, scoped;
};

struct path_beneath_attr {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

static uint64_t handled_by(int abi)
{
    uint64_t all = FS_MAKE_SYM * 2 - 1;

    if (abi >= 2)
        all |= FS_REFER;
    if (abi >= 3)
        all |= FS_TRUNCATE;
    if (abi >= 5)
        all |= FS_IOCTL_DEV;
    return all;
}

int bj_landlock_abi(void)
{
    long abi = syscall(BJ_SYS_LANDLOCK_CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);

    return abi > 0 ? (int)abi : 0;
}

int bj_landlock_new(int abi, bool no_tcp)
{
    struct ruleset_attr attr = {.handled_fs = handled_by(abi)};
    size_t size = offsetof(struct ruleset_attr, handled_net);

    if (abi >= 4) {
        size = offsetof(struct ruleset_attr, scoped);
        attr.handled_net = no_tcp ? NET_TCP : 0;
    }
    if (abi >= 6) {
        size = sizeof attr;
        attr.scoped = SCOPE_ALL;
    }
    return (int)BJ_SYS(syscall(BJ_SYS_LANDLOCK_CREATE_RULESET, &attr, size, 0));
}

int bj_landlock_allow(int ruleset_fd, int abi, int path_fd, enum bj_grant access, bool execute)
{
    struct path_beneath_attr attr = {.parent_fd = path_fd};
    struct stat status;

    if (BJ_SYS(fstat(path_fd, &status)) < 0)
        return -1;
    switch (access) {
    case BJ_GRANT_READ:
        attr.allowed = FS_EXECUTE | FS_READ_FILE | FS_READ_DIR;
        break;
    case BJ_GRANT_WRITE:
        attr.allowed = handled_by(abi) & ~(uint64_t)(FS_MAKE_CHAR | FS_MAKE_BLOCK | FS_IOCTL_DEV);
        break;
    case BJ_GRANT_DEVICE:
        attr.allowed = FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV;
        break;
    }
    attr.allowed &= handled_by(abi);
    if (!execute)
        attr.allowed &= ~(uint64_t)FS_EXECUTE;
    if (!S_ISDIR(status.st_mode))
        attr.allowed &= FILE_ACCESSES;
    return (int)BJ_SYS(syscall(BJ_SYS_LANDLOCK_ADD_RULE, ruleset_fd, RULE_PATH_BENEATH, &attr, 0));
}

int bj_landlock_enforce(int ruleset_fd)
{
    return (int)BJ_SYS(syscall(BJ_SYS_LANDLOCK_RESTRICT_SELF, ruleset_fd, 0));
}

int bj_landlock_scope(void)
{
    struct ruleset_attr attr = {.scoped = SCOPE_ALL};
    BJ_CLEANUP_CLOSE int fd = -1;

    if (bj_landlock_abi() < 6)
        return 0;
    fd = (int)BJ_SYS(syscall(BJ_SYS_LANDLOCK_CREATE_RULESET, &attr, sizeof attr, 0));
    return fd < 0 ? -1 : bj_landlock_enforce(fd);
}
