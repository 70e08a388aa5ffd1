/*
 * Entries that end the audit process. One that was under way alone when two of them ended is not
 * sent again: what it would do to every one after them, it would do to everybody's entries. In its
 * place goes a short one without its act and its texts, under the same id, so that the record says
 * who asked; and should that not come through either, the call is answered without a record.
 *
 * What was sent before is taken by the audit process alone, not with others, and it says so; a
 * process that ends for other reasons, before it came to it, is not held against an entry.
 */
#include "keeper/client_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define RULE "service.audit"

static const char *const text =
    "the process that keeps the record ended twice while it had this request, so it was not done";

/* What is left of the request: its texts may be what ends the process. */
static void shorten(struct bj_entry *entry)
{
    const char *tool = entry->request.tool;

    entry->request = (struct bj_request){
        .tool = strlen(tool) < BJ_AUDIT_NAME_MAX ? tool : "request",
        .key = entry->request.key,
        .sandbox = entry->request.sandbox,
    };
    entry->act = NULL;
    entry->act_length = 0;
}

static int pack_short(const struct bj_asked *call, struct bj_verdict *verdict, const char **strings,
                      struct bj_buf *out)
{
    struct bj_entry entry = {.verdict = verdict};
    struct bj_message message;
    struct bj_error err;
    char description[256];
    int result = bj_message_get(call->packet, call->length, &message, &err);

    if (result == 0)
        result = bj_entry_get(&message, strings, BJ_ENTRY_STRINGS, &entry, &err);
    if (result < 0)
        return result;
    bj_verdict_release(verdict);
    bj_verdict_init(verdict);
    snprintf(description, sizeof description, "%s (%zu bytes)", text, call->length);
    bj_verdict_add(verdict, &(struct bj_violation){.rule = RULE,
                                                   .description = description,
                                                   .command = "",
                                                   .advice = "",
                                                   .risk = BJ_RISK_HIGH,
                                                   .decision = BJ_DENY});
    shorten(&entry);
    bj_message_begin(out, BJ_MESSAGE_ENTRY, call->id);
    bj_entry_put(out, &entry);
    if (!bj_message_end(out))
        return -BJ_E_NO_MEMORY;
    bj_message_head(out)->number = message.head.number;
    return 0;
}

/* Has the short one go in the call's place. False: it cannot be made. */
static bool put_short(struct bj_keeper_client *client, struct bj_asked *call)
{
    const char **strings = bj_alloc(BJ_ENTRY_STRINGS * sizeof *strings);
    struct bj_verdict *verdict = bj_alloc(sizeof *verdict);
    struct bj_buf packet;
    int result = -BJ_E_NO_MEMORY;

    bj_buf_init(&packet, BJ_MESSAGE_MAX);
    if (verdict != NULL) {
        bj_verdict_init(verdict);
        if (strings != NULL)
            result = pack_short(call, verdict, strings, &packet);
        bj_verdict_release(verdict);
    }
    bj_free(verdict);
    bj_free(strings);
    if (result < 0) {
        bj_buf_release(&packet);
        return false;
    }
    client->entry_bytes = client->entry_bytes - call->length + packet.length;
    bj_free(call->packet);
    call->packet = packet.data; /* handed over */
    call->length = packet.length;
    call->given_up = true;
    call->taken = 0;
    return true;
}

void bj_asked_say_given_up(struct bj_error *ret)
{
    bj_fail(ret, BJ_E_SYSTEM, "audit", "%s", text);
}

bool bj_asked_give_up(struct bj_keeper_client *client, struct bj_asked *call)
{
    struct bj_fds fds = {.count = 0};
    struct bj_error why = {0};

    if (!call->given_up && put_short(client, call))
        return true;
    bj_asked_take(client, call);
    bj_asked_say_given_up(&why);
    if (call->done != NULL)
        call->done(call->context,
                   &(struct bj_keeper_answer){.result = -why.code, .error = &why, .fds = &fds});
    bj_asked_free(call);
    return false;
}
