/*
 * The janitor: a process that outlives a killed launcher long enough to remove its cgroups.
 *
 * It shares the launcher's memory (so it is cheap to make and sees what is there at the end),
 * sleeps on a pipe, and acts only when the other end closes because the launcher died.
 */
#ifndef BJ_LINUX_JANITOR_H
#define BJ_LINUX_JANITOR_H

#include <sys/types.h>

struct bj_janitor {
    pid_t pid;    /* 0 = not started */
    int write_fd; /* closes with the launcher */
    int read_fd;
    void (*clean)(void *argument);
    void *argument;
    char *stack;
};

void bj_janitor_init(struct bj_janitor *janitor);

/*
 * Starts it unless it runs already: clean(argument) is called in it, in this process's memory, when
 * this process has been killed. `janitor` must stay where it is. 0, or -1 with errno.
 */
int bj_janitor_start(struct bj_janitor *janitor, void (*clean)(void *argument), void *argument);

/* Ends it: its work has been done by the launcher. */
void bj_janitor_stop(struct bj_janitor *janitor);

#endif
