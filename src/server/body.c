/* JSON bodies: gathered within bounds (share.c), then parsed and checked. */
#include "server/server_internal.h"

#include <string.h>

#include "model/json_read.h"
#include "server/transfer.h"

void bj_body_begin(struct bj_connection *connection)
{
    connection->body.length = 0;
}

bool bj_body_add(struct bj_connection *connection, const char *data, size_t length)
{
    size_t whole = connection->body.length + length;

    if (connection->splice != NULL)
        return true; /* it goes on as it came */
    if (connection->transfer != NULL)
        return bj_transfer_add(connection, data, length);
    if (whole > BJ_REQUEST_MAX) {
        bj_refuse(connection, BJ_E_LIMIT, BJ_API_PLAIN, "a request's body may have %d bytes",
                  BJ_REQUEST_MAX);
        return false;
    }
    if (whole > connection->body_held && !bj_share_body(connection, whole))
        return false;
    bj_buf_append(&connection->body, data, length);
    if (connection->body.failed) {
        bj_refuse(connection, BJ_E_NO_MEMORY, BJ_API_PLAIN, "no memory for the request");
        return false;
    }
    return true;
}

/* A value costs many times the bytes that it takes in the text: there may be so many. What stands
 * in strings is passed over; a text shorter than the limit cannot have too many. */
static bool has_too_many_values(const char *text, size_t length)
{
    size_t count = 0;
    bool in_string = false;

    if (length <= BJ_HTTP_VALUES_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else
                in_string = text[i] != '"';
            continue;
        }
        in_string = text[i] == '"';
        count += text[i] == ',' || text[i] == '[' || text[i] == '{' || text[i] == ':';
    }
    return count > BJ_HTTP_VALUES_MAX;
}

static bool parse_body(struct bj_connection *connection)
{
    struct bj_exchange *exchange = &connection->exchange;
    struct bj_error *err = &connection->refusal.error;

    if (connection->body.length == 0) {
        /* No body is an object without fields: what it lacks is said by name. */
        exchange->body = json_object();
        return exchange->body != NULL;
    }
    if (has_too_many_values(connection->body.data, connection->body.length)) {
        bj_fail(err, BJ_E_LIMIT, "request", "a JSON body may have %d values", BJ_HTTP_VALUES_MAX);
        return false;
    }
    if (bj_json_parse_within(connection->body.data, connection->body.length, BJ_REQUEST_MAX,
                             &exchange->body, err) < 0) {
        err->code = err->code == BJ_E_CONFIG ? BJ_E_INVALID : err->code;
        return false;
    }
    return true;
}

bool bj_body_finish(struct bj_connection *connection)
{
    struct bj_exchange *exchange = &connection->exchange;
    const struct bj_schema *schema = exchange->route->request;

    connection->refusal = (struct bj_refusal){.which = BJ_API_PLAIN};
    if (!parse_body(connection)) {
        if (connection->refusal.error.code == BJ_E_OK)
            bj_fail(&connection->refusal.error, BJ_E_NO_MEMORY, "request",
                    "no memory for the request");
        return false;
    }
    bj_buf_release(&connection->body); /* its values are as large: they count on */
    return schema == NULL ||
           bj_schema_check(schema, exchange->body, &connection->refusal.error) == 0;
}

void bj_body_release(struct bj_connection *connection)
{
    bj_share_end_body(connection);
    bj_buf_release(&connection->body);
}
