/*
 * Pace: work that takes the loop long, done a piece at a time, for a few milliseconds of each of
 * its turns. Next comes a piece of the owner for whom the least was done, so who has a hundred
 * pieces waiting makes the others wait for one of them, not for all.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "service/service_internal.h"

struct paced {
    struct paced *next;
    struct owner *owner;
    void (*fn)(void *context);
    void *context;
};

int bj_paced(struct bj_service *service, const struct bj_identity *who, void (*fn)(void *context),
             void *context, struct bj_error *err)
{
    struct owner *owner = bj_owner_get(service, who->owner);
    struct paced **slot = &service->pace.first;
    struct paced *paced = owner != NULL ? bj_alloc(sizeof *paced) : NULL;

    if (paced == NULL)
        return no_memory(err);
    *paced = (struct paced){.owner = owner, .fn = fn, .context = context};
    while (*slot != NULL)
        slot = &(*slot)->next;
    *slot = paced;
    /* Who comes anew is not ahead by all the time in which it wanted nothing. */
    if (owner->paced++ == 0 && owner->paced_us < service->pace.least_us)
        owner->paced_us = service->pace.least_us;
    bj_wake(service);
    return 0;
}

static struct paced *take(struct pace *pace)
{
    struct paced **best = &pace->first, *found;

    for (struct paced **slot = best; *slot != NULL; slot = &(*slot)->next) {
        if ((*slot)->owner->paced_us < (*best)->owner->paced_us)
            best = slot;
    }
    found = *best;
    *best = found->next;
    return found;
}

static void work(struct bj_service *service)
{
    struct paced *paced = take(&service->pace);
    struct owner *owner = paced->owner;
    int64_t begun_us = bj_clock_us();

    service->pace.least_us = owner->paced_us;
    paced->fn(paced->context);
    owner->paced_us += bj_clock_us() - begun_us;
    owner->paced--;
    bj_free(paced);
}

void bj_pace_turn(struct bj_service *service)
{
    int64_t end_us = bj_clock_us() + BJ_PACE_US;

    while (service->pace.first != NULL) {
        work(service);
        if (bj_clock_us() >= end_us)
            break;
    }
    if (service->pace.first != NULL)
        bj_wake(service);
}

void bj_pace_release(struct bj_service *service)
{
    while (service->pace.first != NULL)
        work(service);
}
