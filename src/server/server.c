/*
 * The server itself: listening sockets, limits on connections, one clock for all time-outs, the
 * end. Connections are accepted here rather than by libuv, which would need to open a file when
 * descriptors run out, and the front cannot open any.
 */
#include "server/server_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "server/transfer.h"
#include "server/websocket.h"

#define TICK_MS      250
#define STOP_TICK_MS 20   /* somebody waits for the end */
#define EXPECTING_MS 500  /* for a first request, when the server is to stop */
#define LAST_MS      2000 /* for handlers without clients, behind the deadline for the end */

uint64_t bj_server_now(const struct bj_server *server)
{
    return uv_now(server->loop);
}

/* ---- Listening ---- */

static void on_listener(uv_poll_t *poll, int status, int events);

static void refuse_connection(struct bj_server *server, int fd, bool is_tls)
{
    static const char body[] =
        "{\"error\": {\"code\": \"BUSY\", \"message\": \"too many connections\", "
        "\"advice\": \"try again after a moment\", \"request_id\": \"\"}}\n";
    char busy[512];
    int length = snprintf(busy, sizeof busy,
                          "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
                          "Content-Length: %zu\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s",
                          sizeof body - 1, body);

    server->counts.refused++;
    if (!is_tls)
        (void)send(fd, busy, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

/* Takes one; false when there is none, or none can be taken now. */
static bool accept_one(struct bj_server_socket *listener)
{
    struct bj_server *server = listener->server;
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    struct bj_connection *connection;
    struct bj_peer_address peer;
    char text[INET6_ADDRSTRLEN];
    bool is_proxy, reserved;
    int fd = BJ_SYS(
        accept4(listener->fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));

    if (fd < 0) {
        /* Out of descriptors or memory: the tick tries again. */
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            uv_poll_stop(&listener->poll);
            listener->paused = true;
        }
        return errno == ECONNABORTED || errno == EINTR;
    }
    server->counts.accepted++;
    peer = bj_room_address(&address, fd, text);
    is_proxy = bj_room_is_proxy(server, text);
    if (is_proxy)
        peer.value = 0;
    if (!bj_room_for(server, peer, &reserved)) {
        refuse_connection(server, fd, listener->tls != NULL);
        return true;
    }
    if (bj_connection_new(server, fd, listener, &connection) < 0) {
        server->counts.refused++;
        close(fd);
        return true;
    }
    connection->peer = peer;
    connection->is_proxy = is_proxy;
    connection->reserved = reserved;
    memcpy(connection->peer_text, text, sizeof text);
    return true;
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
    struct bj_server_socket *listener = poll->data;

    (void)status;
    (void)events;
    for (int i = 0; i < BJ_HTTP_ACCEPT_MAX && accept_one(listener); i++)
        ;
}

int bj_server_listen(struct bj_server *server, int fd, struct bj_tls *tls, struct bj_error *err)
{
    struct bj_server_socket *listener = &server->listeners[server->listener_count];
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int result;

    if (server->listener_count == BJ_HTTP_LISTENERS_MAX)
        return bj_fail(err, BJ_E_LIMIT, "listen", "more than %d addresses to listen on",
                       BJ_HTTP_LISTENERS_MAX);
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return bj_fail_errno(err, "listen", "cannot look at a listening socket");
    result = uv_poll_init(server->loop, &listener->poll, fd);
    if (result < 0)
        return bj_fail(err, BJ_E_SYSTEM, "listen", "cannot watch a listening socket: %s",
                       uv_strerror(result));
    *listener = (struct bj_server_socket){.server = server,
                                          .poll = listener->poll,
                                          .fd = fd,
                                          .tls = tls,
                                          .is_unix = address.ss_family == AF_UNIX,
                                          .open = true};
    listener->poll.data = listener;
    server->listener_count++;
    server->handles++;
    uv_poll_start(&listener->poll, UV_READABLE, on_listener);
    return 0;
}

/* ---- The clock ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct bj_server *server = handle->data;

    server->handles--;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct bj_server_socket *listener = handle->data;

    listener->server->handles--;
}

static void check_stopped(struct bj_server *server)
{
    if (!server->stopping || server->stopped || server->connections != NULL)
        return;
    server->stopped = true;
    uv_timer_stop(&server->tick);
    if (server->on_stopped != NULL)
        server->on_stopped(server->stopped_context);
}

static struct bj_connection **list_of(struct bj_connection *connection)
{
    struct bj_server *server = connection->server;

    return connection->stranded ? &server->stranded : &server->connections;
}

static void unlink_connection(struct bj_connection *connection)
{
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        *list_of(connection) = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    if (!connection->stranded)
        connection->server->counts.connections--;
}

/* Its client is gone, its handler was told, and has not ended in all the time since. */
static bool is_abandoned(const struct bj_connection *connection, uint64_t now)
{
    const struct bj_server *server = connection->server;

    if (connection->gone_at == 0 || connection->ended)
        return false;
    return now - connection->gone_at >= server->options.abandon_ms ||
           (server->stopping && now >= server->stop_deadline + LAST_MS);
}

static void strand(struct bj_connection *connection)
{
    struct bj_server *server = connection->server;

    BJ_LOG(server->options.log, SERVER, ERROR,
           "%s %s %.200s: not answered %llu seconds after its client has gone; given up",
           connection->exchange.id, connection->exchange.method, connection->exchange.path,
           (unsigned long long)(bj_server_now(server) - connection->gone_at) / 1000);
    bj_connection_enter(connection);
    bj_connection_close(connection);
    unlink_connection(connection);
    connection->stranded = true;
    connection->previous = NULL;
    connection->next = server->stranded;
    if (connection->next != NULL)
        connection->next->previous = connection;
    server->stranded = connection;
    server->counts.stranded++;
    bj_connection_leave(connection);
}

static void on_tick(uv_timer_t *timer)
{
    struct bj_server *server = timer->data;
    uint64_t now = bj_server_now(server);
    struct bj_connection *next;
    bool was_closed = false;

    for (unsigned i = 0; i < server->listener_count; i++) {
        struct bj_server_socket *listener = &server->listeners[i];

        if (listener->open && listener->paused) {
            listener->paused = false;
            uv_poll_start(&listener->poll, UV_READABLE, on_listener);
        }
    }
    for (struct bj_connection *at = server->connections; at != NULL; at = next) {
        next = at->next;
        if (is_abandoned(at, now)) {
            strand(at);
            was_closed = true;
        } else if (server->stopping && now >= server->stop_deadline) {
            bj_connection_close(at);
        } else {
            bj_connection_check(at, now);
        }
    }
    /* The memory of a stranded one goes with the server's, but not before its handle is closed. */
    if (!was_closed)
        check_stopped(server);
}

static void free_dead(struct bj_server *server)
{
    while (server->dead != NULL) {
        struct bj_connection *connection = server->dead;

        server->dead = connection->next_dirty;
        bj_connection_free(connection);
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct bj_server *server = prepare->data;

    bj_transfers_finish(server);
    while (server->dirty != NULL) {
        struct bj_connection *connection = server->dirty;

        server->dirty = connection->next_dirty;
        connection->dirty = false;
        bj_connection_enter(connection);
        bj_connection_flush(connection);
        bj_request_go_on(connection);
        bj_connection_kick(connection);
        bj_response_tell_gone(connection);
        bj_connection_leave(connection);
    }
    free_dead(server);
}

/* ---- Life ---- */

static uint32_t or_default(uint32_t value, uint32_t normal)
{
    return value != 0 ? value : normal;
}

/* Descriptors are for files and other processes too. */
static uint32_t connections_that_fit(uint32_t wanted)
{
    struct rlimit limit;
    rlim_t room;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return wanted;
    room = limit.rlim_cur > 32 ? (limit.rlim_cur - 24) / 2 : 4;
    return wanted < room ? wanted : (uint32_t)room;
}

int bj_server_new(uv_loop_t *loop, const struct bj_server_options *options, struct bj_server **ret,
                  struct bj_error *err)
{
    int result = bj_room_check_proxies(options->trusted_proxies, err);
    struct bj_server *server = result == 0 ? bj_alloc(sizeof *server) : NULL;
    struct bj_server_options *own;

    if (result < 0)
        return result;

    if (server != NULL)
        server->scratch = bj_alloc(BJ_HTTP_PIECE);
    if (server == NULL || server->scratch == NULL) {
        bj_free(server);
        return bj_fail(err, BJ_E_NO_MEMORY, "server", "no memory for the server");
    }
    if (BJ_SYS(getrandom(server->id_key, sizeof server->id_key, 0)) < 0) {
        bj_fail_errno(err, "server", "cannot have random bytes");
        bj_free(server->scratch);
        bj_free(server);
        return -BJ_E_SYSTEM;
    }
    server->loop = loop;
    server->options = *options;
    own = &server->options;
    own->max_connections = connections_that_fit(or_default(own->max_connections, 1024));
    own->max_per_address = or_default(own->max_per_address, 256);
    own->max_per_owner = or_default(own->max_per_owner, 256);
    own->head_ms = or_default(own->head_ms, 10000);
    own->idle_ms = or_default(own->idle_ms, 75000);
    own->progress_ms = or_default(own->progress_ms, 30000);
    own->abandon_ms = or_default(own->abandon_ms, 60000);
    own->progress_bytes = or_default(own->progress_bytes, 16384);
    own->shared_bytes = or_default(own->shared_bytes, BJ_HTTP_SHARED);
    own->own_bytes = or_default(own->own_bytes, BJ_HTTP_OWN);
    own->keepalive_s = or_default(own->keepalive_s, 60);
    if (gethostname(server->own_name, sizeof server->own_name - 1) < 0)
        server->own_name[0] = '\0';
    /* OpenSSL writes with write(2), which would end the process when a client has gone. */
    signal(SIGPIPE, SIG_IGN);
    uv_timer_init(loop, &server->tick);
    uv_prepare_init(loop, &server->flush);
    server->tick.data = server->flush.data = server;
    server->handles = 2;
    uv_timer_start(&server->tick, on_tick, TICK_MS, TICK_MS);
    uv_prepare_start(&server->flush, on_prepare);
    uv_unref((uv_handle_t *)&server->flush);
    *ret = server;
    return 0;
}

/* A client that has just connected, or whose request lies in the socket, is about to be answered.
 */
static bool is_expecting(const struct bj_connection *connection)
{
    int unread = 0;

    return connection->counted_requests == 0 ||
           (ioctl(connection->fd, FIONREAD, &unread) == 0 && unread > 0);
}

bool bj_server_busy(const struct bj_server *server, uint32_t longer_than_ms)
{
    int64_t since = bj_clock_us() - (int64_t)longer_than_ms * 1000;

    for (const struct bj_connection *at = server->connections; at != NULL; at = at->next) {
        if (at->handled && !at->endless && at->status != 101 && at->phase != BJ_PHASE_CLOSED &&
            at->exchange.started_us < since)
            return true;
    }
    return false;
}

void bj_server_stop(struct bj_server *server, uint32_t grace_ms, void (*stopped)(void *context),
                    void *context)
{
    struct bj_connection *next;

    server->stopping = true;
    server->on_stopped = stopped;
    server->stopped_context = context;
    server->stop_deadline = bj_server_now(server) + grace_ms;
    uv_timer_start(&server->tick, on_tick, STOP_TICK_MS, STOP_TICK_MS);
    for (unsigned i = 0; i < server->listener_count; i++) {
        struct bj_server_socket *listener = &server->listeners[i];

        if (!listener->open)
            continue;
        uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
        close(listener->fd);
        listener->open = false;
    }
    for (struct bj_connection *at = server->connections; at != NULL; at = next) {
        next = at->next;
        if (at->endless)
            bj_connection_close(at);
        else if (at->phase != BJ_PHASE_HEAD || at->in_end > 0 || bj_connection_pending(at) > 0)
            at->keep_alive = false;
        else if (is_expecting(at))
            at->deadline = bj_server_now(server) + EXPECTING_MS;
        else
            bj_connection_close(at);
        if (at->phase == BJ_PHASE_WEBSOCKET)
            bj_websocket_close(&at->exchange, 1001, "the service is being restarted");
    }
}

void bj_server_forget(struct bj_connection *connection)
{
    struct bj_server *server = connection->server;

    unlink_connection(connection);
    connection->next_dirty = server->dead;
    server->dead = connection;
}

static void free_memory(struct bj_server *server)
{
    free_dead(server);
    /* No handler runs on behind the end of the service. */
    while (server->stranded != NULL) {
        struct bj_connection *connection = server->stranded;

        server->stranded = connection->next;
        bj_connection_free(connection);
    }
    while (server->spare_in_count > 0)
        bj_free(server->spare_in[--server->spare_in_count]);
    bj_free(server->scratch);
    bj_free(server);
}

static void on_last_closed(uv_handle_t *handle)
{
    struct bj_server *server = handle->data;

    on_handle_closed(handle);
    if (server->handles == 0)
        free_memory(server);
}

void bj_server_free(struct bj_server *server)
{
    if (server == NULL)
        return;
    uv_close((uv_handle_t *)&server->flush, on_handle_closed);
    uv_close((uv_handle_t *)&server->tick, on_last_closed);
}

void bj_server_counts(const struct bj_server *server, struct bj_server_counts *ret)
{
    *ret = server->counts;
}
