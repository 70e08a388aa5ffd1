/*
 * The plan for a layout: the same layers as in namespaces.c, around a file tree that somebody else
 * spelled out step by step.
 *
 * The workload has the caller's ids, so that it sees the files as the caller does. Everything of
 * the sandbox's own lies in the scratch; each step mounts a part of it, or a tree of the host's,
 * where it says. Three things that a step would bring along from the host are replaced, because
 * they are not files: /proc belongs to the host's processes; /dev and /sys reach the kernel itself
 * where the caller is root, who needs no capability to open root's device nodes and knobs.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/layout.h"
#include "plan/plan_internal.h"

#define SCRATCH_SIZE   "50%" /* of memory, as a tmpfs has without a size */
#define SCRATCH_INODES (1u << 20)

struct layout_plan {
    struct bj_builder *b;
    const struct bj_layout *layout;
    uint32_t slots[BJ_LAYOUT_STEPS_MAX]; /* of each step; BJ_NO_SLOT = none */
    uint32_t devices[BJ_DEVICES_MAX];
    uint32_t filters[BJ_FILTERS_MAX];
    uint32_t passed[BJ_PASSED_MAX];
};

/* "/a" below "/" is "/a", below "/b" it is "/b/a". */
static void below(const char *directory, const char *name, char ret[static BJ_PATH_MAX])
{
    snprintf(ret, BJ_PATH_MAX, "%s%s", bj_streq(directory, "/") ? "" : directory, name);
}

/* Does a later step put something of this kind exactly there? */
static bool comes_later(const struct layout_plan *p, size_t step, enum bj_step_kind kind,
                        const char *target)
{
    for (size_t i = step + 1; i < p->layout->step_count; i++) {
        if (p->layout->steps[i].kind == kind && bj_streq(p->layout->steps[i].target, target))
            return true;
    }
    return false;
}

static bool binds(const struct bj_step *step, const char *source)
{
    return step->kind == BJ_STEP_BIND && bj_streq(step->source, source);
}

/* Would root's device nodes come along? */
static bool brings_devices(const struct layout_plan *p, const struct bj_step *step)
{
    return step->devices && p->b->host->uid == 0 && (binds(step, "/") || binds(step, "/dev"));
}

static bool needs_devices(const struct layout_plan *p)
{
    for (size_t i = 0; i < p->layout->step_count; i++) {
        if (p->layout->steps[i].kind == BJ_STEP_DEV || brings_devices(p, &p->layout->steps[i]))
            return true;
    }
    return false;
}

static uint32_t hand_over(struct bj_builder *b, int fd, uint32_t flags)
{
    uint32_t slot = bj_builder_slot(b);
    struct bj_op *op = bj_builder_op(b, BJ_OP_HOST_FD, BJ_LAYER_DESCRIPTORS);

    op->slot = slot;
    op->number = (uint64_t)fd;
    op->flags = flags;
    return slot;
}

static void hand_over_all(struct layout_plan *p)
{
    for (size_t i = 0; i < p->layout->step_count; i++) {
        p->slots[i] = BJ_NO_SLOT;
        if (p->layout->steps[i].fd >= 0)
            p->slots[i] = hand_over(p->b, p->layout->steps[i].fd, 0);
    }
    for (size_t i = 0; i < p->layout->filter_count; i++)
        p->filters[i] = hand_over(p->b, p->layout->filters[i], 0);
    for (size_t i = 0; i < p->layout->passed_count; i++)
        p->passed[i] = hand_over(p->b, p->layout->passed[i], 0);
    if (p->layout->held_fd >= 0)
        hand_over(p->b, p->layout->held_fd, BJ_FLAG_KEEP);
}

/*
 * Copied before the scratch is mounted: the copy of a tree around that place would show what is in
 * it.
 */
static void open_sources(struct layout_plan *p)
{
    char path[64];

    for (size_t i = 0; i < p->layout->step_count; i++) {
        const struct bj_step *step = &p->layout->steps[i];

        if (step->kind == BJ_STEP_BIND)
            p->slots[i] = bj_plan_open(p->b, step->source,
                                       BJ_FLAG_DETACHED | BJ_FLAG_RECURSIVE |
                                           (step->optional ? BJ_FLAG_OPTIONAL : 0));
    }
    for (int i = 0; needs_devices(p) && bj_plan_device_names[i] != NULL; i++) {
        snprintf(path, sizeof path, "/dev/%s", bj_plan_device_names[i]);
        p->devices[i] = bj_plan_open(p->b, path, 0);
    }
}

/* Directories of the scratch, one for each step that shows one. */
static void skeleton(struct layout_plan *p)
{
    char name[32];

    bj_builder_dir(p->b, "root", 0755, 0);
    bj_builder_dir(p->b, "empty", 0555, 0);
    bj_builder_file(p->b, "void", "");
    bj_builder_dir(p->b, "shm", 01777, 0);
    for (size_t i = 0; i < p->layout->step_count; i++) {
        const struct bj_step *step = &p->layout->steps[i];

        snprintf(name, sizeof name, "%zu", i);
        if (step->kind == BJ_STEP_TMPFS && step->size == 0)
            bj_builder_dir(p->b, name, step->mode, 0);
        if (step->kind == BJ_STEP_DEV || brings_devices(p, step)) {
            bj_builder_dir(p->b, name, 0755, 0);
            bj_plan_dev_files(p->b, name);
        }
    }
}

static void place_dev(struct layout_plan *p, size_t i, const char *target)
{
    char name[32];

    snprintf(name, sizeof name, "%zu", i);
    bj_builder_subtree(p->b, name, target, BJ_FLAG_NO_DEV | BJ_FLAG_CREATE, BJ_LAYER_MOUNT);
    bj_plan_dev_mounts(p->b, p->devices, target);
}

/* A /proc that nobody asked for, over the host's. */
static void replace_proc(struct layout_plan *p, size_t i, const char *target)
{
    if (comes_later(p, i, BJ_STEP_PROC, target))
        return;
    bj_builder_target(p->b, BJ_OP_MASK, BJ_LAYER_PROC, target);
    bj_plan_proc_at(p->b, target, BJ_FLAG_OPTIONAL);
}

static void place_bind(struct layout_plan *p, size_t i)
{
    const struct bj_step *step = &p->layout->steps[i];
    uint32_t flags = BJ_FLAG_DETACHED | BJ_FLAG_RECURSIVE | BJ_FLAG_CREATE;
    bool root = p->b->host->uid == 0;
    char path[BJ_PATH_MAX];

    if (binds(step, "/proc")) {
        if (!comes_later(p, i, BJ_STEP_PROC, step->target))
            bj_plan_proc_at(p->b, step->target, BJ_FLAG_CREATE);
        return;
    }
    if (binds(step, "/dev") && brings_devices(p, step)) {
        place_dev(p, i, step->target);
        return;
    }
    flags |= step->read_only || (root && binds(step, "/sys")) ? BJ_FLAG_READ_ONLY : 0;
    flags |= step->devices ? 0 : BJ_FLAG_NO_DEV;
    flags |= step->optional ? BJ_FLAG_OPTIONAL : 0;
    bj_plan_bind(p->b, p->slots[i], step->source, step->target, flags);
    if (!binds(step, "/"))
        return;
    below(step->target, "/proc", path);
    replace_proc(p, i, path);
    below(step->target, "/dev", path);
    if (brings_devices(p, step) && !comes_later(p, i, BJ_STEP_DEV, path))
        place_dev(p, i, path);
    below(step->target, "/sys", path);
    if (root && !step->read_only)
        bj_builder_target(p->b, BJ_OP_READ_ONLY, BJ_LAYER_MOUNT, path)->flags = BJ_FLAG_OPTIONAL;
}

static void place_tmpfs(struct layout_plan *p, size_t i)
{
    const struct bj_step *step = &p->layout->steps[i];
    char text[96];
    uint32_t options;
    struct bj_op *op;

    if (step->size == 0) {
        snprintf(text, sizeof text, "%zu", i);
        bj_builder_subtree(p->b, text, step->target, BJ_FLAG_NO_DEV | BJ_FLAG_CREATE,
                           BJ_LAYER_MOUNT);
        return;
    }
    snprintf(text, sizeof text, "size=%llu,nr_inodes=%u,mode=%o", (unsigned long long)step->size,
             SCRATCH_INODES, step->mode);
    options = bj_builder_text(p->b, text);
    op = bj_builder_target(p->b, BJ_OP_TMPFS, BJ_LAYER_MOUNT, step->target);
    op->text = options;
    op->flags = BJ_FLAG_NO_DEV | BJ_FLAG_CREATE;
}

static void place_simple(struct layout_plan *p, size_t i, enum bj_op_kind kind)
{
    const struct bj_step *step = &p->layout->steps[i];
    uint32_t text = step->source != NULL ? bj_builder_text(p->b, step->source) : 0;
    struct bj_op *op = bj_builder_target(p->b, kind, BJ_LAYER_MOUNT, step->target);

    op->text = text;
    op->slot = p->slots[i];
    op->number = step->mode;
    op->flags = BJ_FLAG_CREATE | BJ_FLAG_NO_DEV | (step->read_only ? BJ_FLAG_READ_ONLY : 0);
}

static void place(struct layout_plan *p, size_t i)
{
    const struct bj_step *step = &p->layout->steps[i];

    switch (step->kind) {
    case BJ_STEP_BIND:
        place_bind(p, i);
        break;
    case BJ_STEP_TMPFS:
        place_tmpfs(p, i);
        break;
    case BJ_STEP_DEV:
        place_dev(p, i, step->target);
        break;
    case BJ_STEP_PROC:
        bj_plan_proc_at(p->b, step->target, BJ_FLAG_CREATE);
        break;
    case BJ_STEP_MQUEUE:
        place_simple(p, i, BJ_OP_MQUEUE);
        break;
    case BJ_STEP_DIRECTORY:
        place_simple(p, i, BJ_OP_PLACE_DIR);
        break;
    case BJ_STEP_FILE:
        place_simple(p, i, BJ_OP_PLACE_FILE);
        break;
    case BJ_STEP_DATA:
        place_simple(p, i, BJ_OP_PLACE_DATA);
        break;
    case BJ_STEP_LINK:
        place_simple(p, i, BJ_OP_PLACE_LINK);
        break;
    case BJ_STEP_MODE:
        place_simple(p, i, BJ_OP_PLACE_MODE);
        break;
    case BJ_STEP_READ_ONLY:
        bj_builder_target(p->b, BJ_OP_READ_ONLY, BJ_LAYER_MOUNT, step->target)->flags =
            BJ_FLAG_SELF;
        break;
    case BJ_STEP_KIND_COUNT:
        break;
    }
}

/* May files be made in the root directory, once all steps are done? */
static bool root_is_writable(const struct layout_plan *p)
{
    bool writable = true;

    for (size_t i = 0; i < p->layout->step_count; i++) {
        const struct bj_step *step = &p->layout->steps[i];

        if (!bj_streq(step->target, "/"))
            continue;
        if (step->kind == BJ_STEP_BIND)
            writable = !step->read_only;
        else if (step->kind == BJ_STEP_TMPFS || step->kind == BJ_STEP_READ_ONLY)
            writable = step->kind == BJ_STEP_TMPFS;
    }
    return writable;
}

static void allow(struct layout_plan *p, const char *target, enum bj_grant access)
{
    bj_plan_access(p->b, target, access);
    p->b->plan->ops[p->b->plan->op_count - 1].flags = BJ_FLAG_OPTIONAL; /* or covered since */
}

static void allow_step(struct layout_plan *p, const struct bj_step *step)
{
    char path[BJ_PATH_MAX];

    switch (step->kind) {
    case BJ_STEP_BIND:
        if (!step->read_only)
            allow(p, step->target, BJ_GRANT_WRITE);
        if (step->devices)
            allow(p, step->target, BJ_GRANT_DEVICE);
        if (!binds(step, "/") && !binds(step, "/proc"))
            break;
        below(step->target, binds(step, "/") ? "/proc" : "", path);
        allow(p, path, BJ_GRANT_DEVICE);
        break;
    case BJ_STEP_DEV:
        allow(p, step->target, BJ_GRANT_DEVICE);
        allow(p, step->target, BJ_GRANT_WRITE);
        break;
    case BJ_STEP_PROC:
        allow(p, step->target, BJ_GRANT_DEVICE);
        break;
    case BJ_STEP_TMPFS:
    case BJ_STEP_MQUEUE:
    case BJ_STEP_DATA:
        if (!step->read_only)
            allow(p, step->target, BJ_GRANT_WRITE);
        break;
    default:
        break;
    }
}

static void plan_landlock(struct layout_plan *p)
{
    if (!bj_builder_wants(p->b, BJ_LAYER_LANDLOCK) || p->b->host->landlock_abi == 0)
        return;
    bj_plan_access(p->b, "/", root_is_writable(p) ? BJ_GRANT_WRITE : BJ_GRANT_READ);
    for (size_t i = 0; i < p->layout->step_count; i++)
        allow_step(p, &p->layout->steps[i]);
}

static void plan_tree(struct layout_plan *p)
{
    struct bj_builder *b = p->b;
    char size[32] = SCRATCH_SIZE;

    hand_over_all(p);
    bj_builder_op(b, BJ_OP_PRIVATE, BJ_LAYER_MOUNT);
    open_sources(p);
    if (b->config->disk_mb > 0)
        snprintf(size, sizeof size, "%lldk", (long long)b->config->disk_mb * 1024);
    bj_plan_scratch(b, size, SCRATCH_INODES);
    skeleton(p);
    bj_plan_proc_files(b);
    bj_builder_subtree(b, "root", "/", BJ_FLAG_NO_DEV, BJ_LAYER_MOUNT);
    bj_plan_join_host(b);
    for (size_t i = 0; i < p->layout->step_count; i++)
        place(p, i);
    /* As late as can be, for it waits; before the host's /proc is gone. */
    if (p->layout->own_network)
        bj_builder_op(b, BJ_OP_NETWORK_JOIN, BJ_LAYER_NETWORK);
    bj_builder_op(b, BJ_OP_PIVOT, BJ_LAYER_MOUNT);
    b->plan->layers |= BJ_LAYER_BIT(MOUNT) | BJ_LAYER_BIT(PROC);
}

static void plan_identity(struct layout_plan *p)
{
    struct bj_plan *plan = p->b->plan;
    const struct bj_layout *layout = p->layout;

    plan->uid = layout->uid;
    plan->gid = layout->gid;
    plan->workload_caps = layout->capabilities;
    plan->directory_tried = layout->keep_directory;
    plan->directory =
        bj_builder_text(p->b, layout->keep_directory ? p->b->host->directory : layout->directory);
    plan->home = layout->home != NULL ? bj_builder_text(p->b, layout->home) : 0;
    plan->shell_user = bj_builder_text(p->b, "user");
    bj_plan_map_own_id(p->b);
}

/* What every process that is started gets beside its streams. */
static void equip_processes(struct layout_plan *p)
{
    for (size_t i = 0; i < p->layout->filter_count; i++)
        bj_builder_op(p->b, BJ_OP_FILTER, BJ_LAYER_SECCOMP)->slot = p->filters[i];
    for (size_t i = 0; i < p->layout->passed_count; i++) {
        struct bj_op *op = bj_builder_op(p->b, BJ_OP_PASS, BJ_LAYER_DESCRIPTORS);

        op->slot = p->passed[i];
        op->number = (uint64_t)p->layout->passed[i];
    }
}

int bj_plan_layout(struct bj_builder *b, struct bj_error *err)
{
    struct layout_plan p = {.b = b, .layout = b->config->layout};
    struct bj_plan *plan = b->plan;
    int result;

    if (p.layout->step_count > BJ_LAYOUT_STEPS_MAX)
        return bj_fail(err, BJ_E_LIMIT, "plan", "more than %d steps make up the file tree",
                       BJ_LAYOUT_STEPS_MAX);
    if (b->config->command_whitelist != NULL)
        return bj_fail(err, BJ_E_UNSUPPORTED, "plan",
                       "a command_whitelist cannot be enforced in a file tree of one's own: the "
                       "programs listed would have to be the only ones in it");
    plan->clone_flags = CLONE_NEWUSER | CLONE_NEWPID;
    plan->layers |=
        BJ_LAYER_BIT(USER_NAMESPACE) | BJ_LAYER_BIT(PID) | BJ_LAYER_BIT(IPC) | BJ_LAYER_BIT(UTS);
    if (p.layout->own_network) {
        bj_builder_op(b, BJ_OP_NETWORK, BJ_LAYER_NETWORK);
        plan->layers |= BJ_LAYER_BIT(NETWORK);
    }
    bj_builder_op(b, BJ_OP_UNSHARE, BJ_LAYER_MOUNT)->number =
        CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
    plan_identity(&p);
    bj_plan_limit_user_namespace(b);
    result = bj_plan_limits(b, err);
    if (result < 0)
        return result;
    if (p.layout->hostname != NULL) {
        uint32_t name = bj_builder_text(b, p.layout->hostname);

        bj_builder_op(b, BJ_OP_HOSTNAME, BJ_LAYER_UTS)->text = name;
    }
    plan_tree(&p);
    equip_processes(&p);
    plan_landlock(&p);
    return bj_plan_close_doors(b, p.layout->nesting ? BJ_SECCOMP_NESTING : BJ_SECCOMP_SANDBOX, err);
}
