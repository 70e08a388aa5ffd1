/*
 * Calls that stay without an outcome because whoever would have reported it has ended: they get one
 * that says so.
 *
 * Which they are follows from what the keeper says when it begins (BEGUN). Records older than its
 * first are of keepers before it. Records newer than its last and no newer than the end of the
 * record when it was introduced never came through to it: the audit process was killed between
 * recording and passing on, and the front has sent them again. The rest are its own.
 *
 * All records are looked through, a piece at a time when there is nothing else to do: recording is
 * held up by one piece at most.
 */
#include <jansson.h>

#include "base/str.h"
#include "recorder/recorder_internal.h"

#define PIECE 2048 /* records */
#define FOUND 256  /* open calls of one piece that are ended in one commit */

static const char *const reasons[] = {
    "the sandbox's keeper ended",
    "the audit process ended before this was passed on; it was not done",
};

/* ---- a piece ---- */

struct found {
    int64_t numbers[FOUND];
    size_t count;
    int64_t last; /* seen */
};

/* The text of another member may look like an act; only the record's own member is one. */
static bool has_act(const struct bj_audit_record *verdict)
{
    json_error_t ignored;
    json_t *body = json_loadb(verdict->body, verdict->body_length, 0, &ignored);
    bool has = json_is_object(json_object_get(body, "act"));

    json_decref(body);
    return has;
}

static int see(void *context, const struct bj_audit_record *verdict,
               const struct bj_audit_record *outcome)
{
    struct found *found = context;

    (void)outcome;
    if (found->count == FOUND)
        return 1;
    found->last = verdict->number;
    if (has_act(verdict))
        found->numbers[found->count++] = verdict->number;
    return 0;
}

static int end_calls(struct bj_audit *audit, const struct found *found, const char *reason,
                     struct bj_error *err)
{
    const struct bj_audit_outcome outcome = {.reason = reason};
    int result = bj_audit_begin(audit, err);

    for (size_t i = 0; i < found->count && result == 0; i++)
        result = bj_record_outcome_once(audit, found->numbers[i], &outcome, err);
    if (result == 0)
        return bj_audit_commit(audit, err);
    bj_audit_abandon(audit);
    return result;
}

/* Moves the beginning of the range past what was looked through. */
static int look(struct bj_audit *audit, struct bj_range *range, const char *reason,
                struct bj_error *err)
{
    struct bj_audit_filter filter = BJ_AUDIT_FILTER_ALL;
    struct found found = {0};
    int64_t end = range->before - range->after > PIECE ? range->after + PIECE : range->before;
    int result;

    filter.open_acts = true;
    filter.after = range->after;
    filter.before = end;
    result = bj_audit_query(audit, &filter, see, &found, err);
    if (result >= 0 && found.count > 0)
        result = end_calls(audit, &found, reason, err) < 0 ? -err->code : result;
    if (result < 0)
        return result;
    range->after = result == 1 ? found.last : end - 1;
    return 0;
}

/* ---- all of it ---- */

static bool has_left(const struct bj_range *range)
{
    return range->before - range->after > 1;
}

/* Looks through a piece. True while there is more that can be looked through now. */
static bool step(struct bj_recorder *recorder)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        struct bj_range *range = &recorder->sweep.left[i];
        struct bj_error err = {0};
        int result;

        if (!has_left(range))
            continue;
        result = bj_recorder_open(recorder, &err);
        if (result == 0)
            result = look(recorder->audit, range, reasons[i], &err);
        if (result == 0)
            return true;
        /* Not now: the next tick goes on with it. */
        BJ_LOG(recorder->log, AUDIT, WARNING, "open calls are not ended yet: %s", err.message);
        return false;
    }
    return false;
}

static void on_idle(uv_idle_t *idle)
{
    struct bj_recorder *recorder = idle->data;

    if (!step(recorder))
        uv_idle_stop(idle);
}

void bj_sweep_begin(struct bj_recorder *recorder, int64_t first, int64_t last)
{
    int64_t end = recorder->inherited + 1;

    if (!bj_recorder_is_on(recorder))
        return;
    recorder->sweep = (struct bj_sweep){0};
    recorder->sweep.left[0].before = first > 0 && first < end ? first : end;
    if (first > 0)
        recorder->sweep.left[1] = (struct bj_range){.after = last, .before = end};
    uv_idle_start(&recorder->idle, on_idle);
}

void bj_sweep_resume(struct bj_recorder *recorder)
{
    if (has_left(&recorder->sweep.left[0]) || has_left(&recorder->sweep.left[1]))
        uv_idle_start(&recorder->idle, on_idle);
}
