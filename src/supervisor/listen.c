/* Listening sockets. */
#include "supervisor/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "linux/usual.h"

#define BACKLOG      4096
#define DEFAULT_PORT "8000"

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un path;
    struct sockaddr_storage storage;
};

static bool is_loopback(const union address *address)
{
    if (address->any.sa_family == AF_INET)
        return (ntohl(address->v4.sin_addr.s_addr) >> 24) == 127;
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    return address->any.sa_family == AF_UNIX;
}

/* Fills in what the socket says of itself. */
static int describe(struct bj_listener *listener, struct bj_error *err)
{
    union address address = {0};
    socklen_t length = sizeof address;
    char text[INET6_ADDRSTRLEN];

    if (getsockname(listener->fd, &address.any, &length) < 0)
        return bj_fail_errno(err, "listen", "cannot tell a socket's address");
    listener->is_unix = address.any.sa_family == AF_UNIX;
    listener->is_local = is_loopback(&address);
    if (address.any.sa_family == AF_INET)
        snprintf(listener->name, sizeof listener->name, "%s:%d",
                 inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof text),
                 ntohs(address.v4.sin_port));
    else if (address.any.sa_family == AF_INET6)
        snprintf(listener->name, sizeof listener->name, "[%s]:%d",
                 inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof text),
                 ntohs(address.v6.sin6_port));
    else if (listener->is_unix && address.path.sun_path[0] == '/')
        snprintf(listener->name, sizeof listener->name, "%s", address.path.sun_path);
    else
        return bj_fail(err, BJ_E_INVALID, "listen",
                       "expected sockets of IPv4, IPv6 or a path; found another kind");
    return 0;
}

static int add(struct bj_listeners *listeners, int *fd, bool ours, struct bj_error *err)
{
    struct bj_listener *listener = &listeners->entry[listeners->count];
    int result;

    if (listeners->count >= BJ_LISTENERS_MAX)
        return bj_fail(err, BJ_E_LIMIT, "listen", "more than %d addresses to listen on",
                       BJ_LISTENERS_MAX);
    *listener = (struct bj_listener){.fd = *fd, .is_ours = ours};
    result = describe(listener, err);
    if (result < 0)
        return result;
    *fd = -1;
    listeners->count++;
    return 0;
}

static int fail_listen(const char *where, struct bj_error *err)
{
    if (errno == EADDRINUSE)
        return bj_fail(err, BJ_E_CONFLICT, "listen",
                       "cannot listen on %s: another program does; end it, or choose another "
                       "place with --listen ADDRESS:PORT or --listen PATH",
                       where);
    return bj_fail_errno(err, "listen", "cannot listen on %s", where);
}

static int open_address(struct bj_listeners *listeners, const union address *address,
                        socklen_t length, const char *where, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd =
        socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;

    if (fd < 0)
        return bj_fail_errno(err, "listen", "cannot make a socket for %s", where);
    if (address->any.sa_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, &address->any, length) < 0 || listen(fd, BACKLOG) < 0)
        return fail_listen(where, err);
    return add(listeners, &fd, address->any.sa_family == AF_UNIX, err);
}

/* ---- paths ---- */

/* Removes a socket that nobody listens on any more. False with EADDRINUSE when somebody does. */
static bool clear_path(const union address *address, socklen_t length)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    struct stat status;

    if (lstat(address->path.sun_path, &status) < 0)
        return true;
    errno = EADDRINUSE;
    if (!S_ISSOCK(status.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, &address->any, length) == 0 || errno != ECONNREFUSED) {
        errno = EADDRINUSE;
        return false;
    }
    return unlink(address->path.sun_path) == 0 || errno == ENOENT;
}

static int open_path(struct bj_listeners *listeners, const char *path, bool everyone,
                     struct bj_error *err)
{
    union address address = {.path = {.sun_family = AF_UNIX}};
    mode_t mask;
    int result;

    if (!bj_str_copy(address.path.sun_path, sizeof address.path.sun_path, path))
        return bj_fail(err, BJ_E_INVALID, "listen",
                       "%s is too long for a socket: the system takes %zu bytes", path,
                       sizeof address.path.sun_path - 1);
    if (!clear_path(&address, sizeof address.path))
        return fail_listen(path, err);
    mask = umask(everyone ? 0111 : 0177);
    result = open_address(listeners, &address, sizeof address.path, path, err);
    umask(mask);
    return result;
}

/* ---- addresses ---- */

static bool parse_port(const char *text, in_port_t *ret)
{
    int64_t port;

    if (!bj_parse_int64(text, &port) || port < 0 || port > 65535 || text[0] == '-' ||
        text[0] == '+')
        return false;
    *ret = htons((uint16_t)port);
    return true;
}

static int fail_form(const char *where, struct bj_error *err)
{
    return bj_fail(err, BJ_E_INVALID, "listen",
                   "expected ADDRESS:PORT such as 127.0.0.1:8000 or [::1]:8000, or an absolute "
                   "path; found \"%.100s\"",
                   where);
}

static int open_v4(struct bj_listeners *listeners, const char *host, const char *port,
                   const char *where, struct bj_error *err)
{
    union address address = {.v4 = {.sin_family = AF_INET}};

    if (inet_pton(AF_INET, host, &address.v4.sin_addr) != 1 ||
        !parse_port(port, &address.v4.sin_port))
        return fail_form(where, err);
    return open_address(listeners, &address, sizeof address.v4, where, err);
}

static int open_v6(struct bj_listeners *listeners, const char *host, const char *port,
                   const char *where, struct bj_error *err)
{
    union address address = {.v6 = {.sin6_family = AF_INET6}};

    if (inet_pton(AF_INET6, host, &address.v6.sin6_addr) != 1 ||
        !parse_port(port, &address.v6.sin6_port))
        return fail_form(where, err);
    return open_address(listeners, &address, sizeof address.v6, where, err);
}

int bj_listen_open(struct bj_listeners *listeners, const char *where, bool everyone,
                   struct bj_error *err)
{
    const char *colon = strrchr(where, ':');
    char host[INET6_ADDRSTRLEN + 2];
    size_t length;

    if (where[0] == '/')
        return open_path(listeners, where, everyone, err);
    if (colon == NULL || (size_t)(colon - where) >= sizeof host)
        return fail_form(where, err);
    length = (size_t)(colon - where);
    memcpy(host, where, length);
    host[length] = '\0';
    if (bj_streq(host, "localhost"))
        return open_v4(listeners, "127.0.0.1", colon + 1, where, err);
    if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        return open_v6(listeners, host + 1, colon + 1, where, err);
    }
    return open_v4(listeners, host, colon + 1, where, err);
}

/* ---- the usual places ---- */

int bj_listen_default(struct bj_listeners *listeners, const char *state, bool everyone,
                      struct bj_error *err)
{
    char path[BJ_SOCKET_PATH_MAX];
    int result = 0;

    if (geteuid() == 0 && mkdir("/run/belljar", 0755) < 0 && errno != EEXIST)
        return bj_fail_errno(err, "listen", "cannot make the directory /run/belljar");
    /* Without one the welcome says how clients reach the service. */
    if (bj_usual_socket(state, path))
        result = bj_listen_open(listeners, path, everyone, err);
    if (result == 0)
        result = bj_listen_open(listeners, "127.0.0.1:" DEFAULT_PORT, false, err);
    return result;
}

int bj_listen_inherit(struct bj_listeners *listeners, struct bj_error *err)
{
    int count = sd_listen_fds(1);

    if (count < 0) {
        errno = -count;
        return bj_fail_errno(err, "listen", "cannot take the sockets that systemd passed");
    }
    for (int i = 0; i < count; i++) {
        int fd = SD_LISTEN_FDS_START + i, result;

        if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
            return bj_fail(err, BJ_E_INVALID, "listen",
                           "the socket unit must have ListenStream= sockets only");
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        result = add(listeners, &fd, false, err);
        if (result < 0)
            return result;
    }
    return 0;
}

void bj_listen_close(struct bj_listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        struct bj_listener *listener = &listeners->entry[i];

        bj_fd_close(&listener->fd);
        if (listener->is_ours)
            unlink(listener->name);
    }
    listeners->count = 0;
}
