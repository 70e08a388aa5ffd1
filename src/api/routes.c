/*
 * The table of routes. A row is all there is to say of one; routing, validation, the OpenAPI
 * document, docs/API.md and the client's help are made of these rows.
 */
#include "api/handlers.h"
#include "api/schemas.h"

#define JSON "application/json"

/* What a route answers when all is well; what else it may is in documents.c. */
#define ANSWERS(...)                                                                               \
    (const struct bj_answer_row[])                                                                 \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

const struct bj_route bj_routes[] = {
    {
        .method = "GET",
        .path = "/",
        .id = "get_service",
        .group = "Service",
        .summary = "What answers here.",
        .handler = bj_get_root,
        .answers = ANSWERS({200, JSON, &bj_root_schema, "It runs."}),
    },
    {
        .method = "GET",
        .path = "/health",
        .id = "get_health",
        .group = "Service",
        .summary = "How the service is.",
        .handler = bj_get_health,
        .answers = ANSWERS({200, JSON, &bj_health_schema, "It can be asked."}),
    },
    {
        .method = "GET",
        .path = "/healthz",
        .id = "get_alive",
        .group = "Service",
        .summary = "Whether the service answers at all, for probes.",
        .handler = bj_get_alive,
        .answers = ANSWERS({200, JSON, &bj_alive_schema, "It does."}),
    },
    {
        .method = "GET",
        .path = "/readyz",
        .id = "get_ready",
        .group = "Service",
        .summary = "Whether the service takes work now, for probes; 503 while it does not.",
        .handler = bj_get_ready,
        .answers = ANSWERS({200, JSON, &bj_alive_schema, "It does."}),
    },
    {
        .method = "GET",
        .path = "/openapi.json",
        .id = "get_openapi",
        .group = "Service",
        .summary = "This interface as an OpenAPI 3.1 document.",
        .handler = bj_get_openapi,
        .answers = ANSWERS({200, JSON, NULL, "The document."}),
    },
};
const size_t bj_route_count = sizeof bj_routes / sizeof *bj_routes;
