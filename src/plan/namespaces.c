/*
 * The plan of the native backend where user namespaces are to be had: all layers.
 *
 * Order, and why: the clone gives a user and a pid namespace; init then makes the other namespaces
 * itself while the host side, on the other processor, maps ids, and builds its tree while the host
 * side makes cgroups and opens the users' trees. Init stops twice: where it needs its ids, and
 * where it needs what the host side opened. The network namespace, the dearest of all, is made on
 * the side and entered when the mounts are there. Mounts come before /proc is used and before the
 * doors close: Landlock, then no_new_privs, then the filter, which also binds init.
 */
#include <sched.h>
#include <stdio.h>

#include <linux/capability.h>

#include "plan/plan_internal.h"

#define TIME_KERNEL 6003 /* from here on exec(2) enters a time namespace after vfork(2) */
#define INSIDE_UID  1000 /* of an ordinary user in a sandbox with ids of its own */

#define CAP_BIT(name) ((uint64_t)1 << CAP_##name)

/* What root inside keeps: rule over its own files and processes, nothing that reaches
 * the kernel. */
#define ROOT_CAPS                                                                                  \
    (CAP_BIT(CHOWN) | CAP_BIT(DAC_OVERRIDE) | CAP_BIT(FOWNER) | CAP_BIT(FSETID) | CAP_BIT(KILL) |  \
     CAP_BIT(SETGID) | CAP_BIT(SETUID) | CAP_BIT(SETPCAP) | CAP_BIT(NET_BIND_SERVICE))

/* What init keeps to start processes as the workload's user and to end them. */
#define INIT_CAPS (CAP_BIT(SETUID) | CAP_BIT(SETGID) | CAP_BIT(KILL))

/* Privileged: host ids that belong to this sandbox alone; init has one, an ordinary workload the
 * next. */
static void plan_own_ids(struct bj_builder *b)
{
    struct bj_plan *plan = b->plan;

    plan->init_uid = plan->init_gid = 0;
    plan->uid = plan->gid = b->config->user == BJ_USER_ROOT ? 0 : INSIDE_UID;
    plan->sandbox_uid = plan->sandbox_gid = b->config->user == BJ_USER_ROOT ? 0 : 1;
    plan->id_first = b->host->id_first;
    plan->id_slots = b->host->id_slots;
    plan->id_random = b->host->id_random;
    bj_builder_op(b, BJ_OP_ID_MAP, BJ_LAYER_OWN_UID);
    plan->layers |= BJ_LAYER_BIT(OWN_UID);
}

void bj_plan_map_own_id(struct bj_builder *b)
{
    struct bj_plan *plan = b->plan;
    char uids[64], gids[64];
    uint32_t source, text;
    struct bj_op *op;

    plan->init_uid = plan->uid;
    plan->init_gid = plan->gid;
    plan->sandbox_uid = b->host->uid;
    plan->sandbox_gid = b->host->gid;
    snprintf(uids, sizeof uids, "%u %u 1\n", plan->uid, b->host->uid);
    snprintf(gids, sizeof gids, "%u %u 1\n", plan->gid, b->host->gid);
    source = bj_builder_text(b, uids);
    text = bj_builder_text(b, gids);
    op = bj_builder_op(b, BJ_OP_ID_MAP_SELF, BJ_LAYER_USER_NAMESPACE);
    op->source = source;
    op->text = text;
}

/* Unprivileged: the caller's own id is the only one that may be mapped. */
static void plan_single_id(struct bj_builder *b)
{
    bool root = b->config->user == BJ_USER_ROOT;

    /* An ordinary user inside has an ordinary number, whoever started it. */
    b->plan->uid = root ? 0 : b->host->uid != 0 ? b->host->uid : INSIDE_UID;
    b->plan->gid = root ? 0 : b->host->gid != 0 ? b->host->gid : INSIDE_UID;
    bj_plan_map_own_id(b);
}

/*
 * The caller's id where it is (or as 0), its subordinate ones around it: arguments of newuidmap(1),
 * triplets of inside, outside and count.
 */
static void subordinate_lines(uint32_t inside, uint32_t id, uint32_t first, uint32_t count,
                              char *ret, size_t size)
{
    uint32_t below = inside < count ? inside : count;
    size_t used = 0;

    if (below > 0)
        used = (size_t)snprintf(ret, size, "0 %u %u ", first, below);
    used += (size_t)snprintf(ret + used, size - used, "%u %u 1", inside, id);
    if (count > below)
        snprintf(ret + used, size - used, " %u %u %u", inside + 1, first + below, count - below);
}

static void plan_subordinate_ids(struct bj_builder *b)
{
    const struct bj_host *host = b->host;
    struct bj_plan *plan = b->plan;
    bool root = b->config->user == BJ_USER_ROOT;
    char uids[96], gids[96];
    uint32_t source, text;
    struct bj_op *op;

    plan->uid = plan->init_uid = root ? 0 : host->uid;
    plan->gid = plan->init_gid = root ? 0 : host->gid;
    plan->sandbox_uid = host->uid;
    plan->sandbox_gid = host->gid;
    subordinate_lines(plan->uid, host->uid, host->sub_uid_first, host->sub_uid_count, uids,
                      sizeof uids);
    subordinate_lines(plan->gid, host->gid, host->sub_gid_first, host->sub_gid_count, gids,
                      sizeof gids);
    source = bj_builder_text(b, uids);
    text = bj_builder_text(b, gids);
    op = bj_builder_op(b, BJ_OP_ID_MAP_SUB, BJ_LAYER_USER_NAMESPACE);
    op->source = source;
    op->text = text;
}

static uint64_t unshare_flags(struct bj_builder *b)
{
    static const struct {
        enum bj_layer layer;
        uint64_t flag;
    } rows[] = {
        {BJ_LAYER_MOUNT, CLONE_NEWNS},
        {BJ_LAYER_IPC, CLONE_NEWIPC},
        {BJ_LAYER_UTS, CLONE_NEWUTS},
    };
    uint64_t flags = 0;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].layer != BJ_LAYER_MOUNT && !bj_builder_wants(b, rows[i].layer))
            continue;
        flags |= rows[i].flag;
        b->plan->layers |= (bj_layer_set)1 << rows[i].layer;
    }
    return flags;
}

void bj_plan_join_host(struct bj_builder *b)
{
    bool acted = false;

    for (uint32_t i = 0; i < b->plan->op_count; i++) {
        enum bj_op_kind kind = (enum bj_op_kind)b->plan->ops[i].kind;

        acted |= kind == BJ_OP_CGROUP || kind == BJ_OP_HOST_TREE || kind == BJ_OP_HOST_FD ||
                 kind == BJ_OP_WORKSPACE;
    }
    if (acted)
        bj_builder_op(b, BJ_OP_WAIT_HOST, BJ_LAYER_MOUNT);
    for (uint32_t i = 0, count = b->plan->op_count; i < count; i++) {
        const struct bj_op made = b->plan->ops[i];

        if (made.kind == BJ_OP_CGROUP)
            bj_builder_op(b, BJ_OP_JOIN_CGROUP, (enum bj_layer)made.layer)->slot = made.slot;
    }
    if (bj_builder_wants(b, BJ_LAYER_CGROUP_NS)) {
        bj_builder_op(b, BJ_OP_CGROUP_NS, BJ_LAYER_CGROUP_NS);
        b->plan->layers |= BJ_LAYER_BIT(CGROUP_NS);
    }
}

int bj_plan_close_doors(struct bj_builder *b, enum bj_seccomp_profile profile, struct bj_error *err)
{
    bool landlock = bj_builder_wants(b, BJ_LAYER_LANDLOCK) && b->host->landlock_abi > 0;
    bool own_ids = b->host->privileged;
    int result = 0;

    if (bj_builder_wants(b, BJ_LAYER_LANDLOCK) && !landlock)
        result = bj_builder_cannot(b, BJ_LAYER_LANDLOCK, false,
                                   "this kernel has no Landlock, or it is not among its lsm=", err);
    if (result < 0)
        return result;

    if (landlock) {
        bj_builder_op(b, BJ_OP_LANDLOCK_ON, BJ_LAYER_LANDLOCK);
        b->plan->layers |= BJ_LAYER_BIT(LANDLOCK);
    }
    bj_builder_op(b, BJ_OP_CAPABILITIES, BJ_LAYER_CAPABILITIES)->number =
        b->plan->workload_caps | (own_ids ? INIT_CAPS : 0);
    bj_builder_op(b, BJ_OP_NO_NEW_PRIVS, BJ_LAYER_NO_NEW_PRIVS);
    if (bj_builder_wants(b, BJ_LAYER_SECCOMP)) {
        bj_builder_op(b, BJ_OP_SECCOMP, BJ_LAYER_SECCOMP)->number = bj_plan_profile(b, profile);
        b->plan->layers |= BJ_LAYER_BIT(SECCOMP);
    }
    b->plan->layers |= BJ_LAYER_BIT(CAPABILITIES) | BJ_LAYER_BIT(NO_NEW_PRIVS) |
                       BJ_LAYER_BIT(SESSION) | BJ_LAYER_BIT(DESCRIPTORS);
    return 0;
}

/*
 * What the kernel counts for the caller all the same: inotify instances inside come out of the 128
 * that the namespace's owner has (inotify(7)), so a sandbox may have half of them.
 */
void bj_plan_limit_user_namespace(struct bj_builder *b)
{
    uint32_t source = bj_builder_text(b, "/proc/sys/user/max_inotify_instances");
    uint32_t text = bj_builder_text(b, "64");
    struct bj_op *op = bj_builder_op(b, BJ_OP_SYSCTL, BJ_LAYER_USER_NAMESPACE);

    op->source = source;
    op->text = text;
    op->flags = BJ_FLAG_OPTIONAL;
}

int bj_plan_namespaces(struct bj_builder *b, struct bj_error *err)
{
    struct bj_plan *plan = b->plan;
    int result;

    plan->clone_flags = CLONE_NEWUSER | CLONE_NEWPID;
    plan->layers |= BJ_LAYER_BIT(USER_NAMESPACE) | BJ_LAYER_BIT(PID);
    plan->workload_caps = b->config->user == BJ_USER_ROOT ? ROOT_CAPS : 0;
    plan->home = bj_builder_text(b, b->config->user == BJ_USER_ROOT ? "/root" : "/home/user");
    plan->shell_user = bj_builder_text(b, b->config->user == BJ_USER_ROOT ? "root" : "user");

    if (b->config->network != BJ_NETWORK_HOST && bj_builder_wants(b, BJ_LAYER_NETWORK)) {
        bj_builder_op(b, BJ_OP_NETWORK, BJ_LAYER_NETWORK);
        plan->layers |= BJ_LAYER_BIT(NETWORK);
    }
    bj_builder_op(b, BJ_OP_UNSHARE, BJ_LAYER_MOUNT)->number = unshare_flags(b);
    if (bj_builder_wants(b, BJ_LAYER_TIME) && b->host->kernel >= TIME_KERNEL) {
        bj_builder_op(b, BJ_OP_TIME, BJ_LAYER_TIME);
        plan->layers |= BJ_LAYER_BIT(TIME);
    }
    if (b->host->privileged && b->host->oom_score < 0)
        bj_builder_op(b, BJ_OP_OOM_SCORE, BJ_LAYER_USER_NAMESPACE);
    if (b->host->privileged)
        plan_own_ids(b);
    else if (b->config->ids == BJ_IDS_SUBORDINATE)
        plan_subordinate_ids(b);
    else
        plan_single_id(b);
    bj_plan_open_root(b);
    if (b->host->privileged || b->config->ids == BJ_IDS_SUBORDINATE)
        bj_builder_op(b, BJ_OP_WAIT_HOST, BJ_LAYER_USER_NAMESPACE);
    bj_plan_limit_user_namespace(b);
    if (b->host->privileged)
        bj_builder_op(b, BJ_OP_IDENTITY, BJ_LAYER_USER_NAMESPACE);
    result = bj_plan_limits(b, err);
    if (result < 0)
        return result;
    if (plan->layers & BJ_LAYER_BIT(UTS)) {
        uint32_t name = bj_builder_text(b, b->config->hostname);

        bj_builder_op(b, BJ_OP_HOSTNAME, BJ_LAYER_UTS)->text = name;
    }
    result = bj_plan_tree(b, err);
    if (result < 0)
        return result;
    return bj_plan_close_doors(b, BJ_SECCOMP_SANDBOX, err);
}
