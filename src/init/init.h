/*
 * PID 1 of a sandbox.
 *
 * Theory of operation. The backend clones the process that becomes init; init executes its side of
 * the plan (setup.c), closes the doors behind itself, and then serves requests on its socket
 * (broker.c) until the host end closes, a request is malformed, or the main process ends: then it
 * ends everything in the sandbox and exits. It uses no heap, holds no secret and handles no signal,
 * so that as PID 1 of its namespace nothing inside can stop or end it. The doors bind init as well:
 * what it does on request it does with the workload's rights.
 */
#ifndef BJ_INIT_INIT_H
#define BJ_INIT_INIT_H

#include <stddef.h>

#include "plan/plan.h"

/* Memory to be overwritten at once: the caller's arguments and environment. */
struct bj_init_wipe {
    char *start;
    size_t length;
};

/*
 * Runs as init; never returns. Called in the fresh child of bj_process_clone(). `plan` and `wipe`
 * are this process's copies. `socket_fd` is init's end.
 */
void bj_init_run(const struct bj_plan *plan, int socket_fd, struct bj_init_wipe wipe)
    __attribute__((noreturn));

#endif
