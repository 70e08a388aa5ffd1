/* TLS on a connection's socket, for connection.c. */
#ifndef BJ_SERVER_TLS_H
#define BJ_SERVER_TLS_H

#include "server/server_internal.h"

/* NULL: no memory. */
SSL *bj_tls_session(struct bj_tls *tls, int fd);

/* True when it is done; a connection that fails is closed. */
bool bj_tls_handshake(struct bj_connection *connection);

/* From here on the end of what the client sends may come without TLS's own word for it, from
 * clients that have no way to say it for one direction alone. */
void bj_tls_allow_end(struct bj_connection *connection);

/* As recv(2) and send(2) on a socket that does not block. */
ssize_t bj_tls_receive(struct bj_connection *connection, void *data, size_t size);
ssize_t bj_tls_send(struct bj_connection *connection, const void *data, size_t length);

#endif
