/*
 * The way of an entry: taken in with whatever else waits, recorded with it in one commit, and only
 * then passed on. One entry alone is one commit at once.
 *
 * The front is listened to only while there is a keeper that takes what it is sent: so what waits
 * is in the front's socket, where it is bounded, and not here. The keeper is always listened to.
 */
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "recorder/recorder_internal.h"

#define ROUNDS 8 /* commits before others have their turn */
#define HELD_US                                                                                    \
    5000000 /* that an entry waits for the next keeper, who was introduced to the front */

struct bj_batch *bj_batch_new(void)
{
    struct bj_batch *batch = bj_alloc(sizeof *batch);

    if (batch == NULL)
        return NULL;
    bj_verdict_init(&batch->verdict);
    bj_buf_init(&batch->described, 8 * BJ_ACT_MAX); /* a byte can take six as JSON */
    bj_buf_init(&batch->message, BJ_MESSAGE_MAX);
    return batch;
}

void bj_batch_free(struct bj_batch *batch)
{
    if (batch == NULL)
        return;
    bj_verdict_release(&batch->verdict);
    bj_buf_release(&batch->described);
    bj_buf_release(&batch->message);
    bj_free(batch);
}

static struct bj_message message_of(const struct bj_batch *batch, const struct bj_item *item)
{
    const char *packet = batch->bytes + item->offset;
    struct bj_message message = {.body = packet + sizeof message.head};

    memcpy(&message.head, packet, sizeof message.head);
    return message;
}

/* ---- taking in ---- */

static bool has_room(const struct bj_batch *batch)
{
    return !batch->closed && batch->count < BJ_BATCH_ITEMS && batch->used <= BJ_BATCH_BYTES;
}

static struct bj_item *add(struct bj_batch *batch, enum bj_item_kind kind, size_t length)
{
    struct bj_item *item = &batch->items[batch->count++];

    item->kind = kind;
    item->offset = batch->used;
    item->length = length;
    item->number = 0;
    item->act = NULL;
    item->failed = item->malformed = false;
    batch->used += (length + 15) & ~(size_t)15;
    return item;
}

/* Should this process end with it, the front is to know what it was. */
static void say_taken(struct bj_recorder *recorder, uint64_t id)
{
    struct bj_buf *out = &recorder->batch->message;

    out->length = 0;
    out->failed = out->no_memory = false;
    bj_message_begin(out, BJ_MESSAGE_TAKEN, id);
    if (bj_message_end(out))
        bj_link_send(&recorder->front.link, out->data, out->length, NULL, NULL);
}

/* An entry for a keeper that has ended is not for the one that there is; one for the next keeper
 * waits for it, as long as it may. One for any other is refused: nothing else would ever let those
 * behind it through. */
static void take_entry(struct bj_recorder *recorder, const struct bj_message *message,
                       size_t length, bool may_wait)
{
    struct bj_batch *batch = recorder->batch;
    struct bj_item *item;

    if (may_wait && message->head.number == recorder->keeper.number + 1) {
        bj_buf_append(&recorder->held, batch->bytes + batch->used, length);
        recorder->held_us = bj_clock_us();
        if (recorder->held.failed)
            bj_recorder_end(recorder, 1);
        return;
    }
    item = add(batch, BJ_ITEM_ENTRY, length);
    batch->closed = message->head.result != 0; /* sent again: nothing is taken in behind it */
    if (batch->closed)
        say_taken(recorder, message->head.id);
    if (message->head.number == 0 || message->head.number == recorder->keeper.number)
        return;
    item->failed = true;
    if (message->head.number > recorder->keeper.number)
        bj_fail(&item->error, BJ_E_BUSY, "keeper", "its keeper is not here; try again later");
    else
        bj_fail(&item->error, BJ_E_ENDED, "keeper", "the sandbox has ended: its keeper did");
}

/* One packet from the front. */
static int take_from_front(struct bj_recorder *recorder, size_t length, const struct bj_fds *fds,
                           struct bj_error *err)
{
    const char *packet = recorder->batch->bytes + recorder->batch->used;
    struct bj_audit_question question;
    struct bj_message message;
    int result = bj_message_get(packet, length, &message, err);

    if (result < 0)
        return result;
    if (message.head.type == BJ_MESSAGE_ENTRY && fds->count == 0) {
        if (message.head.id >> BJ_FRONT_ID_BITS != (uint64_t)recorder->front.number)
            return bj_fail(err, BJ_E_PROTOCOL, "audit", "an id is another front's");
        take_entry(recorder, &message, length, true);
        return 0;
    }
    if (message.head.type != BJ_MESSAGE_QUERY || fds->count != 1)
        return bj_fail(err, BJ_E_PROTOCOL, "audit", "a message %s from the front is not expected",
                       bj_message_name(message.head.type));
    result = bj_audit_question_get(&message, &question, err);
    if (result == 0)
        bj_reader_ask(recorder, packet, length, fds);
    return result;
}

static int take_from_keeper(struct bj_recorder *recorder, size_t length, const struct bj_fds *fds,
                            struct bj_error *err)
{
    const char *packet = recorder->batch->bytes + recorder->batch->used;
    struct bj_outcome_note note;
    struct bj_message message;
    int result = bj_message_get(packet, length, &message, err);

    if (result < 0)
        return result;
    if (message.head.type == BJ_MESSAGE_BEGUN && fds->count == 0 && message.head.id <= INT64_MAX &&
        message.head.number >= 0) {
        recorder->keeper.begun = true;
        bj_sweep_begin(recorder, (int64_t)message.head.id, message.head.number);
        return 0;
    }
    if (message.head.type != BJ_MESSAGE_OUTCOME || fds->count != 0)
        return bj_fail(err, BJ_E_PROTOCOL, "audit", "a message %s from the keeper is not expected",
                       bj_message_name(message.head.type));
    result = bj_outcome_note_get(&message, &note, err);
    if (result == 0)
        add(recorder->batch, BJ_ITEM_OUTCOME, length);
    return result;
}

typedef int take_fn(struct bj_recorder *recorder, size_t length, const struct bj_fds *fds,
                    struct bj_error *err);

/* Nothing overtakes an entry that waits for its keeper. */
static bool is_held_up(const struct bj_recorder *recorder, const struct bj_peer *peer)
{
    return peer == &recorder->front && recorder->held.length > 0;
}

/* What this one has sent, as far as there is room. True when that was not all. */
static bool take_in(struct bj_recorder *recorder, struct bj_peer *peer, take_fn *take)
{
    struct bj_batch *batch = recorder->batch;
    struct bj_error err = {0};
    struct bj_fds fds;

    while (peer->link.fd >= 0 && has_room(batch) && !is_held_up(recorder, peer)) {
        ssize_t length =
            bj_link_receive(&peer->link, batch->bytes + batch->used, BJ_MESSAGE_MAX, &fds, &err);
        int result = length < 0 ? (int)length : 0;

        if (length == 0)
            return false;
        if (result == 0) {
            result = take(recorder, (size_t)length, &fds, &err);
            bj_fds_close(&fds);
        }
        if (result == -BJ_E_ENDED)
            bj_link_close(&peer->link);
        else if (result == -BJ_E_PROTOCOL)
            bj_recorder_fault(recorder, peer, &err);
        if (result < 0 && peer->link.fd >= 0) { /* something is wrong here, not there */
            bj_recorder_end(recorder, 1);
            return false;
        }
    }
    return peer->link.fd >= 0 && !is_held_up(recorder, peer);
}

/* ---- recording ---- */

/*
 * More secrets than are looked for are no reason to refuse what brings them: its texts are recorded
 * as masked. An error here would have those that are recorded with it tried again for each.
 */
static int hide_beyond_limit(struct bj_mask *mask, int result, size_t own)
{
    if (result == -BJ_E_LIMIT || mask->count - own > BJ_REQUEST_SECRETS_MAX)
        bj_mask_hide(mask);
    return result == -BJ_E_LIMIT ? 0 : result;
}

/* What the act itself brings of secrets: variables, and options that are such. */
static int add_secrets(struct bj_mask *mask, const struct bj_act *act, struct bj_error *err)
{
    int result = act->env != NULL ? bj_mask_add_environment(mask, act->env, err) : 0;

    for (size_t i = 0; act->options != NULL && act->options[i] != NULL && result == 0; i += 2) {
        const char *const value[] = {act->options[i + 1], NULL};

        if (bj_mask_secret_name(act->options[i], strlen(act->options[i])))
            result = bj_mask_add(mask, value[0], err);
        else
            result = bj_mask_add_environment(mask, value, err);
    }
    return result;
}

/* The act as it will be passed on, whatever the front says of it. */
static int take_act(struct bj_recorder *recorder, struct bj_item *item, struct bj_entry *entry,
                    struct bj_error *err)
{
    struct bj_batch *batch = recorder->batch;
    struct bj_act act;
    int result =
        bj_act_get(entry->act, entry->act_length, batch->act_strings, BJ_ACT_STRINGS, &act, err);

    if (result == 0 && entry->verdict->decision == BJ_DENY)
        result = bj_fail(err, BJ_E_PROTOCOL, "audit", "an act was denied and is to be done");
    if (result < 0) {
        item->malformed = true;
        return result;
    }
    batch->described.length = 0;
    batch->described.failed = batch->described.no_memory = false;
    bj_act_describe(&act, &batch->described);
    if (batch->described.failed)
        return bj_fail(err, BJ_E_NO_MEMORY, "audit", "out of memory");
    item->act = entry->act;
    item->act_length = entry->act_length;
    entry->request.act = bj_buf_text(&batch->described);
    entry->request.sandbox = act.sandbox;
    entry->sandbox_owner = act.owner;
    result = add_secrets(recorder->options->mask, &act, err);
    return hide_beyond_limit(recorder->options->mask, result, recorder->secrets);
}

/* The sandbox's owner where that is not who asks. */
static const char *other_of(const struct bj_entry *entry)
{
    bool same = entry->sandbox_owner == NULL || bj_streq(entry->sandbox_owner, entry->owner);

    return same ? NULL : entry->sandbox_owner;
}

static int record_entry(struct bj_recorder *recorder, struct bj_item *item, struct bj_error *err)
{
    struct bj_batch *batch = recorder->batch;
    struct bj_message message = message_of(batch, item);
    struct bj_entry entry = {.verdict = &batch->verdict};
    int result = bj_entry_get(&message, batch->strings, BJ_ENTRY_STRINGS, &entry, err);

    item->malformed = result < 0;
#ifdef BJ_FAULTS
    if (result == 0)
        bj_fault_end_at(entry.request.command);
#endif
    if (result == 0 && entry.act != NULL)
        result = take_act(recorder, item, &entry, err);
    if (result == 0)
        result = bj_mask_add_environment(recorder->options->mask, entry.request.environment, err);
    result = hide_beyond_limit(recorder->options->mask, result, recorder->secrets);
    if (result == 0 && bj_recorder_is_on(recorder))
        result = bj_audit_append_verdict(recorder->audit, &entry.request, entry.verdict,
                                         &(struct bj_audit_who){.uid = entry.uid,
                                                                .owner = entry.owner,
                                                                .sandbox_owner = other_of(&entry)},
                                         &item->number, err);
    bj_mask_trim(recorder->options->mask, recorder->secrets);
    bj_verdict_release(&batch->verdict);
    return result;
}

static struct bj_audit_outcome outcome_of(const struct bj_outcome_note *note)
{
    return (struct bj_audit_outcome){
        .ran = note->ran,
        .exit_code = note->exit_code,
        .signal = note->signal,
        .duration_us = note->duration_us,
        .cpu_us = note->cpu_us,
        .peak_memory = note->peak_memory,
        .output_bytes = {note->output_bytes[0], note->output_bytes[1]},
        .timed_out = note->timed_out,
        .oom_killed = note->oom_killed,
        .truncated = note->truncated,
        .reason = note->reason,
    };
}

int bj_record_outcome_once(struct bj_audit *audit, int64_t number,
                           const struct bj_audit_outcome *outcome, struct bj_error *err)
{
    bool there = false;
    int result = bj_audit_has_outcome(audit, number, &there, err);

    return result < 0 || there ? result : bj_audit_append_outcome(audit, number, outcome, err);
}

static int record_item(struct bj_recorder *recorder, struct bj_item *item, struct bj_error *err)
{
    struct bj_outcome_note note;
    struct bj_audit_outcome outcome;
    struct bj_message message;

    if (item->failed)
        return 0;
    if (item->kind == BJ_ITEM_ENTRY)
        return record_entry(recorder, item, err);
    message = message_of(recorder->batch, item);
    if (message.head.number == 0 || !bj_recorder_is_on(recorder))
        return 0;                               /* of an act that went unrecorded */
    bj_outcome_note_get(&message, &note, NULL); /* it was looked at when it came in */
    outcome = outcome_of(&note);
    return bj_record_outcome_once(recorder->audit, message.head.number, &outcome, err);
}

/* Is it what was to be recorded that is wrong, and not the record? */
static bool concerns_item(const struct bj_error *why)
{
    return why->code == BJ_E_LIMIT || why->code == BJ_E_INVALID;
}

/*
 * Records the items from..to in one commit. Where one of them cannot be recorded for reasons of its
 * own it alone has failed, and the others are tried again without it.
 */
static int record_items(struct bj_recorder *recorder, size_t from, size_t to, struct bj_error *err)
{
    struct bj_batch *batch = recorder->batch;
    bool on = bj_recorder_is_on(recorder);

    for (;;) {
        int result = on ? bj_audit_begin(recorder->audit, err) : 0;
        struct bj_item *at = NULL;

        for (size_t i = from; i < to && result == 0; i++) {
            at = &batch->items[i];
            result = record_item(recorder, at, err);
        }
        if (result == 0)
            return on ? bj_audit_commit(recorder->audit, err) : 0;
        if (on)
            bj_audit_abandon(recorder->audit);
        if (at == NULL || !(at->malformed || concerns_item(err)))
            return result;
        at->failed = true;
        at->error = *err;
    }
}

static void complain(struct bj_recorder *recorder, const struct bj_error *why)
{
    if (!recorder->complained)
        BJ_LOG(recorder->log, AUDIT, ERROR, "nothing new is done, it cannot be recorded: %s",
               why->message);
    recorder->complained = true;
}

static void record(struct bj_recorder *recorder)
{
    struct bj_batch *batch = recorder->batch;
    struct bj_error err = {0};
    int result = bj_recorder_is_on(recorder) ? bj_sweep_newer(recorder, &err) : 0;

    if (result == 0)
        result = record_items(recorder, 0, batch->count, &err);
    if (result == 0) {
        if (recorder->complained)
            BJ_LOG(recorder->log, AUDIT, WARNING, "records can be written again");
        recorder->complained = false;
        return;
    }
    complain(recorder, &err);
    /* To who asked, a full disk would be the sandbox's own, and an error his request's. */
    if (err.code == BJ_E_FULL || err.code == BJ_E_SYSTEM)
        err.code = BJ_E_BUSY;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].failed)
            continue;
        batch->items[i].failed = true;
        batch->items[i].error = err;
    }
}

/* ---- passing on ---- */

static void send_message(struct bj_recorder *recorder, enum bj_message_type type, uint64_t id,
                         int64_t number, const struct bj_item *item)
{
    struct bj_buf *out = &recorder->batch->message;
    struct bj_message_head *head;
    int result = -BJ_E_NO_MEMORY;

    out->length = 0;
    out->failed = out->no_memory = false;
    bj_message_begin(out, type, id);
    head = bj_message_head(out);
    if (head != NULL) {
        head->number = number;
        head->result = type == BJ_MESSAGE_REFUSED ? -item->error.code : 0;
    }
    if (type == BJ_MESSAGE_ACT)
        bj_buf_append(out, item->act, item->act_length);
    else if (type == BJ_MESSAGE_REFUSED)
        bj_message_put_error(out, &item->error);
    /* Without a keeper it concerns nobody any more. Otherwise what is recorded must come through or
     * be known to be lost, and the next process sees to that. */
    if (bj_message_end(out))
        result = bj_link_send(&recorder->keeper.link, out->data, out->length, NULL, NULL);
    if (result < 0 && result != -BJ_E_ENDED)
        bj_recorder_end(recorder, 1);
}

/* Keeps an outcome until it can be recorded. */
static void keep_outcome(struct bj_recorder *recorder, const struct bj_message *message)
{
    struct bj_pending *pending;
    struct bj_outcome_note note;
    size_t length;

    bj_outcome_note_get(message, &note, NULL);
    length = note.reason != NULL ? strlen(note.reason) + 1 : 0;
    pending = bj_alloc(sizeof *pending + length);
    if (pending == NULL || recorder->pending == BJ_OUTCOMES_MAX) {
        bj_free(pending);
        bj_recorder_end(recorder, 1); /* the keeper still has them */
        return;
    }
    *pending = (struct bj_pending){.id = message->head.id,
                                   .number = message->head.number,
                                   .keeper = recorder->keeper.number,
                                   .note = note};
    if (note.reason != NULL) {
        memcpy(pending->reason, note.reason, length);
        pending->note.reason = pending->reason;
    }
    if (recorder->first_pending == NULL)
        recorder->first_pending = pending;
    else
        recorder->last_pending->next = pending;
    recorder->last_pending = pending;
    recorder->pending++;
}

static void pass_outcome(struct bj_recorder *recorder, const struct bj_item *item)
{
    struct bj_message message = message_of(recorder->batch, item);

    if (item->failed && !concerns_item(&item->error)) {
        keep_outcome(recorder, &message);
        return;
    }
    if (item->failed) /* such as one of no verdict: a database in the place of another */
        BJ_LOG(recorder->log, AUDIT, ERROR, "an outcome was not recorded: %s", item->error.message);
    send_message(recorder, BJ_MESSAGE_RECORDED, message.head.id, message.head.number, item);
}

static void pass_on(struct bj_recorder *recorder)
{
    struct bj_batch *batch = recorder->batch;
    const struct bj_item *malformed = NULL;

    for (size_t i = 0; i < batch->count; i++) {
        const struct bj_item *item = &batch->items[i];
        enum bj_message_type type = item->failed        ? BJ_MESSAGE_REFUSED
                                    : item->act != NULL ? BJ_MESSAGE_ACT
                                                        : BJ_MESSAGE_NOTED;

        if (item->kind == BJ_ITEM_OUTCOME)
            pass_outcome(recorder, item);
        else if (item->malformed)
            malformed = item;
        else
            send_message(recorder, type, message_of(batch, item).head.id,
                         item->failed ? 0 : item->number, item);
    }
    if (malformed != NULL)
        bj_recorder_fault(recorder, &recorder->front, &malformed->error);
    batch->count = batch->used = 0;
    batch->closed = false;
}

/* ---- turns ---- */

/* Is there a keeper that has begun and takes what it is sent? */
static bool may_pass(const struct bj_recorder *recorder)
{
    const struct bj_link *keeper = &recorder->keeper.link;

    return keeper->fd >= 0 && recorder->keeper.begun && !keeper->deaf && keeper->first == NULL;
}

void bj_held_drop(struct bj_recorder *recorder)
{
    bj_buf_release(&recorder->held);
    bj_buf_init(&recorder->held, BJ_MESSAGE_MAX);
}

/* The entry that was held, now that the keeper it is for is here, or too long in coming. */
static void take_held(struct bj_recorder *recorder)
{
    struct bj_batch *batch = recorder->batch;
    struct bj_buf held = recorder->held;
    bool may_wait = bj_clock_us() - recorder->held_us < HELD_US;
    struct bj_message message;

    if (held.length == 0 || !has_room(batch) ||
        bj_message_get(held.data, held.length, &message, NULL) < 0 ||
        (may_wait && message.head.number > recorder->keeper.number))
        return;
    bj_buf_init(&recorder->held, BJ_MESSAGE_MAX);
    memcpy(batch->bytes + batch->used, held.data, held.length);
    take_entry(recorder, &message, held.length, may_wait);
    bj_buf_release(&held);
}

void bj_recorder_turn(struct bj_recorder *recorder)
{
    bool more = true;

    for (int round = 0; round < ROUNDS && more; round++) {
        more = take_in(recorder, &recorder->keeper, take_from_keeper);
        if (may_pass(recorder)) {
            take_held(recorder);
            more = take_in(recorder, &recorder->front, take_from_front) || more;
        }
        if (recorder->batch->count == 0)
            break;
        record(recorder);
        pass_on(recorder);
    }
    bj_link_pause(&recorder->front.link, !may_pass(recorder) || recorder->held.length > 0);
}

void bj_recorder_hear_keeper(struct bj_recorder *recorder)
{
    bool more = true;

    while (more) {
        more = take_in(recorder, &recorder->keeper, take_from_keeper);
        if (recorder->batch->count > 0) {
            record(recorder);
            pass_on(recorder);
        }
    }
}

/*
 * In one commit. One that cannot be recorded for reasons of its own, as when it is of no verdict,
 * is marked, and then *ret_again says to try the others without it.
 */
static int record_pending(struct bj_recorder *recorder, bool *ret_again, struct bj_error *err)
{
    int result = bj_recorder_open(recorder, err);

    *ret_again = false;
    if (result == 0)
        result = bj_audit_begin(recorder->audit, err);
    for (struct bj_pending *at = result == 0 ? recorder->first_pending : NULL;
         at != NULL && result == 0; at = at->next) {
        struct bj_audit_outcome outcome = outcome_of(&at->note);

        if (at->lost)
            continue;
        result = bj_record_outcome_once(recorder->audit, at->number, &outcome, err);
        at->lost = *ret_again = result < 0 && concerns_item(err);
        if (at->lost)
            BJ_LOG(recorder->log, AUDIT, ERROR, "an outcome was not recorded: %s", err->message);
    }
    if (result == 0)
        return bj_audit_commit(recorder->audit, err);
    if (recorder->audit != NULL)
        bj_audit_abandon(recorder->audit);
    return result;
}

static void drop_pending(struct bj_recorder *recorder, bool tell)
{
    while (recorder->first_pending != NULL) {
        struct bj_pending *first = recorder->first_pending;

        recorder->first_pending = first->next;
        if (tell && recorder->keeper.number == first->keeper)
            send_message(recorder, BJ_MESSAGE_RECORDED, first->id, first->number, NULL);
        bj_free(first);
    }
    recorder->pending = 0;
}

void bj_pending_drop(struct bj_recorder *recorder)
{
    drop_pending(recorder, false);
}

void bj_recorder_retry(struct bj_recorder *recorder)
{
    struct bj_error err = {0};
    bool again;
    int result;

    if (recorder->first_pending == NULL)
        return;
    do {
        result = record_pending(recorder, &again, &err);
    } while (again);
    if (result == 0)
        drop_pending(recorder, true);
}
