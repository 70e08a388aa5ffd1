/* The host's end of init's socket. */
#include "backend/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "linux/socket.h"

/* An error that init says: checked, because init shares a machine with the workload. */
static void take_error(const char *body, size_t length, struct bj_error *ret)
{
    if (length == sizeof *ret)
        memcpy(ret, body, sizeof *ret);
    if (length != sizeof *ret || ret->code <= BJ_E_OK || ret->code >= BJ_CODE_COUNT)
        bj_fail(ret, BJ_E_PROTOCOL, "init", "init failed without saying how");
    ret->step[sizeof ret->step - 1] = '\0';
    ret->message[sizeof ret->message - 1] = '\0';
}

/* What init says without being asked. */
static void take_in(struct bj_channel *channel, const struct bj_frame *frame)
{
    switch ((enum bj_frame_type)frame->head.type) {
    case BJ_FRAME_EXITED:
        if (channel->event_count < BJ_CHANNEL_EVENTS_MAX &&
            bj_frame_get_struct(frame, &channel->events[channel->event_count],
                                sizeof channel->events[0], NULL) == 0)
            channel->event_count++;
        break;
    case BJ_FRAME_REPLY: /* to a request whose reply nobody waited for */
        if (frame->head.value >= 0)
            break;
        /* fall through */
    case BJ_FRAME_FAILED:
        take_error(frame->body, frame->head.length, &channel->failure);
        break;
    case BJ_FRAME_NOTE:
        if (frame->head.value < 0 || frame->head.value >= BJ_LAYER_COUNT)
            break;
        channel->lost |= (bj_layer_set)1 << frame->head.value;
        bj_degradations_add(channel->degraded, (enum bj_layer)frame->head.value, "%.*s",
                            (int)frame->head.length, frame->body);
        break;
    default:
        break;
    }
}

/*
 * Receives one packet. Returns 1 and fills *ret (may be NULL) if it is the reply to request `id`; 0
 * if it was something else, or nothing was there; negative on failure.
 */
static int receive(struct bj_channel *channel, uint32_t id, int flags, struct bj_reply *ret,
                   struct bj_error *err)
{
    struct bj_fds fds;
    struct bj_frame frame;
    ssize_t length =
        bj_socket_receive(channel->fd, channel->packet, sizeof channel->packet, &fds, flags);
    int result;

    /* Init ended with a request unread. The kernel says that first, and once; what init had said is
     * still to be read. */
    if (length < 0 && errno == ECONNRESET)
        length =
            bj_socket_receive(channel->fd, channel->packet, sizeof channel->packet, &fds, flags);
    if (length < 0 && errno == EAGAIN)
        return 0;
    if (length < 0)
        return bj_fail_errno(err, "init", "cannot hear from the sandbox's init");
    if (length <= 0) {
        channel->ended = true;
        return 0;
    }
    result = bj_frame_get(channel->packet, (size_t)length, &frame, err);
    if (result < 0) {
        bj_fds_close(&fds);
        return result;
    }
    if (frame.head.type != BJ_FRAME_REPLY || ret == NULL || frame.head.id != id) {
        bj_fds_close(&fds);
        take_in(channel, &frame);
        return 0;
    }
    ret->value = frame.head.value;
    ret->length = frame.head.length;
    memcpy(ret->body, frame.body, frame.head.length);
    ret->fds = fds;
    return 1;
}

int bj_channel_send(struct bj_channel *channel, const struct bj_buf *packet,
                    const struct bj_fds *fds, struct bj_error *err)
{
    if (packet->no_memory)
        return bj_fail(err, BJ_E_NO_MEMORY, "request", "out of memory");
    if (packet->failed)
        return bj_fail(err, BJ_E_LIMIT, "request",
                       "the command and its environment are larger than %d bytes", BJ_FRAME_MAX);
    if (bj_socket_send(channel->fd, packet->data, packet->length, fds) == 0)
        return 0;
    if (errno != EPIPE && errno != ECONNRESET)
        return bj_fail_errno(err, "request", "cannot ask the sandbox's init");
    /* Init is gone; what it said before tells why. */
    while (!channel->ended) {
        int result = receive(channel, 0, 0, NULL, err);

        if (result < 0)
            return result;
    }
    if (channel->failure.code != BJ_E_OK) {
        if (err != NULL)
            *err = channel->failure;
        return -channel->failure.code;
    }
    return bj_fail(err, BJ_E_ENDED, "request", "the sandbox has ended");
}

/* Until something can be received. */
static int wait_readable(const struct bj_channel *channel, int timeout_ms, struct bj_error *err)
{
    struct pollfd polled = {.fd = channel->fd, .events = POLLIN};
    int ready;

    do {
        ready = poll(&polled, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return bj_fail_errno(err, "init", "cannot wait for the sandbox's init");
    if (ready == 0)
        return bj_fail(err, BJ_E_TIMEOUT, "init", "the sandbox's init has not answered for %d s",
                       timeout_ms / 1000);
    return 0;
}

int bj_channel_reply(struct bj_channel *channel, struct bj_reply *ret, int timeout_ms,
                     struct bj_error *err)
{
    struct bj_error remote;
    int result = 0;

    while (result == 0 && !channel->ended) {
        result = wait_readable(channel, timeout_ms, err);
        if (result == 0)
            result = receive(channel, channel->last_id, MSG_DONTWAIT, ret, err);
    }
    if (result < 0)
        return result;
    if (result == 0 && channel->failure.code != BJ_E_OK) {
        if (err != NULL)
            *err = channel->failure;
        return -channel->failure.code;
    }
    if (result == 0)
        return bj_fail(err, BJ_E_ENDED, "request", "the sandbox ended before it answered");
    if (ret->value >= 0)
        return 0;
    bj_fds_close(&ret->fds);
    take_error(ret->body, ret->length, &remote);
    if (err != NULL)
        *err = remote;
    return -remote.code;
}

int bj_channel_poll(struct bj_channel *channel, struct bj_error *err)
{
    /* One packet at a time: the caller polls again. */
    return receive(channel, 0, MSG_DONTWAIT, NULL, err);
}
