/*
 * Calls that stay without an outcome because whoever would have reported it has ended: they get one
 * that says so.
 *
 * Which they are follows from what the keeper says when it begins (BEGUN). Records older than its
 * first are of keepers before it. Records newer than its last and no newer than the end of the
 * record at that time, for nothing has been passed on to it yet, never came through to it: the
 * audit process was killed between recording and passing on, and the front has sent them again. The
 * rest are its own.
 *
 * The latter are few and are ended before anything new comes through to the keeper, since then its
 * last would be past them. For the former all older records are looked through, a piece at a time
 * when there is nothing else to do: recording is held up by one piece at most.
 */
#include <jansson.h>

#include "base/str.h"
#include "recorder/recorder_internal.h"

#define PIECE 2048 /* records */
#define FOUND 256  /* open calls of one piece that are ended in one commit */

/* How far the older ones had come nobody knows: some had ended, and nobody was left to say so, or
 * their keeper was killed while there was no audit process to hear it. They count as run, for the
 * record must not deny what may have been done, and nothing is invented of how they ended. */
enum { OLDER, NEWER };
static const struct bj_audit_outcome outcomes[] = {
    [OLDER] = {.ran = true,
               .unknown = true,
               .reason = "ended with the service's keeper; outcome unknown"},
    [NEWER] = {.reason = "the audit process ended before this was passed on; it was not done"},
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

static int end_calls(struct bj_audit *audit, const struct found *found,
                     const struct bj_audit_outcome *outcome, struct bj_error *err)
{
    int result = bj_audit_begin(audit, err);

    for (size_t i = 0; i < found->count && result == 0; i++)
        result = bj_record_outcome_once(audit, found->numbers[i], outcome, err);
    if (result == 0)
        return bj_audit_commit(audit, err);
    bj_audit_abandon(audit);
    return result;
}

/* Moves the beginning of the range past what was looked through. */
static int look(struct bj_audit *audit, struct bj_range *range,
                const struct bj_audit_outcome *outcome, struct bj_error *err)
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
        result = end_calls(audit, &found, outcome, err) < 0 ? -err->code : result;
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

/* Opens the database and finds the end of the record, from where on everything is the keeper's. */
static int prepare(struct bj_recorder *recorder, struct bj_error *err)
{
    struct bj_sweep *sweep = &recorder->sweep;
    struct bj_audit_head head;
    int result = bj_recorder_open(recorder, err);

    if (result < 0 || !sweep->begun)
        return result;
    result = bj_audit_head(recorder->audit, &head, err);
    if (result < 0)
        return result;
    sweep->begun = false;
    sweep->left[OLDER] = (struct bj_range){
        .before = sweep->first > 0 && sweep->first <= head.number ? sweep->first : head.number + 1};
    sweep->left[NEWER] = (struct bj_range){0};
    if (sweep->first > 0)
        sweep->left[NEWER] = (struct bj_range){.after = sweep->last, .before = head.number + 1};
    return 0;
}

/* Looks through a piece of what is left of one kind. */
static int step(struct bj_recorder *recorder, int kind, struct bj_error *err)
{
    return look(recorder->audit, &recorder->sweep.left[kind], &outcomes[kind], err);
}

int bj_sweep_newer(struct bj_recorder *recorder, struct bj_error *err)
{
    int result = prepare(recorder, err);

    while (result == 0 && has_left(&recorder->sweep.left[NEWER]))
        result = step(recorder, NEWER, err);
    return result;
}

static void on_idle(uv_idle_t *idle)
{
    struct bj_recorder *recorder = idle->data;
    struct bj_error err = {0};
    int result = bj_sweep_newer(recorder, &err);

    if (result == 0 && has_left(&recorder->sweep.left[OLDER]))
        result = step(recorder, OLDER, &err);
    if (result < 0) /* the next tick goes on with it */
        BJ_LOG(recorder->log, AUDIT, WARNING, "open calls are not ended yet: %s", err.message);
    if (result < 0 || !has_left(&recorder->sweep.left[OLDER]))
        uv_idle_stop(idle);
}

void bj_sweep_begin(struct bj_recorder *recorder, int64_t first, int64_t last)
{
    if (!bj_recorder_is_on(recorder))
        return;
    recorder->sweep = (struct bj_sweep){.first = first, .last = last, .begun = true};
    uv_idle_start(&recorder->idle, on_idle);
}

void bj_sweep_resume(struct bj_recorder *recorder)
{
    const struct bj_sweep *sweep = &recorder->sweep;

    if (sweep->begun || has_left(&sweep->left[OLDER]) || has_left(&sweep->left[NEWER]))
        uv_idle_start(&recorder->idle, on_idle);
}
