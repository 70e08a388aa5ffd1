/*
 * Trees that the privileged host side opens for a sandbox, because the sandbox's own user may not
 * walk to them.
 */
#ifndef BJ_LINUX_TREE_H
#define BJ_LINUX_TREE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct bj_tree_request {
    const char *source;
    bool read_only;
    bool no_exec;
    bool overlay;    /* inodes of its own, where the kernel can */
    bool *ret_plain; /* set when an overlay was wanted and refused: locks reach the host's files */
    uid_t uid;       /* host ids that the tree's owner is shown as */
    gid_t gid;
};

/*
 * A detached, id-mapped copy of the tree. *ret_fd is the caller's; *ret_helper, set in any case, a
 * child to be reaped as in bj_idmap_namespace().
 */
int bj_tree_open(const struct bj_tree_request *request, int *ret_fd, pid_t *ret_helper,
                 struct bj_error *err);

#endif
