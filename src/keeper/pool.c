/*
 * The warm pool: sandboxes of a preset that are ready before anybody asks, so that making one from
 * the preset as it is, without options, is a hand-over.
 *
 * A parked sandbox is whole but for a name: it is in no table, nobody hears of it, and no act can
 * reach it. One is made at a time, once nothing has been asked for a little while, so that acts do
 * not wait for it. One that dies, or cannot be made, is made again after a pause that doubles with
 * each failure in a row.
 */
#include <stddef.h>

#include "base/clock.h"
#include "keeper/keeper_internal.h"

#define QUIET_US    5000     /* without an act, before one is made */
#define PATIENCE_US 500000   /* a service that is always busy gets its pool all the same */
#define FIRST_DELAY 100000   /* after a failure */
#define LAST_DELAY  60000000 /* at most */

/* The preset that lacks most; -1 when nothing is to be made. */
static int next_preset(const struct bj_keeper *keeper)
{
    uint32_t most = keeper->options->max_sandboxes, lacks_most = 0;
    int found = -1;

    if (most == 0)
        most = BJ_SERVICE_SANDBOXES;
    if (keeper->sandboxes.count + keeper->pool.count >= most)
        return -1;
    for (uint32_t i = 0; i < keeper->options->preset_count; i++) {
        uint32_t wanted = keeper->options->presets[i].pool, has = keeper->pool.ready_count[i];

        if (wanted > has && wanted - has > lacks_most) {
            lacks_most = wanted - has;
            found = (int)i;
        }
    }
    return found;
}

static void wait_before_next(struct bj_keeper *keeper, int64_t after_us)
{
    struct bj_pool *pool = &keeper->pool;

    if (!keeper->stopping && pool->making == NULL && next_preset(keeper) >= 0)
        bj_deadline_set(&keeper->deadlines, &pool->deadline, bj_clock_us() + after_us);
}

static void failed(struct bj_keeper *keeper)
{
    struct bj_pool *pool = &keeper->pool;

    pool->delay_us = pool->delay_us == 0               ? FIRST_DELAY
                     : pool->delay_us < LAST_DELAY / 2 ? pool->delay_us * 2
                                                       : LAST_DELAY;
    wait_before_next(keeper, pool->delay_us);
}

static void make_next(struct bj_deadline *deadline)
{
    struct bj_keeper *keeper =
        (void *)((char *)deadline - offsetof(struct bj_keeper, pool.deadline));
    struct bj_pool *pool = &keeper->pool;
    int64_t now = bj_clock_us();
    int preset = next_preset(keeper);

    if (keeper->stopping || pool->making != NULL || preset < 0)
        return;
    if (now < pool->acted_at + QUIET_US && now < pool->waited_since + PATIENCE_US) {
        bj_deadline_set(&keeper->deadlines, deadline, pool->acted_at + QUIET_US);
        return;
    }
    pool->waited_since = now;
    pool->making = bj_sandbox_park(keeper, (uint32_t)preset, NULL);
    if (pool->making == NULL)
        failed(keeper);
    else
        pool->count++;
}

void bj_pool_init(struct bj_keeper *keeper)
{
    keeper->pool.deadline.passed = make_next;
    keeper->pool.waited_since = bj_clock_us();
    wait_before_next(keeper, 0);
}

void bj_pool_acted(struct bj_keeper *keeper)
{
    keeper->pool.acted_at = bj_clock_us();
}

void bj_pool_ready(struct bj_sandbox *sandbox)
{
    struct bj_pool *pool = &sandbox->keeper->pool;

    if (pool->making == sandbox)
        pool->making = NULL;
    pool->delay_us /= 2;
    sandbox->next = pool->ready[sandbox->preset];
    pool->ready[sandbox->preset] = sandbox;
    pool->ready_count[sandbox->preset]++;
    wait_before_next(sandbox->keeper, pool->delay_us);
}

/* Takes it out of the list of those that are ready, if it is there. */
static void take_out(struct bj_sandbox *sandbox)
{
    struct bj_pool *pool = &sandbox->keeper->pool;
    struct bj_sandbox **at = &pool->ready[sandbox->preset];

    while (*at != NULL && *at != sandbox)
        at = &(*at)->next;
    if (*at == NULL)
        return;
    *at = sandbox->next;
    sandbox->next = NULL;
    pool->ready_count[sandbox->preset]--;
}

struct bj_sandbox *bj_pool_take(struct bj_keeper *keeper, uint32_t preset)
{
    struct bj_sandbox *sandbox = keeper->pool.ready[preset];

    if (sandbox == NULL)
        return NULL;
    take_out(sandbox);
    keeper->pool.count--;
    wait_before_next(keeper, QUIET_US);
    return sandbox;
}

void bj_pool_ending(struct bj_sandbox *sandbox)
{
    take_out(sandbox);
    if (sandbox->keeper->pool.making == sandbox)
        sandbox->keeper->pool.making = NULL;
}

void bj_pool_lost(struct bj_keeper *keeper)
{
    keeper->pool.count--;
    failed(keeper);
}

void bj_pool_end(struct bj_keeper *keeper)
{
    struct bj_pool *pool = &keeper->pool;

    bj_deadline_clear(&keeper->deadlines, &pool->deadline);
    if (pool->making != NULL)
        bj_sandbox_end(pool->making, "stopped");
    for (uint32_t i = 0; i < keeper->options->preset_count; i++) {
        while (pool->ready[i] != NULL)
            bj_sandbox_end(pool->ready[i], "stopped");
    }
}
