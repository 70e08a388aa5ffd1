/* What the service can tell of itself: figures, presets, and the records of the audit process. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "service/service_internal.h"

/* ---- figures ---- */

void bj_service_figures(const struct bj_service *service, struct bj_service_figures *ret)
{
    *ret = service->figures;
    ret->sandboxes = service->sandbox_count;
    ret->paused = 0;
    for (const struct sandbox *sandbox = service->newest; sandbox != NULL; sandbox = sandbox->older)
        ret->paused += sandbox->phase == BJ_SANDBOX_PAUSED;
}

/* Figures of one owner, or of all. */
static void add_owner(struct owner *sum, const struct owner *owner)
{
    sum->sandboxes += owner->sandboxes;
    sum->processes += owner->processes;
    sum->memory_bytes += owner->memory_bytes;
    sum->disk_bytes += owner->disk_bytes;
    sum->calls += owner->calls;
    sum->allowed += owner->allowed;
    sum->denied += owner->denied;
    sum->limited += owner->limited;
    sum->failed += owner->failed;
    for (size_t i = 0; i <= BJ_RISK_CRITICAL; i++)
        sum->by_risk[i] += owner->by_risk[i];
    for (size_t i = 0; i < BJ_OPERATION_COUNT; i++)
        sum->by_operation[i] += owner->by_operation[i];
}

static bool add(json_t *object, const char *name, uint64_t value)
{
    return json_object_set_new(object, name, json_integer((json_int_t)value)) == 0;
}

static json_t *stats_of(const struct bj_service *service, const struct owner *owner)
{
    json_t *operations = json_object(), *risks = json_object(), *root;
    bool right = operations != NULL && risks != NULL;

    for (int i = 0; right && i < BJ_OPERATION_COUNT; i++) {
        if (owner->by_operation[i] > 0)
            right =
                add(operations, bj_operation_name((enum bj_operation)i), owner->by_operation[i]);
    }
    for (int i = BJ_RISK_LOW; right && i <= BJ_RISK_CRITICAL; i++)
        right = add(risks, bj_risk_name((enum bj_risk)i), owner->by_risk[i]);
    if (!right) {
        json_decref(operations);
        json_decref(risks);
        return NULL;
    }
    root = json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:i, s:i, s:I, s:I, s:f}", "calls",
                     (json_int_t)owner->calls, "allowed", (json_int_t)owner->allowed, "denied",
                     (json_int_t)owner->denied, "limited", (json_int_t)owner->limited, "failed",
                     (json_int_t)owner->failed, "by_operation", operations, "violations_by_risk",
                     risks, "sandboxes", (int)owner->sandboxes, "processes", (int)owner->processes,
                     "memory_limit_mb", (json_int_t)(owner->memory_bytes >> 20), "disk_limit_mb",
                     (json_int_t)(owner->disk_bytes >> 20), "since_seconds",
                     (double)(bj_clock_us() - service->figures.started_us) / 1e6);
    return root;
}

json_t *bj_service_stats(struct bj_service *service, const struct bj_identity *who)
{
    struct owner sum = {0};
    const struct owner *one;

    if ((who->scopes & BJ_SCOPE_ADMIN) == 0) {
        one = bj_owner_find(service, who->owner);
        return stats_of(service, one != NULL ? one : &sum);
    }
    for (size_t i = 0; i < BJ_OWNER_BUCKETS; i++) {
        for (one = service->owners[i]; one != NULL; one = one->chain)
            add_owner(&sum, one);
    }
    return stats_of(service, &sum);
}

/* ---- presets ---- */

static json_t *preset_json(const struct bj_service *service, const struct bj_service_preset *preset)
{
    const struct bj_config *config = &preset->config;
    const char *chosen = service->options.default_preset != NULL ? service->options.default_preset
                                                                 : service->options.presets[0].name;

    return json_pack("{s:s, s:b, s:{s:f, s:I, s:I, s:I, s:I}, s:{s:b}, s:I, s:I}", "name",
                     preset->name, "default", bj_streq(preset->name, chosen), "resource_limits",
                     "cpu_cores", config->cpu_cores, "memory_mb", (json_int_t)config->memory_mb,
                     "disk_mb", (json_int_t)config->disk_mb, "timeout_seconds",
                     (json_int_t)config->timeout_seconds, "max_processes",
                     (json_int_t)config->max_processes, "network", "enabled",
                     config->network != BJ_NETWORK_NONE, "session_timeout_minutes",
                     (json_int_t)config->session_timeout_minutes, "pool", (json_int_t)preset->pool);
}

json_t *bj_service_presets(struct bj_service *service)
{
    json_t *list = json_array();

    for (uint32_t i = 0; list != NULL && i < service->options.preset_count; i++) {
        if (json_array_append_new(list, preset_json(service, &service->options.presets[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* ---- audit ---- */

struct asking {
    bj_text_fn done;
    void *context;
};

/*
 * Records come as a memory file of JSON, checked and written as one text by who has the database.
 * It is passed on as it is: a front that took such texts apart would serve nobody else meanwhile.
 */
static int take_text(struct bj_fds *fds, struct bj_text_answer *ret, struct bj_error *err)
{
    struct stat status;

    if (fstat(fds->fd[0], &status) < 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 ||
        status.st_size > BJ_ANSWER_TEXT_MAX)
        return bj_fail(err, BJ_E_PROTOCOL, "audit", "the audit process answered with nothing");
    ret->fd = bj_fd_take(&fds->fd[0]);
    ret->size = status.st_size;
    return 0;
}

static void on_records(void *context, const struct bj_keeper_answer *answer)
{
    struct asking *asking = context;
    struct bj_text_answer out = {.base = {.result = answer->result}, .fd = -1};

    if (answer->result < 0 && answer->error != NULL)
        out.base.error = *answer->error;
    else if (answer->fds != NULL && answer->fds->count > 0)
        out.base.result = take_text(answer->fds, &out, &out.base.error);
    else
        out.base.result =
            bj_fail(&out.base.error, BJ_E_BUSY, "audit", "the audit process did not answer");
    asking->done(asking->context, &out);
    bj_fd_close(&out.fd);
    bj_free(asking);
}

int bj_service_audit(struct bj_service *service, const struct bj_identity *who,
                     const struct bj_audit_question *question, bj_text_fn done, void *context,
                     struct bj_error *err)
{
    struct bj_audit_question asked = *question;
    struct asking *asking;
    int result;

    if ((who->scopes & BJ_SCOPE_ADMIN) == 0) {
        if (asked.owner != NULL && !bj_streq(asked.owner, who->owner))
            return bj_fail(err, BJ_E_DENIED, "audit",
                           "this key may see its own owner's records alone: it has no scope "
                           "ADMIN");
        asked.owner = who->owner;
    }
    asking = bj_alloc(sizeof *asking);
    if (asking == NULL)
        return no_memory(err);
    *asking = (struct asking){done, context};
    result = bj_keeper_question(service->keeper, &asked, on_records, asking, err);
    if (result < 0)
        bj_free(asking);
    return result;
}
