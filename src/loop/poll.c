/* Watched descriptors. */
#include "loop/poll.h"

#include "base/mem.h"

struct bj_poll {
    uv_poll_t poll;
    bj_poll_fn fn;
    void *context;
    int events;
};

int bj_poll_new(uv_loop_t *loop, int fd, bj_poll_fn fn, void *context, struct bj_poll **ret,
                struct bj_error *err)
{
    struct bj_poll *watch = bj_alloc(sizeof *watch);

    if (watch == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "watch", "out of memory");
    if (uv_poll_init(loop, &watch->poll, fd) != 0) {
        bj_free(watch);
        return bj_fail(err, BJ_E_SYSTEM, "watch", "cannot watch descriptor %d", fd);
    }
    watch->poll.data = watch;
    watch->fn = fn;
    watch->context = context;
    *ret = watch;
    return 0;
}

static void closed(uv_handle_t *handle)
{
    bj_free(handle->data);
}

void bj_poll_free(struct bj_poll *watch)
{
    if (watch == NULL)
        return;
    uv_close((uv_handle_t *)&watch->poll, closed);
}

static void ready(uv_poll_t *poll, int status, int events)
{
    struct bj_poll *watch = poll->data;

    if (status < 0)
        watch->events = 0; /* libuv has stopped watching */
    watch->fn(watch->context, status < 0 ? 0 : events);
}

void bj_poll_for(struct bj_poll *watch, int events)
{
    if (watch->events == events)
        return;
    watch->events = events;
    if (events == 0)
        uv_poll_stop(&watch->poll);
    else
        uv_poll_start(&watch->poll, events, ready);
}
