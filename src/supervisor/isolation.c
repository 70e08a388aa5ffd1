/* How strong the isolation is. */
#include "supervisor/isolation.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/fd.h"
#include "base/mem.h"
#include "linux/host.h"
#include "linux/image.h"
#include "linux/probe.h"
#include "linux/surroundings.h"
#include "model/result.h"
#include "plan/plan.h"

const struct bj_service_preset *
bj_service_settings_usual(const struct bj_service_settings *settings)
{
    return bj_service_settings_preset(
        settings, settings->default_preset != NULL ? settings->default_preset : BJ_SERVICE_PRESET);
}

#define TRIED_BYTES ((int64_t)16 << 20)
#define TRIED_FILES 4096

/* What a plan cannot know: whether the kernel makes a user namespace for this caller. */
static int try_namespaces(const struct bj_host *host, struct bj_error *err)
{
    struct bj_probes probes;
    int result = bj_probe_run(host, &probes, err);

    if (result == 0 && probes.outcome[BJ_PROBE_USER_NAMESPACE] > 0)
        result = bj_fail(err, BJ_E_LAYER, "probe",
                         "user namespaces are refused (%s); `belljar doctor` says what to do",
                         strerror(probes.outcome[BJ_PROBE_USER_NAMESPACE]));
    return result;
}

static int plan_usual(const struct bj_service_settings *settings, struct bj_degradations *ret,
                      struct bj_error *err)
{
    const struct bj_service_preset *preset = bj_service_settings_usual(settings);
    BJ_CLEANUP_FREE struct bj_plan *plan = bj_alloc(sizeof *plan);
    struct bj_host host;
    int result;

    if (plan == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "plan", "out of memory");
    if (preset == NULL)
        return bj_fail(err, BJ_E_CONFIG, "plan", "there is no usual preset");
    result = bj_host_read(&preset->config, &host, err);
    if (result == 0)
        result = try_namespaces(&host, err);
    return result == 0 ? bj_plan_make(&preset->config, &host, NULL, plan, ret, err) : result;
}

/* As the keeper finds out for itself: is there a file system for each workspace? */
static int try_workspace(const struct bj_service_settings *settings, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int directory = -1, image = -1, mounted = -1;
    int result;

    if (geteuid() != 0)
        return bj_fail(err, BJ_E_UNSUPPORTED, "workspace",
                       "only root can mount a file system in a file");
    directory = open(settings->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return bj_fail_errno(err, "workspace", "cannot open %s", settings->state);
    result = bj_image_format(TRIED_BYTES, TRIED_FILES, &image, err);
    return result == 0 ? bj_image_mount(directory, image, &mounted, err) : result;
}

char **bj_isolation_read(const struct bj_service_settings *settings)
{
    char **lines = bj_realloc_array(NULL, BJ_DEGRADED_MAX + 3, sizeof *lines);
    struct bj_degradations degraded = {0};
    struct bj_error error = {0};
    char text[sizeof degraded.items[0].reason + 64];
    int count = 0;

    if (lines == NULL)
        return NULL;
    if (plan_usual(settings, &degraded, &error) < 0) {
        snprintf(text, sizeof text, "no sandbox can be made: %.*s", (int)sizeof text - 32,
                 error.message);
        lines[count++] = bj_strdup(text);
    }
    for (int i = 0; i < degraded.count; i++) {
        snprintf(text, sizeof text, "%s: %s", bj_layer_name(degraded.items[i].layer),
                 degraded.items[i].reason);
        lines[count++] = bj_strdup(text);
    }
    if (try_workspace(settings, &error) < 0) {
        snprintf(text, sizeof text, "disk: workspaces lie in memory and count as such: %.*s",
                 (int)sizeof text - 64, error.message);
        lines[count++] = bj_strdup(text);
    }
    lines[count] = NULL;
    return lines;
}

/* The kernel does not say who refused: what is around the service does. */
static void say_what_to_do(const struct bj_service_preset *preset, struct bj_error *err)
{
    BJ_CLEANUP_FREE struct bj_surroundings *around = bj_alloc(sizeof *around);
    struct bj_host host;

    if (strstr(err->message, "; ") != NULL || around == NULL ||
        bj_host_read(&preset->config, &host, NULL) < 0)
        return;
    bj_surroundings_read(&host, around);
    if (around->filtered && err->sys_errno != 0)
        bj_error_append(err, "; a system call filter is around the service: take what makes it out "
                             "of the systemd unit (ProtectHostname=, SystemCallFilter= and the "
                             "like) or of the container's settings");
    else
        bj_error_append(err, "; `belljar doctor`, started where the service is, says what to do");
}

int bj_isolation_try(const struct bj_service_settings *settings, struct bj_error *err)
{
    const struct bj_service_preset *preset = bj_service_settings_usual(settings);
    struct bj_sandbox *sandbox = NULL;
    struct bj_process_entry entries[1];
    struct bj_result made;
    size_t count;
    int result;

    if (preset == NULL)
        return bj_fail(err, BJ_E_CONFIG, "plan", "there is no usual preset");
    bj_result_init(&made);
    result = bj_backend_native.create(&preset->config, NULL, &made, &sandbox, err);
    if (result == 0)
        result = bj_backend_native.list(sandbox, entries, 1, &count, err);
    bj_backend_native.destroy(sandbox, NULL);
    bj_result_release(&made);
    if (result < 0) {
        bj_error_prefix(err, "no sandbox can be made: ");
        say_what_to_do(preset, err);
    }
    return result;
}
