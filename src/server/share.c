/*
 * Who holds how much of the server's memory: bodies that are gathered, until their requests are
 * over, and answers that wait for their clients. Each connection has a little for itself, which the
 * number of connections bounds; what goes beyond is taken from one sum, of which an owner has a
 * quarter at most, and the administrator alone the last quarter. So neither who sends slowly nor
 * who reads slowly can use up what others need, and it is always the late one who is refused.
 */
#include "server/server_internal.h"

#define PART 4

static bool is_same(const struct bj_connection *one, const struct bj_connection *other)
{
    return one->owner != 0 ? one->owner == other->owner
                           : other->owner == 0 && one->peer.value == other->peer.value;
}

static uint64_t sum_of_owner(const struct bj_connection *connection)
{
    uint64_t sum = 0;

    for (const struct bj_connection *at = connection->server->connections; at != NULL;
         at = at->next)
        sum += is_same(connection, at) ? at->held : 0;
    return sum;
}

/* Of so many bytes of a body, and of an answer. Apart, so that a small answer to a large request
 * is never one too many. */
static size_t counted(const struct bj_connection *connection, size_t body, size_t answer)
{
    size_t own = connection->server->options.own_bytes;

    return (body > own ? body : 0) + (answer > own ? answer : 0);
}

static void hold(struct bj_connection *connection, size_t length)
{
    connection->server->held -= connection->held;
    connection->held = length;
    connection->server->held += length;
}

/* Where nobody needs a key, whoever comes is the administrator, and yet anybody. */
static bool is_admin(const struct bj_connection *connection)
{
    const struct bj_identity *who = connection->exchange.who;

    return connection->owner != 0 && who != NULL && (who->scopes & BJ_SCOPE_ADMIN) != 0;
}

static bool refuse_share(struct bj_connection *connection, enum bj_code code, const char *why)
{
    bj_refuse(connection, code, BJ_API_PLAIN, "%s", why);
    connection->refusal.retry_after_us = 1000000;
    return false;
}

static bool grow(struct bj_connection *connection, size_t length)
{
    const struct bj_server *server = connection->server;
    uint64_t maximum = server->options.shared_bytes, more;

    if (length <= connection->held)
        return true;
    more = length - connection->held;
    if (sum_of_owner(connection) + more > maximum / PART)
        return refuse_share(connection, BJ_E_RATE,
                            "large requests and answers of this client take all the memory that "
                            "is for one; read the answers, then ask again");
    if (server->held + more > (is_admin(connection) ? maximum : maximum - maximum / PART))
        return refuse_share(connection, BJ_E_BUSY, "too many large requests and answers at once");
    hold(connection, length);
    return true;
}

bool bj_share_body(struct bj_connection *connection, size_t length)
{
    if (!grow(connection, counted(connection, length, bj_connection_pending(connection))))
        return false;
    connection->body_held = length;
    return true;
}

bool bj_share_answer(struct bj_connection *connection, size_t length)
{
    return grow(connection, counted(connection, connection->body_held,
                                    bj_connection_pending(connection) + length));
}

void bj_share_settle(struct bj_connection *connection)
{
    size_t length = counted(connection, connection->body_held, bj_connection_pending(connection));

    if (length < connection->held)
        hold(connection, length);
}

void bj_share_end_body(struct bj_connection *connection)
{
    connection->body_held = 0;
    bj_share_settle(connection);
}

uint64_t bj_share_progress(const struct bj_connection *connection)
{
    const struct bj_server_options *options = &connection->server->options;
    uint64_t part = (uint64_t)connection->held * options->progress_ms / BJ_HTTP_SLOWEST_MS;

    return part > options->progress_bytes ? part : options->progress_bytes;
}
