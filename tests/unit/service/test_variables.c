/* Tests of src/service/variables.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/mem.h"
#include "service/variables.h"

static int merge(const char *entry, const char *object, json_t **ret)
{
    char *list[] = {(char *)entry, NULL};
    json_t *given =
        object != NULL ? json_loads(object, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL) : NULL;
    int result = bj_variables_merge(entry != NULL ? list : NULL, given, ret, NULL);

    assert_true(object == NULL || given != NULL);
    json_decref(given);
    return result;
}

static void test_the_object_wins(void **state)
{
    json_t *all;

    (void)state;
    assert_int_equal(merge("A=1=2", "{\"B\": \"\", \"A\": \"3\"}", &all), 0);
    assert_int_equal(json_object_size(all), 2);
    assert_string_equal(json_string_value(json_object_get(all, "A")), "3");
    json_decref(all);
    assert_int_equal(merge("A=1=2", NULL, &all), 0);
    assert_string_equal(json_string_value(json_object_get(all, "A")), "1=2");
    json_decref(all);
    assert_int_equal(merge(NULL, "{}", &all), 0);
    assert_null(all);
}

/* A variable that a shell reads before its text would run what the policy was not shown. */
static void test_what_is_refused(void **state)
{
    static const char *const objects[] = {
        "[]",
        "\"A=1\"",
        "{\"\": \"\"}",
        "{\"1A\": \"\"}",
        "{\"A B\": \"\"}",
        "{\"A=B\": \"\"}",
        "{\"\\u00e9\": \"\"}",
        "{\"A\": 1}",
        "{\"A\": null}",
        "{\"A\": \"x\\u0000y\"}",
        "{\"BASH_ENV\": \"/x\"}",
        "{\"ENV\": \"/x\"}",
        "{\"SHELLOPTS\": \"xtrace\"}",
        "{\"BASHOPTS\": \"x\"}",
        "{\"BASH_FUNC_ls%%\": \"() { id; }\"}",
        "{\"A\": \"good\", \"ENV\": \"/x\"}",
    };
    static const char *const entries[] = {
        "", "A", "=1", "1=2", "ENV=/x", "BASH_FUNC_ls%%=() { :; }", "A=\xff"};
    json_t *all;

    (void)state;
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        if (merge(NULL, objects[i], &all) != -BJ_E_INVALID || all != NULL)
            fail_msg("%s", objects[i]);
    }
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        if (merge(entries[i], NULL, &all) != -BJ_E_INVALID || all != NULL)
            fail_msg("%s", entries[i]);
    }
}

static bool has(char **list, const char *entry)
{
    for (; *list != NULL; list++) {
        if (strcmp(*list, entry) == 0)
            return true;
    }
    return false;
}

static void test_the_second_wins(void **state)
{
    json_t *first = json_pack("{s:s, s:s}", "A", "1", "B", "2");
    json_t *second = json_pack("{s:s}", "A", "3");
    char **list;

    (void)state;
    assert_int_equal(bj_variables_list(first, second, &list, NULL), 0);
    assert_true(has(list, "A=3") && has(list, "B=2") && !has(list, "A=1"));
    bj_strv_free(list);
    assert_int_equal(bj_variables_list(NULL, second, &list, NULL), 0);
    assert_true(has(list, "A=3"));
    bj_strv_free(list);
    assert_int_equal(bj_variables_list(NULL, NULL, &list, NULL), 0);
    assert_null(list);
    json_decref(first);
    json_decref(second);
}

static void test_bounds(void **state)
{
    char *text = malloc(BJ_ARGS_MAX + 1), name[32];
    json_t *large, *many = json_object();
    char **list;

    (void)state;
    memset(text, 'x', BJ_ARGS_MAX);
    text[BJ_ARGS_MAX] = '\0';
    large = json_pack("{s:s}", "A", text);
    assert_int_equal(bj_variables_list(large, NULL, &list, NULL), -BJ_E_LIMIT);
    assert_null(list);
    for (int i = 0; i < BJ_ARGC_MAX; i++) {
        snprintf(name, sizeof name, "A%d", i);
        json_object_set_new(many, name, json_string(""));
    }
    assert_int_equal(bj_variables_list(many, NULL, &list, NULL), -BJ_E_LIMIT);
    json_object_del(many, "A0");
    assert_int_equal(bj_variables_list(many, NULL, &list, NULL), 0);
    bj_strv_free(list);
    json_decref(large);
    json_decref(many);
    free(text);
}

/* What the policy reads is what a shell would: no value leaves its quotes. */
static void test_exports(void **state)
{
    json_t *object = json_pack("{s:s}", "A", "it's $(id) `id` \"\\\n");
    struct bj_buf out;

    (void)state;
    bj_buf_init(&out, 4096);
    bj_variables_put_exports(&out, object);
    assert_string_equal(bj_buf_text(&out), "export A='it'\\''s $(id) `id` \"\\\n'\n");
    bj_buf_release(&out);
    json_decref(object);
}

#ifdef BJ_FAULTS
static void test_no_memory(void **state)
{
    json_t *object = json_pack("{s:s, s:s}", "A", "1", "B", "2");
    char **list;

    (void)state;
    assert_true(bj_fault_prepare());
    for (int at = 1; at <= 3; at++) {
        bj_fault_at(at, ENOMEM);
        assert_int_equal(bj_variables_list(object, NULL, &list, NULL), -BJ_E_NO_MEMORY);
        assert_null(list);
    }
    bj_fault_at(4, ENOMEM);
    assert_int_equal(bj_variables_list(object, NULL, &list, NULL), 0);
    bj_strv_free(list);
    bj_fault_at(0, 0);
    json_decref(object);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_object_wins), cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_the_second_wins), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_exports),
#ifdef BJ_FAULTS
        cmocka_unit_test(test_no_memory),
#endif
    };

    return cmocka_run_group_tests_name("variables", tests, NULL, NULL);
}
