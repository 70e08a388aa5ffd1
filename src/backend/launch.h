/*
 * Launching: from a plan to a running init, done by whoever is init's parent: this process for
 * `belljar run`, the launcher for everything else.
 *
 * Theory of operation. Init is cloned from this process and executes its side of the plan. In the
 * meantime, on the other processor, this side makes cgroups, maps ids and opens the users' trees,
 * and hands what init needs over their socket with GO. The first SPAWN can be sent right behind: it
 * waits in the socket until init is ready. Should this process be killed, init dies with it; the
 * cgroups, which cannot be removed from inside, are left to the janitor, a process that sleeps
 * until then.
 */
#ifndef BJ_BACKEND_LAUNCH_H
#define BJ_BACKEND_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "linux/janitor.h"
#include "model/result.h"
#include "plan/plan.h"

#define BJ_LAUNCH_CGROUPS (BJ_CONTROLLER_COUNT + 1) /* the controllers' and the freezer's */

/* A cgroup that was made for a sandbox, and the layer that it serves. */
struct bj_launch_cgroup {
    enum bj_layer layer;
    char path[320];
};

struct bj_launch {
    const struct bj_plan *plan; /* borrowed until bj_launch_start() has returned */
    uint32_t isolation;
    struct bj_janitor janitor;
    bool cleaned_elsewhere; /* set before the start: somebody else has a janitor */
    int workspace_fd;       /* set before it too: for WORKSPACE, borrowed; 0 = none */
    pid_t init_pid;         /* 0 = none */
    int init_pidfd;
    pid_t helpers[BJ_VOLUMES_MAX + 1]; /* children that have done their part, to be reaped */
    bool plain_trees;                  /* a read-only volume is shared with the host after all */
    uint32_t helper_count;
    uint32_t id_base; /* first host id of this sandbox, if it has its own */
    struct bj_launch_cgroup cgroups[BJ_LAUNCH_CGROUPS];
    uint32_t cgroups_made;       /* of them */
    int64_t kill_at, give_up_at; /* while it ends */
};

/* What a sandbox used, as far as its parent can tell. */
struct bj_usage {
    int64_t cpu_us;
    int64_t peak_memory; /* bytes; 0 where no cgroup counted */
    int32_t oom_killed;
    int32_t reserved;
};

/*
 * Starts init. *ret_socket is the host's end of its socket, the caller's, set also when the host
 * side failed after init was cloned: what init said is in it. Call bj_launch_end() in any case.
 */
int bj_launch_start(struct bj_launch *launch, const struct bj_plan *plan, int *ret_socket,
                    struct bj_error *err);

/* Ends init and with it the sandbox (its socket must be closed by now), reads the counters and
 * removes the cgroups. */
void bj_launch_end(struct bj_launch *launch, struct bj_usage *ret_usage);

/*
 * The same without waiting: begins, and tries, to be called when init's pidfd polls readable and
 * then every BJ_LAUNCH_END_MS until it is true. `usage` is the caller's, begins as zeros and is
 * complete then.
 */
void bj_launch_end_begin(struct bj_launch *launch);
bool bj_launch_end_try(struct bj_launch *launch, struct bj_usage *usage);
#define BJ_LAUNCH_END_MS 10

/* Removes the cgroups only; for a janitor. */
void bj_launch_remove_cgroups(struct bj_launch *launch);

/* Registers the memory that init overwrites: the program's arguments and environment. */
void bj_launch_set_wipe(char *start, size_t length);

#endif
