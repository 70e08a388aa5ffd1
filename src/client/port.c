/*
 * port: HTTP ports of a sandbox at this machine's loopback address.
 *
 * Theory of operation. Each connection that comes in gets one to the service. The head of its first
 * request is read as far as it must be, and a line goes into it that says which sandbox and port
 * it is for; the service then joins the connection with the port, and everything behind that head
 * passes as it is, both ways. The service has such a connection carry one request, or a WebSocket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "client/client.h"

#define LISTENERS   16
#define CONNECTIONS 256
#define BUFFER      (64 << 10)
#define BACKLOG     64

static const char no_http[] =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    "belljar port: this does not begin as an HTTP/1.1 request does\n";
static const char no_service[] =
    "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    "belljar port: the service does not answer\n";

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
    bool has_head;
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

static bool connect_service(struct forwarder *forwarder, struct connection *connection)
{
    struct curl_slist *headers;

    connection->curl = bj_client_handle(forwarder->client, "", &headers, NULL);
    curl_slist_free_all(headers);
    if (connection->curl == NULL)
        return false;
    curl_easy_setopt(connection->curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(connection->curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
    return curl_easy_perform(connection->curl) == CURLE_OK &&
           curl_easy_getinfo(connection->curl, CURLINFO_ACTIVESOCKET, &connection->service) ==
               CURLE_OK;
}

static void take_connection(struct forwarder *forwarder, const struct listener *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct connection *connection = fd >= 0 ? bj_alloc(sizeof *connection) : NULL;

    if (connection == NULL) {
        bj_fd_close(&fd);
        return;
    }
    connection->local = fd;
    connection->remote = listener->remote;
    forwarder->connections[forwarder->connection_count++] = connection;
    if (!connect_service(forwarder, connection)) {
        (void)bj_client_write(fd, no_service, strlen(no_service));
        close_connection(forwarder, forwarder->connection_count - 1);
    }
}

/* Puts the lines that say where to behind the first one. 1 done, 0 more is needed, -1 no HTTP. */
static int finish_head(struct forwarder *forwarder, struct connection *connection)
{
    const struct bj_client_place *place = &forwarder->client->place;
    struct way *up = &connection->up;
    char *end = memmem(up->data, up->to, "\r\n\r\n", 4),
         *line = memmem(up->data, up->to, "\r\n", 2);
    char lines[4096];
    int length;

    if (line != NULL && memmem(up->data, (size_t)(line - up->data), " HTTP/1.", 8) == NULL)
        return -1;
    if (end == NULL)
        return up->to < BUFFER - sizeof lines && !up->ended ? 0 : -1;
    length = snprintf(lines, sizeof lines, "\r\nX-Belljar-Port: %u-%s%s%s", connection->remote,
                      forwarder->client->arguments[0], place->key != NULL ? "\r\nX-API-Key: " : "",
                      place->key != NULL ? place->key : "");
    if (length < 0 || (size_t)length >= sizeof lines || up->to + (size_t)length > BUFFER)
        return -1;
    memmove(line + length, line, up->to - (size_t)(line - up->data));
    memcpy(line, lines, (size_t)length);
    up->to += (size_t)length;
    connection->has_head = true;
    return 1;
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
    /* Until the head is whole there must be room for what goes into it. */
    size_t space = room(up), reserve = connection->has_head ? 0 : 4096;
    ssize_t length;

    if (space <= reserve)
        return true;
    length = recv(connection->local, up->data + up->to, space - reserve, 0);
    if (length > 0)
        up->to += (size_t)length;
    else if (length == 0)
        up->ended = true;
    return length >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool from_service(struct connection *connection)
{
    struct way *down = &connection->down;
    size_t length = 0, space = room(down);
    CURLcode done;

    if (space == 0)
        return true;
    done = curl_easy_recv(connection->curl, down->data + down->to, space, &length);
    if (done == CURLE_OK && length > 0)
        down->to += length;
    else if (done == CURLE_OK)
        down->ended = true;
    return done == CURLE_OK || done == CURLE_AGAIN;
}

static bool to_service(struct connection *connection)
{
    struct way *up = &connection->up;
    size_t sent = 0;
    CURLcode done = CURLE_OK;

    while (connection->has_head && up->from < up->to && done == CURLE_OK) {
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

    while (down->from < down->to) {
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

/* Moves what can be moved; false when the connection is over. */
static bool move(struct forwarder *forwarder, struct connection *connection)
{
    bool alive = connection->up.ended || from_local(connection);

    if (alive && !connection->has_head && connection->up.to > 0 &&
        finish_head(forwarder, connection) < 0) {
        (void)bj_client_write(connection->local, no_http, strlen(no_http));
        return false;
    }
    if (connection->up.ended && !connection->has_head)
        return false;
    alive = alive && to_service(connection);
    alive = alive && (connection->down.ended || from_service(connection)) && to_local(connection);
    return alive && !(connection->up.told && connection->down.told);
}

/* ---- all of them ---- */

static void want(const struct connection *connection, struct pollfd *local, struct pollfd *service)
{
    const struct way *up = &connection->up, *down = &connection->down;

    *local = (struct pollfd){.fd = connection->local};
    *service = (struct pollfd){.fd = (int)connection->service};
    if (!up->ended && (up->to < BUFFER || up->from > 0))
        local->events |= POLLIN;
    if (down->from < down->to)
        local->events |= POLLOUT;
    if (!down->ended && (down->to < BUFFER || down->from > 0))
        service->events |= POLLIN;
    if (connection->has_head && up->from < up->to)
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

    for (size_t i = 0; i < listeners; i++)
        ready[i] = (struct pollfd){.fd = count < CONNECTIONS ? forwarder->listeners[i].fd : -1,
                                   .events = POLLIN};
    for (size_t i = 0; i < count; i++)
        want(forwarder->connections[i], &ready[listeners + 2 * i], &ready[listeners + 2 * i + 1]);
    if (poll(ready, listeners + 2 * count, -1) < 0)
        return errno == EINTR ? 0 : bj_fail_errno(err, "port", "cannot wait for connections");
    /* From the last on: closing one puts the last into its place. */
    for (size_t i = count; i > 0; i--) {
        if ((ready[listeners + 2 * i - 2].revents != 0 ||
             ready[listeners + 2 * i - 1].revents != 0) &&
            !move(forwarder, forwarder->connections[i - 1]))
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
