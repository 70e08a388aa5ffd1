/*
 * The target of a request, decoded once: a path of plain segments and a query of texts. What could
 * mean one thing here and another elsewhere (dot segments, empty ones, encoded slashes and control
 * characters, bytes that are no UTF-8) is refused instead of tidied up.
 */
#include "server/server_internal.h"

#include <string.h>

#include "base/escape.h"
#include "base/str.h"

static bool refuse_address(struct bj_connection *connection, const char *message)
{
    bj_refuse(connection, BJ_E_INVALID, BJ_API_PLAIN, "%s", message);
    return false;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes into `out`, which has room for `length` and a NUL; -1 when it is not well encoded. */
static ssize_t decode(const char *text, size_t length, bool plus_is_blank, char *out)
{
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (c == '%') {
            int high = i + 2 < length ? digit_of(text[i + 1]) : -1;
            int low = i + 2 < length ? digit_of(text[i + 2]) : -1;

            if (high < 0 || low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        out[used++] = c;
    }
    out[used] = '\0';
    return (ssize_t)used;
}

static bool is_utf8(const char *text, size_t length)
{
    uint32_t point;

    while (length > 0) {
        size_t bytes = bj_text_decode(text, length, &point);

        if (bytes == 0)
            return false;
        text += bytes;
        length -= bytes;
    }
    return true;
}

static bool check_segment(struct bj_connection *connection, const char *segment, size_t length)
{
    if (length == 0 || (length == 1 && segment[0] == '.') ||
        (length == 2 && segment[0] == '.' && segment[1] == '.'))
        return refuse_address(connection,
                              "the address must not have empty, \".\" or \"..\" segments");
    for (size_t i = 0; i < length; i++) {
        if (segment[i] == '/')
            return refuse_address(connection, "the address must not have an encoded slash");
        if ((unsigned char)segment[i] < ' ' || segment[i] == 0x7f)
            return refuse_address(connection, "the address must not have control characters");
    }
    if (!is_utf8(segment, length))
        return refuse_address(connection, "the address must be UTF-8, percent-encoded");
    return true;
}

bool bj_address_path(struct bj_connection *connection, struct bj_text target)
{
    const char *question = memchr(target.at, '?', target.length);
    size_t length = question != NULL ? (size_t)(question - target.at) : target.length, used = 0;
    const char *at = target.at, *end = at + length;
    char *path = bj_arena_alloc(&connection->arena, length + 1);

    if (path == NULL) {
        bj_refuse(connection, BJ_E_NO_MEMORY, BJ_API_PLAIN, "no memory for the request");
        return false;
    }
    connection->exchange.path = path;
    if (length == 1) {
        path[0] = '/';
        return true;
    }
    while (at < end) {
        const char *slash = memchr(at + 1, '/', (size_t)(end - at - 1));
        const char *segment_end = slash != NULL ? slash : end;
        ssize_t decoded;

        path[used++] = '/';
        decoded = decode(at + 1, (size_t)(segment_end - at - 1), false, path + used);
        if (decoded < 0)
            return refuse_address(connection, "the address is not well percent-encoded");
        if (!check_segment(connection, path + used, (size_t)decoded))
            return false;
        used += (size_t)decoded;
        at = segment_end;
    }
    path[used] = '\0';
    return true;
}

/* ---- The query ---- */

static bool add_parameter(struct bj_connection *connection, const char *text, size_t length)
{
    const char *equals = memchr(text, '=', length);
    size_t name_length = equals != NULL ? (size_t)(equals - text) : length;
    char *name = bj_arena_alloc(&connection->arena, length + 2), *value;
    ssize_t name_decoded, value_decoded = 0;

    if (name == NULL) {
        bj_refuse(connection, BJ_E_NO_MEMORY, BJ_API_PLAIN, "no memory for the request");
        return false;
    }
    value = name + name_length + 1;
    name_decoded = decode(text, name_length, true, name);
    if (equals != NULL)
        value_decoded = decode(equals + 1, length - name_length - 1, true, value);
    if (name_decoded < 1 || value_decoded < 0 || memchr(name, '\0', (size_t)name_decoded) != NULL ||
        memchr(value, '\0', (size_t)value_decoded) != NULL ||
        !is_utf8(name, (size_t)name_decoded) || !is_utf8(value, (size_t)value_decoded))
        return refuse_address(connection, "the query is not well percent-encoded UTF-8");
    if (json_object_get(connection->exchange.query, name) != NULL)
        return refuse_address(connection, "the query names a parameter twice");
    if (json_object_set_new(connection->exchange.query, name,
                            json_stringn(value, (size_t)value_decoded)) < 0) {
        bj_refuse(connection, BJ_E_NO_MEMORY, BJ_API_PLAIN, "no memory for the request");
        return false;
    }
    return true;
}

bool bj_address_query(struct bj_connection *connection, struct bj_text target)
{
    static const struct bj_field no_fields[] = {{.name = NULL}};
    static const struct bj_schema nothing = {.name = "Nothing", .fields = no_fields};
    struct bj_exchange *exchange = &connection->exchange;
    const struct bj_schema *schema = exchange->route->query;
    const char *question = memchr(target.at, '?', target.length);
    const char *end = target.at + target.length, *at = question != NULL ? question + 1 : end;

    if (at == end && schema == NULL)
        return true;
    exchange->query = json_object();
    while (at < end) {
        const char *next = memchr(at, '&', (size_t)(end - at));
        size_t length = next != NULL ? (size_t)(next - at) : (size_t)(end - at);

        if (length > 0 && !add_parameter(connection, at, length))
            return false;
        at += length + (next != NULL);
    }
    if (bj_schema_check_query(schema != NULL ? schema : &nothing, exchange->query,
                              &connection->refusal.error) == 0)
        return true;
    connection->refused = true;
    connection->refusal = (struct bj_refusal){.error = connection->refusal.error};
    return false;
}
