/* Shell sessions: make, list, look at, end. Commands in them are run by run.c. */
#include "api/handling.h"
#include "api/objects.h"

#include <stdio.h>

static void created(void *context, const struct bj_shell_answer *answer)
{
    struct bj_handling *call = context;
    char place[160];

    if (answer->base.result < 0) {
        bj_handling_refuse(call, &answer->base);
        return;
    }
    snprintf(place, sizeof place, "/v1/sandboxes/%s/shells/%s", answer->shell->sandbox,
             answer->shell->name);
    bj_exchange_set_header(call->exchange, "Location", place);
    bj_handling_json(call, 201, bj_object_shell(answer->shell));
}

static void create(struct bj_handling *call)
{
    const json_t *body = call->exchange->body;
    struct bj_shell_request request = {
        .name = bj_field_text(body, "name"),
        .directory = bj_field_text(body, "working_directory"),
        .environment = json_object_get(body, "env"),
    };
    struct bj_error err;

    bj_handling_check(
        call, bj_shell_create(call->service, &call->caller, &request, created, call, &err), &err);
}

void bj_post_shell(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, create);
}

static void add_shell(void *context, const struct bj_shell_view *view)
{
    json_array_append_new(context, bj_object_shell(view));
}

static void list(struct bj_handling *call)
{
    json_t *shells = json_array();
    struct bj_error err;
    int result = bj_shell_list(call->service, &call->caller, add_shell, shells, &err);

    bj_handling_list(call, result, "shells", shells, &err);
}

void bj_get_shells(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, list);
}

static void get(struct bj_handling *call)
{
    struct bj_shell_view view;
    struct bj_error err;

    if (bj_shell_find(call->service, &call->caller, call->exchange->parameters[1], &view, &err) < 0)
        bj_handling_fail(call, &err);
    else
        bj_handling_json(call, 200, bj_object_shell(&view));
}

void bj_get_shell(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, get);
}

static void end(struct bj_handling *call)
{
    struct bj_error err;

    bj_handling_check(call,
                      bj_shell_remove(call->service, &call->caller, call->exchange->parameters[1],
                                      bj_handling_done, call, &err),
                      &err);
}

void bj_delete_shell(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, end);
}
