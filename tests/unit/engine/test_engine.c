/* The engine over the fake backend: results, capture, limits of output, streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "engine/engine.h"

static struct bj_config config;
static struct bj_result result;
static struct bj_error err;

static int setup(void **state)
{
    (void)state;
    memset(&err, 0, sizeof err);
    bj_result_init(&result);
    return bj_config_init(&config, &err);
}

static int teardown(void **state)
{
    (void)state;
    bj_result_release(&result);
    bj_config_release(&config);
    return 0;
}

static int run(const char *const *argv, bool capture, int output)
{
    struct bj_engine_request request = {
        .config = &config, .argv = argv, .capture = capture, .streams = {-1, output, -1}};

    return bj_engine_run(&bj_backend_fake, &request, &result, &err);
}

static void test_exit_code(void **state)
{
    const char *argv[] = {"exit-3", NULL};

    (void)state;
    assert_int_equal(run(argv, true, -1), 0);
    assert_int_equal(result.exit_code, 3);
    assert_int_equal(result.signal, 0);
    assert_false(result.timed_out);
}

static void test_signal(void **state)
{
    const char *argv[] = {"signal-15", NULL};

    (void)state;
    assert_int_equal(run(argv, true, -1), 0);
    assert_int_equal(result.exit_code, 128 + SIGTERM);
    assert_int_equal(result.signal, SIGTERM);
}

static void test_capture(void **state)
{
    const char *argv[] = {"exit-0", "one", "two", NULL};

    (void)state;
    assert_int_equal(run(argv, true, -1), 0);
    assert_string_equal(bj_buf_text(&result.output[0]), "exit-0\none\ntwo\n");
    assert_int_equal(result.output[1].length, 0);
    assert_false(result.truncated);
}

static void test_relay_to_file(void **state)
{
    char path[] = "/tmp/belljar-test-XXXXXX", text[64] = "";
    const char *argv[] = {"exit-0", "to a file", NULL};
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(run(argv, false, fd), 0);
    assert_int_equal(pread(fd, text, sizeof text - 1, 0), strlen("exit-0\nto a file\n"));
    assert_string_equal(text, "exit-0\nto a file\n");
    close(fd);
}

static void test_terminal_refused(void **state)
{
    const char *argv[] = {"exit-0", NULL};
    struct bj_engine_request request = {
        .config = &config, .argv = argv, .terminal = true, .streams = {-1, -1, -1}};

    (void)state;
    assert_int_equal(bj_engine_run(&bj_backend_fake, &request, &result, &err), -BJ_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "no terminals"));
}

static void test_signal_mask_restored(void **state)
{
    const char *argv[] = {"exit-0", NULL};
    sigset_t before, after;

    (void)state;
    sigemptyset(&before);
    sigemptyset(&after);
    sigprocmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(run(argv, true, -1), 0);
    sigprocmask(SIG_SETMASK, NULL, &after);
    for (int i = 1; i < 32; i++)
        assert_int_equal(sigismember(&before, i), sigismember(&after, i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exit_code, setup, teardown),
        cmocka_unit_test_setup_teardown(test_signal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_capture, setup, teardown),
        cmocka_unit_test_setup_teardown(test_relay_to_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_terminal_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_signal_mask_restored, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
