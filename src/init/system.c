/*
 * The system directories as one overlay.
 *
 * Each overlay is a file system of its own, and the kernel keeps a word for every file system in
 * every cgroup that limits memory, so three in each of 1,000 sandboxes are dear. The host side
 * hands over the root file system alone, without what is mounted in it. Over it lies "system" of
 * the scratch: files of /etc that are the sandbox's own, and a whiteout for every name that is not
 * a system directory. So nothing else is in the overlay, whatever way to its top somebody finds.
 * Both it and what it was made from are left behind with the scratch when the new root is entered;
 * what was bound from it stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/str.h"
#include "init/init_internal.h"
#include "linux/mount.h"

#define UPPER "system"

/* getdents64(2): readdir(3) would need a heap. */
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static bool is_listed(const char *list, const char *name)
{
    char line[BJ_PATH_MAX];

    while (bj_init_next_line(&list, line)) {
        if (bj_streq(line, name))
            return true;
    }
    return false;
}

/* A whiteout: one inode by as many names as there are. */
static int hide(int upper_fd, const char *name, char first[static NAME_MAX + 1])
{
    if (first[0] != '\0')
        return BJ_SYS(linkat(upper_fd, first, upper_fd, name, 0));
    snprintf(first, NAME_MAX + 1, "%s", name);
    return BJ_SYS(mknodat(upper_fd, name, S_IFCHR, makedev(0, 0)));
}

static int hide_rest(int lower_fd, int upper_fd, const char *list)
{
    BJ_CLEANUP_CLOSE int fd = BJ_SYS(openat(lower_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    _Alignas(struct entry) char entries[4096];
    char first[NAME_MAX + 1] = "";
    long length = fd < 0 ? -1 : 1;

    while (length > 0) {
        length = BJ_SYS(syscall(SYS_getdents64, fd, entries, sizeof entries));
        for (long at = 0; at < length; at += ((struct entry *)(entries + at))->length) {
            const char *name = ((struct entry *)(entries + at))->name;

            if (bj_streq(name, ".") || bj_streq(name, "..") || is_listed(list, name))
                continue;
            if (hide(upper_fd, name, first) < 0)
                return -1;
        }
    }
    return (int)length;
}

static int attach_at(const struct bj_init *init, int tree_fd, const char *place)
{
    BJ_CLEANUP_CLOSE int place_fd =
        BJ_SYS(openat(init->scratch_fd, place, O_PATH | O_DIRECTORY | O_CLOEXEC));

    return place_fd < 0 ? -1 : bj_mount_attach(tree_fd, place_fd);
}

/* Over the root file system, which is in its place. Returns a descriptor. */
static int new_overlay(struct bj_init *init, const struct bj_op *op)
{
    BJ_CLEANUP_CLOSE int upper_fd =
        BJ_SYS(openat(init->scratch_fd, UPPER, O_PATH | O_DIRECTORY | O_CLOEXEC));
    char lower[96];
    const struct bj_mount_option options[] = {{"lowerdir", lower}, {NULL, NULL}};

    if (upper_fd < 0 ||
        hide_rest(init->slots[op->slot], upper_fd, bj_plan_text(init->plan, op->text)) < 0)
        return -1;
    snprintf(lower, sizeof lower, "/proc/self/fd/%d:/proc/self/fd/%d", upper_fd,
             init->slots[op->slot]);
    return bj_mount_new("overlay", "belljar", options,
                        bj_init_mount_attributes(BJ_FLAG_READ_ONLY | BJ_FLAG_NO_DEV));
}

int bj_init_mount_system(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *source = bj_plan_text(init->plan, op->source);
    BJ_CLEANUP_CLOSE int tree_fd = -1;

    if (attach_at(init, init->slots[op->slot], source) < 0)
        return bj_fail_errno(err, "mount", "cannot mount the root file system");
    tree_fd = new_overlay(init, op);
    if (tree_fd < 0 && !(op->flags & BJ_FLAG_OPTIONAL))
        return bj_fail_errno(err, "mount", "cannot lay an overlay over the system directories");
    if (tree_fd < 0) {
        bj_init_note(init, BJ_LAYER_SHARED_TREES,
                     "the kernel refused an overlay; system files are shared with the host");
        tree_fd = bj_mount_clone_tree(init->slots[op->slot], "", false);
    }
    if (tree_fd < 0 || attach_at(init, tree_fd, bj_plan_text(init->plan, op->target)) < 0)
        return bj_fail_errno(err, "mount", "cannot mount the system directories");
    return 0;
}
