/*
 * The plan where user namespaces are forbidden: Landlock and a filter confine files, network and
 * system calls; nothing hides the host's processes, names or addresses, and there is no root of its
 * own. Chosen only by name or with --allow-degraded.
 */
#include <stdio.h>

#include "base/str.h"
#include "plan/plan_internal.h"

static void allow(struct bj_builder *b, const char *target, enum bj_grant access, uint32_t flags)
{
    uint32_t text = bj_builder_text(b, target);
    struct bj_op *op = bj_builder_op(b, BJ_OP_LANDLOCK, BJ_LAYER_LANDLOCK);

    op->target = text;
    op->number = access;
    op->flags = flags | bj_plan_no_exec(b);
}

static int check(const struct bj_builder *b, struct bj_error *err)
{
    if (b->host->landlock_abi == 0)
        return bj_fail(
            err, BJ_E_LAYER, "landlock",
            "this kernel has no Landlock, and user namespaces are not to be had: nothing "
            "would confine the command");
    if (!bj_builder_wants(b, BJ_LAYER_LANDLOCK) || !bj_builder_wants(b, BJ_LAYER_SECCOMP))
        return bj_fail(err, BJ_E_LAYER, "landlock",
                       "--isolation landlock stands on landlock and seccomp; neither can be off");
    if (b->config->workspace == BJ_WORKSPACE_EMPTY || b->config->working_directory != NULL)
        return bj_fail(
            err, BJ_E_LAYER, "landlock",
            "--isolation landlock cannot move or empty the workspace: that takes a mount "
            "namespace");
    if (b->config->user == BJ_USER_ROOT)
        return bj_fail(err, BJ_E_LAYER, "landlock",
                       "--isolation landlock has no root inside: that takes a user namespace");
    if (b->host->uid == 0 && b->host->initial_user_ns)
        return bj_fail(err, BJ_E_LAYER, "landlock",
                       "--isolation landlock does not run as root: the command would stay root on "
                       "this host; start it as an ordinary user");
    for (int64_t i = 0; i < b->config->volume_count; i++) {
        const struct bj_volume *volume = &b->config->volumes[i];

        if (!bj_streq(volume->source, volume->target))
            return bj_fail(err, BJ_E_LAYER, "landlock",
                           "--isolation landlock cannot show %s at another path", volume->source);
    }
    return 0;
}

static void note_missing(struct bj_builder *b)
{
    static const struct {
        enum bj_layer layer;
        const char *reason;
    } missing[] = {
        {BJ_LAYER_USER_NAMESPACE, "runs as the caller's own user"},
        {BJ_LAYER_MOUNT, "the host's file names stay visible; only allowed files open; .git/hooks "
                         "and its like in the workspace stay writable"},
        {BJ_LAYER_PID, "the host's processes are visible"},
        {BJ_LAYER_PROC, "the host's /proc"},
        {BJ_LAYER_LANDLOCK,
         "modes, times and extended attributes of the caller's files can be changed "
         "wherever they lie; their contents cannot"},
    };

    if (b->host->landlock_abi < 6)
        bj_degradations_add(b->degraded, BJ_LAYER_LANDLOCK,
                            "this kernel's Landlock does not confine signals: the command can end "
                            "the caller's other processes");
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        bj_degradations_add(b->degraded, missing[i].layer, "%s", missing[i].reason);
}

static void allow_files(struct bj_builder *b, const char *workspace)
{
    static const char *const readable[] = {"/dev/null",    "/dev/zero", "/dev/full", "/dev/random",
                                           "/dev/urandom", "/dev/tty",  NULL};

    for (int i = 0; i < b->host->system_count; i++) {
        if (b->host->system[i].kind != BJ_SYSTEM_ABSENT)
            allow(b, b->host->system[i].path, BJ_GRANT_READ, 0);
    }
    for (size_t i = 0; readable[i] != NULL; i++)
        allow(b, readable[i], BJ_GRANT_DEVICE, BJ_FLAG_OPTIONAL);
    allow(b, "/proc", BJ_GRANT_READ, BJ_FLAG_OPTIONAL);
    allow(b, workspace, BJ_GRANT_WRITE, 0);
    for (int64_t i = 0; i < b->config->volume_count; i++)
        allow(b, b->config->volumes[i].target,
              b->config->volumes[i].read_only ? BJ_GRANT_READ : BJ_GRANT_WRITE, 0);
}

int bj_plan_landlock(struct bj_builder *b, struct bj_error *err)
{
    struct bj_plan *plan = b->plan;
    const char *source, *target;
    int result = check(b, err);

    if (result == 0)
        result = bj_plan_workspace(b->config, b->host, &source, &target, err);
    if (result < 0)
        return result;
    plan->uid = plan->init_uid = plan->sandbox_uid = b->host->uid;
    plan->gid = plan->init_gid = plan->sandbox_gid = b->host->gid;
    plan->directory = bj_builder_text(b, target);
    plan->home = plan->directory;
    plan->shell_user = bj_builder_text(b, "user");
    result = bj_plan_limits(b, err);
    if (result < 0)
        return result;
    for (uint32_t i = 0, count = plan->op_count; i < count; i++) {
        if (plan->ops[i].kind == BJ_OP_CGROUP) {
            bj_builder_op(b, BJ_OP_WAIT_HOST, BJ_LAYER_MEMORY);
            break;
        }
    }
    for (uint32_t i = 0, count = plan->op_count; i < count; i++) {
        if (plan->ops[i].kind == BJ_OP_CGROUP)
            bj_builder_op(b, BJ_OP_JOIN_CGROUP, BJ_LAYER_MEMORY)->slot = plan->ops[i].slot;
    }
    note_missing(b);
    bj_builder_op(b, BJ_OP_SUBREAPER, BJ_LAYER_SESSION);
    allow_files(b, target);
    bj_plan_programs_rules(b);
    bj_builder_op(b, BJ_OP_NO_NEW_PRIVS, BJ_LAYER_NO_NEW_PRIVS);
    bj_builder_op(b, BJ_OP_LANDLOCK_ON, BJ_LAYER_LANDLOCK)->number =
        b->config->network == BJ_NETWORK_HOST ? 0 : 1;
    bj_builder_op(b, BJ_OP_SECCOMP, BJ_LAYER_SECCOMP)->number = bj_plan_profile(
        b, b->config->network == BJ_NETWORK_HOST ? BJ_SECCOMP_SANDBOX : BJ_SECCOMP_NO_NETWORK);
    plan->layers |= BJ_LAYER_BIT(LANDLOCK) | BJ_LAYER_BIT(SECCOMP) | BJ_LAYER_BIT(NO_NEW_PRIVS) |
                    BJ_LAYER_BIT(SESSION) | BJ_LAYER_BIT(DESCRIPTORS) | BJ_LAYER_BIT(CAPABILITIES);
    if (b->config->network != BJ_NETWORK_HOST)
        plan->layers |= BJ_LAYER_BIT(NETWORK);
    return 0;
}
