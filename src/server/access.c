/*
 * The access log: who asked for what, and what came of it. Neither keys nor queries are in it,
 * since links may be signed; the log escapes what could act on a terminal.
 */
#include "server/access.h"

#include "base/clock.h"

#define SHOWN_PATH 200

void bj_access_log(const struct bj_connection *connection)
{
    const struct bj_exchange *exchange = &connection->exchange;
    const struct bj_log *log = connection->server->options.log;

    if (!bj_log_wants(log, BJ_LOG_SERVER, BJ_LOG_INFO))
        return;
    bj_log_write(
        log, BJ_LOG_SERVER, BJ_LOG_INFO, "%s %s key=%s %s %.*s status=%d bytes=%lld us=%lld%s",
        exchange->id, connection->peer_text, exchange->who != NULL ? exchange->who->key : "-",
        exchange->method, SHOWN_PATH, exchange->path, connection->status,
        (long long)connection->body_bytes, (long long)(bj_clock_us() - exchange->started_us),
        connection->gone_told ? " gone" : "");
}
