/*
 * What becomes of acts: one answer to the front, and one outcome to the audit process, kept until
 * it is recorded. The record of an outcome is made together with its act, and a few are kept in
 * reserve, so that running out of memory is no reason for an act without an outcome.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "keeper/keeper_internal.h"

#define SPARES   64
#define AGAIN_US 100000

static struct bj_kept_outcome *new_outcome(struct bj_keeper *keeper)
{
    struct bj_kept_outcome *outcome = bj_alloc(sizeof *outcome);

    if (outcome != NULL || keeper->outcomes.spare == NULL)
        return outcome;
    outcome = keeper->outcomes.spare;
    keeper->outcomes.spare = outcome->next;
    keeper->outcomes.spares--;
    outcome->next = NULL;
    return outcome;
}

static void free_outcome(struct bj_keeper *keeper, struct bj_kept_outcome *outcome)
{
    if (keeper->outcomes.spares == SPARES) {
        bj_free(outcome);
        return;
    }
    *outcome = (struct bj_kept_outcome){.next = keeper->outcomes.spare};
    keeper->outcomes.spare = outcome;
    keeper->outcomes.spares++;
}

void bj_outcomes_init(struct bj_keeper *keeper)
{
    while (keeper->outcomes.spares < SPARES) {
        struct bj_kept_outcome *outcome = bj_alloc(sizeof *outcome);

        if (outcome == NULL)
            return;
        free_outcome(keeper, outcome);
    }
}

static void free_all(struct bj_kept_outcome *first)
{
    while (first != NULL) {
        struct bj_kept_outcome *next = first->next;

        bj_free(first);
        first = next;
    }
}

void bj_outcomes_release(struct bj_keeper *keeper)
{
    free_all(keeper->outcomes.first);
    free_all(keeper->outcomes.spare);
}

static void send_late(struct bj_deadline *deadline);

/* What cannot be sent now is sent when the socket is drained, or a little later, or to the next
 * audit process. */
static bool send_outcome(struct bj_keeper *keeper, struct bj_kept_outcome *outcome)
{
    struct bj_message_head *head;
    struct bj_buf out;

    if (keeper->audit.fd < 0)
        return false;
    outcome->note.reason = outcome->reason[0] != '\0' ? outcome->reason : NULL;
    bj_say_begin(&out, BJ_MESSAGE_OUTCOME, outcome->id);
    bj_outcome_note_put(&out, &outcome->note);
    head = bj_message_head(&out);
    if (head != NULL)
        head->number = outcome->number;
    /* Whoever takes no outcomes is of no use as an audit process; they all go to the next one. */
    outcome->sent =
        bj_message_end(&out) && bj_link_send(&keeper->audit, out.data, out.length, NULL, NULL) == 0;
    if (outcome->sent)
        return true;
    keeper->outcomes.again.passed = send_late;
    bj_deadline_set(&keeper->deadlines, &keeper->outcomes.again, bj_clock_us() + AGAIN_US);
    return false;
}

void bj_outcomes_send_rest(struct bj_keeper *keeper)
{
    for (struct bj_kept_outcome *at = keeper->outcomes.first; at != NULL; at = at->next) {
        if (!at->sent && !send_outcome(keeper, at))
            return;
    }
}

static void send_late(struct bj_deadline *deadline)
{
    bj_outcomes_send_rest((void *)((char *)deadline - offsetof(struct bj_keeper, outcomes.again)));
}

void bj_outcomes_send_again(struct bj_keeper *keeper)
{
    for (struct bj_kept_outcome *at = keeper->outcomes.first; at != NULL; at = at->next)
        at->sent = false;
    bj_outcomes_send_rest(keeper);
}

void bj_outcome_recorded(struct bj_keeper *keeper, uint64_t id)
{
    struct bj_kept_outcome **at = &keeper->outcomes.first, *before = NULL;

    for (; *at != NULL; before = *at, at = &(*at)->next) {
        struct bj_kept_outcome *found = *at;

        if (found->id != id)
            continue;
        *at = found->next;
        if (keeper->outcomes.last == found)
            keeper->outcomes.last = before;
        free_outcome(keeper, found);
        return;
    }
}

int bj_task_begin(struct bj_keeper *keeper, struct bj_task *task, uint64_t id, int64_t number,
                  struct bj_error *err)
{
    *task = (struct bj_task){.id = id, .number = number, .began = bj_clock_us()};
    if (number == 0)
        return 0;
    task->outcome = new_outcome(keeper);
    if (task->outcome == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "act", "out of memory");
    return 0;
}

void bj_task_tell(struct bj_keeper *keeper, struct bj_task *task,
                  const struct bj_outcome_note *note)
{
    struct bj_outcomes *outcomes = &keeper->outcomes;
    struct bj_kept_outcome *outcome = task->outcome;

    if (outcome == NULL)
        return;
    task->outcome = NULL;
    outcome->note = *note;
    outcome->note.reason = NULL;
    /* A reason that is too long is cut: it is for a person. */
    if (note->reason != NULL)
        memcpy(outcome->reason, note->reason, strnlen(note->reason, sizeof outcome->reason - 1));
    if (outcome->note.duration_us == 0)
        outcome->note.duration_us = bj_clock_us() - task->began;
    outcome->id = ++outcomes->last_id;
    outcome->number = task->number;
    outcome->next = NULL;
    if (outcomes->first == NULL)
        outcomes->first = outcome;
    else
        outcomes->last->next = outcome;
    outcomes->last = outcome;
    send_outcome(keeper, outcome);
}

void bj_answer_error(struct bj_keeper *keeper, uint64_t id, int64_t number,
                     const struct bj_error *failed)
{
    struct {
        struct bj_message_head head;
        struct bj_error error;
    } packet = {
        .head = {.magic = BJ_MESSAGE_MAGIC,
                 .type = BJ_MESSAGE_ANSWER,
                 .id = id,
                 .number = number,
                 .result = -failed->code,
                 .length = sizeof packet.error},
        .error = *failed,
    };

    int result = 0;

    if (keeper->front.fd >= 0)
        result = bj_link_send(&keeper->front, &packet, sizeof packet, NULL, NULL);
    if (result < 0 && result != -BJ_E_ENDED)
        bj_keeper_drop_front(keeper);
}

void bj_answer_begin(struct bj_buf *out, uint64_t id)
{
    bj_say_begin(out, BJ_MESSAGE_ANSWER, id);
}

void bj_answer_send(struct bj_keeper *keeper, struct bj_buf *out, uint64_t id,
                    const struct bj_fds *fds)
{
    struct bj_message_head *head = bj_message_head(out);
    int64_t number = head != NULL ? head->number : 0;
    struct bj_error failed = {0};

    if (head != NULL)
        head->fds = fds != NULL ? (uint16_t)fds->count : 0;
    if (!bj_message_end(out))
        bj_fail(&failed, BJ_E_NO_MEMORY, "answer", "the answer finds no room");
    else if (keeper->front.fd >= 0)
        bj_link_send(&keeper->front, out->data, out->length, fds, &failed);
    if (failed.code != BJ_E_OK)
        bj_answer_error(keeper, id, number, &failed);
}

void bj_task_answer_begin(const struct bj_task *task, struct bj_buf *out)
{
    struct bj_message_head *head;

    bj_answer_begin(out, task->id);
    head = bj_message_head(out);
    if (head != NULL)
        head->number = task->number;
}

void bj_task_answer_send(struct bj_keeper *keeper, struct bj_task *task, struct bj_buf *out,
                         const struct bj_fds *fds)
{
    if (!task->answered)
        bj_answer_send(keeper, out, task->id, fds);
    task->answered = true;
}

void bj_task_answer(struct bj_keeper *keeper, struct bj_task *task, const struct bj_error *failed)
{
    struct bj_buf out;

    if (failed == NULL) {
        bj_task_answer_begin(task, &out);
        bj_task_answer_send(keeper, task, &out, NULL);
    } else if (!task->answered) {
        task->answered = true;
        bj_answer_error(keeper, task->id, task->number, failed);
    }
}

void bj_task_done(struct bj_keeper *keeper, struct bj_task *task, const struct bj_error *failed)
{
    struct bj_outcome_note note = {.ran = failed == NULL};

    bj_task_answer(keeper, task, failed);
    if (failed != NULL) {
        note.reason = failed->message;
        note.exit_code = bj_code_exit_status(failed->code);
    }
    bj_task_tell(keeper, task, &note);
}
