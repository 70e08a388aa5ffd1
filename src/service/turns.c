/*
 * Turns: questions that cost much (pages of records, listings) are worked on few at a time, and
 * those of an owner who has many leave room for those of the others. One owner's questions beyond a
 * number are refused, and so are all beyond a larger one, since what waits takes memory.
 */
#include "base/mem.h"
#include "service/service_internal.h"

struct bj_turn {
    struct bj_service *service;
    struct bj_turn *previous, *next; /* of those that wait */
    struct owner *owner;
    bool waits, works;
    void (*go)(void *context);
    void *context;
};

static void unlink_waiting(struct bj_turn *turn)
{
    struct turns *turns = &turn->service->turns;

    *(turn->previous != NULL ? &turn->previous->next : &turns->first) = turn->next;
    *(turn->next != NULL ? &turn->next->previous : &turns->last) = turn->previous;
    turn->waits = false;
}

/* The first of the owner who is being worked for least. */
static struct bj_turn *choose(const struct turns *turns)
{
    struct bj_turn *best = NULL;

    if (turns->working >= BJ_TURNS_WORKING)
        return NULL;
    for (struct bj_turn *at = turns->first; at != NULL; at = at->next) {
        if (at->owner->turns_working < BJ_TURNS_OWNER_WORKING &&
            (best == NULL || at->owner->turns_working < best->owner->turns_working))
            best = at;
    }
    return best;
}

/* Whoever begins may end at once and let the next begin: that is this loop's to do. */
static void let_begin(struct bj_service *service)
{
    struct turns *turns = &service->turns;
    struct bj_turn *turn;

    if (turns->choosing)
        return;
    turns->choosing = true;
    while ((turn = choose(turns)) != NULL) {
        unlink_waiting(turn);
        turn->works = true;
        turn->owner->turns_working++;
        turns->working++;
        turn->go(turn->context);
    }
    turns->choosing = false;
}

int bj_turn_take(struct bj_service *service, const struct bj_identity *who,
                 void (*go)(void *context), void *context, struct bj_turn **ret,
                 struct bj_error *err)
{
    struct owner *owner = bj_owner_get(service, who->owner);
    struct turns *turns = &service->turns;
    struct bj_turn *turn;

    if (owner != NULL && owner->turns >= BJ_TURNS_OWNER_MAX)
        return bj_fail(err, BJ_E_RATE, "service",
                       "%d listings and pages of records at once are what one owner may ask for",
                       BJ_TURNS_OWNER_MAX);
    if (turns->count >= BJ_TURNS_MAX)
        return bj_fail(err, BJ_E_BUSY, "service", "too many listings and pages of records wait");
    turn = owner != NULL ? bj_alloc(sizeof *turn) : NULL;
    if (turn == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "service", "out of memory");
    *turn = (struct bj_turn){.service = service,
                             .previous = turns->last,
                             .owner = owner,
                             .waits = true,
                             .go = go,
                             .context = context};
    *(turns->last != NULL ? &turns->last->next : &turns->first) = turn;
    turns->last = turn;
    turns->count++;
    owner->turns++;
    *ret = turn;
    let_begin(service);
    return 0;
}

bool bj_turn_waits(const struct bj_turn *turn)
{
    return turn != NULL && turn->waits;
}

static void stop_work(struct bj_turn *turn)
{
    if (!turn->works)
        return;
    turn->works = false;
    turn->owner->turns_working--;
    turn->service->turns.working--;
}

void bj_turn_rest(struct bj_turn *turn)
{
    stop_work(turn);
    let_begin(turn->service);
}

void bj_turn_give(struct bj_turn *turn)
{
    struct bj_service *service;

    if (turn == NULL)
        return;
    service = turn->service;
    if (turn->waits)
        unlink_waiting(turn);
    stop_work(turn);
    turn->owner->turns--;
    service->turns.count--;
    bj_free(turn);
    let_begin(service);
}
