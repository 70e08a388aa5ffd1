/* Ports of a sandbox, and how much it uses. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "service/service_internal.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* ---- ports ---- */

struct connecting {
    uint16_t port;
    bj_port_fn done;
    void *context;
};

static void on_connected(void *context, struct bj_answer *base,
                         const struct bj_keeper_answer *keepers)
{
    struct connecting *connecting = context;
    struct bj_port_answer answer = {.base = *base, .fd = -1};

    if (base->result == 0 && keepers != NULL && keepers->fds != NULL && keepers->fds->count > 0) {
        answer.fd = keepers->fds->fd[0];
        keepers->fds->fd[0] = -1;
    } else if (base->result == 0) {
        answer.base.result =
            bj_fail(&answer.base.error, BJ_E_PROTOCOL, "port", "the keeper gave no connection");
    } else if (base->error.sys_errno == ECONNREFUSED) {
        answer.base.result = bj_fail(&answer.base.error, BJ_E_NOT_FOUND, "port",
                                     "nobody listens on port %u in it", connecting->port);
    }
    connecting->done(connecting->context, &answer);
    if (answer.fd >= 0)
        close(answer.fd);
    bj_free(connecting);
}

int bj_port_connect(struct bj_service *service, const struct bj_caller *caller, uint16_t port,
                    bj_port_fn done, void *context, struct bj_error *err)
{
    struct connecting *connecting;
    struct sandbox *sandbox;
    char arguments[32];
    int result = bj_registry_resolve(service, caller, false, &sandbox, err);

    if (result == 0 && port == 0)
        result = bj_fail(err, BJ_E_INVALID, "port", "expected a port from 1 to 65535");
    if (result < 0)
        return result;
    connecting = bj_alloc(sizeof *connecting);
    if (connecting == NULL)
        return no_memory(err);
    *connecting = (struct connecting){port, done, context};
    snprintf(arguments, sizeof arguments, "{\"port\":%u}", port);
    result = bj_submit(
        service,
        &(struct submission){.operation = BJ_OPERATION_PORT,
                             .who = caller->who,
                             .sandbox = sandbox,
                             .request = {.arguments = arguments},
                             .act = {.kind = BJ_ACT_CONNECT, .sandbox = sandbox->id, .port = port}},
        on_connected, connecting, NULL, err);
    if (result < 0)
        bj_free(connecting);
    return result;
}

/* ---- usage ---- */

struct measuring {
    struct bj_service *service;
    char sandbox[BJ_SANDBOX_ID_MAX]; /* "" = all */
    bj_usage_fn done;
    void *context;
};

static void on_usage(void *context, const struct bj_keeper_answer *answer)
{
    struct measuring *measuring = context;
    struct bj_usage_report report = {.base = {.result = answer->result},
                                     .at_ms = bj_clock_wall_ms()};
    const struct sandbox *sandbox = measuring->sandbox[0] != '\0'
                                        ? bj_registry_find(measuring->service, measuring->sandbox)
                                        : NULL;

    if (answer->result < 0 && answer->error != NULL)
        report.base.error = *answer->error;
    else if (answer->message != NULL)
        report.base.result =
            bj_usage_answer_get(answer->message, &report.usage, &report.base.error);
    else
        report.base.result =
            bj_fail(&report.base.error, BJ_E_ENDED, "service", "the keeper has ended");
    if (sandbox != NULL) {
        report.memory_limit = sandbox->memory_bytes;
        report.disk_limit = sandbox->disk_bytes;
        report.cpu_cores = sandbox->cpu_cores;
    }
    measuring->done(measuring->context, &report);
    bj_free(measuring);
}

static int measure(struct bj_service *service, const char *sandbox, bj_usage_fn done, void *context,
                   struct bj_error *err)
{
    struct measuring *measuring = bj_alloc(sizeof *measuring);
    int result;

    if (measuring == NULL)
        return no_memory(err);
    *measuring = (struct measuring){.service = service, .done = done, .context = context};
    bj_str_copy(measuring->sandbox, sizeof measuring->sandbox, sandbox);
    result = bj_keeper_usage(service->keeper, sandbox, on_usage, measuring, err);
    if (result < 0)
        bj_free(measuring);
    return result;
}

int bj_sandbox_usage(struct bj_service *service, const struct bj_caller *caller, bj_usage_fn done,
                     void *context, struct bj_error *err)
{
    struct sandbox *sandbox;
    int result = bj_registry_resolve(service, caller, true, &sandbox, err);

    return result < 0 ? result : measure(service, sandbox->id, done, context, err);
}

int bj_service_usage(struct bj_service *service, const struct bj_identity *who, bj_usage_fn done,
                     void *context, struct bj_error *err)
{
    if ((who->scopes & BJ_SCOPE_ADMIN) == 0)
        return bj_fail(err, BJ_E_DENIED, "service",
                       "this key may not see the whole service: it has no scope ADMIN");
    if (!service->ready)
        return bj_fail(err, BJ_E_BUSY, "service", "the service is starting");
    return measure(service, "", done, context, err);
}
