/*
 * The native backend: the host side of a launch.
 *
 * Theory of operation. A plan is made; init is cloned from this process and executes its side. In the
 * meantime, on the other processor, this side makes cgroups, maps ids and opens the users' trees, and
 * hands what init needs over their socket with GO. The first SPAWN can be sent right behind: it waits
 * in the socket until init is ready. Should this process be killed, init dies with it; the cgroups,
 * which cannot be removed from inside, are left to the janitor, a process that sleeps until then.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/channel.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "init/init.h"
#include "linux/cgroup.h"
#include "linux/host.h"
#include "linux/idmap.h"
#include "linux/janitor.h"
#include "linux/process.h"
#include "linux/socket.h"
#include "linux/tree.h"
#include "plan/plan.h"

struct bj_sandbox {
    struct bj_plan plan;
    struct bj_channel channel;
    struct bj_janitor janitor;
    pid_t init_pid;
    int init_pidfd;
    uint32_t cgroups_made; /* of the plan's CGROUP operations, from the first */
};

static struct bj_init_wipe caller_memory;

void bj_native_set_wipe(char *start, size_t length)
{
    caller_memory = (struct bj_init_wipe){start, length};
}

/* Calls function for each cgroup that was made. */
static void for_each_cgroup(struct bj_sandbox *sandbox,
                            void (*function)(const char *path, void *argument), void *argument)
{
    uint32_t made = 0;

    for (uint32_t i = 0; i < sandbox->plan.op_count && made < sandbox->cgroups_made; i++) {
        if (sandbox->plan.ops[i].kind != BJ_OP_CGROUP)
            continue;
        function(bj_plan_text(&sandbox->plan, sandbox->plan.ops[i].source), argument);
        made++;
    }
}

static void remove_cgroup(const char *path, void *argument)
{
    (void)argument;
    bj_cgroup_remove(path);
}

/* Slots on their way to init; sent in packets of at most BJ_FRAME_FDS_MAX. */
struct handover {
    struct {
        struct bj_frame_head head;
        uint32_t slots[BJ_FRAME_FDS_MAX];
    } packet;
    int fds[BJ_FRAME_FDS_MAX];
    size_t count;
};

static int send_slots(struct bj_sandbox *sandbox, struct handover *handover, bool last,
                      struct bj_error *err)
{
    size_t length = handover->count * sizeof(uint32_t);
    int result;

    handover->packet.head = (struct bj_frame_head){
        .magic = BJ_FRAME_MAGIC,
        .type = BJ_FRAME_GO,
        .fds = (uint16_t)handover->count,
        .value = last,
        .length = (uint32_t)length,
    };
    result = bj_socket_send(sandbox->channel.fd, &handover->packet,
                            sizeof handover->packet.head + length, handover->fds, handover->count);
    for (size_t i = 0; i < handover->count; i++)
        close(handover->fds[i]);
    handover->count = 0;
    if (result < 0)
        return bj_fail_errno(err, "handover", "cannot hand over to the sandbox's init");
    return 0;
}

static int add_slot(struct bj_sandbox *sandbox, struct handover *handover, uint32_t slot, int fd,
                    struct bj_error *err)
{
    handover->packet.slots[handover->count] = slot;
    handover->fds[handover->count++] = fd;
    if (handover->count == BJ_FRAME_FDS_MAX)
        return send_slots(sandbox, handover, false, err);
    return 0;
}

static int make_cgroup(struct bj_sandbox *sandbox, const struct bj_op *op,
                       struct handover *handover, struct bj_error *err)
{
    const char *path = bj_plan_text(&sandbox->plan, op->source);
    int fd;

    /* Counted first: a directory whose file cannot be opened has to be removed as well. */
    sandbox->cgroups_made++;
    if (bj_janitor_start(&sandbox->janitor) < 0)
        return bj_fail_errno(err, "cgroup", "cannot start the process that removes cgroups");
    bj_janitor_add(&sandbox->janitor, path);
    fd = bj_cgroup_make(path);
    if (fd < 0)
        return bj_fail_errno(err, "cgroup", "cannot make the cgroup %s", path);
    return add_slot(sandbox, handover, op->slot, fd, err);
}

static int open_tree(struct bj_sandbox *sandbox, const struct bj_op *op, struct handover *handover,
                     struct bj_error *err)
{
    struct bj_tree_request request = {
        .source = bj_plan_text(&sandbox->plan, op->source),
        .read_only = op->flags & BJ_FLAG_READ_ONLY,
        .overlay = op->flags & BJ_FLAG_OVERLAY,
        .uid = sandbox->plan.sandbox_uid,
        .gid = sandbox->plan.sandbox_gid,
    };
    int fd, result = bj_tree_open(&request, &fd, err);

    return result < 0 ? result : add_slot(sandbox, handover, op->slot, fd, err);
}

static int host_op(struct bj_sandbox *sandbox, const struct bj_op *op, struct handover *handover,
                   struct bj_error *err)
{
    const char *source = bj_plan_text(&sandbox->plan, op->source);
    const char *text = bj_plan_text(&sandbox->plan, op->text);

    switch ((enum bj_op_kind)op->kind) {
    case BJ_OP_CGROUP:
        return make_cgroup(sandbox, op, handover, err);
    case BJ_OP_CGROUP_SET:
        if (bj_write_file_at(AT_FDCWD, source, text) < 0 && !(op->flags & BJ_FLAG_OPTIONAL))
            return bj_fail_errno(err, "cgroup", "cannot write %s to %s", text, source);
        return 0;
    case BJ_OP_ID_MAP:
        if (bj_idmap_write(sandbox->init_pid, source, text) < 0)
            return bj_fail_errno(err, "ids", "cannot give the sandbox ids of its own");
        return 0;
    case BJ_OP_HOST_TREE:
        return open_tree(sandbox, op, handover, err);
    default:
        return bj_fail(err, BJ_E_INTERNAL, "plan", "operation %s is not the host's",
                       bj_op_name((enum bj_op_kind)op->kind));
    }
}

static int host_side(struct bj_sandbox *sandbox, struct bj_error *err)
{
    struct handover handover = {.count = 0};
    bool waited_for = false;
    int result = 0;

    for (uint32_t i = 0; i < sandbox->plan.op_count && result == 0; i++) {
        const struct bj_op *op = &sandbox->plan.ops[i];

        if (op->kind == BJ_OP_WAIT_HOST)
            waited_for = true;
        if (bj_op_side((enum bj_op_kind)op->kind) == BJ_SIDE_HOST)
            result = host_op(sandbox, op, &handover, err);
    }
    if (result == 0 && waited_for)
        return send_slots(sandbox, &handover, true, err);
    for (size_t i = 0; i < handover.count; i++)
        close(handover.fds[i]);
    return result;
}

static int explain_clone(struct bj_error *err)
{
    int result, saved = errno;

    result = bj_fail_errno(err, "namespace", "cannot make a user namespace");
    if (saved == EPERM || saved == EACCES || saved == ENOSPC || saved == EINVAL || saved == EUSERS) {
        err->code = BJ_E_LAYER;
        result = -BJ_E_LAYER;
        bj_error_append(err, "; this host forbids them: `belljar doctor` says how to allow them, "
                             "and --isolation landlock does without, less strictly");
    }
    return result;
}

static int launch(struct bj_sandbox *sandbox, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int host_end = -1, init_end = -1;
    struct bj_error local;
    int ends[2];

    if (bj_socket_pair(ends) < 0)
        return bj_fail_errno(err, "launch", "cannot make a socket pair");
    host_end = ends[0];
    init_end = ends[1];
    sandbox->init_pid = bj_process_clone(sandbox->plan.clone_flags, &sandbox->init_pidfd);
    if (sandbox->init_pid < 0) {
        sandbox->init_pidfd = -1;
        return explain_clone(err != NULL ? err : &local);
    }
    if (sandbox->init_pid == 0)
        bj_init_run(&sandbox->plan, init_end, caller_memory);
    sandbox->channel.fd = bj_fd_take(&host_end);
    bj_fd_close(&init_end);
    return host_side(sandbox, err);
}

static void native_kill(struct bj_sandbox *sandbox)
{
    if (sandbox->init_pidfd >= 0)
        bj_process_pidfd_signal(sandbox->init_pidfd, SIGKILL);
}

static void read_memory(const char *path, void *argument)
{
    struct bj_result *result = argument;
    struct bj_cgroup_memory memory;

    bj_cgroup_read_memory(path, &memory);
    if (memory.peak > result->peak_memory)
        result->peak_memory = memory.peak;
    if (memory.oom_kills > 0)
        result->oom_killed = true;
}

static void native_destroy(struct bj_sandbox *sandbox, struct bj_result *result)
{
    if (sandbox == NULL)
        return;
    if (sandbox->init_pid > 0) {
        struct rusage usage;

        /* Reaped even where it was stopped by a debugger: SIGKILL first. */
        while (kill(sandbox->init_pid, SIGKILL) < 0 && errno == EINTR)
            continue;
        while (wait4(sandbox->init_pid, NULL, __WALL, &usage) < 0 && errno == EINTR)
            continue;
        if (result != NULL && result->cpu_us == 0)
            result->cpu_us = (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                             usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    }
    if (result != NULL)
        for_each_cgroup(sandbox, read_memory, result);
    for_each_cgroup(sandbox, remove_cgroup, NULL);
    bj_janitor_stop(&sandbox->janitor);
    bj_fd_close(&sandbox->init_pidfd);
    bj_fd_close(&sandbox->channel.fd);
    bj_free(sandbox);
}

static int make_plan(const struct bj_config *config, struct bj_plan *plan,
                     struct bj_degradations *degraded, struct bj_error *err)
{
    static struct bj_host host; /* large, and needed only here */
    int result = bj_host_read(config, &host, err);

    return result < 0 ? result : bj_plan_make(config, &host, plan, degraded, err);
}

static int native_create(const struct bj_config *config, struct bj_result *result,
                         struct bj_sandbox **ret_sandbox, struct bj_error *err)
{
    struct bj_sandbox *sandbox = bj_alloc(sizeof *sandbox);
    int failed;

    if (sandbox == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "launch", "out of memory");
    sandbox->channel.fd = sandbox->init_pidfd = -1;
    sandbox->channel.degraded = &result->degraded;
    bj_janitor_init(&sandbox->janitor);
    failed = make_plan(config, &sandbox->plan, &result->degraded, err);
    if (failed == 0)
        failed = launch(sandbox, err);
    if (failed < 0) {
        /* If init failed first, its word is the better one. */
        while (sandbox->channel.fd >= 0 && !sandbox->channel.ended &&
               sandbox->channel.failure.code == BJ_E_OK && err != NULL && err->sys_errno == EPIPE &&
               bj_channel_poll(&sandbox->channel, NULL) >= 0)
            continue;
        if (sandbox->channel.failure.code != BJ_E_OK && err != NULL) {
            *err = sandbox->channel.failure;
            failed = -err->code;
        }
        native_destroy(sandbox, NULL);
        return failed;
    }
    result->layers = sandbox->plan.layers;
    *ret_sandbox = sandbox;
    return 0;
}

static int native_dry_run(const struct bj_config *config, struct bj_buf *out, struct bj_error *err)
{
    struct bj_plan *plan = bj_alloc(sizeof *plan);
    struct bj_degradations degraded = {0};
    int result;

    if (plan == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "plan", "out of memory");
    result = make_plan(config, plan, &degraded, err);
    if (result == 0) {
        bj_plan_print(plan, out);
        for (int i = 0; i < degraded.count; i++)
            bj_buf_printf(out, "degraded %s: %s\n", bj_layer_name(degraded.items[i].layer),
                          degraded.items[i].reason);
    }
    bj_free(plan);
    return result;
}

static int native_spawn(struct bj_sandbox *sandbox, const struct bj_spawn *spawn,
                        const int streams[3], pid_t *ret_pid, int *ret_terminal,
                        struct bj_error *err)
{
    bool terminal = spawn->flags & BJ_SPAWN_TERMINAL;
    struct bj_reply reply;
    struct bj_buf packet;
    int result;

    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put_spawn(&packet, ++sandbox->channel.last_id, spawn, terminal ? 0 : 3);
    result = bj_channel_send(&sandbox->channel, &packet, streams, terminal ? 0 : 3, err);
    bj_buf_release(&packet);
    if (result < 0 || (spawn->flags & BJ_SPAWN_MAIN && !(spawn->flags & BJ_SPAWN_REPLY)))
        return result;
    result = bj_channel_reply(&sandbox->channel, &reply, err);
    if (result < 0)
        return result;
    if (reply.fd_count != (terminal ? 1 : 0)) {
        for (size_t i = 0; i < reply.fd_count; i++)
            close(reply.fds[i]);
        return bj_fail(err, BJ_E_PROTOCOL, "spawn", "init answered without the terminal");
    }
    if (terminal)
        *ret_terminal = reply.fds[0];
    if (ret_pid != NULL)
        *ret_pid = reply.value;
    return 0;
}

/* Sends a request and waits for its reply. */
static int ask(struct bj_sandbox *sandbox, struct bj_buf *packet, struct bj_reply *reply,
               struct bj_error *err)
{
    int result = bj_channel_send(&sandbox->channel, packet, NULL, 0, err);

    bj_buf_release(packet);
    return result < 0 ? result : bj_channel_reply(&sandbox->channel, reply, err);
}

/* The same where the reply is one descriptor. */
static int ask_fd(struct bj_sandbox *sandbox, struct bj_buf *packet, int *ret_fd,
                  struct bj_error *err)
{
    struct bj_reply reply;
    int result = ask(sandbox, packet, &reply, err);

    if (result < 0)
        return result;
    if (reply.fd_count != 1)
        return bj_fail(err, BJ_E_PROTOCOL, "request", "init answered without a descriptor");
    *ret_fd = reply.fds[0];
    return 0;
}

static int native_open(struct bj_sandbox *sandbox, const struct bj_open *request, int *ret_fd,
                       struct bj_error *err)
{
    struct bj_buf packet;

    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put_open(&packet, ++sandbox->channel.last_id, request);
    return ask_fd(sandbox, &packet, ret_fd, err);
}

static int native_connect(struct bj_sandbox *sandbox, const struct bj_endpoint *endpoint,
                          int *ret_fd, struct bj_error *err)
{
    struct bj_buf packet;

    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put_endpoint(&packet, BJ_FRAME_CONNECT, ++sandbox->channel.last_id, endpoint);
    return ask_fd(sandbox, &packet, ret_fd, err);
}

static int native_listen(struct bj_sandbox *sandbox, const struct bj_endpoint *endpoint,
                         int *ret_fd, struct bj_error *err)
{
    struct bj_buf packet;

    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put_endpoint(&packet, BJ_FRAME_LISTEN, ++sandbox->channel.last_id, endpoint);
    return ask_fd(sandbox, &packet, ret_fd, err);
}

static int native_signal(struct bj_sandbox *sandbox, pid_t pid, bool group, int signal,
                         struct bj_error *err)
{
    struct bj_signal body = {.pid = pid, .group = group};
    struct bj_reply reply;
    struct bj_buf packet;

    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put(&packet, BJ_FRAME_SIGNAL, ++sandbox->channel.last_id, signal, 0, &body,
                 sizeof body);
    return ask(sandbox, &packet, &reply, err);
}

static int native_wait(struct bj_sandbox *sandbox, pid_t pid, struct bj_exited *ret,
                       struct bj_error *err)
{
    struct bj_signal body = {.pid = pid};
    struct bj_reply reply;
    struct bj_buf packet;
    int result;

    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put(&packet, BJ_FRAME_WAIT, ++sandbox->channel.last_id, 0, 0, &body, sizeof body);
    result = ask(sandbox, &packet, &reply, err);
    if (result < 0)
        return result;
    if (reply.length != sizeof *ret)
        return bj_fail(err, BJ_E_PROTOCOL, "wait", "init's answer has the wrong size");
    memcpy(ret, reply.body, sizeof *ret);
    return 0;
}

static int native_list(struct bj_sandbox *sandbox, struct bj_process_entry *ret, size_t capacity,
                       size_t *ret_count, struct bj_error *err)
{
    struct bj_reply reply;
    struct bj_buf packet;
    size_t count;
    int result;

    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put(&packet, BJ_FRAME_LIST, ++sandbox->channel.last_id, 0, 0, NULL, 0);
    result = ask(sandbox, &packet, &reply, err);
    if (result < 0)
        return result;
    count = reply.length / sizeof *ret;
    if (count > capacity)
        count = capacity;
    memcpy(ret, reply.body, count * sizeof *ret);
    *ret_count = count;
    return 0;
}

static int native_event_fd(const struct bj_sandbox *sandbox)
{
    return sandbox->channel.fd;
}

static int native_next_event(struct bj_sandbox *sandbox, struct bj_event *ret, struct bj_error *err)
{
    struct bj_channel *channel = &sandbox->channel;
    int result = 0;

    ret->kind = BJ_EVENT_NONE;
    if (channel->event_count == 0 && !channel->ended)
        result = bj_channel_poll(channel, err);
    if (result < 0)
        return result;
    if (channel->failure.code != BJ_E_OK) {
        if (err != NULL)
            *err = channel->failure;
        return -channel->failure.code;
    }
    if (channel->event_count > 0) {
        ret->kind = BJ_EVENT_EXITED;
        ret->exited = channel->events[0];
        memmove(channel->events, channel->events + 1,
                (size_t)--channel->event_count * sizeof channel->events[0]);
    } else if (channel->ended) {
        ret->kind = BJ_EVENT_ENDED;
    }
    return 0;
}

static void native_identity(const struct bj_sandbox *sandbox, const char **ret_user,
                            const char **ret_home)
{
    *ret_user = bj_plan_text(&sandbox->plan, sandbox->plan.shell_user);
    *ret_home = bj_plan_text(&sandbox->plan, sandbox->plan.home);
}

const struct bj_backend bj_backend_native = {
    .version = BJ_BACKEND_VERSION,
    .name = "native",
    .create = native_create,
    .dry_run = native_dry_run,
    .spawn = native_spawn,
    .open = native_open,
    .connect = native_connect,
    .listen = native_listen,
    .signal = native_signal,
    .wait = native_wait,
    .list = native_list,
    .event_fd = native_event_fd,
    .next_event = native_next_event,
    .identity = native_identity,
    .kill = native_kill,
    .destroy = native_destroy,
};
