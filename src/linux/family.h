/*
 * The processes below one, as the host sees them: of a sandbox without the cgroups that would count
 * and freeze them. A process can end while it is looked at, and its number be another's.
 */
#ifndef BJ_LINUX_FAMILY_H
#define BJ_LINUX_FAMILY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BJ_FAMILY_MAX 4096 /* processes that are looked at */

/* The process of a pidfd; -1 when it has ended. */
pid_t bj_family_pid(int pidfd);

/* `root` and everything below it, itself first; at most `capacity`. How many, 0 when it has
 * ended, or -1 with errno where the kernel does not say. */
ssize_t bj_family_list(pid_t root, pid_t *pids, size_t capacity);

/* Their time on processors in microseconds, with that of children that have ended. */
int64_t bj_family_cpu_us(const pid_t *pids, size_t count);

/*
 * Signals everything below `root`, but not `root`, and nothing else, whatever has become of a
 * number meanwhile. Goes on until nothing new turns up. 0, or -1 with errno.
 */
int bj_family_signal(pid_t root, int signal);

#endif
