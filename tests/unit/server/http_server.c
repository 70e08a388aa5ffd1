/*
 * http-server: the server library with a few routes of its own, for tests/integration/test_http_*
 * and bench/http. Prints a line "NAME ADDRESS" for each listening socket, then serves until its
 * standard input ends.
 *
 *     http-server [--tcp] [--unix PATH] [--tls CERTIFICATE KEY] [--no-key] [--peers] [--log]
 * [--confined]
 *                 [--files DIRECTORY]
 *                 [--OPTION NUMBER]…        options of bj_server_options: head-ms …
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "server/server.h"
#include "supervisor/confine.h"

static struct bj_server *server;

/* ---- Routes ---- */

static void handle_health(struct bj_exchange *exchange, struct bj_service *service)
{
    static const char body[] = "{\"status\":\"ok\"}\n";

    (void)service;
    bj_exchange_respond(exchange, 200, "application/json", body, sizeof body - 1);
}

/* What the server has made of the request. */
static void handle_echo(struct bj_exchange *exchange, struct bj_service *service)
{
    json_t *seen = json_pack("{s:s,s:s,s:I,s:s?,s:s?}", "method", exchange->method, "path",
                             exchange->path, "length", (json_int_t)exchange->body_length, "who",
                             exchange->who != NULL ? exchange->who->key : NULL, "parameter",
                             exchange->parameters[0]);

    (void)service;
    if (exchange->body != NULL)
        json_object_set(seen, "body", exchange->body);
    if (exchange->query != NULL)
        json_object_set(seen, "query", exchange->query);
    bj_exchange_json(exchange, 200, seen);
}

/* An answer that is made whole. */
static void handle_whole(struct bj_exchange *exchange, struct bj_service *service)
{
    size_t size = (size_t)json_integer_value(json_object_get(exchange->query, "size"));
    char *text = malloc(size + 1);

    (void)service;
    memset(text, 'x', size + 1);
    bj_exchange_respond(exchange, 200, "text/plain", text, size);
    free(text);
}

static void handle_header(struct bj_exchange *exchange, struct bj_service *service)
{
    (void)service;
    bj_exchange_set_header(exchange, "X-Value",
                           json_string_value(json_object_get(exchange->query, "value")));
    bj_exchange_respond(exchange, 200, "text/plain", "ok\n", 3);
}

static const struct bj_field value_fields[] = {
    {.name = "value", .type = BJ_TYPE_STRING, .required = true, .help = "A text."},
    {.name = "count", .type = BJ_TYPE_INTEGER, .help = "A number."},
    {.name = NULL},
};
static const struct bj_schema value_schema = {.name = "Value", .fields = value_fields};
static const struct bj_field count_fields[] = {
    {.name = "pieces", .type = BJ_TYPE_INTEGER, .required = true, .help = "How many."},
    {.name = "size", .type = BJ_TYPE_INTEGER, .required = true, .help = "Bytes of each."},
    {.name = NULL},
};
static const struct bj_schema count_schema = {.name = "Count", .fields = count_fields};

/* ---- A response in pieces, as fast as the client takes them ---- */

struct stream {
    struct bj_exchange *exchange;
    int64_t left, size;
    char *piece;
};

static void go_on(void *context)
{
    struct stream *stream = context;

    while (stream->left > 0) {
        stream->left--;
        if (!bj_exchange_write(stream->exchange, stream->piece, (size_t)stream->size))
            return;
    }
    bj_exchange_end(stream->exchange);
    free(stream->piece);
    free(stream);
}

static void stop_stream(void *context)
{
    struct stream *stream = context;

    stream->left = 0;
    go_on(stream);
}

static void handle_stream(struct bj_exchange *exchange, struct bj_service *service)
{
    struct stream *stream = calloc(1, sizeof *stream);

    (void)service;
    stream->exchange = exchange;
    stream->left = json_integer_value(json_object_get(exchange->query, "pieces"));
    stream->size = json_integer_value(json_object_get(exchange->query, "size"));
    stream->piece = malloc((size_t)stream->size + 1);
    memset(stream->piece, 'x', (size_t)stream->size + 1);
    bj_exchange_on_drain(exchange, go_on, stream);
    bj_exchange_on_gone(exchange, stop_stream, stream);
    bj_exchange_begin(exchange, 200, "application/octet-stream");
    go_on(stream);
}

/* ---- An answer that takes its time ---- */

struct later {
    uv_timer_t timer;
    struct bj_exchange *exchange;
};

static void free_later(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_later(uv_timer_t *timer)
{
    struct later *later = timer->data;

    bj_exchange_respond(later->exchange, 200, "text/plain", "late\n", 5);
    uv_close((uv_handle_t *)timer, free_later);
}

static void handle_later(struct bj_exchange *exchange, struct bj_service *service)
{
    struct later *later = calloc(1, sizeof *later);

    (void)service;
    later->exchange = exchange;
    uv_timer_init(uv_default_loop(), &later->timer);
    later->timer.data = later;
    uv_timer_start(&later->timer, on_later, 300, 0);
}

/* A handler with a fault: what it began it forgets. */
static void handle_never(struct bj_exchange *exchange, struct bj_service *service)
{
    (void)exchange;
    (void)service;
}

/* ---- Files: /file/NAME in the directory that --files names; a pipe there blocks as pipes do ----
 */

static int files_fd = -1;

struct copy {
    struct bj_exchange *exchange;
    int fd;
};

static void on_sent(void *context, int result, int64_t bytes, const struct bj_error *err)
{
    struct copy *copy = context;

    (void)bytes;
    (void)err;
    close(copy->fd);
    if (result < 0)
        bj_exchange_reset(copy->exchange);
    else
        bj_exchange_end(copy->exchange);
    free(copy);
}

static struct copy *open_file(struct bj_exchange *exchange, int flags)
{
    struct copy *copy = calloc(1, sizeof *copy);
    struct bj_error err;

    copy->exchange = exchange;
    copy->fd = openat(files_fd, exchange->parameters[0], flags | O_CLOEXEC | O_NONBLOCK, 0600);
    if (copy->fd >= 0)
        return copy;
    bj_fail(&err, BJ_E_NOT_FOUND, "open", "no such file");
    bj_exchange_fail(exchange, &err);
    free(copy);
    return NULL;
}

static void handle_download(struct bj_exchange *exchange, struct bj_service *service)
{
    struct copy *copy = open_file(exchange, O_RDONLY);
    char length[24];
    struct stat status;

    (void)service;
    if (copy == NULL)
        return;
    fstat(copy->fd, &status);
    if (S_ISREG(status.st_mode)) {
        snprintf(length, sizeof length, "%lld", (long long)status.st_size);
        bj_exchange_set_header(exchange, "Content-Length", length);
    }
    bj_exchange_begin(exchange, 200, "application/octet-stream");
    bj_exchange_send_file(exchange, copy->fd, 0, S_ISREG(status.st_mode) ? status.st_size : -1,
                          on_sent, copy);
}

static void on_received(void *context, int result, int64_t bytes, const struct bj_error *err)
{
    struct copy *copy = context;

    close(copy->fd);
    if (result < 0)
        bj_exchange_fail(copy->exchange, err);
    else
        bj_exchange_json(copy->exchange, 200, json_pack("{s:I}", "bytes", (json_int_t)bytes));
    free(copy);
}

static void handle_upload(struct bj_exchange *exchange, struct bj_service *service)
{
    struct copy *copy = open_file(exchange, O_WRONLY | O_CREAT | O_TRUNC);

    (void)service;
    if (copy != NULL)
        bj_exchange_receive_file(exchange, copy->fd, 2ll << 30, on_received, copy);
}

/* ---- A WebSocket that says what it hears, and "bye" to "bye" ---- */

static void on_frame(void *context, bool binary, const void *data, size_t length)
{
    struct bj_exchange *exchange = context;

    if (data == NULL) {
        bj_exchange_end(exchange);
    } else if (length == 3 && memcmp(data, "bye", 3) == 0) {
        bj_exchange_close_frames(exchange, 4000, "bye");
        bj_exchange_end(exchange);
    } else {
        bj_exchange_send_frame(exchange, binary, data, length);
    }
}

static void handle_websocket(struct bj_exchange *exchange, struct bj_service *service)
{
    (void)service;
    bj_exchange_upgrade(exchange, on_frame, exchange);
}

/* ---- Ports of this machine: by Host, or raw ---- */

static int connect_port(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)strtol(text, NULL, 10))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void joined_over(void *context)
{
    (void)context;
}

static void handle_port(struct bj_exchange *exchange, struct bj_service *service)
{
    int fd = connect_port(exchange->parameters[0]);
    struct bj_error err;

    (void)service;
    if (fd >= 0) {
        bj_exchange_splice(exchange, fd, joined_over, NULL);
        return;
    }
    bj_fail(&err, BJ_E_PROTOCOL, "port", "nothing listens there");
    bj_exchange_fail(exchange, &err);
}

static void handle_raw(struct bj_exchange *exchange, struct bj_service *service)
{
    int fd = connect_port(exchange->parameters[0]);

    (void)service;
    if (fd < 0) {
        bj_exchange_reset(exchange);
        return;
    }
    bj_exchange_set_header(exchange, "Upgrade", "raw");
    bj_exchange_set_header(exchange, "Connection", "Upgrade");
    bj_exchange_begin(exchange, 101, NULL);
    bj_exchange_splice(exchange, fd, joined_over, NULL);
}

static const struct bj_route port_route = {
    .method = "*", .path = "*", .handler = handle_port, .scope = BJ_SCOPE_EXECUTE};

/* ---- What a front that was taken over would try; /attack/NAME, and "/attack/pool-NAME" for a
 * thread of the pool ---- */

static int spare_fd = -1; /* a socket that is not connected yet */

static int try_open(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int try_create(void)
{
    return open("attack", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int try_netlink(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static int try_connect(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9)};
    int result = connect(spare_fd, (struct sockaddr *)&address, sizeof address);

    return result < 0 && errno == ECONNREFUSED ? 0 : result; /* it was let try */
}

static int try_bind(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    return bind(spare_fd, (struct sockaddr *)&address, sizeof address);
}

static int try_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid > 0 ? waitpid(pid, NULL, 0) : -1;
}

static int try_exec(void)
{
    pid_t pid = vfork();
    int status;

    if (pid == 0) {
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static int try_trace(void)
{
    return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int try_kill(void)
{
    return kill(getppid(), 0);
}

static int try_list(void)
{
    char entries[4096];

    return (int)syscall(SYS_getdents64, files_fd, entries, sizeof entries);
}

static int try_namespace(void)
{
    return unshare(CLONE_FILES);
}

static int try_keys(void)
{
    return (int)syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -3, 1);
}

static int try_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static const struct {
    const char *name;
    int (*run)(void);
} attacks[] = {
    {"open", try_open},       {"create", try_create},   {"socket", try_socket},
    {"netlink", try_netlink}, {"connect", try_connect}, {"bind", try_bind},
    {"fork", try_fork},       {"exec", try_exec},       {"trace", try_trace},
    {"kill", try_kill},       {"list", try_list},       {"namespace", try_namespace},
    {"keys", try_keys},       {"code", try_code},
};

struct attack {
    uv_work_t work;
    struct bj_exchange *exchange;
    int (*run)(void);
    bool succeeded;
};

static void run_attack(uv_work_t *work)
{
    struct attack *attack = work->data;

    attack->succeeded = attack->run() >= 0;
}

static void tell_attack(uv_work_t *work, int status)
{
    struct attack *attack = work->data;

    (void)status;
    bj_exchange_json(attack->exchange, 200, json_pack("{s:b}", "succeeded", attack->succeeded));
    free(attack);
}

static void handle_attack(struct bj_exchange *exchange, struct bj_service *service)
{
    struct attack *attack = calloc(1, sizeof *attack);
    const char *name = exchange->parameters[0];
    bool in_pool = bj_starts_with(name, "pool-");

    (void)service;
    attack->work.data = attack;
    attack->exchange = exchange;
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        if (bj_streq(attacks[i].name, name + (in_pool ? 5 : 0)))
            attack->run = attacks[i].run;
    }
    if (attack->run == NULL) {
        free(attack);
        bj_exchange_respond(exchange, 404, NULL, NULL, 0);
    } else if (in_pool) {
        uv_queue_work(uv_default_loop(), &attack->work, run_attack, tell_attack);
    } else {
        run_attack(&attack->work);
        tell_attack(&attack->work, 0);
    }
}

/* A file that was opened before: /kept. */
static int kept_fd = -1;

static void handle_kept(struct bj_exchange *exchange, struct bj_service *service)
{
    struct copy *copy = calloc(1, sizeof *copy);
    char length[24];
    struct stat status;

    (void)service;
    copy->exchange = exchange;
    copy->fd = dup(kept_fd);
    if (bj_streq(exchange->method, "PUT")) {
        bj_exchange_receive_file(exchange, copy->fd, 2ll << 30, on_received, copy);
        return;
    }
    fstat(copy->fd, &status);
    snprintf(length, sizeof length, "%lld", (long long)status.st_size);
    bj_exchange_set_header(exchange, "Content-Length", length);
    bj_exchange_begin(exchange, 200, "application/octet-stream");
    bj_exchange_send_file(exchange, copy->fd, 0, status.st_size, on_sent, copy);
}

static void handle_counts(struct bj_exchange *exchange, struct bj_service *service)
{
    struct bj_server_counts counts;

    (void)service;
    bj_server_counts(server, &counts);
    bj_exchange_json(
        exchange, 200,
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "accepted", (json_int_t)counts.accepted,
                  "stranded", (json_int_t)counts.stranded, "refused", (json_int_t)counts.refused,
                  "timed_out", (json_int_t)counts.timed_out, "connections",
                  (json_int_t)counts.connections, "active", (json_int_t)counts.active, "errors",
                  (json_int_t)counts.answers[5], "received", (json_int_t)counts.received));
}

static const struct bj_route routes[] = {
    {.method = "GET", .path = "/health", .handler = handle_health},
    {.method = "GET", .path = "/counts", .handler = handle_counts},
    {.method = "GET", .path = "/keyed", .handler = handle_echo, .scope = BJ_SCOPE_READ},
    {.method = "GET", .path = "/admin", .handler = handle_echo, .scope = BJ_SCOPE_ADMIN},
    {.method = "GET", .path = "/item/", .handler = handle_echo},
    {.method = "GET", .path = "/header", .handler = handle_header, .query = &value_schema},
    {.method = "GET", .path = "/query", .handler = handle_echo, .query = &value_schema},
    {.method = "GET", .path = "/stream", .handler = handle_stream, .query = &count_schema},
    {.method = "GET",
     .path = "/whole",
     .handler = handle_whole,
     .query = &count_schema,
     .scope = BJ_SCOPE_READ},
    {.method = "GET", .path = "/later", .handler = handle_later},
    {.method = "GET", .path = "/never", .handler = handle_never},
    {.method = "POST", .path = "/echo", .handler = handle_echo, .body = BJ_BODY_JSON},
    {.method = "POST",
     .path = "/value",
     .handler = handle_echo,
     .body = BJ_BODY_JSON,
     .scope = BJ_SCOPE_EXECUTE,
     .request = &value_schema},
    {.method = "GET", .path = "/file/", .handler = handle_download},
    {.method = "PUT", .path = "/file/", .handler = handle_upload, .body = BJ_BODY_RAW},
    {.method = "GET", .path = "/ws", .handler = handle_websocket, .scope = BJ_SCOPE_READ},
    {.method = "GET", .path = "/raw/", .handler = handle_raw},
    {.method = "POST",
     .path = "/quiet",
     .handler = handle_health,
     .body = BJ_BODY_JSON,
     .scope = BJ_SCOPE_EXECUTE,
     .request = &value_schema},
    {.method = "GET", .path = "/attack/", .handler = handle_attack},
    {.method = "GET", .path = "/kept", .handler = handle_kept},
    {.method = "PUT", .path = "/kept", .handler = handle_kept, .body = BJ_BODY_RAW},
    {.method = "PUT", .path = "/ignored", .handler = handle_echo, .body = BJ_BODY_RAW},
};

/* "/item/" takes one more segment. */
static bool matches(const struct bj_route *route, const char *path, struct bj_exchange *exchange)
{
    size_t length = strlen(route->path);

    exchange->parameters[0] = NULL;
    if (route->path[length - 1] != '/')
        return bj_streq(route->path, path);
    if (!bj_starts_with(path, route->path) || path[length] == '\0' ||
        strchr(path + length, '/') != NULL ||
        !bj_str_copy(exchange->parameter_text, sizeof exchange->parameter_text, path + length))
        return false;
    exchange->parameters[0] = exchange->parameter_text;
    return true;
}

static const struct bj_route *find(const char *method, const char *path,
                                   struct bj_exchange *exchange, const char **ret_allow)
{
    *ret_allow = NULL;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!matches(&routes[i], path, exchange))
            continue;
        *ret_allow = routes[i].method;
        if (bj_streq(routes[i].method, method) ||
            (bj_streq(routes[i].method, "GET") && bj_streq(method, "HEAD")))
            return &routes[i];
    }
    return NULL;
}

/* ---- Who ---- */

static const struct bj_identity reader = {.key = "reader", .owner = "a", .scopes = BJ_SCOPE_READ};
static const struct bj_identity worker = {
    .key = "worker", .owner = "b", .scopes = BJ_SCOPE_READ | BJ_SCOPE_EXECUTE};
static const struct bj_identity admin = {.key = "admin", .owner = "c", .scopes = BJ_SCOPE_ALL};
static const struct bj_identity anyone = {.key = "none", .owner = "none", .scopes = BJ_SCOPE_ALL};
static const struct bj_identity peer = {.key = "unix", .owner = "unix", .scopes = BJ_SCOPE_ALL};

static int find_key(void *context, const char *presented, const struct bj_identity **ret)
{
    (void)context;
    *ret = bj_streq(presented, "key-of-reader")   ? &reader
           : bj_streq(presented, "key-of-worker") ? &worker
           : bj_streq(presented, "key-of-admin")  ? &admin
                                                  : NULL;
    return *ret != NULL ? 0 : -BJ_E_UNAUTHENTICATED;
}

static int find_peer(void *context, uid_t uid, gid_t gid, const struct bj_identity **ret)
{
    (void)context;
    (void)gid;
    *ret = &peer;
    return uid == getuid() ? 0 : -BJ_E_UNAUTHENTICATED;
}

static bool has_key(void *context, const char *text, size_t length)
{
    (void)context;
    return memmem(text, length, "key-of-", strlen("key-of-")) != NULL;
}

/* ---- Sockets ---- */

static void fail(const char *what)
{
    fprintf(stderr, "http-server: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void listen_tcp(struct bj_tls *tls)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, 1024) < 0 || getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
        bj_server_listen(server, fd, tls, NULL) < 0)
        fail("listen");
    printf("%s %d\n", tls != NULL ? "tls" : "tcp", ntohs(address.sin_port));
}

static void listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    unlink(path);
    if (!bj_str_copy(address.sun_path, sizeof address.sun_path, path) || fd < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1024) < 0 ||
        bj_server_listen(server, fd, NULL, NULL) < 0)
        fail("listen");
    printf("unix %s\n", path);
}

static void on_stopped(void *context)
{
    (void)context;
    bj_server_free(server);
}

static void on_input(uv_poll_t *poll, int status, int events)
{
    char byte;

    (void)events;
    if (status >= 0 && read(0, &byte, 1) != 0)
        return;
    uv_close((uv_handle_t *)poll, NULL);
    bj_server_stop(server, 2000, on_stopped, NULL);
}

static bool number_option(struct bj_server_options *options, const char *name, const char *value)
{
    const struct {
        const char *name;
        uint32_t *place;
    } numbers[] = {
        {"--max-connections", &options->max_connections},
        {"--max-per-address", &options->max_per_address},
        {"--max-per-owner", &options->max_per_owner},
        {"--head-ms", &options->head_ms},
        {"--idle-ms", &options->idle_ms},
        {"--progress-ms", &options->progress_ms},
        {"--abandon-ms", &options->abandon_ms},
        {"--progress-bytes", &options->progress_bytes},
        {"--shared-bytes", &options->shared_bytes},
        {"--own-bytes", &options->own_bytes},
        {"--keepalive-s", &options->keepalive_s},
    };
    int64_t number;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (bj_streq(numbers[i].name, name) && value != NULL && bj_parse_int64(value, &number)) {
            *numbers[i].place = (uint32_t)number;
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    static const char *const hosts[] = {"service.example", NULL};
    static const char *proxies[2];
    static struct bj_log log;
    struct bj_server_options options = {.find = find,
                                        .gate = {.key = find_key, .has_key = has_key},
                                        .hosts = hosts,
                                        .domain = "box.example",
                                        .port_route = &port_route};
    const char *unix_path = NULL;
    bool tcp = false, confined = false;
    struct bj_tls *tls = NULL;
    struct bj_error err;
    uv_poll_t input;

    bj_log_init(&log);
    options.log = &log;
    for (int i = 1; i < argc; i++) {
        if (bj_streq(argv[i], "--tcp")) {
            tcp = true;
        } else if (bj_streq(argv[i], "--unix") && i + 1 < argc) {
            unix_path = argv[++i];
        } else if (bj_streq(argv[i], "--no-key")) {
            options.gate.anyone = &anyone;
        } else if (bj_streq(argv[i], "--peers")) {
            options.gate.peer = find_peer;
        } else if (bj_streq(argv[i], "--log")) {
            bj_log_choose(&log, "server=info", NULL);
        } else if (bj_streq(argv[i], "--trusted-proxy") && i + 1 < argc) {
            proxies[0] = argv[++i];
            options.trusted_proxies = proxies;
        } else if (bj_streq(argv[i], "--confined")) {
            confined = true;
        } else if (bj_streq(argv[i], "--files") && i + 1 < argc) {
            files_fd = open(argv[++i], O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        } else if (bj_streq(argv[i], "--tls") && i + 2 < argc) {
            if (bj_tls_new(argv[i + 1], argv[i + 2], &tls, &err) < 0) {
                fprintf(stderr, "http-server: %s\n", err.message);
                return 1;
            }
            i += 2;
        } else if (!number_option(&options, argv[i], argv[i + 1])) {
            fprintf(stderr, "http-server: %s: no such option\n", argv[i]);
            return 1;
        } else {
            i++;
        }
    }
    if (bj_server_new(uv_default_loop(), &options, &server, &err) < 0) {
        fprintf(stderr, "http-server: %s\n", err.message);
        return 1;
    }
    if (tcp)
        listen_tcp(NULL);
    if (tls != NULL)
        listen_tcp(tls);
    if (unix_path != NULL)
        listen_unix(unix_path);
    fflush(stdout);
    spare_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    kept_fd = files_fd < 0 ? -1 : openat(files_fd, "kept", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    uv_poll_init(uv_default_loop(), &input, 0);
    uv_poll_start(&input, UV_READABLE | UV_DISCONNECT, on_input);
    if (confined && bj_confine_front(NULL, &err) < 0) {
        fprintf(stderr, "http-server: %s\n", err.message);
        return 1;
    }
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    uv_loop_close(uv_default_loop());
    bj_tls_free(tls);
    return 0;
}
