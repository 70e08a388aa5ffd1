/*
 * Fuzzes what a program behind a port may answer: the input is all that it says. Whatever that is,
 * the client must get one answer and nothing that could be taken for the beginning of another: the
 * bytes that it got are read again by a parser of their own. The first byte of the input chooses
 * the request.
 */
#include <llhttp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
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

static void joined_over(void *context)
{
    (void)context;
}

#define HEADERS "Host: 80-a.box\r\n"
static const char *const requests[] = {
    "GET / HTTP/1.1\r\n" HEADERS "\r\n",
    "HEAD / HTTP/1.1\r\n" HEADERS "\r\n",
    "GET / HTTP/1.0\r\n" HEADERS "\r\n",
    "GET / HTTP/1.1\r\n" HEADERS "Connection: Upgrade\r\nUpgrade: thing\r\n\r\n",
};
#define REQUESTS (sizeof requests / sizeof *requests)

static struct bj_server *server;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_length = sizeof(sa_family_t);
static int program = -1; /* the program's end of the connection */

static void handle_port(struct bj_exchange *exchange, struct bj_service *service)
{
    int ends[2];

    (void)service;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        abort();
    program = ends[1];
    bj_exchange_splice(exchange, ends[0], joined_over, NULL);
}

static const struct bj_route port_route = {.method = "*", .path = "*", .handler = handle_port};

static const struct bj_route *find(const char *method, const char *path,
                                   struct bj_exchange *exchange, const char **ret_allow)
{
    (void)method;
    (void)path;
    (void)exchange;
    *ret_allow = NULL;
    return NULL;
}

static void prepare(void)
{
    static const struct bj_server_options options = {
        .find = find, .domain = "box", .port_route = &port_route};
    int fd;

    if (server != NULL)
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    signal(SIGPIPE, SIG_IGN);
    /* An abstract name that the kernel chooses. */
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, address_length) < 0)
        abort();
    address_length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &address_length) < 0 || listen(fd, 8) < 0 ||
        bj_server_new(uv_default_loop(), &options, &server, NULL) < 0 ||
        bj_server_listen(server, fd, NULL, NULL) < 0)
        abort();
}

/* ---- what the client got ---- */

struct reading {
    llhttp_t parser;
    bool head_only, upgrade, done;
};

static int on_head(llhttp_t *parser)
{
    struct reading *reading = parser->data;

    if (reading->done || (parser->status_code == 101 && !reading->upgrade))
        abort();
    return parser->status_code == 101 ? 2 : reading->head_only ? 1 : 0;
}

static int on_end(llhttp_t *parser)
{
    struct reading *reading = parser->data;

    reading->done = reading->done || parser->status_code >= 200;
    return 0;
}

static void look_at(const char *got, size_t length, size_t request)
{
    static const llhttp_settings_t settings = {.on_headers_complete = on_head,
                                               .on_message_complete = on_end};
    struct reading reading = {.head_only = request == 1, .upgrade = request == 3};
    llhttp_errno_t result;

    llhttp_init(&reading.parser, HTTP_RESPONSE, &settings);
    reading.parser.data = &reading;
    /* As a client would take it that keeps its connections, whatever the answer says of that. */
    llhttp_set_lenient_keep_alive(&reading.parser, 1);
    result = llhttp_execute(&reading.parser, got, length);
    if (result != HPE_OK && result != HPE_PAUSED_UPGRADE)
        abort();
}

/* ---- one input ---- */

static void turn(int times)
{
    while (times-- > 0)
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
}

static size_t receive(int fd, char *got, size_t length, size_t size)
{
    ssize_t more = recv(fd, got + length, size - length, MSG_DONTWAIT);

    return more > 0 ? length + (size_t)more : length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char got[1 << 20];
    struct bj_server_counts counts;
    size_t length = 0, request, half;
    int fd;

    if (size == 0 || size > 65536)
        return 0;
    request = data[0] % REQUESTS;
    half = size / 2;
    prepare();
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, address_length) < 0 ||
        send(fd, requests[request], strlen(requests[request]), MSG_NOSIGNAL) < 0)
        abort();
    turn(4);
    if (program < 0)
        abort();
    (void)!send(program, data + 1, half, MSG_NOSIGNAL);
    turn(3);
    (void)!send(program, data + 1 + half, size - 1 - half, MSG_NOSIGNAL);
    turn(3);
    close(program);
    program = -1;
    for (int i = 0; i < 20; i++) {
        turn(2);
        length = receive(fd, got, length, sizeof got);
    }
    look_at(got, length, request);
    close(fd);
    for (int i = 0; i < 50; i++) {
        turn(2);
        bj_server_counts(server, &counts);
        if (counts.connections == 0)
            return 0;
    }
    abort();
}
