/*
 * Ports: the client's connection joined with a socket into a sandbox.
 *
 * Theory of operation. The request goes on as it came, but for the headers that are between the
 * client and this service: keys (bj_gate_keeps()), and what is about a connection (forward.h).
 * Connection becomes "close", or "Upgrade" where the client asks for another protocol, so that a
 * client does not send its next request, with its key, to a program in a sandbox. The request's
 * body goes through byte by byte and the parser watches where it ends: what follows goes nowhere.
 * A request for another protocol (WebSocket or any) opens the way from the client only when the
 * program has answered 101; what came with the request waits for that. The answer is read and
 * written anew (answer.h), and is the only one.
 * When the handler has begun the response itself with 101, nothing of HTTP goes on: both ways are
 * open at once, for programs that speak something else.
 *
 * Who is joined so is told of an end of input, and may still answer; when both ways have ended, or
 * one is broken, both sockets are closed. A way waits for its other side, with one piece of memory.
 */
#include "server/splice.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "server/answer.h"
#include "server/forward.h"
#include "server/tls.h"

#define SPLICE_PIECE (64 << 10)

struct bj_splice {
    struct bj_connection *connection;
    bj_exchange_fn over; /* called when it is freed */
    void *over_context;
    uv_poll_t poll;
    int fd, events;
    bool open; /* both ways carry whatever there is */
    bool handle_open;
    bool client_ended; /* nothing follows from the client */
    bool told_end;     /* the program was told so */
    bool program_ended;
    struct bj_program_answer answer;
    struct bj_buf head;           /* to the program, before anything else */
    char piece[SPLICE_PIECE];     /* from the client */
    size_t came, filled, written; /* bytes: there are, that may go on, that went */
};

static void watch(struct bj_splice *splice);

/* ---- The end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct bj_splice *splice = handle->data;
    struct bj_connection *connection = splice->connection;

    connection->splice = NULL;
    splice->over(splice->over_context);
    bj_buf_release(&splice->head);
    bj_program_answer_release(&splice->answer);
    bj_free(splice);
    bj_connection_enter(connection);
    if (connection->exchange_open) /* no error was answered in the program's place */
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

/* No whole answer comes from the program: the client is told instead, if it has seen none of it. */
static void end_badly(struct bj_splice *splice, const char *why)
{
    struct bj_connection *connection = splice->connection;

    splice->program_ended = true;
    bj_connection_enter(connection);
    bj_splice_stop(connection);
    if (splice->answer.begun) {
        bj_connection_flush(connection);
        bj_connection_close(connection); /* nobody may take it for all */
    } else {
        connection->begun = false;
        bj_refuse(connection, BJ_E_PROTOCOL, BJ_API_PLAIN, "the program behind the port %s", why);
        bj_response_refuse(connection);
    }
    bj_connection_leave(connection);
}

/* ---- From the program ---- */

static void end_of_program(struct bj_splice *splice)
{
    struct bj_connection *connection = splice->connection;

    if (!splice->open && !bj_program_answer_finish(&splice->answer)) {
        end_badly(splice, "ended its connection without a whole answer");
        return;
    }
    splice->program_ended = true;
    if (!splice->open || splice->client_ended || connection->ssl != NULL) {
        end_well(splice);
        return;
    }
    /* The client may still have something to say. */
    if (bj_connection_pending(connection) == 0)
        shutdown(connection->fd, SHUT_WR);
}

/* False: the way is closed. */
static bool take_from_program(struct bj_splice *splice, const char *data, size_t length)
{
    struct bj_connection *connection = splice->connection;
    ssize_t taken = 0;

    if (!splice->open) {
        taken = bj_program_answer_take(&splice->answer, data, length);
        if (connection->phase != BJ_PHASE_SPLICE)
            return false;
        if (taken < 0) {
            end_badly(splice, "does not answer in HTTP/1.1 what was asked");
            return false;
        }
        splice->open = splice->answer.open;
        if (splice->open)
            splice->filled = splice->came;
        splice->program_ended = splice->answer.done;
    }
    if (splice->open && (size_t)taken < length) {
        connection->body_bytes += (int64_t)length - taken;
        bj_connection_send(connection, data + taken, length - (size_t)taken);
    }
    bj_connection_flush(connection);
    return connection->phase == BJ_PHASE_SPLICE;
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
    if (got < 0 && splice->open) {
        bj_connection_close(connection);
        return;
    }
    if (got <= 0) {
        end_of_program(splice);
        return;
    }
    if (!take_from_program(splice, scratch, (size_t)got))
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
    splice->came = splice->filled = splice->written = 0;
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
    if (splice->head.length == 0 && splice->written < splice->filled) {
        sent = send_to_program(splice, splice->piece + splice->written,
                               splice->filled - splice->written);
        splice->written += (size_t)sent;
    }
    if (splice->written == splice->came)
        splice->written = splice->filled = splice->came = 0;
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

/* Bytes that have come; they are in the piece. Until the way is open those go on that belong to the
 * request, and nothing is read that could take the others' place. */
static void take_from_client(struct bj_splice *splice, size_t length)
{
    struct bj_connection *connection = splice->connection;

    splice->came = length;
    splice->filled = splice->open ? length : 0;
    if (!splice->open && !connection->message_done) {
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

static void put_line(struct bj_buf *out, const char *name, size_t name_length, struct bj_text value)
{
    bj_buf_append(out, name, name_length);
    bj_buf_puts(out, ": ");
    bj_buf_append(out, value.at, value.length);
    bj_buf_puts(out, "\r\n");
}

/* The head for the program: the message as it came, the connection and its framing our own. */
static void put_head(struct bj_splice *splice)
{
    static const struct {
        enum bj_known_header header;
        const char *name;
    } framing[] = {{BJ_HEADER_CONTENT_LENGTH, "Content-Length"},
                   {BJ_HEADER_TRANSFER_ENCODING, "Transfer-Encoding"}};
    struct bj_connection *connection = splice->connection;
    struct bj_buf *out = &splice->head;
    const char *in = connection->in, *line = in + strspn(in, "\r\n");
    struct bj_forward head = {in, connection->headers, connection->header_count};

    bj_buf_append(out, line, strcspn(line, "\r"));
    bj_buf_puts(out, "\r\n");
    for (uint32_t i = 0; i < connection->header_count; i++) {
        const struct bj_header *header = &connection->headers[i];

        if (bj_forward_goes_on(&head, header) && !bj_gate_keeps(connection, i))
            put_line(out, in + header->name_at, header->name_length,
                     (struct bj_text){in + header->value_at, header->value_length});
    }
    for (size_t i = 0; i < sizeof framing / sizeof *framing; i++) {
        struct bj_text value = bj_head_text(connection, framing[i].header);

        if (value.at != NULL)
            put_line(out, framing[i].name, strlen(framing[i].name), value);
    }
    if (connection->parser.upgrade)
        put_line(out, "Upgrade", strlen("Upgrade"), bj_head_text(connection, BJ_HEADER_UPGRADE));
    bj_buf_puts(out, connection->parser.upgrade ? "Connection: Upgrade\r\n\r\n"
                                                : "Connection: close\r\n\r\n");
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
    bj_program_answer_init(&splice->answer, connection);
    return splice;
}

void bj_splice_begin(struct bj_exchange *exchange, int fd, bj_exchange_fn over, void *context)
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
        over(context);
        bj_connection_close(connection);
        bj_response_over(connection);
        bj_connection_leave(connection);
        return;
    }
    splice->over = over;
    splice->over_context = context;
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
    if (rest > 0) {
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
