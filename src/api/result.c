/* See result.h. Written without a JSON library: outputs are large, and of any bytes. */
#include "api/result.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/failure.h"
#include "base/str.h"
#include "wire/json.h"
#include "wire/verdict_json.h"

static void put_name(struct bj_buf *out, const char *name)
{
    bj_buf_puts(out, out->length > 1 ? ",\"" : "\"");
    bj_buf_puts(out, name);
    bj_buf_puts(out, "\":");
}

static void put_text(struct bj_buf *out, const char *name, const char *text, size_t length)
{
    put_name(out, name);
    if (text != NULL)
        bj_json_put_string(out, text, length);
    else
        bj_buf_puts(out, "null");
}

static void put_bool(struct bj_buf *out, const char *name, bool value)
{
    put_name(out, name);
    bj_buf_puts(out, value ? "true" : "false");
}

static void put_number(struct bj_buf *out, const char *name, bool there, int64_t value)
{
    put_name(out, name);
    if (there)
        bj_buf_printf(out, "%" PRId64, value);
    else
        bj_buf_puts(out, "null");
}

static void put_text_or_null(struct bj_buf *out, const char *name, const char *text)
{
    put_text(out, name, text, text != NULL ? strlen(text) : 0);
}

/* What a shell would say by 126 and 127. */
static bool not_executed(const struct bj_answer *answer)
{
    return answer->result < 0 && bj_streq(answer->error.step, "execute") &&
           (answer->error.code == BJ_E_NOT_FOUND || answer->error.code == BJ_E_NOT_EXECUTABLE);
}

static void put_ending(struct bj_buf *out, const struct bj_tool_result *result)
{
    const struct bj_ending *ending = result->ending;

    put_number(out, "exit_code", ending != NULL || not_executed(result->answer),
               ending != NULL ? ending->exit_code : bj_code_exit_status(result->answer->result));
    put_number(out, "signal", ending != NULL && ending->signal != 0,
               ending != NULL ? ending->signal : 0);
    put_bool(out, "timed_out", ending != NULL && ending->timed_out);
    put_bool(out, "oom_killed", ending != NULL && ending->oom_killed);
    put_name(out, "duration_ms");
    bj_json_put_real(out, (double)result->duration_us / 1e3);
    put_name(out, "cpu_ms");
    bj_json_put_real(out, ending != NULL ? (double)ending->cpu_us / 1e3 : 0);
    put_number(out, "peak_memory_bytes", ending != NULL, ending != NULL ? ending->peak_memory : 0);
}

static void put_result(struct bj_buf *out, const struct bj_tool_result *result)
{
    bj_buf_puts(out, "{");
    put_bool(out, "success", result->success);
    put_text(out, "output", result->output != NULL ? result->output : "", result->output_length);
    put_text_or_null(out, "encoding", result->encoding != NULL ? result->encoding : "utf-8");
    put_text(out, "error", result->error, result->error_length);
    put_ending(out, result);
    put_bool(out, "truncated", result->truncated);
    put_text_or_null(out, "sandbox", result->sandbox);
    put_number(out, "process", result->process != 0, result->process);
    put_text_or_null(out, "working_directory", result->directory);
    put_number(out, "record", result->answer->record != 0, result->answer->record);
    put_name(out, "verdict");
    if (result->answer->verdict != NULL)
        bj_verdict_put_json(result->answer->verdict, out);
    else
        bj_buf_puts(out, "null");
    bj_buf_puts(out, "}\n");
}

/* Why a command failed that wrote nothing about it; "" when it did not. */
static void put_reason(const struct bj_ending *ending, char *reason, size_t size)
{
    if (ending->timed_out)
        snprintf(reason, size, "timed out after %.1f s", (double)ending->duration_us / 1e6);
    else if (ending->oom_killed)
        snprintf(reason, size, "out of memory: the sandbox's limit was reached");
    else if (ending->reason[0] != '\0')
        snprintf(reason, size, "%s", ending->reason);
    else if (ending->signal != 0)
        snprintf(reason, size, "ended by signal %d", (int)ending->signal);
    else if (ending->exit_code != 0)
        snprintf(reason, size, "exit code %d", (int)ending->exit_code);
    else
        reason[0] = '\0';
}

void bj_handling_result(struct bj_handling *call, const struct bj_tool_result *result)
{
    struct bj_tool_result whole = *result;
    char reason[128] = "";
    struct bj_error err;
    struct bj_buf text;

    if (result->error_length == 0) {
        if (!result->success && result->ending != NULL)
            put_reason(result->ending, reason, sizeof reason);
        whole.error = reason[0] != '\0' ? reason : NULL;
        whole.error_length = strlen(reason);
    }
    bj_buf_init(&text, BJ_RESPONSE_MAX);
    put_result(&text, &whole);
    if (text.failed) {
        if (text.no_memory)
            bj_fail(&err, BJ_E_NO_MEMORY, "result", "out of memory for the result");
        else
            bj_fail(&err, BJ_E_LIMIT, "result",
                    "the result has more than %d bytes as JSON, which is what an answer may have; "
                    "have less of it, or fetch it as a file, which may have any size",
                    BJ_RESPONSE_MAX);
        bj_exchange_fail(call->exchange, &err);
    } else {
        bj_exchange_respond(call->exchange, 200, "application/json", text.data, text.length);
    }
    bj_buf_release(&text);
    bj_handling_free(call);
}

/*
 * Is it the tool call that failed, rather than the request? A client of tools hands the result to
 * an agent, which is to read that a file does not exist or a command is forbidden; limits on
 * requests and identifiers are for the client itself. The sandbox's identifier was checked before.
 */
static bool is_result(const struct bj_error *err)
{
    switch (err->code) {
    case BJ_E_DENIED:
    case BJ_E_NOT_FOUND:
    case BJ_E_NOT_EXECUTABLE:
    case BJ_E_LIMIT:
    case BJ_E_TIMEOUT:
    case BJ_E_CONFLICT:
    case BJ_E_FULL:
        return true;
    case BJ_E_SYSTEM:
        return bj_failure_status(err) != 0;
    default:
        return false;
    }
}

/* One that is paused or over is for the client to know, whatever was to be done in it. */
static bool is_running(struct bj_handling *call)
{
    struct bj_sandbox_view view;

    return bj_sandbox_get(call->service, &call->caller, &view, NULL) == 0 &&
           view.phase == BJ_SANDBOX_RUNNING;
}

void bj_handling_result_refuse(struct bj_handling *call, const struct bj_answer *answer)
{
    struct bj_tool_result result = {
        .error = answer->error.message,
        .error_length = strlen(answer->error.message),
        .sandbox = call->caller.sandbox,
        .answer = answer,
    };

    if (is_result(&answer->error) && is_running(call))
        bj_handling_result(call, &result);
    else
        bj_handling_refuse(call, answer);
}

void bj_handling_result_fail(struct bj_handling *call, const struct bj_error *err)
{
    struct bj_answer answer = {.result = -err->code, .error = *err};

    bj_handling_result_refuse(call, &answer);
}

void bj_handling_ran(void *context, const struct bj_run_answer *answer)
{
    struct bj_handling *call = context;
    const struct bj_ending *ending = &answer->ending;
    struct bj_tool_result result = {
        .output = answer->output,
        .output_length = answer->output_length,
        .error = answer->error,
        .error_length = answer->error_length,
        .truncated = answer->truncated,
        .sandbox = answer->sandbox,
        .directory = answer->directory,
        .process = answer->process,
        .ending = ending,
        .duration_us = ending->duration_us,
        .answer = &answer->base,
    };

    if (answer->base.result < 0) {
        bj_handling_result_refuse(call, &answer->base);
        return;
    }
    result.success = ending->exit_code == 0 && ending->signal == 0 && !ending->timed_out &&
                     !ending->oom_killed && ending->reason[0] == '\0';
    bj_handling_result(call, &result);
}
