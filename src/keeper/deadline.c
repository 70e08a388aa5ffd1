/* Deadlines. */
#include "keeper/deadline.h"

#include <stddef.h>

#include "base/clock.h"

/* Two heaps become one. */
static struct bj_deadline *join(struct bj_deadline *a, struct bj_deadline *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    if (b->at < a->at) {
        struct bj_deadline *other = a;

        a = b;
        b = other;
    }
    b->previous = a;
    b->next = a->child;
    if (b->next != NULL)
        b->next->previous = b;
    a->child = b;
    a->next = a->previous = NULL;
    return a;
}

/* The children of what was taken out: joined in pairs, then the pairs from the last on. */
static struct bj_deadline *join_siblings(struct bj_deadline *first)
{
    struct bj_deadline *pairs = NULL, *root = NULL;

    while (first != NULL) {
        struct bj_deadline *a = first, *b = a->next, *pair;

        first = b != NULL ? b->next : NULL;
        a->next = a->previous = NULL;
        if (b != NULL)
            b->next = b->previous = NULL;
        pair = join(a, b);
        pair->next = pairs;
        pairs = pair;
    }
    while (pairs != NULL) {
        struct bj_deadline *pair = pairs;

        pairs = pair->next;
        pair->next = NULL;
        root = join(root, pair);
    }
    return root;
}

static void passed(uv_timer_t *timer);

static void arm(struct bj_deadlines *deadlines)
{
    int64_t left;

    if (deadlines->root == NULL) {
        uv_timer_stop(&deadlines->timer);
        return;
    }
    left = deadlines->root->at - bj_clock_us();
    uv_update_time(deadlines->timer.loop);
    uv_timer_start(&deadlines->timer, passed, left > 0 ? (uint64_t)(left + 999) / 1000 : 0, 0);
}

static void take_out(struct bj_deadlines *deadlines, struct bj_deadline *deadline)
{
    struct bj_deadline *below = join_siblings(deadline->child);

    if (deadline == deadlines->root) {
        deadlines->root = below;
    } else {
        if (deadline->previous->child == deadline)
            deadline->previous->child = deadline->next;
        else
            deadline->previous->next = deadline->next;
        if (deadline->next != NULL)
            deadline->next->previous = deadline->previous;
        deadlines->root = join(deadlines->root, below);
    }
    deadline->child = deadline->next = deadline->previous = NULL;
    deadline->set = false;
}

static void passed(uv_timer_t *timer)
{
    struct bj_deadlines *deadlines = timer->data;
    int64_t now = bj_clock_us();

    while (deadlines->root != NULL && deadlines->root->at <= now) {
        struct bj_deadline *deadline = deadlines->root;

        take_out(deadlines, deadline);
        deadline->passed(deadline);
    }
    arm(deadlines);
}

int bj_deadlines_init(struct bj_deadlines *deadlines, uv_loop_t *loop, struct bj_error *err)
{
    deadlines->root = NULL;
    if (uv_timer_init(loop, &deadlines->timer) != 0)
        return bj_fail(err, BJ_E_SYSTEM, "keeper", "cannot make a timer");
    deadlines->timer.data = deadlines;
    return 0;
}

void bj_deadlines_release(struct bj_deadlines *deadlines)
{
    uv_close((uv_handle_t *)&deadlines->timer, NULL);
}

void bj_deadline_set(struct bj_deadlines *deadlines, struct bj_deadline *deadline, int64_t at)
{
    struct bj_deadline *first = deadlines->root;

    if (deadline->set)
        take_out(deadlines, deadline);
    deadline->at = at;
    deadline->set = true;
    deadline->child = deadline->next = deadline->previous = NULL;
    deadlines->root = join(deadlines->root, deadline);
    /* The timer may go off too early, never too late: it is moved only forward. */
    if (deadlines->root == deadline || first == NULL)
        arm(deadlines);
}

void bj_deadline_clear(struct bj_deadlines *deadlines, struct bj_deadline *deadline)
{
    if (deadline->set)
        take_out(deadlines, deadline);
}
