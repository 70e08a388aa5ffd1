/* The table of routes: it is sound, every row is found, and its documents hold together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "api/documents.h"
#include "api/route.h"
#include "base/str.h"

/* A path with `x1` for every variable part. */
static void sample(const char *path, char *ret, size_t size)
{
    size_t used = 0;

    for (; *path != '\0' && used + 3 < size; path++) {
        if (*path != '{') {
            ret[used++] = *path;
            continue;
        }
        used += (size_t)snprintf(ret + used, size - used, "x1");
        path = strchr(path, '}');
    }
    ret[used] = '\0';
}

static void test_finds_every_route(void **state)
{
    (void)state;
    for (size_t i = 0; i < bj_route_count; i++) {
        struct bj_exchange exchange = {.method = "GET"};
        const char *allow = NULL;
        char path[256];

        sample(bj_routes[i].path, path, sizeof path);
        assert_ptr_equal(bj_route_find(bj_routes[i].method, path, &exchange, &allow),
                         &bj_routes[i]);
        assert_non_null(strstr(allow, bj_routes[i].method));
        if (strchr(bj_routes[i].path, '{') != NULL)
            assert_string_equal(exchange.parameters[0], "x1");
    }
}

static void test_finds_nothing_else(void **state)
{
    static const char *const paths[] = {"",
                                        "x",
                                        "//",
                                        "/nothing",
                                        "/bash/",
                                        "/Bash",
                                        "/bash/x",
                                        "/v1",
                                        "/v1/",
                                        "/v1/sandboxes/",
                                        "/v1/sandboxes/a/nothing"};
    struct bj_exchange exchange = {.method = "GET"};
    const char *allow = "";
    char longest[BJ_PARAMETER_TEXT_MAX + 64];

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_null(bj_route_find("GET", paths[i], &exchange, &allow));
        assert_null(allow);
    }
    snprintf(longest, sizeof longest, "/v1/sandboxes/%0*d", BJ_PARAMETER_TEXT_MAX, 1);
    assert_null(bj_route_find("GET", longest, &exchange, &allow));
}

static void test_says_what_is_allowed(void **state)
{
    struct bj_exchange exchange = {.method = "GET"};
    const char *allow = NULL;

    (void)state;
    assert_null(bj_route_find("DELETE", "/bash", &exchange, &allow));
    assert_string_equal(allow, "POST");
    assert_null(bj_route_find("TRACE", "/v1/sandboxes", &exchange, &allow));
    assert_string_equal(allow, "POST, GET, HEAD");
    assert_non_null(bj_route_find("HEAD", "/health", &exchange, &allow));
}

/* Rows that say one thing and mean another would be holes. */
static void test_rows_are_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < bj_route_count; i++) {
        const struct bj_route *route = &bj_routes[i];

        assert_non_null(route->handler);
        assert_non_null(route->summary);
        assert_non_null(route->answers);
        assert_true((route->body == BJ_BODY_JSON) == (route->request != NULL));
        /* What acts needs a key; what changes anything is not GET. */
        assert_true(!route->acts || route->scope != 0);
        assert_true(bj_streq(route->method, "GET") || route->acts);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(route->id, bj_routes[j].id);
        for (const char *at = strchr(route->path, '{'); at != NULL; at = strchr(at + 1, '{'))
            assert_true(bj_path_parameter(at + 1)->name[0] != '\0');
    }
}

static void expect_references(const json_t *document, const json_t *value)
{
    const char *name, *target = json_string_value(json_object_get(value, "$ref"));
    json_t *member;
    size_t index;

    if (target != NULL) {
        assert_true(bj_starts_with(target, "#/components/schemas/"));
        assert_non_null(
            json_object_get(json_object_get(json_object_get(document, "components"), "schemas"),
                            target + strlen("#/components/schemas/")));
    }
    json_object_foreach((json_t *)value, name, member) expect_references(document, member);
    json_array_foreach(value, index, member) expect_references(document, member);
}

static void test_document_is_whole(void **state)
{
    json_t *document = bj_routes_openapi();
    const char *path;
    json_t *methods;
    size_t operations = 0;

    (void)state;
    assert_non_null(document);
    expect_references(document, document);
    json_object_foreach(json_object_get(document, "paths"), path, methods) operations +=
        json_object_size(methods);
    assert_int_equal(operations, bj_route_count);
    json_decref(document);
}

static void test_reference_is_whole(void **state)
{
    struct bj_buf text;
    char heading[160];

    (void)state;
    bj_buf_init(&text, BJ_RESPONSE_MAX);
    bj_routes_markdown(&text);
    assert_false(text.failed);
    for (size_t i = 0; i < bj_route_count; i++) {
        snprintf(heading, sizeof heading, "\n### %s %s\n", bj_routes[i].method, bj_routes[i].path);
        assert_non_null(strstr(text.data, heading));
    }
    bj_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_every_route),    cmocka_unit_test(test_finds_nothing_else),
        cmocka_unit_test(test_says_what_is_allowed), cmocka_unit_test(test_rows_are_sound),
        cmocka_unit_test(test_document_is_whole),    cmocka_unit_test(test_reference_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
