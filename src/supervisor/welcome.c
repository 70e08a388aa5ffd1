/* The start-up text. */
#include "supervisor/welcome.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "linux/host.h"
#include "linux/probe.h"
#include "plan/plan.h"
#include "supervisor/keyfile.h"

static const struct bj_service_preset *usual_preset(const struct bj_settings *settings)
{
    return bj_settings_preset(settings, settings->default_preset != NULL ? settings->default_preset
                                                                         : BJ_SERVICE_PRESET);
}

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

/* As planned for a sandbox of the usual preset; a single sandbox says for itself what it got. */
static void put_isolation(const struct bj_settings *settings, struct bj_buf *out)
{
    const struct bj_service_preset *preset = usual_preset(settings);
    BJ_CLEANUP_FREE struct bj_plan *plan = bj_alloc(sizeof *plan);
    struct bj_degradations degraded = {0};
    struct bj_error error = {0};
    struct bj_host host;

    if (plan == NULL || preset == NULL)
        return;
    if (bj_host_read(&preset->config, &host, &error) < 0 || try_namespaces(&host, &error) < 0 ||
        bj_plan_make(&preset->config, &host, NULL, plan, &degraded, &error) < 0) {
        bj_buf_printf(out, "  isolation  no sandbox can be made here: %s\n", error.message);
        return;
    }
    if (degraded.count == 0)
        bj_buf_puts(out, "  isolation  every layer\n");
    for (int i = 0; i < degraded.count; i++)
        bj_buf_printf(out, "  %-9s  %s: %s\n", i == 0 ? "isolation" : "",
                      bj_layer_name(degraded.items[i].layer), degraded.items[i].reason);
    if (degraded.count > 0)
        bj_buf_puts(out, "             `belljar doctor` says what to do about that.\n");
}

static void put_key(const struct bj_settings *settings, struct bj_buf *out)
{
    BJ_CLEANUP_FREE char *path = NULL;

    if (settings->no_key) {
        bj_buf_puts(out, "  key        none: everyone who reaches it may use it\n");
        return;
    }
    if (settings->api_key != NULL) {
        bj_buf_puts(out, "  key        the one in BELLJAR_API_KEY\n");
        return;
    }
    if (bj_keyfile_path(settings, "key", &path, NULL) < 0)
        return;
    if (settings->key_file != NULL)
        bj_buf_printf(out, "  key        in %s\n", settings->key_file);
    else if (access(path, F_OK) == 0)
        bj_buf_printf(out, "  key        in %s\n", path);
    else
        bj_buf_puts(out, "  key        those that `belljar serve keys list` names\n");
}

/* A line to copy, with the key from its file. */
static void put_try(const struct bj_settings *settings, const struct bj_listeners *listeners,
                    struct bj_buf *out)
{
    const struct bj_listener *first = &listeners->entry[0], *listener = first;
    BJ_CLEANUP_FREE char *path = NULL;

    for (size_t i = 0; i < listeners->count && listener->is_unix; i++)
        listener = &listeners->entry[i];
    if (bj_keyfile_path(settings, "key", &path, NULL) < 0)
        return;
    bj_buf_puts(out, "\n  curl -X POST ");
    if (listener->is_unix)
        bj_buf_printf(out, "--unix-socket %s http://localhost", first->name);
    else
        bj_buf_printf(out, "%s://%s", settings->tls_key != NULL ? "https" : "http", listener->name);
    bj_buf_puts(out, "/bash");
    if (!settings->no_key && !listener->is_unix)
        bj_buf_printf(out, " -H \"X-API-Key: $(cat %s)\"",
                      settings->key_file != NULL ? settings->key_file : path);
    bj_buf_puts(out, " \\\n    -H 'Content-Type: application/json' -d '{\"command\": \"echo "
                     "Hello\"}'\n");
}

void bj_welcome(const struct bj_settings *settings, const struct bj_listeners *listeners,
                struct bj_buf *out)
{
    bj_buf_puts(out, "Belljar serves\n");
    for (size_t i = 0; i < listeners->count; i++) {
        const struct bj_listener *listener = &listeners->entry[i];

        bj_buf_printf(out, "  %-9s  %s%s\n", i == 0 ? "on" : "",
                      listener->is_unix           ? ""
                      : settings->tls_key != NULL ? "https://"
                                                  : "http://",
                      listener->name);
    }
    put_key(settings, out);
    put_isolation(settings, out);
    put_try(settings, listeners, out);
}
