/*
 * The requests that hand out descriptors: files and sockets in the sandbox's own view of the world,
 * with the workload's rights.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/str.h"
#include "init/init_internal.h"
#include "linux/credentials.h"

#define LISTEN_BACKLOG 128
#define OPEN_FLAGS                                                                                 \
    (O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_DIRECTORY | O_NOFOLLOW | O_PATH)

void bj_init_act_as_workload(const struct bj_init *init, bool begin)
{
    const struct bj_plan *plan = init->plan;

    if (plan->uid == plan->init_uid)
        return;
    if (begin)
        bj_credentials_act_as(plan->uid, plan->gid);
    else
        bj_credentials_act_as(plan->init_uid, plan->init_gid);
}

/*
 * Is it something of init itself: its program, what its own directory in /proc has, or what a
 * descriptor of its own leads to, a /proc without covers? To init alone /proc/self is that
 * directory, and no permission keeps it out; the workload would not get there.
 */
static bool is_of_init(int fd, const struct stat *status)
{
    struct statfs system;
    struct stat program;
    char link[64], path[64], own[32];
    ssize_t length;
    int prefix;

    if (stat("/proc/self/exe", &program) == 0 && program.st_dev == status->st_dev &&
        program.st_ino == status->st_ino)
        return true;
    if (fstatfs(fd, &system) < 0 || system.f_type != PROC_SUPER_MAGIC)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    prefix = snprintf(own, sizeof own, "/proc/%d", getpid());
    if (strncmp(path, "/proc", 5) != 0 || (path[5] != '/' && path[5] != '\0'))
        return true;
    return strncmp(path, own, (size_t)prefix) == 0 && (path[prefix] == '/' || path[prefix] == '\0');
}

int bj_init_open(struct bj_init *init, const struct bj_open *request, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    struct stat status;

    if (request->path[0] != '/' || request->flags & ~OPEN_FLAGS || request->mode & ~0777u)
        return bj_fail(err, BJ_E_INVALID, "open", "the path must be absolute and the flags plain");
    bj_init_act_as_workload(init, true);
    /* Non-blocking: opening a FIFO must not stop init. */
    fd = BJ_SYS(open(request->path, request->flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                     (mode_t)request->mode));
    bj_init_act_as_workload(init, false);
    if (fd < 0)
        return bj_fail_errno(err, "open", "cannot open %s", request->path);
    if (BJ_SYS(fstat(fd, &status)) < 0)
        return bj_fail_errno(err, "open", "cannot stat %s", request->path);
    if (is_of_init(fd, &status)) {
        errno = EACCES;
        return bj_fail_errno(err, "open", "cannot open %s", request->path);
    }
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) && request->any_kind == 0)
        return bj_fail(err, BJ_E_INVALID, "open", "%s is not a regular file or directory",
                       request->path);
    if (!(request->flags & O_PATH) && BJ_SYS(fcntl(fd, F_SETFL, request->flags & O_APPEND)) < 0)
        return bj_fail_errno(err, "open", "cannot prepare %s", request->path);
    return bj_fd_take(&fd);
}

union address {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

static int fill_address(const struct bj_endpoint *endpoint, union address *ret, socklen_t *ret_size,
                        struct bj_error *err)
{
    const char *text = endpoint->address;
    bool understood;

    memset(ret, 0, sizeof *ret);
    ret->any.sa_family = (sa_family_t)endpoint->family;
    switch (endpoint->family) {
    case AF_INET:
        ret->in4.sin_port = htons(endpoint->port);
        ret->in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        understood = *text == '\0' || inet_pton(AF_INET, text, &ret->in4.sin_addr) == 1;
        *ret_size = sizeof ret->in4;
        break;
    case AF_INET6:
        ret->in6.sin6_port = htons(endpoint->port);
        ret->in6.sin6_addr = in6addr_loopback;
        understood = *text == '\0' || inet_pton(AF_INET6, text, &ret->in6.sin6_addr) == 1;
        *ret_size = sizeof ret->in6;
        break;
    case AF_UNIX:
        understood = *text == '/' && bj_str_copy(ret->un.sun_path, sizeof ret->un.sun_path, text);
        *ret_size = sizeof ret->un;
        break;
    default:
        understood = false;
    }
    if (!understood)
        return bj_fail(err, BJ_E_INVALID, "socket",
                       "\"%s\" is not an address of the family asked for", text);
    return 0;
}

/* The socket may still be connecting: the host waits until it is writable and reads SO_ERROR. */
int bj_init_connect(struct bj_init *init, const struct bj_endpoint *endpoint, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    union address address;
    socklen_t size = 0;
    int result = fill_address(endpoint, &address, &size, err);

    if (result < 0)
        return result;
    fd = BJ_SYS(socket(endpoint->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd < 0)
        return bj_fail_errno(err, "connect", "cannot make a socket");
    bj_init_act_as_workload(init, true);
    result = BJ_SYS(connect(fd, &address.any, size));
    bj_init_act_as_workload(init, false);
    if (result < 0 && errno != EINPROGRESS)
        return bj_fail_errno(err, "connect", "cannot connect to %s port %u",
                             *endpoint->address != '\0' ? endpoint->address : "loopback",
                             endpoint->port);
    return bj_fd_take(&fd);
}

int bj_init_listen(struct bj_init *init, const struct bj_endpoint *endpoint, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    union address address;
    socklen_t size = 0;
    int yes = 1, result = fill_address(endpoint, &address, &size, err);

    if (result < 0)
        return result;
    fd = BJ_SYS(socket(endpoint->family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd < 0)
        return bj_fail_errno(err, "listen", "cannot make a socket");
    if (endpoint->family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bj_init_act_as_workload(init, true);
    result = BJ_SYS(bind(fd, &address.any, size));
    bj_init_act_as_workload(init, false);
    if (result < 0 || BJ_SYS(listen(fd, LISTEN_BACKLOG)) < 0)
        return bj_fail_errno(err, "listen", "cannot listen on %s port %u",
                             *endpoint->address != '\0' ? endpoint->address : "loopback",
                             endpoint->port);
    return bj_fd_take(&fd);
}
