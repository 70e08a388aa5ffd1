/*
 * What processes write: read from their pipes and terminals whether somebody wants it or not, into
 * the log, which forgets what is old. Only under a hold the process waits.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "keeper/keeper_internal.h"

#define TURN_MAX 4 /* reads of one stream before others have their turn */

static void ready(void *context, int events);

int bj_stream_open(struct bj_stream *stream, int fd, struct bj_error *err)
{
    int result = bj_poll_new(&stream->process->sandbox->keeper->loop, fd, ready, stream,
                             &stream->watch, err);

    stream->fd = fd;
    stream->left = -1;
    if (result < 0)
        bj_fd_close(&stream->fd);
    else
        bj_poll_for(stream->watch, UV_READABLE);
    return result;
}

void bj_stream_close(struct bj_stream *stream)
{
    if (stream->fd < 0)
        return;
    if (stream->number == 1 && stream->process->flags & BJ_START_TERMINAL)
        bj_input_end(stream->process);
    bj_poll_free(stream->watch);
    stream->watch = NULL;
    bj_fd_close(&stream->fd);
}

bool bj_streams_closed(const struct bj_process *process)
{
    for (int i = 0; i < BJ_OUTPUT_STREAMS; i++) {
        if (process->streams[i].fd >= 0)
            return false;
    }
    return true;
}

/* A piece from the pipe to the log. False when there is no more now. */
static bool read_some(struct bj_stream *stream)
{
    struct bj_keeper *keeper = stream->process->sandbox->keeper;
    struct bj_output *output = &stream->process->output;
    size_t wanted = sizeof keeper->chunk;
    ssize_t n;

    if (stream->left == 0) {
        bj_stream_close(stream);
        return false;
    }
    if (stream->left > 0 && (size_t)stream->left < wanted)
        wanted = (size_t)stream->left;
    wanted = bj_output_room(output, stream->number, wanted);
    if (wanted == 0) {
        stream->full = true;
        bj_stream_watch(stream);
        return false;
    }
    do {
        n = BJ_SYS(read(stream->fd, keeper->chunk, wanted));
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) {
        /* Somebody else has read what was there at the end. */
        if (stream->left > 0)
            bj_stream_close(stream);
        return false;
    }
    if (n <= 0) { /* EIO is a terminal's end */
        bj_stream_close(stream);
        return false;
    }
    bj_output_append(output, stream->number, keeper->chunk, (size_t)n);
    if (stream->left > 0)
        stream->left -= n;
    return stream->left != 0 || (bj_stream_close(stream), false);
}

void bj_stream_watch(struct bj_stream *stream)
{
    struct bj_process *process = stream->process;
    bool writes =
        stream->number == 1 && process->flags & BJ_START_TERMINAL && process->inputs != NULL;

    if (stream->fd >= 0)
        bj_poll_for(stream->watch, (stream->full ? 0 : UV_READABLE) | (writes ? UV_WRITABLE : 0));
}

static void ready(void *context, int events)
{
    struct bj_stream *stream = context;
    struct bj_process *process = stream->process;
    int64_t before = process->output.next;

    if (events & UV_WRITABLE && stream->number == 1 && process->flags & BJ_START_TERMINAL)
        bj_input_ready(process);
    if (events != UV_WRITABLE && !stream->full && stream->fd >= 0) {
        for (int i = 0; i < TURN_MAX && read_some(stream); i++)
            continue;
    }
    bj_stream_watch(stream); /* after an error nothing is watched */
    if (process->stage == BJ_PROCESS_DRAINING && bj_streams_closed(process))
        bj_process_drained(process);
    else if (process->output.next != before)
        bj_read_wake(process);
}

void bj_streams_finish(struct bj_process *process)
{
    bool terminal = process->flags & BJ_START_TERMINAL;

    for (int i = 0; i < BJ_OUTPUT_STREAMS; i++) {
        struct bj_stream *stream = &process->streams[i];
        int there = 0;

        if (stream->fd < 0)
            continue;
        /* A terminal says by EIO that all was read, and how much there is only when it is asked to
         * read. */
        if (!(terminal && i == 0)) {
            if (ioctl(stream->fd, FIONREAD, &there) < 0)
                there = 0;
            stream->left = there;
            if (there == 0)
                bj_stream_close(stream);
        }
        while (stream->fd >= 0 && !stream->full && read_some(stream))
            continue;
    }
}

void bj_streams_resume(struct bj_process *process)
{
    for (int i = 0; i < BJ_OUTPUT_STREAMS; i++) {
        struct bj_stream *stream = &process->streams[i];

        if (!stream->full)
            continue;
        stream->full = false;
        bj_stream_watch(stream);
    }
}
