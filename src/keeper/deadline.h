/*
 * Moments at which something is to happen, on the monotonic clock: one timer of the loop serves all
 * of them. A deadline lives in what it belongs to, so setting one cannot fail. A pairing heap
 * (Fredman, Sedgewick, Sleator, Tarjan, 1986).
 */
#ifndef BJ_KEEPER_DEADLINE_H
#define BJ_KEEPER_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

struct bj_deadline {
    int64_t at; /* as bj_clock_us() */
    void (*passed)(struct bj_deadline *deadline);
    bool set;
    struct bj_deadline *child, *next; /* of the heap */
    struct bj_deadline *previous;     /* the sibling before it, or the parent of the first */
};

struct bj_deadlines {
    struct bj_deadline *root;
    uv_timer_t timer;
};

int bj_deadlines_init(struct bj_deadlines *deadlines, uv_loop_t *loop, struct bj_error *err);
/* The loop must run once more before it ends. */
void bj_deadlines_release(struct bj_deadlines *deadlines);

/* Once; a deadline that is set already is moved. It is no longer set when `passed` is called. */
void bj_deadline_set(struct bj_deadlines *deadlines, struct bj_deadline *deadline, int64_t at);
void bj_deadline_clear(struct bj_deadlines *deadlines, struct bj_deadline *deadline);

#endif
