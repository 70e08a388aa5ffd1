/* What the service says of itself. */
#include "api/handlers.h"

#include "base/clock.h"
#include "version.h"

void bj_get_root(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_exchange_json(exchange, 200,
                     json_pack("{s:s, s:s, s:s, s:s}", "name", "belljar", "version", BJ_VERSION,
                               "status", bj_service_ready(service) ? "running" : "starting",
                               "documents", "/openapi.json"));
}

void bj_get_health(struct bj_exchange *exchange, struct bj_service *service)
{
    const char *const *line = bj_service_isolation(service);
    struct bj_service_figures figures;
    json_t *isolation = json_array();

    for (; *line != NULL; line++)
        json_array_append_new(isolation, json_string(*line));
    bj_service_figures(service, &figures);
    bj_exchange_json(exchange, 200,
                     json_pack("{s:s, s:s, s:f, s:i, s:i, s:o}", "status",
                               bj_service_ready(service) ? "healthy" : "starting", "version",
                               BJ_VERSION, "uptime_seconds",
                               (double)(bj_clock_us() - figures.started_us) / 1e6, "sandboxes",
                               (int)figures.sandboxes, "processes", (int)figures.processes,
                               "degraded", isolation));
}

void bj_get_alive(struct bj_exchange *exchange, struct bj_service *service)
{
    (void)service;
    bj_exchange_json(exchange, 200, json_pack("{s:s}", "status", "ok"));
}

void bj_get_ready(struct bj_exchange *exchange, struct bj_service *service)
{
    struct bj_error err;

    if (bj_service_ready(service)) {
        bj_exchange_json(exchange, 200, json_pack("{s:s}", "status", "ok"));
        return;
    }
    bj_fail(&err, BJ_E_BUSY, "service", "the service is starting");
    bj_exchange_fail(exchange, &err);
}

/* Made once: it says the same as long as the program runs. */
void bj_get_openapi(struct bj_exchange *exchange, struct bj_service *service)
{
    static json_t *document;

    (void)service;
    if (document == NULL)
        document = bj_routes_openapi();
    bj_exchange_json(exchange, 200, json_incref(document));
}
