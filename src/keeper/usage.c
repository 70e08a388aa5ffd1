/*
 * USAGE: what sandboxes use. Cgroups say it where there are any; of the rest the host's /proc says
 * what it can: time on processors, and how many processes there are.
 */
#include <string.h>
#include <sys/vfs.h>

#include "base/mem.h"
#include "keeper/keeper_internal.h"
#include "linux/cgroup.h"
#include "linux/family.h"

static void add_family(const struct bj_sandbox *sandbox, bool cpu, bool tasks,
                       struct bj_usage_answer *ret)
{
    BJ_CLEANUP_FREE pid_t *pids = NULL;
    pid_t init = sandbox->pidfd >= 0 ? bj_family_pid(sandbox->pidfd) : -1;
    ssize_t count;

    if (init < 0 || (!cpu && !tasks))
        return;
    pids = bj_realloc_array(NULL, BJ_FAMILY_MAX, sizeof *pids);
    count = pids != NULL ? bj_family_list(init, pids, BJ_FAMILY_MAX) : 0;
    if (count <= 0)
        return;
    if (cpu)
        ret->cpu_us += bj_family_cpu_us(pids, (size_t)count);
    if (tasks)
        ret->processes += count - 1; /* without init */
}

static void add_disk(const struct bj_sandbox *sandbox, struct bj_usage_answer *ret)
{
    struct statfs status;

    if (sandbox->disk_fd < 0 || fstatfs(sandbox->disk_fd, &status) < 0)
        return;
    ret->disk_bytes += (int64_t)(status.f_blocks - status.f_bfree) * status.f_bsize;
    ret->disk_inodes += (int64_t)(status.f_files - status.f_ffree);
}

static void add(const struct bj_sandbox *sandbox, struct bj_usage_answer *ret)
{
    struct bj_cgroup_figures figures;

    bj_cgroup_read_figures(sandbox->cgroups[BJ_CONTROLLER_MEMORY],
                           sandbox->cgroups[BJ_CONTROLLER_PIDS],
                           sandbox->cgroups[BJ_CONTROLLER_CPU], &figures);
    ret->memory_bytes += figures.memory;
    ret->memory_peak += figures.memory_peak;
    ret->cpu_us += figures.cpu_us > 0 ? figures.cpu_us : 0;
    ret->processes += figures.tasks > 0 ? figures.tasks - 1 : 0; /* without init */
    add_family(sandbox, figures.cpu_us < 0, figures.tasks == 0, ret);
    add_disk(sandbox, ret);
}

void bj_usage_fill(struct bj_keeper *keeper, const struct bj_sandbox *sandbox,
                   struct bj_usage_answer *ret)
{
    *ret = (struct bj_usage_answer){0};
    if (sandbox != NULL) {
        add(sandbox, ret);
        return;
    }
    for (const struct bj_sandbox *at = keeper->sandboxes.first; at != NULL; at = at->next) {
        add(at, ret);
        ret->sandboxes++;
    }
    ret->parked = keeper->pool.count;
}
