/* Packets on the loop. */
#include "loop/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"

#define TURN_MAX 64 /* packets received before others have their turn */

struct bj_queued {
    struct bj_queued *next;
    struct bj_fds fds; /* owned */
    size_t length;
    char packet[];
};

static void drop_first(struct bj_link *link)
{
    struct bj_queued *first = link->first;

    link->first = first->next;
    if (link->first == NULL)
        link->last = NULL;
    link->queued -= first->length;
    bj_fds_close(&first->fds);
    bj_free(first);
}

static void choose_events(struct bj_link *link)
{
    bj_watch_for(link->watch, UV_READABLE | (link->first != NULL ? UV_WRITABLE : 0));
}

/* Sends what is queued as far as the socket takes it. False when the other end is gone. */
static bool send_queued(struct bj_link *link)
{
    while (link->first != NULL) {
        if (bj_socket_send(link->fd, link->first->packet, link->first->length, &link->first->fds) <
            0) {
            return errno == EAGAIN || bj_socket_shortage(errno);
        }
        drop_first(link);
    }
    return true;
}

/* Where no descriptor is free for those of the packet it comes without them, and says that it had
 * some: whoever wants them fails, and nobody else. */
static ssize_t take_packet(struct bj_link *link, char *packet, size_t size, struct bj_fds *fds)
{
    bool lost;
    ssize_t length;

    if (link->reserve != NULL)
        bj_fd_close(link->reserve);
    length = bj_socket_receive_some(link->fd, packet, size, fds, MSG_DONTWAIT, &lost);
    /* Not possible where the packet brought one that is kept: then the next one may be lost. */
    if (link->reserve != NULL)
        *link->reserve = fcntl(link->fd, F_DUPFD_CLOEXEC, 0);
    return length;
}

enum received { RECEIVED, NOTHING_NOW, CLOSED };

/* One packet. */
static enum received receive(struct bj_link *link)
{
    static char packet[BJ_MESSAGE_MAX];
    const struct bj_link_calls *calls = link->calls;
    void *context = link->context;
    bool alive = true, *outer = link->alive;
    struct bj_fds fds;
    ssize_t length = take_packet(link, packet, sizeof packet, &fds);

    /* The other end closed with packets of ours unread: said first and once, then the rest comes.
     */
    if (length < 0 && errno == ECONNRESET)
        length = take_packet(link, packet, sizeof packet, &fds);
    if (length < 0 && (errno == EAGAIN || bj_socket_shortage(errno)))
        return NOTHING_NOW;
    if (length <= 0) {
        bj_link_close(link);
        calls->closed(context);
        return CLOSED;
    }
    link->alive = &alive;
    calls->received(context, packet, (size_t)length, &fds);
    bj_fds_close(&fds);
    if (!alive) {
        if (outer != NULL)
            *outer = false;
        return CLOSED;
    }
    link->alive = outer;
    return RECEIVED;
}

static void ready(void *context, int events)
{
    struct bj_link *link = context;

    if (events & UV_WRITABLE) {
        /* Gone: what it sent before is still to be received. */
        if (!send_queued(link)) {
            while (link->first != NULL)
                drop_first(link);
        }
        choose_events(link);
        if (link->first == NULL && link->calls->drained != NULL) {
            bool alive = true;

            link->alive = &alive;
            link->calls->drained(link->context);
            if (!alive)
                return;
            link->alive = NULL;
        }
    }
    if (events == UV_WRITABLE)
        return;
    /* After an error nothing is watched: all that is left is taken in at once. */
    for (int i = 0; events == 0 || i < TURN_MAX; i++) {
        enum received received = receive(link);

        if (received == NOTHING_NOW)
            choose_events(link);
        if (received != RECEIVED)
            return;
    }
}

int bj_link_open(struct bj_link *link, uv_loop_t *loop, int fd, const struct bj_link_calls *calls,
                 void *context, struct bj_error *err)
{
    int result;

    *link = (struct bj_link){
        .fd = fd, .loop = loop, .calls = calls, .context = context, .maximum = BJ_LINK_QUEUE_MAX};
    result = bj_watch_new(loop, fd, ready, link, &link->watch, err);
    if (result < 0) {
        bj_fd_close(&link->fd);
        return result;
    }
    choose_events(link);
    return 0;
}

void bj_link_close(struct bj_link *link)
{
    if (link->fd < 0)
        return;
    if (link->alive != NULL)
        *link->alive = false;
    link->alive = NULL;
    while (link->first != NULL)
        drop_first(link);
    bj_watch_free(link->watch);
    link->watch = NULL;
    bj_fd_close(&link->fd);
}

static int enqueue(struct bj_link *link, const void *packet, size_t length,
                   const struct bj_fds *fds, struct bj_error *err)
{
    struct bj_queued *queued = bj_alloc(sizeof *queued + length);

    if (queued == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "send", "out of memory");
    for (size_t i = 0; fds != NULL && i < fds->count; i++) {
        int fd = BJ_SYS(fcntl(fds->fd[i], F_DUPFD_CLOEXEC, 0));

        if (fd < 0) {
            int result = bj_fail_errno(err, "send", "cannot keep a descriptor until it is sent");

            bj_fds_close(&queued->fds);
            bj_free(queued);
            return result;
        }
        queued->fds.fd[queued->fds.count++] = fd;
    }
    queued->length = length;
    memcpy(queued->packet, packet, length);
    if (link->last != NULL)
        link->last->next = queued;
    else
        link->first = queued;
    link->last = queued;
    link->queued += length;
    choose_events(link);
    return 0;
}

int bj_link_send(struct bj_link *link, const void *packet, size_t length, const struct bj_fds *fds,
                 struct bj_error *err)
{
    if (link->fd < 0)
        return bj_fail(err, BJ_E_ENDED, "send", "there is nobody to send to");
    if (link->first == NULL) {
        if (bj_socket_send(link->fd, packet, length, fds) == 0)
            return 0;
        if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
            return bj_fail(err, BJ_E_ENDED, "send", "the other end is gone");
        if (errno != EAGAIN && !bj_socket_shortage(errno))
            return bj_fail_errno(err, "send", "cannot send");
    }
    if (link->queued + length > link->maximum)
        return bj_fail(err, BJ_E_BUSY, "send", "too much waits to be sent");
    return enqueue(link, packet, length, fds, err);
}

void bj_link_take_in(struct bj_link *link)
{
    while (link->fd >= 0 && receive(link) == RECEIVED)
        continue;
}

void bj_link_flush(struct bj_link *link, int timeout_ms)
{
    int64_t end = bj_clock_us() + (int64_t)timeout_ms * 1000;

    while (link->fd >= 0 && link->first != NULL && bj_clock_us() < end) {
        struct pollfd polled = {.fd = link->fd, .events = POLLOUT};

        poll(&polled, 1, 50);
        if (!send_queued(link))
            return;
    }
}
