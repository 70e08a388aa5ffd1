/* Checking requests: what is taken, and what a client is told of what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "api/route.h"

static const char *const colours[] = {"red", "green", NULL};
static const struct bj_field inner_fields[] = {
    {.name = "depth", .type = BJ_TYPE_INTEGER, .maximum = 9, .help = "How deep."}, {NULL}};
static const struct bj_schema inner = {"Inner", "Inner.", inner_fields};
static const struct bj_field fields[] = {
    {.name = "command", .required = true, .minimum = 1, .maximum = 8, .help = "What to run."},
    {.name = "timeout", .type = BJ_TYPE_INTEGER, .minimum = 1, .maximum = 100, .help = "When."},
    {.name = "share", .type = BJ_TYPE_NUMBER, .maximum = 1, .help = "How much."},
    {.name = "quiet", .type = BJ_TYPE_BOOLEAN, .help = "Whether."},
    {.name = "colour", .choices = colours, .help = "Which."},
    {.name = "names", .type = BJ_TYPE_LIST, .maximum = 2, .help = "Who."},
    {.name = "parts", .type = BJ_TYPE_LIST, .schema = &inner, .help = "Of what."},
    {.name = "env", .type = BJ_TYPE_MAP, .maximum = 2, .help = "Where."},
    {.name = "more", .type = BJ_TYPE_ANY, .help = "Whatever."},
    {NULL}};
static const struct bj_schema schema = {"Test", "A test.", fields};

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    assert_non_null(value);
    return value;
}

static void expect_good(const char *text)
{
    struct bj_error err = {0};
    json_t *value = parse(text);

    if (bj_schema_check(&schema, value, &err) != 0)
        fail_msg("%s: %s", text, err.message);
    json_decref(value);
}

static void expect_bad(const char *text, const char *message)
{
    struct bj_error err = {0};
    json_t *value = parse(text);

    assert_int_equal(bj_schema_check(&schema, value, &err), -BJ_E_INVALID);
    assert_string_equal(err.message, message);
    json_decref(value);
}

static void test_takes_what_fits(void **state)
{
    (void)state;
    expect_good("{\"command\": \"ls\"}");
    expect_good("{\"command\": \"ls\", \"timeout\": 100, \"share\": 0.5, \"quiet\": true}");
    expect_good("{\"command\": \"ls\", \"share\": 1, \"colour\": \"red\", \"names\": [\"a\"]}");
    expect_good("{\"command\": \"ls\", \"parts\": [{\"depth\": 9}, {}], \"env\": {\"A\": \"\"}}");
    expect_good("{\"command\": \"ls\", \"more\": [1, {\"x\": null}]}");
}

static void test_names_what_is_wrong(void **state)
{
    (void)state;
    expect_bad("[]", "the request must be a JSON object, not a list");
    expect_bad("{}", "field \"command\" is missing: What to run.");
    expect_bad("{\"command\": null}", "field \"command\" is missing: What to run.");
    expect_bad("{\"command\": 1}", "field \"command\" must be a text, not a whole number");
    expect_bad("{\"command\": \"\"}", "field \"command\" must not be empty");
    expect_bad("{\"command\": \"123456789\"}",
               "field \"command\" must have at most 8 bytes, not 9");
    expect_bad("{\"command\": \"a\\u0000b\"}", "field \"command\" must not have a NUL character");
    expect_bad("{\"command\": \"a\", \"timeout\": 0}",
               "field \"timeout\" must be a whole number from 1 to 100");
    expect_bad("{\"command\": \"a\", \"timeout\": \"5\"}",
               "field \"timeout\" must be a whole number from 1 to 100, not a text");
    expect_bad("{\"command\": \"a\", \"timeout\": 1.5}",
               "field \"timeout\" must be a whole number from 1 to 100, not a number with a "
               "fraction");
    expect_bad("{\"command\": \"a\", \"timeout\": 1e300}",
               "field \"timeout\" must be a whole number from 1 to 100, not a number with a "
               "fraction");
    expect_bad("{\"command\": \"a\", \"quiet\": 1}",
               "field \"quiet\" must be true or false, not a whole number");
    expect_bad("{\"command\": \"a\", \"colour\": \"blue\"}",
               "field \"colour\" must be one of: red, green");
    expect_bad("{\"command\": \"a\", \"names\": [\"a\", 2]}",
               "field \"names[1]\" must be a text, not a whole number");
    expect_bad("{\"command\": \"a\", \"names\": [\"a\", \"b\", \"c\"]}",
               "field \"names\" must have at most 2 entries, not 3");
    expect_bad("{\"command\": \"a\", \"parts\": [{\"depth\": 10}]}",
               "field \"parts[0].depth\" must be a whole number from 0 to 9");
    expect_bad("{\"command\": \"a\", \"env\": {\"PATH\": []}}",
               "field \"env.PATH\" must be a text, not a list");
}

static void test_knows_what_was_meant(void **state)
{
    (void)state;
    expect_bad("{\"comand\": \"a\"}", "field \"comand\" is unknown; did you mean \"command\"?");
    expect_bad("{\"command\": \"a\", \"Timeout\": 1}",
               "field \"Timeout\" is unknown; did you mean \"timeout\"?");
    expect_bad("{\"command\": \"a\", \"parts\": [{\"dept\": 1}]}",
               "field \"parts[0].dept\" is unknown; did you mean \"depth\"?");
    expect_bad("{\"comma\": \"a\"}", "field \"comma\" is unknown; did you mean \"command\"?");
    expect_bad("{\"command\": \"a\", \"banana\": 1}", "field \"banana\" is unknown");
}

/* A name of any length and of any bytes stays within a message. */
static void test_bounds_foreign_names(void **state)
{
    struct bj_error err = {0};
    json_t *value = json_object();
    char name[4096];

    (void)state;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    json_object_set_new(value, name, json_true());
    assert_int_equal(bj_schema_check(&schema, value, &err), -BJ_E_INVALID);
    assert_true(strlen(err.message) < 200);
    json_decref(value);
}

static void test_tidies(void **state)
{
    json_t *value = parse("{\"command\": \"a\", \"timeout\": 5.0, \"quiet\": null}");

    (void)state;
    assert_int_equal(bj_schema_check(&schema, value, NULL), 0);
    assert_true(json_is_integer(json_object_get(value, "timeout")));
    assert_null(json_object_get(value, "quiet"));
    json_decref(value);
}

static void expect_query(const char *text, const char *message)
{
    struct bj_error err = {0};
    json_t *value = parse(text);
    int result = bj_schema_check_query(&schema, value, &err);

    assert_int_equal(result, message == NULL ? 0 : -BJ_E_INVALID);
    assert_string_equal(err.message, message != NULL ? message : "");
    json_decref(value);
}

static void test_reads_queries(void **state)
{
    json_t *value = parse("{\"command\": \"7\", \"timeout\": \"7\", \"share\": \"0.25\", "
                          "\"quiet\": \"\"}");

    (void)state;
    assert_int_equal(bj_schema_check_query(&schema, value, NULL), 0);
    assert_string_equal(json_string_value(json_object_get(value, "command")), "7");
    assert_int_equal(json_integer_value(json_object_get(value, "timeout")), 7);
    assert_true(json_real_value(json_object_get(value, "share")) == 0.25);
    assert_true(json_is_true(json_object_get(value, "quiet")));
    json_decref(value);
    expect_query("{\"command\": \"a\", \"quiet\": \"false\"}", NULL);
    expect_query("{\"command\": \"a\", \"timeout\": \"0x5\"}",
                 "field \"timeout\" must be a whole number");
    expect_query("{\"command\": \"a\", \"timeout\": \"101\"}",
                 "field \"timeout\" must be a whole number from 1 to 100");
    expect_query("{\"command\": \"a\", \"share\": \"1.2.3\"}", "field \"share\" must be a number");
    expect_query("{\"command\": \"a\", \"share\": \"1e0\"}", "field \"share\" must be a number");
    expect_query("{\"command\": \"a\", \"quiet\": \"yes\"}",
                 "field \"quiet\" must be true or false");
    expect_query("{\"command\": \"a\", \"names\": \"yes\"}", "field \"names\" must be a list");
    expect_query("{\"command\": \"a\", \"cursor\": \"x\"}", "field \"cursor\" is unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_what_fits),
        cmocka_unit_test(test_names_what_is_wrong),
        cmocka_unit_test(test_knows_what_was_meant),
        cmocka_unit_test(test_bounds_foreign_names),
        cmocka_unit_test(test_tidies),
        cmocka_unit_test(test_reads_queries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
