/*
 * Reading what a process writes: one READ after the other, each from where the last one ended. The
 * keeper has the bytes; whoever is slow here keeps nothing waiting there, unless it holds.
 */
#include "service/reading.h"

#include <string.h>

#include "base/str.h"

static void ask(struct reading *reading);

static void fail(struct reading *reading, const struct bj_error *err)
{
    reading->end(reading, NULL, err);
}

/* Hands a piece out. False: it is gone, paused or done with. */
static bool deliver(struct reading *reading, struct bj_read_answer *answer)
{
    bool gone = false;

    reading->gone = &gone;
    for (uint32_t i = 0; i < answer->chunks && !reading->paused; i++) {
        int stream = (int)bj_unpack_u32(&answer->rest);
        size_t length = 0;
        const void *data = bj_unpack_bytes(&answer->rest, &length);
        int64_t offset = reading->offset;

        reading->offset += (int64_t)length;
        if (length == 0)
            continue;
        if (!reading->chunk(reading, stream, offset, data, length) && !gone)
            reading->paused = true;
        if (gone)
            return false;
    }
    reading->gone = NULL;
    return true;
}

static bool tell_lost(struct reading *reading, int64_t from, int64_t next)
{
    bool gone = false;

    reading->offset = next;
    if (reading->lost == NULL)
        return true;
    reading->gone = &gone;
    reading->lost(reading, from, next);
    if (!gone)
        reading->gone = NULL;
    return !gone;
}

/* Who is paused hears of it when it has been resumed. False: it is gone. */
static bool tell_caught_up(struct reading *reading)
{
    bool gone = false;

    if (reading->caught_up == NULL || reading->paused || !reading->has_all)
        return true;
    reading->has_all = false;
    reading->gone = &gone;
    reading->caught_up(reading);
    if (!gone)
        reading->gone = NULL;
    return !gone;
}

static void on_read(void *context, const struct bj_keeper_answer *answer)
{
    struct reading *reading = context;
    struct bj_read_answer piece;
    struct bj_error err = {0};
    bool all;

    reading->asked = false;
    if (answer->result < 0) {
        if (answer->error != NULL)
            err = *answer->error;
        fail(reading, &err);
        return;
    }
    if (answer->message == NULL || bj_read_answer_get(answer->message, &piece, &err) < 0) {
        fail(reading, &err);
        return;
    }
    if (piece.offset > reading->offset && !tell_lost(reading, reading->offset, piece.offset))
        return;
    reading->offset = piece.offset; /* an offset from the future is moved back to the end */
    if (!deliver(reading, &piece))
        return;
    reading->has_all = piece.all && reading->offset == piece.next;
    if (!tell_caught_up(reading))
        return;
    all = piece.ended && reading->offset == piece.next;
    if (all)
        reading->end(reading, &piece.ending, NULL);
    else if (reading->now && piece.chunks == 0)
        reading->end(reading, NULL, NULL);
    else if (!reading->paused)
        ask(reading);
}

static int send_read(struct reading *reading, struct bj_error *err)
{
    const struct bj_read read = {.sandbox = reading->sandbox,
                                 .process = reading->process,
                                 .offset = reading->offset,
                                 .maximum = BJ_READ_MAX,
                                 .now = reading->now,
                                 .hold = reading->hold};
    int result =
        bj_keeper_read(reading->service->keeper, &read, on_read, reading, &reading->id, err);

    reading->asked = result == 0;
    return result;
}

static void ask(struct reading *reading)
{
    struct bj_error err = {0};

    if (send_read(reading, &err) < 0)
        fail(reading, &err);
}

int bj_reading_begin(struct reading *reading, struct bj_error *err)
{
    reading->service->figures.subscribers++;
    int result = send_read(reading, err);

    if (result < 0)
        reading->service->figures.subscribers--;
    return result;
}

void bj_reading_resume(struct reading *reading)
{
    if (!reading->paused)
        return;
    reading->paused = false;
    if (!reading->asked && reading->gone == NULL && tell_caught_up(reading) && !reading->paused)
        ask(reading);
}

void bj_reading_stop(struct reading *reading)
{
    if (reading->gone != NULL)
        *reading->gone = true;
    reading->gone = NULL;
    if (reading->service == NULL)
        return;
    if (reading->asked || reading->hold)
        bj_keeper_cancel(reading->service->keeper, reading->id);
    reading->service->figures.subscribers--;
    reading->asked = false;
    reading->service = NULL;
}
