/*
 * The file tree of a sandbox, as operations.
 *
 * One tmpfs, the scratch, holds everything that is the sandbox's own: the skeleton of the root,
 * /tmp, /dev/shm, the home, an empty workspace, small files that stand in for the host's. Its
 * directories are bound to their places, so one mount, one size and one inode limit serve them all:
 *
 *     scratch/root     the new root; read-only once built
 *     scratch/tmp …    bound writable at /tmp, /var/tmp, /dev/shm, the home
 *     scratch/work     an empty workspace
 *     scratch/system   what is laid over the host's system directories: files of /etc
 *     scratch/proc     files laid over those of /proc that would show the host's size
 *
 * System directories come as read-only overlays rather than binds, so that file locks and inotify
 * watches on them do not reach the host's own inodes.
 *
 * Everything of the host's is opened (as a slot) before the scratch is mounted, and every target is
 * resolved below the new root.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "model/protected.h"
#include "plan/plan_internal.h"

/* Opened as a copy, which is then moved to its place: made later, the copy of a tree around the
 * scratch's mount point would show what is in the scratch. */
#define COPIED (BJ_FLAG_DETACHED | BJ_FLAG_RECURSIVE)

#define TERMINALS_MAX       32
#define INODES_PER_MIB      64
#define INODES_MIN          4096
#define SCRATCH_DEFAULT_MIB 1024

const char *const bj_plan_device_names[] = {"null",    "zero", "full", "random",
                                            "urandom", "tty",  NULL};

/* Opens a host path under a new slot. */
uint32_t bj_plan_open(struct bj_builder *b, const char *source, uint32_t flags)
{
    uint32_t text = bj_builder_text(b, source), slot = bj_builder_slot(b);
    struct bj_op *op = bj_builder_op(b, BJ_OP_OPEN_PATH, BJ_LAYER_MOUNT);

    op->source = text;
    op->slot = slot;
    op->flags = flags;
    return slot;
}

void bj_plan_bind(struct bj_builder *b, uint32_t slot, const char *source, const char *target,
                  uint32_t flags)
{
    uint32_t from = bj_builder_text(b, source), to = bj_builder_text(b, target);
    struct bj_op *op = bj_builder_op(b, BJ_OP_BIND, BJ_LAYER_MOUNT);

    op->slot = slot;
    op->source = from;
    op->target = to;
    op->flags = flags;
}

/* A read-only directory of the host's: as an overlay if wanted, `upper` laid over it. */
static void read_only_tree(struct bj_builder *b, uint32_t slot, const char *source,
                           const char *target, const char *upper)
{
    uint32_t from = bj_builder_text(b, source), to = bj_builder_text(b, target);
    uint32_t over = bj_builder_text(b, upper);
    bool overlay = bj_builder_wants(b, BJ_LAYER_SHARED_TREES);
    struct bj_op *op = bj_builder_op(b, overlay ? BJ_OP_OVERLAY : BJ_OP_BIND,
                                     overlay ? BJ_LAYER_SHARED_TREES : BJ_LAYER_MOUNT);

    op->slot = slot;
    op->source = from;
    op->target = to;
    op->text = over;
    op->flags = BJ_FLAG_READ_ONLY | BJ_FLAG_NO_DEV | BJ_FLAG_RECURSIVE | bj_plan_no_exec(b);
    if (overlay && !bj_builder_requires(b, BJ_LAYER_SHARED_TREES))
        op->flags |= BJ_FLAG_OPTIONAL;
}

/*
 * What the host side opens for init when it is privileged: a tree whose owner `uid:gid` on disk is
 * shown as the workload. Unprivileged, init opens it itself.
 */
static uint32_t open_owned_tree(struct bj_builder *b, const char *source, uint32_t flags)
{
    uint32_t text, slot;
    struct bj_op *op;

    if (!b->host->privileged)
        return bj_plan_open(b, source, flags);
    text = bj_builder_text(b, source);
    slot = bj_builder_slot(b);
    op = bj_builder_op(b, BJ_OP_HOST_TREE, BJ_LAYER_OWN_UID);
    op->source = text;
    op->slot = slot;
    op->flags = flags | BJ_FLAG_RECURSIVE | bj_plan_no_exec(b);
    return slot;
}

void bj_plan_dev_files(struct bj_builder *b, const char *directory)
{
    static const char *const links[][2] = {{"fd", "/proc/self/fd"},
                                           {"stdin", "/proc/self/fd/0"},
                                           {"stdout", "/proc/self/fd/1"},
                                           {"stderr", "/proc/self/fd/2"},
                                           {"ptmx", "pts/ptmx"}};
    static const char *const dirs[] = {"pts", "shm"};
    char path[BJ_PATH_MAX];

    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, dirs[i]);
        bj_builder_dir(b, path, 0755, 0);
    }
    for (size_t i = 0; bj_plan_device_names[i] != NULL; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, bj_plan_device_names[i]);
        bj_builder_file(b, path, "");
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, links[i][0]);
        bj_builder_link(b, path, links[i][1]);
    }
}

void bj_plan_dev_mounts(struct bj_builder *b, const uint32_t *slots, const char *target)
{
    char source[64], path[BJ_PATH_MAX];
    struct bj_op *op;

    for (size_t i = 0; bj_plan_device_names[i] != NULL; i++) {
        snprintf(source, sizeof source, "/dev/%s", bj_plan_device_names[i]);
        snprintf(path, sizeof path, "%s/%s", target, bj_plan_device_names[i]);
        bj_plan_bind(b, slots[i], source, path, BJ_FLAG_NO_EXEC);
    }
    snprintf(path, sizeof path, "%s/pts", target);
    op = bj_builder_target(b, BJ_OP_DEVPTS, BJ_LAYER_SESSION, path);
    op->number = TERMINALS_MAX;
    snprintf(path, sizeof path, "%s/shm", target);
    bj_builder_subtree(b, "shm", path, BJ_FLAG_NO_DEV | BJ_FLAG_NO_EXEC, BJ_LAYER_MOUNT);
}

static void etc_files(struct bj_builder *b)
{
    const struct bj_plan *plan = b->plan;
    const char *user = plan->uid == 0 ? "root" : "user";
    char text[1024];

    bj_builder_dir(b, "system/etc", 0755, 0);
    snprintf(
        text, sizeof text,
        "%s%s:x:%u:%u::%s:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        plan->uid == 0 ? "" : "root:x:0:0:root:/root:/bin/bash\n", user, plan->uid, plan->gid,
        bj_plan_text(plan, plan->home));
    bj_builder_file(b, "system/etc/passwd", text);
    snprintf(text, sizeof text, "%s%s:x:%u:\nnogroup:x:65534:\n",
             plan->gid == 0 ? "" : "root:x:0:\n", user, plan->gid);
    bj_builder_file(b, "system/etc/group", text);
    snprintf(text, sizeof text, "%s\n", b->config->hostname);
    bj_builder_file(b, "system/etc/hostname", text);
    if (b->config->network == BJ_NETWORK_HOST)
        return;
    snprintf(text, sizeof text, "127.0.0.1\tlocalhost %s\n::1\tlocalhost\n", b->config->hostname);
    bj_builder_file(b, "system/etc/hosts", text);
    bj_builder_file(b, "system/etc/resolv.conf", "");
}

static void machine_id_file(struct bj_builder *b)
{
    /* Programs treat it as a machine without an id, machine-id(5). */
    bj_builder_file(b, "system/etc/machine-id", "");
}

/* The skeleton: directories that everything else is bound to. */
static void skeleton(struct bj_builder *b)
{
    static const struct {
        const char *path;
        mode_t mode;
        uint32_t flags;
    } dirs[] = {
        {"root", 0755, 0},     {"root/dev", 0755, 0},     {"root/proc", 0755, 0},
        {"root/tmp", 0755, 0}, {"root/run", 0755, 0},     {"root/home", 0755, 0},
        {"root/var", 0755, 0}, {"root/var/tmp", 0755, 0}, {"tmp", 01777, 0},
        {"vartmp", 01777, 0},  {"shm", 01777, 0},         {"home", 0700, BJ_FLAG_OWNED},
        {"empty", 0555, 0},    {"system", 0755, 0},
    };

    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
        bj_builder_dir(b, dirs[i].path, dirs[i].mode, dirs[i].flags);
    bj_builder_file(b, "void", "");
    bj_plan_dev_files(b, "root/dev");
    bj_builder_link(b, "root/var/run", "/run");
}

void bj_plan_scratch(struct bj_builder *b, const char *size, uint64_t inodes)
{
    char options[96];
    uint32_t source, text;
    struct bj_op *op;

    snprintf(options, sizeof options, "size=%s,nr_inodes=%llu,mode=755", size,
             (unsigned long long)inodes);
    source = bj_builder_text(b, b->host->scratch_point);
    text = bj_builder_text(b, options);
    op = bj_builder_op(b, BJ_OP_SCRATCH, BJ_LAYER_MOUNT);
    op->source = source;
    op->text = text;
}

static void mount_scratch(struct bj_builder *b)
{
    uint64_t mib = b->config->disk_mb > 0 ? (uint64_t)b->config->disk_mb : SCRATCH_DEFAULT_MIB;
    uint64_t inodes = mib * INODES_PER_MIB;
    char size[32];

    snprintf(size, sizeof size, "%lluk", (unsigned long long)mib * 1024);
    bj_plan_scratch(b, size, inodes < INODES_MIN ? INODES_MIN : inodes);
}

/* Directories below the home that hold keys, or what programs start by themselves. */
static bool holds_keys(const char *path, const struct bj_host *host)
{
    static const char *const names[] = {".ssh",
                                        ".gnupg",
                                        ".aws",
                                        ".kube",
                                        ".docker",
                                        ".local/bin",
                                        ".local/state/belljar",
                                        ".config/systemd",
                                        NULL};
    char place[BJ_PATH_MAX + 32];

    for (size_t i = 0; host->home[0] != '\0' && names[i] != NULL; i++) {
        snprintf(place, sizeof place, "%s/%s", host->home, names[i]);
        if (bj_path_is_below(path, place))
            return true;
    }
    return false;
}

/* Directories from which no workspace is started without a flag: too much lies below them. */
static bool is_too_wide(const char *path, const struct bj_host *host)
{
    static const char *const shared[] = {"/tmp",  "/var/tmp", "/run", "/dev", "/proc",
                                         "/sys",  "/etc",     "/usr", "/var", "/boot",
                                         "/home", "/root",    NULL};

    static const char *const systems[] = {"/proc", "/sys", "/dev",  "/etc",   "/boot", "/usr",
                                          "/bin",  "/lib", "/sbin", "/lib64", NULL};

    for (size_t i = 0; shared[i] != NULL; i++) {
        if (bj_streq(path, shared[i]))
            return true;
    }
    for (size_t i = 0; systems[i] != NULL; i++) {
        if (bj_path_is_below(path, systems[i]) && !bj_path_is_below(path, "/usr/src") &&
            !bj_path_is_below(path, "/usr/local/src"))
            return true;
    }
    if (holds_keys(path, host))
        return true;
    return bj_streq(path, "/") || (host->home[0] != '\0' && bj_path_is_below(host->home, path));
}

int bj_plan_workspace(const struct bj_config *config, const struct bj_host *host,
                      const char **ret_source, const char **ret_target, struct bj_error *err)
{
    if (config->workspace == BJ_WORKSPACE_EMPTY) {
        *ret_source = NULL;
        *ret_target = config->working_directory != NULL ? config->working_directory : "/workspace";
        return 0;
    }
    *ret_source = config->workspace_path != NULL ? config->workspace_path : host->directory;
    if ((*ret_source)[0] != '/')
        return bj_fail(err, BJ_E_INVALID, "workspace",
                       "the current directory has no path; use --workspace DIR");
    /* As it is called and as it is: a link or a ".." must not get round the question. */
    if (!config->allow_home &&
        (is_too_wide(*ret_source, host) || is_too_wide(host->workspace, host)))
        return bj_fail(err, BJ_E_DENIED, "workspace",
                       "will not make all of %s writable in a sandbox: change to a project's "
                       "directory, use --workspace DIR or --workspace empty, or say --allow-home",
                       *ret_source);
    *ret_target = config->working_directory != NULL ? config->working_directory : *ret_source;
    if (bj_streq(*ret_target, "/"))
        return bj_fail(err, BJ_E_INVALID, "workspace",
                       "the workspace cannot appear at /; say where with -w DIR");
    return 0;
}

static void bind_onto_itself(struct bj_builder *b, const char *workspace, const char *name,
                             uint32_t flags)
{
    char target[BJ_PATH_MAX];

    snprintf(target, sizeof target, "%s/%s", workspace, name);
    bj_builder_subtree(b, "", target, flags | BJ_FLAG_NO_DEV | BJ_FLAG_NO_CREATE, BJ_LAYER_MOUNT);
}

/* A link cannot be bound: what it is called could be made to lead elsewhere. */
static int protect_link(struct bj_builder *b, const struct bj_protected *row, struct bj_error *err)
{
    if (row->opens == BJ_OPT_ALLOW_GIT_CONFIG && !b->config->allow_degraded)
        return bj_fail(err, BJ_E_DENIED, "workspace",
                       "%s is, or lies behind, a symbolic link and cannot be kept read-only; "
                       "--allow-git-config leaves it writable",
                       row->path);
    bj_degradations_add(b->degraded, BJ_LAYER_MOUNT,
                        "%s is a symbolic link and cannot be kept read-only", row->path);
    return 0;
}

/*
 * Files of the workspace that the host would later execute: bound read-only onto themselves. A .git
 * is bound onto itself before its parts: a mount point cannot be moved away and made anew.
 */
static int protect(struct bj_builder *b, const char *workspace, struct bj_error *err)
{
    char target[BJ_PATH_MAX];

    if (b->host->git_directory && !b->config->allow_git_config)
        bind_onto_itself(b, workspace, ".git", 0);
    for (int i = 0; bj_protected_paths[i].path != NULL; i++) {
        const struct bj_protected *row = &bj_protected_paths[i];
        uint32_t bit = (uint32_t)1 << i;

        if (bj_protected_is_open(row, b->config) || !(b->host->protected_present & bit))
            continue;
        if (b->host->protected_links & bit) {
            int result = protect_link(b, row, err);

            if (result < 0)
                return result;
            continue;
        }
        bind_onto_itself(b, workspace, row->path, BJ_FLAG_READ_ONLY);
    }
    for (int i = 0; i < b->host->socket_count; i++) {
        snprintf(target, sizeof target, "%s/%s", workspace, b->host->sockets[i]);
        bj_builder_target(b, BJ_OP_MASK, BJ_LAYER_NETWORK, target);
    }
    return 0;
}

/* The places that the workload sees and may write, as Landlock rules. */
void bj_plan_access(struct bj_builder *b, const char *target, enum bj_grant access)
{
    uint32_t text = bj_builder_text(b, target);
    struct bj_op *op = bj_builder_op(b, BJ_OP_LANDLOCK, BJ_LAYER_LANDLOCK);

    op->target = text;
    op->number = access;
    op->flags = bj_plan_no_exec(b);
}

static void plan_landlock_rules(struct bj_builder *b, const char *workspace)
{
    if (!bj_builder_wants(b, BJ_LAYER_LANDLOCK) || b->host->landlock_abi == 0)
        return;
    bj_plan_access(b, "/", BJ_GRANT_READ);
    bj_plan_access(b, "/dev", BJ_GRANT_DEVICE);
    bj_plan_access(b, "/proc", BJ_GRANT_DEVICE);
    bj_plan_access(b, "/dev/shm", BJ_GRANT_WRITE);
    bj_plan_access(b, "/tmp", BJ_GRANT_WRITE);
    bj_plan_access(b, "/var/tmp", BJ_GRANT_WRITE);
    bj_plan_access(b, bj_plan_text(b->plan, b->plan->home), BJ_GRANT_WRITE);
    bj_plan_access(b, workspace, BJ_GRANT_WRITE);
    for (int64_t i = 0; i < b->config->volume_count; i++) {
        if (!b->config->volumes[i].read_only)
            bj_plan_access(b, b->config->volumes[i].target, BJ_GRANT_WRITE);
    }
    bj_plan_programs_rules(b);
}

struct tree_slots {
    uint32_t system[BJ_SYSTEM_DIRS_MAX];
    uint32_t system_mounts[BJ_SYSTEM_MOUNTS_MAX];
    uint32_t devices[BJ_DEVICES_MAX];
    uint32_t workspace;
    uint32_t volumes[BJ_VOLUMES_MAX];
    uint32_t sysfs;
};

static void open_sources(struct bj_builder *b, struct tree_slots *slots, const char *workspace)
{
    char path[64];

    for (int i = 0; i < b->host->system_count; i++) {
        if (b->host->system[i].kind == BJ_SYSTEM_DIRECTORY &&
            !(b->together && b->host->system[i].together))
            slots->system[i] = bj_plan_open(b, b->host->system[i].path, 0);
    }
    for (int i = 0; i < b->host->system_mount_count; i++)
        slots->system_mounts[i] = bj_plan_open(b, b->host->system_mounts[i], 0);
    for (int i = 0; bj_plan_device_names[i] != NULL; i++) {
        snprintf(path, sizeof path, "/dev/%s", bj_plan_device_names[i]);
        slots->devices[i] = bj_plan_open(b, path, 0);
    }
    if (b->config->sysfs)
        slots->sysfs = bj_plan_open(b, "/sys", 0);
    if (workspace != NULL && !b->host->privileged)
        slots->workspace = bj_plan_open(b, workspace, COPIED);
    for (int64_t i = 0; i < b->config->volume_count && !b->host->privileged; i++)
        slots->volumes[i] = bj_plan_open(b, b->config->volumes[i].source,
                                         b->config->volumes[i].read_only ? 0 : COPIED);
}

/* The file system that whoever asks for the launch sends with the plan. */
static uint32_t given_workspace(struct bj_builder *b)
{
    uint32_t slot = bj_builder_slot(b);
    struct bj_op *op = bj_builder_op(b, BJ_OP_WORKSPACE, BJ_LAYER_DISK);

    op->slot = slot;
    op->flags = bj_plan_no_exec(b);
    return slot;
}

/* Privileged: the host side opens what belongs to users, so these come before init's operations. */
static void open_owned_sources(struct bj_builder *b, struct tree_slots *slots,
                               const char *workspace)
{
    if (!b->host->privileged)
        return;
    if (workspace != NULL)
        slots->workspace = open_owned_tree(b, workspace, BJ_FLAG_NO_DEV);
    else if (b->host->workspace_given)
        slots->workspace = given_workspace(b);
    for (int64_t i = 0; i < b->config->volume_count; i++) {
        const struct bj_volume *volume = &b->config->volumes[i];
        uint32_t flags = BJ_FLAG_NO_DEV;

        if (volume->read_only) {
            flags |= BJ_FLAG_READ_ONLY;
            if (bj_builder_wants(b, BJ_LAYER_SHARED_TREES))
                flags |= BJ_FLAG_OVERLAY;
        }
        slots->volumes[i] = open_owned_tree(b, volume->source, flags);
    }
}

static void system_skeleton(struct bj_builder *b)
{
    char target[128];

    for (int i = 0; i < b->host->system_count; i++) {
        const struct bj_system_dir *dir = &b->host->system[i];

        snprintf(target, sizeof target, "root%s", dir->path);
        if (dir->kind == BJ_SYSTEM_DIRECTORY)
            bj_builder_dir(b, target, 0755, 0);
        else if (dir->kind == BJ_SYSTEM_LINK)
            bj_builder_link(b, target, dir->link);
    }
    if (b->config->sysfs)
        bj_builder_dir(b, "root/sys", 0755, 0);
}

static void attach_volume(struct bj_builder *b, const struct tree_slots *slots, int64_t i)
{
    const struct bj_volume *volume = &b->config->volumes[i];

    if (b->host->privileged)
        bj_plan_bind(b, slots->volumes[i], volume->source, volume->target, BJ_FLAG_DETACHED);
    else if (volume->read_only)
        read_only_tree(b, slots->volumes[i], volume->source, volume->target, "");
    else
        bj_plan_bind(b, slots->volumes[i], volume->source, volume->target,
                     BJ_FLAG_NO_DEV | BJ_FLAG_RECURSIVE | bj_plan_no_exec(b));
}

static int depth_of(const char *path)
{
    int depth = 0;

    for (; *path != '\0'; path++)
        depth += *path == '/';
    return depth;
}

/*
 * A mount covers what was mounted below it before, so the shallow ones come first; of equal depth
 * in the order they were given. `above`: those that the workspace lies in, else all others.
 */
static void attach_volumes(struct bj_builder *b, const struct tree_slots *slots,
                           const char *workspace, bool above)
{
    int64_t order[BJ_VOLUMES_MAX], count = 0;

    for (int64_t i = 0; i < b->config->volume_count; i++) {
        const char *target = b->config->volumes[i].target;
        int64_t at = count;

        if (above != (bj_path_is_below(workspace, target) && !bj_streq(workspace, target)))
            continue;
        for (; at > 0 && depth_of(b->config->volumes[order[at - 1]].target) > depth_of(target);
             at--)
            order[at] = order[at - 1];
        order[at] = i;
        count++;
    }
    for (int64_t i = 0; i < count; i++)
        attach_volume(b, slots, order[i]);
}

/* Is the directory shown by the overlay that it shares with others? */
static bool is_together(const struct bj_builder *b, const struct bj_system_dir *dir)
{
    return b->together && dir->together;
}

void bj_plan_open_root(struct bj_builder *b)
{
    b->together = false;
    for (int i = 0; i < b->host->system_count; i++)
        b->together |= b->host->system[i].together;
    b->together &= b->host->privileged && bj_builder_wants(b, BJ_LAYER_SHARED_TREES);
    if (!b->together)
        return;
    b->root_slot = bj_builder_slot(b);
    bj_builder_op(b, BJ_OP_HOST_ROOT, BJ_LAYER_SHARED_TREES)->slot = b->root_slot;
}

/*
 * One overlay of the root file system, of which the system directories are then bound: each
 * overlay is a file system of its own, and every file system makes every cgroup of memory larger.
 */
static void attach_together(struct bj_builder *b)
{
    uint32_t flags = BJ_FLAG_READ_ONLY | BJ_FLAG_NO_DEV | bj_plan_no_exec(b);
    uint32_t source, target, text;
    char names[256] = "", path[128];
    struct bj_op *op;

    for (int i = 0; i < b->host->system_count; i++) {
        if (is_together(b, &b->host->system[i]))
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s",
                     names[0] != '\0' ? "\n" : "", b->host->system[i].path + 1);
    }
    bj_builder_dir(b, "host", 0755, 0);
    bj_builder_dir(b, "merged", 0755, 0);
    source = bj_builder_text(b, "host");
    target = bj_builder_text(b, "merged");
    text = bj_builder_text(b, names);
    op = bj_builder_op(b, BJ_OP_SYSTEM, BJ_LAYER_SHARED_TREES);
    op->slot = b->root_slot;
    op->source = source;
    op->target = target;
    op->text = text;
    op->flags = bj_builder_requires(b, BJ_LAYER_SHARED_TREES) ? 0 : BJ_FLAG_OPTIONAL;
    for (int i = 0; i < b->host->system_count; i++) {
        const char *place = b->host->system[i].path;

        snprintf(path, sizeof path, "merged%s", place);
        if (is_together(b, &b->host->system[i]))
            bj_builder_subtree(b, path, place, flags, BJ_LAYER_SHARED_TREES);
    }
}

static void attach_system(struct bj_builder *b, const struct tree_slots *slots)
{
    if (b->together)
        attach_together(b);
    for (int i = 0; i < b->host->system_count; i++) {
        const struct bj_system_dir *dir = &b->host->system[i];

        if (dir->kind == BJ_SYSTEM_DIRECTORY && !is_together(b, dir))
            read_only_tree(b, slots->system[i], dir->path, dir->path,
                           bj_streq(dir->path, "/etc") ? "system/etc" : "");
    }
    for (int i = 0; i < b->host->system_mount_count; i++)
        read_only_tree(b, slots->system_mounts[i], b->host->system_mounts[i],
                       b->host->system_mounts[i], "");
    if (b->config->sysfs)
        bj_plan_bind(b, slots->sysfs, "/sys", "/sys",
                     BJ_FLAG_READ_ONLY | BJ_FLAG_NO_DEV | BJ_FLAG_NO_EXEC | BJ_FLAG_RECURSIVE);
}

int bj_plan_tree(struct bj_builder *b, struct bj_error *err)
{
    struct tree_slots slots = {0};
    const char *source, *target;
    uint32_t own_flags = BJ_FLAG_NO_DEV | bj_plan_no_exec(b);
    int result = bj_plan_workspace(b->config, b->host, &source, &target, err);

    bool given;

    if (result < 0)
        return result;
    given = source == NULL && b->host->privileged && b->host->workspace_given;
    b->plan->directory = bj_builder_text(b, target);
    open_owned_sources(b, &slots, source);
    bj_builder_op(b, BJ_OP_PRIVATE, BJ_LAYER_MOUNT);
    open_sources(b, &slots, source);

    mount_scratch(b);
    skeleton(b);
    system_skeleton(b);
    etc_files(b);
    machine_id_file(b);
    bj_plan_proc_files(b);
    bj_plan_programs_cover(b);
    if (source == NULL && !given)
        bj_builder_dir(b, "work", 0755, BJ_FLAG_OWNED);

    bj_builder_subtree(b, "root", "/", own_flags, BJ_LAYER_MOUNT);
    attach_system(b, &slots);
    bj_plan_dev_mounts(b, slots.devices, "/dev");
    bj_builder_subtree(b, "tmp", "/tmp", own_flags, BJ_LAYER_MOUNT);
    bj_builder_subtree(b, "vartmp", "/var/tmp", own_flags, BJ_LAYER_MOUNT);
    bj_builder_subtree(b, "home", bj_plan_text(b->plan, b->plan->home), own_flags, BJ_LAYER_MOUNT);
    bj_plan_proc_mounts(b);
    bj_plan_join_host(b);
    attach_volumes(b, &slots, target, true);
    if (given) {
        bj_plan_bind(b, slots.workspace, "", target, BJ_FLAG_DETACHED);
    } else if (source == NULL) {
        bj_builder_subtree(b, "work", target, own_flags, BJ_LAYER_MOUNT);
    } else {
        bj_plan_bind(b, slots.workspace, source, target,
                     b->host->privileged ? BJ_FLAG_DETACHED : own_flags | BJ_FLAG_RECURSIVE);
        result = protect(b, target, err);
    }
    if (result < 0)
        return result;
    attach_volumes(b, &slots, target, false);
    bj_plan_programs_mounts(b);
    /* As late as can be, for it waits; before the host's /proc is gone. */
    if (b->plan->layers & BJ_LAYER_BIT(NETWORK))
        bj_builder_op(b, BJ_OP_NETWORK_JOIN, BJ_LAYER_NETWORK);
    bj_builder_target(b, BJ_OP_READ_ONLY, BJ_LAYER_MOUNT, "/");
    bj_builder_op(b, BJ_OP_PIVOT, BJ_LAYER_MOUNT);
    b->plan->layers |= BJ_LAYER_BIT(MOUNT);
    if (bj_builder_wants(b, BJ_LAYER_SHARED_TREES))
        b->plan->layers |= BJ_LAYER_BIT(SHARED_TREES);
    plan_landlock_rules(b, target);
    return 0;
}
