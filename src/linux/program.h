/* Running a program of the host's to its end, for what it says: --version, or whether it works. */
#ifndef BJ_LINUX_PROGRAM_H
#define BJ_LINUX_PROGRAM_H

#include <stddef.h>

#include "base/error.h"

/* Looks for an executable file by the caller's PATH. BJ_E_NOT_FOUND. */
int bj_program_find(const char *name, char *ret_path, size_t size, struct bj_error *err);

/*
 * Runs it with an empty environment but PATH, nothing on its standard input and no other
 * descriptor. The first size-1 bytes of output and errors together, and a NUL, go to `text`.
 * *ret_status is as of waitpid(2). BJ_E_TIMEOUT: it was ended.
 */
int bj_program_output(const char *path, const char *const *argv, char *text, size_t size,
                      int timeout_ms, int *ret_status, struct bj_error *err);

#endif
