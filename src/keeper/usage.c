/*
 * USAGE: what sandboxes use. Cgroups say it where there are any; of the rest the host's /proc says
 * what it can: time on processors, and how many processes there are. What nobody measures is -1,
 * never 0.
 */
#include <string.h>
#include <sys/vfs.h>

#include "base/mem.h"
#include "keeper/keeper_internal.h"
#include "linux/cgroup.h"
#include "linux/family.h"

/* What /proc says where no cgroup does. */
static void look_at_family(const struct bj_sandbox *sandbox, struct bj_usage_answer *usage)
{
    BJ_CLEANUP_FREE pid_t *pids = NULL;
    pid_t init = sandbox->pidfd >= 0 ? bj_family_pid(sandbox->pidfd) : -1;
    ssize_t count;

    if (init < 0 || (usage->cpu_us >= 0 && usage->processes >= 0))
        return;
    pids = bj_realloc_array(NULL, BJ_FAMILY_MAX, sizeof *pids);
    count = pids != NULL ? bj_family_list(init, pids, BJ_FAMILY_MAX) : 0;
    if (count <= 0)
        return;
    if (usage->cpu_us < 0)
        usage->cpu_us = bj_family_cpu_us(pids, (size_t)count);
    if (usage->processes < 0)
        usage->processes = count - 1; /* without init */
}

static struct bj_usage_answer measure(const struct bj_sandbox *sandbox)
{
    struct bj_usage_answer usage = {.disk_bytes = -1, .disk_inodes = -1};
    struct bj_cgroup_figures figures;
    struct statfs status;

    bj_cgroup_read_figures(sandbox->cgroups[BJ_CONTROLLER_MEMORY],
                           sandbox->cgroups[BJ_CONTROLLER_PIDS],
                           sandbox->cgroups[BJ_CONTROLLER_CPU], &figures);
    usage.memory_bytes = figures.memory;
    usage.memory_peak = figures.memory_peak;
    usage.cpu_us = figures.cpu_us;
    usage.processes = figures.tasks > 0 ? figures.tasks - 1 : -1; /* without init */
    look_at_family(sandbox, &usage);
    if (sandbox->disk_fd >= 0 && fstatfs(sandbox->disk_fd, &status) == 0) {
        usage.disk_bytes = (int64_t)(status.f_blocks - status.f_bfree) * status.f_bsize;
        usage.disk_inodes = (int64_t)(status.f_files - status.f_ffree);
    }
    return usage;
}

/* A sum of which a part is not known is not known. */
static void add(int64_t *sum, int64_t part)
{
    *sum = *sum < 0 || part < 0 ? -1 : *sum + part;
}

void bj_usage_fill(struct bj_keeper *keeper, const struct bj_sandbox *sandbox,
                   struct bj_usage_answer *ret)
{
    *ret = (struct bj_usage_answer){0};
    if (sandbox != NULL) {
        *ret = measure(sandbox);
        return;
    }
    for (const struct bj_sandbox *at = keeper->sandboxes.first; at != NULL; at = at->next) {
        struct bj_usage_answer one = measure(at);

        add(&ret->memory_bytes, one.memory_bytes);
        add(&ret->memory_peak, one.memory_peak);
        add(&ret->cpu_us, one.cpu_us);
        add(&ret->processes, one.processes);
        add(&ret->disk_bytes, one.disk_bytes);
        add(&ret->disk_inodes, one.disk_inodes);
        ret->sandboxes++;
    }
    ret->parked = keeper->pool.count;
}
