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
    int64_t until;                    /* of a wait, on its own clock; 0: none */
    struct bj_deadline *child, *next; /* of the heap */
    struct bj_deadline *previous;     /* the sibling before it, or the parent of the first */
};

struct bj_deadlines {
    struct bj_deadline *root;
    uv_timer_t timer;
    int64_t due;     /* when the timer goes off, as bj_clock_us(); 0: it does not */
    int64_t lost_us; /* in which the loop did not turn */
};

int bj_deadlines_init(struct bj_deadlines *deadlines, uv_loop_t *loop, struct bj_error *err);
/* The loop must run once more before it ends. */
void bj_deadlines_release(struct bj_deadlines *deadlines);

/* Once; a deadline that is set already is moved. It is no longer set when `passed` is called. */
void bj_deadline_set(struct bj_deadlines *deadlines, struct bj_deadline *deadline, int64_t at);
void bj_deadline_clear(struct bj_deadlines *deadlines, struct bj_deadline *deadline);

/*
 * The same for what another process has to do in time. Its answer may have come while this one was
 * stopped, or had something long to do, and timers go off before sockets are read: so that time
 * does not count, and there are turns of the loop before a wait that has seen such a time is over.
 * `until` is a moment of bj_deadlines_clock(), which stands still meanwhile.
 */
int64_t bj_deadlines_clock(struct bj_deadlines *deadlines);
void bj_deadline_wait(struct bj_deadlines *deadlines, struct bj_deadline *deadline, int64_t until);

#endif
