/* Changes of a directory as events, while they happen. */
#include "api/handling.h"
#include "api/objects.h"
#include "api/sse.h"
#include "base/str.h"

struct watch_call {
    struct bj_handling call;
    struct bj_watch *watch;
    struct bj_sse *sse; /* NULL until the watch is in place */
    bool full, dropped; /* the client does not keep up; changes were left out meanwhile */
};

static void gone(void *context)
{
    struct watch_call *watching = context;

    bj_watch_close(watching->watch);
    if (watching->sse != NULL)
        bj_sse_break(watching->sse);
    else
        bj_exchange_reset(watching->call.exchange);
    bj_handling_free(&watching->call);
}

static void drain(void *context)
{
    struct watch_call *watching = context;

    watching->full = false;
    if (watching->dropped)
        bj_sse_send(watching->sse, "change", -1,
                    json_pack("{s:s, s:s}", "type", "overflow", "path", ""));
    watching->dropped = false;
}

static void ready(void *context)
{
    struct watch_call *watching = context;

    watching->sse = bj_sse_begin(watching->call.exchange, bj_service_loop(watching->call.service));
    if (watching->sse == NULL) {
        bj_watch_close(watching->watch);
        bj_handling_free(&watching->call);
        return;
    }
    bj_exchange_on_drain(watching->call.exchange, drain, watching);
    bj_sse_send(watching->sse, "ready", -1, json_object());
}

/* Changes cannot wait for a client that does not read: it is told that it missed some. */
static void event(void *context, const struct bj_watch_event *event)
{
    struct watch_call *watching = context;

    if (watching->full)
        watching->dropped = true;
    else
        watching->full = !bj_sse_send(watching->sse, "change", -1,
                                      json_pack("{s:o, s:o}", "type", bj_object_text(event->type),
                                                "path", bj_object_text(event->path)));
}

static void end(void *context, const struct bj_answer *answer)
{
    struct watch_call *watching = context;

    bj_watch_close(watching->watch);
    if (watching->sse == NULL) {
        bj_handling_refuse(&watching->call, answer);
        return;
    }
    if (answer->result < 0)
        bj_sse_send(watching->sse, "error", -1,
                    json_pack("{s:s, s:o}", "code", bj_code_name(answer->error.code), "message",
                              bj_object_text(answer->error.message)));
    else
        bj_sse_send(watching->sse, "end", -1, json_object());
    bj_sse_end(watching->sse);
    bj_handling_free(&watching->call);
}

static const struct bj_watch_events events = {.ready = ready, .event = event, .end = end};

static void open_watch(struct bj_handling *call)
{
    struct watch_call *watching = (struct watch_call *)call;
    const char *path = bj_field_text(call->exchange->query, "path");
    struct bj_watch_request request = {
        .path = path != NULL ? path : ".",
        .recursive = bj_field_true(call->exchange->query, "recursive"),
        .events = &events,
        .context = watching,
    };
    struct bj_error err;

    if (bj_watch_open(call->service, &call->caller, &request, &watching->watch, &err) < 0)
        bj_handling_fail(call, &err);
    else
        bj_exchange_on_gone(call->exchange, gone, watching);
}

void bj_get_watch(struct bj_exchange *exchange, struct bj_service *service)
{
    struct bj_handling *call;

    if (bj_streq(exchange->method, "HEAD")) { /* what would follow does not end */
        bj_exchange_respond(exchange, 200, "text/event-stream", "", 0);
        return;
    }
    call = bj_handling_new(exchange, service, sizeof(struct watch_call));
    if (call != NULL)
        bj_handling_for(call, bj_path_sandbox(exchange), open_watch);
}
