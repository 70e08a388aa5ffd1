/* /metrics, in the OpenMetrics text format 1.0. */
#include "api/handling.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/str.h"
#include "version.h"

#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

static void put_metric(struct bj_buf *out, const char *name, const char *type, const char *help)
{
    bj_buf_printf(out, "# TYPE belljar_%s %s\n# HELP belljar_%s %s\n", name, type, name, help);
}

static void put_gauge(struct bj_buf *out, const char *name, const char *help, double value)
{
    char text[BJ_NUMBER_TEXT];

    put_metric(out, name, "gauge", help);
    bj_number_text(value, text);
    bj_buf_printf(out, "belljar_%s %s\n", name, text);
}

static void put_counter(struct bj_buf *out, const char *name, const char *help, uint64_t value)
{
    put_metric(out, name, "counter", help);
    bj_buf_printf(out, "belljar_%s_total %" PRIu64 "\n", name, value);
}

static void put_figures(struct bj_buf *out, const struct bj_service_figures *figures)
{
    put_metric(out, "build", "info", "What runs.");
    bj_buf_puts(out, "belljar_build_info{version=\"" BJ_VERSION "\"} 1\n");
    put_gauge(out, "uptime_seconds", "Since the front was started.",
              (double)(bj_clock_us() - figures->started_us) / 1e6);
    put_gauge(out, "sandboxes", "Sandboxes that are alive.", figures->sandboxes);
    put_gauge(out, "sandboxes_paused", "Of them, paused.", figures->paused);
    put_gauge(out, "processes", "Processes of clients that run.", figures->processes);
    put_gauge(out, "calls_waiting", "Calls without an answer yet.", figures->waiting);
    put_gauge(out, "subscribers", "Clients that follow output or events.", figures->subscribers);
    put_counter(out, "calls", "Calls that were judged.", figures->calls);
    put_counter(out, "calls_allowed", "Of them, allowed.", figures->allowed);
    put_counter(out, "calls_denied", "Of them, denied by the policy.", figures->denied);
    put_counter(out, "calls_limited", "Of them, beyond a rate or quota.", figures->limited);
    put_counter(out, "calls_failed", "Of those allowed, that failed.", figures->failed);
}

/* What nobody measures is left out: a 0 would be taken for a figure. */
static void put_usage(struct bj_buf *out, const struct bj_usage_answer *usage)
{
    if (usage->cpu_us >= 0) {
        put_metric(out, "sandboxes_cpu_seconds", "gauge",
                   "Processor time of the sandboxes that are alive.");
        bj_buf_printf(out, "belljar_sandboxes_cpu_seconds %.6f\n", (double)usage->cpu_us / 1e6);
    }
    if (usage->memory_bytes >= 0)
        put_gauge(out, "sandboxes_memory_bytes", "Memory of all sandboxes.",
                  (double)usage->memory_bytes);
    if (usage->disk_bytes >= 0)
        put_gauge(out, "sandboxes_disk_bytes", "Disk space of all sandboxes.",
                  (double)usage->disk_bytes);
    put_gauge(out, "sandboxes_parked", "Sandboxes that wait in the pool.", (double)usage->parked);
}

static void has_usage(void *context, const struct bj_usage_report *report)
{
    struct bj_handling *call = context;
    struct bj_service_figures figures;
    struct bj_buf text;

    if (report->base.result < 0) {
        bj_handling_refuse(call, &report->base);
        return;
    }
    bj_service_figures(call->service, &figures);
    bj_buf_init(&text, BJ_RESPONSE_MAX);
    put_figures(&text, &figures);
    put_usage(&text, &report->usage);
    bj_buf_puts(&text, "# EOF\n");
    bj_exchange_respond(call->exchange, 200, METRICS_TYPE, bj_buf_text(&text), text.length);
    bj_buf_release(&text);
    bj_handling_free(call);
}

void bj_get_metrics(struct bj_exchange *exchange, struct bj_service *service)
{
    struct bj_handling *call = bj_handling_new(exchange, service, sizeof *call);
    struct bj_error err;

    if (call != NULL)
        bj_handling_check(call, bj_service_usage(service, exchange->who, has_usage, call, &err),
                          &err);
}
