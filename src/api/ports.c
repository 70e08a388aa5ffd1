/*
 * Ports inside a sandbox: the connection is joined with one to the port. A request with the Host
 * <port>-<sandbox>.<domain>, or with X-Belljar-Port: <port>-<sandbox>, goes through as it is, but
 * for keys, so HTTP and WebSockets work by themselves; for what is no HTTP there is an address that
 * becomes a stream of bytes.
 */
#include "api/handling.h"

#include <strings.h>

#include "base/fd.h"
#include "base/str.h"

struct port_handling {
    struct bj_handling call;
    int parameter; /* of the path, that has the port */
    bool stream;   /* answer 101 first */
};

static void over(void *context)
{
    bj_handling_free(context);
}

static void connected(void *context, struct bj_port_answer *answer)
{
    struct port_handling *port = context;
    struct bj_exchange *exchange = port->call.exchange;

    if (answer->base.result < 0) {
        bj_handling_refuse(&port->call, &answer->base);
        return;
    }
    if (port->stream) {
        bj_exchange_set_header(exchange, "Connection", "Upgrade");
        bj_exchange_set_header(exchange, "Upgrade", "tcp");
        bj_exchange_begin(exchange, 101, NULL);
    }
    /* The call lasts as long as the connection, which keeps the sandbox from being idle. */
    bj_exchange_splice(exchange, bj_fd_take(&answer->fd), over, port);
}

static void connect_port(struct bj_handling *call)
{
    struct port_handling *port = (struct port_handling *)call;
    uint32_t number = bj_parameter_number(call->exchange, port->parameter);
    struct bj_error err;

    if (number == 0 || number > UINT16_MAX) {
        bj_fail(&err, BJ_E_INVALID, "port", "a port is a number from 1 to 65535");
        bj_handling_fail(call, &err);
        return;
    }
    bj_handling_check(
        call,
        bj_port_connect(call->service, &call->caller, (uint16_t)number, connected, call, &err),
        &err);
}

static void begin(struct bj_exchange *exchange, struct bj_service *service, bool stream)
{
    struct port_handling *port =
        (struct port_handling *)bj_handling_new(exchange, service, sizeof *port);
    /* The path has the sandbox first, a Host the port. */
    const char *sandbox = stream ? bj_path_sandbox(exchange) : exchange->parameters[1];

    if (port == NULL)
        return;
    port->stream = stream;
    port->parameter = stream ? 1 : 0;
    bj_handling_for(&port->call, sandbox, connect_port);
}

void bj_any_port(struct bj_exchange *exchange, struct bj_service *service)
{
    begin(exchange, service, false);
}

void bj_get_port(struct bj_exchange *exchange, struct bj_service *service)
{
    const char *upgrade = bj_exchange_header(exchange, "Upgrade");

    if (upgrade == NULL || strcasecmp(upgrade, "tcp") != 0)
        bj_exchange_want_upgrade(exchange, "tcp");
    else
        begin(exchange, service, true);
}
