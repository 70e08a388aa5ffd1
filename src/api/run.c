/*
 * Commands that are run to their end within one request: /bash, and the same for a sandbox or a
 * shell session. A client that goes away takes its command with it.
 */
#include "api/run.h"

#include "api/objects.h"
#include "api/result.h"
#include "base/mem.h"
#include "base/str.h"

struct run_call {
    struct bj_handling call;
    struct bj_run *run; /* while it runs */
    const char **argv;
    const char *shell; /* NULL: in none */
};

static void release(struct bj_handling *call)
{
    bj_free(((struct run_call *)call)->argv);
}

static void ran(void *context, const struct bj_run_answer *answer)
{
    ((struct run_call *)context)->run = NULL;
    bj_handling_ran(context, answer);
}

/* Nobody reads the answer any more, but the exchange is to be ended. */
static void gone(void *context)
{
    struct run_call *run = context;

    if (run->run == NULL)
        return;
    bj_run_cancel(run->run);
    bj_exchange_reset(run->call.exchange);
    bj_handling_free(&run->call);
}

void bj_process_request_read(const json_t *body, const char *const *argv,
                             struct bj_process_request *ret)
{
    *ret = (struct bj_process_request){
        .command = bj_field_text(body, "command"),
        .argv = argv,
        .environment = json_object_get(body, "env"),
        .directory = bj_field_text(body, "working_directory"),
        .tag = bj_field_text(body, "tag"),
        .timeout_us = bj_field_time(body, "timeout", bj_field_time(body, "timeout_seconds", -1)),
        .terminal = bj_field_true(body, "terminal"),
        .stdin_open = bj_field_true(body, "stdin"),
        .hold = bj_field_true(body, "hold"),
        .rows = (uint16_t)bj_field_whole(body, "rows", 0),
        .columns = (uint16_t)bj_field_whole(body, "columns", 0),
    };
}

size_t bj_process_request_length(const json_t *body)
{
    size_t length = json_string_length(json_object_get(body, "command")), index;
    const json_t *word;

    json_array_foreach(json_object_get(body, "argv"), index, word) length +=
        json_string_length(word) + 1;
    return length;
}

int bj_process_request_check(const json_t *body, struct bj_error *err)
{
    bool command = json_object_get(body, "command") != NULL;
    bool argv = json_object_get(body, "argv") != NULL;

    if (command == argv)
        return bj_fail(err, BJ_E_INVALID, "request",
                       "%s: give either \"command\", a shell text, or \"argv\", a list",
                       command ? "both \"command\" and \"argv\"" : "nothing to run");
    return 0;
}

static void start_now(struct bj_handling *call)
{
    struct run_call *run = (struct run_call *)call;
    const json_t *body = call->exchange->body;
    struct bj_run_request request = {.shell = run->shell};
    const char *input = bj_field_text(body, "input");
    struct bj_error err;

    bj_process_request_read(body, run->argv, &request.process);
    if (run->shell == NULL)
        request.shell = bj_field_text(body, "shell");
    if (input != NULL) {
        request.input = input;
        request.input_length = json_string_length(json_object_get(body, "input"));
    }
    if (bj_run_start(call->service, &call->caller, &request, ran, run, &run->run, &err) < 0) {
        bj_handling_result_fail(call, &err);
        return;
    }
    bj_exchange_on_gone(call->exchange, gone, run);
}

static void start(struct bj_handling *call)
{
    bj_handling_paced(call, bj_process_request_length(call->exchange->body), start_now);
}

static void run_in(struct bj_exchange *exchange, struct bj_service *service, const char *sandbox,
                   const char *shell)
{
    struct run_call *run = (struct run_call *)bj_handling_new(exchange, service, sizeof *run);
    struct bj_error err = {0};

    if (run == NULL)
        return;
    run->call.release = release;
    run->shell = shell;
    if (bj_process_request_check(exchange->body, &err) < 0)
        bj_handling_fail(&run->call, &err);
    else if (!bj_field_list(exchange->body, "argv", &run->argv)) {
        bj_fail(&err, BJ_E_NO_MEMORY, "request", "out of memory");
        bj_handling_fail(&run->call, &err);
    } else {
        bj_handling_for(&run->call, sandbox, start);
    }
}

void bj_post_bash(struct bj_exchange *exchange, struct bj_service *service)
{
    run_in(exchange, service, bj_field_text(exchange->body, "sandbox"), NULL);
}

void bj_post_run(struct bj_exchange *exchange, struct bj_service *service)
{
    run_in(exchange, service, bj_path_sandbox(exchange), NULL);
}

void bj_post_shell_run(struct bj_exchange *exchange, struct bj_service *service)
{
    run_in(exchange, service, bj_path_sandbox(exchange), exchange->parameters[1]);
}
