/* belljar run --json. */
#include "cli/result_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define EXIT_FAILED 125

/* Length of the valid UTF-8 sequence at `text`, 0 if there is none (RFC 3629, table in section 4). */
static size_t sequence_length(const unsigned char *text, size_t left)
{
    static const struct {
        unsigned char first, last, second_from, second_to;
        size_t length;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (text[0] < forms[i].first || text[0] > forms[i].last)
            continue;
        if (left < forms[i].length)
            return 0;
        if (forms[i].length > 1 &&
            (text[1] < forms[i].second_from || text[1] > forms[i].second_to))
            return 0;
        for (size_t k = 2; k < forms[i].length; k++) {
            if ((text[k] & 0xc0) != 0x80)
                return 0;
        }
        return forms[i].length;
    }
    return 0;
}

static json_t *text_of(const struct bj_buf *output)
{
    const unsigned char *at = (const unsigned char *)bj_buf_text(output);
    size_t left = output->length;
    struct bj_buf clean;
    json_t *text;

    bj_buf_init(&clean, output->length * 3 + 1);
    while (left > 0) {
        size_t length = sequence_length(at, left);

        if (length > 0)
            bj_buf_append(&clean, at, length);
        else
            bj_buf_puts(&clean, "\xef\xbf\xbd");
        length += length == 0;
        at += length;
        left -= length;
    }
    text = clean.failed ? NULL : json_stringn(bj_buf_text(&clean), clean.length);
    bj_buf_release(&clean);
    return text;
}

static json_t *layers_of(const struct bj_result *result)
{
    json_t *list = json_array();

    for (int i = 0; i < BJ_LAYER_COUNT; i++) {
        if (result->layers & (bj_layer_set)1 << i)
            json_array_append_new(list, json_string(bj_layer_name((enum bj_layer)i)));
    }
    return list;
}

static json_t *degraded_of(const struct bj_result *result)
{
    json_t *list = json_array();

    for (int i = 0; i < result->degraded.count; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "layer", bj_layer_name(result->degraded.items[i].layer),
                            "reason", result->degraded.items[i].reason));
    return list;
}

int bj_cli_print_result(const struct bj_result *result, const struct bj_error *failure, int status)
{
    json_t *object = json_pack(
        "{s:i, s:o, s:b, s:b, s:s, s:f, s:f, s:I, s:o, s:o, s:b, s:o, s:o}", "exit_code", status,
        "signal", result->signal != 0 ? json_integer(result->signal) : json_null(), "timed_out",
        result->timed_out, "oom_killed", result->oom_killed, "reason", result->reason,
        "duration_ms", (double)result->duration_us / 1000, "cpu_ms", (double)result->cpu_us / 1000,
        "peak_memory_bytes", (json_int_t)result->peak_memory, "stdout", text_of(&result->output[0]),
        "stderr", text_of(&result->output[1]), "truncated", result->truncated, "layers",
        layers_of(result), "degraded", degraded_of(result));
    char *text;

    if (object != NULL && failure != NULL)
        json_object_set_new(object, "error",
                            json_pack("{s:s, s:s, s:s}", "code", bj_code_name(failure->code),
                                      "step", failure->step, "message", failure->message));
    text = object != NULL ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    if (text == NULL || bj_fd_write_all(STDOUT_FILENO, text, strlen(text)) < 0 ||
        bj_fd_write_all(STDOUT_FILENO, "\n", 1) < 0) {
        fprintf(stderr, "belljar: cannot print the result\n");
        status = EXIT_FAILED;
    }
    free(text);
    return status;
}
