/*
 * Packets on the loop. Whoever is called back may close the link, and free what it lies in: each
 * call that goes out leaves a flag at the link, which closing it clears.
 */
#include "loop/link.h"

#include <assert.h>
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

static void drop_queue(struct bj_link *link)
{
    while (link->first != NULL)
        drop_first(link);
}

static void choose_events(struct bj_link *link)
{
    bool write = link->first != NULL || link->tried;

    bj_poll_for(link->watch, (link->paused ? 0 : UV_READABLE) | (write ? UV_WRITABLE : 0));
}

/* 1: it went. 0: not now. -1 with errno: it never will. */
static int transmit(struct bj_link *link, const void *packet, size_t length,
                    const struct bj_fds *fds)
{
    if (link->deaf) {
        errno = EPIPE;
        return -1;
    }
    if (bj_socket_send(link->fd, packet, length, fds) == 0)
        return 1;
    if (errno == EAGAIN || bj_socket_shortage(errno))
        return 0;
    link->deaf = errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN;
    return -1;
}

/* Sends what is queued as far as the socket takes it. What never will go is dropped: what the other
 * end sent before is still to be received. */
static void send_queued(struct bj_link *link)
{
    while (link->first != NULL) {
        struct bj_queued *first = link->first;
        int sent = transmit(link, first->packet, first->length, &first->fds);

        if (sent == 0)
            return;
        if (sent < 0)
            drop_queue(link);
        else
            drop_first(link);
    }
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

ssize_t bj_link_receive(struct bj_link *link, char *packet, size_t size, struct bj_fds *ret_fds,
                        struct bj_error *err)
{
    ssize_t length = take_packet(link, packet, size, ret_fds);

    /* The other end closed with packets of ours unread: said first and once, then the rest comes.
     */
    if (length < 0 && errno == ECONNRESET)
        length = take_packet(link, packet, size, ret_fds);
    if (length > 0)
        return length;
    if (length == 0 || errno == ECONNRESET)
        return bj_fail(err, BJ_E_ENDED, "receive", "the other end is gone");
    if (errno == EAGAIN || bj_socket_shortage(errno))
        return 0;
    if (errno == EMSGSIZE)
        return bj_fail(err, BJ_E_PROTOCOL, "receive", "a message is too long");
    return bj_fail_errno(err, "receive", "cannot receive");
}

/* ---- calls that go out ---- */

struct out {
    bool alive, *outer;
};

static void go_out(struct bj_link *link, struct out *out)
{
    *out = (struct out){.alive = true, .outer = link->alive};
    link->alive = &out->alive;
}

/* Is the link still there? */
static bool come_back(struct bj_link *link, struct out *out)
{
    if (out->alive)
        link->alive = out->outer;
    else if (out->outer != NULL)
        *out->outer = false;
    return out->alive;
}

static bool call(struct bj_link *link, void (*fn)(void *context))
{
    struct out out;

    go_out(link, &out);
    fn(link->context);
    return come_back(link, &out);
}

enum received { RECEIVED, NOTHING_NOW, CLOSED };

/* One packet, brought to the user. */
static enum received receive(struct bj_link *link)
{
    static char packet[BJ_MESSAGE_MAX];
    const struct bj_link_calls *calls = link->calls;
    void *context = link->context;
    struct bj_fds fds;
    struct out out;
    ssize_t length = bj_link_receive(link, packet, sizeof packet, &fds, NULL);

    if (length == 0)
        return NOTHING_NOW;
    if (length < 0) {
        bj_link_close(link);
        calls->closed(context);
        return CLOSED;
    }
    go_out(link, &out);
    calls->received(context, packet, (size_t)length, &fds);
    bj_fds_close(&fds);
    return come_back(link, &out) ? RECEIVED : CLOSED;
}

/* After an error nothing is watched: all that is left is taken in at once. */
static void take_in(struct bj_link *link, bool all)
{
    enum received received = RECEIVED;

    if (link->calls->readable != NULL) {
        if (call(link, link->calls->readable))
            choose_events(link);
        return;
    }
    for (int i = 0; received == RECEIVED && (all || i < TURN_MAX); i++)
        received = receive(link);
    if (received == NOTHING_NOW)
        choose_events(link);
}

static void ready(void *context, int events)
{
    struct bj_link *link = context;

    if (events & UV_WRITABLE) {
        send_queued(link);
        if (link->first == NULL) {
            link->tried = false;
            if (link->calls->drained != NULL && !call(link, link->calls->drained))
                return;
        }
        choose_events(link);
    }
    if (events != UV_WRITABLE)
        take_in(link, events == 0);
}

int bj_link_open(struct bj_link *link, uv_loop_t *loop, int fd, const struct bj_link_calls *calls,
                 void *context, struct bj_error *err)
{
    int result;

    *link = (struct bj_link){
        .fd = fd, .loop = loop, .calls = calls, .context = context, .maximum = BJ_LINK_QUEUE_MAX};
    result = bj_poll_new(loop, fd, ready, link, &link->watch, err);
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
    drop_queue(link);
    bj_poll_free(link->watch);
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
    int sent = 0;

    if (link->fd < 0)
        return bj_fail(err, BJ_E_ENDED, "send", "there is nobody to send to");
    if (link->first == NULL)
        sent = transmit(link, packet, length, fds);
    if (sent > 0)
        return 0;
    if (sent < 0)
        return link->deaf ? bj_fail(err, BJ_E_ENDED, "send", "the other end is gone")
                          : bj_fail_errno(err, "send", "cannot send");
    if (link->queued + length > link->maximum)
        return bj_fail(err, BJ_E_BUSY, "send", "too much waits to be sent");
    return enqueue(link, packet, length, fds, err);
}

bool bj_link_try(struct bj_link *link, const void *packet, size_t length)
{
    if (link->fd < 0 || (link->first == NULL && transmit(link, packet, length, NULL) != 0))
        return true;
    link->tried = true;
    choose_events(link);
    return false;
}

void bj_link_pause(struct bj_link *link, bool paused)
{
    if (link->fd < 0 || link->paused == paused)
        return;
    link->paused = paused;
    choose_events(link);
}

void bj_link_take_in(struct bj_link *link)
{
    assert(link->fd < 0 || link->calls->received != NULL);
    while (link->fd >= 0 && receive(link) == RECEIVED)
        continue;
}

void bj_link_flush(struct bj_link *link, int timeout_ms)
{
    int64_t end = bj_clock_us() + (int64_t)timeout_ms * 1000;

    while (link->fd >= 0 && link->first != NULL && bj_clock_us() < end) {
        struct pollfd polled = {.fd = link->fd, .events = POLLOUT};

        poll(&polled, 1, 50);
        send_queued(link);
    }
}
