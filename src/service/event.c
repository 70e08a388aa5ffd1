/*
 * What has happened, for whoever follows: a ring of the latest events, and feeds that stand
 * somewhere in it. Identifiers begin with the wall clock's microseconds, so that they rise over
 * restarts too; a feed that asks for what is no longer there, or was before this process, is told
 * so once.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "service/service_internal.h"

#define BATCH 64 /* events given to one feed before others have their turn */

static const char *const names[] = {
#define BJ_EVENT_NAME(kind, name) name,
    BJ_EVENTS(BJ_EVENT_NAME)
#undef BJ_EVENT_NAME
};

const char *bj_event_name(enum bj_event_kind kind)
{
    return names[kind];
}

/* One that is kept; texts behind it. */
struct kept {
    int64_t id; /* 0 = empty */
    enum bj_event_kind kind;
    int64_t time_ms;
    uint32_t process;
    char *owner, *sandbox; /* owned; sandbox may be NULL */
    json_t *details;
};

struct bj_event_feed {
    struct bj_event_feed *next, **slot;
    struct bj_service *service;
    int64_t after;
    char *owner; /* NULL = everyone's */
    char sandbox[BJ_SANDBOX_ID_MAX];
    bool paused, waiting, busy, closed;
    bool (*event)(void *context, const struct bj_event *event);
    void *context;
};

int bj_events_begin(struct bj_service *service, struct bj_error *err)
{
    struct events *events = &service->events;

    events->ring = bj_alloc(BJ_EVENTS_KEPT * sizeof *events->ring);
    if (events->ring == NULL)
        return no_memory(err);
    events->first = events->next = bj_clock_wall_us();
    return 0;
}

static void empty(struct kept *kept)
{
    bj_free(kept->owner);
    bj_free(kept->sandbox);
    json_decref(kept->details);
    memset(kept, 0, sizeof *kept);
}

static void feed_free(struct bj_event_feed *feed)
{
    *feed->slot = feed->next;
    if (feed->next != NULL)
        feed->next->slot = feed->slot;
    bj_free(feed->owner);
    bj_free(feed);
}

void bj_events_release(struct bj_service *service)
{
    struct events *events = &service->events;

    for (size_t i = 0; events->ring != NULL && i < BJ_EVENTS_KEPT; i++)
        empty(&events->ring[i]);
    while (events->feeds != NULL)
        feed_free(events->feeds);
    bj_free(events->ring);
    events->ring = NULL;
}

static struct kept *at(const struct events *events, int64_t id)
{
    return &events->ring[id % BJ_EVENTS_KEPT];
}

/* ---- feeds ---- */

static bool concerns(const struct bj_event_feed *feed, const struct kept *kept)
{
    if (kept->id == 0 || (feed->owner != NULL && !bj_streq(feed->owner, kept->owner)))
        return false;
    return feed->sandbox[0] == '\0' ||
           (kept->sandbox != NULL && bj_streq(feed->sandbox, kept->sandbox));
}

static struct bj_event event_of(const struct kept *kept)
{
    return (struct bj_event){.id = kept->id,
                             .kind = kept->kind,
                             .time_ms = kept->time_ms,
                             .sandbox = kept->sandbox,
                             .owner = kept->owner,
                             .process = kept->process,
                             .details = kept->details};
}

static void give(void *context);

static void wake(struct bj_event_feed *feed)
{
    if (feed->waiting || feed->paused || feed->closed)
        return;
    /* Without memory it hears of it with the next event. */
    feed->waiting = bj_later(feed->service, give, feed, NULL) == 0;
}

/* The first event of a feed that missed some. */
static bool tell_missed(struct bj_event_feed *feed)
{
    const struct events *events = &feed->service->events;
    struct bj_event lost = {.id = events->first - 1,
                            .kind = BJ_EVENT_LOST,
                            .time_ms = bj_clock_wall_us() / 1000,
                            .owner = feed->owner != NULL ? feed->owner : ""};

    feed->after = events->first - 1;
    return feed->event(feed->context, &lost);
}

static void give(void *context)
{
    struct bj_event_feed *feed = context;
    const struct events *events = &feed->service->events;
    int count = 0;

    feed->waiting = false;
    feed->busy = true;
    if (!feed->closed && (feed->after < events->first - 1 || feed->after >= events->next))
        feed->paused = !tell_missed(feed);
    while (!feed->closed && !feed->paused && feed->after + 1 < events->next && count++ < BATCH) {
        const struct kept *kept = at(events, ++feed->after);
        struct bj_event event;

        if (!concerns(feed, kept))
            continue;
        event = event_of(kept);
        if (!feed->event(feed->context, &event))
            feed->paused = true;
    }
    feed->busy = false;
    if (feed->closed)
        feed_free(feed);
    else if (feed->after + 1 < events->next)
        wake(feed);
}

void bj_event_add(struct bj_service *service, enum bj_event_kind kind, const char *owner,
                  const char *sandbox, uint32_t process, json_t *details)
{
    struct events *events = &service->events;
    struct kept *kept;

    if (events->ring == NULL || service->ending) {
        json_decref(details);
        return;
    }
    kept = at(events, events->next);
    empty(kept);
    *kept = (struct kept){.id = events->next,
                          .kind = kind,
                          .time_ms = bj_clock_wall_us() / 1000,
                          .process = process,
                          .owner = bj_strdup(owner),
                          .sandbox = sandbox != NULL ? bj_strdup(sandbox) : NULL,
                          .details = details};
    if (kept->owner == NULL || (sandbox != NULL && kept->sandbox == NULL))
        empty(kept); /* without memory it is missing: nobody else may see it */
    events->next++;
    if (events->next - events->first > BJ_EVENTS_KEPT)
        events->first = events->next - BJ_EVENTS_KEPT;
    for (struct bj_event_feed *feed = events->feeds; feed != NULL; feed = feed->next)
        wake(feed);
}

static int check(const struct bj_service *service, const struct bj_identity *who,
                 const struct bj_event_request *request, struct bj_error *err)
{
    const struct bj_caller caller = {who, request->sandbox};
    struct sandbox *sandbox;

    if (request->everyone && (who->scopes & BJ_SCOPE_ADMIN) == 0)
        return bj_fail(err, BJ_E_DENIED, "service",
                       "this key may not see everyone's events: it has no scope ADMIN");
    return request->sandbox != NULL ? bj_registry_look_up(service, &caller, &sandbox, err) : 0;
}

/* Where a feed begins: behind this one. */
static int64_t place_of(const struct events *events, int64_t after)
{
    if (after == 0)
        return events->next - 1;
    return after < 0 ? events->first - 1 : after;
}

int bj_event_open(struct bj_service *service, const struct bj_identity *who,
                  const struct bj_event_request *request, struct bj_event_feed **ret,
                  struct bj_error *err)
{
    struct events *events = &service->events;
    struct bj_event_feed *feed;
    int result = check(service, who, request, err);

    if (result < 0)
        return result;
    feed = bj_alloc(sizeof *feed);
    if (feed != NULL && !request->everyone)
        feed->owner = bj_strdup(who->owner);
    if (feed == NULL || (!request->everyone && feed->owner == NULL)) {
        bj_free(feed);
        return no_memory(err);
    }
    if (request->sandbox != NULL)
        bj_str_copy(feed->sandbox, sizeof feed->sandbox, request->sandbox);
    feed->service = service;
    feed->event = request->event;
    feed->context = request->context;
    feed->after = place_of(events, request->after);
    feed->next = events->feeds;
    feed->slot = &events->feeds;
    if (feed->next != NULL)
        feed->next->slot = &feed->next;
    events->feeds = feed;
    wake(feed);
    *ret = feed;
    return 0;
}

void bj_event_resume(struct bj_event_feed *feed)
{
    feed->paused = false;
    wake(feed);
}

void bj_event_close(struct bj_event_feed *feed)
{
    feed->closed = true;
    if (!feed->waiting && !feed->busy)
        feed_free(feed);
}

int bj_event_list(struct bj_service *service, const struct bj_identity *who,
                  const struct bj_event_request *request, uint32_t limit, struct bj_error *err)
{
    const struct events *events = &service->events;
    struct bj_event_feed feed = {.service = service};
    int64_t id;
    int result = check(service, who, request, err);

    if (result < 0)
        return result;
    feed.owner = request->everyone ? NULL : (char *)who->owner; /* borrowed, and only read */
    if (request->sandbox != NULL)
        bj_str_copy(feed.sandbox, sizeof feed.sandbox, request->sandbox);
    id = place_of(events, request->after > 0 ? request->after : -1) + 1;
    for (id = id < events->first ? events->first : id; id < events->next && limit > 0; id++) {
        const struct kept *kept = at(events, id);
        struct bj_event event;

        if (!concerns(&feed, kept))
            continue;
        event = event_of(kept);
        limit--;
        if (!request->event(request->context, &event))
            return 0;
    }
    return 0;
}
