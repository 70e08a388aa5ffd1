/*
 * File descriptors: -1 when empty, close-on-exec from birth, closed by attribute.
 */
#ifndef BJ_BASE_FD_H
#define BJ_BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* Closes *fd if open and sets it to -1. errno is kept. */
void bj_fd_close(int *fd);
#define BJ_CLEANUP_CLOSE __attribute__((cleanup(bj_fd_close)))

/* Hands a descriptor over: returns it and leaves -1. */
int bj_fd_take(int *fd);

/* Writes everything, retrying on EINTR. 0, or -1 with errno. */
int bj_fd_write_all(int fd, const void *data, size_t length);

/* Writes a short text to a file below a directory descriptor (AT_FDCWD allowed). 0, or -1 with
 * errno. */
int bj_write_file_at(int dir_fd, const char *path, const char *text);

/*
 * Reads at most size-1 bytes of a small file and appends a NUL. Returns the length, or -1 with
 * errno; a longer file is cut, which suits the kernel's own small files only.
 */
ssize_t bj_read_small_file_at(int dir_fd, const char *path, char *text, size_t size);

/* Reads a whole regular file of at most `maximum` bytes; *ret_text is owned by the caller. */
int bj_read_file(const char *path, size_t maximum, char **ret_text, size_t *ret_length,
                 struct bj_error *err);

#endif
