/*
 * The plan of sandbox_type bubblewrap: init makes the limits and a process tree that ends together;
 * what it starts is bwrap, which makes everything else. So the layers are those that bwrap has, and
 * what the native sandbox has beyond them is said to be missing.
 */
#include "base/str.h"
#include "plan/plan_internal.h"

static const bj_layer_set given =
    BJ_LAYER_BIT(USER_NAMESPACE) | BJ_LAYER_BIT(MOUNT) | BJ_LAYER_BIT(PID) | BJ_LAYER_BIT(IPC) |
    BJ_LAYER_BIT(UTS) | BJ_LAYER_BIT(CGROUP_NS) | BJ_LAYER_BIT(NO_NEW_PRIVS) |
    BJ_LAYER_BIT(CAPABILITIES) | BJ_LAYER_BIT(SESSION) | BJ_LAYER_BIT(DESCRIPTORS);

/* What can be left out by name: the limits, and the filter that bwrap is given. */
static const bj_layer_set removable = BJ_LAYER_BIT(SECCOMP) | BJ_LAYER_BIT(MEMORY) |
                                      BJ_LAYER_BIT(CPU) | BJ_LAYER_BIT(PROCESSES) |
                                      BJ_LAYER_BIT(DISK);

static const struct {
    enum bj_layer layer;
    const char *reason;
} missing[] = {
    {BJ_LAYER_LANDLOCK, "bubblewrap has no Landlock rules"},
    {BJ_LAYER_PROC, "of the host's /proc only the knobs are read-only; counters are the host's"},
    {BJ_LAYER_SHARED_TREES, "system directories are bound: locks on their files reach the host"},
    {BJ_LAYER_TIME, "uptime is the host's"},
    {BJ_LAYER_OWN_UID, "the command is the caller's own user to the host"},
};

static int refuse(struct bj_error *err, const char *what)
{
    return bj_fail(err, BJ_E_LAYER, "bubblewrap",
                   "sandbox_type bubblewrap has no %s; sandbox_type native does", what);
}

/* What was asked for by name and bubblewrap cannot do is an error before anything runs. */
static int check(const struct bj_builder *b, struct bj_error *err)
{
    const struct bj_config *config = b->config;

    if (config->isolation != BJ_ISOLATION_NAMESPACES)
        return refuse(err, "isolation without namespaces");
    if (config->command_whitelist != NULL)
        return refuse(err, "list of commands that the kernel enforces");
    if (config->ids != BJ_IDS_SINGLE)
        return refuse(err, "subordinate ids");
    if (config->sysfs)
        return refuse(err, "/sys");
    if (config->workspace == BJ_WORKSPACE_EMPTY && bj_config_said(config, BJ_OPT_DISK_MB) &&
        config->disk_mb > 0 && !config->allow_degraded)
        return refuse(err, "limit of what is written to an empty workspace");
    for (int i = 0; i < BJ_LAYER_COUNT; i++) {
        if (!bj_builder_wants(b, (enum bj_layer)i) && !(removable & (bj_layer_set)1 << i))
            return bj_fail(err, BJ_E_LAYER, "bubblewrap",
                           "sandbox_type bubblewrap cannot leave out the layer %s",
                           bj_layer_name((enum bj_layer)i));
    }
    return 0;
}

static void join_cgroups(struct bj_builder *b)
{
    uint32_t count = b->plan->op_count;
    bool waits = false;

    for (uint32_t i = 0; i < count; i++) {
        if (b->plan->ops[i].kind != BJ_OP_CGROUP)
            continue;
        if (!waits)
            bj_builder_op(b, BJ_OP_WAIT_HOST, BJ_LAYER_MEMORY);
        waits = true;
        bj_builder_op(b, BJ_OP_JOIN_CGROUP, BJ_LAYER_MEMORY)->slot = b->plan->ops[i].slot;
    }
}

int bj_plan_bubblewrap(struct bj_builder *b, struct bj_error *err)
{
    struct bj_plan *plan = b->plan;
    bool root = b->config->user == BJ_USER_ROOT;
    const char *source, *target;
    int result = check(b, err);

    if (result == 0)
        result = bj_plan_workspace(b->config, b->host, &source, &target, err);
    if (result < 0)
        return result;
    plan->isolation = BJ_ISOLATION_NONE;
    plan->uid = plan->init_uid = plan->sandbox_uid = b->host->uid;
    plan->gid = plan->init_gid = plan->sandbox_gid = b->host->gid;
    plan->directory = bj_builder_text(b, "/"); /* of bwrap itself, which changes on its own */
    plan->home = bj_builder_text(b, root ? "/root" : "/home/user");
    plan->shell_user = bj_builder_text(b, root ? "root" : "user");
    result = bj_plan_limits(b, err);
    if (result < 0)
        return result;
    join_cgroups(b);
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        bj_degradations_add(b->degraded, missing[i].layer, "%s", missing[i].reason);
    bj_builder_op(b, BJ_OP_SUBREAPER, BJ_LAYER_SESSION);
    plan->layers |= given;
    if (b->config->network != BJ_NETWORK_HOST)
        plan->layers |= BJ_LAYER_BIT(NETWORK);
    if (bj_builder_wants(b, BJ_LAYER_SECCOMP))
        plan->layers |= BJ_LAYER_BIT(SECCOMP);
    return 0;
}
