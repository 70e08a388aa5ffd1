/*
 * Who may ask, and from where. A browser that shows a stranger's page reaches this server too: it
 * is known by its Host (a name that was made to point here), its Origin and Sec-Fetch-Site, and it
 * cannot have a key.
 */
#include "server/server_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/str.h"

static bool refuse_gate(struct bj_connection *connection, enum bj_code code, const char *message)
{
    bj_refuse(connection, code, BJ_API_PLAIN, "%s", message);
    return false;
}

/* ---- Host ---- */

#define NAME_BYTES "abcdefghijklmnopqrstuvwxyz0123456789."

/* In lower case; false if it is empty, too long or has a byte that is not permitted. */
static bool copy_name(const char *at, size_t length, const char *permitted, char *ret, size_t size)
{
    if (length == 0 || length >= size)
        return false;
    for (size_t i = 0; i < length; i++)
        ret[i] = (char)(at[i] >= 'A' && at[i] <= 'Z' ? at[i] - 'A' + 'a' : at[i]);
    ret[length] = '\0';
    return strspn(ret, permitted) == length;
}

/* What follows the name: nothing, or a colon and one to five digits. */
static bool is_port_part(const char *at, size_t length)
{
    if (length == 0)
        return true;
    if (*at != ':' || length < 2 || length > 6)
        return false;
    for (size_t i = 1; i < length; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
    }
    return true;
}

/* Name and port apart; false if it is not a host. The name is in lower case, an IPv6 address
 * without its brackets. */
static bool split_host(struct bj_text host, char *ret_name, size_t size, bool *ret_is_v6)
{
    const char *end = host.at + host.length, *name = host.at, *stop, *port;

    *ret_is_v6 = host.length > 0 && *name == '[';
    if (*ret_is_v6) {
        name++;
        stop = memchr(name, ']', (size_t)(end - name));
        if (stop == NULL)
            return false;
        port = stop + 1;
    } else {
        stop = memchr(name, ':', host.length);
        stop = stop != NULL ? stop : end;
        port = stop;
    }
    return copy_name(name, (size_t)(stop - name), *ret_is_v6 ? NAME_BYTES ":" : NAME_BYTES "-_",
                     ret_name, size) &&
           is_port_part(port, (size_t)(end - port));
}

/* An address that this very connection came in by is nobody's name. */
static bool is_local_address(const struct bj_connection *connection, const char *name, bool is_v6)
{
    struct sockaddr_storage local = {0};
    socklen_t length = sizeof local;
    struct in6_addr in6;
    struct in_addr in4;

    if (is_v6) {
        if (inet_pton(AF_INET6, name, &in6) != 1)
            return false;
        if (IN6_IS_ADDR_LOOPBACK(&in6))
            return true;
        return getsockname(connection->fd, (struct sockaddr *)&local, &length) == 0 &&
               local.ss_family == AF_INET6 &&
               memcmp(&((struct sockaddr_in6 *)&local)->sin6_addr, &in6, sizeof in6) == 0;
    }
    if (inet_pton(AF_INET, name, &in4) != 1)
        return false;
    if (ntohl(in4.s_addr) >> 24 == 127)
        return true;
    if (getsockname(connection->fd, (struct sockaddr *)&local, &length) < 0)
        return false;
    if (local.ss_family == AF_INET)
        return ((struct sockaddr_in *)&local)->sin_addr.s_addr == in4.s_addr;
    return local.ss_family == AF_INET6 &&
           IN6_IS_ADDR_V4MAPPED(&((struct sockaddr_in6 *)&local)->sin6_addr) &&
           memcmp((const char *)&((struct sockaddr_in6 *)&local)->sin6_addr + 12, &in4, 4) == 0;
}

static bool is_configured(const struct bj_server *server, const char *name)
{
    if (bj_streq(name, "localhost") ||
        (server->own_name[0] != '\0' && strcasecmp(name, server->own_name) == 0))
        return true;
    for (const char *const *at = server->options.hosts; at != NULL && *at != NULL; at++) {
        if (strcasecmp(name, *at) == 0)
            return true;
    }
    return server->options.domain != NULL && strcasecmp(name, server->options.domain) == 0;
}

/* "<port>-<sandbox>": the two go to the exchange's parameters. */
static bool take_port(struct bj_connection *connection, const char *name, size_t length)
{
    struct bj_exchange *exchange = &connection->exchange;
    const char *dash = memchr(name, '-', length);
    size_t digits = dash != NULL ? (size_t)(dash - name) : 0;
    char *text = exchange->parameter_text;
    int64_t port;

    if (connection->server->options.port_route == NULL || digits < 1 || digits > 5 ||
        length - digits - 1 < 1 || length - digits - 1 >= BJ_SANDBOX_ID_MAX)
        return false;
    memcpy(text, name, length);
    text[digits] = text[length] = '\0';
    if (!bj_parse_int64(text, &port) || port < 1 || port > 65535)
        return false;
    memset(exchange->parameters, 0, sizeof exchange->parameters);
    exchange->parameters[0] = text;
    exchange->parameters[1] = text + digits + 1;
    connection->is_port = true;
    return true;
}

/* "<port>-<sandbox>.<domain>". What is shaped so but wrong is no host of this server's. */
static bool is_port_host(struct bj_connection *connection, const char *name)
{
    const char *domain = connection->server->options.domain, *dot = strchr(name, '.');

    return domain != NULL && dot != NULL && strcasecmp(dot + 1, domain) == 0 &&
           take_port(connection, name, (size_t)(dot - name));
}

bool bj_gate_host(struct bj_connection *connection)
{
    struct bj_text host = bj_head_text(connection, BJ_HEADER_HOST);
    struct bj_text port;
    char name[BJ_HTTP_HOST_MAX];
    bool is_v6;

    if (host.at == NULL || !split_host(host, name, sizeof name, &is_v6)) {
        connection->keep_alive = false;
        return refuse_gate(connection, BJ_E_INVALID, "a request needs one valid Host");
    }
    if (is_port_host(connection, name))
        return true;
    if (connection->is_unix || is_configured(connection->server, name) ||
        is_local_address(connection, name, is_v6)) {
        port = bj_head_text(connection, BJ_HEADER_X_BELLJAR_PORT);
        if (port.at == NULL || take_port(connection, port.at, port.length))
            return true;
        return refuse_gate(connection, BJ_E_INVALID,
                           "X-Belljar-Port must be a port and a sandbox: 8080-abc");
    }
    connection->keep_alive = false;
    return refuse_gate(connection, BJ_E_DENIED,
                       "this service does not go by the name in Host; whoever runs it allows names "
                       "with --host NAME");
}

/* ---- Origin ---- */

bool bj_gate_origin(struct bj_connection *connection)
{
    struct bj_text origin = bj_head_text(connection, BJ_HEADER_ORIGIN);
    struct bj_text site = bj_head_text(connection, BJ_HEADER_SEC_FETCH_SITE);
    struct bj_text host = bj_head_text(connection, BJ_HEADER_HOST);
    size_t scheme = 0;

    if (site.at != NULL && !(site.length == 11 && strncasecmp(site.at, "same-origin", 11) == 0) &&
        !(site.length == 4 && strncasecmp(site.at, "none", 4) == 0))
        return refuse_gate(connection, BJ_E_DENIED,
                           "requests that another site's page makes are refused");
    if (origin.at == NULL)
        return true;
    if (origin.length > 7 && strncasecmp(origin.at, "http://", 7) == 0)
        scheme = 7;
    else if (origin.length > 8 && strncasecmp(origin.at, "https://", 8) == 0)
        scheme = 8;
    if (scheme > 0 && origin.length - scheme == host.length &&
        strncasecmp(origin.at + scheme, host.at, host.length) == 0)
        return true;
    return refuse_gate(connection, BJ_E_DENIED,
                       "requests that another site's page makes are refused");
}

/* ---- Key ---- */

/* What was presented as a key, and in which header; NULL: nothing. */
static struct bj_text presented_key(struct bj_connection *connection)
{
    struct bj_text key = bj_head_text(connection, BJ_HEADER_X_API_KEY);
    struct bj_text authorization = bj_head_text(connection, BJ_HEADER_AUTHORIZATION);

    connection->key_header = connection->known[BJ_HEADER_X_API_KEY];
    if (key.at != NULL)
        return key;
    if (authorization.length <= 7 || strncasecmp(authorization.at, "bearer ", 7) != 0)
        return (struct bj_text){0};
    connection->key_header = connection->known[BJ_HEADER_AUTHORIZATION];
    authorization.at += 7;
    authorization.length -= 7;
    while (authorization.length > 0 && *authorization.at == ' ') {
        authorization.at++;
        authorization.length--;
    }
    return authorization;
}

/* Who asks; false when what was presented is no key. Nobody is NULL. */
static bool identify(struct bj_connection *connection, const struct bj_identity **ret)
{
    const struct bj_server_gate *gate = &connection->server->options.gate;
    struct bj_text presented = presented_key(connection);
    const char *text;

    *ret = connection->peer_identity != NULL ? connection->peer_identity : gate->anyone;
    if (presented.at == NULL)
        return true;
    /* Where nobody needs a key, one is for somebody else: a program behind a port, a proxy. */
    if (*ret != NULL && *ret == gate->anyone) {
        connection->key_header = 0;
        return true;
    }
    text = bj_arena_copy(&connection->arena, presented.at, presented.length);
    return text != NULL && gate->key != NULL && gate->key(gate->context, text, ret) == 0;
}

static bool check_key(struct bj_connection *connection)
{
    const struct bj_server_gate *gate = &connection->server->options.gate;
    struct bj_exchange *exchange = &connection->exchange;
    uint32_t scope = exchange->route->scope;
    struct bj_error err = {0};
    int64_t after_us = 0;

    if (!identify(connection, &exchange->who)) {
        exchange->who = NULL;
        if (scope == 0)
            return true;
        return refuse_gate(connection, BJ_E_UNAUTHENTICATED, "the key is not one of this service");
    }
    if (scope != 0 && exchange->who == NULL)
        return refuse_gate(connection, BJ_E_UNAUTHENTICATED, "this request needs a key");
    if (scope != 0 && (exchange->who->scopes & scope) != scope)
        return refuse_gate(connection, BJ_E_DENIED, "the key's scopes do not cover this request");
    if (scope == 0 || gate->admit == NULL ||
        gate->admit(gate->context, exchange->who, &after_us, &err) == 0)
        return true;
    connection->refused = true;
    connection->refusal = (struct bj_refusal){.error = err, .retry_after_us = after_us};
    return false;
}

/*
 * Which headers of a request for a port are between its client and this service alone: the
 * service's own two, the one that let the request in, and whatever else has a key of this service
 * in it or what looks like one. A client's other credentials are for the program.
 */
bool bj_gate_keeps(const struct bj_connection *connection, uint32_t index)
{
    const struct bj_server_gate *gate = &connection->server->options.gate;
    const struct bj_header *header = &connection->headers[index];
    uint32_t number = index + 1;

    return number == connection->key_header || number == connection->known[BJ_HEADER_X_API_KEY] ||
           number == connection->known[BJ_HEADER_X_BELLJAR_PORT] ||
           (gate->has_key != NULL &&
            gate->has_key(gate->context, connection->in + header->value_at, header->value_length));
}

bool bj_gate_key(struct bj_connection *connection)
{
    return check_key(connection) && bj_room_stay(connection);
}
