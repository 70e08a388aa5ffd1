/* Ports: a connection joined with a socket that leads into a sandbox. */
#ifndef BJ_SERVER_SPLICE_H
#define BJ_SERVER_SPLICE_H

#include "server/server_internal.h"

void bj_splice_begin(struct bj_exchange *exchange, int fd, bj_exchange_fn over, void *context);

void bj_splice_readable(struct bj_connection *connection);
/* What went to the client made room. */
void bj_splice_drained(struct bj_connection *connection);
bool bj_splice_reads(const struct bj_connection *connection);
/* Nothing is expected of the client but that it stays. */
bool bj_splice_only_waits(const struct bj_connection *connection);
/* The client's connection is broken. */
void bj_splice_stop(struct bj_connection *connection);

#endif
