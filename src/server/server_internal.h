/*
 * What the files of the server share: the connection and its one exchange.
 *
 * Theory of operation. A connection has one buffer for what comes in and one for what goes out. It
 * is always in one phase:
 *
 *     HANDSHAKE ─▶ HEAD ─▶ BODY ─▶ HANDLER ─▶ HEAD …        (TLS; keep-alive)
 *                   │                 ├─▶ TRANSFER ─▶ HANDLER
 *                   │                 ├─▶ WEBSOCKET, SPLICE ─▶ CLOSED
 *                   └─────────────────┴─▶ LINGER ─▶ CLOSED
 *
 * HEAD: the parser collects a head. BODY: it is checked, and a JSON body is gathered. HANDLER: the
 * handler has the exchange; bytes of the next request may already wait in the buffer, no more than
 * fit there. TRANSFER: the body goes to a file or pipe (transfer.c). LINGER: all was said, and what
 * still comes is thrown away for a moment, since closing with unread input would make the kernel
 * drop what the client has not read yet.
 *
 * A connection lives as long as its socket or its exchange, whichever is longer. A handler that has
 * not ended long after its client went may never do it, which is a fault of its own: such a
 * connection is stranded. It counts no more, neither against limits nor for who waits for the end;
 * only its memory stays, since the handler may still use it.
 */
#ifndef BJ_SERVER_INTERNAL_H
#define BJ_SERVER_INTERNAL_H

#include <llhttp.h>
#include <netinet/in.h>
#include <openssl/ssl.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "server/server.h"

enum bj_phase {
    BJ_PHASE_HANDSHAKE,
    BJ_PHASE_HEAD,
    BJ_PHASE_BODY,
    BJ_PHASE_HANDLER,
    BJ_PHASE_TRANSFER,
    BJ_PHASE_WEBSOCKET,
    BJ_PHASE_SPLICE,
    BJ_PHASE_LINGER,
    BJ_PHASE_CLOSED,
};

/* Headers that the server itself looks at. Twice the same is an error. */
#define BJ_HEADERS(X)                                                                              \
    X(HOST, "host")                                                                                \
    X(CONTENT_LENGTH, "content-length")                                                            \
    X(TRANSFER_ENCODING, "transfer-encoding")                                                      \
    X(CONTENT_TYPE, "content-type")                                                                \
    X(CONTENT_ENCODING, "content-encoding")                                                        \
    X(ORIGIN, "origin")                                                                            \
    X(SEC_FETCH_SITE, "sec-fetch-site")                                                            \
    X(X_BELLJAR_PORT, "x-belljar-port")                                                            \
    X(X_API_KEY, "x-api-key")                                                                      \
    X(AUTHORIZATION, "authorization")                                                              \
    X(EXPECT, "expect")                                                                            \
    X(UPGRADE, "upgrade")                                                                          \
    X(SEC_WEBSOCKET_KEY, "sec-websocket-key")                                                      \
    X(SEC_WEBSOCKET_VERSION, "sec-websocket-version")
enum bj_known_header {
#define BJ_HEADER_ENUM(id, name) BJ_HEADER_##id,
    BJ_HEADERS(BJ_HEADER_ENUM)
#undef BJ_HEADER_ENUM
        BJ_HEADER_COUNT
};

/* Places in the buffer, from the head's beginning. */
struct bj_header {
    uint16_t name_at, name_length, value_at, value_length;
};
struct bj_text {
    const char *at; /* NULL: there is none */
    size_t length;
};

/* The answer to a request that no handler sees. */
struct bj_refusal {
    struct bj_error error;
    enum bj_api_error which;
    const char *allow; /* of 405 */
    int64_t retry_after_us;
};

struct bj_websocket;
struct bj_splice;
struct bj_transfer;

/* What a client without a key is counted under: IPv4, the first half of IPv6, or a local user. */
struct bj_peer_address {
    uint64_t value; /* 0 = not counted: a proxy that speaks for others */
};

struct bj_connection {
    struct bj_exchange exchange; /* the first: exchange and connection are cast to one another */
    struct bj_server *server;
    struct bj_connection *previous, *next;
    struct bj_connection *next_dirty;
    uv_poll_t poll;
    int fd, events;
    SSL *ssl;
    bool tls, ssl_wants_write, is_unix, dirty, handle_open, input_ended, told_end, was_pending,
        dead;
    unsigned busy; /* calls on the stack that go on using it */
    struct bj_peer_address peer;
    uint64_t owner; /* of the last request's key, as a number; 0 = none, and the address counts */
    bool reserved;  /* taken when there was room for few more; see server/room.c */
    bool is_proxy;
    char peer_text[INET6_ADDRSTRLEN];
    const struct bj_identity *peer_identity;
    enum bj_phase phase;
    uint64_t deadline;      /* of the loop's clock, ms; 0 = none */
    uint64_t progress_mark; /* bytes that had come when it was set */
    /* the same for what waits to be sent, and how many more it must be by then */
    uint64_t sent_deadline, sent_mark, sent_wanted;
    uint64_t received, sent, counted_requests;

    /* in */
    char *in;
    size_t parsed, in_end; /* the head begins at 0 */
    size_t head_length;
    llhttp_t parser;
    bool head_done, message_done, in_field;
    uint32_t header_count, extension_bytes;
    struct bj_header headers[BJ_HTTP_HEADERS_MAX];
    uint8_t known[BJ_HEADER_COUNT]; /* index + 1; 0 = not there */
    struct bj_header target;        /* name_… unused */
    struct bj_buf body;
    size_t body_held; /* bytes of it, or of what its head said, that are reserved */
    size_t held;      /* bytes of it and of `out` that count; see share.c */
    struct bj_arena arena;
    struct bj_refusal refusal;
    bool refused;
    uint8_t key_header; /* index + 1 of the header whose key was looked at; 0 = none */
    bool is_port;       /* the Host leads to a port */

    /* out */
    struct bj_buf out;
    size_t out_sent;
    struct bj_buf set_headers; /* complete lines */
    bool exchange_open;        /* it must stay: somebody has it */
    bool handled, processing, begun, ended, chunked, head_only, keep_alive, told_continue, draining;
    bool endless; /* a stream of events, which the client resumes when it breaks */
    int status;
    int64_t said_length; /* a Content-Length that the handler set; -1 */
    int64_t length_left; /* of a body whose length was said; -1 */
    int64_t body_bytes;
    bj_exchange_fn drain, gone;
    void *drain_context, *gone_context;
    bool is_gone, gone_told;
    uint64_t gone_at; /* of the loop's clock, ms: when the handler was told; 0 = it was not */
    bool stranded;    /* it is counted no more */
    struct bj_transfer *transfer;
    struct bj_websocket *websocket;
    struct bj_splice *splice;
};

struct bj_server_socket {
    struct bj_server *server;
    uv_poll_t poll;
    int fd;
    struct bj_tls *tls;
    bool is_unix, open, paused;
};

struct bj_server {
    uv_loop_t *loop;
    struct bj_server_options options;
    struct bj_server_socket listeners[BJ_HTTP_LISTENERS_MAX];
    unsigned listener_count;
    struct bj_connection *connections, *dirty, *dead;
    struct bj_connection *stranded; /* without a socket, but with handlers that do not end */
    uv_timer_t tick;
    uv_prepare_t flush;
    struct bj_transfer *finished; /* transfers that somebody is to be told of */
    unsigned handles;             /* of its own that are open */
    bool stopping, stopped;
    uint64_t stop_deadline;
    void (*on_stopped)(void *context);
    void *stopped_context;
    struct bj_server_counts counts;
    size_t held; /* bytes of all large bodies and answers */
    uint8_t id_key[16];
    uint64_t id_count;
    char own_name[BJ_HTTP_HOST_MAX];
    char date[40]; /* "Date: …\r\n" */
    int64_t date_second;
    char *scratch; /* BJ_HTTP_PIECE bytes: a body that is gathered passes through it */
    char *spare_in[64];
    unsigned spare_in_count;
};

static inline struct bj_connection *bj_connection_of(const struct bj_exchange *exchange)
{
    return (struct bj_connection *)exchange;
}

/* ---- server.c ---- */
void bj_server_forget(struct bj_connection *connection); /* it is freed when the loop turns */
uint64_t bj_server_now(const struct bj_server *server);  /* ms */

/* ---- room.c ---- */
/* Where a connection comes from; NULL or another user's for `address` of a Unix socket. */
struct bj_peer_address bj_room_address(const struct sockaddr_storage *address, int fd,
                                       char ret_text[INET6_ADDRSTRLEN]);
/* Each is an address as the kernel writes it, or "unix". */
int bj_room_check_proxies(const char *const *proxies, struct bj_error *err);
bool bj_room_is_proxy(const struct bj_server *server, const char *address);
/* Is there room for one more connection? Closes one that nobody misses, if need be. *ret_reserved:
 * there is for the administrator and for what needs no key alone. */
bool bj_room_for(struct bj_server *server, struct bj_peer_address peer, bool *ret_reserved);
/* The head is there, and who asks is known: may this request stay? False: refused. */
bool bj_room_stay(struct bj_connection *connection);

/* ---- connection.c ---- */
#define BJ_IN_SIZE (BJ_HTTP_HEAD_MAX + 1024)

int bj_connection_new(struct bj_server *server, int fd, const struct bj_server_socket *listener,
                      struct bj_connection **ret);
/* Appends to what goes out; it goes when the loop turns, or bj_connection_flush() is called. */
void bj_connection_put(struct bj_connection *connection, const void *data, size_t length);
void bj_connection_puts(struct bj_connection *connection, const char *text);
/* The same for much: what the socket takes at once is not copied. */
void bj_connection_send(struct bj_connection *connection, const void *data, size_t length);
/* It has something to do when the loop turns. */
void bj_connection_mark(struct bj_connection *connection);
void bj_connection_flush(struct bj_connection *connection);
void bj_connection_count_sent(struct bj_connection *connection, size_t length);
/* Takes what TLS has decrypted already, of which no event tells. */
void bj_connection_kick(struct bj_connection *connection);
size_t bj_connection_pending(const struct bj_connection *connection);
/* Bytes, 0 at the end of input, -1 with errno; EAGAIN: none yet. */
ssize_t bj_connection_receive(struct bj_connection *connection, void *data, size_t size);
/* Watches for what the phase waits for. */
void bj_connection_watch(struct bj_connection *connection);

/* Reads what has come by now, without waiting for the loop's turn. Not from within one's own turn.
 */
void bj_connection_read(struct bj_connection *connection);
/* Sends what waits, tells the client that this was all, and closes soon. */
void bj_connection_linger(struct bj_connection *connection);
/* At once. The struct goes when its exchange has ended. */
void bj_connection_close(struct bj_connection *connection);
void bj_connection_set_phase(struct bj_connection *connection, enum bj_phase phase);
/* The time-outs of the phase begin anew. */
void bj_connection_renew(struct bj_connection *connection);
/* Called by the tick: closes what is overdue. */
void bj_connection_check(struct bj_connection *connection, uint64_t now);
/* Around what may end it while it is still looked at. */
static inline void bj_connection_enter(struct bj_connection *connection)
{
    connection->busy++;
}
/* Gives it up if neither socket nor exchange is left. */
void bj_connection_leave(struct bj_connection *connection);
/* Its memory; called when the loop turns. */
void bj_connection_free(struct bj_connection *connection);
/* The next request has not begun: its buffer is somebody else's meanwhile. */
void bj_connection_rest(struct bj_connection *connection);

/* ---- request.c ---- */
void bj_request_init(struct bj_connection *connection);
/* Goes on with what is in the buffer, request after request. */
void bj_request_process(struct bj_connection *connection);
/* Bytes of a request wait in the buffer, and its client reads its answers. */
bool bj_request_waits(const struct bj_connection *connection);
/* If they do, goes on with them. For the loop's calls only: handlers are called. */
void bj_request_go_on(struct bj_connection *connection);
/* What the request holds: its JSON and its body. */
void bj_request_release(struct bj_connection *connection);
/* The exchange is over; what it had is given back, and the next may begin. */
void bj_request_over(struct bj_connection *connection);
/* Bytes of a body that were read into another buffer than the connection's own. False: refused. */
bool bj_request_feed(struct bj_connection *connection, char *data, size_t length);
/* The same of those that came with the head. */
void bj_request_feed_rest(struct bj_connection *connection);
/* Only looks where the request ends: how many of these bytes are its own. */
size_t bj_request_follow(struct bj_connection *connection, const char *data, size_t length);

/* ---- head.c ---- */
/* Checks the head and finds its route; false: connection->refusal says why not. */
bool bj_head_check(struct bj_connection *connection);
struct bj_text bj_head_text(const struct bj_connection *connection, enum bj_known_header header);
/* Of the request's body. */
bool bj_head_has_body(const struct bj_connection *connection);
void bj_refuse(struct bj_connection *connection, enum bj_code code, enum bj_api_error which,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- gate.c ---- */
bool bj_gate_host(struct bj_connection *connection);
bool bj_gate_origin(struct bj_connection *connection);
bool bj_gate_key(struct bj_connection *connection);
/* Does a header of a request that is let in to a port stay here? */
bool bj_gate_keeps(const struct bj_connection *connection, uint32_t index);

/* ---- address.c ---- */
/* Decodes path and query of the target into the exchange. */
bool bj_address_path(struct bj_connection *connection, struct bj_text target);
bool bj_address_query(struct bj_connection *connection, struct bj_text target);

/* ---- response.c ---- */
extern const struct bj_exchange_server bj_exchange_functions;
/* What is said beside a status; "" beside an unusual one. */
const char *bj_response_reason(int status);
void bj_response_refuse(struct bj_connection *connection);
/* The exchange has ended: logged, counted, and the next may begin when the loop turns. */
void bj_response_over(struct bj_connection *connection);
void bj_response_continue(struct bj_connection *connection);
/* The client is gone. The handler is told when the loop turns: it may be on the stack. */
void bj_response_gone(struct bj_connection *connection);
void bj_response_tell_gone(struct bj_connection *connection);
/* After output went: tells the handler when there is room again. */
void bj_response_drained(struct bj_connection *connection);

/* ---- share.c ---- */
/* Memory for so many bytes of the request's body, or of its answer beside what waits already.
 * False: refused. */
bool bj_share_body(struct bj_connection *connection, size_t length);
bool bj_share_answer(struct bj_connection *connection, size_t length);
/* What was sent is given back; and what was for the body. */
void bj_share_settle(struct bj_connection *connection);
void bj_share_end_body(struct bj_connection *connection);
/* Bytes that its client must get on by within `progress_ms`: more the more it holds. */
uint64_t bj_share_progress(const struct bj_connection *connection);

/* ---- body.c ---- */
void bj_body_begin(struct bj_connection *connection);
bool bj_body_add(struct bj_connection *connection, const char *data, size_t length);
/* The whole body is there: parsed and checked. */
bool bj_body_finish(struct bj_connection *connection);
void bj_body_release(struct bj_connection *connection);

#endif
