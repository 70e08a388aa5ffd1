/*
 * Server-sent events (the HTML standard, "Server-sent events"): one response that stays open.
 * Comments keep it alive where nothing is said for long. This folder's own.
 */
#ifndef BJ_API_SSE_H
#define BJ_API_SSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "api/exchange.h"

struct bj_sse;

/* Begins the response. NULL: no memory, and the exchange has been answered. */
struct bj_sse *bj_sse_begin(struct bj_exchange *exchange, uv_loop_t *loop);

/* An event with JSON for its data (taken over). `id` below 0: it has none. False: so much waits to
 * be sent that it is better to stop until the exchange drains. */
bool bj_sse_send(struct bj_sse *sse, const char *event, int64_t id, json_t *data);

/* Ends the response, in good order or by breaking the connection, and frees; NULL is fine. */
void bj_sse_end(struct bj_sse *sse);
void bj_sse_break(struct bj_sse *sse);

/* What the client has seen last: the header Last-Event-ID; -1 = it says nothing. False: it is no
 * number. */
bool bj_sse_last(const struct bj_exchange *exchange, int64_t *ret);
/* Does the client ask for events? */
bool bj_sse_wanted(const struct bj_exchange *exchange);

#endif
