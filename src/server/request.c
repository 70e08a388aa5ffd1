/*
 * From bytes to requests: llhttp in its strict mode, one request at a time. The parser stops behind
 * every request, so that the next one begins with a fresh parser where this one's last byte was.
 * What llhttp lets pass and this server does not is checked by head.c over the head's own bytes.
 */
#include "server/server_internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/siphash.h"
#include "server/websocket.h"

static struct bj_connection *of_parser(llhttp_t *parser)
{
    return parser->data;
}

/* ---- The parser's calls ---- */

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
    struct bj_connection *connection = of_parser(parser);

    if (connection->target.value_length == 0)
        connection->target.value_at = (uint16_t)(at - connection->in);
    connection->target.value_length =
        (uint16_t)(at + length - connection->in - connection->target.value_at);
    return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t length)
{
    struct bj_connection *connection = of_parser(parser);
    struct bj_header *header;

    if (connection->head_done) {
        bj_refuse(connection, BJ_E_INVALID, BJ_API_PLAIN, "trailers behind a body are not taken");
        return -1;
    }
    if (!connection->in_field) {
        if (connection->header_count == BJ_HTTP_HEADERS_MAX) {
            bj_refuse(connection, BJ_E_LIMIT, BJ_API_HEAD_TOO_LARGE,
                      "a request may have %d headers", BJ_HTTP_HEADERS_MAX);
            return -1;
        }
        header = &connection->headers[connection->header_count++];
        *header = (struct bj_header){.name_at = (uint16_t)(at - connection->in)};
        connection->in_field = true;
    }
    header = &connection->headers[connection->header_count - 1];
    header->name_length = (uint16_t)(at + length - connection->in - header->name_at);
    return 0;
}

static int on_field_complete(llhttp_t *parser)
{
    of_parser(parser)->in_field = false;
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t length)
{
    struct bj_connection *connection = of_parser(parser);
    struct bj_header *header;

    if (connection->head_done || connection->header_count == 0)
        return -1;
    header = &connection->headers[connection->header_count - 1];
    if (header->value_length == 0)
        header->value_at = (uint16_t)(at - connection->in);
    header->value_length = (uint16_t)(at + length - connection->in - header->value_at);
    return 0;
}

static int on_head(llhttp_t *parser)
{
    struct bj_connection *connection = of_parser(parser);

    connection->head_done = true;
    if (!bj_head_check(connection))
        return bj_head_has_body(connection) ? -1 : 0;
    if (!bj_head_has_body(connection))
        return 0;
    if (connection->is_port || connection->exchange.route->body == BJ_BODY_RAW)
        return HPE_PAUSED;
    bj_body_begin(connection);
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    struct bj_connection *connection = of_parser(parser);

    return bj_body_add(connection, at, length) ? 0 : -1;
}

static int on_extension(llhttp_t *parser, const char *at, size_t length)
{
    struct bj_connection *connection = of_parser(parser);

    (void)at;
    connection->extension_bytes += (uint32_t)length;
    if (connection->extension_bytes <= BJ_HTTP_EXTENSION_MAX)
        return 0;
    bj_refuse(connection, BJ_E_INVALID, BJ_API_PLAIN,
              "the extensions of the body's chunks are too long");
    return -1;
}

static int on_message(llhttp_t *parser)
{
    of_parser(parser)->message_done = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_message_complete = on_message,
};

/* ---- One request ---- */

static void name_request(struct bj_connection *connection)
{
    struct bj_server *server = connection->server;
    static const char digits[] = "0123456789abcdef";
    uint64_t halves[2];

    server->id_count++;
    halves[0] = bj_siphash(server->id_key, &server->id_count, sizeof server->id_count);
    server->id_count++;
    halves[1] = bj_siphash(server->id_key, &server->id_count, sizeof server->id_count);
    for (int i = 0; i < 32; i++)
        connection->exchange.id[i] = digits[halves[i / 16] >> (i % 16 * 4) & 15];
    connection->exchange.id[32] = '\0';
}

/* Everything of the last request is forgotten; the connection's own stays. */
static void begin_request(struct bj_connection *connection)
{
    struct bj_exchange *exchange = &connection->exchange;

    exchange->server = &bj_exchange_functions;
    exchange->route = NULL;
    exchange->who = NULL;
    exchange->method = "";
    exchange->path = "";
    exchange->query = exchange->body = NULL;
    exchange->body_length = 0;
    exchange->started_us = 0;
    llhttp_init(&connection->parser, HTTP_REQUEST, &settings);
    connection->parser.data = connection;
    connection->parsed = 0;
    connection->head_done = connection->message_done = connection->in_field = false;
    connection->header_count = connection->extension_bytes = 0;
    memset(connection->known, 0, sizeof connection->known);
    connection->target = (struct bj_header){0};
    connection->refused = connection->is_port = false;
    connection->key_header = 0;
    connection->endless = false;
    connection->begun = connection->ended = connection->chunked = connection->head_only = false;
    connection->told_continue = connection->draining = connection->gone_told = false;
    connection->is_gone = false;
    connection->gone_at = 0;
    connection->keep_alive = true;
    connection->status = 0;
    connection->length_left = connection->said_length = -1;
    connection->body_bytes = 0;
    connection->drain = connection->gone = NULL;
}

void bj_request_init(struct bj_connection *connection)
{
    begin_request(connection);
}

/* The parser's words are for people who write clients. */
static void refuse_malformed(struct bj_connection *connection)
{
    const char *reason = llhttp_get_error_reason(&connection->parser);

    if (!connection->refused)
        bj_refuse(connection, BJ_E_INVALID, BJ_API_PLAIN, "the request is not valid HTTP/1.1: %s",
                  reason != NULL && reason[0] != '\0' ? reason : "malformed");
}

/* The request is there as far as its handler needs it. */
static void dispatch(struct bj_connection *connection)
{
    struct bj_exchange *exchange = &connection->exchange;

    if (!connection->refused && !connection->is_port && exchange->route->body == BJ_BODY_JSON &&
        !bj_body_finish(connection))
        connection->refused = true;
    if (connection->refused) {
        bj_response_refuse(connection);
        return;
    }
    bj_connection_set_phase(connection, BJ_PHASE_HANDLER);
    connection->exchange_open = connection->handled = true;
    connection->server->counts.active++;
    exchange->route->handler(exchange, connection->server->options.service);
}

static void begin_exchange(struct bj_connection *connection)
{
    if (connection->exchange.started_us != 0)
        return;
    connection->exchange.started_us = bj_clock_us();
    connection->counted_requests++;
    connection->server->counts.requests++;
    name_request(connection);
}

/* Parses, and returns how many bytes it took: all, or those up to where it stopped. */
static size_t parse(struct bj_connection *connection, const char *data, size_t length)
{
    llhttp_errno_t result = llhttp_execute(&connection->parser, data, length);

    if (result == HPE_OK)
        return length;
    if (result == HPE_PAUSED || result == HPE_PAUSED_UPGRADE)
        return (size_t)(llhttp_get_error_pos(&connection->parser) - data);
    refuse_malformed(connection);
    connection->keep_alive = false;
    return length;
}

static bool stopped(const struct bj_connection *connection)
{
    return llhttp_get_errno(&connection->parser) != HPE_OK;
}

static void check_head_length(struct bj_connection *connection)
{
    if (connection->in_end < BJ_HTTP_HEAD_MAX || connection->head_done)
        return;
    if (connection->header_count == 0)
        bj_refuse(connection, BJ_E_LIMIT, BJ_API_TARGET_TOO_LONG,
                  "the address of a request may have %d bytes", BJ_HTTP_TARGET_MAX);
    else
        bj_refuse(connection, BJ_E_LIMIT, BJ_API_HEAD_TOO_LARGE,
                  "the head of a request may have %d bytes", BJ_HTTP_HEAD_MAX);
    connection->keep_alive = false;
}

/* One request from the buffer as far as it is there; true if it was complete and is answered. */
static bool process_one(struct bj_connection *connection)
{
    size_t fresh = connection->in_end - connection->parsed;

    begin_exchange(connection);
    connection->parsed += parse(connection, connection->in + connection->parsed, fresh);
    check_head_length(connection);
    if (connection->refused && !connection->message_done)
        connection->keep_alive = false;
    if (stopped(connection) || connection->refused) {
        dispatch(connection);
        return !connection->exchange_open;
    }
    if (connection->head_done) {
        /* All that was in the buffer behind the head was its body's. */
        connection->in_end = connection->parsed = connection->head_length;
        bj_connection_set_phase(connection, BJ_PHASE_BODY);
        bj_response_continue(connection);
    }
    return false;
}

bool bj_request_waits(const struct bj_connection *connection)
{
    return connection->phase == BJ_PHASE_HEAD && connection->in_end > connection->parsed &&
           bj_connection_pending(connection) < BJ_HTTP_PENDING;
}

void bj_request_process(struct bj_connection *connection)
{
    if (connection->processing)
        return;
    connection->processing = true;
    bj_connection_enter(connection);
    while (bj_request_waits(connection)) {
        while (bj_request_waits(connection) && process_one(connection))
            ;
        /* Before what is watched for is looked at: mostly there is nothing to wait for then. */
        if (bj_connection_pending(connection) > 0)
            bj_connection_flush(connection);
    }
    connection->processing = false;
    bj_connection_watch(connection);
    bj_connection_leave(connection);
}

void bj_request_go_on(struct bj_connection *connection)
{
    if (bj_request_waits(connection))
        bj_request_process(connection);
}

bool bj_request_feed(struct bj_connection *connection, char *data, size_t length)
{
    size_t taken = parse(connection, data, length), rest = length - taken;

    if (!stopped(connection) && !connection->refused)
        return true;
    if (connection->refused || rest > BJ_IN_SIZE - connection->in_end) {
        /* More requests at once than wait here: the client sends them again. */
        connection->keep_alive = false;
        rest = 0;
    }
    memcpy(connection->in + connection->in_end, data + taken, rest);
    connection->in_end += rest;
    if (connection->transfer == NULL)
        dispatch(connection);
    return !connection->refused;
}

size_t bj_request_follow(struct bj_connection *connection, const char *data, size_t length)
{
    return parse(connection, data, length);
}

void bj_request_feed_rest(struct bj_connection *connection)
{
    connection->parsed += parse(connection, connection->in + connection->parsed,
                                connection->in_end - connection->parsed);
    if (connection->refused || !connection->message_done)
        connection->in_end = connection->parsed = connection->head_length;
}

void bj_request_release(struct bj_connection *connection)
{
    json_decref(connection->exchange.query);
    json_decref(connection->exchange.body);
    connection->exchange.query = connection->exchange.body = NULL;
    bj_body_release(connection);
    bj_websocket_free(connection);
}

void bj_request_over(struct bj_connection *connection)
{
    size_t rest = connection->in_end - connection->parsed;

    bj_connection_enter(connection);
    bj_request_release(connection);
    bj_arena_reset(&connection->arena);
    connection->set_headers.length = 0;
    connection->set_headers.failed = false;
    if (connection->handled)
        connection->server->counts.active--;
    connection->exchange_open = connection->handled = false;
    if (connection->phase != BJ_PHASE_CLOSED) {
        if (!connection->keep_alive || connection->status == 101 || !connection->message_done ||
            connection->input_ended) {
            bj_connection_linger(connection);
        } else {
            if (rest > 0)
                memmove(connection->in, connection->in + connection->parsed, rest);
            connection->in_end = rest;
            begin_request(connection);
            bj_connection_rest(connection);
            bj_connection_set_phase(connection, BJ_PHASE_HEAD);
        }
    }
    bj_connection_leave(connection);
}
