/* A WebSocket to the service (RFC 6455), over a connection that libcurl makes: TLS and all. */
#ifndef BJ_CLIENT_WS_H
#define BJ_CLIENT_WS_H

#include "client/client.h"

struct bj_client_ws;

struct bj_client_ws_events {
    void (*text)(void *context, const char *data, size_t length);
    void (*binary)(void *context, const void *data, size_t length);
};

/* Connects and upgrades. A refusal is the service's own error. */
int bj_client_ws_open(struct bj_client *client, const char *path,
                      const struct bj_client_ws_events *events, void *context,
                      struct bj_client_ws **ret, struct bj_error *err);
void bj_client_ws_free(struct bj_client_ws *ws);

int bj_client_ws_fd(const struct bj_client_ws *ws);
bool bj_client_ws_wants_write(const struct bj_client_ws *ws);
/* Bytes that wait to be sent. */
size_t bj_client_ws_waiting(const struct bj_client_ws *ws);
bool bj_client_ws_send(struct bj_client_ws *ws, bool binary, const void *data, size_t length);
/* Reads and writes what can be; false when the connection is over. */
bool bj_client_ws_pump(struct bj_client_ws *ws);

#endif
