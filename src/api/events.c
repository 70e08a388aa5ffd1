/* What happens to the caller's sandboxes: as events while it happens, or those that are kept. */
#include "api/handling.h"
#include "api/objects.h"
#include "api/sse.h"

struct event_call {
    struct bj_handling call;
    struct bj_event_feed *feed;
    struct bj_sse *sse;
};

static void gone(void *context)
{
    struct event_call *watching = context;

    bj_event_close(watching->feed);
    bj_sse_break(watching->sse);
    bj_handling_free(&watching->call);
}

static void drain(void *context)
{
    bj_event_resume(((struct event_call *)context)->feed);
}

static bool event(void *context, const struct bj_event *happened)
{
    return bj_sse_send(((struct event_call *)context)->sse, bj_event_name(happened->kind),
                       happened->id, bj_object_event(happened));
}

static bool add_event(void *context, const struct bj_event *happened)
{
    json_array_append_new(context, bj_object_event(happened));
    return true;
}

static int read_request(const struct bj_exchange *exchange, struct bj_event_request *ret,
                        struct bj_error *err)
{
    int64_t last;

    if (!bj_sse_last(exchange, &last))
        return bj_fail(err, BJ_E_INVALID, "request",
                       "header Last-Event-ID must be the id of an event");
    *ret = (struct bj_event_request){
        .sandbox = bj_field_text(exchange->query, "sandbox"),
        .everyone = bj_field_true(exchange->query, "everyone"),
    };
    ret->after = bj_field_whole(exchange->query, "after", last > 0 ? last : 0);
    return 0;
}

static void list_events(struct bj_exchange *exchange, struct bj_service *service,
                        struct bj_event_request *request)
{
    json_t *events = json_array();
    uint32_t limit = (uint32_t)bj_field_whole(exchange->query, "limit", 100);
    struct bj_error err;

    request->event = add_event;
    request->context = events;
    if (request->after == 0)
        request->after = -1;
    if (bj_event_list(service, exchange->who, request, limit, &err) < 0) {
        json_decref(events);
        bj_exchange_fail(exchange, &err);
        return;
    }
    bj_exchange_json(exchange, 200, json_pack("{s:o}", "events", events));
}

static void stream_events(struct bj_exchange *exchange, struct bj_service *service,
                          struct bj_event_request *request)
{
    struct event_call *watching =
        (struct event_call *)bj_handling_new(exchange, service, sizeof *watching);
    struct bj_error err;

    if (watching == NULL)
        return;
    request->event = event;
    request->context = watching;
    if (bj_event_open(service, exchange->who, request, &watching->feed, &err) < 0) {
        bj_handling_fail(&watching->call, &err);
        return;
    }
    watching->sse = bj_sse_begin(exchange, bj_service_loop(service));
    if (watching->sse == NULL) {
        bj_event_close(watching->feed);
        bj_handling_free(&watching->call);
        return;
    }
    bj_exchange_on_drain(exchange, drain, watching);
    bj_exchange_on_gone(exchange, gone, watching);
}

void bj_get_events(struct bj_exchange *exchange, struct bj_service *service)
{
    struct bj_event_request request;
    struct bj_error err;

    if (read_request(exchange, &request, &err) < 0)
        bj_exchange_fail(exchange, &err);
    else if (bj_sse_wanted(exchange))
        stream_events(exchange, service, &request);
    else
        list_events(exchange, service, &request);
}
