/*
 * Ports: the client's connection joined with a socket into a sandbox.
 *
 * Theory of operation. The request goes on as it came, but for two lines: the header that had the
 * key of this service, which is not for the program behind the port, and Connection, which becomes
 * "close" so that a client does not send its next request, with its key, to a program in a sandbox.
 * The request's body goes through byte by byte and the parser watches where it ends: what follows
 * goes nowhere. A request for another protocol (WebSocket or any) opens the way from the client
 * only when the program has answered 101. The response goes through as it comes; a second parser
 * sees where it ends. When the handler has begun the response itself with 101, nothing of HTTP goes
 * on: both ways are open at once, for programs that speak something else.
 *
 * Who is joined so is told of an end of input, and may still answer; when both ways have ended, or
 * one is broken, both sockets are closed. A way waits for its other side, with one piece of memory.
 */
#include "server/splice.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "server/access.h"
#include "server/tls.h"

#define SPLICE_PIECE (64 << 10)

struct bj_splice {
    struct bj_connection *connection;
    uv_poll_t poll;
    int fd, events;
    bool open; /* both ways carry whatever there is */
    bool handle_open;
    bool client_ended; /* nothing follows from the client */
    bool told_end;     /* the program was told so */
    bool program_ended;
    llhttp_t response;
    struct bj_buf head;       /* to the program, before anything else */
    char piece[SPLICE_PIECE]; /* from the client */
    size_t filled, written;
};

static void watch(struct bj_splice *splice);

/* ---- The end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct bj_splice *splice = handle->data;
    struct bj_connection *connection = splice->connection;

    connection->splice = NULL;
    bj_buf_release(&splice->head);
    bj_free(splice);
    bj_connection_enter(connection);
    bj_response_over(connection);
    bj_connection_leave(connection);
}

void bj_splice_stop(struct bj_connection *connection)
{
    struct bj_splice *splice = connection->splice;

    if (splice == NULL || !splice->handle_open)
        return;
    splice->handle_open = false;
    uv_close((uv_handle_t *)&splice->poll, on_closed);
    close(splice->fd);
    splice->fd = -1;
}

/* Everything was said; what waits for the client still goes. */
static void end_well(struct bj_splice *splice)
{
    struct bj_connection *connection = splice->connection;

    bj_splice_stop(connection);
    bj_connection_linger(connection);
}

/* ---- From the program ---- */

static int on_response_head(llhttp_t *parser)
{
    struct bj_splice *splice = parser->data;

    splice->connection->status = parser->status_code;
    if (parser->status_code == 101 && splice->connection->parser.upgrade) {
        splice->open = true;
        return 2;
    }
    return splice->connection->head_only ? 1 : 0;
}

static int on_response_end(llhttp_t *parser)
{
    struct bj_splice *splice = parser->data;

    if (parser->status_code >= 200)
        splice->program_ended = true;
    return 0;
}

static const llhttp_settings_t response_settings = {
    .on_headers_complete = on_response_head,
    .on_message_complete = on_response_end,
};

/* The parser only looks on: a response that it does not understand goes on to its end of file. */
static void look_at_response(struct bj_splice *splice, const char *data, size_t length)
{
    if (!splice->open && llhttp_get_errno(&splice->response) == HPE_OK)
        llhttp_execute(&splice->response, data, length);
}

static void end_of_program(struct bj_splice *splice)
{
    struct bj_connection *connection = splice->connection;

    splice->program_ended = true;
    if (!splice->open || splice->client_ended || connection->ssl != NULL) {
        end_well(splice);
        return;
    }
    /* The client may still have something to say. */
    if (bj_connection_pending(connection) == 0)
        shutdown(connection->fd, SHUT_WR);
}

static void read_program(struct bj_splice *splice)
{
    struct bj_connection *connection = splice->connection;
    char *scratch = connection->server->scratch;
    ssize_t got;

    do
        got = BJ_SYS(recv(splice->fd, scratch, BJ_HTTP_PIECE, 0));
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (got < 0) {
        bj_connection_close(connection);
        return;
    }
    if (got == 0) {
        end_of_program(splice);
        return;
    }
    connection->body_bytes += got;
    look_at_response(splice, scratch, (size_t)got);
    bj_connection_send(connection, scratch, (size_t)got);
    bj_connection_flush(connection);
    if (connection->phase != BJ_PHASE_SPLICE)
        return;
    if (splice->program_ended && !splice->open)
        end_well(splice);
    else
        bj_connection_watch(connection);
}

/* ---- To the program ---- */

static bool has_more(const struct bj_splice *splice)
{
    return splice->head.length > 0 || splice->written < splice->filled;
}

static ssize_t send_to_program(struct bj_splice *splice, const void *data, size_t length)
{
    ssize_t sent;

    do
        sent = BJ_SYS(send(splice->fd, data, length, MSG_NOSIGNAL));
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return sent;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return 0;
    /* It reads no more; its answer may still be worth having. */
    splice->client_ended = splice->told_end = true;
    splice->head.length = 0;
    splice->filled = splice->written = 0;
    return 0;
}

static void write_program(struct bj_splice *splice)
{
    ssize_t sent;

    if (splice->head.length > 0) {
        sent = send_to_program(splice, splice->head.data, splice->head.length);
        if (splice->head.length > 0) {
            memmove(splice->head.data, splice->head.data + sent,
                    splice->head.length - (size_t)sent);
            splice->head.length -= (size_t)sent;
        }
    }
    if (splice->head.length == 0 && splice->written < splice->filled)
        splice->written += (size_t)send_to_program(splice, splice->piece + splice->written,
                                                   splice->filled - splice->written);
    if (splice->written == splice->filled)
        splice->written = splice->filled = 0;
    if (!has_more(splice) && splice->client_ended && !splice->told_end) {
        splice->told_end = true;
        shutdown(splice->fd, SHUT_WR);
    }
}

static void on_program(uv_poll_t *poll, int status, int events)
{
    struct bj_splice *splice = poll->data;
    struct bj_connection *connection = splice->connection;

    bj_connection_enter(connection);
    if (status < 0) {
        read_program(splice); /* what it said before it went, or the error */
        if (splice->handle_open && connection->phase == BJ_PHASE_SPLICE)
            bj_connection_close(connection);
    } else {
        if (events & UV_WRITABLE)
            write_program(splice);
        if (events & UV_READABLE && splice->handle_open && !splice->program_ended)
            read_program(splice);
    }
    if (connection->splice != NULL && splice->handle_open) {
        watch(splice);
        bj_connection_watch(connection);
    }
    bj_connection_leave(connection);
}

static void watch(struct bj_splice *splice)
{
    int events = has_more(splice) ? UV_WRITABLE : 0;

    if (!splice->handle_open)
        return;
    if (!splice->program_ended && bj_connection_pending(splice->connection) < BJ_HTTP_PENDING)
        events |= UV_READABLE;
    if (events == splice->events)
        return;
    splice->events = events;
    if (events == 0)
        uv_poll_stop(&splice->poll);
    else
        uv_poll_start(&splice->poll, events, on_program);
}

void bj_splice_drained(struct bj_connection *connection)
{
    struct bj_splice *splice = connection->splice;

    if (splice == NULL || !splice->handle_open)
        return;
    if (splice->open && splice->program_ended && bj_connection_pending(connection) == 0)
        shutdown(connection->fd, SHUT_WR);
    watch(splice);
}

/* ---- From the client ---- */

bool bj_splice_reads(const struct bj_connection *connection)
{
    const struct bj_splice *splice = connection->splice;

    return splice != NULL && !splice->client_ended && !has_more(splice) &&
           (splice->open || !connection->message_done);
}

bool bj_splice_only_waits(const struct bj_connection *connection)
{
    return connection->splice != NULL && !connection->splice->open && connection->message_done;
}

/* Bytes that have come, of which those go on that belong to the request; they are in the piece. */
static void take_from_client(struct bj_splice *splice, size_t length)
{
    struct bj_connection *connection = splice->connection;

    splice->filled = length;
    if (!splice->open) {
        splice->filled = bj_request_follow(connection, splice->piece, length);
        if (connection->refused) {
            bj_connection_close(connection);
            return;
        }
    }
    write_program(splice);
    watch(splice);
}

void bj_splice_readable(struct bj_connection *connection)
{
    struct bj_splice *splice = connection->splice;
    ssize_t got;

    if (!bj_splice_reads(connection))
        return;
    got = bj_connection_receive(connection, splice->piece, sizeof splice->piece);
    if (got < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            bj_connection_close(connection);
        return;
    }
    if (got > 0) {
        take_from_client(splice, (size_t)got);
        return;
    }
    if (!splice->open || splice->program_ended) {
        bj_connection_close(connection);
        return;
    }
    splice->client_ended = true;
    write_program(splice);
}

/* ---- Beginning ---- */

static bool is_named(const char *name, size_t length, const char *wanted)
{
    return length == strlen(wanted) && strncasecmp(name, wanted, length) == 0;
}

/* The head as it came, without the key, and with the connection to be closed behind it. */
static void put_head(struct bj_splice *splice)
{
    struct bj_connection *connection = splice->connection;
    struct bj_buf *out = &splice->head;
    const char *in = connection->in;
    const char *line = memchr(in, '\n', connection->parsed);
    bool upgrade = connection->parser.upgrade;

    bj_buf_append(out, in, (size_t)(line - in) + 1);
    for (uint32_t i = 0; i < connection->header_count; i++) {
        const struct bj_header *header = &connection->headers[i];
        const char *name = in + header->name_at;

        if (i + 1 == connection->key_header ||
            (!upgrade && (is_named(name, header->name_length, "connection") ||
                          is_named(name, header->name_length, "keep-alive"))))
            continue;
        bj_buf_append(out, name, header->name_length);
        bj_buf_puts(out, ": ");
        bj_buf_append(out, in + header->value_at, header->value_length);
        bj_buf_puts(out, "\r\n");
    }
    bj_buf_puts(out, upgrade ? "\r\n" : "Connection: close\r\n\r\n");
}

static struct bj_splice *make(struct bj_connection *connection, int fd)
{
    struct bj_splice *splice = bj_alloc(sizeof *splice);

    if (splice == NULL)
        return NULL;
    if (uv_poll_init(connection->server->loop, &splice->poll, fd) < 0) {
        bj_free(splice);
        return NULL;
    }
    splice->poll.data = splice;
    splice->connection = connection;
    splice->fd = fd;
    splice->handle_open = true;
    bj_buf_init(&splice->head, BJ_IN_SIZE + 1024);
    llhttp_init(&splice->response, HTTP_RESPONSE, &response_settings);
    splice->response.data = splice;
    return splice;
}

void bj_splice_begin(struct bj_exchange *exchange, int fd)
{
    struct bj_connection *connection = bj_connection_of(exchange);
    struct bj_splice *splice = NULL;
    size_t rest = connection->in_end - connection->parsed;

    bj_connection_enter(connection);
    connection->gone_told = true; /* the exchange is not the handler's any more */
    if (connection->phase != BJ_PHASE_CLOSED)
        splice = make(connection, fd);
    if (splice == NULL) {
        close(fd);
        bj_connection_close(connection);
        bj_response_over(connection);
        bj_connection_leave(connection);
        return;
    }
    connection->splice = splice;
    connection->keep_alive = false;
    splice->open = connection->begun && connection->status == 101;
    if (splice->open && connection->ssl != NULL)
        bj_tls_allow_end(connection);
    connection->begun = true;
    bj_connection_set_phase(connection, BJ_PHASE_SPLICE);
    if (!splice->open) {
        put_head(splice);
        if (!connection->message_done)
            llhttp_resume(&connection->parser);
    }
    if (rest > 0 && (splice->open || !connection->message_done)) {
        memcpy(splice->piece, connection->in + connection->parsed, rest);
        connection->in_end = connection->parsed = connection->head_length;
        take_from_client(splice, rest);
    } else {
        write_program(splice);
        watch(splice);
    }
    bj_connection_watch(connection);
    bj_connection_leave(connection);
}
