/*
 * The table of acts: what a recorded act does. Each is checked for what the keeper knows about the
 * sandbox before its row is called, because whoever sent it may be anybody.
 */
#include "base/mem.h"
#include "keeper/keeper_internal.h"

static void start(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act)
{
    bj_process_start(sandbox, task, act);
}

static void pause_all(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act)
{
    bj_pause_act(sandbox, task, act->kind == BJ_ACT_PAUSE);
}

static int change(struct bj_sandbox *sandbox, const struct bj_act *act, struct bj_error *err)
{
    int64_t most = sandbox->keeper->options->max_timeout_us;
    int64_t age = sandbox->used_at - sandbox->began;
    char *label = NULL;

    if (most != 0 && act->timeout_us != BJ_KEEP_TIME &&
        (act->timeout_us == 0 || act->timeout_us + age > most))
        return bj_fail(err, BJ_E_INVALID, "update", "a sandbox may live %lld s at most here",
                       (long long)(most / 1000000));
    if (act->label != NULL) {
        label = bj_strdup(act->label);
        if (label == NULL)
            return bj_fail(err, BJ_E_NO_MEMORY, "update", "out of memory");
        bj_free(sandbox->label);
        sandbox->label = label;
    }
    if (act->timeout_us != BJ_KEEP_TIME)
        sandbox->ends_at = act->timeout_us == 0 ? 0 : sandbox->used_at + act->timeout_us;
    if (act->idle_us != BJ_KEEP_TIME)
        sandbox->idle_us = act->idle_us;
    return 0;
}

static void update(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act)
{
    struct bj_error failed = {0};
    int result = change(sandbox, act, &failed);

    if (result == 0) {
        bj_sandbox_set_deadline(sandbox);
        bj_sandbox_say(sandbox);
    }
    bj_task_done(sandbox->keeper, task, result < 0 ? &failed : NULL);
}

static void destroy(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act)
{
    (void)act;
    sandbox->end_task = *task;
    bj_sandbox_end(sandbox, "killed");
}

static void (*const rows[BJ_ACT_COUNT])(struct bj_sandbox *, struct bj_task *,
                                        const struct bj_act *) = {
    [BJ_ACT_START] = start,
    [BJ_ACT_OPEN] = bj_open_act,
    [BJ_ACT_CONNECT] = bj_connect_act,
    [BJ_ACT_INPUT] = bj_input_act,
    [BJ_ACT_ATTACH] = bj_attach_act,
    [BJ_ACT_SIGNAL] = bj_signal_act,
    [BJ_ACT_RESIZE] = bj_resize_act,
    [BJ_ACT_UPDATE] = update,
    [BJ_ACT_PAUSE] = pause_all,
    [BJ_ACT_RESUME] = pause_all,
    [BJ_ACT_DESTROY] = destroy,
};

/* What needs nothing of the sandbox's processes. */
static const bool while_paused[BJ_ACT_COUNT] = {
    [BJ_ACT_UPDATE] = true,
    [BJ_ACT_PAUSE] = true,
    [BJ_ACT_RESUME] = true,
    [BJ_ACT_DESTROY] = true,
};

void bj_act_do(struct bj_keeper *keeper, const struct bj_message *message)
{
    struct bj_sandbox *sandbox;
    struct bj_error failed = {0};
    struct bj_task task;
    struct bj_act act;
    int result;

    bj_pool_acted(keeper);
    result = bj_task_begin(keeper, &task, message->head.id, message->head.number, &failed);

    if (result == 0)
        result = bj_act_get(message->body, message->head.length, keeper->strings, BJ_ACT_STRINGS,
                            &act, &failed);
    if (result == 0 && act.kind == BJ_ACT_CREATE) {
        bj_sandbox_create(keeper, &task, &act);
        return;
    }
    if (result == 0)
        result = bj_sandbox_of_act(keeper, &act, &sandbox, &failed);
    if (result < 0) {
        bj_task_done(keeper, &task, &failed);
        return;
    }
    bj_sandbox_use(sandbox);
    if (!while_paused[act.kind] && bj_pause_check(sandbox, &failed) < 0) {
        bj_task_done(keeper, &task, &failed);
        return;
    }
    rows[act.kind](sandbox, &task, &act);
}
