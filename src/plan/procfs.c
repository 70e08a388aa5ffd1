/*
 * The sandbox's /proc: knobs read-only, what tells of the host or of other tenants empty, and small
 * files of the sandbox's own where the kernel's would show the size of the host rather than the
 * limits. Those files are written once: they say what there is, not what is in use.
 */
#include <stdio.h>
#include <string.h>

#include "plan/plan_internal.h"

/* Processors to show: as many as the CPU limit is worth, if the host has more. 0 = all. */
static int processors_shown(const struct bj_builder *b)
{
    double cores = b->config->cpu_cores;

    if (cores <= 0 || cores >= b->host->cpus)
        return 0;
    return (int)cores + ((double)(int)cores < cores);
}

/* Stand in for /proc/cpuinfo and /proc/stat, which programs count processors by. */
static void processor_files(struct bj_builder *b)
{
    int count = processors_shown(b);
    const char *rest = strchr(b->host->cpu_block, '\n');
    struct bj_buf text;

    if (count == 0 || rest == NULL)
        return;
    bj_buf_init(&text, BJ_PLAN_TEXT_MAX / 4);
    for (int i = 0; i < count; i++)
        bj_buf_printf(&text, "processor\t: %d%s\n", i, rest);
    b->full |= text.failed;
    b->no_memory |= text.no_memory;
    bj_builder_file(b, "proc/cpuinfo", bj_buf_text(&text));
    bj_buf_release(&text);
    bj_buf_init(&text, BJ_PLAN_TEXT_MAX / 4);
    bj_buf_puts(&text, "cpu  0 0 0 0 0 0 0 0 0 0\n");
    for (int i = 0; i < count; i++)
        bj_buf_printf(&text, "cpu%d 0 0 0 0 0 0 0 0 0 0\n", i);
    bj_buf_puts(&text, "intr 0\nctxt 0\nbtime 0\nprocesses 0\nprocs_running 1\nprocs_blocked 0\n");
    b->full |= text.failed;
    b->no_memory |= text.no_memory;
    bj_builder_file(b, "proc/stat", bj_buf_text(&text));
    bj_buf_release(&text);
}

/* Stands in for /proc/meminfo where memory is limited, so that programs size themselves by it. */
void bj_plan_proc_files(struct bj_builder *b)
{
    unsigned long long kib = (unsigned long long)b->config->memory_mb * 1024;
    char text[512];

    bj_builder_dir(b, "proc", 0755, 0);
    processor_files(b);
    if (kib == 0)
        return;
    snprintf(
        text, sizeof text,
        "MemTotal:       %8llu kB\nMemFree:        %8llu kB\nMemAvailable:   %8llu kB\n"
        "Buffers:               0 kB\nCached:                0 kB\nSwapCached:            0 kB\n"
        "Active:                0 kB\nInactive:              0 kB\nSwapTotal:             0 kB\n"
        "SwapFree:              0 kB\nShmem:                 0 kB\nSReclaimable:          0 kB\n"
        "SUnreclaim:            0 kB\n",
        kib, kib, kib);
    bj_builder_file(b, "proc/meminfo", text);
}

void bj_plan_proc_at(struct bj_builder *b, const char *target, uint32_t flags)
{
    static const char *const masked[] = {"kcore",    "keys", "key-users",     "timer_list",
                                         "acpi",     "scsi", "sysrq-trigger", "modules",
                                         "kallsyms", NULL};
    char path[BJ_PATH_MAX];

    bj_builder_target(b, BJ_OP_PROC, BJ_LAYER_PROC, target)->flags = flags;
    for (size_t i = 0; masked[i] != NULL; i++) {
        snprintf(path, sizeof path, "%s/%s", target, masked[i]);
        bj_builder_target(b, BJ_OP_MASK, BJ_LAYER_PROC, path);
    }
    snprintf(path, sizeof path, "%s/sys", target);
    bj_builder_target(b, BJ_OP_READ_ONLY, BJ_LAYER_PROC, path)->flags = flags & BJ_FLAG_OPTIONAL;
}

/* /proc: knobs read-only, what tells of the host or of other tenants empty. */
void bj_plan_proc_mounts(struct bj_builder *b)
{
    uint32_t flags = BJ_FLAG_READ_ONLY | bj_plan_no_exec(b);

    if (!bj_builder_wants(b, BJ_LAYER_PROC))
        return;
    bj_plan_proc_at(b, "/proc", bj_builder_requires(b, BJ_LAYER_PROC) ? 0 : BJ_FLAG_OPTIONAL);
    if (b->config->memory_mb > 0)
        bj_builder_subtree(b, "proc/meminfo", "/proc/meminfo", flags, BJ_LAYER_PROC);
    if (processors_shown(b) > 0 && b->host->cpu_block[0] != '\0') {
        bj_builder_subtree(b, "proc/cpuinfo", "/proc/cpuinfo", flags, BJ_LAYER_PROC);
        bj_builder_subtree(b, "proc/stat", "/proc/stat", flags, BJ_LAYER_PROC);
    }
    b->plan->layers |= BJ_LAYER_BIT(PROC);
}
