/*
 * Subordinate ids (subuid(5), newuidmap(1)): a range of host ids that the administrator gave to a
 * user.
 */
#ifndef BJ_LINUX_SUBID_H
#define BJ_LINUX_SUBID_H

#include <sys/types.h>

#include "base/error.h"
#include "model/host.h"

/* Finds the caller's ranges of /etc/subuid and /etc/subgid. An error says what is missing. */
int bj_subid_read(struct bj_host *host, struct bj_error *err);

/* Maps ids of another process through newuidmap and newgidmap. The texts are their arguments. */
int bj_subid_map(pid_t pid, const char *uid_arguments, const char *gid_arguments,
                 struct bj_error *err);

#endif
