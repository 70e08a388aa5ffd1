/* Opening, filling and closing the audit database for the engine. */
#include "engine/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

/* The real path of what exists of `path`, from the end on: the database may be yet to be made. */
static bool real_ancestor(const char *path, char ret[BJ_PATH_MAX])
{
    char part[BJ_PATH_MAX], *slash;

    if (!bj_str_copy(part, sizeof part, path))
        return false;
    while (realpath(part, ret) == NULL) {
        slash = strrchr(part, '/');
        if (errno != ENOENT || slash == NULL)
            return false;
        slash[slash == part ? 1 : 0] = '\0';
    }
    return true;
}

static bool is_within(const char *place, const char *directory)
{
    char real[BJ_PATH_MAX];

    return directory != NULL && realpath(directory, real) != NULL &&
           (bj_streq(real, "/") || bj_path_is_below(place, real));
}

static int check_reach(const struct bj_config *config, const char *path, struct bj_error *err)
{
    const char *within = NULL;
    char place[BJ_PATH_MAX], here[BJ_PATH_MAX];
    const char *workspace = config->workspace_path;

    if (!real_ancestor(path, place))
        return bj_fail_errno(err, "audit", "cannot find the place of the audit database %s", path);
    if (config->workspace == BJ_WORKSPACE_DIRECTORY && workspace == NULL)
        workspace = getcwd(here, sizeof here);
    if (config->workspace == BJ_WORKSPACE_DIRECTORY && is_within(place, workspace))
        within = workspace;
    for (int64_t i = 0; within == NULL && i < config->volume_count; i++) {
        if (is_within(place, config->volumes[i].source))
            within = config->volumes[i].source;
    }
    if (within == NULL)
        return 0;
    return bj_fail(err, BJ_E_INVALID, "audit",
                   "the audit database %s lies in %s, which the sandbox can reach; choose another "
                   "place with --audit-file",
                   path, within);
}

int bj_record_open(const struct bj_config *config, const struct bj_mask *mask,
                   struct bj_audit **ret, struct bj_error *err)
{
    struct bj_audit_options options = {
        .access = BJ_AUDIT_WRITE,
        .durable = config->audit_durable,
        .mask = mask,
    };
    BJ_CLEANUP_FREE char *path = NULL;
    int result = 0;

    if (config->audit_path == NULL)
        result = bj_audit_default_path(&path, err);
    options.path = config->audit_path != NULL ? config->audit_path : path;
    if (result == 0)
        result = check_reach(config, options.path, err);
    return result < 0 ? result : bj_audit_open(&options, ret, err);
}

int bj_record_outcome(struct bj_audit *audit, int64_t number, const struct bj_result *result,
                      const struct bj_error *failure, struct bj_error *err)
{
    struct bj_audit_outcome outcome = {
        .ran = failure == NULL,
        .exit_code = failure != NULL ? bj_code_exit_status(failure->code) : result->exit_code,
        .signal = result->signal,
        .duration_us = result->duration_us,
        .cpu_us = result->cpu_us,
        .peak_memory = result->peak_memory,
        .output_bytes = {result->output_bytes[0], result->output_bytes[1]},
        .timed_out = result->timed_out,
        .oom_killed = result->oom_killed,
        .truncated = result->truncated,
        .reason = failure != NULL             ? failure->message
                  : result->reason[0] != '\0' ? result->reason
                                              : NULL,
    };

    return bj_audit_append_outcome(audit, number, &outcome, err);
}

void bj_record_close(struct bj_audit *audit, const struct bj_config *config,
                     const struct bj_log *log)
{
    const struct bj_audit_retention retention = {
        .age_ns = config->audit_max_days * 86400 * 1000000000,
        .bytes = config->audit_max_mb << 20,
    };

    struct bj_error err = {0};

    if (audit != NULL && bj_audit_maintain(audit, &retention, NULL, &err) < 0)
        BJ_LOG(log, AUDIT, ERROR, "the records are not kept in bounds: %s", err.message);
    bj_audit_close(audit);
}
