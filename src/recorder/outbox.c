/* What the keeper is to be told, in order, and what of it waits until its socket takes it. */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "recorder/recorder_internal.h"

struct bj_waiting {
    struct bj_waiting *next;
    size_t length;
    char packet[];
};

/* Once the keeper does not take anything more, what is for it is dropped. */
static bool is_deaf(const struct bj_peer *keeper)
{
    return keeper == NULL || keeper->deaf;
}

/* 1: it was sent, or the keeper is deaf by now; 0: it waits; -1: it can be neither. */
static int send_now(struct bj_peer *keeper, const void *packet, size_t length)
{
    if (bj_socket_send(keeper->fd, packet, length, NULL) == 0)
        return 1;
    if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
        return 0;
    keeper->deaf = errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN;
    return keeper->deaf ? 1 : -1;
}

bool bj_outbox_send(struct bj_recorder *recorder, struct bj_buf *message)
{
    struct bj_outbox *outbox = &recorder->outbox;
    struct bj_waiting *waiting;
    int sent = 0;

    if (!bj_message_end(message))
        return false;
    if (is_deaf(recorder->keeper))
        return true;
    if (outbox->first == NULL)
        sent = send_now(recorder->keeper, message->data, message->length);
    if (sent != 0)
        return sent > 0;
    waiting = bj_alloc(sizeof *waiting + message->length);
    if (waiting == NULL)
        return false;
    waiting->length = message->length;
    memcpy(waiting->packet, message->data, message->length);
    if (outbox->first == NULL)
        outbox->first = waiting;
    else
        outbox->last->next = waiting;
    outbox->last = waiting;
    return true;
}

static void drop_first(struct bj_outbox *outbox)
{
    struct bj_waiting *first = outbox->first;

    outbox->first = first->next;
    if (outbox->first == NULL)
        outbox->last = NULL;
    bj_free(first);
}

void bj_outbox_drop(struct bj_outbox *outbox)
{
    while (outbox->first != NULL)
        drop_first(outbox);
}

bool bj_outbox_flush(struct bj_recorder *recorder)
{
    struct bj_outbox *outbox = &recorder->outbox;

    while (outbox->first != NULL && !is_deaf(recorder->keeper)) {
        int sent = send_now(recorder->keeper, outbox->first->packet, outbox->first->length);

        if (sent <= 0)
            return sent == 0;
        drop_first(outbox);
    }
    if (is_deaf(recorder->keeper))
        bj_outbox_drop(outbox);
    return true;
}
