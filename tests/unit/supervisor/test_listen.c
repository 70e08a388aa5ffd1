/* Tests of src/supervisor/listen.c and state.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/listen.h"
#include "supervisor/state.h"

static char directory[64];

static int make_place(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/bj-listen-XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int remove_place(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

static void test_addresses(void **state)
{
    struct bj_listeners listeners = {.count = 0};
    struct bj_error error = {0};

    (void)state;
    if (bj_listen_open(&listeners, "127.0.0.1:0", false, &error) < 0)
        fail_msg("%s", error.message);
    assert_true(listeners.entry[0].is_local);
    assert_memory_equal(listeners.entry[0].name, "127.0.0.1:", 10);
    assert_string_not_equal(listeners.entry[0].name, "127.0.0.1:0");
    assert_int_equal(bj_listen_open(&listeners, listeners.entry[0].name, false, &error),
                     -BJ_E_CONFLICT);
    assert_non_null(strstr(error.message, "another program"));
    assert_int_equal(bj_listen_open(&listeners, "0.0.0.0:0", false, NULL), 0);
    assert_false(listeners.entry[1].is_local);
    assert_int_equal(bj_listen_open(&listeners, "localhost:0", false, NULL), 0);
    assert_true(listeners.entry[2].is_local);
    bj_listen_close(&listeners);
}

static void test_bad_addresses(void **state)
{
    static const char *const bad[] = {
        "",         "8000",         "127.0.0.1",       ":8000",     "relative",
        "1.2.3:80", "127.0.0.1:-1", "127.0.0.1:65536", "[::1:8000", "example:80",
        "[::g]:1",  "127.0.0.1:",   "127.0.0.1:+80"};
    struct bj_listeners listeners = {.count = 0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(bj_listen_open(&listeners, bad[i], false, NULL), -BJ_E_INVALID);
    assert_int_equal(listeners.count, 0);
}

static void test_paths(void **state)
{
    struct bj_listeners listeners = {.count = 0}, second = {.count = 0};
    struct bj_error error = {0};
    struct stat status;
    char path[128], file[128];
    int fd;

    (void)state;
    snprintf(path, sizeof path, "%s/socket", directory);
    snprintf(file, sizeof file, "%s/file", directory);
    if (bj_listen_open(&listeners, path, false, &error) < 0)
        fail_msg("%s", error.message);
    assert_true(listeners.entry[0].is_unix && listeners.entry[0].is_local);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    /* One that is in use stays as it is. */
    assert_int_equal(bj_listen_open(&second, path, false, NULL), -BJ_E_CONFLICT);
    assert_int_equal(stat(path, &status), 0);
    /* One that a killed service left is replaced. */
    close(listeners.entry[0].fd);
    assert_int_equal(bj_listen_open(&second, path, true, NULL), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0666);
    bj_listen_close(&second);
    assert_int_equal(stat(path, &status), -1);
    /* What is no socket is not touched. */
    fd = mkstemp(strcat(strcpy(file, directory), "/XXXXXX"));
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(bj_listen_open(&second, file, false, NULL), -BJ_E_CONFLICT);
    assert_int_equal(stat(file, &status), 0);
}

static void test_state(void **state)
{
    struct bj_error error = {0};
    struct stat status;
    char path[128];
    int lock = -1, other = -1;

    (void)state;
    snprintf(path, sizeof path, "%s/one/two", directory);
    if (bj_state_open(path, 0, &lock, &error) < 0)
        fail_msg("%s", error.message);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(bj_state_open(path, 0, &other, &error), -BJ_E_CONFLICT);
    assert_non_null(strstr(error.message, "another service"));
    close(lock);
    chmod(path, 0777);
    assert_int_equal(bj_state_open(path, 0, &lock, &error), -BJ_E_DENIED);
    assert_non_null(strstr(error.message, "chmod 700"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_state),
    };

    return cmocka_run_group_tests(tests, make_place, remove_place);
}
