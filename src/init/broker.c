/*
 * Answers the host's requests. Each is checked, done with the workload's rights, and replied to.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "init/init_internal.h"
#include "linux/socket.h"

void bj_init_send(struct bj_init *init, struct bj_frame_head head, const void *body,
                  const struct bj_fds *fds)
{
    if (head.length > sizeof init->room.reply.body)
        head.length = sizeof init->room.reply.body;
    head.magic = BJ_FRAME_MAGIC;
    head.fds = fds != NULL ? (uint16_t)fds->count : 0;
    init->room.reply.head = head;
    if (body != NULL)
        memcpy(init->room.reply.body, body, head.length);
    if (bj_socket_send(init->socket_fd, &init->room.reply, sizeof head + head.length, fds) < 0)
        _exit(1);
}

/* A reply of nothing but a value and descriptors. */
static void reply(struct bj_init *init, uint32_t id, int32_t value, const struct bj_fds *fds)
{
    struct bj_frame_head head = {.type = BJ_FRAME_REPLY, .id = id, .value = value};

    bj_init_send(init, head, NULL, fds);
}

void bj_init_note(struct bj_init *init, enum bj_layer layer, const char *text)
{
    struct bj_frame_head head = {
        .type = BJ_FRAME_NOTE, .value = (int32_t)layer, .length = (uint32_t)strlen(text)};

    bj_init_send(init, head, text, NULL);
}

static void reply_error(struct bj_init *init, uint32_t id, const struct bj_error *err)
{
    struct bj_frame_head head = {
        .type = BJ_FRAME_REPLY, .id = id, .value = -err->code, .length = sizeof *err};

    bj_init_send(init, head, err, NULL);
}

/* The entry of a process; of two with one number, the one that ended first. 0: a free entry. */
static struct bj_init_process *find_process(struct bj_init *init, pid_t pid)
{
    struct bj_init_process *found = NULL;

    for (size_t i = 0; i < BJ_PROCESSES_MAX; i++) {
        struct bj_init_process *entry = &init->processes[i];

        if (entry->pid == pid && (found == NULL || entry->ended))
            found = entry;
    }
    return found;
}

static int serve_spawn(struct bj_init *init, const struct bj_frame *frame,
                       const struct bj_fds *streams, struct bj_error *err)
{
    const char **strings = init->room.strings;
    struct bj_init_process *entry = find_process(init, 0);
    struct bj_error failure = {0};
    struct bj_spawn spawn;
    struct bj_fds out = {.count = 0};
    pid_t pid = 0;
    int result;

    result = bj_frame_get_spawn(frame, strings, BJ_ARGC_MAX, &spawn, err);
    if (result < 0)
        return result;
    if (entry == NULL)
        result = bj_fail(&failure, BJ_E_LIMIT, "spawn",
                         "the sandbox has %d processes that run or were not waited for",
                         BJ_PROCESSES_MAX);
    else
        result = bj_init_spawn(init, &spawn, streams, &pid, &out, &failure);
    if (result < 0) {
        reply_error(init, frame->head.id, &failure);
        /* Nobody waits for more where the command was all there was to come. */
        return spawn.flags & BJ_SPAWN_MAIN && !(spawn.flags & BJ_SPAWN_REPLY) ? result : 0;
    }
    *entry = (struct bj_init_process){.pid = pid, .keep = spawn.flags & BJ_SPAWN_KEEP};
    if (spawn.flags & BJ_SPAWN_MAIN)
        init->main_pid = pid;
    if (!(spawn.flags & BJ_SPAWN_MAIN) || spawn.flags & BJ_SPAWN_REPLY)
        reply(init, frame->head.id, pid, &out);
    bj_fds_close(&out);
    return 0;
}

static void reply_fd(struct bj_init *init, uint32_t id, int fd, const struct bj_error *failure)
{
    if (fd < 0) {
        reply_error(init, id, failure);
        return;
    }
    reply(init, id, 0, &(struct bj_fds){.fd = {fd}, .count = 1});
    close(fd);
}

static int serve_descriptor(struct bj_init *init, const struct bj_frame *frame,
                            struct bj_error *err)
{
    struct bj_error failure = {0};
    struct bj_endpoint endpoint;
    struct bj_open request;
    int result;

    if (frame->head.type == BJ_FRAME_OPEN) {
        result = bj_frame_get_open(frame, &request, err);
        if (result == 0)
            reply_fd(init, frame->head.id, bj_init_open(init, &request, &failure), &failure);
        return result;
    }
    result = bj_frame_get_endpoint(frame, &endpoint, err);
    if (result < 0)
        return result;
    if (frame->head.type == BJ_FRAME_CONNECT)
        reply_fd(init, frame->head.id, bj_init_connect(init, &endpoint, &failure), &failure);
    else
        reply_fd(init, frame->head.id, bj_init_listen(init, &endpoint, &failure), &failure);
    return 0;
}

static int serve_signal(struct bj_init *init, const struct bj_frame *frame, struct bj_error *err)
{
    struct bj_error failure = {0};
    struct bj_signal request;
    pid_t pid;
    int result = bj_frame_get_struct(frame, &request, sizeof request, err);

    if (result < 0)
        return result;
    pid = request.pid != 0 ? request.pid : init->main_pid;
    /* Only processes that the host started: 0, -1 and init itself would be something else. */
    if (pid <= 1 || find_process(init, pid) == NULL || find_process(init, pid)->ended)
        result = bj_fail(&failure, BJ_E_NOT_FOUND, "signal", "process %d has ended", request.pid);
    else if (BJ_SYS(kill(request.group != 0 ? -pid : pid, frame->head.value)) < 0)
        result = bj_fail_errno(&failure, "signal", "cannot signal process %d", pid);
    if (result < 0)
        reply_error(init, frame->head.id, &failure);
    else
        reply(init, frame->head.id, 0, NULL);
    return 0;
}

static int serve_wait(struct bj_init *init, const struct bj_frame *frame, struct bj_error *err)
{
    struct bj_error failure = {0};
    struct bj_init_process *entry;
    struct bj_signal request;
    int result = bj_frame_get_struct(frame, &request, sizeof request, err);

    if (result < 0)
        return result;
    entry = request.pid > 0 ? find_process(init, request.pid) : NULL;
    if (entry == NULL) {
        bj_fail(&failure, BJ_E_NOT_FOUND, "wait", "there is no process %d to wait for",
                request.pid);
        reply_error(init, frame->head.id, &failure);
    } else if (entry->ended) {
        struct bj_frame_head head = {
            .type = BJ_FRAME_REPLY, .id = frame->head.id, .length = sizeof entry->exited};

        bj_init_send(init, head, &entry->exited, NULL);
        *entry = (struct bj_init_process){0};
    } else {
        entry->waiter = frame->head.id;
    }
    return 0;
}

static void serve_list(struct bj_init *init, const struct bj_frame *frame)
{
    struct bj_process_entry *entries = init->room.entries;
    int count = bj_init_list(init, entries, BJ_PROCESSES_MAX);
    struct bj_frame_head head = {
        .type = BJ_FRAME_REPLY,
        .id = frame->head.id,
        .value = count,
        .length = (uint32_t)((size_t)count * sizeof *entries),
    };

    bj_init_send(init, head, entries, NULL);
}

int bj_init_serve(struct bj_init *init, const struct bj_frame *frame, const struct bj_fds *fds,
                  struct bj_error *err)
{
    switch ((enum bj_frame_type)frame->head.type) {
    case BJ_FRAME_SPAWN:
        return serve_spawn(init, frame, fds, err);
    case BJ_FRAME_OPEN:
    case BJ_FRAME_CONNECT:
    case BJ_FRAME_LISTEN:
        return serve_descriptor(init, frame, err);
    case BJ_FRAME_SIGNAL:
        return serve_signal(init, frame, err);
    case BJ_FRAME_WAIT:
        return serve_wait(init, frame, err);
    case BJ_FRAME_LIST:
        serve_list(init, frame);
        return 0;
    default:
        return bj_fail(err, BJ_E_PROTOCOL, "init", "message type %u is not a request",
                       frame->head.type);
    }
}
