/*
 * What a workload could leave in a repository for the host's git to obey, beyond the files that are
 * bound read-only: .git/commondir, which does not exist in an ordinary repository and so cannot be bound,
 * points git at another directory with its own configuration and hooks (gitrepository-layout(5)).
 */
#ifndef BJ_LINUX_GIT_H
#define BJ_LINUX_GIT_H

#include <stdbool.h>

struct bj_git_guard {
    int git_fd; /* the repository, -1 if there is none to guard */
};

/* Looks at the workspace before a workload may write it. */
void bj_git_guard_open(struct bj_git_guard *guard, const char *workspace);

/* After its end: removes the file if it is there now. True if it was. Closes the guard. */
bool bj_git_guard_close(struct bj_git_guard *guard);

#endif
