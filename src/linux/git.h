/*
 * What a workload could add to a repository for the host's git to obey: files that were not there, and so
 * could not be bound read-only. .git/commondir points git at another directory with its own configuration
 * and hooks; a .git without hooks or configuration can get some (gitrepository-layout(5)).
 */
#ifndef BJ_LINUX_GIT_H
#define BJ_LINUX_GIT_H

#include <stdbool.h>
#include <stdint.h>

struct bj_git_guard {
    int git_fd;      /* the repository, -1 if there is none to guard */
    uint32_t absent; /* bit n: name n was not there before */
};

/* Looks at the workspace before a workload may write it. */
void bj_git_guard_open(struct bj_git_guard *guard, const char *workspace);

/*
 * After its end: removes what is there now and was not. Returns the name of one thing removed, below
 * .git, or NULL. Closes the guard.
 */
const char *bj_git_guard_close(struct bj_git_guard *guard);

#endif
