/* The shapes of what the service says of itself, and of errors. */
#include "api/failure.h"
#include "api/schemas.h"

static const struct bj_field failure_fields[] = {
    BJ_TEXT("code", 0, BJ_NEEDED, .choices = bj_failure_codes + 1,
            BJ_SAYS "One word for programs."),
    BJ_TEXT("message", 0, BJ_NEEDED, BJ_SAYS "What went wrong, for people."),
    BJ_TEXT("advice", 0, BJ_NEEDED,
            BJ_SAYS "What to do about it; empty where the message says all."),
    BJ_TEXT("request_id", 0, BJ_NEEDED, BJ_SAYS "Of this request, as in the service's log."),
    BJ_ANY("details", BJ_SAYS "More of it: of a refusal, the verdict."),
    BJ_END};
static const struct bj_schema failure_schema = {"Failure", "What went wrong.", failure_fields};

static const struct bj_field error_fields[] = {
    BJ_OBJECT("error", &failure_schema, BJ_NEEDED, BJ_SAYS "What went wrong."), BJ_END};
const struct bj_schema bj_error_schema = {"Error", "The body of every error.", error_fields};

static const struct bj_field root_fields[] = {
    BJ_TEXT("name", 0, BJ_NEEDED, BJ_SAYS "`belljar`."),
    BJ_TEXT("version", 0, BJ_NEEDED, BJ_SAYS "Of the service."),
    BJ_TEXT("status", 0, BJ_NEEDED, BJ_SAYS "`running`, or `starting`."),
    BJ_TEXT("documents", 0, BJ_NEEDED, BJ_SAYS "Path of the OpenAPI document."), BJ_END};
const struct bj_schema bj_root_schema = {"Service", "What answers here.", root_fields};

static const struct bj_field health_fields[] = {
    BJ_TEXT("status", 0, BJ_NEEDED, BJ_SAYS "`healthy`, or `starting`."),
    BJ_TEXT("version", 0, BJ_NEEDED, BJ_SAYS "Of the service."),
    BJ_NUMBER("uptime_seconds", 0, 0, BJ_NEEDED,
              BJ_SAYS "Since this part of the service was started."),
    BJ_WHOLE("sandboxes", 0, 0, BJ_NEEDED, BJ_SAYS "There are now."),
    BJ_WHOLE("processes", 0, 0, BJ_NEEDED, BJ_SAYS "That run now."),
    BJ_TEXTS("degraded", 0, BJ_NEEDED,
             BJ_SAYS "What of a sandbox's isolation this host does not give, or not in full."),
    BJ_END};
const struct bj_schema bj_health_schema = {"Health", "How the service is.", health_fields};

static const struct bj_field alive_fields[] = {BJ_TEXT("status", 0, BJ_NEEDED, BJ_SAYS "`ok`."),
                                               BJ_END};
const struct bj_schema bj_alive_schema = {"Alive", "For probes.", alive_fields};
