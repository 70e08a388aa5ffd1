/* Opening users' trees for a sandbox with ids of its own. */
#include "linux/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/fd.h"
#include "linux/idmap.h"
#include "linux/mount.h"

#define TREE_ATTRIBUTES (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* Lays an overlay over the mapped tree, so that locks and watches stay inside; -1 if it
 * cannot be. */
static int overlay_over(int tree_fd)
{
    char lower[96];
    const struct bj_mount_option options[] = {{"lowerdir", lower}, {NULL, NULL}};

    /* Twice the same: an overlay without an upper side wants two lower ones. */
    BJ_CLEANUP_CLOSE int empty_fd = bj_mount_new(
        "tmpfs", "belljar", (const struct bj_mount_option[]){{"size", "4k"}, {NULL, NULL}},
        MOUNT_ATTR_RDONLY);
    if (empty_fd < 0)
        return -1;
    snprintf(lower, sizeof lower, "/proc/self/fd/%d:/proc/self/fd/%d", empty_fd, tree_fd);
    return bj_mount_new("overlay", "belljar", options, TREE_ATTRIBUTES | MOUNT_ATTR_RDONLY);
}

int bj_tree_open(const struct bj_tree_request *request, int *ret_fd, pid_t *ret_helper,
                 struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int tree_fd = -1, userns_fd = -1;
    uint64_t attributes = TREE_ATTRIBUTES | (request->read_only ? MOUNT_ATTR_RDONLY : 0);
    struct stat status;
    int overlay_fd;

    *ret_helper = 0;
    tree_fd = bj_mount_clone_tree(AT_FDCWD, request->source, true);
    if (tree_fd < 0 || BJ_SYS(fstat(tree_fd, &status)) < 0)
        return bj_fail_errno(err, "mount", "cannot open %s", request->source);
    userns_fd =
        bj_idmap_namespace(status.st_uid, status.st_gid, request->uid, request->gid, ret_helper);
    if (userns_fd < 0)
        return bj_fail_errno(err, "ids", "cannot make the id map for %s", request->source);
    if (bj_mount_set_attributes(tree_fd, attributes, true, -1) < 0)
        return bj_fail_errno(err, "mount", "cannot restrict the mount of %s", request->source);
    /* The top only: file systems mounted below it may not all support mapped ids. */
    if (bj_mount_set_attributes(tree_fd, 0, false, userns_fd) < 0) {
        int result = bj_fail_errno(err, "ids", "cannot map the owner of %s to the sandbox's user",
                                   request->source);

        if (errno == EINVAL)
            bj_error_append(err, " (its file system has no id-mapped mounts: run as the user who "
                                 "owns it, or with --workspace empty)");
        return result;
    }
    if (request->overlay && S_ISDIR(status.st_mode)) {
        overlay_fd = overlay_over(tree_fd);
        if (overlay_fd >= 0) {
            *ret_fd = overlay_fd;
            return 0;
        }
        *request->ret_plain = true;
    }
    *ret_fd = bj_fd_take(&tree_fd);
    return 0;
}
