/*
 * Fuzzes acts. Beside memory errors it looks for broken promises: a refusal without a message,
 * texts that lead out of the message, an act that reads but is not the same once written again, a
 * description that is not one line of JSON or names another act.
 *
 * The seeds in corpus/act were written by bj_act_put().
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/act.h"

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void expect_same(const struct bj_act *act, const void *message, size_t size)
{
    struct bj_buf again;

    bj_buf_init(&again, BJ_MESSAGE_MAX);
    bj_act_put(&again, act);
    expect(!again.failed && again.length == size && memcmp(again.data, message, size) == 0);
    bj_buf_release(&again);
}

static void expect_described(const struct bj_act *act)
{
    struct bj_buf text;
    json_t *value;

    bj_buf_init(&text, 64 << 20);
    bj_act_describe(act, &text);
    expect(!text.failed && memchr(text.data, '\n', text.length) == NULL);
    value = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
    expect(value != NULL);
    expect(strcmp(json_string_value(json_object_get(value, "kind")), bj_act_name(act->kind)) == 0);
    expect(strcmp(json_string_value(json_object_get(value, "sandbox")), act->sandbox) == 0);
    json_decref(value);
    bj_buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *strings[BJ_ACT_STRINGS];
    char *message = bj_alloc(size > 0 ? size : 1); /* of exactly its size */
    struct bj_error err = {0};
    struct bj_act act;
    int result;

    expect(message != NULL);
    if (size > 0)
        memcpy(message, data, size);
    result = bj_act_get(message, size, strings, BJ_ACT_STRINGS, &act, &err);
    if (result == 0) {
        expect(bj_sandbox_id_valid(act.sandbox));
        expect_same(&act, message, size);
        expect_described(&act);
    } else {
        expect(err.code == -result && err.message[0] != '\0');
    }
    bj_free(message);
    return 0;
}
