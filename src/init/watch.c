/*
 * The memory watch: where no memory cgroup is to be had, init adds up what the sandbox uses every few
 * milliseconds. First a cheap sum that may count shared pages twice; only when that is too much, the
 * exact one. Better than nothing and reported as degraded: a fast allocation can exceed the limit for
 * a moment, and memory of sockets and pipes is not seen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/init_internal.h"
#include "init/proc_walk.h"

/* Bytes of a process's own pages: resident less those of files and shared memory (proc(5), statm). */
static uint64_t quick_bytes(int proc_fd, pid_t pid)
{
    unsigned long size, resident, shared;
    char path[32], text[128];

    snprintf(path, sizeof path, "%d/statm", pid);
    if (bj_read_small_file_at(proc_fd, path, text, sizeof text) <= 0 ||
        sscanf(text, "%lu %lu %lu", &size, &resident, &shared) != 3 || resident < shared)
        return 0;
    return (uint64_t)(resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The same with shared pages divided among those who share them (smaps_rollup, "Pss_Anon"). */
static uint64_t exact_bytes(int proc_fd, pid_t pid)
{
    char path[32], text[2048], *found;

    snprintf(path, sizeof path, "%d/smaps_rollup", pid);
    if (bj_read_small_file_at(proc_fd, path, text, sizeof text) <= 0)
        return quick_bytes(proc_fd, pid);
    found = strstr(text, "Pss_Anon:");
    if (found == NULL)
        return quick_bytes(proc_fd, pid);
    return strtoull(found + strlen("Pss_Anon:"), NULL, 10) << 10;
}

static uint64_t scratch_bytes(void)
{
    struct statfs status;

    if (statfs("/tmp", &status) < 0)
        return 0;
    return (uint64_t)(status.f_blocks - status.f_bfree) * (uint64_t)status.f_bsize;
}

static uint64_t sum(struct bj_init *init, uint64_t (*measure)(int proc_fd, pid_t pid))
{
    uint64_t total = scratch_bytes();
    struct bj_proc_walk walk;
    pid_t pid;

    bj_proc_walk_start(&walk, init->proc_fd);
    while (bj_proc_walk_next(&walk, &pid))
        total += measure(init->proc_fd, pid);
    return total;
}

bool bj_init_memory_exceeded(struct bj_init *init)
{
    uint64_t limit = init->plan->memory_watch;

    if (limit == 0 || init->proc_fd < 0 || init->plan->isolation != BJ_ISOLATION_NAMESPACES)
        return false;
    return sum(init, quick_bytes) > limit && sum(init, exact_bytes) > limit;
}
