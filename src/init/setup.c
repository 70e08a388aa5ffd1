/*
 * Executes init's side of a plan: one short loop over the operations, each a call into src/linux.
 * What builds the file tree is in mounts.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "init/init_internal.h"
#include "linux/idmap.h"
#include "linux/landlock.h"
#include "linux/mount.h"
#include "linux/network.h"
#include "linux/process.h"
#include "linux/seccomp.h"
#include "linux/socket.h"

#include <linux/capability.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* Receives the slots that the host side filled, in the plan's order, until it says GO. */
static int wait_host(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    (void)op;

    for (;;) {
        struct {
            struct bj_frame_head head;
            uint32_t slots[BJ_FRAME_FDS_MAX];
        } packet;
        struct bj_fds fds;
        ssize_t length = bj_socket_receive(init->socket_fd, &packet, sizeof packet, &fds, 0);

        if (length < 0)
            return bj_fail_errno(err, "wait", "cannot hear from the host side");
        if (length < (ssize_t)sizeof packet.head || packet.head.type != BJ_FRAME_GO ||
            (size_t)length != sizeof packet.head + fds.count * sizeof *packet.slots)
            return bj_fail(err, BJ_E_ENDED, "wait", "the host side ended the launch");
        for (size_t i = 0; i < fds.count; i++) {
            if (packet.slots[i] >= BJ_TREES_MAX)
                return bj_fail(err, BJ_E_PROTOCOL, "wait", "slot %u is out of range",
                               packet.slots[i]);
            init->slots[packet.slots[i]] = fds.fd[i];
        }
        if (packet.head.value != 0)
            return 0;
    }
}

/* time_namespaces(7): the offset is set before a process enters, which its execve(2) does. */
static int new_time(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    struct timespec up;
    char text[48];

    (void)init;
    (void)op;
    if (BJ_SYS(unshare(CLONE_NEWTIME)) < 0)
        return bj_fail_errno(err, "time",
                             "cannot make a time namespace; --without time does without");
    clock_gettime(CLOCK_BOOTTIME, &up);
    snprintf(text, sizeof text, "boottime -%lld 0\n", (long long)up.tv_sec);
    if (bj_write_file_at(AT_FDCWD, "/proc/self/timens_offsets", text) < 0)
        return bj_fail_errno(err, "time", "cannot set the time namespace's offset");
    return 0;
}

static int join_cgroup(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    /* "0" is the writer itself: the kernel then need not stop the world (no lock on forks). */
    if (BJ_SYS(bj_fd_write_all(init->slots[op->slot], "0", 1)) < 0)
        return bj_fail_errno(err, "cgroup", "cannot join the cgroup of the %s limit",
                             bj_layer_name((enum bj_layer)op->layer));
    bj_fd_close(&init->slots[op->slot]);
    return 0;
}

static int become_root(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    (void)init;
    (void)op;
    if (BJ_SYS(setgroups(0, NULL)) < 0 || BJ_SYS(setresgid(0, 0, 0)) < 0 ||
        BJ_SYS(setresuid(0, 0, 0)) < 0)
        return bj_fail_errno(err, "identity", "cannot become user 0 of the user namespace");
    /* Changing ids forgets the signal that the parent's death sends. */
    if (bj_process_die_with_parent() < 0)
        return bj_fail_errno(err, "identity", "cannot ask to die with the parent");
    return 0;
}

/* The rules are made when the first of them comes; what they handle stands in LANDLOCK_ON. */
static int landlock_begin(struct bj_init *init, struct bj_error *err)
{
    bool no_tcp = false;

    for (uint32_t i = 0; i < init->plan->op_count; i++) {
        if (init->plan->ops[i].kind == BJ_OP_LANDLOCK_ON)
            no_tcp = init->plan->ops[i].number != 0;
    }
    init->landlock_abi = bj_landlock_abi();
    init->ruleset_fd = bj_landlock_new(init->landlock_abi, no_tcp);
    if (init->ruleset_fd < 0)
        return bj_fail_errno(err, "landlock", "cannot make Landlock rules");
    return 0;
}

static int landlock_rule(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *target = bj_plan_text(init->plan, op->target);
    BJ_CLEANUP_CLOSE int path_fd = -1;
    int result = init->ruleset_fd < 0 ? landlock_begin(init, err) : 0;

    if (result < 0)
        return result;
    path_fd = BJ_SYS(open(target, O_PATH | O_CLOEXEC));
    if (path_fd < 0 && errno == ENOENT && op->flags & BJ_FLAG_OPTIONAL)
        return 0;
    if (path_fd < 0)
        return bj_fail_errno(err, "landlock", "cannot open %s for its access rule", target);
    if (bj_landlock_allow(init->ruleset_fd, init->landlock_abi, path_fd, (enum bj_grant)op->number,
                          !(op->flags & BJ_FLAG_NO_EXEC)) < 0)
        return bj_fail_errno(err, "landlock", "cannot add an access rule for %s", target);
    return 0;
}

/* A list of paths without links, each as an access rule that lets it be executed. */
static int landlock_run(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int root_fd = BJ_SYS(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    const char *list = bj_plan_text(init->plan, op->text);
    int result = init->ruleset_fd < 0 ? landlock_begin(init, err) : 0;
    char path[BJ_PATH_MAX];

    if (root_fd < 0)
        return bj_fail_errno(err, "landlock", "cannot open the root");
    while (result == 0 && bj_init_next_line(&list, path)) {
        BJ_CLEANUP_CLOSE int path_fd = bj_mount_resolve_plain(root_fd, path);

        if (path_fd < 0 || bj_landlock_allow(init->ruleset_fd, init->landlock_abi, path_fd,
                                             BJ_GRANT_READ, true) < 0)
            result = bj_fail_errno(err, "landlock", "cannot let %s be executed", path);
    }
    return result;
}

static int landlock_on(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    (void)op;
    if (bj_landlock_enforce(init->ruleset_fd) < 0)
        return bj_fail_errno(err, "landlock", "cannot enforce Landlock rules");
    bj_fd_close(&init->ruleset_fd);
    return 0;
}

static int drop_capabilities(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const struct bj_plan *plan = init->plan;

    if (plan->workload_caps == 0) {
        if (bj_process_no_root() < 0)
            return bj_fail_errno(err, "capabilities", "cannot lock the secure bits");
    } else {
        for (int cap = 0; cap < 64; cap++) {
            if (!(plan->workload_caps & (uint64_t)1 << cap) &&
                prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
                return bj_fail_errno(err, "capabilities", "cannot drop capability %d", cap);
        }
    }
    if (bj_process_keep_capabilities(op->number) < 0)
        return bj_fail_errno(err, "capabilities", "cannot drop capabilities");
    return 0;
}

static int new_namespaces(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    (void)init;
    if (BJ_SYS(unshare((int)op->number)) < 0)
        return bj_process_explain_namespaces(err, "cannot make new namespaces");
    return 0;
}

static int new_cgroup_namespace(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    (void)init;
    (void)op;
    if (BJ_SYS(unshare(CLONE_NEWCGROUP)) < 0)
        return bj_fail_errno(err, "namespace", "cannot make a new cgroup namespace");
    return 0;
}

static int map_own_id(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    if (bj_idmap_write_self(bj_plan_text(init->plan, op->source),
                            bj_plan_text(init->plan, op->text)) < 0)
        return bj_process_explain_namespaces(err, "cannot map this user into a sandbox");
    return 0;
}

static int begin_network(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    (void)op;
    if (bj_netns_begin(&init->netns) < 0)
        return bj_fail_errno(err, "network", "cannot begin a network namespace");
    return 0;
}

static int join_network(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    (void)op;
    if (bj_netns_join(&init->netns) < 0)
        return bj_fail_errno(err, "network", "cannot make a network namespace");
    return 0;
}

static int set_host_name(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *name = bj_plan_text(init->plan, op->text);

    if (BJ_SYS(sethostname(name, strlen(name))) < 0)
        return bj_fail_errno(err, "uts", "cannot set the host name to %s", name);
    return 0;
}

static int adopt_orphans(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    (void)init;
    (void)op;
    if (BJ_SYS(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) < 0)
        return bj_fail_errno(err, "session", "cannot adopt orphans");
    return 0;
}

static int set_sysctl(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    const char *path = bj_plan_text(init->plan, op->source);

    if (bj_write_file_at(AT_FDCWD, path, bj_plan_text(init->plan, op->text)) < 0 &&
        !(op->flags & BJ_FLAG_OPTIONAL))
        return bj_fail_errno(err, "sysctl", "cannot set %s", path);
    return 0;
}

static int no_new_privs(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    (void)init;
    (void)op;
    if (bj_process_no_new_privs() < 0)
        return bj_fail_errno(err, "no-new-privs", "cannot set no_new_privs");
    return 0;
}

static int load_filter(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    (void)init;
    return bj_seccomp_load((enum bj_seccomp_profile)op->number, err);
}

static int add_filter(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    return bj_init_add_filter(init->slots[op->slot], err);
}

static int pass_on(struct bj_init *init, const struct bj_op *op, struct bj_error *err)
{
    return bj_init_add_passed(init->slots[op->slot], (int)op->number, err);
}

static const bj_init_operation operations[BJ_OP_COUNT] = {
    [BJ_OP_UNSHARE] = new_namespaces,
    [BJ_OP_TIME] = new_time,
    [BJ_OP_CGROUP_NS] = new_cgroup_namespace,
    [BJ_OP_ID_MAP_SELF] = map_own_id,
    [BJ_OP_WAIT_HOST] = wait_host,
    [BJ_OP_JOIN_CGROUP] = join_cgroup,
    [BJ_OP_IDENTITY] = become_root,
    [BJ_OP_NETWORK] = begin_network,
    [BJ_OP_NETWORK_JOIN] = join_network,
    [BJ_OP_HOSTNAME] = set_host_name,
    [BJ_OP_SYSCTL] = set_sysctl,
    [BJ_OP_SUBREAPER] = adopt_orphans,
    [BJ_OP_LANDLOCK] = landlock_rule,
    [BJ_OP_LANDLOCK_RUN] = landlock_run,
    [BJ_OP_LANDLOCK_ON] = landlock_on,
    [BJ_OP_CAPABILITIES] = drop_capabilities,
    [BJ_OP_NO_NEW_PRIVS] = no_new_privs,
    [BJ_OP_SECCOMP] = load_filter,
    [BJ_OP_FILTER] = add_filter,
    [BJ_OP_PASS] = pass_on,
};

static void close_slots(struct bj_init *init)
{
    for (uint32_t i = 0; i < init->plan->op_count; i++) {
        if (init->plan->ops[i].kind == BJ_OP_HOST_FD && init->plan->ops[i].flags & BJ_FLAG_KEEP)
            init->slots[init->plan->ops[i].slot] = -1; /* open as long as init lives */
    }
    for (uint32_t i = 0; i < init->plan->slot_count; i++)
        bj_fd_close(&init->slots[i]);
    bj_fd_close(&init->scratch_fd);
    bj_fd_close(&init->root_fd);
}

/* Before the doors close: what init needs open, and out of everybody's reach. */
static int prepare_for_doors(struct bj_init *init, struct bj_error *err)
{
    if (init->proc_fd < 0)
        init->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (bj_process_undumpable() < 0)
        return bj_fail_errno(err, "init", "cannot become untraceable");
    return 0;
}

int bj_init_setup(struct bj_init *init, struct bj_error *err)
{
    int result = 0;

    for (uint32_t i = 0; i < init->plan->op_count && result == 0; i++) {
        const struct bj_op *op = &init->plan->ops[i];
        bj_init_operation operation = operations[op->kind];

        if (bj_op_side((enum bj_op_kind)op->kind) != BJ_SIDE_INIT || op->flags & BJ_FLAG_DONE)
            continue;
        if (operation == NULL)
            operation = bj_init_mount_operation((enum bj_op_kind)op->kind);
        if (op->kind == BJ_OP_CAPABILITIES || op->kind == BJ_OP_NO_NEW_PRIVS)
            result = prepare_for_doors(init, err);
        if (result == 0)
            result = operation(init, op, err);
    }
    close_slots(init);
    return result;
}
