/*
 * Mounts, by the descriptor-based interface of Linux 5.2 and later (open_tree(2), move_mount(2),
 * fsopen(2), mount_setattr(2)). Every function returns a descriptor or 0, or -1 with errno.
 */
#ifndef BJ_LINUX_MOUNT_H
#define BJ_LINUX_MOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes every mount of this namespace private, so that nothing travels to or from the host. */
int bj_mount_make_private(void);

/* A detached copy of the tree at a path or descriptor (path ""). The caller closes it. */
int bj_mount_clone_tree(int dir_fd, const char *path, bool recursive);

/* Sets MOUNT_ATTR_… on a tree; `userns_fd` >= 0 also maps its ids (MOUNT_ATTR_IDMAP). */
int bj_mount_set_attributes(int tree_fd, uint64_t attributes, bool recursive, int userns_fd);

/* Takes MOUNT_ATTR_NOEXEC from the tree's top mount. */
int bj_mount_allow_execution(int tree_fd);

/* Attaches a detached tree where `target_fd` (O_PATH) points. */
int bj_mount_attach(int tree_fd, int target_fd);

/* A key and its value for fsconfig(2); a NULL value sets a flag. */
struct bj_mount_option {
    const char *key, *value;
};

/*
 * Makes a new file system and a detached mount of it with MOUNT_ATTR_… set. `source` may be NULL.
 * Options end with a NULL key.
 */
int bj_mount_new(const char *type, const char *source, const struct bj_mount_option *options,
                 uint64_t attributes);

/* Turns "size=1k,mode=755" into options, in place in `text`; at most capacity-1 of them. */
void bj_mount_split_options(char *text, struct bj_mount_option *ret, size_t capacity);

/*
 * Opens (O_PATH) a path below `root_fd` as if that were /, whatever links stand in the way. `flags`
 * as of openat2(2), for instance O_DIRECTORY.
 */
int bj_mount_resolve(int root_fd, const char *path, int flags);

/* The same, but a link anywhere in the path is an error (ELOOP). */
int bj_mount_resolve_plain(int root_fd, const char *path);

/* pivot_root(2) into the mount at `root_fd`, the old root detached, working directory "/". */
int bj_mount_pivot(int root_fd);

#endif
