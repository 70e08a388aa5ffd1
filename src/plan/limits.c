/*
 * Limits: which of them a cgroup enforces on this host, which something weaker does, and which
 * cannot be had.
 */
#include <stdio.h>
#include <sys/resource.h>

#include "base/str.h"
#include "plan/plan_internal.h"

#define MIB           ((uint64_t)1 << 20)
#define CPU_PERIOD_US 100000

static void add_rlimit(struct bj_plan *plan, int resource, uint64_t limit)
{
    if (plan->rlimit_count < BJ_RLIMITS_MAX)
        plan->rlimits[plan->rlimit_count++] =
            (struct bj_rlimit){.resource = resource, .limit = limit};
}

static bool has_controller(const struct bj_builder *b, enum bj_controller controller)
{
    return b->host->cgroup != BJ_CGROUP_NONE && b->host->cgroup_path[controller][0] != '\0';
}

/* The directory of this sandbox's cgroup below a controller's. */
static uint32_t cgroup_directory(struct bj_builder *b, const char *parent)
{
    char path[BJ_PATH_MAX];

    snprintf(path, sizeof path, "%s/belljar-%d-%u", parent, b->host->pid, b->host->serial);
    return bj_builder_text(b, path);
}

/* Makes a cgroup below a directory, if it is not made yet: with version 2 controllers share one. */
static void make_cgroup_below(struct bj_builder *b, const char *parent, enum bj_layer layer)
{
    uint32_t directory = cgroup_directory(b, parent);
    const char *path = bj_plan_text(b->plan, directory);
    struct bj_op *op;

    for (uint32_t i = 0; i < b->plan->op_count; i++) {
        if (b->plan->ops[i].kind == BJ_OP_CGROUP &&
            bj_streq(bj_plan_text(b->plan, b->plan->ops[i].source), path))
            return;
    }
    op = bj_builder_op(b, BJ_OP_CGROUP, layer);
    op->source = directory;
    op->slot = bj_builder_slot(b);
}

static void make_cgroup(struct bj_builder *b, enum bj_controller controller, enum bj_layer layer)
{
    make_cgroup_below(b, b->host->cgroup_path[controller], layer);
}

static void set_cgroup(struct bj_builder *b, enum bj_controller controller, enum bj_layer layer,
                       const char *file, const char *value, uint32_t flags)
{
    char path[BJ_PATH_MAX];
    struct bj_op *op;
    uint32_t source, text;

    snprintf(path, sizeof path, "%s/belljar-%d-%u/%s", b->host->cgroup_path[controller],
             b->host->pid, b->host->serial, file);
    source = bj_builder_text(b, path);
    text = bj_builder_text(b, value);
    op = bj_builder_op(b, BJ_OP_CGROUP_SET, layer);
    op->source = source;
    op->text = text;
    op->flags = flags;
}

static int limit_memory(struct bj_builder *b, struct bj_error *err)
{
    uint64_t bytes = (uint64_t)b->config->memory_mb * MIB;
    char value[32];
    int result;

    if (bytes == 0 || !bj_builder_wants(b, BJ_LAYER_MEMORY))
        return 0;
    snprintf(value, sizeof value, "%llu", (unsigned long long)bytes);
    if (has_controller(b, BJ_CONTROLLER_MEMORY)) {
        make_cgroup(b, BJ_CONTROLLER_MEMORY, BJ_LAYER_MEMORY);
        if (b->host->cgroup == BJ_CGROUP_V2) {
            set_cgroup(b, BJ_CONTROLLER_MEMORY, BJ_LAYER_MEMORY, "memory.max", value, 0);
            set_cgroup(b, BJ_CONTROLLER_MEMORY, BJ_LAYER_MEMORY, "memory.swap.max", "0",
                       BJ_FLAG_OPTIONAL);
        } else {
            set_cgroup(b, BJ_CONTROLLER_MEMORY, BJ_LAYER_MEMORY, "memory.limit_in_bytes", value, 0);
            set_cgroup(b, BJ_CONTROLLER_MEMORY, BJ_LAYER_MEMORY, "memory.memsw.limit_in_bytes",
                       value, BJ_FLAG_OPTIONAL);
            set_cgroup(b, BJ_CONTROLLER_MEMORY, BJ_LAYER_MEMORY, "memory.kmem.tcp.limit_in_bytes",
                       value, BJ_FLAG_OPTIONAL);
        }
        b->plan->layers |= BJ_LAYER_BIT(MEMORY);
        return 0;
    }
    if (b->plan->isolation != BJ_ISOLATION_NAMESPACES)
        return bj_builder_cannot(b, BJ_LAYER_MEMORY, bj_config_said(b->config, BJ_OPT_MEMORY_MB),
                                 "no memory cgroup to be had; memory is not limited", err);
    result =
        bj_builder_cannot(b, BJ_LAYER_MEMORY, bj_config_said(b->config, BJ_OPT_MEMORY_MB),
                          "no memory cgroup to be had; memory is watched every 10 ms instead", err);
    b->plan->memory_watch = bytes;
    return result;
}

/* The kernel counts no processes against the machine's own root, whatever namespace it is in. */
static bool is_machines_root(const struct bj_builder *b)
{
    return b->host->uid == 0 && b->host->initial_user_ns && b->plan->id_slots == 0;
}

static int limit_processes(struct bj_builder *b, struct bj_error *err)
{
    uint64_t count = (uint64_t)b->config->max_processes;
    char value[32];

    if (count == 0 || !bj_builder_wants(b, BJ_LAYER_PROCESSES))
        return 0;
    /* Init is one more, of the same user where only one id is mapped; bwrap is two. */
    snprintf(value, sizeof value, "%llu",
             (unsigned long long)count + (b->plan->isolation == BJ_ISOLATION_NONE ? 3 : 1));
    if (has_controller(b, BJ_CONTROLLER_PIDS)) {
        make_cgroup(b, BJ_CONTROLLER_PIDS, BJ_LAYER_PROCESSES);
        set_cgroup(b, BJ_CONTROLLER_PIDS, BJ_LAYER_PROCESSES, "pids.max", value, 0);
    } else if ((b->host->proc_sys_user && b->plan->isolation == BJ_ISOLATION_NAMESPACES &&
                !is_machines_root(b)) ||
               b->plan->id_slots > 0) {
        add_rlimit(b->plan, RLIMIT_NPROC, count + (b->plan->uid == b->plan->init_uid));
    } else {
        return bj_builder_cannot(
            b, BJ_LAYER_PROCESSES, bj_config_said(b->config, BJ_OPT_MAX_PROCESSES),
            "no pids cgroup, and here the kernel counts all processes of the user together", err);
    }
    b->plan->layers |= BJ_LAYER_BIT(PROCESSES);
    return 0;
}

static int limit_cpu(struct bj_builder *b, struct bj_error *err)
{
    double cores = b->config->cpu_cores;
    char value[48];

    if (cores <= 0 || !bj_builder_wants(b, BJ_LAYER_CPU))
        return 0;
    /* A default that the host cannot exceed is not worth a cgroup. */
    if (!bj_config_said(b->config, BJ_OPT_CPU_CORES) && cores >= b->host->cpus &&
        !bj_builder_requires(b, BJ_LAYER_CPU))
        return 0;
    if (!has_controller(b, BJ_CONTROLLER_CPU))
        return bj_builder_cannot(b, BJ_LAYER_CPU, bj_config_said(b->config, BJ_OPT_CPU_CORES),
                                 "no cpu cgroup to be had; CPU time is not limited", err);
    make_cgroup(b, BJ_CONTROLLER_CPU, BJ_LAYER_CPU);
    if (b->host->cgroup == BJ_CGROUP_V2) {
        snprintf(value, sizeof value, "%lld %d", (long long)(cores * CPU_PERIOD_US), CPU_PERIOD_US);
        set_cgroup(b, BJ_CONTROLLER_CPU, BJ_LAYER_CPU, "cpu.max", value, 0);
    } else {
        snprintf(value, sizeof value, "%lld", (long long)(cores * CPU_PERIOD_US));
        set_cgroup(b, BJ_CONTROLLER_CPU, BJ_LAYER_CPU, "cpu.cfs_quota_us", value, 0);
    }
    b->plan->layers |= BJ_LAYER_BIT(CPU);
    return 0;
}

static int limit_disk(struct bj_builder *b, struct bj_error *err)
{
    uint64_t bytes = (uint64_t)b->config->disk_mb * MIB;

    if (bytes == 0 || !bj_builder_wants(b, BJ_LAYER_DISK))
        return 0;
    add_rlimit(b->plan, RLIMIT_FSIZE, bytes);
    if (b->plan->isolation != BJ_ISOLATION_NAMESPACES)
        return bj_builder_cannot(b, BJ_LAYER_DISK, bj_config_said(b->config, BJ_OPT_DISK_MB),
                                 "without a mount namespace only the size of one file is limited",
                                 err);
    if (b->config->workspace == BJ_WORKSPACE_DIRECTORY || b->config->layout != NULL)
        return bj_builder_cannot(b, BJ_LAYER_DISK, bj_config_said(b->config, BJ_OPT_DISK_MB),
                                 "the workspace is a host directory, where only the size of one "
                                 "file is limited; --workspace empty has a limit of its own",
                                 err);
    b->plan->layers |= BJ_LAYER_BIT(DISK);
    return 0;
}

int bj_plan_limits(struct bj_builder *b, struct bj_error *err)
{
    int result;

    if (b->config->max_open_files > 0)
        add_rlimit(b->plan, RLIMIT_NOFILE, (uint64_t)b->config->max_open_files);
    add_rlimit(b->plan, RLIMIT_RTPRIO, 0);
    add_rlimit(b->plan, RLIMIT_NICE, 0);
    result = limit_memory(b, err);
    if (result == 0)
        result = limit_processes(b, err);
    if (result == 0)
        result = limit_cpu(b, err);
    if (result == 0)
        result = limit_disk(b, err);
    if (b->host->freezable && b->host->freezer_path[0] != '\0')
        make_cgroup_below(b, b->host->freezer_path, BJ_LAYER_CPU);
    return result;
}
