/* See handling.h. */
#include "api/handling.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "wire/verdict_json.h"

/* Handlers that have something to end then take this over. */
static void note_gone(void *context)
{
    ((struct bj_handling *)context)->gone = true;
}

struct bj_handling *bj_handling_new(struct bj_exchange *exchange, struct bj_service *service,
                                    size_t size)
{
    struct bj_handling *call = bj_alloc(size);
    struct bj_error err;

    if (call == NULL) {
        bj_fail(&err, BJ_E_NO_MEMORY, "request", "out of memory");
        bj_exchange_fail(exchange, &err);
        return NULL;
    }
    call->exchange = exchange;
    call->service = service;
    call->caller.who = exchange->who;
    bj_exchange_on_gone(exchange, note_gone, call);
    return call;
}

void bj_handling_free(struct bj_handling *call)
{
    struct bj_turn *turn = call->turn;

    if (call->release != NULL)
        call->release(call);
    if (call->in_use)
        bj_use_end(call->service, call->sandbox);
    if (call->ret_over != NULL)
        *call->ret_over = true;
    bj_free(call);
    bj_turn_give(turn); /* which may let others begin: the last that is done */
}

/* What was not answered at once keeps the sandbox from being idle until it is. */
static void carry_out(struct bj_handling *call)
{
    bool over = false;

    call->ret_over = &over;
    call->go(call);
    if (over)
        return;
    call->ret_over = NULL;
    if (call->caller.sandbox == call->sandbox && !call->looks_on) {
        call->in_use = true;
        bj_use_begin(call->service, call->sandbox);
    }
}

static void got_default(void *context, const struct bj_sandbox_answer *answer)
{
    struct bj_handling *call = context;

    if (answer->base.result < 0 ||
        !bj_str_copy(call->sandbox, sizeof call->sandbox, answer->sandbox->id)) {
        bj_handling_refuse(call, &answer->base);
        return;
    }
    if (call->gone) { /* nothing was done for it yet, and nothing need be */
        bj_exchange_reset(call->exchange);
        bj_handling_free(call);
        return;
    }
    call->caller.sandbox = call->sandbox;
    carry_out(call);
}

void bj_handling_for(struct bj_handling *call, const char *sandbox, bj_handling_fn go)
{
    struct bj_sandbox_view view;
    struct bj_error err;
    int result;

    call->go = go;
    if (sandbox == NULL) {
        result = bj_sandbox_default(call->service, call->caller.who, got_default, call, &err);
        bj_handling_check(call, result, &err);
        return;
    }
    if (!bj_str_copy(call->sandbox, sizeof call->sandbox, sandbox)) {
        bj_fail(&err, BJ_E_NOT_FOUND, "sandbox", "there is no sandbox of this identifier");
        bj_handling_fail(call, &err);
        return;
    }
    call->caller.sandbox = call->sandbox;
    if (bj_sandbox_get(call->service, &call->caller, &view, &err) < 0)
        bj_handling_fail(call, &err);
    else
        carry_out(call);
}

static void abandon(struct bj_handling *call)
{
    bj_exchange_reset(call->exchange);
    bj_handling_free(call);
}

static void got_turn(void *context)
{
    struct bj_handling *call = context;

    if (call->gone)
        abandon(call);
    else
        call->go(call);
}

static void gone_in_line(void *context)
{
    struct bj_handling *call = context;

    call->gone = true;
    if (bj_turn_waits(call->turn))
        abandon(call);
}

void bj_handling_in_turn(struct bj_handling *call, bj_handling_fn go)
{
    struct bj_error err;
    int result;

    call->go = go;
    bj_exchange_on_gone(call->exchange, gone_in_line, call);
    result = bj_turn_take(call->service, call->exchange->who, got_turn, call, &call->turn, &err);
    if (result < 0)
        bj_handling_fail(call, &err);
}

void bj_handling_paced(struct bj_handling *call, size_t length, bj_handling_fn go)
{
    struct bj_error err;

    if (length <= BJ_PACED_TEXT) {
        go(call);
        return;
    }
    call->go = go;
    if (bj_paced(call->service, call->exchange->who, got_turn, call, &err) < 0)
        bj_handling_fail(call, &err);
}

const char *bj_path_sandbox(const struct bj_exchange *exchange)
{
    const char *name = exchange->parameters[0];

    return name == NULL || bj_streq(name, "default") ? NULL : name;
}

void bj_handling_begin(struct bj_exchange *exchange, struct bj_service *service, bj_handling_fn go)
{
    struct bj_handling *call = bj_handling_new(exchange, service, sizeof *call);

    if (call != NULL)
        bj_handling_for(call, bj_path_sandbox(exchange), go);
}

/* ---- answers ---- */

void bj_handling_json(struct bj_handling *call, int status, json_t *body)
{
    bj_exchange_json(call->exchange, status, body);
    bj_handling_free(call);
}

void bj_handling_list(struct bj_handling *call, int result, const char *name, json_t *list,
                      const struct bj_error *err)
{
    if (result == 0) {
        bj_handling_json(call, 200, json_pack("{s:o}", name, list));
        return;
    }
    json_decref(list);
    bj_handling_fail(call, err);
}

void bj_handling_empty(struct bj_handling *call)
{
    bj_exchange_respond(call->exchange, 204, NULL, "", 0);
    bj_handling_free(call);
}

/* The host has none left of something that others give back: this passes. */
static bool is_shortage(const struct bj_error *err)
{
    return err->code == BJ_E_SYSTEM &&
           (err->sys_errno == EAGAIN || err->sys_errno == EMFILE || err->sys_errno == ENFILE);
}

static void fail(struct bj_exchange *exchange, const struct bj_error *err,
                 const struct bj_answer *answer)
{
    struct bj_failure more = {0};
    struct bj_error said = *err;
    struct bj_buf details;

    if (is_shortage(err))
        said.code = BJ_E_BUSY;
    bj_buf_init(&details, BJ_RESPONSE_MAX);
    if (answer != NULL && answer->verdict != NULL) {
        bj_verdict_put_json(answer->verdict, &details);
        more.details = details.failed ? NULL : bj_buf_text(&details);
    }
    if (answer != NULL)
        more.retry_after_us = answer->retry_after_us;
    bj_exchange_fail_with(exchange, &said, &more);
    bj_buf_release(&details);
}

void bj_exchange_want_upgrade(struct bj_exchange *exchange, const char *protocol)
{
    struct bj_error err;

    bj_exchange_set_header(exchange, "Upgrade", protocol);
    bj_fail(&err, BJ_E_INVALID, "request", "this address speaks another protocol: %s", protocol);
    bj_exchange_fail_with(exchange, &err, &(struct bj_failure){.which = BJ_API_UPGRADE_REQUIRED});
}

void bj_handling_fail(struct bj_handling *call, const struct bj_error *err)
{
    fail(call->exchange, err, NULL);
    bj_handling_free(call);
}

void bj_handling_refuse(struct bj_handling *call, const struct bj_answer *answer)
{
    fail(call->exchange, &answer->error, answer);
    bj_handling_free(call);
}

void bj_handling_done(void *context, const struct bj_answer *answer)
{
    if (answer->result < 0)
        bj_handling_refuse(context, answer);
    else
        bj_handling_empty(context);
}

/* ---- fields ---- */

const char *bj_field_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

bool bj_field_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

int64_t bj_field_whole(const json_t *object, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(object, name);

    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

int64_t bj_field_time(const json_t *object, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(object, name);

    return json_is_number(value) ? (int64_t)(json_number_value(value) * 1e6) : otherwise;
}

bool bj_field_list(const json_t *object, const char *name, const char ***ret)
{
    const json_t *list = json_object_get(object, name), *item;
    size_t index;

    *ret = NULL;
    if (list == NULL)
        return true;
    *ret = bj_realloc_array(NULL, json_array_size(list) + 1, sizeof **ret);
    if (*ret == NULL)
        return false;
    json_array_foreach(list, index, item)(*ret)[index] = json_string_value(item);
    (*ret)[json_array_size(list)] = NULL;
    return true;
}

bool bj_field_mode(const json_t *object, const char *name, uint32_t otherwise, uint32_t *ret,
                   struct bj_error *err)
{
    const char *text = bj_field_text(object, name);
    uint32_t mode = 0;

    *ret = otherwise;
    if (text == NULL)
        return true;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '7' || at - text >= 4) {
            bj_fail(err, BJ_E_INVALID, "request",
                    "field \"%s\" must be permissions in octal, such as \"0644\"", name);
            return false;
        }
        mode = mode << 3 | (uint32_t)(*at - '0');
    }
    *ret = mode;
    return true;
}

uint32_t bj_parameter_number(const struct bj_exchange *exchange, int index)
{
    const char *text = exchange->parameters[index];
    int64_t number;

    if (text == NULL || text[0] < '1' || text[0] > '9' || !bj_parse_int64(text, &number) ||
        number > UINT32_MAX)
        return 0;
    return (uint32_t)number;
}
