/* Deadlines. */
#include "keeper/deadline.h"

#include <stddef.h>

#include "base/clock.h"

#define STEP_US  500000 /* between looks at the clock while anybody waits */
#define GRACE_US 200000 /* to take in what has come */

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

/* The timer should have gone off long ago: the loop did not turn. */
static void notice_loss(struct bj_deadlines *deadlines, int64_t now)
{
    if (deadlines->due == 0 || now - deadlines->due <= STEP_US)
        return;
    deadlines->lost_us += now - deadlines->due + GRACE_US;
    deadlines->due = now;
}

static void arm(struct bj_deadlines *deadlines)
{
    int64_t left, now = bj_clock_us();

    notice_loss(deadlines, now);
    if (deadlines->root == NULL) {
        uv_timer_stop(&deadlines->timer);
        deadlines->due = 0;
        return;
    }
    left = deadlines->root->at - now;
    deadlines->due = left > 0 ? deadlines->root->at : now;
    uv_update_time(deadlines->timer.loop);
    /* Never at once: libuv would call it again and again before it reads any socket. */
    uv_timer_start(&deadlines->timer, passed, left > 0 ? (uint64_t)(left + 999) / 1000 : 1, 0);
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

    notice_loss(deadlines, now);
    while (deadlines->root != NULL && deadlines->root->at <= now) {
        struct bj_deadline *deadline = deadlines->root;

        take_out(deadlines, deadline);
        if (deadline->until > bj_deadlines_clock(deadlines))
            bj_deadline_wait(deadlines, deadline, deadline->until);
        else
            deadline->passed(deadline);
    }
    arm(deadlines);
}

int bj_deadlines_init(struct bj_deadlines *deadlines, uv_loop_t *loop, struct bj_error *err)
{
    deadlines->root = NULL;
    deadlines->due = deadlines->lost_us = 0;
    if (uv_timer_init(loop, &deadlines->timer) != 0)
        return bj_fail(err, BJ_E_SYSTEM, "keeper", "cannot make a timer");
    deadlines->timer.data = deadlines;
    return 0;
}

void bj_deadlines_release(struct bj_deadlines *deadlines)
{
    uv_close((uv_handle_t *)&deadlines->timer, NULL);
}

static void set(struct bj_deadlines *deadlines, struct bj_deadline *deadline, int64_t at)
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

void bj_deadline_set(struct bj_deadlines *deadlines, struct bj_deadline *deadline, int64_t at)
{
    deadline->until = 0;
    set(deadlines, deadline, at);
}

int64_t bj_deadlines_clock(struct bj_deadlines *deadlines)
{
    int64_t now = bj_clock_us();

    notice_loss(deadlines, now);
    return now - deadlines->lost_us;
}

/* In steps: only a timer that should have gone off tells that the loop has not turned. */
void bj_deadline_wait(struct bj_deadlines *deadlines, struct bj_deadline *deadline, int64_t until)
{
    int64_t now = bj_clock_us(), at = until + now - bj_deadlines_clock(deadlines);

    deadline->until = until;
    set(deadlines, deadline, at < now + STEP_US ? at : now + STEP_US);
}

void bj_deadline_clear(struct bj_deadlines *deadlines, struct bj_deadline *deadline)
{
    if (deadline->set)
        take_out(deadlines, deadline);
}
