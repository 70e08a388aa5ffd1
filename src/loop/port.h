/*
 * A port: one end of a SOCK_SEQPACKET pair on a libuv loop, over which the processes of the service
 * send each other messages (wire/keeper.h). It never blocks: what the other side is too slow to
 * take waits in a queue of bounded size. What comes in is checked for its form; the first message
 * that is malformed ends the port.
 *
 * Call backs come from the loop only, never from inside a call.
 */
#ifndef BJ_LOOP_PORT_H
#define BJ_LOOP_PORT_H

#include <uv.h>

#include "base/error.h"
#include "linux/socket.h"
#include "wire/keeper.h"

struct bj_port;

struct bj_port_events {
    /* The message is borrowed; descriptors that are not taken (set to -1) are closed after it. */
    void (*message)(void *context, const struct bj_message *message, struct bj_fds *fds);
    /* bj_port_try() would go again. May be NULL. */
    void (*writable)(void *context);
    /* Once: the other side is gone or broke the protocol (`why` then says so). The port is still to
     * be freed. */
    void (*lost)(void *context, const struct bj_error *why);
};

/* Takes the socket over, also when it fails. At most `maximum` bytes wait to be sent. */
int bj_port_new(uv_loop_t *loop, int fd, size_t maximum, const struct bj_port_events *events,
                void *context, struct bj_port **ret, struct bj_error *err);
/* No call back comes after it, also when called from one. The loop must run once more. */
void bj_port_free(struct bj_port *port);

/*
 * Sends a packet, now or later; copied. Takes the descriptors over (`fds` may be NULL), also when
 * it fails. BJ_E_LIMIT: too much waits. A port that is lost takes everything and sends nothing.
 */
int bj_port_send(struct bj_port *port, const void *packet, size_t length, struct bj_fds *fds,
                 struct bj_error *err);

/*
 * Sends a packet if it goes at once and nothing waits. False: not now; `writable` tells when. For
 * whoever has a queue of his own.
 */
bool bj_port_try(struct bj_port *port, const void *packet, size_t length);

#endif
