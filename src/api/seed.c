/*
 * Tool calls without a sandbox's identifier, as agents' programs make them: the caller's default
 * sandbox is used, and made when it is needed first. /bash is in run.c.
 */
#include <string.h>

#include "api/objects.h"
#include "api/result.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/mem.h"

static void for_body_sandbox(struct bj_exchange *exchange, struct bj_service *service,
                             bj_handling_fn go)
{
    struct bj_handling *call = bj_handling_new(exchange, service, sizeof *call);

    if (call != NULL)
        bj_handling_for(call, bj_field_text(exchange->body, "sandbox"), go);
}

static int64_t passed_us(const struct bj_handling *call)
{
    return bj_clock_us() - call->exchange->started_us;
}

/* ---- any tool ---- */

static void tool_done(void *context, const struct bj_tool_answer *answer)
{
    struct bj_handling *call = context;

    if (answer->base.result < 0) {
        bj_handling_result_refuse(call, &answer->base);
        return;
    }
    bj_handling_result(call, &(struct bj_tool_result){
                                 .success = answer->success,
                                 .output = answer->output,
                                 .output_length = answer->output_length,
                                 .error = answer->error,
                                 .error_length = answer->error_length,
                                 .ending = answer->ran ? &answer->ending : NULL,
                                 .truncated = answer->truncated,
                                 .duration_us = answer->duration_us,
                                 .sandbox = answer->sandbox,
                                 .answer = &answer->base,
                             });
}

static void execute(struct bj_handling *call)
{
    const json_t *body = call->exchange->body;
    json_t *none = json_object(), *arguments = json_object_get(body, "arguments");
    struct bj_error err;
    int result;

    result = bj_tool_execute(call->service, &call->caller, bj_field_text(body, "tool_name"),
                             arguments != NULL ? arguments : none, tool_done, call, &err);
    json_decref(none);
    if (result < 0)
        bj_handling_result_fail(call, &err);
}

void bj_post_execute(struct bj_exchange *exchange, struct bj_service *service)
{
    for_body_sandbox(exchange, service, execute);
}

static void search(struct bj_handling *call)
{
    const json_t *body = call->exchange->body;
    const char *path = bj_field_text(body, "path"), *only = bj_field_text(body, "file_pattern");
    json_t *arguments = json_pack("{s:s, s:s*, s:s*}", "pattern", bj_field_text(body, "pattern"),
                                  "path", path, "file_pattern", only);
    struct bj_error err;
    int result;

    result =
        bj_tool_execute(call->service, &call->caller, "Search", arguments, tool_done, call, &err);
    json_decref(arguments);
    if (result < 0)
        bj_handling_result_fail(call, &err);
}

void bj_post_search(struct bj_exchange *exchange, struct bj_service *service)
{
    for_body_sandbox(exchange, service, search);
}

/* ---- /file/read and /file/write ---- */

/* A file that is no text would come out as another one: so it is said. */
static void fail_binary(struct bj_handling *call, const struct bj_content_answer *answer)
{
    static const char reason[] = "the file is not text (UTF-8); read it with \"encoding\": "
                                 "\"base64\", or by GET /v1/sandboxes/{sandbox}/files/content";

    bj_handling_result(call, &(struct bj_tool_result){
                                 .error = reason,
                                 .error_length = strlen(reason),
                                 .duration_us = passed_us(call),
                                 .sandbox = call->caller.sandbox,
                                 .answer = &answer->base,
                             });
}

static void file_was_read(void *context, const struct bj_content_answer *answer)
{
    struct bj_handling *call = context;
    const char *encoding = bj_field_text(call->exchange->body, "encoding");
    bool encode = encoding != NULL && encoding[0] == 'b';
    struct bj_tool_result result = {.success = true,
                                    .output = answer->data,
                                    .output_length = answer->length,
                                    .encoding = encoding,
                                    .duration_us = passed_us(call),
                                    .sandbox = call->caller.sandbox,
                                    .answer = &answer->base};
    struct bj_buf text;

    if (answer->base.result < 0) {
        bj_handling_result_refuse(call, &answer->base);
        return;
    }
    if (!encode && !bj_text_is_utf8(answer->data, answer->length)) {
        fail_binary(call, answer);
        return;
    }
    bj_buf_init(&text, BJ_RESPONSE_MAX);
    if (encode) {
        bj_base64_put(&text, answer->data, answer->length);
        result.output = bj_buf_text(&text);
        result.output_length = text.length;
    }
    bj_handling_result(call, &result);
    bj_buf_release(&text);
}

static void read_file(struct bj_handling *call)
{
    struct bj_error err;

    if (bj_file_read(call->service, &call->caller, bj_field_text(call->exchange->body, "path"),
                     file_was_read, call, &err) < 0)
        bj_handling_result_fail(call, &err);
}

void bj_post_file_read(struct bj_exchange *exchange, struct bj_service *service)
{
    for_body_sandbox(exchange, service, read_file);
}

static void file_was_written(void *context, const struct bj_content_answer *answer)
{
    struct bj_handling *call = context;
    struct bj_buf text;

    if (answer->base.result < 0) {
        bj_handling_result_refuse(call, &answer->base);
        return;
    }
    bj_buf_init(&text, BJ_RESPONSE_MAX);
    bj_buf_printf(&text, "wrote %zu bytes to %s", answer->length, answer->path);
    bj_handling_result(call, &(struct bj_tool_result){
                                 .success = true,
                                 .output = bj_buf_text(&text),
                                 .output_length = text.length,
                                 .duration_us = passed_us(call),
                                 .sandbox = call->caller.sandbox,
                                 .answer = &answer->base,
                             });
    bj_buf_release(&text);
}

static void write_file(struct bj_handling *call)
{
    const json_t *body = call->exchange->body;
    const char *encoding = bj_field_text(body, "encoding");
    struct bj_file_write_request request = {
        .path = bj_field_text(body, "path"),
        .data = bj_field_text(body, "content"),
        .length = json_string_length(json_object_get(body, "content")),
        .append = bj_field_true(body, "append"),
    };
    struct bj_error err = {0};
    struct bj_buf decoded;
    int result = 0;

    bj_buf_init(&decoded, BJ_CONTENT_MAX);
    if (encoding != NULL && encoding[0] == 'b') {
        result = bj_base64_get(&decoded, request.data, request.length, &err);
        bj_error_prefix(&err, "field \"content\": ");
        request.data = bj_buf_text(&decoded);
        request.length = decoded.length;
    }
    if (result == 0)
        result =
            bj_file_write(call->service, &call->caller, &request, file_was_written, call, &err);
    bj_buf_release(&decoded);
    if (result < 0)
        bj_handling_result_fail(call, &err);
}

void bj_post_file_write(struct bj_exchange *exchange, struct bj_service *service)
{
    for_body_sandbox(exchange, service, write_file);
}
