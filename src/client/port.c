/*
 * port: ports of a sandbox at this machine's loopback address.
 *
 * Theory of operation. Each connection that comes in gets one to the service, which is asked to
 * make a stream of bytes of it (`Upgrade: tcp`). Nothing is read from who came in before the
 * service has answered 101; from there on everything passes as it is, both ways, and so does the
 * end of each way. When the service refuses, its words are printed and whoever came in sees a
 * connection that is reset, as where nobody listens.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "client/client.h"

#define LISTENERS   16
#define CONNECTIONS 256
#define BUFFER      (64 << 10)
#define BACKLOG     64
#define TURNS       16 /* of one connection before the others have theirs */

struct listener {
    int fd;
    unsigned remote;
};

/* Bytes on their way. */
struct way {
    char data[BUFFER];
    size_t from, to;
    bool ended; /* no more come */
    bool told;  /* and whoever they go to knows it */
};

struct connection {
    int local;
    CURL *curl;
    curl_socket_t service;
    unsigned remote;
    bool joined; /* the service has answered 101 */
    bool busy;   /* there may be more to move at once */
    struct way up, down;
};

struct forwarder {
    struct bj_client *client;
    struct listener listeners[LISTENERS];
    size_t listener_count;
    struct connection *connections[CONNECTIONS];
    size_t connection_count;
};

/* ---- listening ---- */

static bool parse_port(const char *text, unsigned least, unsigned *ret)
{
    int64_t number;

    if (!bj_parse_int64(text, &number) || number < least || number > 65535)
        return false;
    *ret = (unsigned)number;
    return true;
}

/* [LOCAL:]PORT; without LOCAL the same number. 0 is any that is free. */
static int parse_pair(const char *text, unsigned *ret_local, unsigned *ret_remote,
                      struct bj_error *err)
{
    const char *colon = strchr(text, ':');
    char local[8] = "";

    if (colon != NULL && (size_t)(colon - text) < sizeof local)
        memcpy(local, text, (size_t)(colon - text));
    if (!parse_port(colon != NULL ? colon + 1 : text, 1, ret_remote) ||
        (colon != NULL && !parse_port(local, 0, ret_local)))
        return bj_fail(err, BJ_E_INVALID, "port", "%s is not [LOCAL:]PORT, such as 8080:3000",
                       text);
    if (colon == NULL)
        *ret_local = *ret_remote;
    return 0;
}

static int open_listener(struct forwarder *forwarder, const char *text, struct bj_error *err)
{
    const char *where = forwarder->client->options.address;
    struct listener *listener = &forwarder->listeners[forwarder->listener_count];
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    unsigned local = 0;
    int yes = 1, result = parse_pair(text, &local, &listener->remote, err);

    if (result < 0)
        return result;
    address.sin_port = htons((uint16_t)local);
    if (where == NULL)
        where = "127.0.0.1";
    if (inet_pton(AF_INET, where, &address.sin_addr) != 1)
        return bj_fail(err, BJ_E_INVALID, "port", "%s is not an IPv4 address", where);
    listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0)
        return bj_fail_errno(err, "port", "cannot make a socket");
    forwarder->listener_count++;
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener->fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener->fd, BACKLOG) < 0 ||
        getsockname(listener->fd, (struct sockaddr *)&address, &size) < 0)
        return bj_fail_errno(err, "port", "cannot listen on %s port %u", where, local);
    if (forwarder->client->options.json)
        printf("{\"address\": \"%s\", \"local\": %u, \"port\": %u}\n", where,
               ntohs(address.sin_port), listener->remote);
    else
        printf("http://%s:%u -> %s:%u\n", where, ntohs(address.sin_port),
               forwarder->client->arguments[0], listener->remote);
    return 0;
}

/* ---- one connection ---- */

static void close_connection(struct forwarder *forwarder, size_t at)
{
    struct connection *connection = forwarder->connections[at];

    bj_fd_close(&connection->local);
    if (connection->curl != NULL)
        curl_easy_cleanup(connection->curl);
    bj_free(connection);
    forwarder->connections[at] = forwarder->connections[--forwarder->connection_count];
}

/* As where nobody listens. */
static void reset(const struct connection *connection)
{
    const struct linger at_once = {.l_onoff = 1};

    setsockopt(connection->local, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void complain(const struct connection *connection, const struct bj_error *err)
{
    struct bj_buf text;

    bj_buf_init(&text, 8 << 10);
    bj_put_escaped(&text, err->message, strlen(err->message));
    fprintf(stderr, "belljar port: %u: %s\n", connection->remote, bj_buf_text(&text));
    bj_buf_release(&text);
    reset(connection);
}

/* What is first said to the service. */
static int put_request(const struct bj_client *client, struct connection *connection,
                       struct bj_error *err)
{
    const struct bj_client_place *place = &client->place;
    const char *host = strstr(place->base, "://") + 3;
    char port[8];
    BJ_CLEANUP_FREE char *path = NULL;
    int length = -1;

    snprintf(port, sizeof port, "%u", connection->remote);
    path = bj_client_path("/v1/sandboxes/", client->arguments[0], "/ports/", port, NULL);
    if (path != NULL)
        length =
            snprintf(connection->up.data, BUFFER,
                     "GET %s HTTP/1.1\r\nHost: %.*s\r\nConnection: Upgrade\r\n"
                     "Upgrade: tcp\r\n%s%s%s\r\n",
                     path, (int)strcspn(host, "/"), host, place->key != NULL ? "X-API-Key: " : "",
                     place->key != NULL ? place->key : "", place->key != NULL ? "\r\n" : "");
    if (length < 0 || length >= BUFFER)
        return bj_fail(err, BJ_E_NO_MEMORY, "port", "out of memory");
    connection->up.to = (size_t)length;
    return 0;
}

static int connect_service(struct bj_client *client, struct connection *connection,
                           struct bj_error *err)
{
    char text[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers;
    CURLcode done;

    connection->curl = bj_client_handle(client, "", &headers, err);
    curl_slist_free_all(headers);
    if (connection->curl == NULL)
        return -err->code;
    curl_easy_setopt(connection->curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(connection->curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(connection->curl, CURLOPT_ERRORBUFFER, text);
    done = curl_easy_perform(connection->curl);
    curl_easy_setopt(connection->curl, CURLOPT_ERRORBUFFER, NULL);
    if (done != CURLE_OK || curl_easy_getinfo(connection->curl, CURLINFO_ACTIVESOCKET,
                                              &connection->service) != CURLE_OK)
        return bj_client_unreachable(client, text[0] != '\0' ? text : curl_easy_strerror(done),
                                     err);
    return put_request(client, connection, err);
}

static void take_connection(struct forwarder *forwarder, const struct listener *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct connection *connection = fd >= 0 ? bj_alloc(sizeof *connection) : NULL;
    struct bj_error err = {0};

    if (connection == NULL) {
        bj_fd_close(&fd);
        return;
    }
    connection->local = fd;
    connection->remote = listener->remote;
    connection->busy = true;
    forwarder->connections[forwarder->connection_count++] = connection;
    if (connect_service(forwarder->client, connection, &err) < 0) {
        complain(connection, &err);
        close_connection(forwarder, forwarder->connection_count - 1);
    }
}

/* The length that a head says its body has; 0 if it says none. */
static size_t body_length(const char *head)
{
    static const char name[] = "\r\nContent-Length:";
    const char *line = strcasestr(head, name);
    unsigned long length = line != NULL ? strtoul(line + sizeof name - 1, NULL, 10) : 0;

    return length < BUFFER ? (size_t)length : BUFFER;
}

/* Reads the service's answer. False: it was a refusal, or none; that was said. */
static bool take_answer(const struct bj_client *client, struct connection *connection)
{
    struct way *down = &connection->down;
    char *end = memmem(down->data, down->to, "\r\n\r\n", 4);
    struct bj_error err = {0};
    int status = 0;
    size_t head;

    if (end == NULL && !down->ended && down->to < BUFFER)
        return true; /* there is more to come */
    if (end == NULL) {
        bj_fail(&err, BJ_E_BUSY, "port", "the service closed the connection without an answer");
        complain(connection, &err);
        return false;
    }
    head = (size_t)(end - down->data) + 4;
    end[2] = '\0';
    if (sscanf(down->data, "HTTP/1.%*1d %3d", &status) == 1 && status == 101) {
        connection->joined = true;
        down->from = head;
        return true;
    }
    if (!down->ended && down->to < BUFFER && down->to - head < body_length(down->data)) {
        end[2] = '\r';
        return true;
    }
    bj_client_refused(client, status, down->data + head, down->to - head, &err);
    complain(connection, &err);
    return false;
}

/* Where more is read to: behind what is there, which moves to the front first. */
static size_t room(struct way *way)
{
    if (way->from > 0) {
        memmove(way->data, way->data + way->from, way->to - way->from);
        way->to -= way->from;
        way->from = 0;
    }
    return BUFFER - way->to;
}

static bool from_local(struct connection *connection)
{
    struct way *up = &connection->up;
    size_t space = connection->joined && !up->ended ? room(up) : 0;
    ssize_t length;

    if (space == 0)
        return true;
    length = recv(connection->local, up->data + up->to, space, 0);
    if (length > 0)
        up->to += (size_t)length;
    else if (length == 0)
        up->ended = true;
    connection->busy |= length > 0;
    return length >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool from_service(struct connection *connection)
{
    struct way *down = &connection->down;
    size_t length = 0, space = down->ended ? 0 : room(down);
    CURLcode done;

    if (space == 0)
        return true;
    done = curl_easy_recv(connection->curl, down->data + down->to, space, &length);
    if (done == CURLE_OK && length > 0)
        down->to += length, connection->busy = true;
    else if (done == CURLE_OK)
        down->ended = true;
    return done == CURLE_OK || done == CURLE_AGAIN;
}

static bool to_service(struct connection *connection)
{
    struct way *up = &connection->up;
    size_t sent = 0;
    CURLcode done = CURLE_OK;

    while (up->from < up->to && done == CURLE_OK) {
        done = curl_easy_send(connection->curl, up->data + up->from, up->to - up->from, &sent);
        if (done == CURLE_OK)
            up->from += sent;
    }
    if (up->ended && up->from == up->to && !up->told) {
        shutdown((int)connection->service, SHUT_WR);
        up->told = true;
    }
    return done == CURLE_OK || done == CURLE_AGAIN;
}

static bool to_local(struct connection *connection)
{
    struct way *down = &connection->down;

    while (connection->joined && down->from < down->to) {
        ssize_t sent =
            send(connection->local, down->data + down->from, down->to - down->from, MSG_NOSIGNAL);

        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        down->from += (size_t)sent;
    }
    if (down->ended && !down->told) {
        shutdown(connection->local, SHUT_WR);
        down->told = true;
    }
    return true;
}

/* Moves what can be moved; false when the connection is over. TLS may have read more than it has
 * given, of which no poll(2) tells: so until there is nothing. */
static bool move(const struct bj_client *client, struct connection *connection)
{
    for (int i = 0; i < TURNS && connection->busy; i++) {
        connection->busy = false;
        if (!from_local(connection) || !to_service(connection) || !from_service(connection))
            return false;
        if (!connection->joined) {
            if (!take_answer(client, connection))
                return false;
            connection->busy |= connection->joined;
        }
        if (!to_local(connection))
            return false;
    }
    return !(connection->up.told && connection->down.told);
}

/* ---- all of them ---- */

static void want(const struct connection *connection, struct pollfd *local, struct pollfd *service)
{
    const struct way *up = &connection->up, *down = &connection->down;

    *local = (struct pollfd){.fd = connection->local};
    *service = (struct pollfd){.fd = (int)connection->service};
    if (connection->joined && !up->ended && (up->to < BUFFER || up->from > 0))
        local->events |= POLLIN;
    if (connection->joined && down->from < down->to)
        local->events |= POLLOUT;
    if (!down->ended && (down->to < BUFFER || down->from > 0))
        service->events |= POLLIN;
    if (up->from < up->to)
        service->events |= POLLOUT;
    if (local->events == 0)
        local->fd = -1;
    if (service->events == 0)
        service->fd = -1;
}

static int turn(struct forwarder *forwarder, struct bj_error *err)
{
    struct pollfd ready[LISTENERS + 2 * CONNECTIONS];
    size_t listeners = forwarder->listener_count, count = forwarder->connection_count;
    bool busy = false;

    for (size_t i = 0; i < listeners; i++)
        ready[i] = (struct pollfd){.fd = count < CONNECTIONS ? forwarder->listeners[i].fd : -1,
                                   .events = POLLIN};
    for (size_t i = 0; i < count; i++) {
        want(forwarder->connections[i], &ready[listeners + 2 * i], &ready[listeners + 2 * i + 1]);
        busy |= forwarder->connections[i]->busy;
    }
    if (poll(ready, listeners + 2 * count, busy ? 0 : -1) < 0)
        return errno == EINTR ? 0 : bj_fail_errno(err, "port", "cannot wait for connections");
    /* From the last on: closing one puts the last into its place. */
    for (size_t i = count; i > 0; i--) {
        struct connection *connection = forwarder->connections[i - 1];

        connection->busy |=
            ready[listeners + 2 * i - 2].revents != 0 || ready[listeners + 2 * i - 1].revents != 0;
        if (connection->busy && !move(forwarder->client, connection))
            close_connection(forwarder, i - 1);
    }
    for (size_t i = 0; i < listeners; i++) {
        if (ready[i].revents != 0 && forwarder->connection_count < CONNECTIONS)
            take_connection(forwarder, &forwarder->listeners[i]);
    }
    return 0;
}

int bj_client_port(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    struct forwarder forwarder = {.client = client};
    BJ_CLEANUP_FREE char *path = bj_client_path("/v1/sandboxes/", client->arguments[0], NULL);
    /* That it is there is known before anything listens. */
    int result = bj_client_json(client, "GET", path, NULL, NULL, err);

    (void)ret_status;
    for (int i = 1; i < client->argument_count && result == 0; i++)
        result = open_listener(&forwarder, client->arguments[i], err);
    fflush(stdout);
    while (result == 0)
        result = turn(&forwarder, err);
    while (forwarder.connection_count > 0)
        close_connection(&forwarder, 0);
    for (size_t i = 0; i < forwarder.listener_count; i++)
        bj_fd_close(&forwarder.listeners[i].fd);
    return result;
}
