/* Acts: round trips, every way in which one can be wrong, and what records show of them. */
#include "wire/act.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "wire/pack.h"

static const char *strings[BJ_ACT_STRINGS];

static const char *const options[] = {"memory_mb", "512", "environment", "API_TOKEN=hush", NULL};
static const char *const argv[] = {"/bin/sh",    "-c",     "echo \"$A\"\n\"",
                                   "--password", "sesame", NULL};
static const char *const env[] = {"A=b", "MY_TOKEN=hush", "EMPTY=", NULL};

/* One of each kind. */
static const struct bj_act acts[] = {
    {.kind = BJ_ACT_CREATE,
     .sandbox = "abc0",
     .owner = "me",
     .preset = "strict",
     .options = options,
     .timeout_us = 5000000,
     .label = "{\"a\":1}"},
    {.kind = BJ_ACT_START,
     .sandbox = "abc0",
     .owner = "me",
     .process = 7,
     .flags = BJ_START_TERMINAL | BJ_START_REPORT,
     .rows = 24,
     .columns = 80,
     .argv = argv,
     .env = env,
     .directory = "/workspace",
     .timeout_us = 1,
     .label = ""},
    {.kind = BJ_ACT_OPEN,
     .sandbox = "a",
     .owner = "me",
     .path = "/etc/hosts",
     .open_flags = O_RDWR | O_CREAT,
     .mode = 0644},
    {.kind = BJ_ACT_CONNECT, .sandbox = "a", .owner = "me", .port = 8080},
    {.kind = BJ_ACT_CONNECT, .sandbox = "a", .owner = "me", .path = "/run/x.sock"},
    {.kind = BJ_ACT_INPUT,
     .sandbox = "a",
     .owner = "me",
     .process = 1,
     .data = "ab\0c",
     .length = 4,
     .close = true},
    {.kind = BJ_ACT_ATTACH, .sandbox = "a", .owner = "me", .process = 1},
    {.kind = BJ_ACT_SIGNAL, .sandbox = "a", .owner = "me", .signal = 15, .group = true},
    {.kind = BJ_ACT_RESIZE,
     .sandbox = "a",
     .owner = "me",
     .process = 2,
     .rows = 1,
     .columns = 65535},
    {.kind = BJ_ACT_UPDATE,
     .sandbox = "a",
     .owner = "me",
     .timeout_us = BJ_KEEP_TIME,
     .idle_us = BJ_KEEP_TIME},
    {.kind = BJ_ACT_PAUSE, .sandbox = "a", .owner = "me"},
    {.kind = BJ_ACT_RESUME, .sandbox = "a", .owner = "me"},
    {.kind = BJ_ACT_DESTROY, .sandbox = "zz9", .owner = "me"},
};
#define ACTS (sizeof acts / sizeof *acts)

static void pack(const struct bj_act *act, struct bj_buf *out)
{
    bj_buf_init(out, BJ_MESSAGE_MAX);
    bj_act_put(out, act);
    assert_false(out->failed);
}

/* Reads from memory of exactly this size, so that the sanitizers see a step beyond it. */
static int get(const void *data, size_t size, struct bj_act *ret, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *copy = bj_alloc(size > 0 ? size : 1);
    int result;

    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    memset(err, 0, sizeof *err);
    result = bj_act_get(copy, size, strings, BJ_ACT_STRINGS, ret, err);
    assert_true(result == 0 || (result == -BJ_E_PROTOCOL && err->message[0] != '\0'));
    return result;
}

static void round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < ACTS; i++) {
        struct bj_buf first, second;
        struct bj_act act;
        struct bj_error err = {0};

        pack(&acts[i], &first);
        assert_int_equal(bj_act_get(first.data, first.length, strings, BJ_ACT_STRINGS, &act, &err),
                         0);
        assert_int_equal(act.kind, acts[i].kind);
        assert_string_equal(act.sandbox, acts[i].sandbox);
        pack(&act, &second);
        assert_int_equal(first.length, second.length);
        assert_memory_equal(first.data, second.data, first.length);
        bj_buf_release(&first);
        bj_buf_release(&second);
    }
}

static void members(void **state)
{
    struct bj_error err = {0};
    struct bj_buf out;
    struct bj_act act;

    (void)state;
    pack(&acts[1], &out);
    assert_int_equal(bj_act_get(out.data, out.length, strings, BJ_ACT_STRINGS, &act, &err), 0);
    assert_int_equal(act.process, 7);
    assert_int_equal(act.flags, BJ_START_TERMINAL | BJ_START_REPORT);
    assert_int_equal(act.rows, 24);
    assert_int_equal(act.columns, 80);
    for (size_t i = 0; argv[i] != NULL; i++)
        assert_string_equal(act.argv[i], argv[i]);
    assert_null(act.argv[5]);
    assert_string_equal(act.env[2], "EMPTY=");
    assert_null(act.env[3]);
    assert_string_equal(act.directory, "/workspace");
    assert_int_equal(act.timeout_us, 1);
    assert_string_equal(act.label, "");
    assert_null(act.preset);
    bj_buf_release(&out);
}

static void cut_short(void **state)
{
    (void)state;
    for (size_t i = 0; i < ACTS; i++) {
        struct bj_error err;
        struct bj_buf out;
        struct bj_act act;

        pack(&acts[i], &out);
        for (size_t size = 0; size < out.length; size++)
            assert_int_equal(get(out.data, size, &act, &err), -BJ_E_PROTOCOL);
        bj_buf_append(&out, "", 1);
        assert_int_equal(get(out.data, out.length, &act, &err), -BJ_E_PROTOCOL);
        bj_buf_release(&out);
    }
}

/* Changed bytes give an error or an act that can be packed and described. */
static void changed(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 20000; round++) {
        struct bj_buf out, text;
        struct bj_error err;
        struct bj_act act;

        pack(&acts[(size_t)rand() % ACTS], &out);
        for (int i = rand() % 4; i >= 0; i--)
            out.data[(size_t)rand() % out.length] = (char)(rand() % 3 > 0 ? rand() % 4 : rand());
        bj_buf_init(&text, 1 << 20);
        if (bj_act_get(out.data, out.length, strings, BJ_ACT_STRINGS, &act, &err) == 0)
            bj_act_describe(&act, &text);
        assert_null(strchr(bj_buf_text(&text), '\n'));
        bj_buf_release(&out);
        bj_buf_release(&text);
    }
}

static void refused(const struct bj_act *act, const char *why)
{
    struct bj_error err = {0};
    struct bj_act got;
    struct bj_buf out;

    pack(act, &out);
    assert_int_equal(get(out.data, out.length, &got, &err), -BJ_E_PROTOCOL);
    if (strstr(err.message, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, why);
    bj_buf_release(&out);
}

#define REFUSED(why, row, ...)                                                                     \
    do {                                                                                           \
        struct bj_act changed_act = acts[row];                                                     \
        struct bj_act *it = &changed_act;                                                          \
        __VA_ARGS__;                                                                               \
        refused(it, why);                                                                          \
    } while (0)

static void forms(void **state)
{
    static char label[BJ_LABEL_MAX + 1], path[BJ_PATH_MAX + 1], word[BJ_ARGS_MAX + 1];
    static char input[BJ_INPUT_MAX + 1], owner[BJ_OWNER_MAX + 1];
    const char *const one[] = {"memory_mb", NULL}, *const no_variable[] = {"A", NULL};
    const char *const no_name[] = {"=A", NULL}, *const empty[] = {"", NULL};
    const char *const huge[] = {word, NULL};

    (void)state;
    memset(label, 'x', BJ_LABEL_MAX);
    memset(path, '/', BJ_PATH_MAX);
    memset(owner, 'o', BJ_OWNER_MAX);
    memset(word, 'x', BJ_ARGS_MAX);
    REFUSED("identifier", 0, it->sandbox = "");
    REFUSED("identifier", 0, it->sandbox = "../x");
    REFUSED("identifier", 0, it->sandbox = "ABC");
    REFUSED("identifier", 0, it->sandbox = "abcdefghijklmnopqrstuvwxyz0123456");
    REFUSED("owner", 0, it->owner = "");
    REFUSED("owner", 7, it->owner = "a\nb");
    REFUSED("owner", 7, it->owner = owner);
    REFUSED("malformed", 8, it->owner = NULL);
    REFUSED("malformed", 0, it->preset = NULL);
    REFUSED("preset", 0, it->preset = "");
    REFUSED("value", 0, it->options = one);
    REFUSED("negative", 0, it->timeout_us = -1);
    REFUSED("negative", 0, it->idle_us = INT64_MIN);
    REFUSED("label", 0, it->label = label);
    REFUSED("process", 1, it->process = 0);
    REFUSED("negative", 1, it->timeout_us = BJ_KEEP_TIME);
    REFUSED("flag", 1, it->flags = 1u << 31);
    REFUSED("terminal", 1, it->flags |= BJ_START_PIPES);
    REFUSED("program", 1, it->argv = NULL);
    REFUSED("program", 1, it->argv = empty);
    REFUSED("too long", 1, it->argv = huge);
    REFUSED("NAME=VALUE", 1, it->env = no_variable);
    REFUSED("NAME=VALUE", 1, it->env = no_name);
    REFUSED("directory", 1, it->directory = "tmp");
    REFUSED("directory", 1, it->directory = path);
    REFUSED("absolute", 2, it->path = NULL);
    REFUSED("absolute", 2, it->path = "etc");
    REFUSED("absolute", 2, it->path = path);
    REFUSED("port 0", 3, it->port = 0);
    REFUSED("either", 4, it->port = 1);
    REFUSED("absolute", 4, it->path = "x");
    REFUSED("too long", 5, (it->data = input, it->length = sizeof input));
    REFUSED("process", 5, it->process = 0);
    REFUSED("process", 6, it->process = 0);
    REFUSED("signal", 7, it->signal = 0);
    REFUSED("signal", 7, it->signal = 65);
    REFUSED("process", 8, it->process = 0);
    REFUSED("negative", 9, it->timeout_us = -2);
    REFUSED("kind", 10, it->kind = BJ_ACT_NONE);
    REFUSED("kind", 10, it->kind = BJ_ACT_COUNT);
    REFUSED("kind", 10, it->kind = 40);
}

/* As many arguments and variables as there may be are no error. */
static void most(void **state)
{
    const char **many = bj_alloc((BJ_ARGC_MAX + 1) * sizeof *many);
    const char **variables = bj_alloc((BJ_ARGC_MAX + 1) * sizeof *variables);
    struct bj_act act = acts[1], got;
    struct bj_error err;
    struct bj_buf out;

    (void)state;
    for (size_t i = 0; i < BJ_ARGC_MAX; i++) {
        many[i] = "x";
        variables[i] = "A=b";
    }
    act.argv = many;
    act.env = variables;
    pack(&act, &out);
    assert_int_equal(get(out.data, out.length, &got, &err), 0);
    bj_buf_release(&out);
    bj_free(many);
    bj_free(variables);
}

static json_t *described(const struct bj_act *act)
{
    struct bj_buf text;
    json_error_t why;
    json_t *value;

    bj_buf_init(&text, 1 << 20);
    bj_act_describe(act, &text);
    assert_null(strchr(bj_buf_text(&text), '\n'));
    assert_null(strstr(bj_buf_text(&text), "hush"));
    assert_null(strstr(bj_buf_text(&text), "sesame"));
    value = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &why);
    if (value == NULL)
        fail_msg("%s: %s", why.text, text.data);
    bj_buf_release(&text);
    return value;
}

static const char *text_of(json_t *value, const char *name, int at)
{
    return json_string_value(json_array_get(json_object_get(value, name), (size_t)at));
}

static const char *long_label(void)
{
    static char label[BJ_LABEL_SHOWN + 2];

    memset(label, 'x', BJ_LABEL_SHOWN + 1);
    return label;
}
#define LONG_LABEL_HASH "d2bc1d811fcb4da2cc5719f1fc1654084a6ed72d777e7c1bed597f6dbf007829"

static void descriptions(void **state)
{
    json_t *value;

    (void)state;
    for (size_t i = 0; i < ACTS; i++) {
        value = described(&acts[i]);
        assert_string_equal(json_string_value(json_object_get(value, "kind")),
                            bj_act_name(acts[i].kind));
        assert_string_equal(json_string_value(json_object_get(value, "sandbox")), acts[i].sandbox);
        json_decref(value);
    }
    value = described(&acts[0]);
    assert_string_equal(text_of(value, "options", 0), "memory_mb=512");
    assert_string_equal(text_of(value, "options", 1), "environment=API_TOKEN=[masked]");
    assert_string_equal(json_string_value(json_object_get(value, "owner")), "me");
    assert_string_equal(json_string_value(json_object_get(value, "label")), "{\"a\":1}");
    json_decref(value);
    value = described(&acts[1]);
    assert_string_equal(text_of(value, "argv", 2), argv[2]);
    assert_string_equal(text_of(value, "argv", 4), "[masked]");
    assert_string_equal(text_of(value, "flags", 0), "terminal");
    assert_string_equal(text_of(value, "flags", 1), "report");
    assert_string_equal(text_of(value, "env", 0), "A=b");
    assert_string_equal(text_of(value, "env", 1), "MY_TOKEN=[masked]");
    json_decref(value);
    value = described(&(struct bj_act){
        .kind = BJ_ACT_UPDATE, .sandbox = "a", .owner = "me", .label = long_label()});
    assert_null(json_object_get(value, "label"));
    assert_int_equal(json_integer_value(json_object_get(value, "label_bytes")), BJ_LABEL_SHOWN + 1);
    /* head -c 2049 /dev/zero | tr '\\0' x | sha256sum */
    assert_string_equal(json_string_value(json_object_get(value, "label_sha256")), LONG_LABEL_HASH);
    json_decref(value);
    value = described(&acts[5]);
    assert_int_equal(json_integer_value(json_object_get(value, "data_bytes")), 4);
    assert_true(json_is_true(json_object_get(value, "close")));
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),   cmocka_unit_test(members), cmocka_unit_test(cut_short),
        cmocka_unit_test(changed),      cmocka_unit_test(forms),   cmocka_unit_test(most),
        cmocka_unit_test(descriptions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
