/* Sandboxes: create, list, get, change, pause, resume, end, figures. */
#include "api/handling.h"
#include "api/objects.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static void respond_sandbox(struct bj_handling *call, int status,
                            const struct bj_sandbox_view *view)
{
    bj_handling_json(call, status, bj_object_sandbox(view));
}

static void has_sandbox(void *context, const struct bj_sandbox_answer *answer)
{
    if (answer->base.result < 0)
        bj_handling_refuse(context, &answer->base);
    else
        respond_sandbox(context, 200, answer->sandbox);
}

/* ---- create ---- */

static void created(void *context, const struct bj_sandbox_answer *answer)
{
    struct bj_handling *call = context;
    char place[64];

    if (answer->base.result < 0) {
        bj_handling_refuse(call, &answer->base);
        return;
    }
    snprintf(place, sizeof place, "/v1/sandboxes/%s", answer->sandbox->id);
    bj_exchange_set_header(call->exchange, "Location", place);
    respond_sandbox(call, answer->existed ? 200 : 201, answer->sandbox);
}

void bj_post_sandbox(struct bj_exchange *exchange, struct bj_service *service)
{
    const json_t *body = exchange->body;
    struct bj_handling *call = bj_handling_new(exchange, service, sizeof *call);
    const char *preset = bj_field_text(body, "preset");
    struct bj_sandbox_request request = {
        .preset = preset != NULL ? preset : bj_field_text(body, "template"),
        .config = json_object_get(body, "config"),
        .metadata = json_object_get(body, "metadata"),
        .environment = json_object_get(body, "env"),
        .timeout_us = bj_field_time(body, "timeout_seconds", -1),
        .idle_us = bj_field_time(body, "idle_timeout_seconds", -1),
        .idempotency_key = bj_exchange_header(exchange, "Idempotency-Key"),
    };
    struct bj_error err;

    if (call == NULL)
        return;
    if (request.idempotency_key != NULL && strlen(request.idempotency_key) > BJ_IDEMPOTENCY_MAX) {
        bj_fail(&err, BJ_E_INVALID, "request", "header Idempotency-Key must have at most %d bytes",
                BJ_IDEMPOTENCY_MAX);
        bj_handling_fail(call, &err);
        return;
    }
    bj_handling_check(call, bj_sandbox_make(service, exchange->who, &request, created, call, &err),
                      &err);
}

/* ---- list ---- */

static void add_sandbox(void *context, const struct bj_sandbox_view *view)
{
    json_array_append_new(context, bj_object_sandbox(view));
}

/* "key=value,key=value" as an object of texts. */
static int read_metadata(const char *text, json_t **ret, struct bj_error *err)
{
    json_t *pairs = json_object();

    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, ",");
        const char *equals = memchr(at, '=', length);
        char name[256];

        if (equals == NULL || equals == at || (size_t)(equals - at) >= sizeof name) {
            json_decref(pairs);
            return bj_fail(err, BJ_E_INVALID, "request",
                           "field \"metadata\" must be KEY=VALUE pairs with commas between them");
        }
        memcpy(name, at, (size_t)(equals - at));
        name[equals - at] = '\0';
        json_object_set_new(pairs, name,
                            json_stringn(equals + 1, length - (size_t)(equals + 1 - at)));
        at += length;
        at += *at == ',';
    }
    *ret = pairs;
    return 0;
}

static int phase_of(const char *name)
{
    for (int i = 0; name != NULL && bj_phase_names[i] != NULL; i++) {
        if (bj_streq(bj_phase_names[i], name))
            return i;
    }
    return -1;
}

void bj_get_sandboxes(struct bj_exchange *exchange, struct bj_service *service)
{
    const json_t *query = exchange->query;
    const char *metadata = bj_field_text(query, "metadata"), *order = bj_field_text(query, "order");
    json_t *pairs = NULL, *sandboxes = json_array();
    struct bj_sandbox_list list = {
        .preset = bj_field_text(query, "preset"),
        .phase = phase_of(bj_field_text(query, "state")),
        .everyone = bj_field_true(query, "everyone"),
        .since_ms = bj_field_whole(query, "since_ms", 0),
        .oldest_first = order != NULL && bj_streq(order, "oldest"),
        .limit = (uint32_t)bj_field_whole(query, "limit", 0),
        .after = bj_field_text(query, "after"),
    };
    struct bj_error err;
    int result = 0;

    if (metadata != NULL)
        result = read_metadata(metadata, &pairs, &err);
    list.metadata = pairs;
    if (result == 0)
        result = bj_sandbox_list(service, exchange->who, &list, add_sandbox, sandboxes, &err);
    json_decref(pairs);
    if (result < 0) {
        json_decref(sandboxes);
        bj_exchange_fail(exchange, &err);
        return;
    }
    bj_exchange_json(exchange, 200,
                     json_pack("{s:o, s:I, s:o}", "sandboxes", sandboxes, "total",
                               (json_int_t)list.total, "next",
                               list.next[0] != '\0' ? json_string(list.next) : json_null()));
}

/* ---- one ---- */

/* Of one that has ended too, and then why. The caller's default one is made if need be. */
static void get(struct bj_handling *call)
{
    struct bj_sandbox_view view;
    struct bj_error err;

    if (bj_sandbox_look_up(call->service, &call->caller, &view, &err) < 0)
        bj_handling_fail(call, &err);
    else
        respond_sandbox(call, 200, &view);
}

void bj_get_sandbox(struct bj_exchange *exchange, struct bj_service *service)
{
    struct bj_handling *call;

    if (bj_path_sandbox(exchange) == NULL) {
        bj_handling_begin(exchange, service, get);
        return;
    }
    call = bj_handling_new(exchange, service, sizeof *call);
    if (call == NULL)
        return;
    call->caller.sandbox = bj_path_sandbox(exchange);
    get(call);
}

static void change(struct bj_handling *call)
{
    const json_t *body = call->exchange->body;
    struct bj_sandbox_change wanted = {
        .timeout_us = bj_field_time(body, "timeout_seconds", BJ_KEEP_TIME),
        .idle_us = bj_field_time(body, "idle_timeout_seconds", BJ_KEEP_TIME),
        .metadata = json_object_get(body, "metadata"),
    };
    struct bj_error err;

    bj_handling_check(
        call, bj_sandbox_update(call->service, &call->caller, &wanted, has_sandbox, call, &err),
        &err);
}

void bj_patch_sandbox(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, change);
}

static void pause_it(struct bj_handling *call)
{
    struct bj_error err;

    bj_handling_check(call, bj_sandbox_pause(call->service, &call->caller, has_sandbox, call, &err),
                      &err);
}

void bj_post_pause(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, pause_it);
}

static void resume(struct bj_handling *call)
{
    struct bj_error err;

    bj_handling_check(
        call, bj_sandbox_resume(call->service, &call->caller, has_sandbox, call, &err), &err);
}

void bj_post_resume(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, resume);
}

static void ended(void *context, const struct bj_sandbox_answer *answer)
{
    bj_handling_done(context, &answer->base);
}

/* The default sandbox is not made to be ended. */
void bj_delete_sandbox(struct bj_exchange *exchange, struct bj_service *service)
{
    struct bj_handling *call = bj_handling_new(exchange, service, sizeof *call);
    struct bj_error err;

    if (call == NULL)
        return;
    call->caller.sandbox = bj_path_sandbox(exchange);
    bj_handling_check(call, bj_sandbox_kill(service, &call->caller, ended, call, &err), &err);
}

static void measured(void *context, const struct bj_usage_report *report)
{
    if (report->base.result < 0)
        bj_handling_refuse(context, &report->base);
    else
        bj_handling_json(context, 200, bj_object_usage(report));
}

static void measure(struct bj_handling *call)
{
    struct bj_error err;

    call->looks_on = true;
    bj_handling_check(call, bj_sandbox_usage(call->service, &call->caller, measured, call, &err),
                      &err);
}

void bj_get_sandbox_metrics(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, measure);
}
