/*
 * Room for connections. One who holds many locks nobody else out:
 *
 *   - Connections that came with a key count for its owner, all others for where they come from: an
 *     address, the user at the other end of a Unix socket, or what a trusted proxy says.
 *   - Whoever has sent no whole request yet is the first to be closed when room is needed, the
 *     oldest first; then who is between two requests. So silence keeps nobody out.
 *   - The last part of all is kept for the administrator and for what needs no key, which is short.
 */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/siphash.h"
#include "base/str.h"
#include "server/server_internal.h"

#define RESERVE_MAX  32 /* connections */
#define RESERVE_PART 8  /* one in so many, if that is less */

struct bj_peer_address bj_room_address(const struct sockaddr_storage *address, int fd,
                                       char ret_text[INET6_ADDRSTRLEN])
{
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    struct bj_peer_address peer = {0};
    struct ucred user;
    socklen_t length = sizeof user;

    memcpy(ret_text, "unix", sizeof "unix");
    if (address->ss_family == AF_INET) {
        peer.value = 1ull << 47 | ntohl(in4->sin_addr.s_addr);
        inet_ntop(AF_INET, &in4->sin_addr, ret_text, INET6_ADDRSTRLEN);
    } else if (address->ss_family == AF_INET6) {
        memcpy(&peer.value, &in6->sin6_addr, sizeof peer.value);
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
            memcpy(&peer.value, (const char *)&in6->sin6_addr + 8, sizeof peer.value);
        peer.value |= 1ull << 63 | 1; /* ::1 is not "none", and none of these is another kind's */
        inet_ntop(AF_INET6, &in6->sin6_addr, ret_text, INET6_ADDRSTRLEN);
    } else if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &length) == 0) {
        peer.value = 1ull << 48 | user.uid;
    } else {
        peer.value = 1ull << 49;
    }
    return peer;
}

int bj_room_check_proxies(const char *const *proxies, struct bj_error *err)
{
    for (; proxies != NULL && *proxies != NULL; proxies++) {
        struct in6_addr address;
        char text[INET6_ADDRSTRLEN];
        int family = strchr(*proxies, ':') != NULL ? AF_INET6 : AF_INET;

        if (bj_streq(*proxies, "unix"))
            continue;
        if (inet_pton(family, *proxies, &address) != 1)
            return bj_fail(err, BJ_E_CONFIG, "trusted_proxies",
                           "expected an address such as 127.0.0.1, or unix, not \"%s\"", *proxies);
        inet_ntop(family, &address, text, sizeof text);
        if (!bj_streq(*proxies, text))
            return bj_fail(err, BJ_E_CONFIG, "trusted_proxies", "write \"%s\" as %s", *proxies,
                           text);
    }
    return 0;
}

bool bj_room_is_proxy(const struct bj_server *server, const char *address)
{
    const char *const *proxy = server->options.trusted_proxies;

    while (proxy != NULL && *proxy != NULL && !bj_streq(*proxy, address))
        proxy++;
    return proxy != NULL && *proxy != NULL;
}

static bool has_unread(const struct bj_connection *connection)
{
    int unread = 0;

    return ioctl(connection->fd, FIONREAD, &unread) == 0 && unread > 0;
}

/* Has sent no whole head yet, and nothing that has still to be read. */
static bool is_silent(const struct bj_connection *connection)
{
    if (has_unread(connection))
        return false;
    return connection->phase == BJ_PHASE_HANDSHAKE ||
           (connection->phase == BJ_PHASE_HEAD &&
            (connection->counted_requests == 0 ||
             (connection->counted_requests == 1 && connection->in_end > 0)));
}

static bool is_between(const struct bj_connection *connection)
{
    return connection->phase == BJ_PHASE_HEAD && connection->in_end == 0 &&
           connection->counted_requests > 0 && bj_connection_pending(connection) == 0;
}

/* Closes one that nobody misses, of this owner where it is not 0, or a silent one of this address;
 * false if there is none. The list has the newest first. */
static bool make_room(struct bj_server *server, uint64_t owner, struct bj_peer_address peer)
{
    struct bj_connection *silent = NULL, *between = NULL;

    for (struct bj_connection *at = server->connections; at != NULL; at = at->next) {
        if ((owner != 0 && at->owner != owner) ||
            (peer.value != 0 && (at->peer.value != peer.value || at->owner != 0)))
            continue;
        if (at->phase == BJ_PHASE_CLOSED || at->busy > 0)
            continue;
        if (is_silent(at))
            silent = at;
        else if (peer.value == 0 && is_between(at) &&
                 (between == NULL || at->deadline < between->deadline))
            between = at;
    }
    if (silent == NULL && between == NULL)
        return false;
    bj_connection_close(silent != NULL ? silent : between);
    return true;
}

/* For a newcomer. Whoever seems busy only because the loop has not read its few bytes yet must not
 * keep it out: those are read now, and then it is seen who is silent. */
static bool make_room_for(struct bj_server *server, struct bj_peer_address peer)
{
    if (make_room(server, 0, peer))
        return true;
    for (struct bj_connection *at = server->connections; at != NULL; at = at->next) {
        if ((at->phase == BJ_PHASE_HANDSHAKE || at->phase == BJ_PHASE_HEAD) && at->busy == 0 &&
            has_unread(at))
            bj_connection_read(at);
    }
    return make_room(server, 0, peer);
}

static uint32_t reserve_of(const struct bj_server *server)
{
    uint32_t part = server->options.max_connections / RESERVE_PART;

    return part < RESERVE_MAX ? part : RESERVE_MAX;
}

/* Closed ones are in the list until the loop turns. */
static uint32_t count(const struct bj_server *server, uint64_t owner, struct bj_peer_address peer)
{
    uint32_t same = 0;

    for (const struct bj_connection *at = server->connections; at != NULL; at = at->next) {
        if (at->phase != BJ_PHASE_CLOSED || at->transfer != NULL)
            same += owner != 0        ? at->owner == owner
                    : peer.value != 0 ? at->owner == 0 && at->peer.value == peer.value
                                      : true;
    }
    return same;
}

static const struct bj_peer_address any_peer = {0};

bool bj_room_for(struct bj_server *server, struct bj_peer_address peer, bool *ret_reserved)
{
    const struct bj_server_options *options = &server->options;

    *ret_reserved = false;
    if (peer.value != 0 && count(server, 0, peer) >= options->max_per_address &&
        !make_room_for(server, peer))
        return false;
    if (count(server, 0, any_peer) < options->max_connections - reserve_of(server))
        return true;
    if (make_room_for(server, any_peer))
        return true;
    *ret_reserved = true;
    return count(server, 0, any_peer) < options->max_connections;
}

/* The last address of X-Forwarded-For that is no trusted proxy's: those in front of it are
 * anybody's words. False: there is none. */
static bool forwarded_for(struct bj_connection *connection, char ret[INET6_ADDRSTRLEN])
{
    static const char name[] = "x-forwarded-for";

    for (uint32_t i = connection->header_count; i-- > 0;) {
        const struct bj_header *header = &connection->headers[i];
        const char *begin = connection->in + header->value_at, *end = begin + header->value_length;

        if (header->name_length != sizeof name - 1 ||
            strncasecmp(connection->in + header->name_at, name, sizeof name - 1) != 0)
            continue;
        while (end > begin) {
            const char *at = end, *word;
            size_t length;

            while (at > begin && at[-1] != ',')
                at--;
            for (word = at; word < end && *word == ' '; word++)
                ;
            for (length = (size_t)(end - word); length > 0 && word[length - 1] == ' '; length--)
                ;
            if (length == 0 || length >= INET6_ADDRSTRLEN)
                return false;
            memcpy(ret, word, length);
            ret[length] = '\0';
            if (!bj_room_is_proxy(connection->server, ret))
                return true;
            end = at > begin ? at - 1 : begin;
        }
    }
    return false;
}

static void take_forwarded(struct bj_connection *connection)
{
    struct sockaddr_storage address = {0};
    char text[INET6_ADDRSTRLEN];

    if (!forwarded_for(connection, text))
        return;
    if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&address)->sin_addr) == 1)
        address.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&address)->sin6_addr) == 1)
        address.ss_family = AF_INET6;
    else
        return;
    connection->peer = bj_room_address(&address, -1, connection->peer_text);
}

static bool refuse_room(struct bj_connection *connection, enum bj_code code, const char *why)
{
    connection->keep_alive = false;
    connection->server->counts.refused++;
    bj_refuse(connection, code, BJ_API_PLAIN, "%s", why);
    connection->refusal.retry_after_us = 1000000;
    return false;
}

bool bj_room_stay(struct bj_connection *connection)
{
    struct bj_server *server = connection->server;
    const struct bj_server_options *options = &server->options;
    const struct bj_identity *who = connection->exchange.who;
    bool is_anyone = who == NULL || who == options->gate.anyone;
    bool is_admin = !is_anyone && (who->scopes & BJ_SCOPE_ADMIN) != 0;

    if (connection->is_proxy)
        take_forwarded(connection);
    connection->owner =
        is_anyone ? 0 : bj_siphash(server->id_key, who->owner, strlen(who->owner)) | 1;
    if (connection->reserved && connection->exchange.route->scope == 0)
        connection->keep_alive = false;
    if (is_admin || connection->exchange.route->scope == 0)
        return connection->peer.value == 0 || is_admin || !connection->is_proxy ||
               count(server, 0, connection->peer) <= options->max_per_address ||
               refuse_room(connection, BJ_E_RATE, "too many connections from this address");
    if (connection->reserved &&
        count(server, 0, any_peer) > options->max_connections - reserve_of(server))
        return refuse_room(connection, BJ_E_BUSY, "too many connections");
    connection->reserved = false;
    if (connection->owner != 0 &&
        count(server, connection->owner, any_peer) > options->max_per_owner &&
        !make_room(server, connection->owner, any_peer))
        return refuse_room(connection, BJ_E_RATE, "this key's owner has too many connections");
    return true;
}
