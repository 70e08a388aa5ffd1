/* Sockets on the loop. */
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "recorder/recorder_internal.h"

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct bj_peer *peer = poll->data;

    (void)events;
    (void)status; /* what is wrong shows when it is read */
    bj_recorder_ready(peer->recorder, peer);
}

/* The largest message is larger than the usual buffer; the supervisor may have seen to that. */
static void widen(int fd)
{
    int wanted = 2 * BJ_MESSAGE_MAX, size = 0;
    socklen_t length = sizeof size;

    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) < 0 || size < wanted)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
}

int bj_peer_new(struct bj_recorder *recorder, int fd, struct bj_peer **ret, struct bj_error *err)
{
    struct bj_peer *peer = bj_alloc(sizeof *peer);
    int result = UV_ENOMEM;

    if (peer != NULL)
        result = uv_poll_init(&recorder->loop, &peer->poll, fd);
    if (result < 0) {
        bj_free(peer);
        bj_fd_close(&fd);
        return bj_fail(err, result == UV_ENOMEM ? BJ_E_NO_MEMORY : BJ_E_SYSTEM, "audit",
                       "cannot watch a socket: %s", uv_strerror(result));
    }
    widen(fd);
    peer->poll.data = peer;
    peer->recorder = recorder;
    peer->fd = fd;
    *ret = peer;
    return 0;
}

static void closed(uv_handle_t *handle)
{
    struct bj_peer *peer = handle->data;

    bj_fd_close(&peer->fd);
    bj_free(peer);
}

void bj_peer_close(struct bj_peer **peer)
{
    if (*peer != NULL)
        uv_close((uv_handle_t *)&(*peer)->poll, closed);
    *peer = NULL;
}

void bj_peer_wait(struct bj_peer *peer, int events)
{
    if (peer == NULL || peer->events == events)
        return;
    peer->events = events;
    if (events == 0)
        uv_poll_stop(&peer->poll);
    else
        uv_poll_start(&peer->poll, events, on_ready);
}
