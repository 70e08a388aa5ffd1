/*
 * Responses: the one place that writes status lines, headers and chunks. Handlers end an exchange
 * exactly once; whatever they do when the client is gone is thrown away.
 */
#include "server/server_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/str.h"
#include "server/access.h"
#include "server/splice.h"
#include "server/transfer.h"
#include "server/websocket.h"

#define HEAD_LINE_MAX 512

static const struct {
    int status;
    const char *text;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {507, "Insufficient Storage"},
};

const char *bj_response_reason(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status)
            return reasons[i].text;
    }
    return "";
}

/* ---- Heads ---- */

/* For people who read a trace; nothing here goes by it. */
static const char *date_line(struct bj_server *server)
{
    time_t now = time(NULL);
    struct tm utc;

    if (now != server->date_second) {
        server->date_second = now;
        gmtime_r(&now, &utc);
        strftime(server->date, sizeof server->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    }
    return server->date;
}

static bool has_no_body(int status)
{
    return status < 200 || status == 204 || status == 304;
}

/* How the response's end is told. */
static void put_framing(struct bj_connection *connection, int status, int64_t length)
{
    char line[64];

    connection->length_left = -1;
    if (has_no_body(status))
        return;
    if (length >= 0) {
        connection->length_left = length;
        snprintf(line, sizeof line, "Content-Length: %lld\r\n", (long long)length);
        bj_connection_puts(connection, line);
    } else if (connection->parser.http_minor >= 1) {
        connection->chunked = true;
        bj_connection_puts(connection, "Transfer-Encoding: chunked\r\n");
    } else {
        connection->keep_alive = false;
    }
}

static void put_head(struct bj_connection *connection, int status, const char *type, int64_t length)
{
    char line[HEAD_LINE_MAX];
    int used;

    connection->status = status;
    connection->begun = true;
    used = snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n%sX-Request-Id: %s\r\n", status,
                    bj_response_reason(status), date_line(connection->server),
                    connection->exchange.id);
    bj_connection_put(connection, line, (size_t)used);
    if (status == 101)
        goto headers;
    if (type != NULL) {
        used = snprintf(line, sizeof line,
                        "Content-Type: %s\r\nX-Content-Type-Options: nosniff\r\n", type);
        bj_connection_put(connection, line,
                          (size_t)used < sizeof line ? (size_t)used : sizeof line - 1);
    }
    bj_connection_puts(connection, "Cache-Control: no-store\r\n");
    put_framing(connection, status, length);
    /* A body that nobody has read cannot be told from the next request. */
    if (!connection->message_done)
        connection->keep_alive = false;
    if (!connection->keep_alive)
        bj_connection_puts(connection, "Connection: close\r\n");
    else if (connection->parser.http_minor == 0)
        bj_connection_puts(connection, "Connection: keep-alive\r\n");
headers:
    bj_connection_put(connection, connection->set_headers.data, connection->set_headers.length);
    bj_connection_puts(connection, "\r\n");
}

/* Bytes that would end a line are percent-encoded: a value is data, wherever it came from. */
static void put_value(struct bj_buf *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if ((unsigned char)*value < ' ' || *value == 0x7f)
            bj_buf_printf(out, "%%%02X", (unsigned char)*value);
        else
            bj_buf_append(out, value, 1);
    }
}

static void set_header(struct bj_exchange *exchange, const char *name, const char *value)
{
    struct bj_connection *connection = bj_connection_of(exchange);
    struct bj_buf *headers = &connection->set_headers;
    size_t before = headers->length;

    if (strcasecmp(name, "Content-Length") == 0) {
        if (!bj_parse_int64(value, &connection->said_length))
            connection->said_length = -1;
        return;
    }
    bj_buf_puts(headers, name);
    bj_buf_puts(headers, ": ");
    put_value(headers, value);
    bj_buf_puts(headers, "\r\n");
    /* One too many is left out whole. */
    if (headers->failed) {
        headers->length = before;
        headers->failed = false;
    }
}

static const char *header(const struct bj_exchange *exchange, const char *name)
{
    struct bj_connection *connection = bj_connection_of(exchange);
    size_t length = strlen(name);

    for (uint32_t i = 0; i < connection->header_count; i++) {
        const struct bj_header *at = &connection->headers[i];

        if (at->name_length == length &&
            strncasecmp(connection->in + at->name_at, name, length) == 0)
            return bj_arena_copy(&connection->arena, connection->in + at->value_at,
                                 at->value_length);
    }
    return NULL;
}

/* ---- Ends ---- */

/* The exchange is the server's again. */
void bj_response_over(struct bj_connection *connection)
{
    bj_connection_enter(connection);
    connection->ended = true;
    bj_transfer_abandon(connection);
    connection->server->counts.answers[connection->status / 100 % 6]++;
    bj_access_log(connection);
    if (!connection->processing)
        bj_connection_flush(connection);
    bj_request_over(connection);
    /* Whoever answers may be in the middle of a list of those who wait for the same: what its
     * client has asked for next begins when the loop turns, not here. */
    if (!connection->processing && bj_request_waits(connection))
        bj_connection_mark(connection);
    bj_connection_leave(connection);
}

static void respond(struct bj_exchange *exchange, int status, const char *type, const void *body,
                    size_t length)
{
    struct bj_connection *connection = bj_connection_of(exchange);

    if (connection->phase != BJ_PHASE_CLOSED && !connection->head_only &&
        length > connection->server->options.own_bytes &&
        !bj_share_answer(connection, length + BJ_HTTP_HEADER_TEXT_MAX + BJ_HTTP_OWN_HEADERS)) {
        bj_response_refuse(connection); /* an answer of its own, and a small one */
        return;
    }
    bj_connection_enter(connection);
    connection->ended = true;
    if (connection->phase != BJ_PHASE_CLOSED) {
        put_head(connection, status, type, (int64_t)length);
        if (!connection->head_only && !has_no_body(status)) {
            bj_connection_send(connection, body, length);
            connection->body_bytes = (int64_t)length;
        }
    } else {
        connection->status = status;
    }
    bj_response_over(connection);
    bj_connection_leave(connection);
}

static void begin(struct bj_exchange *exchange, int status, const char *type)
{
    struct bj_connection *connection = bj_connection_of(exchange);

    if (connection->phase != BJ_PHASE_CLOSED)
        put_head(connection, status, type, connection->said_length);
    connection->begun = true;
    connection->endless = type != NULL && strcmp(type, "text/event-stream") == 0;
    connection->status = status;
}

static bool write_body(struct bj_exchange *exchange, const void *data, size_t length)
{
    struct bj_connection *connection = bj_connection_of(exchange);
    char size[24];
    int used;

    if (connection->phase == BJ_PHASE_CLOSED)
        return true;
    if (length == 0 || connection->head_only || has_no_body(connection->status))
        return bj_connection_pending(connection) < BJ_HTTP_PENDING;
    connection->body_bytes += (int64_t)length;
    if (connection->chunked) {
        used = snprintf(size, sizeof size, "%zx\r\n", length);
        bj_connection_put(connection, size, (size_t)used);
        bj_connection_send(connection, data, length);
        bj_connection_put(connection, "\r\n", 2);
    } else {
        /* More than was said would be taken for the next response. */
        if (connection->length_left >= 0 && (int64_t)length > connection->length_left)
            length = (size_t)connection->length_left;
        connection->length_left -= connection->length_left >= 0 ? (int64_t)length : 0;
        bj_connection_send(connection, data, length);
    }
    connection->draining = bj_connection_pending(connection) >= BJ_HTTP_PENDING;
    return !connection->draining;
}

static void end(struct bj_exchange *exchange)
{
    struct bj_connection *connection = bj_connection_of(exchange);

    bj_connection_enter(connection);
    connection->ended = true;
    bj_websocket_close(exchange, 1000, NULL);
    if (connection->chunked && !connection->head_only)
        bj_connection_put(connection, "0\r\n\r\n", 5);
    if (connection->length_left > 0 && !connection->head_only) {
        bj_connection_flush(connection);
        bj_connection_close(connection); /* less than was said: no client may take it for all */
    }
    bj_response_over(connection);
    bj_connection_leave(connection);
}

static void reset(struct bj_exchange *exchange)
{
    struct bj_connection *connection = bj_connection_of(exchange);

    bj_connection_enter(connection);
    connection->ended = true;
    bj_connection_close(connection);
    bj_response_over(connection);
    bj_connection_leave(connection);
}

static void on_drain(struct bj_exchange *exchange, bj_exchange_fn drain, void *context)
{
    struct bj_connection *connection = bj_connection_of(exchange);

    connection->drain = drain;
    connection->drain_context = context;
}

static void on_gone(struct bj_exchange *exchange, bj_exchange_fn gone, void *context)
{
    struct bj_connection *connection = bj_connection_of(exchange);

    connection->gone = gone;
    connection->gone_context = context;
}

void bj_response_gone(struct bj_connection *connection)
{
    connection->is_gone = true;
    if (connection->handled && !connection->gone_told)
        bj_connection_mark(connection);
}

void bj_response_tell_gone(struct bj_connection *connection)
{
    if (!connection->is_gone || !connection->handled || connection->gone_told || connection->ended)
        return;
    connection->gone_told = true;
    connection->gone_at = bj_server_now(connection->server);
    bj_websocket_gone(connection);
    if (connection->handled && connection->gone != NULL)
        connection->gone(connection->gone_context);
}

void bj_response_drained(struct bj_connection *connection)
{
    bj_splice_drained(connection);
    if (!connection->draining || connection->ended || connection->transfer != NULL ||
        bj_connection_pending(connection) >= BJ_HTTP_PENDING / 2)
        return;
    connection->draining = false;
    if (connection->drain != NULL)
        connection->drain(connection->drain_context);
}

/* ---- What no handler sees ---- */

void bj_response_continue(struct bj_connection *connection)
{
    if (connection->told_continue || connection->parser.http_minor == 0 ||
        bj_head_text(connection, BJ_HEADER_EXPECT).at == NULL)
        return;
    connection->told_continue = true;
    bj_connection_puts(connection, "HTTP/1.1 100 Continue\r\n\r\n");
}

void bj_response_refuse(struct bj_connection *connection)
{
    struct bj_refusal *refusal = &connection->refusal;
    struct bj_exchange *exchange = &connection->exchange;

    connection->exchange_open = true;
    if (refusal->allow != NULL)
        set_header(exchange, "Allow", refusal->allow);
    if (refusal->error.code == BJ_E_UNAUTHENTICATED)
        set_header(exchange, "WWW-Authenticate", "Bearer");
    bj_exchange_fail_with(
        exchange, &refusal->error,
        &(struct bj_failure){.which = refusal->which, .retry_after_us = refusal->retry_after_us});
}

const struct bj_exchange_server bj_exchange_functions = {
    .header = header,
    .set_header = set_header,
    .respond = respond,
    .begin = begin,
    .write = write_body,
    .on_drain = on_drain,
    .end = end,
    .reset = reset,
    .on_gone = on_gone,
    .upgrade = bj_websocket_upgrade,
    .send_frame = bj_websocket_send,
    .pause_frames = bj_websocket_pause,
    .close_frames = bj_websocket_close,
    .splice = bj_splice_begin,
    .send_file = bj_transfer_send,
    .receive_file = bj_transfer_receive,
};
