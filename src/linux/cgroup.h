/*
 * Control groups (cgroups(7)), version 2 or, where the host has only that, version 1.
 */
#ifndef BJ_LINUX_CGROUP_H
#define BJ_LINUX_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "model/host.h"

/*
 * Finds where this process may make cgroups with the memory, pids and cpu controllers: fills
 * host->cgroup and host->cgroup_path. Version 2: the nearest ancestor of the own cgroup that may be
 * written and whose children have the controllers. Version 1: below the own cgroup of each
 * controller, for root.
 */
void bj_cgroup_find(struct bj_host *host);

/* Makes a cgroup and opens the file by which a process joins it. A descriptor, or -1 with errno. */
int bj_cgroup_make(const char *path);

/* Removes it, waiting for its last process to be gone for at most ten seconds. 0, or -1
 * with errno. */
int bj_cgroup_remove(const char *path);

/* The same without waiting: -1 with EBUSY while a process is in it. */
int bj_cgroup_try_remove(const char *path);

/* Stops everything in it, or lets it go on; under version 1 it must be one of the freezer's. Takes
 * effect a little later. 0, or -1 with errno. */
int bj_cgroup_freeze(const char *path, bool frozen);
bool bj_cgroup_is_frozen(const char *path);

/* What a sandbox uses now, from the cgroups of each controller ("" = it has none). -1 = not
 * known. */
struct bj_cgroup_figures {
    int64_t memory, memory_peak; /* bytes */
    int64_t tasks;               /* processes and threads */
    int64_t cpu_us;
};
void bj_cgroup_read_figures(const char *memory, const char *pids, const char *cpu,
                            struct bj_cgroup_figures *ret);

/* What a memory cgroup counted. Numbers are 0 where the kernel does not say. */
struct bj_cgroup_memory {
    int64_t peak; /* bytes */
    int64_t oom_kills;
};
void bj_cgroup_read_memory(const char *path, struct bj_cgroup_memory *ret);
/* The second of them alone; 0 for "". */
int64_t bj_cgroup_oom_kills(const char *path);

#endif
