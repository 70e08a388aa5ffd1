/*
 * The operations of a layout that place something at a path of the new root, be it in the sandbox's
 * own tmpfs or in a directory of the host's that the caller bound writable.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/str.h"
#include "init/init_internal.h"
#include "linux/mount.h"

/* Directories made on the way are as closed to others as what they are made for. */
static mode_t parents_mode(uint64_t mode)
{
    mode_t parents = 0755;

    if ((mode & 070) == 0)
        parents &= ~(mode_t)050;
    if ((mode & 07) == 0)
        parents &= ~(mode_t)05;
    return parents;
}

/* Opens the directory that the target lies in, made first if need be; *ret_name: the target in it.
 */
static int open_parent(struct bj_init *init, const struct bj_op *op, const char **ret_name,
                       struct bj_error *err)
{
    const char *target = bj_plan_text(init->plan, op->target), *name = strrchr(target, '/') + 1;
    struct bj_new new = {.anywhere = true, .directory = true, .mode = parents_mode(op->number)};
    char path[BJ_PATH_MAX];
    int fd, result;

    if (*name == '\0' || !bj_str_copy(path, sizeof path, target))
        return bj_fail(err, BJ_E_INVALID, "mount", "%s is no place for this", target);
    path[name - target] = '\0';
    new.parents = new.mode;
    if (name - target > 1) {
        path[name - target - 1] = '\0';
        result = bj_init_make_place(init, path, &new, err);
        if (result < 0)
            return result;
    }
    fd = bj_mount_resolve(init->root_fd, path, O_DIRECTORY);
    if (fd < 0)
        return bj_fail_errno(err, "mount", "cannot reach %s", path);
    *ret_name = name;
    return fd;
}

static int place_dir(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *target = bj_plan_text(init->plan, op->target);
    struct bj_new new = {
        .anywhere = true,
        .directory = true,
        .mode = (mode_t)op->number,
        .parents = parents_mode(op->number),
    };

    return bj_init_make_place(init, target, &new, err);
}

static int place_link(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *text = bj_plan_text(init->plan, op->text), *name;
    char there[BJ_PATH_MAX];
    int result = open_parent(init, op, &name, err);
    BJ_CLEANUP_CLOSE int parent_fd = result;
    ssize_t length;

    if (result < 0)
        return result;
    if (BJ_SYS(symlinkat(text, parent_fd, name)) == 0)
        return 0;
    if (errno == EEXIST) {
        length = readlinkat(parent_fd, name, there, sizeof there - 1);
        if (length >= 0) {
            there[length] = '\0';
            if (bj_streq(there, text))
                return 0;
        }
        errno = EEXIST;
    }
    return bj_fail_errno(err, "mount", "cannot make the link %s",
                         bj_plan_text(init->plan, op->target));
}

static int copy(int from_fd, int to_fd, const char *what, struct bj_error *err)
{
    static char chunk[32 << 10];
    ssize_t n;

    while ((n = BJ_SYS(read(from_fd, chunk, sizeof chunk))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return bj_fail_errno(err, "mount", "cannot read the content of %s", what);
        if (BJ_SYS(bj_fd_write_all(to_fd, chunk, (size_t)n)) < 0)
            return bj_fail_errno(err, "mount", "cannot write %s", what);
    }
    return 0;
}

static int place_file(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *target = bj_plan_text(init->plan, op->target), *name;
    int result = open_parent(init, op, &name, err);
    BJ_CLEANUP_CLOSE int parent_fd = result, fd = -1;

    if (result < 0)
        return result;
    fd = BJ_SYS(openat(parent_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                       (mode_t)op->number));
    if (fd < 0)
        return bj_fail_errno(err, "mount", "cannot make the file %s", target);
    return copy(init->slots[op->slot], fd, target, err);
}

/* The content goes to a file of the scratch, which is then bound to its place. */
static int place_data(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *target = bj_plan_text(init->plan, op->target);
    BJ_CLEANUP_CLOSE int fd = -1, tree_fd = -1;
    char name[32];
    int result;

    snprintf(name, sizeof name, "data-%u", op->slot);
    fd = BJ_SYS(openat(init->scratch_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                       (mode_t)op->number));
    if (fd < 0)
        return bj_fail_errno(err, "mount", "cannot make a file for %s", target);
    result = copy(init->slots[op->slot], fd, target, err);
    if (result < 0)
        return result;
    bj_fd_close(&fd);
    tree_fd = bj_mount_clone_tree(init->scratch_fd, name, false);
    if (tree_fd < 0 ||
        bj_mount_set_attributes(tree_fd, bj_init_mount_attributes(op->flags), false, -1) < 0)
        return bj_fail_errno(err, "mount", "cannot bind the content of %s", target);
    return bj_init_attach(init, op, tree_fd, false, err);
}

static int place_mode(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *target = bj_plan_text(init->plan, op->target);
    BJ_CLEANUP_CLOSE int fd = bj_mount_resolve(init->root_fd, target, 0);
    char path[32];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd < 0 || BJ_SYS(chmod(path, (mode_t)op->number)) < 0)
        return bj_fail_errno(err, "mount", "cannot change the mode of %s", target);
    return 0;
}

static int place_tmpfs(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    struct bj_mount_option options[8];
    BJ_CLEANUP_CLOSE int tree_fd = -1;
    char text[128];

    snprintf(text, sizeof text, "%s", bj_plan_text(init->plan, op->text));
    bj_mount_split_options(text, options, 8);
    tree_fd = bj_mount_new("tmpfs", "tmpfs", options, bj_init_mount_attributes(op->flags));
    if (tree_fd < 0)
        return bj_fail_errno(err, "mount", "cannot make a tmpfs for %s",
                             bj_plan_text(init->plan, op->target));
    return bj_init_attach(init, op, tree_fd, true, err);
}

static int place_mqueue(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int tree_fd = bj_mount_new(
        "mqueue", "mqueue", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);

    if (tree_fd < 0)
        return bj_fail_errno(err, "mount", "cannot mount message queues");
    return bj_init_attach(init, op, tree_fd, true, err);
}

bj_init_operation bj_init_place_operation(enum bj_op_kind kind)
{
    static const bj_init_operation operations[BJ_OP_COUNT] = {
        [BJ_OP_TMPFS] = place_tmpfs,     [BJ_OP_MQUEUE] = place_mqueue,
        [BJ_OP_PLACE_DIR] = place_dir,   [BJ_OP_PLACE_FILE] = place_file,
        [BJ_OP_PLACE_DATA] = place_data, [BJ_OP_PLACE_LINK] = place_link,
        [BJ_OP_PLACE_MODE] = place_mode,
    };

    return operations[kind];
}
