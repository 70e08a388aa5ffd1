/*
 * Who goes first when memory ends: the workload, not init, which tells what happened. A process
 * begins with its parent's score, so init has the workload's while it starts one. The child cannot
 * set its own: until it has executed it shares init's memory, and its files are not its user's.
 *
 * The kernel gives a score to all processes that share the memory, and would take the child for one
 * of them in the moment between its waking init and its leaving that memory. It looks for such
 * only after a clone(2) with CLONE_VM and neither CLONE_VFORK nor CLONE_THREAD (MMF_MULTIPROCESS in
 * fs/proc/base.c, since Linux 5.10): init must make none.
 *
 * Best effort: a host without /proc, or with a read-only one, leaves the scores as they are; and a
 * workload may lower its own again, as far as its caller could have.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "init/init_internal.h"

#define OFFER     300
#define SCORE_MAX 1000 /* proc_pid_oom_score_adj(5) */

void bj_init_oom_open(struct bj_init *init)
{
    char text[16];
    ssize_t length;

    init->oom_fd = BJ_SYS(open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC));
    if (init->oom_fd < 0)
        return;
    length = pread(init->oom_fd, text, sizeof text - 1, 0);
    if (length <= 0) {
        bj_fd_close(&init->oom_fd);
        return;
    }
    text[length] = '\0';
    init->oom_score = (int)strtol(text, NULL, 10);
    if (init->oom_score < 0)
        init->oom_score = 0; /* the caller's protection is not the sandbox's */
}

void bj_init_oom_offer(const struct bj_init *init, bool begin)
{
    int score = init->oom_score, saved = errno, length;
    char text[16];

    if (init->oom_fd < 0)
        return;
    if (begin)
        score = score + OFFER < SCORE_MAX ? score + OFFER : SCORE_MAX;
    length = snprintf(text, sizeof text, "%d", score);
    (void)!BJ_SYS(pwrite(init->oom_fd, text, (size_t)length, 0));
    errno = saved; /* of what was started between */
}
