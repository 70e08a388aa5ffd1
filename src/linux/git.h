/*
 * What a workload could add to a repository for the host's git to obey: files that were not there,
 * and so could not be bound read-only. .git/commondir points git at another directory with its own
 * configuration and hooks; a .git without hooks or configuration can get some
 * (gitrepository-layout(5)).
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
 * After its end: takes away what is there now and was not. True if there was something; *ret_name
 * is then one such name below .git, and *ret_gone whether git will no longer find it. Closes the
 * guard.
 */
bool bj_git_guard_close(struct bj_git_guard *guard, const char **ret_name, bool *ret_gone);

#endif
