/* How far a TCP client has come. A file of its own: the kernel's header and libc's, which libuv
 * takes, exclude each other. */
#ifndef BJ_SERVER_PROGRESS_H
#define BJ_SERVER_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes that the other end has acknowledged; false: not known. */
bool bj_progress_acknowledged(int fd, uint64_t *ret);

#endif
