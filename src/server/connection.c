/*
 * Bytes in and out of one connection, plain or through TLS, with a bound on what waits; its phases'
 * time-outs, and its end.
 */
#include "server/server_internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "server/progress.h"
#include "server/splice.h"
#include "server/tls.h"
#include "server/transfer.h"
#include "server/websocket.h"

#define KEEP_OUT         (16 << 10) /* bytes of an empty buffer that a connection keeps */
#define LINGER_MS        2000
#define KEEPALIVE_PROBES 4
#define SEND_NOW         (64 << 10) /* waiting bytes that go with those of a large answer */

static void on_poll(uv_poll_t *poll, int status, int events);

/* ---- Birth ---- */

static void learn_peer(struct bj_connection *connection)
{
    const struct bj_server_gate *gate = &connection->server->options.gate;
    struct ucred peer;
    socklen_t length = sizeof peer;

    if (gate->peer != NULL &&
        getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
        gate->peer(gate->context, peer.uid, peer.gid, &connection->peer_identity) < 0)
        connection->peer_identity = NULL;
}

/* A client whose machine has gone says nothing more, and a request that waits, or a port that
 * nothing comes from, would wait with it for ever. */
static void set_up_tcp(const struct bj_connection *connection)
{
    int one = 1, idle = (int)connection->server->options.keepalive_s;
    int between = (idle + KEEPALIVE_PROBES - 1) / KEEPALIVE_PROBES, probes = KEEPALIVE_PROBES;

    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
    setsockopt(connection->fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(connection->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
}

static void link_connection(struct bj_server *server, struct bj_connection *connection)
{
    connection->next = server->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    server->connections = connection;
    server->counts.connections++;
}

int bj_connection_new(struct bj_server *server, int fd, const struct bj_server_socket *listener,
                      struct bj_connection **ret)
{
    struct bj_connection *connection = bj_alloc(sizeof *connection);

    if (connection == NULL)
        return -BJ_E_NO_MEMORY;
    connection->server = server;
    connection->fd = fd;
    connection->is_unix = listener->is_unix;
    connection->tls = listener->tls != NULL;
    if (connection->tls && (connection->ssl = bj_tls_session(listener->tls, fd)) == NULL) {
        bj_free(connection);
        return -BJ_E_NO_MEMORY;
    }
    if (uv_poll_init(server->loop, &connection->poll, fd) < 0) {
        SSL_free(connection->ssl);
        bj_free(connection);
        return -BJ_E_SYSTEM;
    }
    connection->poll.data = connection;
    connection->handle_open = true;
    if (connection->is_unix)
        learn_peer(connection);
    else
        set_up_tcp(connection);
    bj_buf_init(&connection->out, BJ_HTTP_PENDING_MAX);
    bj_buf_init(&connection->set_headers, BJ_HTTP_HEADER_TEXT_MAX);
    bj_buf_init(&connection->body, BJ_REQUEST_MAX);
    bj_arena_init(&connection->arena, BJ_HTTP_MEMORY_MAX);
    link_connection(server, connection);
    bj_request_init(connection);
    bj_connection_set_phase(connection, connection->tls ? BJ_PHASE_HANDSHAKE : BJ_PHASE_HEAD);
    bj_connection_watch(connection);
    *ret = connection;
    return 0;
}

/* ---- In ---- */

ssize_t bj_connection_receive(struct bj_connection *connection, void *data, size_t size)
{
    ssize_t got;

    if (connection->ssl != NULL) {
        got = bj_tls_receive(connection, data, size);
    } else {
        do
            got = BJ_SYS(recv(connection->fd, data, size, 0));
        while (got < 0 && errno == EINTR);
    }
    if (got > 0) {
        connection->received += (uint64_t)got;
        connection->server->counts.received += (uint64_t)got;
    }
    return got;
}

static bool take_in_buffer(struct bj_connection *connection)
{
    struct bj_server *server = connection->server;

    if (connection->in != NULL)
        return true;
    if (server->spare_in_count > 0)
        connection->in = server->spare_in[--server->spare_in_count];
    else
        connection->in = bj_alloc(BJ_IN_SIZE);
    return connection->in != NULL;
}

static void give_in_buffer(struct bj_connection *connection)
{
    struct bj_server *server = connection->server;

    if (connection->in == NULL)
        return;
    if (server->spare_in_count < sizeof server->spare_in / sizeof *server->spare_in)
        server->spare_in[server->spare_in_count++] = connection->in;
    else
        bj_free(connection->in);
    connection->in = NULL;
}

/* The client sends no more: nothing that is not complete will ever be. */
static void end_input(struct bj_connection *connection)
{
    connection->input_ended = true;
    if (connection->phase == BJ_PHASE_HANDLER)
        bj_response_gone(connection);
    else if (bj_connection_pending(connection) == 0)
        bj_connection_close(connection);
    else if (connection->phase != BJ_PHASE_LINGER)
        bj_connection_linger(connection);
}

static void fail_input(struct bj_connection *connection, ssize_t got)
{
    if (got == 0)
        end_input(connection);
    else if (errno != EAGAIN && errno != EWOULDBLOCK)
        bj_connection_close(connection);
}

/* Into the connection's own buffer: heads, and what comes while a handler is at work. */
static void read_ahead(struct bj_connection *connection)
{
    ssize_t got;

    if (!take_in_buffer(connection)) {
        bj_connection_close(connection);
        return;
    }
    got = bj_connection_receive(connection, connection->in + connection->in_end,
                                BJ_IN_SIZE - connection->in_end);
    if (got <= 0) {
        fail_input(connection, got);
        return;
    }
    if (connection->phase == BJ_PHASE_HEAD && connection->in_end == 0)
        bj_connection_renew(connection);
    connection->in_end += (size_t)got;
    if (connection->phase == BJ_PHASE_HEAD)
        bj_request_process(connection);
}

/* Of a body that is gathered: nothing of it stays here but the beginning of the next request. */
static void read_body(struct bj_connection *connection)
{
    char *scratch = connection->server->scratch;
    ssize_t got = bj_connection_receive(connection, scratch, BJ_HTTP_PIECE);

    if (got <= 0)
        fail_input(connection, got);
    else
        bj_request_feed(connection, scratch, (size_t)got);
}

static void read_nothing(struct bj_connection *connection)
{
    ssize_t got = bj_connection_receive(connection, connection->server->scratch, BJ_HTTP_PIECE);

    /* Who sends no more may still wait for what was to be said. */
    if (got == 0 && bj_connection_pending(connection) > 0)
        connection->input_ended = true;
    else if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
        bj_connection_close(connection);
}

static void on_readable(struct bj_connection *connection)
{
    switch (connection->phase) {
    case BJ_PHASE_HANDSHAKE:
        if (bj_tls_handshake(connection))
            bj_connection_set_phase(connection, BJ_PHASE_HEAD);
        break;
    case BJ_PHASE_HEAD:
    case BJ_PHASE_HANDLER:
        if (connection->in_end < BJ_IN_SIZE && !connection->input_ended)
            read_ahead(connection);
        break;
    case BJ_PHASE_BODY:
        read_body(connection);
        break;
    case BJ_PHASE_TRANSFER:
        bj_transfer_readable(connection);
        break;
    case BJ_PHASE_WEBSOCKET:
        bj_websocket_readable(connection);
        break;
    case BJ_PHASE_SPLICE:
        bj_splice_readable(connection);
        break;
    case BJ_PHASE_LINGER:
        read_nothing(connection);
        break;
    default:
        break;
    }
}

void bj_connection_kick(struct bj_connection *connection)
{
    while (connection->ssl != NULL && connection->events & UV_READABLE &&
           connection->phase != BJ_PHASE_CLOSED && SSL_pending(connection->ssl) > 0) {
        on_readable(connection);
        bj_connection_watch(connection);
    }
    if (connection->phase == BJ_PHASE_WEBSOCKET && bj_websocket_waits(connection)) {
        bj_websocket_readable(connection);
        bj_connection_watch(connection);
    }
}

/* ---- Out ---- */

size_t bj_connection_pending(const struct bj_connection *connection)
{
    return connection->out.length - connection->out_sent;
}

void bj_connection_mark(struct bj_connection *connection)
{
    struct bj_server *server = connection->server;

    if (connection->dirty)
        return;
    connection->dirty = true;
    connection->next_dirty = server->dirty;
    server->dirty = connection;
}

void bj_connection_put(struct bj_connection *connection, const void *data, size_t length)
{
    if (connection->phase == BJ_PHASE_CLOSED)
        return;
    if (bj_share_answer(connection, length))
        bj_buf_append(&connection->out, data, length);
    else
        connection->out.failed = true;
    if (connection->out.failed) {
        bj_connection_close(connection);
        return;
    }
    bj_connection_mark(connection);
}

void bj_connection_puts(struct bj_connection *connection, const char *text)
{
    bj_connection_put(connection, text, strlen(text));
}

static ssize_t send_some(struct bj_connection *connection, const void *data, size_t length,
                         const void *more, size_t more_length)
{
    struct iovec pieces[2] = {{(void *)data, length}, {(void *)more, more_length}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = more_length > 0 ? 2 : 1};
    ssize_t sent;

    if (connection->ssl != NULL)
        return bj_tls_send(connection, data, length);
    do
        sent = BJ_SYS(sendmsg(connection->fd, &message, MSG_NOSIGNAL));
    while (sent < 0 && errno == EINTR);
    return sent;
}

void bj_connection_count_sent(struct bj_connection *connection, size_t length)
{
    connection->sent += length;
    connection->server->counts.sent += length;
}

/* Without the memory that it needs no more; if that fails, it keeps it. */
static void shrink(struct bj_buf *buf)
{
    char *less = bj_realloc_array(buf->data, buf->length + 1, 1);

    if (less == NULL)
        return;
    buf->data = less;
    buf->capacity = buf->length + 1;
}

/* What was sent goes from the buffer, which is given back when it is empty and large. */
static void drop_sent(struct bj_connection *connection, size_t sent)
{
    struct bj_buf *out = &connection->out;

    bj_connection_count_sent(connection, sent);
    connection->out_sent += sent;
    if (connection->out_sent < out->length) {
        if (connection->out_sent > BJ_HTTP_PENDING && connection->out_sent > out->length / 2) {
            memmove(out->data, out->data + connection->out_sent,
                    out->length - connection->out_sent);
            out->length -= connection->out_sent;
            connection->out_sent = 0;
            shrink(out);
        }
        bj_share_settle(connection);
        return;
    }
    out->length = connection->out_sent = 0;
    bj_share_settle(connection);
    if (out->capacity > KEEP_OUT)
        bj_buf_release(out);
}

void bj_connection_flush(struct bj_connection *connection)
{
    while (bj_connection_pending(connection) > 0 && connection->phase != BJ_PHASE_CLOSED) {
        ssize_t sent = send_some(connection, connection->out.data + connection->out_sent,
                                 bj_connection_pending(connection), NULL, 0);

        if (sent < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                bj_connection_close(connection);
                return;
            }
            break;
        }
        drop_sent(connection, (size_t)sent);
    }
    if (connection->phase == BJ_PHASE_CLOSED)
        return;
    if (connection->phase == BJ_PHASE_LINGER && !connection->told_end &&
        bj_connection_pending(connection) == 0) {
        connection->told_end = true;
        bj_connection_renew(connection);
        if (connection->ssl != NULL)
            SSL_shutdown(connection->ssl);
        shutdown(connection->fd, SHUT_WR);
        if (connection->input_ended) {
            bj_connection_close(connection);
            return;
        }
    }
    bj_connection_watch(connection);
    bj_response_drained(connection);
}

void bj_connection_send(struct bj_connection *connection, const void *data, size_t length)
{
    size_t head = bj_connection_pending(connection);
    ssize_t sent = 0;

    if (connection->phase == BJ_PHASE_CLOSED)
        return;
    if (connection->ssl == NULL && length > KEEP_OUT && head < SEND_NOW) {
        sent =
            send_some(connection, connection->out.data + connection->out_sent, head, data, length);
        if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
            bj_connection_close(connection);
            return;
        }
        sent = sent < 0 ? 0 : sent;
        drop_sent(connection, (size_t)sent < head ? (size_t)sent : head);
        sent -= (size_t)sent < head ? sent : (ssize_t)head;
        bj_connection_count_sent(connection, (size_t)sent);
    }
    bj_connection_put(connection, (const char *)data + sent, length - (size_t)sent);
}

/* ---- Watching ---- */

static int wanted_events(const struct bj_connection *connection)
{
    int events = 0;

    if (bj_connection_pending(connection) > 0 || connection->ssl_wants_write)
        events |= UV_WRITABLE;
    events |= bj_transfer_events(connection) & UV_WRITABLE;
    if (connection->input_ended)
        return events;
    switch (connection->phase) {
    case BJ_PHASE_HEAD:
        /* Who does not read its answers is asked for no more. */
        if (bj_connection_pending(connection) < BJ_HTTP_PENDING)
            events |= UV_READABLE;
        break;
    case BJ_PHASE_HANDLER:
        events |= connection->in_end < BJ_IN_SIZE ? UV_READABLE : UV_DISCONNECT;
        break;
    case BJ_PHASE_WEBSOCKET:
        events |= bj_websocket_reads(connection) ? UV_READABLE : UV_DISCONNECT;
        break;
    case BJ_PHASE_SPLICE:
        events |= bj_splice_reads(connection)        ? UV_READABLE
                  : bj_splice_only_waits(connection) ? UV_DISCONNECT
                                                     : 0;
        break;
    case BJ_PHASE_TRANSFER:
        events |= bj_transfer_events(connection);
        break;
    case BJ_PHASE_CLOSED:
        return 0;
    default:
        events |= UV_READABLE;
    }
    return events;
}

void bj_connection_watch(struct bj_connection *connection)
{
    int events;

    if (!connection->handle_open || connection->phase == BJ_PHASE_CLOSED)
        return;
    events = wanted_events(connection);
    if ((events & UV_READABLE && connection->ssl != NULL && SSL_pending(connection->ssl) > 0) ||
        bj_websocket_waits(connection))
        bj_connection_mark(connection);
    if (events == connection->events)
        return;
    connection->events = events;
    if (events == 0)
        uv_poll_stop(&connection->poll);
    else
        uv_poll_start(&connection->poll, events, on_poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct bj_connection *connection = poll->data;

    bj_connection_enter(connection);
    if (status < 0) {
        connection->events = 0;
        bj_connection_close(connection);
    } else {
        if (events & UV_WRITABLE) {
            bj_connection_flush(connection);
            bj_request_go_on(connection);
            bj_transfer_writable(connection);
        }
        if (events & (UV_READABLE | UV_WRITABLE) && connection->phase == BJ_PHASE_HANDSHAKE)
            on_readable(connection);
        else if (events & UV_READABLE)
            on_readable(connection);
        if (events & UV_DISCONNECT && connection->phase != BJ_PHASE_CLOSED)
            end_input(connection);
    }
    bj_connection_watch(connection);
    bj_connection_leave(connection);
}

void bj_connection_read(struct bj_connection *connection)
{
    on_poll(&connection->poll, 0, UV_READABLE);
}

/* ---- Time ---- */

void bj_connection_renew(struct bj_connection *connection)
{
    const struct bj_server_options *options = &connection->server->options;
    uint64_t now = bj_server_now(connection->server), wait = 0;

    switch (connection->phase) {
    case BJ_PHASE_HANDSHAKE:
        wait = options->head_ms;
        break;
    case BJ_PHASE_HEAD:
        wait = connection->in_end == 0 && connection->counted_requests > 0 ? options->idle_ms
                                                                           : options->head_ms;
        break;
    case BJ_PHASE_BODY:
    case BJ_PHASE_TRANSFER:
        wait = options->progress_ms;
        break;
    case BJ_PHASE_WEBSOCKET:
        wait = options->idle_ms / 2;
        break;
    case BJ_PHASE_LINGER:
        wait = LINGER_MS;
        break;
    default:
        break;
    }
    connection->deadline = wait > 0 ? now + wait : 0;
    connection->progress_mark = connection->received;
}

void bj_connection_set_phase(struct bj_connection *connection, enum bj_phase phase)
{
    connection->phase = phase;
    bj_connection_renew(connection);
}

/*
 * Bytes that the client has taken. The kernel says when there is room again only after a third of
 * its buffer has gone, which a slow client may need long for; so it is asked what was acknowledged.
 */
static uint64_t taken_by_client(const struct bj_connection *connection)
{
    uint64_t taken;

    if (!connection->is_unix && bj_progress_acknowledged(connection->fd, &taken))
        return taken;
    return connection->sent;
}

/* A client that takes what waits for it too slowly, or not at all. */
static bool is_slow_reader(struct bj_connection *connection, uint64_t now)
{
    const struct bj_server_options *options = &connection->server->options;
    bool waits =
        bj_connection_pending(connection) > 0 || bj_transfer_events(connection) & UV_WRITABLE;
    bool was_waiting = connection->was_pending;
    uint64_t taken;

    connection->was_pending = waits;
    if (!waits)
        return false;
    taken = taken_by_client(connection);
    if (!was_waiting || taken - connection->sent_mark >= connection->sent_wanted) {
        connection->sent_mark = taken;
        connection->sent_wanted = bj_share_progress(connection);
        connection->sent_deadline = now + options->progress_ms;
        return false;
    }
    return now >= connection->sent_deadline;
}

/*
 * Broken, as nobody has been told: where neither side of a connection gets on, as with a port whose
 * program reads no more, it is not watched, since an end of input that has to wait would be told of
 * again and again.
 */
static bool broke_unseen(const struct bj_connection *connection)
{
    struct pollfd now = {.fd = connection->fd};

    return connection->events == 0 && connection->handle_open &&
           connection->phase != BJ_PHASE_CLOSED && poll(&now, 1, 0) > 0 && now.revents & POLLERR;
}

static void time_out_request(struct bj_connection *connection)
{
    bj_refuse(connection, BJ_E_TIMEOUT, BJ_API_PLAIN, "the request did not come in time");
    bj_response_refuse(connection);
}

void bj_connection_check(struct bj_connection *connection, uint64_t now)
{
    const struct bj_server_options *options = &connection->server->options;

    if (broke_unseen(connection)) {
        bj_connection_close(connection);
        return;
    }
    if (is_slow_reader(connection, now)) {
        connection->server->counts.timed_out++;
        bj_connection_close(connection);
        return;
    }
    if (connection->deadline == 0 || now < connection->deadline)
        return;
    if (connection->phase == BJ_PHASE_BODY &&
        connection->received - connection->progress_mark >= bj_share_progress(connection)) {
        bj_connection_renew(connection);
        return;
    }
    if (connection->phase == BJ_PHASE_LINGER) {
        if (connection->told_end)
            bj_connection_close(connection);
        return;
    }
    if (connection->phase == BJ_PHASE_WEBSOCKET &&
        (connection->received > connection->progress_mark || bj_websocket_ping(connection))) {
        bj_connection_renew(connection);
        return;
    }
    /* It is not the client who is slow when nothing is asked of it. */
    if (connection->phase == BJ_PHASE_TRANSFER &&
        (!(bj_transfer_events(connection) & UV_READABLE) ||
         connection->received - connection->progress_mark >= options->progress_bytes)) {
        bj_connection_renew(connection);
        return;
    }
    connection->server->counts.timed_out++;
    if (connection->phase == BJ_PHASE_TRANSFER) {
        connection->keep_alive = false;
        bj_transfer_stop(connection, BJ_E_TIMEOUT);
        return;
    }
    if ((connection->phase == BJ_PHASE_HEAD && connection->in_end > 0) ||
        connection->phase == BJ_PHASE_BODY)
        time_out_request(connection);
    else
        bj_connection_close(connection);
}

/* ---- End ---- */

void bj_connection_linger(struct bj_connection *connection)
{
    if (connection->phase == BJ_PHASE_CLOSED || connection->phase == BJ_PHASE_LINGER)
        return;
    bj_connection_set_phase(connection, BJ_PHASE_LINGER);
    give_in_buffer(connection);
    connection->in_end = connection->parsed = 0;
    bj_connection_flush(connection);
}

static void on_closed(uv_handle_t *handle)
{
    struct bj_connection *connection = handle->data;

    bj_connection_enter(connection);
    connection->handle_open = false;
    bj_connection_leave(connection);
}

void bj_connection_close(struct bj_connection *connection)
{
    if (connection->phase == BJ_PHASE_CLOSED)
        return;
    connection->phase = BJ_PHASE_CLOSED;
    connection->out.length = connection->out_sent = 0;
    bj_buf_release(&connection->out);
    bj_share_settle(connection);
    uv_poll_stop(&connection->poll);
    uv_close((uv_handle_t *)&connection->poll, on_closed);
    if (connection->ssl != NULL) {
        SSL_free(connection->ssl);
        connection->ssl = NULL;
    }
    if (bj_transfer_has_socket(connection)) {
        shutdown(connection->fd, SHUT_RDWR);
    } else {
        close(connection->fd);
        connection->fd = -1;
    }
    bj_transfer_stop(connection, BJ_E_ENDED);
    bj_splice_stop(connection);
    bj_response_gone(connection);
}

void bj_connection_leave(struct bj_connection *connection)
{
    connection->busy--;
    if (connection->busy > 0 || connection->handle_open || connection->exchange_open ||
        connection->transfer != NULL || connection->splice != NULL || connection->dirty ||
        connection->dead)
        return;
    connection->dead = true;
    bj_server_forget(connection);
}

void bj_connection_free(struct bj_connection *connection)
{
    give_in_buffer(connection);
    bj_request_release(connection);
    bj_buf_release(&connection->out);
    bj_buf_release(&connection->set_headers);
    bj_arena_release(&connection->arena);
    bj_free(connection);
}

void bj_connection_rest(struct bj_connection *connection)
{
    if (connection->in_end == 0)
        give_in_buffer(connection);
}
