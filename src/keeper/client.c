/*
 * The front's side of the keeper: its peers, and what comes from them.
 *
 * Theory of operation. Whatever is asked is a call (client_ask.c), in a table by its id until its
 * ANSWER comes (client_calls.c). Loss of the keeper answers all of them. Loss of the audit process
 * answers none: entries are kept whole until they are answered, and the GAP that the keeper says
 * when it turns to a new one tells which of them were lost on the way. Everything that was sent to
 * the new one before that would come out of order; so nothing is, until GAP has named it.
 */
#include "keeper/client_internal.h"

#include "base/fd.h"
#include "base/mem.h"

#define ENDED_MAX 2 /* audit processes that may end with one and the same entry under way */

/* Calls back whoever waits, and the watcher, once. */
static void on_keeper_lost(void *context)
{
    struct bj_keeper_client *client = context;
    struct bj_error why = {0};

    client->listens = 0;
    bj_fail(&why, BJ_E_ENDED, "keeper", "the service lost its sandboxes and starts again");
    bj_calls_fail(client, &why);
    if (!client->freed && client->watcher->lost != NULL)
        client->watcher->lost(client->context);
}

static void lose_keeper(struct bj_keeper_client *client)
{
    if (client->keeper.fd < 0)
        return;
    bj_link_close(&client->keeper);
    on_keeper_lost(client);
}

int bj_client_message(const char *packet, size_t length, const struct bj_fds *fds,
                      struct bj_message *ret, struct bj_error *err)
{
    int result = bj_message_get(packet, length, ret, err);

    if (result == 0 && ret->head.fds != fds->count)
        return bj_fail(err, BJ_E_PROTOCOL, "receive", "%zu descriptors came, not %u", fds->count,
                       ret->head.fds);
    return result;
}

int bj_client_say(struct bj_keeper_client *client, struct bj_buf *message, struct bj_error *err)
{
    int result;

    if (!bj_message_end(message))
        return bj_client_packing_failed(message, err);
    result = bj_link_send(&client->keeper, message->data, message->length, NULL, err);
    return result == -BJ_E_ENDED ? 0 : result;
}

/* ---- what the keeper says ---- */

static int take_answer(struct bj_keeper_client *client, const struct bj_message *message,
                       struct bj_fds *fds, struct bj_error *err)
{
    struct bj_asked *call = bj_asked_find(client, message->head.id);
    struct bj_error error = {0};
    struct bj_keeper_answer how = {.result = message->head.result,
                                   .number = message->head.number,
                                   .message = message,
                                   .fds = fds};

    if (how.result > 0)
        return bj_fail(err, BJ_E_PROTOCOL, "answer", "a result of %d", how.result);
    if (how.result < 0) {
        int result = bj_message_get_error(message, &error, err);

        if (result < 0)
            return result;
        if (error.code != -how.result)
            return bj_fail(err, BJ_E_PROTOCOL, "answer", "a result of %d with error %d", how.result,
                           error.code);
        how.error = &error;
    }
    if (call == NULL)
        return 0; /* it was cancelled, or asked for by a front before this one */
    bj_asked_take(client, call);
    if (call->given_up) {
        bj_asked_say_given_up(&error);
        how.result = -error.code;
        how.error = &error;
    }
    if (call->detach && how.result == 0)
        bj_keeper_send_detach(client, call->id);
    if (call->done != NULL)
        call->done(call->context, &how);
    bj_asked_free(call);
    return 0;
}

/* Marks what has to be sent again, and sends. A second GAP for the same audit process is only the
 * news of the first. */
static void take_gap(struct bj_keeper_client *client, const struct bj_message_head *head)
{
    struct bj_asked *call = client->entries.first;

    if (head->number <= client->listens)
        return;
    client->listens = head->number;
    while (call != NULL && call->id <= head->id)
        call = call->next;
    client->unsent = call;
    /* Of what was sent only the first can have been under way. One that is answered here is
     * followed by the next, which bj_asked_take() has made the one to send. */
    if (call != NULL && call->taken >= ENDED_MAX)
        bj_asked_give_up(client, call);
    bj_keeper_pump(client);
}

static int take_sandbox(struct bj_keeper_client *client, const struct bj_message *message,
                        struct bj_error *err)
{
    const char *strings[BJ_STATE_STRINGS];
    struct bj_sandbox_state state;
    int result = bj_sandbox_state_get(message, strings, BJ_STATE_STRINGS, &state, err);

    if (result == 0 && client->watcher->sandbox != NULL)
        client->watcher->sandbox(client->context, &state);
    return result;
}

static int take_process(struct bj_keeper_client *client, const struct bj_message *message,
                        struct bj_error *err)
{
    struct bj_process_state state;
    int result = bj_process_state_get(message, &state, err);

    if (result == 0 && client->watcher->process != NULL)
        client->watcher->process(client->context, &state);
    return result;
}

static int take_message(struct bj_keeper_client *client, const struct bj_message *message,
                        struct bj_fds *fds, struct bj_error *err)
{
    switch (message->head.type) {
    case BJ_MESSAGE_ANSWER:
        return take_answer(client, message, fds, err);
    case BJ_MESSAGE_SANDBOX:
        return take_sandbox(client, message, err);
    case BJ_MESSAGE_PROCESS:
        return take_process(client, message, err);
    case BJ_MESSAGE_GAP:
        take_gap(client, &message->head);
        return 0;
    case BJ_MESSAGE_READY:
        if (client->watcher->ready != NULL)
            client->watcher->ready(client->context);
        return 0;
    }
    return bj_fail(err, BJ_E_PROTOCOL, "keeper", "unexpected message %u", message->head.type);
}

static void from_keeper(void *context, const char *packet, size_t length, struct bj_fds *fds)
{
    struct bj_message message;

    if (bj_client_message(packet, length, fds, &message, NULL) < 0 ||
        take_message(context, &message, fds, NULL) < 0)
        lose_keeper(context);
}

static const struct bj_link_calls keeper_calls = {.received = from_keeper,
                                                  .closed = on_keeper_lost};

/* ---- the audit process, which only says what it has under way ---- */

static void from_audit(void *context, const char *packet, size_t length, struct bj_fds *fds)
{
    struct bj_keeper_client *client = context;
    struct bj_message message;
    struct bj_asked *call;

    if (bj_client_message(packet, length, fds, &message, NULL) < 0 ||
        message.head.type != BJ_MESSAGE_TAKEN) {
        bj_link_close(&client->audit);
        return;
    }
    call = bj_asked_find(client, message.head.id);
    if (call != NULL)
        call->taken++;
}

static void audit_closed(void *context)
{
    (void)context; /* the supervisor has the next one, and the keeper then the GAP */
}

static void audit_drained(void *context)
{
    bj_keeper_pump(context);
}

static const struct bj_link_calls audit_calls = {
    .received = from_audit, .closed = audit_closed, .drained = audit_drained};

/* ---- the client ---- */

void bj_keeper_client_set_front(struct bj_keeper_client *client, int64_t number)
{
    uint64_t first = (uint64_t)number << BJ_FRONT_ID_BITS;

    if (client->last_id < first)
        client->last_id = first;
}

/* Takes the descriptor, also when it fails. */
static int open_link(struct bj_keeper_client *client, struct bj_link *link, int fd,
                     const struct bj_link_calls *calls, struct bj_error *err)
{
    int result = bj_socket_make_room(fd, BJ_MESSAGE_MAX, err);

    if (result < 0) {
        bj_fd_close(&fd);
        return result;
    }
    result = bj_link_open(link, client->loop, fd, calls, client, err);
    link->maximum = BJ_ASKS_MAX;
    return result;
}

int bj_keeper_client_set_keeper(struct bj_keeper_client *client, int fd, int64_t number,
                                struct bj_error *err)
{
    struct bj_buf hello;
    int result;

    lose_keeper(client);
    client->keeper_number = number;
    result = open_link(client, &client->keeper, fd, &keeper_calls, err);
    if (result < 0)
        return result;
    bj_buf_init(&hello, BJ_MESSAGE_MAX);
    bj_message_begin(&hello, BJ_MESSAGE_HELLO, 0);
    result = bj_client_say(client, &hello, err);
    bj_buf_release(&hello);
    if (result < 0)
        bj_link_close(&client->keeper);
    return result;
}

int bj_keeper_client_set_audit(struct bj_keeper_client *client, int fd, int64_t number,
                               struct bj_error *err)
{
    int result;

    bj_link_close(&client->audit);
    result = open_link(client, &client->audit, fd, &audit_calls, err);
    if (result < 0)
        return result;
    client->audit_number = number;
    bj_keeper_pump(client);
    return 0;
}

int bj_keeper_client_new(uv_loop_t *loop, const struct bj_keeper_watcher *watcher, void *context,
                         struct bj_keeper_client **ret, struct bj_error *err)
{
    struct bj_keeper_client *client = bj_alloc(sizeof *client);
    int result;

    if (client == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "keeper", "no memory for the keeper's client");
    result = bj_calls_init(client, err);
    if (result < 0) {
        bj_free(client);
        return result;
    }
    client->loop = loop;
    client->keeper.fd = client->audit.fd = -1;
    client->watcher = watcher;
    client->context = context;
    uv_idle_init(loop, &client->end);
    client->end.data = client;
    *ret = client;
    return 0;
}

static void on_end(uv_handle_t *handle)
{
    struct bj_keeper_client *client = handle->data;

    bj_free(client->buckets);
    bj_free(client);
}

void bj_keeper_client_free(struct bj_keeper_client *client)
{
    struct bj_error why = {0};

    if (client == NULL || client->freed)
        return;
    client->freed = true;
    lose_keeper(client);
    bj_link_close(&client->audit);
    bj_fail(&why, BJ_E_ENDED, "keeper", "the service ends");
    bj_questions_fail(client, &why);
    uv_close((uv_handle_t *)&client->end, on_end);
}
