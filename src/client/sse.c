/* Streams of events (server-sent events, HTML Living Standard 9.2), as this service writes them. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "client/client.h"

#define PATIENCE_US 30000000 /* for a service that is started anew */
#define PAUSE_MS    200

struct stream {
    bj_client_event_fn event;
    void *context;
    struct bj_buf line, data;
    char type[64], id[64], last_id[64];
    int result; /* of `event` */
    bool heard; /* something came on this connection */
    struct bj_error *err;
};

static void dispatch(struct stream *stream)
{
    struct bj_client_event event = {.type = stream->type[0] != '\0' ? stream->type : "message",
                                    .id = stream->id[0] != '\0' ? stream->id : NULL};

    if (stream->data.length > 0) {
        event.data = json_loadb(stream->data.data, stream->data.length, JSON_DECODE_ANY, NULL);
        stream->result = stream->event(stream->context, &event, stream->err);
        json_decref(event.data);
        if (stream->id[0] != '\0')
            bj_str_copy(stream->last_id, sizeof stream->last_id, stream->id);
    }
    stream->data.length = 0;
    stream->type[0] = stream->id[0] = '\0';
}

static void take_line(struct stream *stream, const char *line)
{
    const char *colon = strchr(line, ':'), *value;
    size_t length = colon != NULL ? (size_t)(colon - line) : strlen(line);

    if (*line == '\0') {
        dispatch(stream);
        return;
    }
    value = colon != NULL ? colon + 1 + (colon[1] == ' ') : "";
    if (length == 5 && strncmp(line, "event", 5) == 0)
        bj_str_copy(stream->type, sizeof stream->type, value);
    else if (length == 2 && strncmp(line, "id", 2) == 0)
        bj_str_copy(stream->id, sizeof stream->id, value);
    else if (length == 4 && strncmp(line, "data", 4) == 0) {
        if (stream->data.length > 0)
            bj_buf_puts(&stream->data, "\n");
        bj_buf_puts(&stream->data, value);
    }
}

static size_t take(void *context, const char *data, size_t length)
{
    struct stream *stream = context;
    const char *at = data, *end = data + length;

    stream->heard = true;
    while (at < end && stream->result == 0) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        bj_buf_append(&stream->line, at, (size_t)((newline != NULL ? newline : end) - at));
        if (newline == NULL)
            break;
        if (stream->line.failed || stream->data.failed)
            stream->result = bj_fail(stream->err, BJ_E_LIMIT, "events", "an event is too long");
        else
            take_line(stream, bj_buf_text(&stream->line));
        stream->line.length = 0;
        if (stream->line.data != NULL)
            stream->line.data[0] = '\0';
        at = newline + 1;
    }
    return stream->result == 0 ? length : 0; /* less than all ends the transfer */
}

static int ask_once(struct bj_client *client, const char *path, struct stream *stream,
                    bool *ret_broken, struct bj_error *err)
{
    char last[96];
    struct bj_client_call call = {
        .accept = "text/event-stream", .take = take, .take_context = stream};
    int result;

    snprintf(last, sizeof last, "Last-Event-ID: %s", stream->last_id);
    if (stream->last_id[0] != '\0')
        call.extra_header = last;
    stream->line.length = stream->data.length = 0;
    result = bj_client_ask(client, path, &call, err);
    *ret_broken = call.broken || result == -BJ_E_BUSY;
    bj_client_release(&call);
    return result;
}

static int follow(struct bj_client *client, const char *path, struct stream *stream,
                  struct bj_error *err)
{
    int64_t since = bj_clock_us();

    for (bool first = true;; first = false) {
        bool broken;
        int result;

        stream->heard = false;
        result = ask_once(client, path, stream, &broken, err);
        if (stream->result != 0)
            return stream->result < 0 ? stream->result : 0;
        if (stream->heard)
            since = bj_clock_us();
        /* The first time a service that is not there is the answer. */
        if (!broken || (first && !stream->heard) || bj_clock_us() - since > PATIENCE_US)
            return result;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000}, NULL);
    }
}

int bj_client_stream(struct bj_client *client, const char *path, bj_client_event_fn event,
                     void *context, struct bj_error *err)
{
    struct stream stream = {.event = event, .context = context, .err = err};
    int result;

    bj_buf_init(&stream.line, BJ_CLIENT_ANSWER_MAX);
    bj_buf_init(&stream.data, BJ_CLIENT_ANSWER_MAX);
    result = follow(client, path, &stream, err);
    bj_buf_release(&stream.line);
    bj_buf_release(&stream.data);
    return result;
}
