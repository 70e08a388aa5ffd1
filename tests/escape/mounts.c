/*
 * Changing the tree: mounts by the old and the new calls, unmounting what hides something, and the
 * ways out of a root directory. The outer half works in a mount namespace of its own.
 */
#include "attempt.h"

#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* <sys/mount.h> and <linux/mount.h> of this libc cannot be included together. */
int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);
enum { DETACH = 2 };

static const char *point(void)
{
    mkdir("point", 0755);
    return "point";
}

/* Kinds of file system want to own the namespace that they show. */
static enum outcome mount_fresh(const struct attempt *row)
{
    int status = 0;
    own_mounts((int)row->number);
    pid_t child = fork(); /* into the new process namespace, where there is one */
    if (child < 0) {
        return refused("fork");
    }
    if (child == 0) {
        _exit(mount("escape", point(), row->path, 0, NULL) == 0 ? 0 : errno);
    }
    waitpid(child, &status, 0);
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
    return judged(row, status == 0, row->path);
}

/* Version 1 of cgroups with the controllers that let the host run a program at the end. */
static enum outcome mount_cgroup(const struct attempt *row)
{
    own_mounts(0);
    bool mounted = mount("escape", point(), "cgroup", 0, row->path) == 0;
    if (!mounted && errno == EBUSY) {
        errno = ENODEV; /* version 2 has that controller */
    }
    return judged(row, mounted, "a cgroup tree");
}

static enum outcome bind_one(const struct attempt *row)
{
    own_mounts(0);
    return judged(row,
                  mount(row->path, point(), NULL, MS_BIND | (unsigned long)row->number, NULL) == 0,
                  "a bind mount");
}

static enum outcome mount_overlay(const struct attempt *row)
{
    own_mounts(0);
    mount("escape", point(), "tmpfs", 0, NULL);
    mkdir("point/upper", 0755);
    mkdir("point/work", 0755);
    return judged(row,
                  mount("escape", point(), "overlay", 0,
                        "lowerdir=/usr,upperdir=point/upper,workdir=point/work") == 0,
                  "an overlay");
}

/* Outside there is nothing read-only to open up, so the first two calls make it. */
static enum outcome make_writable(const struct attempt *row)
{
    own_mounts(0);
    mount(row->path, row->path, NULL, MS_BIND, NULL);
    mount(NULL, row->path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
    return judged(row, mount(NULL, row->path, NULL, MS_REMOUNT | MS_BIND, NULL) == 0,
                  "remounted writable");
}

static enum outcome set_writable(const struct attempt *row)
{
    struct mount_attr attributes = {.attr_clr = MOUNT_ATTR_RDONLY};
    own_mounts(0);
    mount(row->path, row->path, NULL, MS_BIND, NULL);
    return judged(row,
                  syscall(SYS_mount_setattr, AT_FDCWD, row->path, AT_RECURSIVE, &attributes,
                          sizeof(attributes)) == 0,
                  "mount_setattr");
}

static enum outcome set_shared(const struct attempt *row)
{
    own_mounts(0);
    return judged(row, mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) == 0, "made shared");
}

static enum outcome take_off(const struct attempt *row)
{
    static const char *const covers[] = {
        "point",      "/proc/sys", "/proc/kcore", "/proc/sysrq-trigger",
        "/proc/keys", "/proc",     "/dev/pts",    "/dev/shm",
        "/dev",       "/tmp",      "/usr",        "/"};
    own_mounts(0);
    mount("escape", point(), "tmpfs", 0, NULL);
    for (size_t i = 0; i < COUNT(covers); i++) {
        if (umount2(covers[i], DETACH) == 0) {
            return done("unmounted %s", covers[i]);
        }
    }
    return judged(row, false, "umount2");
}

static enum outcome clone_tree(const struct attempt *row)
{
    own_mounts(0);
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/",
                            OPEN_TREE_CLONE | AT_RECURSIVE | OPEN_TREE_CLOEXEC);
    if (row->number == 0) {
        return judged(row, tree >= 0, "open_tree");
    }
    return judged(row,
                  tree >= 0 && syscall(SYS_move_mount, tree, "", AT_FDCWD, point(),
                                       MOVE_MOUNT_F_EMPTY_PATH) == 0,
                  "move_mount");
}

static enum outcome mount_in_steps(const struct attempt *row)
{
    own_mounts(0);
    int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (context < 0 || row->number == 0) {
        return judged(row, context >= 0, "fsopen");
    }
    if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)) {
        return judged(row, false, "fsconfig");
    }
    int made = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
    return judged(row,
                  made >= 0 && syscall(SYS_move_mount, made, "", AT_FDCWD, point(),
                                       MOVE_MOUNT_F_EMPTY_PATH) == 0,
                  "fsmount");
}

static enum outcome pick_file_system(const struct attempt *row)
{
    own_mounts(0);
    mount("escape", point(), "tmpfs", 0, NULL);
    int fd = (int)syscall(SYS_fspick, AT_FDCWD, "point", FSPICK_CLOEXEC);
    if (fd < 0) {
        fd = (int)syscall(SYS_fspick, AT_FDCWD, "/tmp", FSPICK_CLOEXEC);
    }
    return judged(row, fd >= 0, "fspick");
}

static enum outcome turn_root(const struct attempt *row)
{
    own_mounts(0);
    if (mount("escape", point(), "tmpfs", 0, NULL) &&
        mount(point(), point(), NULL, MS_BIND, NULL)) {
        return judged(row, syscall(SYS_pivot_root, "/tmp", "/tmp") == 0, "pivot_root");
    }
    return judged(row, chdir("point") == 0 && syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
}

/* The classic: enter a deeper root while a descriptor stays above it, and walk up from there. */
static enum outcome break_out(const struct attempt *row)
{
    char up[PATH_MAX];
    int above = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    own_mounts(0);
    if (chroot(point())) {
        return judged(row, false, "chroot");
    }
    if (row->number == 0) {
        return done("chroot");
    }
    if (fchdir(above) || chroot(".")) {
        return refused("fchdir");
    }
    snprintf(up, sizeof(up), "../../../../../../../..%s", fact("secret_file"));
    return read_secret(up);
}

/* A child that shares the working directory changes the root of both. */
static enum outcome lift_directory(const struct attempt *row)
{
    int status = 0;
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_FS | 17, NULL, NULL, NULL, NULL);
    if (child == 0) {
        own_mounts(0);
        _exit(chroot(point()) == 0 ? 0 : 1);
    }
    waitpid(child, &status, 0);
    errno = EPERM;
    return judged(row, child > 0 && status == 0, "chroot by a child with CLONE_FS");
}

#define FRESH(kind, namespaces, ...)                                                               \
    {                                                                                              \
        "mount-" kind, 6, "mount " kind, mount_fresh, .number = namespaces, .path = kind,          \
                                                      __VA_ARGS__                                  \
    }

const struct attempt mount_attempts[] = {
    FRESH("tmpfs", 0, ),
    FRESH("proc", CLONE_NEWPID, ),
    FRESH("sysfs", CLONE_NEWNET, ),
    FRESH("cgroup2", CLONE_NEWCGROUP, ),
    FRESH("mqueue", CLONE_NEWIPC, ),
    FRESH("devpts", 0, ),
    FRESH("ramfs", 0, ),
    FRESH("devtmpfs", 0, .flags = OUTSIDE_ROOT),
    FRESH("debugfs", 0, .flags = OUTSIDE_ROOT, .lacks = "CONFIG_DEBUG_FS"),
    FRESH("securityfs", 0, .flags = OUTSIDE_ROOT, .lacks = "CONFIG_SECURITYFS"),
    FRESH("binfmt_misc", 0, .flags = OUTSIDE_ROOT, .lacks = "CONFIG_BINFMT_MISC"),
    {"mount-cgroup", 6, "mount a version 1 cgroup tree", mount_cgroup, .path = "pids",
     .flags = OUTSIDE_ROOT, .lacks = "version 1 cgroups"},
    {"mount-bind", 6, "bind a directory elsewhere", bind_one, .path = "."},
    {"mount-bind-root", 6, "bind the whole tree elsewhere", bind_one, .path = "/",
     .number = MS_REC},
    {"mount-overlay", 6, "put an overlay over /usr", mount_overlay},
    {"remount-usr", 6, "make /usr writable", make_writable, .path = "/usr"},
    {"remount-proc-sys", 6, "make /proc/sys writable", make_writable, .path = "/proc/sys",
     .flags = OUTSIDE_ROOT},
    {"setattr-usr", 6, "make /usr writable by mount_setattr", set_writable, .path = "/usr"},
    {"mount-shared", 6, "make the tree shared again", set_shared},
    {"unmount", 6, "unmount what hides something", take_off},
    {"open-tree", 6, "clone the tree of mounts", clone_tree},
    {"move-mount", 6, "attach a cloned tree", clone_tree, .number = 1},
    {"fsopen", 6, "open a file system by the new calls", mount_in_steps},
    {"fsmount", 6, "mount a tmpfs by the new calls", mount_in_steps, .number = 1},
    {"fspick", 6, "pick a mounted file system to change it", pick_file_system},
    {"pivot-root", 6, "turn the root", turn_root},
    {"chroot", 6, "change the root", break_out},
    {"chroot-breakout", 5, "walk out of a changed root", break_out, .number = 1},
    {"chroot-shared", 6, "change the root of a process that shares it", lift_directory,
     .flags = OUTSIDE_ROOT},
    {0},
};
