/* Tests of src/model/dotenv.c: what a workspace's .env may give, and what it may not. */
#include "model_test.h"

#include <unistd.h>

/* Everything that would weaken isolation, beside the keys. */
static const char dotenv[] = "BELLJAR_PRESET=development\nBELLJAR_CONFIG=evil.json\n"
                             "this line = is 'no entry\n"
                             "E2B_API_KEY=\"file-key\"\nE2B_DOMAIN=file.example\n"
                             "export DAYTONA_API_KEY=file-daytona # comment\n";

static struct parsed parsed;

static int setup(void **state)
{
    (void)state;
    put_file(".env", dotenv);
    unsetenv("E2B_API_KEY");
    unsetenv("E2B_DOMAIN");
    unsetenv("DAYTONA_API_KEY");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bj_config_release(&parsed.config);
    return 0;
}

static void native_does_not_read_it(void **state)
{
    (void)state;
    PARSE(&parsed, "true");
    assert_int_equal(parsed.result, 0);
    assert_null(parsed.config.e2b_api_key);
    assert_null(parsed.config.e2b_domain);
    assert_string_equal(parsed.config.preset, "standard");
}

static void e2b_takes_key_and_domain(void **state)
{
    (void)state;
    PARSE(&parsed, "--sandbox-type", "e2b");
    assert_int_equal(parsed.result, 0);
    assert_string_equal(parsed.config.e2b_api_key, "file-key");
    assert_string_equal(parsed.config.e2b_domain, "file.example");
    assert_null(parsed.config.daytona_api_key);
    assert_string_equal(parsed.config.preset, "standard");
    assert_null(parsed.run.config_path);
}

static void daytona_takes_its_key(void **state)
{
    (void)state;
    PARSE(&parsed, "--sandbox-type", "daytona");
    assert_int_equal(parsed.result, 0);
    assert_string_equal(parsed.config.daytona_api_key, "file-daytona");
    assert_null(parsed.config.e2b_api_key);
    assert_null(parsed.config.e2b_domain);
}

/* The caller's own key must not go to a domain that the workspace names. */
static void the_domain_comes_with_its_key_only(void **state)
{
    (void)state;
    setenv("E2B_API_KEY", "my-key", 1);
    PARSE(&parsed, "--sandbox-type", "e2b");
    assert_int_equal(parsed.result, 0);
    assert_string_equal(parsed.config.e2b_api_key, "my-key");
    assert_null(parsed.config.e2b_domain);
}

static void what_was_said_stays(void **state)
{
    (void)state;
    setenv("E2B_DOMAIN", "my.example", 1);
    PARSE(&parsed, "--sandbox-type", "e2b");
    assert_int_equal(parsed.result, 0);
    assert_string_equal(parsed.config.e2b_api_key, "file-key");
    assert_string_equal(parsed.config.e2b_domain, "my.example");
}

static void a_bad_value_is_not_shown(void **state)
{
    (void)state;
    put_file(".env", "E2B_API_KEY=\"geheim\\n\"\n");
    PARSE(&parsed, "--sandbox-type", "e2b");
    assert_int_equal(parsed.result, -BJ_E_INVALID);
    assert_contains(parsed.err.message, ".env: E2B_API_KEY: expected ");
    assert_lacks(parsed.err.message, "geheim");
}

static void absent_is_fine(void **state)
{
    (void)state;
    unlink(".env");
    PARSE(&parsed, "--sandbox-type", "e2b");
    assert_int_equal(parsed.result, 0);
    assert_null(parsed.config.e2b_api_key);
}

static int fresh_directory(void **state)
{
    static char directory[] = "/tmp/belljar-test-XXXXXX";

    *state = directory;
    return mkdtemp(directory) != NULL && chdir(directory) == 0 ? 0 : -1;
}

static int remove_directory(void **state)
{
    unlink(".env");
    return rmdir(*state);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(native_does_not_read_it), TEST(e2b_takes_key_and_domain),
        TEST(daytona_takes_its_key),   TEST(the_domain_comes_with_its_key_only),
        TEST(what_was_said_stays),     TEST(a_bad_value_is_not_shown),
        TEST(absent_is_fine),
    };

    return cmocka_run_group_tests(tests, fresh_directory, remove_directory);
}
