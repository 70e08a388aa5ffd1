/* What the engine tells of a run, for whoever asks by --log. */
#include <stdio.h>

#include "base/clock.h"
#include "engine/engine_internal.h"

/* Names of layers, separated by blanks. */
static void name_layers(bj_layer_set layers, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (int i = 0; i < BJ_LAYER_COUNT && at < size; i++) {
        if ((layers >> i & 1) != 0)
            at += (size_t)snprintf(out + at, size - at, "%s%s", at > 0 ? " " : "",
                                   bj_layer_name((enum bj_layer)i));
    }
}

void bj_log_made(const struct bj_log *log, const struct bj_backend *backend,
                 const struct bj_result *result, int64_t started_us)
{
    char layers[512];

    if (!bj_log_wants(log, BJ_LOG_SANDBOX, BJ_LOG_INFO))
        return;
    BJ_LOG(log, SANDBOX, DEBUG, "made by %s in %lld us", backend->name,
           (long long)(bj_clock_us() - started_us));
    name_layers(result->layers, layers, sizeof layers);
    BJ_LOG(log, SANDBOX, INFO, "layers: %s", layers[0] != '\0' ? layers : "none");
    for (int i = 0; i < result->degraded.count; i++)
        BJ_LOG(log, SANDBOX, INFO, "degraded: %s: %s",
               bj_layer_name(result->degraded.items[i].layer), result->degraded.items[i].reason);
}

void bj_log_ended(const struct bj_log *log, const struct bj_result *result,
                  const struct bj_error *err)
{
    if (err != NULL)
        BJ_LOG(log, SANDBOX, INFO, "failed at %s: %s", err->step, err->message);
    else
        BJ_LOG(log, SANDBOX, INFO, "ended with %d after %lld us, %lld us of them on a CPU%s%s",
               result->exit_code, (long long)result->duration_us, (long long)result->cpu_us,
               result->reason[0] != '\0' ? ": " : "", result->reason);
}
