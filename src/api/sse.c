/* See sse.h. */
#include "api/sse.h"

#include <inttypes.h>
#include <string.h>

#include "api/text.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define KEEP_ALIVE_MS 15000

struct bj_sse {
    struct bj_exchange *exchange;
    uv_timer_t timer;
    bool quiet; /* nothing was said since the timer's last turn */
};

static void keep_alive(uv_timer_t *timer)
{
    struct bj_sse *sse = timer->data;

    if (sse->quiet)
        bj_exchange_write(sse->exchange, ":\n\n", 3);
    sse->quiet = true;
}

struct bj_sse *bj_sse_begin(struct bj_exchange *exchange, uv_loop_t *loop)
{
    struct bj_sse *sse = bj_alloc(sizeof *sse);
    struct bj_error err;

    if (sse == NULL) {
        bj_fail(&err, BJ_E_NO_MEMORY, "events", "out of memory");
        bj_exchange_fail(exchange, &err);
        return NULL;
    }
    sse->exchange = exchange;
    uv_timer_init(loop, &sse->timer);
    sse->timer.data = sse;
    uv_timer_start(&sse->timer, keep_alive, KEEP_ALIVE_MS, KEEP_ALIVE_MS);
    uv_unref((uv_handle_t *)&sse->timer);
    /* nginx and its like would gather events otherwise. */
    bj_exchange_set_header(exchange, "X-Accel-Buffering", "no");
    bj_exchange_begin(exchange, 200, "text/event-stream");
    /* Something, so that the head goes out and a client knows that it is connected. */
    bj_exchange_write(exchange, ":\n\n", 3);
    return sse;
}

bool bj_sse_send(struct bj_sse *sse, const char *event, int64_t id, json_t *data)
{
    struct bj_buf text;
    bool more = true;

    bj_buf_init(&text, BJ_RESPONSE_MAX);
    if (id >= 0)
        bj_buf_printf(&text, "id: %" PRId64 "\n", id);
    bj_buf_printf(&text, "event: %s\ndata: ", event);
    bj_object_put(data, &text);
    bj_buf_puts(&text, "\n\n");
    json_decref(data);
    if (!text.failed)
        more = bj_exchange_write(sse->exchange, text.data, text.length);
    bj_buf_release(&text);
    sse->quiet = false;
    return more;
}

static void closed(uv_handle_t *handle)
{
    bj_free(handle->data);
}

void bj_sse_end(struct bj_sse *sse)
{
    if (sse == NULL)
        return;
    bj_exchange_end(sse->exchange);
    uv_close((uv_handle_t *)&sse->timer, closed);
}

void bj_sse_break(struct bj_sse *sse)
{
    if (sse == NULL)
        return;
    bj_exchange_reset(sse->exchange);
    uv_close((uv_handle_t *)&sse->timer, closed);
}

bool bj_sse_last(const struct bj_exchange *exchange, int64_t *ret)
{
    const char *text = bj_exchange_header(exchange, "Last-Event-ID");

    *ret = -1;
    return text == NULL || text[0] == '\0' || (bj_parse_int64(text, ret) && *ret >= 0);
}

bool bj_sse_wanted(const struct bj_exchange *exchange)
{
    const char *accept = bj_exchange_header(exchange, "Accept");

    /* To HEAD nothing would follow, and it would not end. */
    return !bj_streq(exchange->method, "HEAD") && accept != NULL &&
           strstr(accept, "text/event-stream") != NULL;
}
