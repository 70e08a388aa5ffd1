/*
 * Landlock (landlock(7)): one domain per sandbox, entered by init before the workload exists.
 */
#ifndef BJ_LINUX_LANDLOCK_H
#define BJ_LINUX_LANDLOCK_H

#include <stdbool.h>

#include "model/rights.h"

/* The kernel's ABI version, 0 where Landlock is absent or turned off. */
int bj_landlock_abi(void);

/*
 * A ruleset that handles all file accesses of the ABI, confines signals and abstract sockets where
 * it can and, with `no_tcp`, denies binding and connecting of TCP. Returns a descriptor or -1 with
 * errno.
 */
int bj_landlock_new(int abi, bool no_tcp);

/*
 * Grants access to the file or the tree at `path_fd`; without `execute`, all that goes with it but
 * the right to execute. 0, or -1 with errno.
 */
int bj_landlock_allow(int ruleset_fd, int abi, int path_fd, enum bj_grant access, bool execute);

/* Enters the domain; no_new_privs or CAP_SYS_ADMIN is presupposed. 0, or -1 with errno. */
int bj_landlock_enforce(int ruleset_fd);

/*
 * Enters a domain of its own that only confines signals and abstract sockets: a process cannot
 * signal those of an outer domain. Nothing happens before ABI 6. 0, or -1 with errno.
 * Async-signal-safe.
 */
int bj_landlock_scope(void);

#endif
