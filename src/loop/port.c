/*
 * Ports. One poll handle for each; the handle outlives the port until libuv has closed it, so that
 * a port can be freed from its own call back.
 */
#include "loop/port.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"

#define BATCH            64 /* packets that are received before others have their turn */
#define MESSAGE_OVERHEAD 64 /* the kernel's own, of a socket's bytes */

struct packet {
    struct packet *next;
    struct bj_fds fds;
    size_t length;
    char data[];
};

struct bj_port {
    uv_poll_t poll;
    int fd;
    bool freed, lost, wants_write;
    const struct bj_port_events *events;
    void *context;
    struct packet *first, **last;
    size_t waiting, maximum;
    char buffer[BJ_MESSAGE_MAX];
};

static void on_poll(uv_poll_t *handle, int status, int events);

static void watch(struct bj_port *port)
{
    bool write = port->first != NULL || port->wants_write;

    if (!port->lost && !port->freed)
        uv_poll_start(&port->poll, UV_READABLE | (write ? UV_WRITABLE : 0), on_poll);
}

static void close_fds(struct bj_fds *fds)
{
    for (size_t i = 0; i < fds->count; i++)
        if (fds->fd[i] >= 0)
            close(fds->fd[i]);
    fds->count = 0;
}

static void drop_queue(struct bj_port *port)
{
    while (port->first != NULL) {
        struct packet *packet = port->first;

        port->first = packet->next;
        close_fds(&packet->fds);
        bj_free(packet);
    }
    port->last = &port->first;
    port->waiting = 0;
}

static void lose(struct bj_port *port, const struct bj_error *why)
{
    if (port->lost || port->freed)
        return;
    port->lost = true;
    uv_poll_stop(&port->poll);
    drop_queue(port);
    port->events->lost(port->context, why);
}

/*
 * 0: went. 1: not now. -1: the other side is gone, which the loop tells: the socket is shut down so
 * that it is sure to look, after everything that still came in.
 */
static int transmit(struct bj_port *port, const void *data, size_t length, const struct bj_fds *fds)
{
    if (bj_socket_send(port->fd, data, length, fds) == 0)
        return 0;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM)
        return 1;
    shutdown(port->fd, SHUT_RDWR);
    return -1;
}

static void send_queue(struct bj_port *port)
{
    while (port->first != NULL) {
        struct packet *packet = port->first;

        switch (transmit(port, packet->data, packet->length, &packet->fds)) {
        case 1:
            return;
        case -1:
            drop_queue(port);
            return;
        }
        port->first = packet->next;
        if (port->first == NULL)
            port->last = &port->first;
        port->waiting -= packet->length;
        close_fds(&packet->fds);
        bj_free(packet);
    }
}

static void receive_one(struct bj_port *port, ssize_t length, struct bj_fds *fds)
{
    struct bj_message message;
    struct bj_error why = {0};

    if (bj_message_get(port->buffer, (size_t)length, &message, &why) < 0 ||
        message.head.fds != fds->count) {
        if (why.code == 0)
            bj_fail(&why, BJ_E_PROTOCOL, "receive", "%zu descriptors came, not %u", fds->count,
                    message.head.fds);
        close_fds(fds);
        lose(port, &why);
        return;
    }
    port->events->message(port->context, &message, fds);
    close_fds(fds);
}

static void receive(struct bj_port *port)
{
    struct bj_error why = {0};
    struct bj_fds fds;
    ssize_t length;

    for (int i = 0; i < BATCH && !port->freed && !port->lost; i++) {
        length = bj_socket_receive(port->fd, port->buffer, sizeof port->buffer, &fds, MSG_DONTWAIT);
        if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (length <= 0) {
            if (length < 0)
                bj_fail_errno(&why, "receive", "cannot receive a message");
            else
                bj_fail(&why, BJ_E_ENDED, "receive", "the other side has ended");
            close_fds(&fds);
            lose(port, &why);
            return;
        }
        receive_one(port, length, &fds);
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct bj_port *port = handle->data;

    if (status < 0 || (events & UV_READABLE))
        receive(port);
    if (port->freed || port->lost)
        return;
    if (events & UV_WRITABLE) {
        send_queue(port);
        if (port->first == NULL && port->wants_write) {
            port->wants_write = false;
            if (port->events->writable != NULL)
                port->events->writable(port->context);
        }
    }
    watch(port);
}

/* A message must fit into the socket whole; the kernel doubles what is asked for. */
static int prepare_socket(int fd, struct bj_error *err)
{
    int size = BJ_MESSAGE_MAX, flags = fcntl(fd, F_GETFL);
    socklen_t length = sizeof size;

    if (flags < 0 || BJ_SYS(fcntl(fd, F_SETFL, flags | O_NONBLOCK)) < 0 ||
        BJ_SYS(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size)) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) < 0)
        return bj_fail_errno(err, "socket", "cannot prepare the socket of a process");
    if (size < BJ_MESSAGE_MAX + MESSAGE_OVERHEAD)
        return bj_fail(err, BJ_E_UNSUPPORTED, "socket",
                       "a socket holds %d bytes and needs %d: raise net.core.wmem_max", size,
                       BJ_MESSAGE_MAX + MESSAGE_OVERHEAD);
    return 0;
}

int bj_port_new(uv_loop_t *loop, int fd, size_t maximum, const struct bj_port_events *events,
                void *context, struct bj_port **ret, struct bj_error *err)
{
    struct bj_port *port = NULL;
    int result = prepare_socket(fd, err);

    if (result == 0) {
        port = bj_alloc(sizeof *port);
        if (port == NULL)
            result = bj_fail(err, BJ_E_NO_MEMORY, "port", "no memory for a connection");
    }
    if (result == 0 && (result = uv_poll_init(loop, &port->poll, fd)) < 0)
        result =
            bj_fail(err, BJ_E_SYSTEM, "port", "cannot watch a socket: %s", uv_strerror(result));
    if (result < 0) {
        close(fd);
        bj_free(port);
        return result;
    }
    port->fd = fd;
    port->maximum = maximum;
    port->events = events;
    port->context = context;
    port->last = &port->first;
    port->poll.data = port;
    watch(port);
    *ret = port;
    return 0;
}

static void on_close(uv_handle_t *handle)
{
    bj_free(handle->data);
}

void bj_port_free(struct bj_port *port)
{
    if (port == NULL || port->freed)
        return;
    port->freed = true;
    drop_queue(port);
    uv_poll_stop(&port->poll);
    bj_fd_close(&port->fd);
    uv_close((uv_handle_t *)&port->poll, on_close);
}

static int enqueue(struct bj_port *port, const void *data, size_t length, struct bj_fds *fds,
                   struct bj_error *err)
{
    struct packet *packet;

    if (length > port->maximum - port->waiting)
        return bj_fail(err, BJ_E_LIMIT, "send", "too much waits to be sent; try again later");
    packet = bj_alloc(sizeof *packet + length);
    if (packet == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "send", "no memory for a message");
    memcpy(packet->data, data, length);
    packet->length = length;
    if (fds != NULL) {
        packet->fds = *fds;
        fds->count = 0;
    }
    *port->last = packet;
    port->last = &packet->next;
    port->waiting += length;
    watch(port);
    return 0;
}

int bj_port_send(struct bj_port *port, const void *packet, size_t length, struct bj_fds *fds,
                 struct bj_error *err)
{
    int result = 0;

    if (length > BJ_MESSAGE_MAX)
        result = bj_fail(err, BJ_E_LIMIT, "send", "a message of %zu bytes is too long", length);
    else if (!port->lost && !port->freed &&
             (port->first != NULL || transmit(port, packet, length, fds) == 1))
        result = enqueue(port, packet, length, fds, err);
    if (fds != NULL)
        close_fds(fds);
    return result;
}

bool bj_port_try(struct bj_port *port, const void *packet, size_t length)
{
    if (port->lost || port->freed)
        return true;
    if (port->first == NULL && transmit(port, packet, length, NULL) != 1)
        return true;
    port->wants_write = true;
    watch(port);
    return false;
}
