/* JSON text outwards: what a string becomes, judged by the bytes and by jansson. */
#include "wire/json.h"
#include "wire/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include <stdio.h>
#include <string.h>

#define LOST "\xef\xbf\xbd"

static void assert_text(const char *text, size_t length, const char *expected)
{
    struct bj_buf out;

    bj_buf_init(&out, 4096);
    bj_json_put_string(&out, text, length);
    assert_false(out.failed);
    assert_string_equal(bj_buf_text(&out), expected);
    bj_buf_release(&out);
}
#define assert_json(literal, expected) assert_text(literal, sizeof(literal) - 1, expected)

static void test_plain(void **state)
{
    (void)state;
    assert_json("", "\"\"");
    assert_json("a word / two", "\"a word / two\"");
    assert_text("cut here", 3, "\"cut\"");
}

/* What could act on a terminal beyond ASCII: C1, separators, turned text, tags. */
static void test_acting(void **state)
{
    (void)state;
    assert_json("\xc2\x9b"
                "31m",
                "\"\\u009b31m\"");
    assert_json("a\xe2\x80\xa8z\xe2\x80\xae", "\"a\\u2028z\\u202e\"");
    assert_json("\xf3\xa0\x80\xa1", "\"\\udb40\\udc21\"");
}

static void assert_clean(const char *json, const char *expected)
{
    struct bj_buf out;

    bj_buf_init(&out, 4096);
    bj_json_put_clean(&out, json, strlen(json));
    assert_string_equal(bj_buf_text(&out), expected);
    bj_buf_release(&out);
}

static void test_clean(void **state)
{
    (void)state;
    assert_clean("{\"a\":\"\\u001b \\\" \xc3\xa9\"}", "{\"a\":\"\\u001b \\\" \xc3\xa9\"}");
    assert_clean("{\"a\":\"\x1b[2J\xc2\x9b\n\"}", "{\"a\":\"\\u001b[2J\\u009b\\u000a\"}");
    assert_clean("\"\xff\"", "\"" LOST "\"");
}

static void test_escapes(void **state)
{
    (void)state;
    assert_json("say \"no\" \\ yes", "\"say \\\"no\\\" \\\\ yes\"");
    assert_json("\b\t\n\f\r", "\"\\b\\t\\n\\f\\r\"");
    assert_json("\v\x01\x1f\x7f", "\"\\u000b\\u0001\\u001f\\u007f\"");
    assert_json("a\0b", "\"a\\u0000b\"");
    assert_json("\x1b[31m", "\"\\u001b[31m\"");
}

static void test_utf8(void **state)
{
    (void)state;
    assert_json("\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x94", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x94\"");
    /* First and last of each length. */
    assert_json("\xc2\x80\xdf\xbf", "\"\\u0080\xdf\xbf\"");
    assert_json("\xe0\xa0\x80\xef\xbf\xbf", "\"\xe0\xa0\x80\xef\xbf\xbf\"");
    assert_json("\xed\x9f\xbf\xee\x80\x80", "\"\xed\x9f\xbf\xee\x80\x80\"");
    assert_json("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"");
}

static void test_not_utf8(void **state)
{
    (void)state;
    assert_json("\xff", "\"" LOST "\"");
    assert_json("a\x80z", "\"a" LOST "z\"");
    assert_json("\xc0\x80", "\"" LOST LOST "\"");                   /* NUL, too long */
    assert_json("\xe0\x80\xaf", "\"" LOST LOST LOST "\"");          /* a slash, too long */
    assert_json("\xed\xa0\x80", "\"" LOST LOST LOST "\"");          /* half a surrogate pair */
    assert_json("\xf4\x90\x80\x80", "\"" LOST LOST LOST LOST "\""); /* past U+10FFFF */
    /* A sequence that is cut, by the end or by a quote, does not swallow what follows. */
    assert_json("\xe2\x82", "\"" LOST LOST "\"");
    assert_json("\xe2\x82\"", "\"" LOST LOST "\\\"\"");
    assert_json("\xf0\x9f\x94\n", "\"" LOST LOST LOST "\\n\"");
    /* The rest of it stands behind the text's end and must not be looked at. */
    assert_text("\xe2\x82\xac", 2, "\"" LOST LOST "\"");
}

/* Of any two bytes the output is JSON, and what was UTF-8 comes back. */
static void test_every_pair(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 0x10000; pair++) {
        const char text[] = {(char)(pair >> 8), (char)pair};
        struct bj_buf out;
        json_t *parsed;

        bj_buf_init(&out, 64);
        bj_json_put_string(&out, text, sizeof text);
        for (size_t i = 0; i < out.length; i++)
            assert_true((unsigned char)out.data[i] >= 0x20 && out.data[i] != 0x7f);
        parsed = json_loadb(out.data, out.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_true(json_is_string(parsed));
        if (strstr(out.data, LOST) == NULL) {
            assert_int_equal(json_string_length(parsed), sizeof text);
            assert_memory_equal(json_string_value(parsed), text, sizeof text);
        }
        json_decref(parsed);
        bj_buf_release(&out);
    }
}

static void test_names(void **state)
{
    struct bj_buf out;
    json_t *parsed;

    (void)state;
    bj_buf_init(&out, 4096);
    bj_buf_puts(&out, "{\n  ");
    bj_json_put_name(&out, "first");
    bj_buf_puts(&out, "1");
    bj_json_put_name(&out, "second \"name\"");
    bj_buf_puts(&out, "{");
    bj_json_put_name(&out, "inner");
    bj_buf_puts(&out, "[]}");
    bj_json_put_name(&out, "last");
    bj_buf_puts(&out, "true\n}\n");
    assert_string_equal(bj_buf_text(&out),
                        "{\n  \"first\": 1,\n  \"second \\\"name\\\"\": {\"inner\": []},\n  "
                        "\"last\": true\n}\n");
    parsed = json_loads(bj_buf_text(&out), 0, NULL);
    assert_int_equal(json_object_size(parsed), 3);
    json_decref(parsed);
    bj_buf_release(&out);
}

static void test_numbers(void **state)
{
    static const struct {
        double number;
        const char *text;
    } rows[] = {{0, "0.0"},
                {-3, "-3.0"},
                {0.1, "0.1"},
                {3.141171, "3.141171"},
                {1002.017, "1002.017"},
                {3600, "3600.0"},
                {9007199254740991, "9007199254740991.0"},
                {1.0 / 3, "0.3333333333333333"},
                {0.1 + 0.2, "0.30000000000000004"},
                {1e300, "1e+300"},
                {5e-324, "4.94065645841247e-324"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bj_buf out;

        bj_buf_init(&out, 64);
        bj_json_put_real(&out, rows[i].number);
        assert_string_equal(bj_buf_text(&out), rows[i].text);
        bj_buf_release(&out);
    }
}

static void test_values(void **state)
{
    static const char text[] =
        "{\n  \"a\": [\n    1.5,\n    {},\n    []\n  ],\n  \"b\": {\n    \"c\": null,\n"
        "    \"\\u001b\": \"\\n\"\n  }\n}";
    json_t *value = json_loads(text, 0, NULL);
    struct bj_buf out;

    (void)state;
    bj_buf_init(&out, 4096);
    bj_json_put_value(&out, value, 2);
    assert_string_equal(bj_buf_text(&out), text);
    out.length = 0;
    bj_json_put_value(&out, value, 0);
    assert_string_equal(bj_buf_text(&out),
                        "{\"a\":[1.5,{},[]],\"b\":{\"c\":null,\"\\u001b\":\"\\n\"}}");
    bj_json_put_value(&out, NULL, 0);
    assert_true(out.failed);
    json_decref(value);
    bj_buf_release(&out);
}

static void test_full(void **state)
{
    struct bj_buf out;

    (void)state;
    bj_buf_init(&out, 6);
    bj_json_put_string(&out, "longer than six", 15);
    assert_true(out.failed);
    bj_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),      cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_acting),     cmocka_unit_test(test_clean),
        cmocka_unit_test(test_utf8),       cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_every_pair), cmocka_unit_test(test_names),
        cmocka_unit_test(test_full),       cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
