/*
 * Acts that init does in one go: OPEN, CONNECT, SIGNAL. What comes back from inside is checked for
 * its form; a descriptor is handed on as it is.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "keeper/keeper_internal.h"

#define CONNECT_US 10000000 /* until a port inside has answered */

/* An act that waits for init. */
struct waiting {
    struct bj_sandbox *sandbox;
    struct bj_task task;
    uint32_t left; /* SIGNAL: replies that are still to come */
    struct bj_error failed;
};

static struct waiting *wait_for(struct bj_sandbox *sandbox, struct bj_task *task)
{
    struct waiting *waiting = bj_alloc(sizeof *waiting);
    struct bj_error failed;

    if (waiting == NULL) {
        bj_fail(&failed, BJ_E_NO_MEMORY, "act", "out of memory");
        bj_task_done(sandbox->keeper, task, &failed);
        return NULL;
    }
    waiting->sandbox = sandbox;
    waiting->task = *task;
    return waiting;
}

static void finish(struct waiting *waiting, const struct bj_error *failed)
{
    bj_task_done(waiting->sandbox->keeper, &waiting->task, failed);
    bj_free(waiting);
}

static void hand_on(struct bj_keeper *keeper, struct bj_task *task, const struct bj_fds *fds)
{
    struct bj_buf out;

    bj_task_answer_begin(task, &out);
    bj_task_answer_send(keeper, task, &out, fds);
    bj_task_done(keeper, task, NULL);
}

static void opened(void *context, const struct bj_init_reply *reply)
{
    struct waiting *waiting = context;
    struct bj_error failed;

    if (reply->failed == NULL && reply->fds->count == 1) {
        hand_on(waiting->sandbox->keeper, &waiting->task, reply->fds);
        bj_free(waiting);
        return;
    }
    if (reply->failed != NULL)
        failed = *reply->failed;
    else
        bj_fail(&failed, BJ_E_BUSY, "open", "no descriptor is free; try again");
    finish(waiting, &failed);
}

void bj_open_act(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act)
{
    struct bj_open request = {.flags = act->open_flags, .mode = act->mode, .path = act->path};
    struct waiting *waiting = wait_for(sandbox, task);
    struct bj_error failed = {0};
    struct bj_buf packet;

    if (waiting == NULL)
        return;
    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put_open(&packet, bj_init_next_id(sandbox), &request);
    if (bj_init_ask(sandbox, &packet, NULL, opened, waiting, &failed) < 0)
        finish(waiting, &failed);
}

/* ---- CONNECT ---- */

struct connecting {
    struct bj_keeper *keeper;
    struct bj_task task;
    char id[BJ_SANDBOX_ID_MAX]; /* of the sandbox, which may end meanwhile */
    struct bj_error first;      /* why IPv4 was refused */
    int family;
    uint16_t port;
    char *path;
    int fd;
    struct bj_poll *watch;
    struct bj_deadline deadline;
};

static void connected(void *context, const struct bj_init_reply *reply);

static void release(struct connecting *connecting)
{
    bj_deadline_clear(&connecting->keeper->deadlines, &connecting->deadline);
    bj_poll_free(connecting->watch);
    bj_fd_close(&connecting->fd);
    bj_free(connecting->path);
    bj_free(connecting);
}

static void not_connected(struct connecting *connecting, const struct bj_error *failed)
{
    bj_task_done(connecting->keeper, &connecting->task, failed);
    release(connecting);
}

static int ask_to_connect(struct connecting *connecting, struct bj_error *err)
{
    struct bj_endpoint endpoint = {.family = connecting->family,
                                   .port = connecting->port,
                                   .address = connecting->path != NULL ? connecting->path : ""};
    struct bj_sandbox *sandbox;
    struct bj_buf packet;
    int result = bj_sandbox_find(connecting->keeper, connecting->id, &sandbox, err);

    if (result < 0)
        return result;
    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put_endpoint(&packet, BJ_FRAME_CONNECT, bj_init_next_id(sandbox), &endpoint);
    return bj_init_ask(sandbox, &packet, NULL, connected, connecting, err);
}

/* Nobody listens on IPv4: perhaps somebody does on IPv6. */
static void try_next(struct connecting *connecting, const struct bj_error *failed)
{
    struct bj_error again = {0};

    if (connecting->family != AF_INET || failed->sys_errno != ECONNREFUSED) {
        not_connected(connecting, failed);
        return;
    }
    bj_deadline_clear(&connecting->keeper->deadlines, &connecting->deadline);
    bj_poll_free(connecting->watch);
    connecting->watch = NULL;
    bj_fd_close(&connecting->fd);
    connecting->family = AF_INET6;
    connecting->first = *failed;
    if (ask_to_connect(connecting, &again) < 0)
        not_connected(connecting, &again);
}

/* Both were refused, or IPv6 does not exist here: the first refusal says it better. */
static void refused(struct connecting *connecting, const struct bj_error *failed)
{
    if (connecting->first.code != BJ_E_OK)
        not_connected(connecting, &connecting->first);
    else
        try_next(connecting, failed);
}

static void settled(void *context, int events)
{
    struct connecting *connecting = context;
    struct bj_error failed = {0};
    int error = 0;
    socklen_t size = sizeof error;

    (void)events;
    if (getsockopt(connecting->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error != 0) {
        errno = error;
        bj_fail_errno(&failed, "connect", "cannot connect to port %u", connecting->port);
        refused(connecting, &failed);
        return;
    }
    hand_on(connecting->keeper, &connecting->task,
            &(struct bj_fds){.fd = {connecting->fd}, .count = 1});
    release(connecting);
}

static void too_late(struct bj_deadline *deadline)
{
    struct connecting *connecting =
        (void *)((char *)deadline - offsetof(struct connecting, deadline));
    struct bj_error failed;

    bj_fail(&failed, BJ_E_TIMEOUT, "connect", "port %u does not answer", connecting->port);
    not_connected(connecting, &failed);
}

static void connected(void *context, const struct bj_init_reply *reply)
{
    struct connecting *connecting = context;
    struct bj_keeper *keeper = connecting->keeper;
    struct bj_error failed = {0};

    if (reply->failed != NULL) {
        refused(connecting, reply->failed);
        return;
    }
    if (reply->fds->count != 1) {
        bj_fail(&failed, BJ_E_BUSY, "connect", "no descriptor is free; try again");
        not_connected(connecting, &failed);
        return;
    }
    connecting->fd = reply->fds->fd[0];
    reply->fds->count = 0;
    if (bj_poll_new(&keeper->loop, connecting->fd, settled, connecting, &connecting->watch,
                    &failed) < 0) {
        not_connected(connecting, &failed);
        return;
    }
    bj_poll_for(connecting->watch, UV_WRITABLE);
    connecting->deadline.passed = too_late;
    bj_deadline_wait(&keeper->deadlines, &connecting->deadline,
                     bj_deadlines_clock(&keeper->deadlines) + CONNECT_US);
}

void bj_connect_act(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act)
{
    struct connecting *connecting = bj_alloc(sizeof *connecting);
    struct bj_error failed = {0};
    int result = 0;

    if (connecting == NULL) {
        bj_fail(&failed, BJ_E_NO_MEMORY, "connect", "out of memory");
        bj_task_done(sandbox->keeper, task, &failed);
        return;
    }
    connecting->keeper = sandbox->keeper;
    connecting->task = *task;
    connecting->fd = -1;
    connecting->port = act->port;
    connecting->family = act->path != NULL ? AF_UNIX : AF_INET;
    memcpy(connecting->id, sandbox->id, sizeof connecting->id);
    if (act->path != NULL && (connecting->path = bj_strdup(act->path)) == NULL)
        result = bj_fail(&failed, BJ_E_NO_MEMORY, "connect", "out of memory");
    if (result == 0)
        result = ask_to_connect(connecting, &failed);
    if (result < 0)
        not_connected(connecting, &failed);
}

/* ---- SIGNAL ---- */

static void signalled(void *context, const struct bj_init_reply *reply)
{
    struct waiting *waiting = context;

    if (reply->failed != NULL && waiting->failed.code == BJ_E_OK)
        waiting->failed = *reply->failed;
    if (--waiting->left == 0)
        finish(waiting, waiting->failed.code != BJ_E_OK ? &waiting->failed : NULL);
}

static int ask_to_signal(struct bj_process *process, const struct bj_act *act,
                         struct waiting *waiting, struct bj_error *err)
{
    struct bj_signal body = {.pid = process->pid, .group = act->group || act->process == 0};
    struct bj_frame_head head = {.type = BJ_FRAME_SIGNAL,
                                 .id = bj_init_next_id(process->sandbox),
                                 .value = act->signal,
                                 .length = sizeof body};
    struct bj_buf packet;
    int result;

    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put(&packet, head, &body);
    result = bj_init_ask(process->sandbox, &packet, NULL, signalled, waiting, err);
    if (result == 0) {
        waiting->left++;
        process->killed |= act->signal == SIGKILL;
    }
    return result;
}

void bj_signal_act(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act)
{
    struct waiting *waiting = wait_for(sandbox, task);
    struct bj_error failed = {0};
    bool found = act->process == 0;

    if (waiting == NULL)
        return;
    waiting->left = 1; /* this function's own */
    for (struct bj_process *at = sandbox->processes; at != NULL; at = at->next) {
        if (act->process != 0 && at->number != act->process)
            continue;
        if (at->stage != BJ_PROCESS_RUNNING)
            continue;
        found = true;
        if (ask_to_signal(at, act, waiting, &failed) < 0)
            waiting->failed = failed;
    }
    if (!found)
        bj_fail(&waiting->failed, BJ_E_NOT_FOUND, "signal", "process %u does not run",
                act->process);
    signalled(waiting, &(struct bj_init_reply){0});
}
