/*
 * Packets with descriptors over a socket, on the loop: to the other processes of the service, to
 * the launcher, to the init of each sandbox. Sending never waits: what the socket does not take is
 * queued, up to a maximum. Whoever does not read what it is sent is cut off by its user, never
 * waited for.
 */
#ifndef BJ_LOOP_LINK_H
#define BJ_LOOP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/error.h"
#include "loop/watch.h"
#include "linux/socket.h"

struct bj_link_calls {
    /* A packet, borrowed; descriptors that are not taken (count set to 0, or -1) are closed after.
     */
    void (*received)(void *context, const char *packet, size_t length, struct bj_fds *fds);
    /* The other end is gone, and all it had sent was received. The link is closed already. */
    void (*closed)(void *context);
    /* Everything queued was sent; may be NULL. */
    void (*drained)(void *context);
};

struct bj_queued;
struct bj_link {
    int fd; /* -1 = closed */
    uv_loop_t *loop;
    struct bj_watch *watch;
    const struct bj_link_calls *calls;
    void *context;
    struct bj_queued *first, *last;
    size_t queued, maximum; /* bytes */
    int *reserve;           /* a descriptor given up for one that comes here; NULL = none */
    bool *alive;            /* of the call that is receiving; see link.c */
};

/* Takes the descriptor, also when it fails. */
int bj_link_open(struct bj_link *link, uv_loop_t *loop, int fd, const struct bj_link_calls *calls,
                 void *context, struct bj_error *err);
#define BJ_LINK_QUEUE_MAX (4 << 20) /* link.maximum to begin with */

/* May be called at any time, and twice. What is queued is lost. */
void bj_link_close(struct bj_link *link);

/* BJ_E_BUSY when the queue is full. Descriptors (NULL for none) stay the caller's. */
int bj_link_send(struct bj_link *link, const void *packet, size_t length, const struct bj_fds *fds,
                 struct bj_error *err);

/* Takes in all that has arrived, now; it ends with calls->closed if the other end is gone. */
void bj_link_take_in(struct bj_link *link);

/* Tries for `timeout_ms` to send what is queued: for the very end. */
void bj_link_flush(struct bj_link *link, int timeout_ms);

#endif
