/*
 * Who is at a sandbox: requests for it that are not answered yet, terminals, readers of output,
 * joined connections. The first of them and the end of the last are said to the keeper, whose idle
 * time-out stands still in between. While there is somebody it is said again and again, since the
 * keeper believes it for BJ_USE_US only: what a front that hangs had said does not hold for ever.
 */
#include "base/mem.h"
#include "service/service_internal.h"

#define AGAIN_MS (BJ_USE_US / 3000)

void bj_use_begin(struct bj_service *service, const char *id)
{
    struct sandbox *sandbox = bj_registry_find(service, id);

    if (sandbox != NULL && sandbox->uses++ == 0)
        bj_keeper_use(service->keeper, id, true);
}

void bj_use_end(struct bj_service *service, const char *id)
{
    struct sandbox *sandbox = bj_registry_find(service, id);

    if (sandbox != NULL && sandbox->uses > 0 && --sandbox->uses == 0)
        bj_keeper_use(service->keeper, id, false);
}

static void say_again(uv_timer_t *timer)
{
    struct bj_service *service = timer->data;

    for (struct sandbox *sandbox = service->oldest; sandbox != NULL; sandbox = sandbox->newer) {
        if (sandbox->uses > 0)
            bj_keeper_use(service->keeper, sandbox->id, true);
    }
}

int bj_uses_begin(struct bj_service *service, struct bj_error *err)
{
    uv_timer_t *timer = bj_alloc(sizeof *timer);

    if (timer == NULL)
        return no_memory(err);
    uv_timer_init(service->loop, timer);
    timer->data = service;
    uv_timer_start(timer, say_again, AGAIN_MS, AGAIN_MS);
    uv_unref((uv_handle_t *)timer);
    service->uses = timer;
    return 0;
}

static void free_timer(uv_handle_t *timer)
{
    bj_free(timer);
}

void bj_uses_release(struct bj_service *service)
{
    if (service->uses != NULL)
        uv_close((uv_handle_t *)service->uses, free_timer);
    service->uses = NULL;
}
