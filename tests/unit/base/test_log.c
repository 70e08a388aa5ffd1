/* Tests of src/base/log.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/log.h"

static char last[32768];
static int lines;

static void keep(void *context, const char *line, size_t length)
{
    (void)context;
    assert_true(length < sizeof last);
    memcpy(last, line, length);
    last[length] = '\0';
    lines++;
}

static struct bj_log make(const char *levels)
{
    struct bj_log log;
    struct bj_error err = {0};

    bj_log_init(&log);
    log.write = keep;
    lines = 0;
    if (bj_log_choose(&log, levels, &err) < 0)
        fail_msg("%s: %s", levels, err.message);
    return log;
}

static void test_levels(void **state)
{
    struct bj_log log = make("policy=debug,*=warning,audit=off");

    (void)state;
    /* The last one that names a category holds. */
    assert_int_equal(log.levels[BJ_LOG_POLICY], BJ_LOG_WARNING);
    assert_int_equal(log.levels[BJ_LOG_AUDIT], BJ_LOG_OFF);
    log = make("*=warning,policy=debug");
    assert_true(bj_log_wants(&log, BJ_LOG_POLICY, BJ_LOG_DEBUG));
    assert_false(bj_log_wants(&log, BJ_LOG_POLICY, BJ_LOG_TRACE));
    assert_false(bj_log_wants(&log, BJ_LOG_SANDBOX, BJ_LOG_INFO));
    log = make("trace");
    assert_true(bj_log_wants(&log, BJ_LOG_SERVER, BJ_LOG_TRACE));
    assert_false(bj_log_wants(NULL, BJ_LOG_SERVER, BJ_LOG_ERROR));
}

static void test_wrong_levels(void **state)
{
    static const char *const wrong[] = {
        "",       "loud",   "policy",        "policy=",      "=debug",          "a=b",
        "debug,", ",debug", "policy=debugx", "POLICY=debug", "policy=debug,x=y"};
    struct bj_log log = make("off");
    struct bj_error err;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (bj_log_choose(&log, wrong[i], &err) != -BJ_E_INVALID)
            fail_msg("%s was taken", wrong[i]);
        assert_non_null(strstr(err.message, "sandbox, policy"));
        assert_int_equal(log.levels[BJ_LOG_POLICY], BJ_LOG_OFF);
    }
}

static int evaluated;

static int count_evaluation(void)
{
    return ++evaluated;
}

static void test_lines(void **state)
{
    struct bj_log log = make("policy=info");

    (void)state;
    BJ_LOG(&log, POLICY, DEBUG, "%d", count_evaluation());
    assert_int_equal(evaluated, 0);
    assert_int_equal(lines, 0);
    errno = EXDEV;
    BJ_LOG(&log, POLICY, INFO, "a %s", "b");
    assert_int_equal(errno, EXDEV);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(last, "Z belljar["));
    assert_non_null(strstr(last, "] info policy: a b\n"));
}

/* A message cannot forge a second line or act on a terminal. */
static void test_hostile_messages(void **state)
{
    struct bj_log log = make("info");

    (void)state;
    BJ_LOG(&log, POLICY, INFO, "x\n2026-01-01 error: forged\x1b[2J\xff\"\\");
    assert_int_equal(strchr(last, '\n') - last, strlen(last) - 1);
    assert_null(strchr(last, '\x1b'));
    assert_non_null(strstr(last, "x\\x0a2026"));
}

static void test_json(void **state)
{
    static const char message[] = "quote \" backslash \\ end \n \x1b gr\xc3\xbc\xc3\x9f";
    struct bj_log log = make("info");
    json_t *object;

    (void)state;
    log.json = true;
    BJ_LOG(&log, SANDBOX, WARNING, "%s", message);
    object = json_loads(last, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "level")), "warning");
    assert_string_equal(json_string_value(json_object_get(object, "category")), "sandbox");
    assert_string_equal(json_string_value(json_object_get(object, "message")),
                        "quote \" backslash \\ end \\x0a \\x1b gr\xc3\xbc\xc3\x9f");
    assert_int_equal(strlen(json_string_value(json_object_get(object, "time"))), 27);
    json_decref(object);
}

static void test_long_messages(void **state)
{
    static char message[100000];
    struct bj_log log = make("info");

    (void)state;
    memset(message, '\x01', sizeof message - 1);
    log.json = true;
    BJ_LOG(&log, SANDBOX, INFO, "%s", message);
    assert_int_equal(lines, 1);
    assert_true(strlen(last) > 2047 * 4 && last[strlen(last) - 1] == '\n');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels), cmocka_unit_test(test_wrong_levels),
        cmocka_unit_test(test_lines),  cmocka_unit_test(test_hostile_messages),
        cmocka_unit_test(test_json),   cmocka_unit_test(test_long_messages),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
