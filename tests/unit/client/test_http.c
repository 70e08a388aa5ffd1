/* Tests of src/client/http.c that need no service. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/mem.h"
#include "client/client.h"

/* Whatever a part is, it stays one part of the path. */
static void test_parts_are_encoded(void **state)
{
    char *path = bj_client_path("/v1/sandboxes/", "../a?b=c&d#e%2f \n\xff", "/files", NULL);

    (void)state;
    assert_non_null(path);
    assert_null(strpbrk(path + strlen("/v1/sandboxes/"), "?&# \n"));
    assert_string_equal(path + strlen(path) - strlen("/files"), "/files");
    assert_int_equal(strcspn(path + strlen("/v1/sandboxes/"), "/"),
                     strlen(path) - strlen("/v1/sandboxes/") - strlen("/files"));
    bj_free(path);
}

static void test_path_is_bounded(void **state)
{
    char *part = malloc(9 * BJ_PATH_MAX);

    (void)state;
    memset(part, 'x', 9 * BJ_PATH_MAX - 1);
    part[9 * BJ_PATH_MAX - 1] = '\0';
    assert_null(bj_client_path("/", part, NULL));
    free(part);
}

static int refused(long status, const char *body, struct bj_error *ret)
{
    struct bj_client client = {.place.shown = "http://x"};

    return bj_client_refused(&client, status, body, strlen(body), ret);
}

/* What answers may be anything: always an error, and never what it does not say. */
static void test_what_is_no_answer(void **state)
{
    static const char *const bodies[] = {
        "",
        "<html>",
        "null",
        "[]",
        "{\"error\": 1}",
        "{\"error\": {\"code\": 7, \"message\": {}}}",
        "{\"error\": {\"code\": \"NOT_FOUND\", \"message\": null}}",
    };
    struct bj_error err;

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        memset(&err, 0, sizeof err);
        assert_true(refused(502, bodies[i], &err) < 0);
        assert_non_null(strstr(err.message, "not as this service answers"));
    }
}

static void test_codes(void **state)
{
    struct bj_error err = {0};

    (void)state;
    assert_int_equal(
        refused(404, "{\"error\": {\"code\": \"NOT_FOUND\", \"message\": \"gone\"}}", &err),
        -BJ_E_NOT_FOUND);
    assert_string_equal(err.message, "gone");
    assert_int_equal(
        refused(401, "{\"error\": {\"code\": \"UNAUTHENTICATED\", \"message\": \"no\"}}", &err),
        -BJ_E_UNAUTHENTICATED);
    assert_non_null(strstr(err.message, "BELLJAR_API_KEY"));
    assert_true(refused(500, "{\"error\": {\"code\": \"OK\", \"message\": \"no\"}}", &err) < 0);
}

#ifdef BJ_FAULTS
static void test_no_memory(void **state)
{
    (void)state;
    assert_true(bj_fault_prepare());
    bj_fault_at(1, ENOMEM);
    assert_null(bj_client_path("/", "part", NULL));
    bj_fault_at(0, 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_are_encoded), cmocka_unit_test(test_path_is_bounded),
        cmocka_unit_test(test_what_is_no_answer), cmocka_unit_test(test_codes),
#ifdef BJ_FAULTS
        cmocka_unit_test(test_no_memory),
#endif
    };

    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
