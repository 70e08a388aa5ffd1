/*
 * A new front hears of every sandbox and process there is, then READY: as fast as it reads, a
 * sandbox at a time, so that thousands of them with large labels need no memory.
 */
#include "base/limits.h"
#include "keeper/keeper_internal.h"

static void ready(struct bj_keeper *keeper)
{
    struct bj_buf out;

    keeper->saying_hello = false;
    bj_keeper_say_gap(keeper);
    bj_say_begin(&out, BJ_MESSAGE_READY, 0);
    bj_say_to_front(keeper, &out);
}

void bj_hello_go_on(struct bj_keeper *keeper)
{
    while (keeper->hello != NULL && keeper->front.queued < BJ_HELLO_QUEUE_MAX) {
        struct bj_sandbox *sandbox = keeper->hello;

        keeper->hello = sandbox->next;
        /* One that is being made or is ending is said when it is. */
        if (sandbox->stage != BJ_STAGE_RUNNING)
            continue;
        bj_sandbox_say(sandbox);
        for (struct bj_process *at = sandbox->processes; at != NULL; at = at->next) {
            if (at->stage != BJ_PROCESS_STARTING)
                bj_process_say(at);
        }
        if (keeper->front.fd < 0)
            return;
    }
    if (keeper->saying_hello && keeper->hello == NULL)
        ready(keeper);
}

void bj_hello(struct bj_keeper *keeper)
{
    keeper->saying_hello = true;
    keeper->hello = keeper->sandboxes.first;
    bj_hello_go_on(keeper);
}

void bj_hello_skip(struct bj_keeper *keeper, const struct bj_sandbox *sandbox)
{
    if (keeper->hello == sandbox)
        keeper->hello = sandbox->next;
}
