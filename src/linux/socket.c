/* Packets with descriptors. */
#include "linux/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/limits.h"

#define PACKET_OVERHEAD 64 /* the kernel's own, of a socket's bytes */

union control {
    struct cmsghdr head;
    char space[CMSG_SPACE(BJ_FRAME_FDS_MAX * sizeof(int))];
};

int bj_socket_pair(int ret_ends[2])
{
    return BJ_SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends));
}

/* The kernel counts its own of a packet's bytes, too. Forcing takes a right; without it there is
 * the system's maximum. What was given by someone with more rights is kept. */
int bj_socket_make_room(int fd, int length, struct bj_error *err)
{
    int wanted = length + PACKET_OVERHEAD, size = 0;
    socklen_t bytes = sizeof size;

    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &bytes) == 0 && size >= wanted)
        return 0;
    if ((setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof wanted) < 0 &&
         BJ_SYS(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted)) < 0) ||
        getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &bytes) < 0)
        return bj_fail_errno(err, "socket", "cannot prepare the socket of a process");
    if (size < wanted)
        return bj_fail(err, BJ_E_UNSUPPORTED, "socket",
                       "a socket holds %d bytes and needs %d: raise net.core.wmem_max", size,
                       wanted);
    return 0;
}

/* Descriptors that are on their way are bounded as well: ETOOMANYREFS. */
bool bj_socket_shortage(int code)
{
    return code == ENOMEM || code == ENOBUFS || code == EMFILE || code == ENFILE ||
           code == ETOOMANYREFS;
}

void bj_fds_close(struct bj_fds *fds)
{
    for (size_t i = 0; i < fds->count; i++)
        close(fds->fd[i]);
    fds->count = 0;
}

int bj_socket_send(int fd, const void *data, size_t length, const struct bj_fds *fds)
{
    union control control = {0};
    struct iovec part = {.iov_base = (void *)data, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    size_t count = fds != NULL ? fds->count : 0;
    ssize_t sent;

    if (count > BJ_FRAME_FDS_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    if (count > 0) {
        struct cmsghdr *head;

        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(head), fds->fd, count * sizeof(int));
    }
    do {
        sent = BJ_SYS(sendmsg(fd, &message, MSG_NOSIGNAL));
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

static void take_fds(struct msghdr *message, struct bj_fds *ret)
{
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL;
         head = CMSG_NXTHDR(message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        ret->count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (ret->count > BJ_FRAME_FDS_MAX)
            ret->count = BJ_FRAME_FDS_MAX;
        memcpy(ret->fd, CMSG_DATA(head), ret->count * sizeof(int));
    }
}

ssize_t bj_socket_receive_some(int fd, void *data, size_t size, struct bj_fds *ret_fds, int flags,
                               bool *ret_lost)
{
    union control control;
    struct iovec part = {.iov_base = data, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof control.space,
    };
    ssize_t length;

    ret_fds->count = 0;
    do {
        length = BJ_SYS(recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC));
    } while (length < 0 && errno == EINTR);
    if (length < 0)
        return -1;
    take_fds(&message, ret_fds);
    *ret_lost = message.msg_flags & MSG_CTRUNC;
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        bj_fds_close(ret_fds);
    if (message.msg_flags & MSG_TRUNC) {
        errno = EMSGSIZE;
        return -1;
    }
    return length;
}

ssize_t bj_socket_receive(int fd, void *data, size_t size, struct bj_fds *ret_fds, int flags)
{
    bool lost = false;
    ssize_t length = bj_socket_receive_some(fd, data, size, ret_fds, flags, &lost);

    if (length >= 0 && lost) {
        errno = EMSGSIZE;
        return -1;
    }
    return length;
}
