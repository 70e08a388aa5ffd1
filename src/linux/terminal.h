/*
 * The caller's terminal while a command inside has one of its own: raw, so that every key goes
 * through, and restored whatever happens, even if this process is killed.
 */
#ifndef BJ_LINUX_TERMINAL_H
#define BJ_LINUX_TERMINAL_H

#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

#include "base/error.h"

struct bj_terminal {
    int fd; /* -1 while it is as it was */
    struct termios saved;
    pid_t guard;  /* restores it should this process be killed */
    int guard_fd; /* closes with this process */
};

void bj_terminal_init(struct bj_terminal *terminal);

/* Nothing happens if `fd` is no terminal. */
int bj_terminal_make_raw(struct bj_terminal *terminal, int fd, struct bj_error *err);
void bj_terminal_restore(struct bj_terminal *terminal);

/* The size of the first of the streams that is a terminal; 0 and 0 if none is. */
void bj_terminal_size(const int streams[3], uint16_t *ret_rows, uint16_t *ret_columns);

/* Gives a terminal of a sandbox the caller's size. */
void bj_terminal_copy_size(const struct bj_terminal *terminal, int master_fd);

#endif
