/* What a client is told to do about an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "api/advice.h"

static const char *advice_for(int number, const char *step)
{
    static struct bj_error err;

    errno = number;
    bj_fail_errno(&err, step, "cannot do it");
    return bj_error_advice(&err, NULL);
}

/* The number of a refusal means a path where there is one. */
static void test_paths_only_where_one_was_given(void **state)
{
    (void)state;
    assert_non_null(strstr(advice_for(EPERM, "files"), "path"));
    assert_non_null(strstr(advice_for(EACCES, "open"), "path"));
    assert_non_null(strstr(advice_for(ENOENT, "directory"), "path"));
    assert_string_equal(advice_for(EPERM, "uts"), bj_code_advice(BJ_E_SYSTEM));
    assert_string_equal(advice_for(ENOENT, "mount"), bj_code_advice(BJ_E_SYSTEM));
}

/* Who reads nothing but the advice has it too. */
static void test_what_the_message_says_itself(void **state)
{
    struct bj_error err;

    (void)state;
    bj_fail(&err, BJ_E_RATE, "service", "too many requests; try again in 5 s");
    assert_string_equal(bj_error_advice(&err, NULL), "try again in 5 s");
    bj_fail(&err, BJ_E_RATE, "service", "too many requests");
    assert_string_equal(bj_error_advice(&err, NULL), bj_code_advice(BJ_E_RATE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_paths_only_where_one_was_given),
                                       cmocka_unit_test(test_what_the_message_says_itself)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
