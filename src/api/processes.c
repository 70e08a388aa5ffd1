/* Processes: start, list, get, write to, signal, resize. Their output is in output.c. */
#include "api/objects.h"
#include "api/run.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"

/* The identifier in the path; 0, and answered, when there can be none such. */
static uint32_t process_of(struct bj_handling *call)
{
    uint32_t process = bj_parameter_number(call->exchange, 1);
    struct bj_error err;

    if (process == 0) {
        bj_fail(&err, BJ_E_NOT_FOUND, "process", "there is no process of this identifier");
        bj_handling_fail(call, &err);
    }
    return process;
}

/* ---- start ---- */

static void started(void *context, const struct bj_process_answer *answer)
{
    struct bj_handling *call = context;
    char place[96];

    if (answer->base.result < 0) {
        bj_handling_refuse(call, &answer->base);
        return;
    }
    snprintf(place, sizeof place, "/v1/sandboxes/%s/processes/%u", answer->process->sandbox,
             answer->process->process);
    bj_exchange_set_header(call->exchange, "Location", place);
    bj_handling_json(call, 201, bj_object_process(answer->process));
}

static void start_now(struct bj_handling *call)
{
    struct bj_process_request request;
    BJ_CLEANUP_FREE const char **argv = NULL;
    struct bj_error err;

    if (!bj_field_list(call->exchange->body, "argv", &argv)) {
        bj_fail(&err, BJ_E_NO_MEMORY, "request", "out of memory");
        bj_handling_fail(call, &err);
        return;
    }
    bj_process_request_read(call->exchange->body, argv, &request);
    /* Nobody waits for it as for a call's end: servers, shells and terminals go on. */
    if (request.timeout_us < 0)
        request.timeout_us = 0;
    bj_handling_check(
        call, bj_process_launch(call->service, &call->caller, &request, started, call, &err), &err);
}

static void start(struct bj_handling *call)
{
    bj_handling_paced(call, bj_process_request_length(call->exchange->body), start_now);
}

void bj_post_process(struct bj_exchange *exchange, struct bj_service *service)
{
    struct bj_error err;

    if (bj_process_request_check(exchange->body, &err) < 0)
        bj_exchange_fail(exchange, &err);
    else
        bj_handling_begin(exchange, service, start);
}

/* ---- look ---- */

static void add_process(void *context, const struct bj_process_view *view)
{
    json_array_append_new(context, bj_object_process(view));
}

static void list(struct bj_handling *call)
{
    json_t *processes = json_array();
    struct bj_error err;
    int result = bj_process_list(call->service, &call->caller, add_process, processes, &err);

    bj_handling_list(call, result, "processes", processes, &err);
}

void bj_get_processes(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, list);
}

static void get(struct bj_handling *call)
{
    uint32_t process = process_of(call);
    struct bj_process_view view;
    struct bj_error err;

    if (process == 0)
        return;
    if (bj_process_get(call->service, &call->caller, process, &view, &err) < 0)
        bj_handling_fail(call, &err);
    else
        bj_handling_json(call, 200, bj_object_process(&view));
}

void bj_get_process(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, get);
}

/* ---- touch ---- */

static const struct {
    const char *name;
    int number;
} signals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},   {"KILL", SIGKILL}, {"USR1", SIGUSR1},
    {"USR2", SIGUSR2}, {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},   {"TERM", SIGTERM}, {"CONT", SIGCONT},
    {"STOP", SIGSTOP}, {"TSTP", SIGTSTP}, {"WINCH", SIGWINCH},
};

/* "TERM", "SIGTERM" or its number; 0 for what is none. */
static int signal_of(const json_t *value)
{
    const char *name = json_string_value(value);

    if (json_is_integer(value))
        return json_integer_value(value) > 0 && json_integer_value(value) < NSIG
                   ? (int)json_integer_value(value)
                   : 0;
    if (value == NULL)
        return SIGTERM;
    if (name != NULL && bj_starts_with(name, "SIG"))
        name += 3;
    for (size_t i = 0; name != NULL && i < sizeof signals / sizeof *signals; i++) {
        if (bj_streq(signals[i].name, name))
            return signals[i].number;
    }
    return 0;
}

static void send_signal(struct bj_handling *call)
{
    const json_t *body = call->exchange->body;
    struct bj_signal_request request = {
        .process = process_of(call),
        .signal = signal_of(json_object_get(body, "signal")),
        .group = bj_field_true(body, "group"),
    };
    struct bj_error err;

    if (request.process == 0)
        return;
    if (request.signal == 0) {
        bj_fail(&err, BJ_E_INVALID, "request",
                "field \"signal\" must be a signal's name, such as \"TERM\", or number");
        bj_handling_fail(call, &err);
        return;
    }
    bj_handling_check(
        call,
        bj_process_signal(call->service, &call->caller, &request, bj_handling_done, call, &err),
        &err);
}

void bj_post_process_signal(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, send_signal);
}

static int read_input(const json_t *body, struct bj_buf *decoded, struct bj_input_request *ret,
                      struct bj_error *err)
{
    const char *encoding = bj_field_text(body, "encoding");

    ret->data = bj_field_text(body, "data");
    ret->length = json_string_length(json_object_get(body, "data"));
    ret->close = bj_field_true(body, "close");
    if (ret->data == NULL && !ret->close)
        return bj_fail(err, BJ_E_INVALID, "request",
                       "nothing to write: give \"data\", or \"close\": true");
    if (ret->data != NULL && encoding != NULL && encoding[0] == 'b') {
        if (bj_base64_get(decoded, ret->data, ret->length, err) < 0) {
            bj_error_prefix(err, "field \"data\": ");
            return -err->code;
        }
        ret->data = bj_buf_text(decoded);
        ret->length = decoded->length;
    }
    if (ret->length > BJ_INPUT_MAX)
        return bj_fail(err, BJ_E_LIMIT, "request",
                       "field \"data\" has more than %d bytes; send it in pieces, or attach",
                       BJ_INPUT_MAX);
    return 0;
}

static void write_input(struct bj_handling *call)
{
    struct bj_input_request request = {.process = process_of(call)};
    struct bj_error err;
    struct bj_buf decoded;
    int result;

    if (request.process == 0)
        return;
    bj_buf_init(&decoded, 2 * BJ_INPUT_MAX);
    result = read_input(call->exchange->body, &decoded, &request, &err);
    if (result == 0)
        result =
            bj_process_input(call->service, &call->caller, &request, bj_handling_done, call, &err);
    bj_buf_release(&decoded);
    bj_handling_check(call, result, &err);
}

void bj_post_process_stdin(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, write_input);
}

static void resize(struct bj_handling *call)
{
    const json_t *body = call->exchange->body;
    uint16_t size[2] = {(uint16_t)bj_field_whole(body, "rows", 0),
                        (uint16_t)bj_field_whole(body, "columns", 0)};
    uint32_t process = process_of(call);
    struct bj_error err;

    if (process != 0)
        bj_handling_check(call,
                          bj_process_resize(call->service, &call->caller, process, size,
                                            bj_handling_done, call, &err),
                          &err);
}

void bj_post_process_resize(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, resize);
}
