/*
 * Where only listed programs run, everything is mounted noexec; what may run, or be mapped by what
 * runs, is bound onto itself without that flag. Directories of programs are covered by ones that
 * show the listed names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "init/init_internal.h"
#include "linux/mount.h"

bool bj_init_next_line(const char **list, char ret_line[BJ_PATH_MAX])
{
    size_t length = strcspn(*list, "\n");

    if (**list == '\0' || length >= BJ_PATH_MAX)
        return false;
    memcpy(ret_line, *list, length);
    ret_line[length] = '\0';
    *list += length + ((*list)[length] == '\n');
    return true;
}

/* Binds what `from_fd` is onto `onto_fd`, executable. */
static int bind_executable(int from_fd, int onto_fd, uint32_t flags, const char *name,
                           struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int tree_fd = bj_mount_clone_tree(from_fd, "", false);

    if (tree_fd < 0 ||
        bj_mount_set_attributes(tree_fd, bj_init_mount_attributes(flags), false, -1) < 0)
        return bj_fail_errno(err, "programs", "cannot bind %s", name);
    if (bj_mount_allow_execution(tree_fd) < 0)
        return bj_fail_errno(err, "programs", "cannot let %s be executed%s", name,
                             errno == EPERM ? ": its file system is mounted noexec" : "");
    if (bj_mount_attach(tree_fd, onto_fd) < 0)
        return bj_fail_errno(err, "programs", "cannot bind %s", name);
    return 0;
}

int bj_init_let_execute(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *list = bj_plan_text(init->plan, op->text);
    char path[BJ_PATH_MAX];
    int result = 0;

    while (result == 0 && bj_init_next_line(&list, path)) {
        BJ_CLEANUP_CLOSE int fd = bj_mount_resolve_plain(init->root_fd, path);

        if (fd < 0)
            return bj_fail_errno(err, "programs", "cannot open %s", path);
        result = bind_executable(fd, fd, op->flags, path, err);
    }
    return result;
}

/* A covered directory: what it was, and what is shown instead. */
struct cover {
    int old_fd, new_fd;
};

/* What a name in the new directory is made of: the same link, or an empty file to bind to. */
static int make_entry(const struct cover *cover, const char *name, struct bj_error *err)
{
    char target[BJ_PATH_MAX];
    BJ_CLEANUP_CLOSE int fd = -1;
    ssize_t length = readlinkat(cover->old_fd, name, target, sizeof target - 1);

    if (length > 0) {
        target[length] = '\0';
        if (BJ_SYS(symlinkat(target, cover->new_fd, name)) < 0)
            return bj_fail_errno(err, "programs", "cannot make the link %s", name);
        return 0;
    }
    fd = BJ_SYS(openat(cover->new_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755));
    if (fd < 0)
        return bj_fail_errno(err, "programs", "cannot make the mount point %s", name);
    return 0;
}

/* Puts the new directory over the old one. */
static int put_over(struct bj_init *init, const struct bj_op *op, const struct cover *cover,
                    struct bj_error *err)
{
    const char *target = bj_plan_text(init->plan, op->target);
    BJ_CLEANUP_CLOSE int tree_fd = bj_mount_clone_tree(cover->new_fd, "", false);

    if (tree_fd < 0 ||
        bj_mount_set_attributes(tree_fd, bj_init_mount_attributes(op->flags | BJ_FLAG_NO_EXEC),
                                false, -1) < 0 ||
        bj_mount_attach(tree_fd, cover->old_fd) < 0)
        return bj_fail_errno(err, "programs", "cannot cover %s", target);
    return 0;
}

static int bind_entry(struct bj_init *init, const struct bj_op *op, const struct cover *cover,
                      const char *name, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int from_fd =
        BJ_SYS(openat(cover->old_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    BJ_CLEANUP_CLOSE int onto_fd = -1;
    struct stat status;
    char path[2 * BJ_PATH_MAX];

    if (from_fd < 0 || BJ_SYS(fstat(from_fd, &status)) < 0)
        return bj_fail_errno(err, "programs", "cannot open %s", name);
    if (S_ISLNK(status.st_mode))
        return 0;
    snprintf(path, sizeof path, "%s/%s", bj_plan_text(init->plan, op->target), name);
    onto_fd = bj_mount_resolve_plain(init->root_fd, path);
    if (onto_fd < 0)
        return bj_fail_errno(err, "programs", "cannot open %s", path);
    return bind_executable(from_fd, onto_fd, op->flags, path, err);
}

int bj_init_keep_only(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *names = bj_plan_text(init->plan, op->text), *list;
    BJ_CLEANUP_CLOSE int old_fd =
        bj_mount_resolve_plain(init->root_fd, bj_plan_text(init->plan, op->target));
    BJ_CLEANUP_CLOSE int new_fd = BJ_SYS(openat(
        init->scratch_fd, bj_plan_text(init->plan, op->source), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const struct cover cover = {old_fd, new_fd};
    char name[BJ_PATH_MAX];
    int result = 0;

    if (old_fd < 0 || new_fd < 0)
        return bj_fail_errno(err, "programs", "cannot open %s",
                             bj_plan_text(init->plan, op->target));
    for (list = names; result == 0 && bj_init_next_line(&list, name);)
        result = make_entry(&cover, name, err);
    if (result == 0)
        result = put_over(init, op, &cover, err);
    for (list = names; result == 0 && bj_init_next_line(&list, name);)
        result = bind_entry(init, op, &cover, name, err);
    return result;
}
