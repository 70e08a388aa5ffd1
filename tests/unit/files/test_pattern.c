/* Tests of src/files/pattern.c: a table, and states that are the same by steps and as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "files/pattern.h"

static const struct {
    const char *pattern, *path;
    bool ignore_case, matches;
} rows[] = {
    {"a", "a", false, true},
    {"a", "b", false, false},
    {"a", "a/b", false, false},
    {"*", ".hidden", false, true},
    {"*", "a/b", false, false},
    {"a*b*c", "axxbxxc", false, true},
    {"a*b*c", "axxbxx", false, false},
    {"?", "\xc3\xa4", false, true},
    {"?", "\xff", false, true},
    {"??", "\xc3\xa4", false, false},
    {"[a-c]x", "bx", false, true},
    {"[!a-c]x", "bx", false, false},
    {"[^a-c]x", "dx", false, true},
    {"[]a]", "]", false, true},
    {"[a\\]b]", "]", false, true},
    {"[a-]", "-", false, true},
    {"[\xc3\xa4-\xc3\xb6]", "\xc3\xa5", false, true},
    {"[A-C]", "b", false, false},
    {"[A-C]", "b", true, true},
    {"AbC", "aBc", true, true},
    {"\\*", "*", false, true},
    {"\\*", "a", false, false},
    {"**", "a/b/c", false, true},
    {"**/c", "c", false, true},
    {"**/c", "a/b/c", false, true},
    {"a/**", "a", false, false},
    {"a/**", "a/b/c", false, true},
    {"a/**/c", "a/c", false, true},
    {"a/**/b/**/c", "a/x/b/y/z/c", false, true},
    {"a/**/b/**/c", "a/x/c", false, false},
    {"a**b", "axxb", false, true},
    {"a**b", "ax/b", false, false},
    {"{a,b}/{c,d}", "b/c", false, true},
    {"{a,b/c}/d", "b/c/d", false, true},
    {"{,x}a", "a", false, true},
    {"{a,{b,c}}", "c", false, true},
    {"\\{a,b\\}", "{a,b}", false, true},
    {"[{]", "{", false, true},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bj_files_pattern pattern;
        struct bj_error err = {0};

        if (bj_files_pattern_parse(rows[i].pattern, rows[i].ignore_case, &pattern, &err) < 0)
            fail_msg("%s: %s", rows[i].pattern, err.message);
        if (bj_files_pattern_matches(&pattern, rows[i].path) != rows[i].matches)
            fail_msg("%s on %s", rows[i].pattern, rows[i].path);
        bj_files_pattern_release(&pattern);
    }
}

/* A directory in which nothing can match is not to be read. */
static void test_what_is_possible(void **state)
{
    struct bj_files_pattern pattern;
    bj_files_states start, next;
    bool possible;

    (void)state;
    assert_int_equal(bj_files_pattern_parse("src/*.c", false, &pattern, NULL), 0);
    bj_files_pattern_start(&pattern, start);
    assert_false(bj_files_pattern_step(&pattern, start, "src", 3, next, &possible));
    assert_true(possible);
    assert_false(bj_files_pattern_step(&pattern, start, "doc", 3, next, &possible));
    assert_false(possible);
    bj_files_pattern_release(&pattern);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {"",      "/",   "{",     "{a,b", "[",  "[a",
                                      "[a/b]", "a\\", "a\\/b", "{,}",  "[!", "[]"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bj_files_pattern pattern;
        struct bj_error err = {0};

        if (bj_files_pattern_parse(bad[i], false, &pattern, &err) == 0)
            fail_msg("%s is taken", bad[i]);
        assert_true(err.message[0] != '\0');
    }
}

static void test_plain(void **state)
{
    char text[8];

    (void)state;
    assert_true(bj_files_pattern_is_plain("a\\*b", text, sizeof text));
    assert_string_equal(text, "a*b");
    assert_false(bj_files_pattern_is_plain("a*", text, sizeof text));
    assert_false(bj_files_pattern_is_plain("a\\", text, sizeof text));
    assert_false(bj_files_pattern_is_plain("12345678", text, sizeof text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_what_is_possible),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
