/*
 * Packets with descriptors over a Unix socket (unix(7), SCM_RIGHTS).
 */
#ifndef BJ_LINUX_SOCKET_H
#define BJ_LINUX_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

/* A connected SOCK_SEQPACKET pair, close-on-exec. 0, or -1 with errno. */
int bj_socket_pair(int ret_ends[2]);

/* Sends one packet with descriptors, which stay the caller's. 0, or -1 with errno. Never SIGPIPE. */
int bj_socket_send(int fd, const void *data, size_t length, const int *fds, size_t fd_count);

/*
 * Receives one packet and at most `capacity` descriptors (close-on-exec, the caller's to close).
 * Returns its length, 0 at end of file, or -1 with errno; EMSGSIZE, with nothing kept, when the packet
 * or its descriptors did not fit. `flags` as of recvmsg(2).
 */
ssize_t bj_socket_receive(int fd, void *data, size_t size, int *fds, size_t capacity,
                          size_t *ret_fd_count, int flags);

#endif
