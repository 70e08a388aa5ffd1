/*
 * Fuzzes the HTTP server as a client on a Unix socket sees it: the input is what is sent. Beside
 * memory errors it looks for broken promises: an answer that is a server's fault, a handler that is
 * given a path with dot segments or a body that is no JSON, a connection that keeps its exchange.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "server/server.h"
#include "service/service.h"

/* The service is not linked; what makes answers asks it for this. */
__attribute__((weak)) const char *bj_event_name(enum bj_event_kind kind)
{
    (void)kind;
    return "";
}

static int sink[2]; /* where bodies go, and where they are taken out again */
static struct bj_server *server;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_length = sizeof(sa_family_t);

static void check(const struct bj_exchange *exchange)
{
    const char *path = exchange->path;

    if (path[0] != '/' || strstr(path, "//") != NULL || strstr(path, "/./") != NULL ||
        strstr(path, "/../") != NULL || exchange->id[0] == '\0')
        abort();
    if (exchange->route->body == BJ_BODY_JSON && exchange->body == NULL)
        abort();
    (void)bj_exchange_header(exchange, "x");
}

static void handle(struct bj_exchange *exchange, struct bj_service *service)
{
    (void)service;
    check(exchange);
    bj_exchange_set_header(exchange, "X-Path", exchange->path);
    bj_exchange_respond(exchange, 200, "text/plain", "ok\n", 3);
}

static void on_received(void *context, int result, int64_t bytes, const struct bj_error *err)
{
    struct bj_exchange *exchange = context;

    (void)bytes;
    if (result < 0)
        bj_exchange_fail(exchange, err);
    else
        bj_exchange_respond(exchange, 200, "text/plain", "ok\n", 3);
}

static void handle_raw(struct bj_exchange *exchange, struct bj_service *service)
{
    (void)service;
    check(exchange);
    bj_exchange_receive_file(exchange, sink[0], 4096, on_received, exchange);
}

static void on_frame(void *context, bool binary, const void *data, size_t length)
{
    if (data == NULL)
        bj_exchange_end(context);
    else
        bj_exchange_send_frame(context, binary, data, length);
}

static void handle_websocket(struct bj_exchange *exchange, struct bj_service *service)
{
    (void)service;
    check(exchange);
    bj_exchange_upgrade(exchange, on_frame, exchange);
}

static const struct bj_field fields[] = {
    {.name = "value", .type = BJ_TYPE_STRING}, {.name = "count", .type = BJ_TYPE_INTEGER}, {0}};
static const struct bj_schema schema = {.name = "Value", .fields = fields};
static const struct bj_route routes[] = {
    {.method = "GET", .path = "/get", .handler = handle, .query = &schema},
    {.method = "POST",
     .path = "/json",
     .handler = handle,
     .body = BJ_BODY_JSON,
     .request = &schema},
    {.method = "PUT", .path = "/raw", .handler = handle_raw, .body = BJ_BODY_RAW},
    {.method = "GET", .path = "/ws", .handler = handle_websocket},
    {.method = "GET", .path = "*", .handler = handle},
};

static const struct bj_route *find(const char *method, const char *path,
                                   struct bj_exchange *exchange, const char **ret_allow)
{
    (void)exchange;
    *ret_allow = NULL;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!bj_streq(routes[i].path, path) && !bj_streq(routes[i].path, "*"))
            continue;
        *ret_allow = routes[i].method;
        if (bj_streq(routes[i].method, method))
            return &routes[i];
    }
    return NULL;
}

static void prepare(void)
{
    static const struct bj_server_options options = {.find = find, .max_connections = 8};
    int fd;

    if (server != NULL)
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    signal(SIGPIPE, SIG_IGN);
    /* An abstract name that the kernel chooses. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sink) < 0)
        abort();
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, address_length) < 0)
        abort();
    address_length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &address_length) < 0 || listen(fd, 8) < 0 ||
        bj_server_new(uv_default_loop(), &options, &server, NULL) < 0 ||
        bj_server_listen(server, fd, NULL, NULL) < 0)
        abort();
}

static void turn(int times)
{
    char bytes[8192];

    while (times-- > 0) {
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        (void)!recv(sink[1], bytes, sizeof bytes, MSG_DONTWAIT);
    }
}

static void read_answers(int fd)
{
    char answers[65536];
    ssize_t got;

    while ((got = recv(fd, answers, sizeof answers, MSG_DONTWAIT)) > 0) {
        if (memmem(answers, (size_t)got, "\r\n\r\nHTTP/1.1 5", 14) != NULL ||
            (got > 10 && memcmp(answers, "HTTP/1.1 5", 10) == 0))
            abort();
        turn(2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bj_server_counts counts;
    size_t half = size / 2;
    int fd;

    prepare();
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, address_length) < 0)
        abort();
    (void)!send(fd, data, half, MSG_NOSIGNAL | MSG_DONTWAIT);
    turn(3);
    (void)!send(fd, data + half, size - half, MSG_NOSIGNAL | MSG_DONTWAIT);
    turn(4);
    read_answers(fd);
    close(fd);
    for (int i = 0; i < 50; i++) {
        turn(2);
        bj_server_counts(server, &counts);
        if (counts.connections == 0)
            return 0;
    }
    if (counts.active > 0)
        abort();
    return 0;
}
