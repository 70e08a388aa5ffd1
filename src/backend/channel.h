/*
 * The host's end of init's socket: asks, and keeps what init says of its own accord until somebody
 * wants it.
 */
#ifndef BJ_BACKEND_CHANNEL_H
#define BJ_BACKEND_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "linux/socket.h"
#include "model/result.h"
#include "wire/frame.h"

#define BJ_CHANNEL_EVENTS_MAX (BJ_PROCESSES_MAX + 8)

#define BJ_CHANNEL_BODY_MAX (BJ_PROCESSES_MAX * sizeof(struct bj_process_entry))

struct bj_channel {
    int fd;
    uint32_t last_id;
    bool ended;                       /* init's end is closed */
    struct bj_error failure;          /* set-up failed: what init said */
    struct bj_degradations *degraded; /* where notes go */
    bj_layer_set lost;                /* layers that a note took away */
    struct bj_exited events[BJ_CHANNEL_EVENTS_MAX];
    int event_count;
    char packet[sizeof(struct bj_frame_head) + BJ_CHANNEL_BODY_MAX]; /* the last one received */
};

/* A reply: its value, body and descriptors. */
struct bj_reply {
    int32_t value;
    struct bj_fds fds;
    uint32_t length;
    char body[BJ_CHANNEL_BODY_MAX];
};

/* Sends a request made by bj_frame_put_…(); the id in it must be ++channel->last_id. */
int bj_channel_send(struct bj_channel *channel, const struct bj_buf *packet,
                    const struct bj_fds *fds, struct bj_error *err);

/*
 * Waits for the reply to the last request, for at most `timeout_ms` (-1: for ever): a workload can
 * stop a process of init's that is about to start. An error that init replies with becomes ours.
 */
int bj_channel_reply(struct bj_channel *channel, struct bj_reply *ret, int timeout_ms,
                     struct bj_error *err);
#define BJ_CHANNEL_TIMEOUT_MS 10000

/* Takes in whatever has arrived, without waiting. */
int bj_channel_poll(struct bj_channel *channel, struct bj_error *err);

#endif
