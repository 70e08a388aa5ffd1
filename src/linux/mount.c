/* Mounts by descriptor. */
#include "linux/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "linux/syscalls.h"

#define MNT_DETACH 2 /* umount2(2); its header and <linux/mount.h> do not go together */
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

int bj_mount_make_private(void)
{
    return BJ_SYS((int)syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

int bj_mount_clone_tree(int dir_fd, const char *path, bool recursive)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;

    if (recursive)
        flags |= AT_RECURSIVE;
    if (path[0] == '\0')
        flags |= AT_EMPTY_PATH;
    return BJ_SYS(bj_sys_open_tree(dir_fd, path, flags));
}

int bj_mount_set_attributes(int tree_fd, uint64_t attributes, bool recursive, int userns_fd)
{
    struct mount_attr attr = {.attr_set = attributes};

    if (userns_fd >= 0) {
        attr.attr_set |= MOUNT_ATTR_IDMAP;
        attr.userns_fd = (uint64_t)userns_fd;
    }
    if (attr.attr_set == 0)
        return 0;
    return (int)BJ_SYS(syscall(BJ_SYS_MOUNT_SETATTR, tree_fd, "",
                               AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof attr));
}

int bj_mount_allow_execution(int tree_fd)
{
    struct mount_attr attr = {.attr_clr = MOUNT_ATTR_NOEXEC};

    return (int)BJ_SYS(
        syscall(BJ_SYS_MOUNT_SETATTR, tree_fd, "", AT_EMPTY_PATH, &attr, sizeof attr));
}

int bj_mount_attach(int tree_fd, int target_fd)
{
    return BJ_SYS(bj_sys_move_mount(tree_fd, "", target_fd, "",
                                    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

int bj_mount_new(const char *type, const char *source, const struct bj_mount_option *options,
                 uint64_t attributes)
{
    BJ_CLEANUP_CLOSE int fs_fd = BJ_SYS(bj_sys_fsopen(type, FSOPEN_CLOEXEC));

    if (fs_fd < 0)
        return -1;
    if (source != NULL &&
        BJ_SYS(bj_sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", source, 0)) < 0)
        return -1;
    for (; options != NULL && options->key != NULL; options++) {
        unsigned command = options->value != NULL ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

        if (BJ_SYS(bj_sys_fsconfig(fs_fd, command, options->key, options->value, 0)) < 0)
            return -1;
    }
    if (BJ_SYS(bj_sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) < 0)
        return -1;
    return BJ_SYS(bj_sys_fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)attributes));
}

void bj_mount_split_options(char *text, struct bj_mount_option *ret, size_t capacity)
{
    size_t count = 0;

    while (*text != '\0' && count + 1 < capacity) {
        char *comma = strchr(text, ','), *equals;

        if (comma != NULL)
            *comma = '\0';
        equals = strchr(text, '=');
        if (equals != NULL)
            *equals = '\0';
        ret[count].key = text;
        ret[count++].value = equals != NULL ? equals + 1 : NULL;
        if (comma == NULL)
            break;
        text = comma + 1;
    }
    ret[count] = (struct bj_mount_option){0};
}

static int resolve(int root_fd, const char *path, int flags, uint64_t how_to)
{
    struct open_how how = {
        .flags = (uint64_t)(O_PATH | O_CLOEXEC | flags),
        .resolve = RESOLVE_IN_ROOT | how_to,
    };

    while (*path == '/')
        path++;
    return (int)BJ_SYS(
        syscall(BJ_SYS_OPENAT2, root_fd, *path != '\0' ? path : ".", &how, sizeof how));
}

int bj_mount_resolve(int root_fd, const char *path, int flags)
{
    return resolve(root_fd, path, flags, RESOLVE_NO_MAGICLINKS);
}

int bj_mount_resolve_plain(int root_fd, const char *path)
{
    return resolve(root_fd, path, 0, RESOLVE_NO_SYMLINKS);
}

int bj_mount_pivot(int root_fd)
{
    if (BJ_SYS(fchdir(root_fd)) < 0 || BJ_SYS((int)syscall(SYS_pivot_root, ".", ".")) < 0 ||
        BJ_SYS((int)syscall(SYS_umount2, ".", MNT_DETACH)) < 0)
        return -1;
    return BJ_SYS(chdir("/"));
}
