/* Base64: the texts of RFC 4648, section 10, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/base64.h"

static const char *const pairs[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xff\xfe\xfd", "//79"},
};

static void test_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct bj_buf text, bytes;

        bj_buf_init(&text, 100);
        bj_buf_init(&bytes, 100);
        bj_base64_put(&text, pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(bj_buf_text(&text), pairs[i][1]);
        assert_int_equal(bj_base64_get(&bytes, pairs[i][1], strlen(pairs[i][1]), NULL), 0);
        assert_int_equal(bytes.length, strlen(pairs[i][0]));
        assert_memory_equal(bj_buf_text(&bytes), pairs[i][0], bytes.length);
        bj_buf_release(&text);
        bj_buf_release(&bytes);
    }
}

static void test_refuses_what_is_none(void **state)
{
    static const char *const bad[] = {"Z",    "Zg",     "Zg=",  "Zg==Zg==", "Zh==", "Zm9=", "Z===",
                                      "====", "Zm9v\n", "Zm 9", "Zm9-",     "Zm9_", "=Zm9", "Z=g="};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bj_buf bytes;

        bj_buf_init(&bytes, 100);
        if (bj_base64_get(&bytes, bad[i], strlen(bad[i]), NULL) != -BJ_E_INVALID)
            fail_msg("%s was taken", bad[i]);
        bj_buf_release(&bytes);
    }
}

static void test_stays_within_bounds(void **state)
{
    struct bj_buf small;

    (void)state;
    bj_buf_init(&small, 2);
    assert_int_equal(bj_base64_get(&small, "Zm9v", 4, NULL), -BJ_E_LIMIT);
    bj_buf_release(&small);
    bj_buf_init(&small, 3);
    bj_base64_put(&small, "f", 1);
    assert_true(small.failed);
    bj_buf_release(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_refuses_what_is_none),
        cmocka_unit_test(test_stays_within_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
