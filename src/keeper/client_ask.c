/*
 * What the front asks: acts, through the audit process, and questions to either.
 *
 * Entries go out in the order of their ids, which is the order of the list, whatever waits; so the
 * keeper can say with one id what came through. They go to an audit process only once the keeper
 * said that it listens to this one: none goes before one that must be sent again, and none twice.
 */
#include "keeper/client_internal.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"

void bj_keeper_pump(struct bj_keeper_client *client)
{
    if (client->audit.fd < 0 || client->listens != client->audit_number)
        return;
    while (client->unsent != NULL) {
        struct bj_asked *call = client->unsent;
        int32_t again = call->again;

        memcpy(call->packet + offsetof(struct bj_message_head, result), &again, sizeof again);
        if (!bj_link_try(&client->audit, call->packet, call->length))
            return;
        call->again = true;
        client->unsent = call->next;
    }
}

int bj_client_packing_failed(const struct bj_buf *buf, struct bj_error *err)
{
    if (buf->no_memory)
        return bj_fail(err, BJ_E_NO_MEMORY, "keeper", "no memory for a message");
    return bj_fail(err, BJ_E_LIMIT, "keeper", "the call is too large: more than %zu bytes",
                   buf->maximum);
}

/* ---- acts ---- */

static int pack_entry(struct bj_buf *out, uint64_t id, const struct bj_entry *entry,
                      const struct bj_act *act, struct bj_error *err)
{
    struct bj_entry whole = *entry;
    struct bj_buf packed;
    int result = 0;

    bj_buf_init(&packed, BJ_ACT_MAX);
    whole.act = NULL;
    whole.act_length = 0;
    if (act != NULL) {
        bj_act_put(&packed, act);
        if (packed.failed)
            result = bj_client_packing_failed(&packed, err);
        whole.act = packed.data;
        whole.act_length = packed.length;
    }
    if (result == 0) {
        bj_message_begin(out, BJ_MESSAGE_ENTRY, id);
        bj_entry_put(out, &whole);
        if (!bj_message_end(out))
            result = bj_client_packing_failed(out, err);
    }
    bj_buf_release(&packed);
    return result;
}

int bj_keeper_act(struct bj_keeper_client *client, const struct bj_entry *entry,
                  const struct bj_act *act, bj_keeper_fn done, void *context, uint64_t *ret_id,
                  struct bj_error *err)
{
    struct bj_asked *call;
    struct bj_buf packet;
    int result = bj_asked_new(client, done, context, &call, err);

    if (result < 0)
        return result;
    bj_buf_init(&packet, BJ_MESSAGE_MAX);
    result = pack_entry(&packet, call->id, entry, act, err);
    if (result == 0)
        bj_message_head(&packet)->number = client->keeper_number;
    if (result == 0 && packet.length > BJ_ENTRIES_MAX - client->entry_bytes)
        result = bj_fail(err, BJ_E_BUSY, "keeper", "too much waits to be done; try again later");
    if (result < 0) {
        bj_buf_release(&packet);
        bj_asked_free(call);
        return result;
    }
    call->packet = packet.data; /* handed over */
    call->length = packet.length;
    bj_asked_insert(client, call);
    if (client->unsent == NULL)
        client->unsent = call;
    if (ret_id != NULL)
        *ret_id = call->id;
    bj_keeper_pump(client);
    return 0;
}

/* ---- questions to the keeper ---- */

struct question {
    struct bj_asked *call;
    struct bj_buf packet;
};

/* A call and the head of its message, whose body is packed next; ask() sends it. */
static int begin(struct bj_keeper_client *client, enum bj_message_type type, bj_keeper_fn done,
                 void *context, struct question *ret, struct bj_error *err)
{
    int result = bj_asked_new(client, done, context, &ret->call, err);

    if (result < 0)
        return result;
    bj_buf_init(&ret->packet, BJ_MESSAGE_MAX);
    bj_message_begin(&ret->packet, type, ret->call->id);
    return 0;
}

/* Ends a packed message and sends it to the keeper as a call, which it takes over. */
static int ask(struct bj_keeper_client *client, struct question *question, uint64_t *ret_id,
               struct bj_error *err)
{
    struct bj_buf *packet = &question->packet;
    int result = bj_client_say(client, packet, err);

    bj_buf_release(packet);
    if (result < 0) {
        bj_asked_free(question->call);
        return result;
    }
    if (ret_id != NULL)
        *ret_id = question->call->id;
    bj_asked_insert(client, question->call);
    return 0;
}

int bj_keeper_read(struct bj_keeper_client *client, const struct bj_read *read, bj_keeper_fn done,
                   void *context, uint64_t *ret_id, struct bj_error *err)
{
    struct question question;
    int result = begin(client, BJ_MESSAGE_READ, done, context, &question, err);

    if (result < 0)
        return result;
    bj_read_put(&question.packet, read);
    return ask(client, &question, ret_id, err);
}

int bj_keeper_input(struct bj_keeper_client *client, uint64_t attach, const struct bj_act *act,
                    bj_keeper_fn done, void *context, struct bj_error *err)
{
    enum bj_message_type type = act->kind == BJ_ACT_RESIZE ? BJ_MESSAGE_SIZE : BJ_MESSAGE_INPUT;
    struct bj_message_head *head;
    struct question question;
    int result;

    if (act->kind != BJ_ACT_INPUT && act->kind != BJ_ACT_RESIZE)
        return bj_fail(err, BJ_E_INVALID, "input", "only input and sizes go under an attachment");
    if (bj_asked_find(client, attach) != NULL)
        return bj_fail(err, BJ_E_CONFLICT, "input", "not attached yet");
    result = begin(client, type, done, context, &question, err);
    if (result < 0)
        return result;
    head = bj_message_head(&question.packet);
    if (head != NULL)
        head->number = (int64_t)attach;
    bj_act_put(&question.packet, act);
    return ask(client, &question, NULL, err);
}

int bj_keeper_usage(struct bj_keeper_client *client, const char *sandbox, bj_keeper_fn done,
                    void *context, struct bj_error *err)
{
    struct question question;
    int result = begin(client, BJ_MESSAGE_USAGE, done, context, &question, err);

    if (result < 0)
        return result;
    bj_pack_text(&question.packet, sandbox);
    return ask(client, &question, NULL, err);
}

/* There is no answer to it. What finds no room or no memory is lost with no harm but that the
 * keeper holds on until its own grace is over. */
void bj_keeper_send_detach(struct bj_keeper_client *client, uint64_t id)
{
    struct bj_buf packet;

    if (client->keeper.fd < 0)
        return;
    bj_buf_init(&packet, BJ_MESSAGE_MAX);
    bj_message_begin(&packet, BJ_MESSAGE_DETACH, id);
    bj_client_say(client, &packet, NULL);
    bj_buf_release(&packet);
}

void bj_keeper_use(struct bj_keeper_client *client, const char *sandbox, bool in_use)
{
    struct bj_message_head *head;
    struct bj_buf packet;

    if (client->keeper.fd < 0)
        return;
    bj_buf_init(&packet, BJ_MESSAGE_MAX);
    bj_message_begin(&packet, BJ_MESSAGE_USE, 0);
    head = bj_message_head(&packet);
    if (head != NULL)
        head->number = in_use;
    bj_pack_text(&packet, sandbox);
    bj_client_say(client, &packet, NULL);
    bj_buf_release(&packet);
}

void bj_keeper_cancel(struct bj_keeper_client *client, uint64_t id)
{
    struct bj_asked *call = bj_asked_find(client, id);

    if (call != NULL && call->packet != NULL)
        return; /* acts are done once they were asked for */
    if (call != NULL) {
        bj_asked_take(client, call);
        bj_asked_free(call);
    }
    bj_keeper_send_detach(client, id);
}

void bj_keeper_detach(struct bj_keeper_client *client, uint64_t attach)
{
    struct bj_asked *call = bj_asked_find(client, attach);

    /* The ATTACH takes the longer way, so its end must not overtake it. */
    if (call != NULL)
        call->detach = true;
    else
        bj_keeper_send_detach(client, attach);
}

/* ---- questions to the audit process ---- */

/* Takes the question out and answers it. */
static void question_end(struct bj_question *question, const struct bj_keeper_answer *how)
{
    struct bj_keeper_client *client = question->client;

    *(question->previous != NULL ? &question->previous->next : &client->questions) = question->next;
    if (question->next != NULL)
        question->next->previous = question->previous;
    bj_link_close(&question->link);
    question->done(question->context, how);
    bj_free(question);
}

static void question_fail(struct bj_question *question, const struct bj_error *why)
{
    struct bj_fds fds = {.count = 0};

    question_end(question,
                 &(struct bj_keeper_answer){.result = -why->code, .error = why, .fds = &fds});
}

static void on_reply(void *context, const char *packet, size_t length, struct bj_fds *fds)
{
    struct bj_question *question = context;
    struct bj_error why = {0}, bad = {0};
    struct bj_message message;

    if (bj_client_message(packet, length, fds, &message, &why) < 0) {
        question_fail(question, &why);
    } else if (message.head.type != BJ_MESSAGE_ANSWER || message.head.result > 0 ||
               (message.head.result == 0 && fds->count != 1)) {
        bj_fail(&why, BJ_E_PROTOCOL, "question", "not a reply");
        question_fail(question, &why);
    } else if (message.head.result < 0) {
        question_fail(question, bj_message_get_error(&message, &why, &bad) < 0 ? &bad : &why);
    } else {
        question_end(question, &(struct bj_keeper_answer){.fds = fds});
    }
}

static void on_reply_lost(void *context)
{
    struct bj_error busy = {0};

    bj_fail(&busy, BJ_E_BUSY, "question", "the audit process was replaced; ask again");
    question_fail(context, &busy);
}

static const struct bj_link_calls reply_calls = {.received = on_reply, .closed = on_reply_lost};

static int audit_missing(struct bj_error *err)
{
    return bj_fail(err, BJ_E_BUSY, "question", "the audit process is starting; try again");
}

/* Sends it with the other end of its socket, which stays the caller's. */
static int send_question(struct bj_keeper_client *client, const struct bj_audit_question *asked,
                         int other, struct bj_error *err)
{
    struct bj_fds fds = {.fd = {other}, .count = 1};
    struct bj_message_head *head;
    struct bj_buf packet;
    int result = 0;

    bj_buf_init(&packet, BJ_MESSAGE_MAX);
    bj_message_begin(&packet, BJ_MESSAGE_QUERY, ++client->last_id);
    head = bj_message_head(&packet);
    if (head != NULL)
        head->fds = 1;
    bj_audit_question_put(&packet, asked);
    if (!bj_message_end(&packet))
        result = bj_client_packing_failed(&packet, err);
    if (result == 0)
        result = bj_link_send(&client->audit, packet.data, packet.length, &fds, err);
    bj_buf_release(&packet);
    return result == -BJ_E_ENDED ? audit_missing(err) : result;
}

int bj_keeper_question(struct bj_keeper_client *client, const struct bj_audit_question *asked,
                       bj_keeper_fn done, void *context, struct bj_error *err)
{
    struct bj_question *question;
    int ends[2], result;

    if (client->freed || client->audit.fd < 0)
        return audit_missing(err);
    question = bj_alloc(sizeof *question);
    if (question == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "question", "no memory for a question");
    if (bj_socket_pair(ends) < 0) {
        result = bj_fail_errno(err, "question", "cannot make a socket for the reply");
        bj_free(question);
        return result;
    }
    *question = (struct bj_question){
        .client = client, .done = done, .context = context, .next = client->questions};
    result = bj_link_open(&question->link, client->loop, ends[0], &reply_calls, question, err);
    if (result == 0)
        result = send_question(client, asked, ends[1], err);
    bj_fd_close(&ends[1]);
    if (result < 0) {
        bj_link_close(&question->link);
        bj_free(question);
        return result;
    }
    if (client->questions != NULL)
        client->questions->previous = question;
    client->questions = question;
    return 0;
}

void bj_questions_fail(struct bj_keeper_client *client, const struct bj_error *why)
{
    while (client->questions != NULL)
        question_fail(client->questions, why);
}
