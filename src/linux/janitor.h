/*
 * The janitor: a process that outlives a killed launcher long enough to remove its cgroups.
 *
 * It shares the launcher's memory (so it is cheap to make and sees paths added later), sleeps on a
 * pipe, and acts only when the other end closes because the launcher died.
 */
#ifndef BJ_LINUX_JANITOR_H
#define BJ_LINUX_JANITOR_H

#include <sys/types.h>

#define BJ_JANITOR_PATHS_MAX 4

struct bj_janitor {
    pid_t pid;    /* 0 = not started */
    int write_fd; /* closes with the launcher */
    int read_fd;
    const char *volatile paths[BJ_JANITOR_PATHS_MAX];
    volatile int path_count;
    char *stack;
};

void bj_janitor_init(struct bj_janitor *janitor);

/* Starts it unless it runs already. 0, or -1 with errno. `janitor` must stay where it is. */
int bj_janitor_start(struct bj_janitor *janitor);

/* Adds a cgroup to remove; the text must live as long as the janitor. */
void bj_janitor_add(struct bj_janitor *janitor, const char *path);

/* Ends it: its work has been done by the launcher. */
void bj_janitor_stop(struct bj_janitor *janitor);

#endif
