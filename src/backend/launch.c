/* The host side of a launch. */
#include "backend/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/str.h"
#include "init/init.h"
#include "linux/cgroup.h"
#include "linux/idmap.h"
#include "linux/mount.h"
#include "linux/process.h"
#include "linux/socket.h"
#include "linux/subid.h"
#include "linux/tree.h"
#include "wire/frame.h"

#define FINISH_MS 5000  /* for init to end everything where only init can */
#define REMOVE_MS 10000 /* for a cgroup to become empty once init has ended */

static struct bj_init_wipe caller_memory;

void bj_launch_set_wipe(char *start, size_t length)
{
    caller_memory = (struct bj_init_wipe){start, length};
}

/* What is frozen does not end, under version 1 of cgroups. */
static void thaw(const struct bj_launch *launch)
{
    for (uint32_t i = 0; i < launch->cgroups_made; i++)
        bj_cgroup_freeze(launch->cgroups[i].path, false);
}

void bj_launch_remove_cgroups(struct bj_launch *launch)
{
    thaw(launch);
    for (uint32_t i = 0; i < launch->cgroups_made; i++)
        bj_cgroup_remove(launch->cgroups[i].path);
}

static void clean(void *launch)
{
    bj_launch_remove_cgroups(launch);
}

/* Slots on their way to init; sent in packets of at most BJ_FRAME_FDS_MAX. */
struct handover {
    struct {
        struct bj_frame_head head;
        uint32_t slots[BJ_FRAME_FDS_MAX];
    } packet;
    struct bj_fds fds;
    int socket_fd;
};

static int send_slots(struct handover *handover, bool last, struct bj_error *err)
{
    size_t length = handover->fds.count * sizeof(uint32_t);
    int result;

    handover->packet.head = (struct bj_frame_head){
        .magic = BJ_FRAME_MAGIC,
        .type = BJ_FRAME_GO,
        .fds = (uint16_t)handover->fds.count,
        .value = last,
        .length = (uint32_t)length,
    };
    result = bj_socket_send(handover->socket_fd, &handover->packet,
                            sizeof handover->packet.head + length, &handover->fds);
    bj_fds_close(&handover->fds);
    if (result < 0)
        return bj_fail_errno(err, "handover", "cannot hand over to the sandbox's init");
    return 0;
}

static int add_slot(struct handover *handover, uint32_t slot, int fd, struct bj_error *err)
{
    handover->packet.slots[handover->fds.count] = slot;
    handover->fds.fd[handover->fds.count++] = fd;
    if (handover->fds.count == BJ_FRAME_FDS_MAX)
        return send_slots(handover, false, err);
    return 0;
}

static int make_cgroup(struct bj_launch *launch, const struct bj_op *op, struct handover *handover,
                       struct bj_error *err)
{
    const char *path = bj_plan_text(launch->plan, op->source);
    struct bj_launch_cgroup *made = &launch->cgroups[launch->cgroups_made];
    int fd;

    if (launch->cgroups_made == BJ_LAUNCH_CGROUPS ||
        !bj_str_copy(made->path, sizeof made->path, path))
        return bj_fail(err, BJ_E_LIMIT, "cgroup", "%s is one cgroup too many, or too long a path",
                       path);
    made->layer = (enum bj_layer)op->layer;
    /* Counted first: a directory whose file cannot be opened has to be removed as well. */
    launch->cgroups_made++;
    fd = bj_cgroup_make(path);
    if (fd < 0)
        return bj_fail_errno(err, "cgroup", "cannot make the cgroup %s", path);
    return add_slot(handover, op->slot, fd, err);
}

static int open_tree(struct bj_launch *launch, const struct bj_op *op, struct handover *handover,
                     struct bj_error *err)
{
    struct bj_tree_request request = {
        .source = bj_plan_text(launch->plan, op->source),
        .read_only = op->flags & BJ_FLAG_READ_ONLY,
        .no_exec = op->flags & BJ_FLAG_NO_EXEC,
        .overlay = op->flags & BJ_FLAG_OVERLAY,
        .ret_plain = &launch->plain_trees,
        .uid = launch->id_base + launch->plan->sandbox_uid,
        .gid = launch->id_base + launch->plan->sandbox_gid,
    };
    pid_t helper;
    int fd, result = bj_tree_open(&request, &fd, &helper, err);

    if (helper > 0)
        launch->helpers[launch->helper_count++] = helper;
    return result < 0 ? result : add_slot(handover, op->slot, fd, err);
}

/* One of this process's own descriptors. */
static int hand_over(const struct bj_op *op, struct handover *handover, struct bj_error *err)
{
    int fd = BJ_SYS(fcntl((int)op->number, F_DUPFD_CLOEXEC, 0));

    if (fd < 0)
        return bj_fail_errno(err, "handover", "cannot use descriptor %d", (int)op->number);
    return add_slot(handover, op->slot, fd, err);
}

/* For an overlay: read-only, and without what is mounted in it. */
static int open_root(const struct bj_op *op, struct handover *handover, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = bj_mount_clone_tree(AT_FDCWD, "/", false);

    if (fd < 0 || bj_mount_set_attributes(
                      fd, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, false, -1) < 0)
        return bj_fail_errno(err, "mount",
                             "cannot open the root file system; --without %s does without",
                             bj_layer_name(BJ_LAYER_SHARED_TREES));
    return add_slot(handover, op->slot, bj_fd_take(&fd), err);
}

/* The workspace's file system becomes the workload's. */
static int give_workspace(const struct bj_launch *launch, const struct bj_op *op,
                          struct handover *handover, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = -1;

    if (launch->workspace_fd <= 0)
        return bj_fail(err, BJ_E_INVALID, "workspace", "no workspace came with the plan");
    fd = BJ_SYS(fcntl(launch->workspace_fd, F_DUPFD_CLOEXEC, 0));
    if (fd < 0 || BJ_SYS(fchownat(fd, "", launch->id_base + launch->plan->sandbox_uid,
                                  launch->id_base + launch->plan->sandbox_gid, AT_EMPTY_PATH)) < 0)
        return bj_fail_errno(err, "workspace", "cannot give the workspace to the sandbox");
    if (op->flags & BJ_FLAG_NO_EXEC &&
        bj_mount_set_attributes(fd, MOUNT_ATTR_NOEXEC, false, -1) < 0)
        return bj_fail_errno(err, "workspace", "cannot forbid execution in the workspace");
    return add_slot(handover, op->slot, bj_fd_take(&fd), err);
}

/*
 * Ids of its own: a slot of the range by init's process id, which is unique among the sandboxes
 * alive. Init has the first; an ordinary workload the next.
 */
static int map_ids(struct bj_launch *launch, struct bj_error *err)
{
    const struct bj_plan *plan = launch->plan;
    uint32_t slot = (uint32_t)launch->init_pid;
    char lines[96];

    if (plan->id_random && getrandom(&slot, sizeof slot, 0) != sizeof slot)
        return bj_fail_errno(err, "ids", "cannot choose ids for the sandbox");
    launch->id_base = plan->id_first + slot % plan->id_slots * BJ_ID_SLOT;
    if (plan->uid == plan->init_uid)
        snprintf(lines, sizeof lines, "%u %u 1\n", plan->init_uid, launch->id_base);
    else
        snprintf(lines, sizeof lines, "%u %u 1\n%u %u 1\n", plan->init_uid, launch->id_base,
                 plan->uid, launch->id_base + plan->sandbox_uid);
    if (bj_idmap_write(launch->init_pid, lines, lines) < 0)
        return bj_fail_errno(err, "ids", "cannot give the sandbox ids of its own");
    return 0;
}

/* A service may be spared when memory ends; what it runs under glass is not, and may not ask to be:
 * with privilege, writing the score sets the least one that its processes may choose as well. */
static int reset_oom_score(const struct bj_launch *launch, struct bj_error *err)
{
    char path[48];

    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", launch->init_pid);
    if (bj_write_file_at(AT_FDCWD, path, "0") < 0)
        return bj_fail_errno(err, "oom-score",
                             "cannot take the caller's protection from the memory killer away");
    return 0;
}

static int host_op(struct bj_launch *launch, const struct bj_op *op, struct handover *handover,
                   struct bj_error *err)
{
    const char *source = bj_plan_text(launch->plan, op->source);
    const char *text = bj_plan_text(launch->plan, op->text);

    switch ((enum bj_op_kind)op->kind) {
    case BJ_OP_CGROUP:
        return make_cgroup(launch, op, handover, err);
    case BJ_OP_CGROUP_SET:
        /* What is optional may be absent, no more: a swap limit that failed would be half
         * a limit. */
        if (bj_write_file_at(AT_FDCWD, source, text) < 0 &&
            !(op->flags & BJ_FLAG_OPTIONAL && (errno == ENOENT || errno == EOPNOTSUPP)))
            return bj_fail_errno(err, "cgroup", "cannot write %s to %s", text, source);
        return 0;
    case BJ_OP_OOM_SCORE:
        return reset_oom_score(launch, err);
    case BJ_OP_ID_MAP:
        return map_ids(launch, err);
    case BJ_OP_ID_MAP_SUB:
        return bj_subid_map(launch->init_pid, source, text, err);
    case BJ_OP_HOST_TREE:
        return open_tree(launch, op, handover, err);
    case BJ_OP_WORKSPACE:
        return give_workspace(launch, op, handover, err);
    case BJ_OP_HOST_FD:
        return hand_over(op, handover, err);
    case BJ_OP_HOST_ROOT:
        return open_root(op, handover, err);
    default:
        return bj_fail(err, BJ_E_INTERNAL, "plan", "operation %s is not the host's",
                       bj_op_name((enum bj_op_kind)op->kind));
    }
}

/* Init stops at each WAIT_HOST of the plan until what stands before it has been done here. */
static int host_side(struct bj_launch *launch, int socket_fd, struct bj_error *err)
{
    struct handover handover = {.socket_fd = socket_fd};
    int result = 0;

    for (uint32_t i = 0; i < launch->plan->op_count && result == 0; i++) {
        const struct bj_op *op = &launch->plan->ops[i];

        if (op->kind == BJ_OP_WAIT_HOST)
            result = send_slots(&handover, true, err);
        else if (bj_op_side((enum bj_op_kind)op->kind) == BJ_SIDE_HOST)
            result = host_op(launch, op, &handover, err);
    }
    bj_fds_close(&handover.fds);
    return result;
}

/* Before init, whose start it would hold up: both want the other processor. */
static int start_janitor(struct bj_launch *launch, struct bj_error *err)
{
    for (uint32_t i = 0; i < launch->plan->op_count && !launch->cleaned_elsewhere; i++) {
        if (launch->plan->ops[i].kind != BJ_OP_CGROUP)
            continue;
        if (bj_janitor_start(&launch->janitor, clean, launch) < 0)
            return bj_fail_errno(err, "cgroup", "cannot start the process that removes cgroups");
        return 0;
    }
    return 0;
}

int bj_launch_start(struct bj_launch *launch, const struct bj_plan *plan, int *ret_socket,
                    struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int host_end = -1, init_end = -1;
    int ends[2], result, pidfd = -1;
    pid_t pid;

    *launch = (struct bj_launch){
        .plan = plan,
        .isolation = plan->isolation,
        .init_pidfd = -1,
        .cleaned_elsewhere = launch->cleaned_elsewhere,
        .workspace_fd = launch->workspace_fd,
    };
    *ret_socket = -1;
    bj_janitor_init(&launch->janitor);
    if (bj_socket_pair(ends) < 0)
        return bj_fail_errno(err, "launch", "cannot make a socket pair");
    host_end = ends[0];
    init_end = ends[1];
    result = start_janitor(launch, err);
    if (result < 0)
        return result;
    /* Init may not have the memory that the launch is described in. */
    pid = bj_process_clone(plan->clone_flags, &pidfd);
    if (pid < 0)
        return bj_process_explain_namespaces(err, "cannot make a user namespace");
    if (pid == 0)
        bj_init_run(plan, init_end, caller_memory);
    launch->init_pid = pid;
    launch->init_pidfd = pidfd;
    *ret_socket = bj_fd_take(&host_end);
    return host_side(launch, *ret_socket, err);
}

static void read_memory(const struct bj_launch *launch, struct bj_usage *usage)
{
    for (uint32_t i = 0; i < launch->cgroups_made; i++) {
        struct bj_cgroup_memory memory;

        if (launch->cgroups[i].layer != BJ_LAYER_MEMORY)
            continue;
        bj_cgroup_read_memory(launch->cgroups[i].path, &memory);
        if (memory.peak > usage->peak_memory)
            usage->peak_memory = memory.peak;
        if (memory.oom_kills > 0)
            usage->oom_killed = 1;
    }
}

/* Init, if it has ended or `wait` says to wait for that, and the helpers, whose work is done. */
static bool reap(struct bj_launch *launch, bool wait, struct bj_usage *usage)
{
    struct rusage used = {0};
    pid_t pid;

    do {
        pid = wait4(launch->init_pid, NULL, __WALL | (wait ? 0 : WNOHANG), &used);
    } while (pid < 0 && errno == EINTR);
    if (pid == 0)
        return false;
    usage->cpu_us = (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
                    used.ru_utime.tv_usec + used.ru_stime.tv_usec;
    launch->init_pid = 0;
    for (uint32_t i = 0; i < launch->helper_count; i++) {
        while (waitpid(launch->helpers[i], NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    launch->helper_count = 0;
    read_memory(launch, usage);
    return true;
}

/*
 * Where init's end is not the end of what it started, it ends that itself once its socket is
 * closed, and is given time for it.
 */
void bj_launch_end_begin(struct bj_launch *launch)
{
    int64_t now = bj_clock_us();

    launch->kill_at = now;
    launch->give_up_at = now + (int64_t)(FINISH_MS + REMOVE_MS) * 1000;
    if (launch->isolation != BJ_ISOLATION_NAMESPACES)
        launch->kill_at += (int64_t)FINISH_MS * 1000;
    else if (launch->init_pid > 0)
        kill(launch->init_pid, SIGKILL);
    thaw(launch);
}

bool bj_launch_end_try(struct bj_launch *launch, struct bj_usage *usage)
{
    int64_t now = bj_clock_us();

    if (launch->init_pid > 0 && now >= launch->kill_at)
        kill(launch->init_pid, SIGKILL);
    if (launch->init_pid > 0 && !reap(launch, false, usage))
        return false;
    /* The last processes leave a cgroup a little later than they end. */
    while (launch->cgroups_made > 0) {
        const char *path = launch->cgroups[launch->cgroups_made - 1].path;

        if (bj_cgroup_try_remove(path) < 0 && errno == EBUSY && now < launch->give_up_at)
            return false;
        launch->cgroups_made--;
    }
    bj_janitor_stop(&launch->janitor);
    bj_fd_close(&launch->init_pidfd);
    return true;
}

void bj_launch_end(struct bj_launch *launch, struct bj_usage *ret_usage)
{
    struct pollfd ended = {.fd = launch->init_pidfd, .events = POLLIN};

    *ret_usage = (struct bj_usage){0};
    if (launch->init_pid > 0) {
        if (launch->isolation != BJ_ISOLATION_NAMESPACES)
            poll(&ended, 1, FINISH_MS);
        kill(launch->init_pid, SIGKILL);
        reap(launch, true, ret_usage);
    }
    bj_launch_remove_cgroups(launch);
    launch->cgroups_made = 0;
    bj_janitor_stop(&launch->janitor);
    bj_fd_close(&launch->init_pidfd);
}
