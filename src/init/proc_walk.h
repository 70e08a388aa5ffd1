/* Walking the numbers in /proc without heap. */
#ifndef BJ_INIT_PROC_WALK_H
#define BJ_INIT_PROC_WALK_H

#include <stdbool.h>
#include <sys/types.h>

struct bj_proc_walk {
    int proc_fd;
    long at, filled;
    char buffer[4096] __attribute__((aligned(8)));
};

void bj_proc_walk_start(struct bj_proc_walk *walk, int proc_fd);

/* The next process; false at the end. */
bool bj_proc_walk_next(struct bj_proc_walk *walk, pid_t *ret_pid);

#endif
