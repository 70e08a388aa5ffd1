/* Files and pipes on their way to a client or from one: the exchange's send_file, receive_file. */
#ifndef BJ_SERVER_TRANSFER_H
#define BJ_SERVER_TRANSFER_H

#include "server/server_internal.h"

void bj_transfer_send(struct bj_exchange *exchange, int fd, int64_t offset, int64_t length,
                      bj_transfer_fn done, void *context);
void bj_transfer_receive(struct bj_exchange *exchange, int fd, int64_t maximum, bj_transfer_fn done,
                         void *context);

/* Decoded bytes of the body, from within the parser. */
bool bj_transfer_add(struct bj_connection *connection, const char *data, size_t length);
/* The client's socket has bytes, or takes some again. */
void bj_transfer_readable(struct bj_connection *connection);
void bj_transfer_writable(struct bj_connection *connection);
/* What it waits for of the client: UV_READABLE, UV_WRITABLE or neither. */
int bj_transfer_events(const struct bj_connection *connection);
/* The client is gone (code ENDED), or too slow (TIMEOUT). */
void bj_transfer_stop(struct bj_connection *connection, enum bj_code code);
/* Its exchange ends before it has: nobody is called, and the connection is broken. */
void bj_transfer_abandon(struct bj_connection *connection);
/* A thread is writing to the client's socket: it cannot be closed now. */
bool bj_transfer_has_socket(const struct bj_connection *connection);
/* Calls back whoever's transfers have ended; when the loop turns. */
void bj_transfers_finish(struct bj_server *server);

#endif
