/* Waiting for a process's end, as long as the client wants to and is there. */
#include "api/handling.h"
#include "api/objects.h"
#include "base/mem.h"

struct wait_call {
    struct bj_handling call;
    uint32_t process;
    uv_timer_t *timer; /* of its own memory, which outlives the call by a turn; NULL: no limit */
};

static void timer_closed(uv_handle_t *timer)
{
    bj_free(timer);
}

static void release(struct bj_handling *call)
{
    struct wait_call *waiting = (struct wait_call *)call;

    if (waiting->timer != NULL)
        uv_close((uv_handle_t *)waiting->timer, timer_closed);
}

static void ended(void *context, const struct bj_process_answer *answer)
{
    if (answer->base.result < 0)
        bj_handling_refuse(context, &answer->base);
    else
        bj_handling_json(context, 200, bj_object_process(answer->process));
}

/* False: it is too late, the answer is on its way. */
static bool stop(struct wait_call *waiting)
{
    return bj_process_wait_cancel(waiting->call.service, &waiting->call.caller, waiting->process,
                                  ended, waiting);
}

static void gone(void *context)
{
    struct wait_call *waiting = context;

    if (!stop(waiting))
        return;
    bj_exchange_reset(waiting->call.exchange);
    bj_handling_free(&waiting->call);
}

static void time_is_up(uv_timer_t *timer)
{
    struct wait_call *waiting = timer->data;
    struct bj_process_view view;
    struct bj_error err;

    if (!stop(waiting))
        return;
    if (bj_process_get(waiting->call.service, &waiting->call.caller, waiting->process, &view,
                       &err) < 0)
        bj_handling_fail(&waiting->call, &err);
    else
        bj_handling_json(&waiting->call, 200, bj_object_process(&view));
}

static int start_timer(struct wait_call *waiting, struct bj_error *err)
{
    int64_t limit_us = bj_field_time(waiting->call.exchange->query, "timeout_seconds", -1);

    if (limit_us < 0)
        return 0;
    waiting->timer = bj_alloc(sizeof *waiting->timer);
    if (waiting->timer == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "wait", "out of memory");
    uv_timer_init(bj_service_loop(waiting->call.service), waiting->timer);
    waiting->timer->data = waiting;
    uv_timer_start(waiting->timer, time_is_up, (uint64_t)limit_us / 1000, 0);
    return 0;
}

static void wait_for(struct bj_handling *call)
{
    struct wait_call *waiting = (struct wait_call *)call;
    struct bj_error err;
    int result;

    waiting->process = bj_parameter_number(call->exchange, 1);
    result = start_timer(waiting, &err);
    if (result == 0)
        result =
            bj_process_wait(call->service, &call->caller, waiting->process, ended, waiting, &err);
    if (result < 0)
        bj_handling_fail(call, &err);
    else
        bj_exchange_on_gone(call->exchange, gone, waiting);
}

void bj_get_process_wait(struct bj_exchange *exchange, struct bj_service *service)
{
    struct bj_handling *call = bj_handling_new(exchange, service, sizeof(struct wait_call));

    if (call == NULL)
        return;
    call->release = release;
    bj_handling_for(call, bj_path_sandbox(exchange), wait_for);
}
