/* What the client prints: all of it, or an error. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "client/client.h"

static int kept, file;

static int take_stdout(void **state)
{
    (void)state;
    fflush(stdout);
    kept = dup(STDOUT_FILENO);
    file = memfd_create("stdout", MFD_CLOEXEC);
    return dup2(file, STDOUT_FILENO) < 0;
}

static int give_stdout_back(void **state)
{
    (void)state;
    dup2(kept, STDOUT_FILENO);
    close(kept);
    close(file);
    return 0;
}

/* What was printed so far. */
static const char *printed(void)
{
    static char text[256];
    ssize_t length;

    fflush(stdout);
    length = pread(file, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    return text;
}

static void all_is_printed(void **state)
{
    json_t *value = json_pack("{s:[i, s]}", "a", 1, "b");

    (void)state;
    assert_int_equal(bj_client_print_json_line(value, NULL), 0);
    assert_string_equal(printed(), "{\"a\":[1,\"b\"]}\n");
    json_decref(value);
}

#ifdef BJ_FAULTS
static void nothing_is_cut(void **state)
{
    json_t *value = json_pack("{s:[i, s]}", "a", 1, "b");
    struct bj_error err = {0};

    (void)state;
    assert_true(bj_fault_prepare());
    bj_fault_at(1, ENOMEM);
    assert_int_equal(bj_client_print_json(value, &err), -BJ_E_NO_MEMORY);
    bj_fault_at(0, 0);
    assert_string_equal(printed(), "");
    assert_non_null(strstr(err.message, "memory"));
    json_decref(value);
}
#endif

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, take_stdout, give_stdout_back)
    const struct CMUnitTest tests[] = {
        TEST(all_is_printed),
#ifdef BJ_FAULTS
        TEST(nothing_is_cut),
#endif
    };

    return cmocka_run_group_tests_name("print", tests, NULL, NULL);
}
