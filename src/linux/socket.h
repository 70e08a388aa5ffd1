/*
 * Packets with descriptors over a Unix socket (unix(7), SCM_RIGHTS).
 */
#ifndef BJ_LINUX_SOCKET_H
#define BJ_LINUX_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/limits.h"

/* Descriptors that travel with a packet. */
struct bj_fds {
    int fd[BJ_FRAME_FDS_MAX];
    size_t count;
};

/* Is this errno of sending or receiving for want of something that there may be again later? */
bool bj_socket_shortage(int code);

/* Closes them all. */
void bj_fds_close(struct bj_fds *fds);

/* A connected SOCK_SEQPACKET pair, close-on-exec. 0, or -1 with errno. */
int bj_socket_pair(int ret_ends[2]);

/* Sees to it that the socket can hold a packet of `length` bytes to be sent. */
int bj_socket_make_room(int fd, int length, struct bj_error *err);

/*
 * Sends one packet with descriptors (NULL for none), which stay the caller's. 0, or -1 with errno.
 * Never SIGPIPE.
 */
int bj_socket_send(int fd, const void *data, size_t length, const struct bj_fds *fds);

/*
 * Receives one packet and its descriptors (close-on-exec, the caller's to close). Returns its
 * length, 0 at end of file, or -1 with errno; EMSGSIZE, with nothing kept, when the packet or its
 * descriptors did not fit. `flags` as of recvmsg(2).
 */
ssize_t bj_socket_receive(int fd, void *data, size_t size, struct bj_fds *ret_fds, int flags);

/*
 * The same for whoever goes on where no descriptor is free for those of the packet: it is received
 * without any of them, and *ret_lost says so.
 */
ssize_t bj_socket_receive_some(int fd, void *data, size_t size, struct bj_fds *ret_fds, int flags,
                               bool *ret_lost);

#endif
