/*
 * One HTTP request and its response, as a handler sees them: no sockets, no parsing. The server
 * makes it, checks it (route, key, scope, schema) and hands it to the route's handler, which ends
 * it exactly once, now or later, with one of: respond, end, reset, splice.
 *
 * An exchange stays valid until the handler has ended it. If the client goes away first, `gone` is
 * called once; what the handler then still writes is thrown away, and it still ends the exchange.
 * All on one thread. No call back is called from within a call of the handler's.
 */
#ifndef BJ_API_EXCHANGE_H
#define BJ_API_EXCHANGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/failure.h"
#include "base/error.h"
#include "base/limits.h"
#include "service/identity.h"

struct bj_exchange;
struct bj_route;

typedef void (*bj_exchange_fn)(void *context);
/* `result` 0 or -code; `bytes` that went. */
typedef void (*bj_transfer_fn)(void *context, int result, int64_t bytes,
                               const struct bj_error *err);
/* A WebSocket message, whole; NULL when the socket is closing. */
typedef void (*bj_frame_fn)(void *context, bool binary, const void *data, size_t length);

/* What the server does for a handler; every function has a wrapper below. */
struct bj_exchange_server {
    const char *(*header)(const struct bj_exchange *exchange, const char *name);
    void (*set_header)(struct bj_exchange *exchange, const char *name, const char *value);
    void (*respond)(struct bj_exchange *exchange, int status, const char *type, const void *body,
                    size_t length);
    void (*begin)(struct bj_exchange *exchange, int status, const char *type);
    bool (*write)(struct bj_exchange *exchange, const void *data, size_t length);
    void (*on_drain)(struct bj_exchange *exchange, bj_exchange_fn drain, void *context);
    void (*end)(struct bj_exchange *exchange);
    void (*reset)(struct bj_exchange *exchange);
    void (*on_gone)(struct bj_exchange *exchange, bj_exchange_fn gone, void *context);
    void (*send_file)(struct bj_exchange *exchange, int fd, int64_t offset, int64_t length,
                      bj_transfer_fn done, void *context);
    void (*receive_file)(struct bj_exchange *exchange, int fd, int64_t maximum, bj_transfer_fn done,
                         void *context);
    bool (*upgrade)(struct bj_exchange *exchange, bj_frame_fn frame, void *context);
    bool (*send_frame)(struct bj_exchange *exchange, bool binary, const void *data, size_t length);
    void (*pause_frames)(struct bj_exchange *exchange, bool pause);
    void (*close_frames)(struct bj_exchange *exchange, int code, const char *reason);
    void (*splice)(struct bj_exchange *exchange, int fd, bj_exchange_fn over, void *context);
};

struct bj_exchange {
    const struct bj_exchange_server *server;
    const struct bj_route *route;
    const struct bj_identity *who; /* NULL only on routes that need no key */
    const char *method;
    const char *path;                           /* decoded; no `.`, `..`, empty or NUL segment */
    const char *parameters[BJ_PARAMETERS_MAX];  /* of the route's path, in order, decoded */
    char parameter_text[BJ_PARAMETER_TEXT_MAX]; /* where they stand */
    json_t *query;       /* object of strings and numbers, checked against the route's schema */
    json_t *body;        /* JSON bodies, checked against the route's schema; else NULL */
    int64_t body_length; /* of bodies that are not JSON; -1 = not said (chunked) */
    char id[33];         /* of the request; in every error and in the log */
    int64_t started_us;
};

/* A request header's value; NULL when there is none. Names are matched without case. */
static inline const char *bj_exchange_header(const struct bj_exchange *exchange, const char *name)
{
    return exchange->server->header(exchange, name);
}

/* Adds a response header; before respond, begin, send_file, upgrade. */
static inline void bj_exchange_set_header(struct bj_exchange *exchange, const char *name,
                                          const char *value)
{
    exchange->server->set_header(exchange, name, value);
}

/* The whole response. The body is copied. Ends the exchange. */
static inline void bj_exchange_respond(struct bj_exchange *exchange, int status, const char *type,
                                       const void *body, size_t length)
{
    exchange->server->respond(exchange, status, type, body, length);
}

/*
 * A response in pieces: begin, write …, end. write returns false when so much waits to be sent that
 * the handler should stop until `drain` is called; nothing is lost if it does not.
 */
static inline void bj_exchange_begin(struct bj_exchange *exchange, int status, const char *type)
{
    exchange->server->begin(exchange, status, type);
}
static inline bool bj_exchange_write(struct bj_exchange *exchange, const void *data, size_t length)
{
    return exchange->server->write(exchange, data, length);
}
static inline void bj_exchange_on_drain(struct bj_exchange *exchange, bj_exchange_fn drain,
                                        void *context)
{
    exchange->server->on_drain(exchange, drain, context);
}
static inline void bj_exchange_end(struct bj_exchange *exchange)
{
    exchange->server->end(exchange);
}

/* Breaks the connection, so that no client takes what it has got for all. Ends the exchange. */
static inline void bj_exchange_reset(struct bj_exchange *exchange)
{
    exchange->server->reset(exchange);
}

static inline void bj_exchange_on_gone(struct bj_exchange *exchange, bj_exchange_fn gone,
                                       void *context)
{
    exchange->server->on_gone(exchange, gone, context);
}

/*
 * After begin: appends `length` bytes of a regular file, or with length -1 whatever a pipe gives up
 * to its end; then calls back. The descriptor stays the caller's, until then in use.
 */
static inline void bj_exchange_send_file(struct bj_exchange *exchange, int fd, int64_t offset,
                                         int64_t length, bj_transfer_fn done, void *context)
{
    exchange->server->send_file(exchange, fd, offset, length, done, context);
}

/* The request's body into a file or pipe, at most `maximum` bytes; for routes whose body is raw. */
static inline void bj_exchange_receive_file(struct bj_exchange *exchange, int fd, int64_t maximum,
                                            bj_transfer_fn done, void *context)
{
    exchange->server->receive_file(exchange, fd, maximum, done, context);
}

/* As a WebSocket (RFC 6455). False, and answered with an error, when the client asked for none. */
static inline bool bj_exchange_upgrade(struct bj_exchange *exchange, bj_frame_fn frame,
                                       void *context)
{
    return exchange->server->upgrade(exchange, frame, context);
}
/* As write; then close_frames, and end. */
static inline bool bj_exchange_send_frame(struct bj_exchange *exchange, bool binary,
                                          const void *data, size_t length)
{
    return exchange->server->send_frame(exchange, binary, data, length);
}
static inline void bj_exchange_pause_frames(struct bj_exchange *exchange, bool pause)
{
    exchange->server->pause_frames(exchange, pause);
}
static inline void bj_exchange_close_frames(struct bj_exchange *exchange, int code,
                                            const char *reason)
{
    exchange->server->close_frames(exchange, code, reason);
}

/*
 * Joins the connection, from the request's head on as it came, with a connected socket, both ways,
 * until both have ended, but for the key and for Connection: see server/splice.c. After begin with
 * status 101 nothing of the head goes there, and both ways are open at once. The descriptor is the
 * server's from then on. Ends the exchange. `over` is called once when they are not joined any
 * more, which may be before this returns.
 */
static inline void bj_exchange_splice(struct bj_exchange *exchange, int fd, bj_exchange_fn over,
                                      void *context)
{
    exchange->server->splice(exchange, fd, over, context);
}

/* ---- made of these ---- */

/* Responds with JSON, which is taken over; NULL: no memory. */
void bj_exchange_json(struct bj_exchange *exchange, int status, json_t *body);

/*
 * {"error": {"code", "message", "advice", "request_id", "details"?}} with the error's own status;
 * 429 and 503 with Retry-After.
 */
void bj_exchange_fail(struct bj_exchange *exchange, const struct bj_error *err);

/* What else there is to say of a failure. */
struct bj_failure {
    enum bj_api_error which;
    const char *details;    /* JSON; NULL = none */
    int64_t retry_after_us; /* 429 and 503; 0 = a second */
};
void bj_exchange_fail_with(struct bj_exchange *exchange, const struct bj_error *err,
                           const struct bj_failure *more);

#endif
