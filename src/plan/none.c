/*
 * The plan of sandbox_type none: a process tree that ends together, and nothing that confines it.
 * Only by name; the configuration warns.
 */
#include "plan/plan_internal.h"

int bj_plan_none(struct bj_builder *b, struct bj_error *err)
{
    static const enum bj_option_id limits[] = {BJ_OPT_CPU_CORES, BJ_OPT_MEMORY_MB, BJ_OPT_DISK_MB,
                                               BJ_OPT_MAX_PROCESSES};
    struct bj_plan *plan = b->plan;
    const char *source, *target;
    int result = bj_plan_workspace(b->config, b->host, &source, &target, err);

    if (result < 0)
        return result;
    if (source == NULL || b->config->working_directory != NULL || b->config->volume_count > 0)
        return bj_fail(
            err, BJ_E_LAYER, "plan",
            "sandbox_type none shows the host as it is: no empty or moved workspace, and "
            "no volumes");
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (bj_config_said(b->config, limits[i]) && !b->config->allow_degraded)
            return bj_fail(err, BJ_E_LAYER, "plan", "sandbox_type none enforces no limits");
    }
    plan->isolation = BJ_ISOLATION_NONE;
    plan->uid = plan->init_uid = plan->sandbox_uid = b->host->uid;
    plan->gid = plan->init_gid = plan->sandbox_gid = b->host->gid;
    plan->directory = bj_builder_text(b, target);
    plan->home = bj_builder_text(b, b->host->home[0] != '\0' ? b->host->home : target);
    plan->shell_user = bj_builder_text(b, "user");
    bj_builder_op(b, BJ_OP_SUBREAPER, BJ_LAYER_SESSION);
    plan->layers |= BJ_LAYER_BIT(SESSION) | BJ_LAYER_BIT(DESCRIPTORS);
    return 0;
}
