/*
 * The memory watch: where no memory cgroup is to be had, init adds up what the sandbox uses every
 * few milliseconds. First a cheap sum that counts too much; only when that is over the limit, the
 * exact one. Better than nothing and reported as degraded: a fast allocation can exceed the limit
 * for a moment, and memory of sockets and pipes, of System V segments and of memory files that
 * nobody has mapped is not seen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/init_internal.h"
#include "init/proc_walk.h"

struct usage {
    uint64_t own, shared; /* bytes of anonymous and of shared memory */
};

/* All that is resident (proc(5), statm): counts what is shared as often as it is shared,
 * and files. */
static struct usage quick_usage(int proc_fd, pid_t pid)
{
    unsigned long size, resident;
    char path[32], text[128];

    snprintf(path, sizeof path, "%d/statm", pid);
    if (bj_read_small_file_at(proc_fd, path, text, sizeof text) <= 0 ||
        sscanf(text, "%lu %lu", &size, &resident) != 2)
        return (struct usage){0};
    return (struct usage){.own = (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE)};
}

static uint64_t kib_after(const char *text, const char *key)
{
    const char *found = strstr(text, key);

    return found != NULL ? strtoull(found + strlen(key), NULL, 10) << 10 : 0;
}

/* Shared pages divided among those who share them (smaps_rollup). */
static struct usage exact_usage(int proc_fd, pid_t pid)
{
    char path[32], text[2048];

    snprintf(path, sizeof path, "%d/smaps_rollup", pid);
    if (bj_read_small_file_at(proc_fd, path, text, sizeof text) <= 0 ||
        strstr(text, "Pss_Anon:") == NULL)
        return quick_usage(proc_fd, pid);
    return (struct usage){.own = kib_after(text, "Pss_Anon:"),
                          .shared = kib_after(text, "Pss_Shmem:")};
}

static uint64_t scratch_bytes(void)
{
    struct statfs status;

    if (statfs("/tmp", &status) < 0)
        return 0;
    return (uint64_t)(status.f_blocks - status.f_bfree) * (uint64_t)status.f_bsize;
}

static uint64_t sum(struct bj_init *init, struct usage (*measure)(int proc_fd, pid_t pid))
{
    uint64_t own = 0, shared = 0, scratch = scratch_bytes();
    struct bj_proc_walk walk;
    pid_t pid;

    bj_proc_walk_start(&walk, init->proc_fd);
    while (bj_proc_walk_next(&walk, &pid)) {
        struct usage usage = measure(init->proc_fd, pid);

        own += usage.own;
        shared += usage.shared;
    }
    /* Mapped files of the scratch are in both; the larger of the two is surely in use. */
    return own + (shared > scratch ? shared : scratch);
}

bool bj_init_memory_exceeded(struct bj_init *init)
{
    uint64_t limit = init->plan->memory_watch;

    if (limit == 0 || init->proc_fd < 0 || init->plan->isolation != BJ_ISOLATION_NAMESPACES)
        return false;
    return sum(init, quick_usage) > limit && sum(init, exact_usage) > limit;
}

bool bj_init_files_exceed(const struct bj_init *init)
{
    return scratch_bytes() > init->plan->memory_watch;
}
