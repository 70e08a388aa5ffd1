/*
 * Ports inside a sandbox: the connection is joined with one to the port, so HTTP, WebSockets and
 * whatever else begins with a request pass as they are. Which sandbox and port it is about says the
 * Host, <port>-<sandbox>.<domain>, or X-Belljar-Sandbox and X-Belljar-Port.
 */
#include "api/handling.h"

#include "base/fd.h"
#include "base/str.h"

static void connected(void *context, struct bj_port_answer *answer)
{
    struct bj_handling *call = context;

    if (answer->base.result < 0) {
        bj_handling_refuse(call, &answer->base);
        return;
    }
    bj_exchange_splice(call->exchange, bj_fd_take(&answer->fd));
    bj_handling_free(call);
}

static void connect_port(struct bj_handling *call)
{
    uint32_t port = bj_parameter_number(call->exchange, 0);
    struct bj_error err;

    if (port == 0 || port > UINT16_MAX) {
        bj_fail(&err, BJ_E_INVALID, "port", "the port must be a number from 1 to 65535");
        bj_handling_fail(call, &err);
        return;
    }
    bj_handling_check(
        call, bj_port_connect(call->service, &call->caller, (uint16_t)port, connected, call, &err),
        &err);
}

void bj_any_port(struct bj_exchange *exchange, struct bj_service *service)
{
    struct bj_handling *call = bj_handling_new(exchange, service, sizeof *call);

    if (call != NULL)
        bj_handling_for(call, exchange->parameters[1], connect_port);
}
