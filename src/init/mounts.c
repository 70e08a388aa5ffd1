/*
 * The operations that build a sandbox's file tree.
 *
 * Two descriptors stand for the places in which things are made: the scratch (the sandbox's own
 * tmpfs) and, once its "root" directory has been bound onto itself, the new root. Targets are
 * resolved below the new root as if it were /, so no link in a user's files can lead a mount
 * elsewhere.
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

uint64_t bj_init_mount_attributes(uint32_t flags)
{
    uint64_t attributes = MOUNT_ATTR_NOSUID;

    if (flags & BJ_FLAG_READ_ONLY)
        attributes |= MOUNT_ATTR_RDONLY;
    if (flags & BJ_FLAG_NO_DEV)
        attributes |= MOUNT_ATTR_NODEV;
    if (flags & BJ_FLAG_NO_EXEC)
        attributes |= MOUNT_ATTR_NOEXEC;
    return attributes;
}

static int open_path(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *source = bj_plan_text(init->plan, op->source);
    int fd;

    if (op->flags & BJ_FLAG_DETACHED)
        fd = bj_mount_clone_tree(AT_FDCWD, source, op->flags & BJ_FLAG_RECURSIVE);
    else
        fd = BJ_SYS(open(source, O_PATH | O_CLOEXEC));
    if (fd < 0 && errno == ENOENT && op->flags & BJ_FLAG_OPTIONAL)
        return 0;
    if (fd < 0)
        return bj_fail_errno(err, "mount", "cannot open %s", source);
    init->slots[op->slot] = fd;
    return 0;
}

static int mount_scratch(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *place = bj_plan_text(init->plan, op->source);
    struct bj_mount_option options[8];
    BJ_CLEANUP_CLOSE int tree_fd = -1, place_fd = -1;
    char text[128];

    snprintf(text, sizeof text, "%s", bj_plan_text(init->plan, op->text));
    bj_mount_split_options(text, options, 8);
    tree_fd = bj_mount_new("tmpfs", "belljar", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (tree_fd < 0)
        return bj_fail_errno(err, "mount", "cannot make a tmpfs");
    place_fd = BJ_SYS(open(place, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (place_fd < 0 || bj_mount_attach(tree_fd, place_fd) < 0)
        return bj_fail_errno(err, "mount", "cannot mount a tmpfs on %s", place);
    init->scratch_fd = bj_fd_take(&tree_fd);
    return 0;
}

static int make_dir(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *path = bj_plan_text(init->plan, op->target);
    mode_t mode = (mode_t)op->number;

    if (BJ_SYS(mkdirat(init->scratch_fd, path, mode)) < 0)
        return bj_fail_errno(err, "mount", "cannot make the directory %s", path);
    if (op->flags & BJ_FLAG_OWNED && init->plan->uid != init->plan->init_uid &&
        BJ_SYS(fchownat(init->scratch_fd, path, init->plan->uid, init->plan->gid, 0)) < 0)
        return bj_fail_errno(err, "mount", "cannot give %s to the user", path);
    return 0;
}

static int make_file(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *path = bj_plan_text(init->plan, op->target);
    const char *text = bj_plan_text(init->plan, op->text);
    BJ_CLEANUP_CLOSE int fd = -1;

    /* All that are empty are one by many names: another would cost 1 KiB of the kernel's memory.
     * None of them is where anybody may write. */
    if (*text == '\0' && linkat(init->scratch_fd, "void", init->scratch_fd, path, 0) == 0)
        return 0;
    fd = BJ_SYS(openat(init->scratch_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (fd < 0 || (*text != '\0' && BJ_SYS(bj_fd_write_all(fd, text, strlen(text))) < 0))
        return bj_fail_errno(err, "mount", "cannot write the file %s", path);
    return 0;
}

static int make_link(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *path = bj_plan_text(init->plan, op->target);

    if (BJ_SYS(symlinkat(bj_plan_text(init->plan, op->text), init->scratch_fd, path)) < 0)
        return bj_fail_errno(err, "mount", "cannot make the link %s", path);
    return 0;
}

/* Makes one missing component of a mount point, but only in the sandbox's own tmpfs unless the plan
 * says otherwise. */
static int make_component(struct bj_init *init, const char *parent, const char *name,
                          const struct bj_new *new, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int parent_fd = bj_mount_resolve(init->root_fd, parent, O_DIRECTORY);
    BJ_CLEANUP_CLOSE int file_fd = -1;
    struct stat own, there;

    if (parent_fd < 0 || BJ_SYS(fstat(parent_fd, &there)) < 0 ||
        BJ_SYS(fstat(init->scratch_fd, &own)) < 0)
        return bj_fail_errno(err, "mount", "cannot reach the mount point's parent %s", parent);
    if (own.st_dev != there.st_dev && !new->anywhere)
        return bj_fail(err, BJ_E_INVALID, "mount",
                       "%s/%s does not exist, and nothing is created in a directory of the host's: "
                       "create it first or choose another place",
                       bj_streq(parent, "/") ? "" : parent, name);
    if (new->directory) {
        if (BJ_SYS(mkdirat(parent_fd, name, new->mode)) < 0)
            return bj_fail_errno(err, "mount", "cannot make the mount point %s/%s", parent, name);
        return 0;
    }
    file_fd = BJ_SYS(openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, new->mode));
    if (file_fd < 0)
        return bj_fail_errno(err, "mount", "cannot make the mount point %s/%s", parent, name);
    return 0;
}

int bj_init_make_place(struct bj_init *init, const char *target, const struct bj_new *last,
                       struct bj_error *err)
{
    const struct bj_new parent = {
        .anywhere = last->anywhere, .directory = true, .mode = last->parents};
    char path[BJ_PATH_MAX];
    size_t length = strlen(target);

    if (!bj_str_copy(path, sizeof path, target))
        return bj_fail(err, BJ_E_LIMIT, "mount", "the path of a mount point is too long");
    for (size_t i = 1; i <= length; i++) {
        BJ_CLEANUP_CLOSE int fd = -1;
        char kept = path[i], *slash;
        int result;

        if (kept != '/' && kept != '\0')
            continue;
        path[i] = '\0';
        fd = bj_mount_resolve(init->root_fd, path, 0);
        if (fd < 0 && errno != ENOENT)
            return bj_fail_errno(err, "mount", "cannot reach the mount point %s", path);
        if (fd < 0) {
            slash = strrchr(path, '/');
            *slash = '\0';
            result = make_component(init, slash == path ? "/" : path, slash + 1,
                                    kept == '/' ? &parent : last, err);
            *slash = '/';
            if (result < 0)
                return result;
        }
        path[i] = kept;
    }
    return 0;
}

/* Opens the mount point, making it first where that is allowed. Returns a descriptor. */
static int open_mount_point(struct bj_init *init, const struct bj_op *op, bool directory,
                            struct bj_error *err)
{
    const char *target = bj_plan_text(init->plan, op->target);
    int fd = bj_mount_resolve(init->root_fd, target, 0), result;
    struct bj_new new = {
        .anywhere = op->flags & BJ_FLAG_CREATE,
        .directory = directory,
        .mode = directory ? 0755 : 0444,
        .parents = 0755,
    };

    if (fd < 0 && errno == ENOENT && !(op->flags & BJ_FLAG_NO_CREATE)) {
        result = bj_init_make_place(init, target, &new, err);
        if (result < 0)
            return result;
        fd = bj_mount_resolve(init->root_fd, target, 0);
    }
    if (fd < 0)
        return bj_fail_errno(err, "mount", "cannot reach the mount point %s", target);
    return fd;
}

/* Sets the attributes and attaches: the end of every operation that puts a tree somewhere. */
int bj_init_attach(struct bj_init *init, const struct bj_op *op, int tree_fd, bool directory,
                   struct bj_error *err)
{
    const char *target = bj_plan_text(init->plan, op->target);
    BJ_CLEANUP_CLOSE int target_fd = -1;
    int result = open_mount_point(init, op, directory, err);

    if (result < 0)
        return result;
    target_fd = result;
    if (bj_mount_attach(tree_fd, target_fd) < 0)
        return bj_fail_errno(err, "mount", "cannot mount on %s", target);
    if (!bj_streq(target, "/"))
        return 0;
    /* It covers the root: from here on it is the root. */
    if (!directory)
        return bj_fail(err, BJ_E_INVALID, "mount", "a file cannot be mounted on /");
    bj_fd_close(&init->root_fd);
    init->root_fd = BJ_SYS(fcntl(tree_fd, F_DUPFD_CLOEXEC, 0));
    if (init->root_fd < 0)
        return bj_fail_errno(err, "mount", "cannot keep the new root open");
    return 0;
}

static int is_directory(int fd, bool *ret, const char *what, struct bj_error *err)
{
    struct stat status;

    if (BJ_SYS(fstat(fd, &status)) < 0)
        return bj_fail_errno(err, "mount", "cannot stat %s", what);
    *ret = S_ISDIR(status.st_mode);
    return 0;
}

/* Makes the new root a mount of its own: its directory in the scratch bound onto itself. */
static int bind_root(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *source = bj_plan_text(init->plan, op->source);
    BJ_CLEANUP_CLOSE int place_fd =
        BJ_SYS(openat(init->scratch_fd, source, O_PATH | O_DIRECTORY | O_CLOEXEC));
    BJ_CLEANUP_CLOSE int tree_fd = -1;

    if (place_fd < 0)
        return bj_fail_errno(err, "mount", "cannot open the new root");
    tree_fd = bj_mount_clone_tree(init->scratch_fd, source, false);
    if (tree_fd < 0 ||
        bj_mount_set_attributes(tree_fd, bj_init_mount_attributes(op->flags), false, -1) < 0 ||
        bj_mount_attach(tree_fd, place_fd) < 0)
        return bj_fail_errno(err, "mount", "cannot make the new root a mount");
    bj_fd_close(&init->root_fd);
    init->root_fd = bj_fd_take(&tree_fd);
    return 0;
}

/* Binds a directory of the scratch, or (no source) the target onto itself. */
static int bind_subtree(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *source = bj_plan_text(init->plan, op->source);
    const char *target = bj_plan_text(init->plan, op->target);
    BJ_CLEANUP_CLOSE int from_fd = -1, tree_fd = -1;
    bool directory = true;
    int result;

    if (bj_streq(target, "/"))
        return bind_root(init, op, err);
    if (*source == '\0') {
        from_fd = bj_mount_resolve(init->root_fd, target, 0);
        tree_fd = from_fd < 0 ? -1 : bj_mount_clone_tree(from_fd, "", true);
    } else {
        tree_fd = bj_mount_clone_tree(init->scratch_fd, source, false);
    }
    if (tree_fd < 0 || bj_mount_set_attributes(tree_fd, bj_init_mount_attributes(op->flags),
                                               *source == '\0', -1) < 0)
        return bj_fail_errno(err, "mount", "cannot bind %s", target);
    result = is_directory(tree_fd, &directory, target, err);
    return result < 0 ? result : bj_init_attach(init, op, tree_fd, directory, err);
}

static int bind(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *source = bj_plan_text(init->plan, op->source);
    BJ_CLEANUP_CLOSE int tree_fd = -1;
    bool directory = true, recursive = op->flags & BJ_FLAG_RECURSIVE;
    bool restricted = op->flags == BJ_FLAG_DETACHED; /* by the host side */
    int result;

    if (init->slots[op->slot] < 0 && op->flags & BJ_FLAG_OPTIONAL)
        return 0;
    if (op->flags & BJ_FLAG_DETACHED)
        tree_fd = bj_fd_take(&init->slots[op->slot]);
    else
        tree_fd = bj_mount_clone_tree(init->slots[op->slot], "", recursive);
    if (tree_fd < 0)
        return bj_fail_errno(err, "mount", "cannot bind %s", source);
    if (!restricted &&
        bj_mount_set_attributes(tree_fd, bj_init_mount_attributes(op->flags), recursive, -1) < 0)
        return bj_fail_errno(err, "mount", "cannot restrict the mount of %s", source);
    result = is_directory(tree_fd, &directory, source, err);
    return result < 0 ? result : bj_init_attach(init, op, tree_fd, directory, err);
}

/* An overlay with no upper side: the host's directory, with inodes of its own. */
static int new_overlay(struct bj_init *init, const struct bj_op *op)
{
    const char *over = bj_plan_text(init->plan, op->text);
    BJ_CLEANUP_CLOSE int over_fd = BJ_SYS(
        openat(init->scratch_fd, *over != '\0' ? over : "empty", O_PATH | O_DIRECTORY | O_CLOEXEC));
    char lower[96];
    const struct bj_mount_option options[] = {{"lowerdir", lower}, {NULL, NULL}};

    if (over_fd < 0)
        return -1;
    snprintf(lower, sizeof lower, "/proc/self/fd/%d:/proc/self/fd/%d", over_fd,
             init->slots[op->slot]);
    return bj_mount_new("overlay", "belljar", options, bj_init_mount_attributes(op->flags));
}

static int mount_overlay(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *source = bj_plan_text(init->plan, op->source);
    BJ_CLEANUP_CLOSE int tree_fd = -1;
    bool directory = true;
    int result = is_directory(init->slots[op->slot], &directory, source, err);

    if (result < 0)
        return result;
    if (!directory)
        return bind(init, op, err);
    tree_fd = new_overlay(init, op);
    if (tree_fd < 0 && !(op->flags & BJ_FLAG_OPTIONAL))
        return bj_fail_errno(err, "mount", "cannot lay an overlay over %s", source);
    if (tree_fd < 0) {
        bj_init_note(init, BJ_LAYER_SHARED_TREES,
                     "the kernel refused an overlay; system files are shared with the host");
        return bind(init, op, err);
    }
    return bj_init_attach(init, op, tree_fd, true, err);
}

static int mount_proc(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int tree_fd = bj_mount_new(
        "proc", "proc", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);

    if (tree_fd < 0 && errno == EPERM && op->flags & BJ_FLAG_OPTIONAL) {
        /* Never the host's own instead. */
        bj_init_note(
            init, BJ_LAYER_PROC,
            "parts of /proc are covered here, as in a container, and so the kernel gives no "
            "fresh one: /proc is empty");
        if (init->plan->memory_watch != 0)
            bj_init_note(init, BJ_LAYER_MEMORY, "without /proc memory cannot even be watched");
        return 0;
    }
    if (tree_fd < 0)
        return bj_fail_errno(err, "proc", "cannot mount /proc");
    return bj_init_attach(init, op, tree_fd, true, err);
}

static int mount_devpts(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    char count[16];
    const struct bj_mount_option options[] = {
        {"ptmxmode", "0666"}, {"mode", "0620"}, {"max", count}, {NULL, NULL}};
    BJ_CLEANUP_CLOSE int tree_fd = -1;

    snprintf(count, sizeof count, "%u", (unsigned)op->number);
    tree_fd = bj_mount_new("devpts", "devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (tree_fd < 0)
        return bj_fail_errno(err, "mount", "cannot mount a devpts of its own");
    return bj_init_attach(init, op, tree_fd, true, err);
}

/* Covers what is there with nothing: an empty directory or file, read-only. */
static int mask(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *target = bj_plan_text(init->plan, op->target);
    BJ_CLEANUP_CLOSE int target_fd = bj_mount_resolve(init->root_fd, target, 0);
    BJ_CLEANUP_CLOSE int tree_fd = -1;
    bool directory = true;
    int result;

    if (target_fd < 0 && errno == ENOENT)
        return 0; /* this kernel has no such file */
    if (target_fd < 0)
        return bj_fail_errno(err, "mask", "cannot reach %s", target);
    result = is_directory(target_fd, &directory, target, err);
    if (result < 0)
        return result;
    tree_fd = bj_mount_clone_tree(init->scratch_fd, directory ? "empty" : "void", false);
    if (tree_fd < 0 ||
        bj_mount_set_attributes(
            tree_fd, bj_init_mount_attributes(BJ_FLAG_READ_ONLY | BJ_FLAG_NO_DEV | BJ_FLAG_NO_EXEC),
            false, -1) < 0 ||
        bj_mount_attach(tree_fd, target_fd) < 0)
        return bj_fail_errno(err, "mask", "cannot cover %s", target);
    return 0;
}

static int make_read_only(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *target = bj_plan_text(init->plan, op->target);
    BJ_CLEANUP_CLOSE int target_fd = -1, tree_fd = -1;

    if (bj_streq(target, "/")) {
        if (bj_mount_set_attributes(init->root_fd, MOUNT_ATTR_RDONLY, false, -1) < 0)
            return bj_fail_errno(err, "mount", "cannot make the root read-only");
        return 0;
    }
    target_fd = bj_mount_resolve(init->root_fd, target, 0);
    if (target_fd < 0 && errno == ENOENT && op->flags & BJ_FLAG_OPTIONAL)
        return 0;
    if (target_fd < 0)
        return bj_fail_errno(err, "mount", "cannot reach %s", target);
    if (op->flags & BJ_FLAG_SELF) {
        if (bj_mount_set_attributes(target_fd, MOUNT_ATTR_RDONLY, false, -1) < 0)
            return bj_fail_errno(err, "mount", "cannot make the mount at %s read-only", target);
        return 0;
    }
    tree_fd = bj_mount_clone_tree(target_fd, "", true);
    if (tree_fd < 0 || bj_mount_set_attributes(tree_fd, MOUNT_ATTR_RDONLY, true, -1) < 0 ||
        bj_mount_attach(tree_fd, target_fd) < 0)
        return bj_fail_errno(err, "mount", "cannot make %s read-only", target);
    return 0;
}

static int make_private(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    (void)init;
    (void)op;
    if (bj_mount_make_private() < 0)
        return bj_fail_errno(err, "mount", "cannot keep mounts private");
    return 0;
}

static int pivot(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    (void)op;
    if (bj_mount_pivot(init->root_fd) < 0)
        return bj_fail_errno(err, "pivot", "cannot enter the new root");
    return 0;
}

static int not_ours(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    (void)init;
    return bj_fail(err, BJ_E_INTERNAL, "plan", "operation %s is not init's",
                   bj_op_name((enum bj_op_kind)op->kind));
}

bj_init_operation bj_init_mount_operation(enum bj_op_kind kind)
{
    static const bj_init_operation operations[BJ_OP_COUNT] = {
        [BJ_OP_PRIVATE] = make_private,
        [BJ_OP_OPEN_PATH] = open_path,
        [BJ_OP_SCRATCH] = mount_scratch,
        [BJ_OP_DIR] = make_dir,
        [BJ_OP_FILE] = make_file,
        [BJ_OP_SYMLINK] = make_link,
        [BJ_OP_SUBTREE] = bind_subtree,
        [BJ_OP_BIND] = bind,
        [BJ_OP_OVERLAY] = mount_overlay,
        [BJ_OP_SYSTEM] = bj_init_mount_system,
        [BJ_OP_PROC] = mount_proc,
        [BJ_OP_DEVPTS] = mount_devpts,
        [BJ_OP_MASK] = mask,
        [BJ_OP_READ_ONLY] = make_read_only,
        [BJ_OP_PIVOT] = pivot,
        [BJ_OP_KEEP_ONLY] = bj_init_keep_only,
        [BJ_OP_EXECUTABLE] = bj_init_let_execute,
    };
    bj_init_operation operation = operations[kind];

    if (operation == NULL)
        operation = bj_init_place_operation(kind);
    return operation != NULL ? operation : not_ours;
}
