/*
 * Sandboxes that have ended, and why: the latest of each owner, for an hour. They are there to be
 * looked at, so that whoever comes back learns what became of theirs; nothing can be done in them.
 * This is the front's own memory: one that starts anew begins without it, the record has it all.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "service/service_internal.h"

static void drop(struct bj_service *service, struct sandbox *sandbox)
{
    struct ended *ended = &service->ended;

    *(sandbox->older != NULL ? &sandbox->older->newer : &ended->oldest) = sandbox->newer;
    *(sandbox->newer != NULL ? &sandbox->newer->older : &ended->newest) = sandbox->older;
    ended->count--;
    sandbox->owner->ended--;
    bj_registry_free(service, sandbox);
}

static void drop_old(struct bj_service *service)
{
    int64_t since = bj_clock_us() - BJ_ENDED_US;

    while (service->ended.oldest != NULL && service->ended.oldest->ended_us < since)
        drop(service, service->ended.oldest);
}

/* So that one owner's many do not take the place of others'. */
static void drop_of(struct bj_service *service, const struct owner *owner)
{
    struct sandbox *sandbox = service->ended.oldest;

    while (sandbox != NULL && sandbox->owner != owner)
        sandbox = sandbox->newer;
    if (sandbox != NULL)
        drop(service, sandbox);
}

void bj_ended_keep(struct bj_service *service, struct sandbox *sandbox, const char *reason)
{
    struct ended *ended = &service->ended;

    drop_old(service);
    if (sandbox->owner->ended >= BJ_ENDED_OWNER)
        drop_of(service, sandbox->owner);
    if (ended->count >= BJ_ENDED_ALL)
        drop(service, ended->oldest);
    bj_free(sandbox->reason);
    sandbox->reason = reason != NULL ? bj_strdup(reason) : NULL;
    sandbox->phase = BJ_SANDBOX_ENDED;
    sandbox->ended_us = bj_clock_us();
    sandbox->ended_ms = bj_clock_wall_us() / 1000;
    sandbox->ends_us = sandbox->idle_ends_us = -1;
    sandbox->running = sandbox->uses = 0;
    /* Secrets go with what they were for. */
    json_object_del(sandbox->label, "environment");
    json_object_del(sandbox->label, "rules");
    json_object_del(sandbox->label, "default");
    sandbox->newer = NULL;
    sandbox->older = ended->newest;
    *(ended->newest != NULL ? &ended->newest->newer : &ended->oldest) = sandbox;
    ended->newest = sandbox;
    ended->count++;
    sandbox->owner->ended++;
}

struct sandbox *bj_ended_find(const struct bj_service *service, const char *id)
{
    int64_t since = bj_clock_us() - BJ_ENDED_US;

    for (struct sandbox *sandbox = service->ended.newest;
         sandbox != NULL && sandbox->ended_us >= since; sandbox = sandbox->older) {
        if (bj_streq(sandbox->id, id))
            return sandbox;
    }
    return NULL;
}

struct sandbox *bj_ended_oldest(struct bj_service *service)
{
    drop_old(service);
    return service->ended.oldest;
}

void bj_ended_release(struct bj_service *service)
{
    while (service->ended.oldest != NULL)
        drop(service, service->ended.oldest);
}
