/* The service as a whole: its beginning and end, what the keeper says unasked, and what is to be
 * done when the loop runs on. */
#include "service/service.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "service/service_internal.h"
#include "service/shell_internal.h"

/* ---- later ---- */

static void call_later(struct bj_service *service)
{
    struct later *now = service->later_first;

    /* What they put off in their turn is for the next time round. */
    service->later_first = NULL;
    service->later_last = &service->later_first;
    while (now != NULL) {
        struct later *next = now->next;

        now->fn(now->context);
        bj_free(now);
        now = next;
    }
}

static void on_idle(uv_idle_t *idle)
{
    struct bj_service *service = idle->data;

    uv_idle_stop(idle);
    call_later(service);
    bj_pace_turn(service);
}

void bj_wake(struct bj_service *service)
{
    uv_idle_start(service->idle, on_idle);
}

int bj_later(struct bj_service *service, void (*fn)(void *context), void *context,
             struct bj_error *err)
{
    struct later *later = bj_alloc(sizeof *later);

    if (later == NULL)
        return no_memory(err);
    *later = (struct later){.fn = fn, .context = context};
    *service->later_last = later;
    service->later_last = &later->next;
    bj_wake(service);
    return 0;
}

static void free_idle(uv_handle_t *handle)
{
    bj_free(handle);
}

/* ---- what the keeper says ---- */

static void on_sandbox(void *context, const struct bj_sandbox_state *state)
{
    bj_registry_learn(context, state);
}

static void on_process(void *context, const struct bj_process_state *state)
{
    bj_registry_learn_process(context, state);
}

static void on_ready(void *context)
{
    struct bj_service *service = context;

    service->ready = true;
    for (struct sandbox *sandbox = service->oldest; sandbox != NULL; sandbox = sandbox->newer)
        bj_shells_recall(service, sandbox);
    BJ_LOG(service->options.log, SERVER, INFO, "the keeper has %u sandbox%s",
           service->sandbox_count, service->sandbox_count == 1 ? "" : "es");
}

static void on_lost(void *context)
{
    struct bj_service *service = context;

    service->ready = false;
    if (service->sandbox_count > 0)
        BJ_LOG(service->options.log, SERVER, WARNING,
               "the keeper has ended, and with it %u sandbox%s", service->sandbox_count,
               service->sandbox_count == 1 ? "" : "es");
    while (service->newest != NULL)
        bj_registry_end(service, service->newest, "the keeper has ended");
}

/* ---- beginning and end ---- */

static int begin(struct bj_service *service, struct bj_error *err)
{
    static const struct bj_keeper_watcher watcher = {on_sandbox, on_process, on_ready, on_lost};
    int result = bj_judge_presets(service, err);

    if (result == 0 && service->options.default_preset != NULL &&
        bj_judge_preset(service, service->options.default_preset) == NULL)
        result = bj_fail(err, BJ_E_CONFIG, "service", "the default preset %s is not configured",
                         service->options.default_preset);
    if (result == 0)
        result = bj_events_begin(service, err);
    if (result == 0)
        result = bj_uses_begin(service, err);
    if (result == 0)
        result = bj_keeper_client_new(service->loop, &watcher, service, &service->keeper, err);
    return result;
}

const char *const *bj_service_isolation(const struct bj_service *service)
{
    static const char *const nothing[] = {NULL};

    return service->options.isolation != NULL ? service->options.isolation : nothing;
}

int bj_service_new(uv_loop_t *loop, const struct bj_service_options *options,
                   struct bj_service **ret, struct bj_error *err)
{
    struct bj_service *service = bj_alloc(sizeof *service);
    int result;

    if (service == NULL)
        return no_memory(err);
    service->loop = loop;
    service->options = *options;
    service->bash = access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh";
    service->figures.started_us = bj_clock_us();
    service->later_last = &service->later_first;
    service->idle = bj_alloc(sizeof *service->idle);
    if (service->idle == NULL) {
        bj_free(service);
        return no_memory(err);
    }
    uv_idle_init(loop, service->idle);
    service->idle->data = service;
    result = begin(service, err);
    if (result < 0)
        bj_service_free(service);
    else
        *ret = service;
    return result;
}

void bj_service_free(struct bj_service *service)
{
    if (service == NULL)
        return;
    service->ending = true;
    service->ready = false;
    if (service->keeper != NULL)
        bj_keeper_client_free(service->keeper);
    bj_registry_release(service);
    call_later(service);
    bj_pace_release(service);
    uv_idle_stop(service->idle);
    bj_events_release(service);
    bj_uses_release(service);
    bj_judge_release(service);
    bj_owners_release(service);
    uv_close((uv_handle_t *)service->idle, free_idle);
    bj_free(service);
}

struct bj_keeper_client *bj_service_keeper(struct bj_service *service)
{
    return service->keeper;
}

uv_loop_t *bj_service_loop(const struct bj_service *service)
{
    return service->loop;
}

bool bj_service_ready(const struct bj_service *service)
{
    return service->ready;
}
