/*
 * READ: what a process has written from an offset on; answered as soon as there is a byte, or the
 * end. A READ with `hold` keeps what follows its offset until the next one; the hold of a front
 * that is gone lasts for a grace, so that the next front finds every byte.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "keeper/keeper_internal.h"

struct pieces {
    int64_t first, next;
    uint32_t count;
};

/* The pieces from `offset` on, packed into *out unless that is NULL. */
static struct pieces take_pieces(const struct bj_output *output, int64_t offset, uint32_t maximum,
                                 struct bj_buf *out)
{
    struct pieces pieces = {.first = offset, .next = offset};
    uint32_t stream;
    const void *data;

    while (maximum > 0 && pieces.count < BJ_READ_PIECES_MAX) {
        int64_t at = pieces.next;
        size_t length = bj_output_piece(output, &at, maximum, &stream, &data);

        if (pieces.count == 0)
            pieces.first = pieces.next = at;
        if (length == 0)
            break;
        if (out != NULL) {
            bj_pack_u32(out, stream);
            bj_pack_bytes(out, data, length);
        }
        pieces.next += (int64_t)length;
        pieces.count++;
        maximum -= (uint32_t)length;
    }
    return pieces;
}

static bool has_answer(const struct bj_process *process, int64_t offset)
{
    return process->stage == BJ_PROCESS_ENDED || offset < process->output.next;
}

static void forget_read(struct bj_deadline *deadline)
{
    bj_process_forget((void *)((char *)deadline - offsetof(struct bj_process, deadline)));
}

static void answer(struct bj_process *process, uint64_t id, int64_t offset, uint32_t maximum)
{
    struct bj_keeper *keeper = process->sandbox->keeper;
    struct pieces pieces = take_pieces(&process->output, offset, maximum, NULL);
    struct bj_read_answer body = {
        .offset = pieces.first,
        .next = pieces.next,
        .dropped = process->output.start,
        .ended = process->stage == BJ_PROCESS_ENDED && pieces.next >= process->output.next,
        .all = pieces.next >= process->output.next,
        .chunks = pieces.count,
    };
    struct bj_buf out;

    if (body.ended)
        body.ending = process->ending;
    bj_answer_begin(&out, id);
    bj_read_answer_put(&out, &body);
    take_pieces(&process->output, pieces.first, maximum, &out);
    bj_answer_send(keeper, &out, id, NULL);
    /* Not here: whoever called goes on with the process. */
    if (body.ended && process->flags & BJ_START_FORGET &&
        process->sandbox->stage == BJ_STAGE_RUNNING) {
        process->deadline.passed = forget_read;
        bj_deadline_set(&keeper->deadlines, &process->deadline, bj_clock_us());
    }
}

void bj_read_wake(struct bj_process *process)
{
    struct bj_reader *reader = process->readers;

    process->readers = NULL;
    process->reader_count = 0;
    while (reader != NULL) {
        struct bj_reader *next = reader->next;

        if (has_answer(process, reader->offset)) {
            answer(process, reader->id, reader->offset, reader->maximum);
            bj_free(reader);
        } else {
            reader->next = process->readers;
            process->readers = reader;
            process->reader_count++;
        }
        reader = next;
    }
}

static void unhold(struct bj_process *process)
{
    process->holder = 0;
    bj_deadline_clear(&process->sandbox->keeper->deadlines, &process->hold_deadline);
    bj_output_unhold(&process->output);
    bj_streams_resume(process);
}

void bj_read_hold_passed(struct bj_deadline *deadline)
{
    unhold((void *)((char *)deadline - offsetof(struct bj_process, hold_deadline)));
}

static int wait_for_more(struct bj_process *process, uint64_t id, int64_t offset, uint32_t maximum,
                         struct bj_error *err)
{
    struct bj_reader *reader;

    if (process->reader_count >= BJ_PROCESS_READERS)
        return bj_fail(err, BJ_E_BUSY, "read", "%d readers wait for this process already",
                       BJ_PROCESS_READERS);
    reader = bj_alloc(sizeof *reader);
    if (reader == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "read", "out of memory");
    *reader = (struct bj_reader){
        .next = process->readers, .id = id, .offset = offset, .maximum = maximum};
    process->readers = reader;
    process->reader_count++;
    return 0;
}

static int ask(struct bj_keeper *keeper, uint64_t id, const struct bj_read *read,
               struct bj_error *err)
{
    struct bj_sandbox *sandbox;
    struct bj_process *process;
    int64_t offset;
    int result = bj_sandbox_find(keeper, read->sandbox, &sandbox, err);

    if (result < 0)
        return result;
    process = bj_process_find(sandbox, read->process);
    if (process == NULL)
        return bj_fail(err, BJ_E_NOT_FOUND, "read", "there is no process %u", read->process);
    if (read->offset < 0 || read->maximum == 0 || read->maximum > BJ_READ_MAX)
        return bj_fail(err, BJ_E_INVALID, "read", "an offset from 0 on, and 1 to %d bytes",
                       BJ_READ_MAX);
    if (read->hold) {
        process->holder = id;
        bj_deadline_clear(&keeper->deadlines, &process->hold_deadline);
        bj_output_hold(&process->output, read->offset);
        bj_streams_resume(process);
    }
    /* From the future on means from now on. */
    offset = read->offset < process->output.next ? read->offset : process->output.next;
    if (!read->now && !has_answer(process, offset))
        return wait_for_more(process, id, offset, read->maximum, err);
    answer(process, id, offset, read->maximum);
    return 0;
}

void bj_read_ask(struct bj_keeper *keeper, uint64_t id, const struct bj_read *read)
{
    struct bj_error failed = {0};

    if (ask(keeper, id, read, &failed) < 0)
        bj_answer_error(keeper, id, 0, &failed);
}

void bj_read_end_all(struct bj_process *process)
{
    struct bj_error failed;

    bj_fail(&failed, BJ_E_NOT_FOUND, "read", "there is no process %u any more", process->number);
    while (process->readers != NULL) {
        struct bj_reader *reader = process->readers;

        process->readers = reader->next;
        bj_answer_error(process->sandbox->keeper, reader->id, 0, &failed);
        bj_free(reader);
    }
    process->reader_count = 0;
}

/* Calls function for every process there is. */
static void for_each(struct bj_keeper *keeper, void (*function)(struct bj_process *, uint64_t),
                     uint64_t id)
{
    for (struct bj_sandbox *at = keeper->sandboxes.first; at != NULL; at = at->next) {
        for (struct bj_process *process = at->processes; process != NULL; process = process->next)
            function(process, id);
    }
}

static void lose_front(struct bj_process *process, uint64_t id)
{
    (void)id;
    while (process->readers != NULL) {
        struct bj_reader *reader = process->readers;

        process->readers = reader->next;
        bj_free(reader);
    }
    process->reader_count = 0;
    if (process->holder != 0)
        bj_deadline_set(&process->sandbox->keeper->deadlines, &process->hold_deadline,
                        bj_clock_us() + BJ_HOLD_GRACE_US);
}

void bj_read_front_gone(struct bj_keeper *keeper)
{
    for_each(keeper, lose_front, 0);
}

/* The READ `id` is over: nobody waits for its answer, and its hold ends. */
static void detach(struct bj_process *process, uint64_t id)
{
    for (struct bj_reader **at = &process->readers; *at != NULL; at = &(*at)->next) {
        struct bj_reader *reader = *at;

        if (reader->id != id)
            continue;
        *at = reader->next;
        process->reader_count--;
        bj_free(reader);
        break;
    }
    if (process->holder == id)
        unhold(process);
}

void bj_read_unhold(struct bj_keeper *keeper, uint64_t id)
{
    for_each(keeper, detach, id);
}
