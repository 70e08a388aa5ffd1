/* Opening users' trees for a sandbox with ids of its own. */
#include "linux/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "linux/idmap.h"
#include "linux/mount.h"
#include "linux/process.h"
#include "linux/syscalls.h"

#define TREE_ATTRIBUTES (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static uint64_t attributes_of(const struct bj_tree_request *request)
{
    return TREE_ATTRIBUTES | (request->read_only ? MOUNT_ATTR_RDONLY : 0) |
           (request->no_exec ? MOUNT_ATTR_NOEXEC : 0);
}

/* The tree and an empty one as the two lower sides of an overlay; without an upper side it wants
 * two. */
struct layers {
    uint64_t attributes;
    int empty_fd;
    int tree_fd;
    int root_fd;    /* where the child attaches both; -1 = nowhere yet */
    int overlay_fd; /* the result; -1 = the kernel refused */
};

static void make_overlay(struct layers *layers)
{
    char lower[96];
    const struct bj_mount_option options[] = {{"lowerdir", lower}, {NULL, NULL}};

    snprintf(lower, sizeof lower, "/proc/self/fd/%d:/proc/self/fd/%d", layers->empty_fd,
             layers->tree_fd);
    layers->overlay_fd =
        bj_mount_new("overlay", "belljar", options, layers->attributes | MOUNT_ATTR_RDONLY);
}

static void make_overlay_child(void *data)
{
    struct layers *layers = data;

    if (bj_mount_make_private() < 0)
        return;
    layers->root_fd = BJ_SYS(open("/", O_PATH | O_CLOEXEC));
    if (layers->root_fd >= 0 && bj_mount_attach(layers->empty_fd, layers->root_fd) == 0 &&
        bj_mount_attach(layers->tree_fd, layers->root_fd) == 0)
        make_overlay(layers);
}

/*
 * Lays an overlay over the mapped tree, so that locks and watches stay inside; -1 if it cannot be.
 * Older kernels take only what is attached in the caller's own mount namespace as a lower side. A
 * child's does, and may end with it, since an overlay keeps clones of its own; the tree is of no
 * more use then.
 */
static int overlay_over(int tree_fd, uint64_t attributes, bool *ret_spent)
{
    BJ_CLEANUP_CLOSE int empty_fd = bj_mount_new(
        "tmpfs", "belljar", (const struct bj_mount_option[]){{"size", "4k"}, {NULL, NULL}},
        MOUNT_ATTR_RDONLY);
    struct layers layers = {.attributes = attributes,
                            .empty_fd = empty_fd,
                            .tree_fd = tree_fd,
                            .root_fd = -1,
                            .overlay_fd = -1};
    pid_t child;

    *ret_spent = false;
    if (empty_fd < 0)
        return -1;
    make_overlay(&layers);
    if (layers.overlay_fd >= 0)
        return layers.overlay_fd;
    child = bj_process_vfork(CLONE_FILES | CLONE_NEWNS, make_overlay_child, &layers, NULL);
    if (child < 0)
        return -1;
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    bj_fd_close(&layers.root_fd);
    *ret_spent = true;
    return layers.overlay_fd;
}

/* A detached copy of the tree, restricted, with its owner mapped to the sandbox's user. */
static int clone_mapped(const struct bj_tree_request *request, int source_fd, int userns_fd,
                        int *ret_fd, struct bj_error *err)
{
    uint64_t attributes = attributes_of(request);
    BJ_CLEANUP_CLOSE int tree_fd = bj_mount_clone_tree(source_fd, "", true);

    if (tree_fd < 0)
        return bj_fail_errno(err, "mount", "cannot open %s", request->source);
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
    *ret_fd = bj_fd_take(&tree_fd);
    return 0;
}

int bj_tree_open(const struct bj_tree_request *request, int *ret_fd, pid_t *ret_helper,
                 struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int source_fd = -1, tree_fd = -1, userns_fd = -1;
    struct stat status;
    bool spent = false;
    int result;

    *ret_helper = 0;
    /* As open(2) with O_PATH does not, this mounts what is mounted on demand (autofs). */
    source_fd = BJ_SYS(bj_sys_open_tree(AT_FDCWD, request->source, OPEN_TREE_CLOEXEC));
    if (source_fd < 0 || BJ_SYS(fstat(source_fd, &status)) < 0)
        return bj_fail_errno(err, "mount", "cannot open %s", request->source);
    userns_fd =
        bj_idmap_namespace(status.st_uid, status.st_gid, request->uid, request->gid, ret_helper);
    if (userns_fd < 0)
        return bj_fail_errno(err, "ids", "cannot make the id map for %s", request->source);
    result = clone_mapped(request, source_fd, userns_fd, &tree_fd, err);
    if (result < 0)
        return result;
    if (request->overlay && S_ISDIR(status.st_mode)) {
        *ret_fd = overlay_over(tree_fd, attributes_of(request), &spent);
        if (*ret_fd >= 0)
            return 0;
        *request->ret_plain = true;
    }
    if (spent)
        return clone_mapped(request, source_fd, userns_fd, ret_fd, err);
    *ret_fd = bj_fd_take(&tree_fd);
    return 0;
}
