/*
 * The native backend: namespaces, Landlock and seccomp on this kernel. Launching is launch.c's,
 * talking to init channel.c's; here they become the backend's functions.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/channel.h"
#include "backend/environment.h"
#include "backend/launch.h"
#include "backend/launcher.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "linux/git.h"
#include "linux/host.h"
#include "linux/process.h"
#include "linux/programs.h"
#include "plan/plan.h"

struct bj_sandbox {
    struct bj_plan plan;
    struct bj_channel channel;
    struct bj_launch launch;      /* when this process launched it */
    struct bj_launcher *launcher; /* or the launcher did: borrowed */
    uint32_t number;              /* the launcher's for it */
    int pidfd;
    bool one_command;                /* started without a reply, by this process */
    struct bj_git_guard guard;       /* of the workspace's repository */
    char **environment;              /* what the configuration adds to that of every process */
    struct bj_degradations degraded; /* where init's notes go */
};

static void native_kill(struct bj_sandbox *sandbox)
{
    int pidfd = sandbox->launcher != NULL ? sandbox->pidfd : sandbox->launch.init_pidfd;

    /* Without a process tree of its own init has to end what it started: the socket's end
     * tells it. */
    if (sandbox->plan.isolation != BJ_ISOLATION_NAMESPACES)
        shutdown(sandbox->channel.fd, SHUT_RDWR);
    else if (pidfd >= 0)
        bj_process_pidfd_signal(pidfd, SIGKILL);
}

static void guard_repository(struct bj_git_guard *guard, const struct bj_config *config)
{
    const char *path = config->workspace_path != NULL ? config->workspace_path : ".";

    guard->git_fd = -1;
    if (config->workspace == BJ_WORKSPACE_DIRECTORY && !config->allow_git_config)
        bj_git_guard_open(guard, path);
}

static void check_repository(struct bj_git_guard *guard, struct bj_result *result)
{
    const char *name;
    bool gone;

    if (!bj_git_guard_close(guard, &name, &gone) || result == NULL)
        return;
    snprintf(
        result->reason, sizeof result->reason,
        gone ? "removed .git/%s, made by the command: git on the host would obey it"
             : "cannot remove .git/%s, made by the command: do not use git here before it is gone",
        name);
}

static void native_destroy(struct bj_sandbox *sandbox, struct bj_result *result)
{
    struct bj_usage usage = {0};

    if (sandbox == NULL)
        return;
    bj_fd_close(&sandbox->channel.fd);
    if (sandbox->launcher == NULL)
        bj_launch_end(&sandbox->launch, &usage);
    else if (sandbox->pidfd >= 0)
        bj_launcher_end(sandbox->launcher, sandbox->number, &usage, NULL);
    if (result != NULL) {
        if (result->cpu_us == 0)
            result->cpu_us = usage.cpu_us;
        if (usage.peak_memory > 0)
            result->peak_memory = usage.peak_memory;
        result->oom_killed |= usage.oom_killed != 0;
        result->layers &= ~sandbox->channel.lost;
        for (int i = 0; i < sandbox->degraded.count; i++)
            bj_degradations_add(&result->degraded, sandbox->degraded.items[i].layer, "%s",
                                sandbox->degraded.items[i].reason);
    }
    check_repository(&sandbox->guard, result);
    bj_strv_free(sandbox->environment);
    bj_fd_close(&sandbox->pidfd);
    bj_free(sandbox);
}

static int make_plan(const struct bj_config *config, struct bj_plan *plan,
                     struct bj_degradations *degraded, struct bj_error *err)
{
    BJ_CLEANUP_FREE struct bj_host *host = bj_alloc(sizeof *host); /* large, and needed only here */
    bool listed = config->command_whitelist != NULL && config->layout == NULL;
    struct bj_programs programs = {0};
    int result;

    if (host == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "plan", "out of memory");
    result = bj_host_read(config, host, err);
    if (result == 0 && listed)
        result = bj_programs_find(config, host, BJ_PROGRAMS_OF_OPERATOR, &programs, err);
    if (result == 0)
        result = bj_plan_make(config, host, listed ? &programs : NULL, plan, degraded, err);
    bj_arena_release(&programs.arena);
    return result;
}

/* If init failed first, its word is the better one. */
static int prefer_init(struct bj_channel *channel, int failed, struct bj_error *err)
{
    while (channel->fd >= 0 && !channel->ended && channel->failure.code == BJ_E_OK && err != NULL &&
           err->sys_errno == EPIPE && bj_channel_poll(channel, NULL) >= 0)
        continue;
    if (channel->failure.code == BJ_E_OK || err == NULL)
        return failed;
    *err = channel->failure;
    return -err->code;
}

static int native_list(struct bj_sandbox *sandbox, struct bj_process_entry *ret, size_t capacity,
                       size_t *ret_count, struct bj_error *err);

static int start(struct bj_sandbox *sandbox, struct bj_error *err)
{
    if (sandbox->launcher == NULL)
        return bj_launch_start(&sandbox->launch, &sandbox->plan, &sandbox->channel.fd, err);
    return bj_launcher_launch(sandbox->launcher, &sandbox->plan, &sandbox->number,
                              &sandbox->channel.fd, &sandbox->pidfd, err);
}

static int create_once(const struct bj_config *config, struct bj_launcher *launcher,
                       struct bj_result *result, struct bj_sandbox **ret_sandbox,
                       struct bj_error *err)
{
    struct bj_sandbox *sandbox = bj_alloc(sizeof *sandbox);
    struct bj_process_entry entries[1];
    size_t count;
    int failed;

    if (sandbox == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "launch", "out of memory");
    sandbox->channel.fd = sandbox->launch.init_pidfd = sandbox->pidfd = -1;
    sandbox->channel.degraded = &sandbox->degraded;
    sandbox->launcher = launcher;
    sandbox->guard.git_fd = -1;
    failed = make_plan(config, &sandbox->plan, &result->degraded, err);
    if (failed == 0)
        failed = bj_environment_copy(config, &sandbox->environment, err);
    if (failed < 0) {
        bj_free(sandbox);
        return failed;
    }
    guard_repository(&sandbox->guard, config);
    failed = start(sandbox, err);
    /* Where less would do as well, know now whether init came up rather than by its
     * first answer. */
    if (failed == 0 && config->allow_degraded)
        failed = native_list(sandbox, entries, 1, &count, err);
    if (failed < 0) {
        failed = prefer_init(&sandbox->channel, failed, err);
        native_destroy(sandbox, NULL);
        return failed;
    }
    if (sandbox->launch.plain_trees)
        bj_degradations_add(
            &result->degraded, BJ_LAYER_SHARED_TREES,
            "the kernel refused an overlay over a read-only volume; locks on its files "
            "reach the host");
    result->layers = sandbox->plan.layers;
    result->init_pid = sandbox->launch.init_pid;
    *ret_sandbox = sandbox;
    return 0;
}

static int native_create(const struct bj_config *config, struct bj_launcher *launcher,
                         struct bj_result *result, struct bj_sandbox **ret_sandbox,
                         struct bj_error *err)
{
    struct bj_error why = {0}; /* of the first attempt: the second was nobody's wish */
    struct bj_config less = *config;
    int failed = create_once(config, launcher, result, ret_sandbox, &why);

    if (failed == -BJ_E_LAYER && config->allow_degraded &&
        config->isolation == BJ_ISOLATION_NAMESPACES && bj_streq(why.step, "namespace")) {
        result->degraded = (struct bj_degradations){0};
        less.isolation = BJ_ISOLATION_LANDLOCK;
        if (create_once(&less, launcher, result, ret_sandbox, NULL) == 0)
            failed = 0;
    }
    if (failed < 0 && err != NULL)
        *err = why;
    return failed;
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

/* Waits for a reply. A sandbox whose init does not answer is of no more use, and ended. */
static int answer(struct bj_sandbox *sandbox, struct bj_reply *reply, int timeout_ms,
                  struct bj_error *err)
{
    int result = bj_channel_reply(&sandbox->channel, reply, timeout_ms, err);

    if (result == -BJ_E_TIMEOUT)
        native_kill(sandbox);
    return result;
}

static int native_spawn(struct bj_sandbox *sandbox, const struct bj_spawn *spawn,
                        const int streams[3], pid_t *ret_pid, int *ret_terminal,
                        struct bj_error *err)
{
    bool terminal = spawn->flags & BJ_SPAWN_TERMINAL;
    struct bj_fds fds = {.count = 0};
    struct bj_reply reply;
    struct bj_buf packet;
    int result;

    if (!terminal)
        fds = (struct bj_fds){.fd = {streams[0], streams[1], streams[2]}, .count = 3};
    for (uint16_t i = 0; i < spawn->extra_count && i < BJ_SPAWN_EXTRA_MAX; i++)
        fds.fd[fds.count++] = spawn->extra[i];
    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put_spawn(&packet, ++sandbox->channel.last_id, spawn, (uint16_t)fds.count);
    result = bj_channel_send(&sandbox->channel, &packet, &fds, err);
    bj_buf_release(&packet);
    if (result < 0)
        return result;
    if (spawn->flags & BJ_SPAWN_MAIN && !(spawn->flags & BJ_SPAWN_REPLY)) {
        sandbox->one_command = sandbox->launcher == NULL;
        return 0;
    }
    result = answer(sandbox, &reply, BJ_CHANNEL_TIMEOUT_MS, err);
    if (result < 0)
        return result;
    if (reply.fds.count != (terminal ? 1 : 0)) {
        bj_fds_close(&reply.fds);
        return bj_fail(err, BJ_E_PROTOCOL, "spawn", "init answered without the terminal");
    }
    if (terminal)
        *ret_terminal = reply.fds.fd[0];
    if (ret_pid != NULL)
        *ret_pid = reply.value;
    return 0;
}

/* Sends a request and waits for its reply. */
static int ask(struct bj_sandbox *sandbox, struct bj_buf *packet, struct bj_reply *reply,
               struct bj_error *err)
{
    int result = bj_channel_send(&sandbox->channel, packet, NULL, err);

    bj_buf_release(packet);
    return result < 0 ? result : answer(sandbox, reply, BJ_CHANNEL_TIMEOUT_MS, err);
}

/* The same where the reply is one descriptor. */
static int ask_fd(struct bj_sandbox *sandbox, struct bj_buf *packet, int *ret_fd,
                  struct bj_error *err)
{
    struct bj_reply reply;
    int result = ask(sandbox, packet, &reply, err);

    if (result < 0)
        return result;
    if (reply.fds.count != 1) {
        bj_fds_close(&reply.fds);
        return bj_fail(err, BJ_E_PROTOCOL, "request", "init answered without a descriptor");
    }
    *ret_fd = reply.fds.fd[0];
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
    struct bj_frame_head head = {.type = BJ_FRAME_SIGNAL,
                                 .id = ++sandbox->channel.last_id,
                                 .value = signal,
                                 .length = sizeof body};
    struct bj_reply reply;
    struct bj_buf packet;

    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put(&packet, head, &body);
    return ask(sandbox, &packet, &reply, err);
}

/* Has init already said that the process ended? */
static bool take_exit(struct bj_channel *channel, pid_t pid, struct bj_exited *ret)
{
    for (int i = 0; i < channel->event_count; i++) {
        if (channel->events[i].pid != pid)
            continue;
        *ret = channel->events[i];
        memmove(channel->events + i, channel->events + i + 1,
                (size_t)(--channel->event_count - i) * sizeof channel->events[0]);
        return true;
    }
    return false;
}

static int native_wait(struct bj_sandbox *sandbox, pid_t pid, struct bj_exited *ret,
                       struct bj_error *err)
{
    struct bj_signal body = {.pid = pid};
    struct bj_frame_head head = {.type = BJ_FRAME_WAIT, .length = sizeof body};
    struct bj_reply reply;
    struct bj_buf packet;
    int result;

    if (take_exit(&sandbox->channel, pid, ret))
        return 0;
    bj_buf_init(&packet, BJ_FRAME_MAX);
    head.id = ++sandbox->channel.last_id;
    bj_frame_put(&packet, head, &body);
    result = bj_channel_send(&sandbox->channel, &packet, NULL, err);
    bj_buf_release(&packet);
    if (result == 0)
        result = answer(sandbox, &reply, -1, err); /* as long as the process runs */
    /* It ends between the two; or it did, and both the event and the reply are here. */
    if (take_exit(&sandbox->channel, pid, ret))
        return 0;
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
    struct bj_frame_head head = {.type = BJ_FRAME_LIST, .id = ++sandbox->channel.last_id};
    struct bj_reply reply;
    struct bj_buf packet;
    size_t count;
    int result;

    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put(&packet, head, NULL);
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

/*
 * With one command and nothing else, the sandbox's end is all there is to wait for, and what init
 * said can be read then: its pidfd wakes this process once instead of twice.
 */
static int native_event_fd(const struct bj_sandbox *sandbox)
{
    return sandbox->one_command ? sandbox->launch.init_pidfd : sandbox->channel.fd;
}

static int native_next_event(struct bj_sandbox *sandbox, struct bj_backend_event *ret,
                             struct bj_error *err)
{
    struct bj_channel *channel = &sandbox->channel;
    int result = 0;

    ret->kind = BJ_BACKEND_EVENT_NONE;
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
        ret->kind = BJ_BACKEND_EVENT_EXITED;
        ret->exited = channel->events[0];
        memmove(channel->events, channel->events + 1,
                (size_t)--channel->event_count * sizeof channel->events[0]);
    } else if (channel->ended) {
        ret->kind = BJ_BACKEND_EVENT_ENDED;
    }
    return 0;
}

static int native_environment(const struct bj_sandbox *sandbox, bool terminal, char ***ret,
                              struct bj_error *err)
{
    const struct bj_plan *plan = &sandbox->plan;
    const struct bj_environment_base base = {
        .user = bj_plan_text(plan, plan->shell_user),
        .home = bj_plan_text(plan, plan->home),
        .own = sandbox->environment,
        .terminal = terminal,
    };

    return bj_environment_build(&base, ret, err);
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
    .environment = native_environment,
    .kill = native_kill,
    .destroy = native_destroy,
};
