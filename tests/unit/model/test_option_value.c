/* Tests of src/model/option_value.c. */
#include "model_test.h"

#include <unistd.h>

#include "base/limits.h"
#include "model/options_internal.h"

static void sizes(void **state)
{
    static const struct {
        const char *text;
        int64_t mb;
    } good[] = {{"512", 512},    {"512m", 512}, {"512M", 512}, {"512mb", 512},
                {"512MiB", 512}, {"2g", 2048},  {"2GB", 2048}, {"524288k", 512},
                {"1t", 1 << 20}, {"0", 0},      {"1024k", 1},  {"0k", 0}};
    static const char *const bad[] = {"",
                                      "m",
                                      "-1",
                                      "1.5g",
                                      "512 m",
                                      "512x",
                                      "512mm",
                                      "1023k",
                                      "0x10",
                                      " 1",
                                      "9223372036854775807t",
                                      "99999999999999999999",
                                      "512mib "};
    int64_t mb;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(bj_parse_size_mb(good[i].text, &mb));
        assert_int_equal(mb, good[i].mb);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mb = -7;
        assert_false(bj_parse_size_mb(bad[i], &mb));
        assert_int_equal(mb, -7);
    }
}

static void times(void **state)
{
    static const char *const bad[] = {"", "s", "5d", "1h30m", "-5", "5 s", "9223372036854775807h"};
    int64_t seconds;

    (void)state;
    assert_true(bj_parse_seconds("30", &seconds) && seconds == 30);
    assert_true(bj_parse_seconds("30s", &seconds) && seconds == 30);
    assert_true(bj_parse_seconds("5m", &seconds) && seconds == 300);
    assert_true(bj_parse_seconds("1h", &seconds) && seconds == 3600);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        seconds = -7;
        assert_false(bj_parse_seconds(bad[i], &seconds));
        assert_int_equal(seconds, -7);
    }
}

static void decimals(void **state)
{
    static const char *const bad[] = {"",
                                      ".",
                                      "1.",
                                      ".5",
                                      "1e3",
                                      "inf",
                                      "nan",
                                      "0x1p3",
                                      "-1",
                                      "+1",
                                      "1,5",
                                      " 1",
                                      "1234567890123456",
                                      "1.0123456789"};
    double value;

    (void)state;
    assert_true(bj_parse_decimal("2", &value) && value == 2.0);
    assert_true(bj_parse_decimal("0.5", &value) && value == 0.5);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(bj_parse_decimal(bad[i], &value));
}

static void domains(void **state)
{
    static const char *const good[] = {
        "*",         "example.com", "*.example.com", "example.com:8443",
        "localhost", "a-b.c",       "1.2.3.4",       "xn--bcher-kva.example"};
    static const char *const bad[] = {"",      ".",  "*.",       "*.*",  "a..b",  ".a",
                                      "a.",    "-a", "a-",       "a_b",  "a b",   "a:0",
                                      "a:080", "a:", "a:65536",  "a:8x", "a/b",   "\xc3\xbc",
                                      "a.*",   "**", "http://a", "a@b",  "a%00b", "*:80"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(bj_is_domain_pattern(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (bj_is_domain_pattern(bad[i]))
            fail_msg("%s passed", bad[i]);
    }
}

static void assert_host_path(const char *text, const char *directory, const char *expected)
{
    char *path = NULL;

    assert_int_equal(bj_host_path(text, directory, &path, NULL), 0);
    assert_string_equal(path, expected);
    bj_free(path);
}

static void host_paths(void **state)
{
    char here[BJ_PATH_MAX], long_path[BJ_PATH_MAX + 8], *path = NULL;

    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    assert_host_path("/a//b/./c/", NULL, "/a/b/c");
    assert_host_path("/", NULL, "/");
    assert_host_path("//", NULL, "/");
    assert_host_path("/a/../b", NULL, "/a/../b"); /* only the kernel knows what a/.. is */
    assert_host_path(".", NULL, here);
    assert_host_path("x", "/base", "/base/x");
    assert_host_path("./x/", "/base/", "/base/x");
    assert_int_equal(bj_host_path("", NULL, &path, NULL), -BJ_E_INVALID);
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(bj_host_path(long_path, "/", &path, NULL), -BJ_E_INVALID);
}

static void sandbox_paths(void **state)
{
    static const char *const bad[] = {"", "a", "/", "//", "/.", "/a/..", "/../a", "/a/./b", "./a"};
    char *path = NULL;

    (void)state;
    assert_int_equal(bj_sandbox_path("/a//b/:x", 6, &path, NULL), 0);
    assert_string_equal(path, "/a/b");
    bj_free(path);
    assert_int_equal(bj_sandbox_path("/..a/b..", 8, &path, NULL), 0);
    assert_string_equal(path, "/..a/b..");
    bj_free(path);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(bj_sandbox_path(bad[i], strlen(bad[i]), &path, NULL), -BJ_E_INVALID);
}

/* What a terminal would act on must not reach one. */
static void quotes(void **state)
{
    char long_text[500];

    (void)state;
    assert_string_equal(bj_quote("plain").text, "\"plain\"");
    assert_string_equal(bj_quote("\x1b[2J\n\"\\").text, "\"\\x1b[2J\\x0a\\x22\\x5c\"");
    assert_string_equal(bj_quote("\xc2\x9b").text, "\"\\xc2\\x9b\"");
    memset(long_text, 27, sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_true(strlen(bj_quote(long_text).text) < sizeof(struct bj_quoted));
    assert_contains(bj_quote(long_text).text, "...\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),   cmocka_unit_test(times),      cmocka_unit_test(decimals),
        cmocka_unit_test(domains), cmocka_unit_test(host_paths), cmocka_unit_test(sandbox_paths),
        cmocka_unit_test(quotes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
