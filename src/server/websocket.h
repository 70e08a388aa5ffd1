/* WebSockets (RFC 6455): the exchange's upgrade and what follows it. */
#ifndef BJ_SERVER_WEBSOCKET_H
#define BJ_SERVER_WEBSOCKET_H

#include "server/server_internal.h"

bool bj_websocket_upgrade(struct bj_exchange *exchange, bj_frame_fn frame, void *context);
bool bj_websocket_send(struct bj_exchange *exchange, bool binary, const void *data, size_t length);
void bj_websocket_pause(struct bj_exchange *exchange, bool pause);
void bj_websocket_close(struct bj_exchange *exchange, int code, const char *reason);

void bj_websocket_readable(struct bj_connection *connection);
/* Bytes that wait here already, of which no event tells. */
bool bj_websocket_waits(const struct bj_connection *connection);
bool bj_websocket_reads(const struct bj_connection *connection);
/* Asks a silent client for a sign of life; false: it was asked before. */
bool bj_websocket_ping(struct bj_connection *connection);
/* No message follows: tells the handler, once. */
void bj_websocket_gone(struct bj_connection *connection);
/* The exchange is over. */
void bj_websocket_free(struct bj_connection *connection);

#endif
