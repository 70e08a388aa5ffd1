/*
 * Fuzzes what a request's body or query goes through before a handler sees it: schemas with every
 * type of field, and base64. Beside memory errors it looks for broken promises: a refusal without a
 * message, a value that was taken and is refused the second time,
 * base64 that reads but is another text once written again.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "api/route.h"
#include "base/base64.h"
#include "base/limits.h"
#include "model/json_read.h"

static const char *const colours[] = {"red", "green", NULL};
static const struct bj_field inner_fields[] = {
    {.name = "depth", .type = BJ_TYPE_INTEGER, .maximum = 9, .help = "How deep."}, {NULL}};
static const struct bj_schema inner = {"Inner", "Inner.", inner_fields};
static const struct bj_field fields[] = {
    {.name = "command", .minimum = 1, .maximum = 8, .help = "What to run."},
    {.name = "timeout", .type = BJ_TYPE_INTEGER, .minimum = 1, .maximum = 100, .help = "When."},
    {.name = "share", .type = BJ_TYPE_NUMBER, .maximum = 1, .help = "How much."},
    {.name = "quiet", .type = BJ_TYPE_BOOLEAN, .help = "Whether."},
    {.name = "colour", .choices = colours, .help = "Which."},
    {.name = "names", .type = BJ_TYPE_LIST, .maximum = 2, .help = "Who."},
    {.name = "counts", .type = BJ_TYPE_LIST, .items = BJ_TYPE_INTEGER, .help = "How often."},
    {.name = "part", .type = BJ_TYPE_OBJECT, .schema = &inner, .help = "Of what."},
    {.name = "parts", .type = BJ_TYPE_LIST, .schema = &inner, .help = "Of what all."},
    {.name = "env", .type = BJ_TYPE_MAP, .maximum = 2, .help = "Where."},
    {.name = "more", .type = BJ_TYPE_ANY, .help = "Whatever."},
    {NULL}};
static const struct bj_schema schema = {"Test", "A test.", fields};

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void try_schema(json_t *value, bool query)
{
    struct bj_error err = {0};
    int result;

    if (query && !json_is_object(value))
        return;
    result =
        query ? bj_schema_check_query(&schema, value, &err) : bj_schema_check(&schema, value, &err);
    if (result < 0) {
        expect(result == -err.code && err.message[0] != '\0');
        return;
    }
    expect(bj_schema_check(&schema, value, &err) == 0);
}

static void try_base64(const char *text, size_t length)
{
    struct bj_buf bytes, again;

    bj_buf_init(&bytes, BJ_CONTENT_MAX);
    bj_buf_init(&again, BJ_CONTENT_MAX);
    if (bj_base64_get(&bytes, text, length, NULL) == 0) {
        bj_base64_put(&again, bytes.data, bytes.length);
        expect(again.length == length && (length == 0 || memcmp(again.data, text, length) == 0));
    }
    bj_buf_release(&bytes);
    bj_buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bj_error err = {0};
    json_t *value = NULL;

    try_base64((const char *)data, size);
    if (bj_json_parse_within((const char *)data, size, BJ_REQUEST_MAX, &value, &err) < 0)
        return 0;
    try_schema(value, false);
    try_schema(value, true);
    json_decref(value);
    return 0;
}
