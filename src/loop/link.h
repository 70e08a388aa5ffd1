/*
 * Packets with descriptors over a SOCK_SEQPACKET socket, on the loop: between the processes of the
 * service, to the launcher, to the init of each sandbox. Sending never waits: what the socket does
 * not take is queued, up to a maximum. Whoever does not read what it is sent is cut off by its
 * user, never waited for.
 *
 * A user has packets brought to it (`received`), or is told that there are some and takes them
 * itself, to where it wants them and when it has room (`readable`, bj_link_receive()).
 */
#ifndef BJ_LOOP_LINK_H
#define BJ_LOOP_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

#include "base/error.h"
#include "linux/socket.h"
#include "loop/poll.h"

/* They come from the loop, or from bj_link_take_in(); never from within another call. */
struct bj_link_calls {
    /* A packet, borrowed; descriptors that are not taken (count set to 0, or -1) are closed after.
     */
    void (*received)(void *context, const char *packet, size_t length, struct bj_fds *fds);
    /* In its place, where it is NULL: there is something for bj_link_receive(), which also tells of
     * the end. bj_link_take_in() is not for these. */
    void (*readable)(void *context);
    /* The other end is gone, and all it had sent was received. The link is closed already. */
    void (*closed)(void *context);
    /* Everything queued was sent, or bj_link_try() would go again; may be NULL. */
    void (*drained)(void *context);
};

struct bj_queued;
struct bj_link {
    int fd; /* -1 = closed */
    uv_loop_t *loop;
    struct bj_poll *watch;
    const struct bj_link_calls *calls;
    void *context;
    struct bj_queued *first, *last;
    size_t queued, maximum; /* bytes */
    int *reserve;           /* a descriptor given up for one that comes here; NULL = none */
    bool *alive;            /* of the call that is under way; see link.c */
    bool paused;            /* what comes is left in the socket */
    bool tried;             /* bj_link_try() is to be told */
    bool deaf; /* the other end takes nothing more; what it sent before is still to be received */
};

/* Takes the descriptor, also when it fails. At most BJ_LINK_QUEUE_MAX bytes wait; link.maximum. */
int bj_link_open(struct bj_link *link, uv_loop_t *loop, int fd, const struct bj_link_calls *calls,
                 void *context, struct bj_error *err);

/* May be called at any time, and twice. What is queued is lost. */
void bj_link_close(struct bj_link *link);

/* BJ_E_BUSY when the queue is full, BJ_E_ENDED when the other end takes nothing more. Descriptors
 * (NULL for none) stay the caller's. */
int bj_link_send(struct bj_link *link, const void *packet, size_t length, const struct bj_fds *fds,
                 struct bj_error *err);

/*
 * Sends a packet if it goes at once and nothing waits. False: not now; `drained` tells when. For
 * whoever has a queue of its own. A packet that nobody will take counts as sent.
 */
bool bj_link_try(struct bj_link *link, const void *packet, size_t length);

/*
 * The next packet, and its descriptors, which are the caller's. Its length; 0: there is none now;
 * -BJ_E_ENDED: nor will there be; -BJ_E_PROTOCOL: it is longer than `size`. The link stays open.
 */
ssize_t bj_link_receive(struct bj_link *link, char *packet, size_t size, struct bj_fds *ret_fds,
                        struct bj_error *err);

/* Leaves what comes in the socket, where it is bounded, or takes it in again. */
void bj_link_pause(struct bj_link *link, bool paused);

/* Takes in all that has arrived, now; it ends with calls->closed if the other end is gone. */
void bj_link_take_in(struct bj_link *link);

/* Tries for `timeout_ms` to send what is queued: for the very end. */
void bj_link_flush(struct bj_link *link, int timeout_ms);

#endif
