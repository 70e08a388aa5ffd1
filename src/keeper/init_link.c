/*
 * Init's socket on the loop. A workload can stop a process of init's that is about to start, and
 * init with it, so nothing here waits for an answer: requests are kept by id, in the order they
 * were sent, with a deadline. An init that has not answered by then is of no more use, and its
 * sandbox is ended.
 */
#include <string.h>

#include "backend/channel.h"
#include "base/mem.h"
#include "keeper/keeper_internal.h"

struct bj_init_request {
    struct bj_init_request *next;
    uint32_t id;
    int64_t deadline; /* of bj_deadlines_clock() */
    bj_init_fn fn;
    void *context;
};

static void late(struct bj_deadline *deadline)
{
    struct bj_init_link *init =
        (void *)((char *)deadline - offsetof(struct bj_init_link, deadline));

    bj_fail(&init->failure, BJ_E_TIMEOUT, "init", "the sandbox's init has not answered for %d s",
            BJ_CHANNEL_TIMEOUT_MS / 1000);
    bj_sandbox_init_gone(init->sandbox);
}

static void watch_first(struct bj_init_link *init)
{
    struct bj_deadlines *deadlines = &init->sandbox->keeper->deadlines;

    if (init->first == NULL)
        bj_deadline_clear(deadlines, &init->deadline);
    else
        bj_deadline_wait(deadlines, &init->deadline, init->first->deadline);
}

/* An error that init says: checked, because init shares a machine with the workload. */
static void take_error(const struct bj_frame *frame, struct bj_error *ret)
{
    if (frame->head.length == sizeof *ret)
        memcpy(ret, frame->body, sizeof *ret);
    if (frame->head.length != sizeof *ret || ret->code <= BJ_E_OK || ret->code >= BJ_CODE_COUNT)
        bj_fail(ret, BJ_E_PROTOCOL, "init", "init failed without saying how");
    ret->step[sizeof ret->step - 1] = '\0';
    ret->message[sizeof ret->message - 1] = '\0';
}

static void take_reply(struct bj_init_link *init, const struct bj_frame *frame, struct bj_fds *fds)
{
    struct bj_init_reply reply = {
        .value = frame->head.value, .body = frame->body, .length = frame->head.length, .fds = fds};
    struct bj_init_request **at = &init->first, *before = NULL, *found;
    struct bj_error failed;

    while (*at != NULL && (*at)->id != frame->head.id) {
        before = *at;
        at = &(*at)->next;
    }
    found = *at;
    if (found == NULL)
        return;
    *at = found->next;
    if (init->last == found)
        init->last = before;
    init->count--;
    watch_first(init);
    if (frame->head.value < 0) {
        take_error(frame, &failed);
        reply.failed = &failed;
    }
    found->fn(found->context, &reply);
    bj_free(found);
}

static void received(void *context, const char *packet, size_t length, struct bj_fds *fds)
{
    struct bj_init_link *init = context;
    struct bj_exited exited;
    struct bj_frame frame;

    if (bj_frame_get(packet, length, &frame, &init->failure) < 0) {
        bj_sandbox_init_gone(init->sandbox);
        return;
    }
    switch ((enum bj_frame_type)frame.head.type) {
    case BJ_FRAME_REPLY:
        take_reply(init, &frame, fds);
        break;
    case BJ_FRAME_EXITED:
        if (bj_frame_get_struct(&frame, &exited, sizeof exited, NULL) == 0)
            bj_process_exited(init->sandbox, &exited);
        break;
    case BJ_FRAME_FAILED:
        take_error(&frame, &init->failure);
        break;
    case BJ_FRAME_NOTE:
        if (frame.head.value >= 0 && frame.head.value < BJ_LAYER_COUNT)
            bj_sandbox_note(init->sandbox, (enum bj_layer)frame.head.value, frame.body,
                            frame.head.length);
        break;
    default:
        break;
    }
}

static void closed(void *context)
{
    struct bj_init_link *init = context;

    bj_sandbox_init_gone(init->sandbox);
}

static const struct bj_link_calls calls = {.received = received, .closed = closed};

int bj_init_link_open(struct bj_sandbox *sandbox, int fd, struct bj_error *err)
{
    struct bj_init_link *init = &sandbox->init;

    init->sandbox = sandbox;
    init->deadline.passed = late;
    return bj_link_open(&init->link, &sandbox->keeper->loop, fd, &calls, init, err);
}

void bj_init_link_close(struct bj_sandbox *sandbox)
{
    struct bj_init_link *init = &sandbox->init;
    struct bj_error ended;
    struct bj_fds none = {.count = 0};
    struct bj_init_reply reply = {.failed = &ended, .fds = &none};

    bj_fail(&ended, BJ_E_ENDED, "sandbox", "the sandbox has ended");
    if (init->failure.code != BJ_E_OK)
        ended = init->failure;
    bj_link_close(&init->link);
    while (init->first != NULL) {
        struct bj_init_request *request = init->first;

        init->first = request->next;
        request->fn(request->context, &reply);
        bj_free(request);
    }
    init->last = NULL;
    init->count = 0;
    bj_deadline_clear(&sandbox->keeper->deadlines, &init->deadline);
}

uint32_t bj_init_next_id(struct bj_sandbox *sandbox)
{
    if (++sandbox->init.last_id == 0) /* what init says unasked has 0 */
        ++sandbox->init.last_id;
    return sandbox->init.last_id;
}

static int busy(struct bj_error *err)
{
    return bj_fail(err, BJ_E_BUSY, "request",
                   "the sandbox does not keep up with what it is asked; try again");
}

static int send_request(struct bj_init_link *init, const struct bj_buf *packet,
                        const struct bj_fds *fds, struct bj_error *err)
{
    int result;

    if (packet->no_memory)
        return bj_fail(err, BJ_E_NO_MEMORY, "request", "out of memory");
    if (packet->failed)
        return bj_fail(err, BJ_E_LIMIT, "request",
                       "the command and its environment are larger than %d bytes", BJ_FRAME_MAX);
    result = bj_link_send(&init->link, packet->data, packet->length, fds, err);
    if (result == -BJ_E_BUSY)
        return busy(err);
    if (result == -BJ_E_ENDED)
        return bj_fail(err, BJ_E_ENDED, "request", "the sandbox has ended");
    return result;
}

int bj_init_ask(struct bj_sandbox *sandbox, struct bj_buf *packet, const struct bj_fds *fds,
                bj_init_fn fn, void *context, struct bj_error *err)
{
    struct bj_init_link *init = &sandbox->init;
    struct bj_init_request *request = NULL;
    int result;

    if (init->count < BJ_INIT_REQUESTS)
        request = bj_alloc(sizeof *request);
    if (init->count >= BJ_INIT_REQUESTS)
        result = busy(err);
    else if (request == NULL)
        result = bj_fail(err, BJ_E_NO_MEMORY, "request", "out of memory");
    else
        result = send_request(init, packet, fds, err);
    bj_buf_release(packet);
    if (result < 0) {
        bj_free(request);
        return result;
    }
    *request = (struct bj_init_request){
        .id = init->last_id,
        .deadline =
            bj_deadlines_clock(&sandbox->keeper->deadlines) + (int64_t)BJ_CHANNEL_TIMEOUT_MS * 1000,
        .fn = fn,
        .context = context,
    };
    if (init->last != NULL)
        init->last->next = request;
    else
        init->first = request;
    init->last = request;
    init->count++;
    watch_first(init);
    return 0;
}
