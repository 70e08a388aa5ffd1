/* Packets with descriptors. */
#include "linux/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/limits.h"

union control {
    struct cmsghdr head;
    char space[CMSG_SPACE(BJ_FRAME_FDS_MAX * sizeof(int))];
};

int bj_socket_pair(int ret_ends[2])
{
    return BJ_SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends));
}

int bj_socket_send(int fd, const void *data, size_t length, const int *fds, size_t fd_count)
{
    union control control = {0};
    struct iovec part = {.iov_base = (void *)data, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    if (fd_count > BJ_FRAME_FDS_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    if (fd_count > 0) {
        struct cmsghdr *head;

        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(head), fds, fd_count * sizeof(int));
    }
    do {
        sent = BJ_SYS(sendmsg(fd, &message, MSG_NOSIGNAL));
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

ssize_t bj_socket_receive(int fd, void *data, size_t size, int *fds, size_t capacity,
                          size_t *ret_fd_count, int flags)
{
    union control control;
    struct iovec part = {.iov_base = data, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof control.space,
    };
    int received[BJ_FRAME_FDS_MAX];
    size_t count = 0;
    ssize_t length;

    do {
        length = BJ_SYS(recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC));
    } while (length < 0 && errno == EINTR);
    if (length < 0)
        return -1;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head != NULL;
         head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (count > BJ_FRAME_FDS_MAX)
            count = BJ_FRAME_FDS_MAX;
        memcpy(received, CMSG_DATA(head), count * sizeof(int));
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || count > capacity) {
        close_all(received, count);
        errno = EMSGSIZE;
        return -1;
    }
    if (count > 0)
        memcpy(fds, received, count * sizeof(int));
    if (ret_fd_count != NULL)
        *ret_fd_count = count;
    return length;
}
