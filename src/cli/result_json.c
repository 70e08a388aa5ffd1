/* belljar run --json. */
#include "cli/result_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "wire/json.h"
#include "wire/verdict_json.h"

#define EXIT_FAILED 125
#define TEXT_MAX    ((size_t)512 << 20) /* two captured streams, every byte escaped */

static void put_text(struct bj_buf *out, const char *name, const char *text, size_t length)
{
    bj_json_put_name(out, name);
    bj_json_put_string(out, text, length);
}

static void put_number(struct bj_buf *out, const char *name, int64_t value)
{
    bj_json_put_name(out, name);
    bj_buf_printf(out, "%lld", (long long)value);
}

/* Microseconds as milliseconds, with all their digits. */
static void put_ms(struct bj_buf *out, const char *name, int64_t us)
{
    bj_json_put_name(out, name);
    bj_buf_printf(out, "%lld.%03lld", (long long)(us / 1000), (long long)(us % 1000));
}

static void put_bool(struct bj_buf *out, const char *name, bool value)
{
    bj_json_put_name(out, name);
    bj_buf_puts(out, value ? "true" : "false");
}

static void put_layers(struct bj_buf *out, bj_layer_set layers)
{
    const char *comma = "";

    bj_json_put_name(out, "layers");
    bj_buf_puts(out, "[");
    for (int i = 0; i < BJ_LAYER_COUNT; i++) {
        if (!(layers & (bj_layer_set)1 << i))
            continue;
        bj_buf_printf(out, "%s\"%s\"", comma, bj_layer_name((enum bj_layer)i));
        comma = ", ";
    }
    bj_buf_puts(out, "]");
}

static void put_degraded(struct bj_buf *out, const struct bj_degradations *degraded)
{
    bj_json_put_name(out, "degraded");
    bj_buf_puts(out, "[");
    for (int i = 0; i < degraded->count; i++) {
        const struct bj_degraded *item = &degraded->items[i];

        bj_buf_printf(out, "%s\n    {\"layer\": \"%s\", \"reason\": ", i > 0 ? "," : "",
                      bj_layer_name(item->layer));
        bj_json_put_string(out, item->reason, strlen(item->reason));
        bj_buf_puts(out, "}");
    }
    bj_buf_puts(out, "]");
}

static void put_failure(struct bj_buf *out, const struct bj_error *failure)
{
    bj_json_put_name(out, "error");
    bj_buf_printf(out, "{\"code\": \"%s\", \"step\": ", bj_code_name(failure->code));
    bj_json_put_string(out, failure->step, strlen(failure->step));
    bj_buf_puts(out, ", \"message\": ");
    bj_json_put_string(out, failure->message, strlen(failure->message));
    bj_buf_puts(out, "}");
}

static void put_result(struct bj_buf *out, const struct bj_result *result, int status)
{
    put_number(out, "exit_code", status);
    if (result->signal != 0) {
        put_number(out, "signal", result->signal);
    } else {
        bj_json_put_name(out, "signal");
        bj_buf_puts(out, "null");
    }
    put_bool(out, "timed_out", result->timed_out);
    put_bool(out, "oom_killed", result->oom_killed);
    put_text(out, "reason", result->reason, strlen(result->reason));
    put_ms(out, "duration_ms", result->duration_us);
    put_ms(out, "cpu_ms", result->cpu_us);
    put_number(out, "peak_memory_bytes", result->peak_memory);
    put_text(out, "stdout", bj_buf_text(&result->output[0]), result->output[0].length);
    put_text(out, "stderr", bj_buf_text(&result->output[1]), result->output[1].length);
    put_bool(out, "truncated", result->truncated);
    put_layers(out, result->layers);
    put_degraded(out, &result->degraded);
    if (result->judged) {
        bj_json_put_name(out, "verdict");
        bj_verdict_put_json(&result->verdict, out);
        put_bool(out, "asked", result->answer == BJ_CONSENT_YES || result->answer == BJ_CONSENT_NO);
        put_bool(out, "permitted", result->verdict.decision == BJ_ALLOW);
    }
    if (result->unrecorded[0] != '\0')
        put_text(out, "unrecorded", result->unrecorded, strlen(result->unrecorded));
}

int bj_cli_print_result(const struct bj_result *result, const struct bj_error *failure, int status)
{
    struct bj_buf out;

    bj_buf_init(&out, TEXT_MAX);
    bj_buf_puts(&out, "{\n  ");
    put_result(&out, result, status);
    if (failure != NULL)
        put_failure(&out, failure);
    bj_buf_puts(&out, "\n}\n");
    if (out.failed || bj_fd_write_all(STDOUT_FILENO, out.data, out.length) < 0) {
        fprintf(stderr, "belljar: cannot print the result: %s\n",
                out.no_memory ? "out of memory"
                : out.failed  ? "it is too large"
                              : strerror(errno));
        status = EXIT_FAILED;
    }
    bj_buf_release(&out);
    return status;
}
