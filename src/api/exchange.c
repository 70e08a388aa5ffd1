/* Answers that are made of an exchange's own functions: JSON, and errors in their one shape. */
#include "api/exchange.h"

#include <stdio.h>
#include <string.h>

#include "api/text.h"
#include "base/limits.h"
#include "wire/json.h"

static const char no_memory[] =
    "{\"error\": {\"code\": \"NO_MEMORY\", \"message\": \"out of memory\", "
    "\"advice\": \"try again later\", \"request_id\": \"\"}}\n";

static void respond_text(struct bj_exchange *exchange, int status, const struct bj_buf *text)
{
    if (text->failed)
        bj_exchange_respond(exchange, 503, "application/json", no_memory, sizeof no_memory - 1);
    else
        bj_exchange_respond(exchange, status, "application/json", text->data, text->length);
}

void bj_exchange_json(struct bj_exchange *exchange, int status, json_t *body)
{
    struct bj_buf text;

    bj_buf_init(&text, BJ_RESPONSE_MAX);
    bj_object_put(body, &text);
    bj_buf_puts(&text, "\n");
    json_decref(body);
    respond_text(exchange, status, &text);
    bj_buf_release(&text);
}

static void put_member(struct bj_buf *out, const char *before, const char *text)
{
    bj_buf_puts(out, before);
    bj_json_put_string(out, text, strlen(text));
}

/* A client that is to come back learns when, in whole seconds, one at least. */
static void set_retry(struct bj_exchange *exchange, int status, int64_t after_us)
{
    char seconds[24];

    if (status != 429 && status != 503)
        return;
    snprintf(seconds, sizeof seconds, "%lld",
             (long long)(after_us > 0 ? (after_us + 999999) / 1000000 : 1));
    bj_exchange_set_header(exchange, "Retry-After", seconds);
}

void bj_exchange_fail_with(struct bj_exchange *exchange, const struct bj_error *err,
                           const struct bj_failure *more)
{
    struct bj_told told;
    struct bj_buf text;

    bj_failure_tell(err, more->which, &told);
    bj_buf_init(&text, BJ_RESPONSE_MAX);
    put_member(&text, "{\"error\":{\"code\":", told.code);
    put_member(&text,
               ",\"message\":", err->message[0] != '\0' ? err->message : bj_code_text(err->code));
    put_member(&text, ",\"advice\":", told.advice);
    put_member(&text, ",\"request_id\":", exchange->id);
    if (more->details != NULL) {
        bj_buf_puts(&text, ",\"details\":");
        bj_buf_puts(&text, more->details);
    }
    bj_buf_puts(&text, "}}\n");
    set_retry(exchange, text.failed ? 503 : told.status, more->retry_after_us);
    respond_text(exchange, told.status, &text);
    bj_buf_release(&text);
}

void bj_exchange_fail(struct bj_exchange *exchange, const struct bj_error *err)
{
    bj_exchange_fail_with(exchange, err, &(struct bj_failure){.which = BJ_API_PLAIN});
}
