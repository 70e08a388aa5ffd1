/*
 * The output of one process. Bytes and the borders between streams are two rings, so that a reader
 * that asks in the middle finds the place by halving and not by walking, whatever a process does
 * to make many small pieces.
 */
#include "keeper/log.h"

#include <stdbool.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define FIRST_BYTES  256u /* most processes write little, and there are many of them */
#define FIRST_CHUNKS 4u

static uint64_t chunk_at(const struct bj_output *output, uint32_t index)
{
    return output->chunks[(output->chunk_first + index) & (output->chunk_size - 1)];
}

static int64_t chunk_offset(uint64_t chunk)
{
    return (int64_t)(chunk >> 2);
}

static uint32_t chunk_stream(uint64_t chunk)
{
    return (uint32_t)(chunk & 3);
}

int bj_output_init(struct bj_output *output, size_t maximum, struct bj_error *err)
{
    *output = (struct bj_output){
        .bytes = bj_realloc_array(NULL, 1, FIRST_BYTES),
        .size = FIRST_BYTES,
        .maximum = maximum > FIRST_BYTES ? maximum : FIRST_BYTES,
        .chunks = bj_realloc_array(NULL, FIRST_CHUNKS, sizeof(uint64_t)),
        .chunk_size = FIRST_CHUNKS,
        .hold = -1,
    };
    if (output->bytes != NULL && output->chunks != NULL)
        return 0;
    bj_output_release(output);
    return bj_fail(err, BJ_E_NO_MEMORY, "output", "no memory for a process's output");
}

size_t bj_output_footprint(const struct bj_output *output)
{
    return output->size + output->chunk_size * sizeof *output->chunks;
}

static bool resize(struct bj_output *output, int64_t bytes)
{
    return output->resize == NULL || output->resize(output, bytes);
}

void bj_output_release(struct bj_output *output)
{
    bj_free(output->bytes);
    bj_free(output->chunks);
    *output = (struct bj_output){.hold = -1};
}

static void ring_copy(char *to, size_t to_size, const char *from, size_t from_size, int64_t start,
                      int64_t end)
{
    while (start < end) {
        size_t in = (size_t)start & (from_size - 1), out = (size_t)start & (to_size - 1);
        size_t length = (size_t)(end - start);

        if (length > from_size - in)
            length = from_size - in;
        if (length > to_size - out)
            length = to_size - out;
        memcpy(to + out, from + in, length);
        start += (int64_t)length;
    }
}

/* Makes room for `length` more bytes as far as maximum and memory allow. */
static void grow_bytes(struct bj_output *output, size_t length)
{
    size_t used = (size_t)(output->next - output->start), wanted = output->size;
    char *larger;

    while (wanted < output->maximum && wanted - used < length)
        wanted *= 2;
    for (; wanted > output->size; wanted /= 2) {
        int64_t more = (int64_t)(wanted - output->size);

        if (!resize(output, more))
            continue;
        larger = bj_realloc_array(NULL, 1, wanted);
        if (larger == NULL) {
            resize(output, -more);
            continue;
        }
        ring_copy(larger, wanted, output->bytes, output->size, output->start, output->next);
        bj_free(output->bytes);
        output->bytes = larger;
        output->size = wanted;
        return;
    }
}

/* Another ring for as many borders, with those that there are. False without memory. */
static bool move_chunks(struct bj_output *output, uint32_t size)
{
    uint64_t *other = bj_realloc_array(NULL, size, sizeof *other);

    if (other == NULL)
        return false;
    for (uint32_t i = 0; i < output->chunk_count; i++)
        other[i] = chunk_at(output, i);
    bj_free(output->chunks);
    output->chunks = other;
    output->chunk_size = size;
    output->chunk_first = 0;
    return true;
}

static void grow_chunks(struct bj_output *output)
{
    int64_t more = (int64_t)(output->chunk_size * sizeof *output->chunks);

    if (output->chunk_size >= BJ_LOG_CHUNKS_MAX || !resize(output, more))
        return;
    if (!move_chunks(output, output->chunk_size * 2))
        resize(output, -more);
}

/* Up to where bytes may be forgotten. */
static int64_t forgettable(const struct bj_output *output)
{
    return output->hold < 0 || output->hold > output->next ? output->next
           : output->hold < output->start                  ? output->start
                                                           : output->hold;
}

static int64_t chunk_end(const struct bj_output *output, uint32_t index)
{
    return index + 1 < output->chunk_count ? chunk_offset(chunk_at(output, index + 1))
                                           : output->next;
}

/* Forgets everything before an offset. The newest chunk stays, even when nothing of it is left: it
 * is what comes next. */
static void forget(struct bj_output *output, int64_t before)
{
    if (before > output->start)
        output->start = before;
    while (output->chunk_count > 1 && chunk_end(output, 0) <= output->start) {
        output->chunk_first = (output->chunk_first + 1) & (output->chunk_size - 1);
        output->chunk_count--;
    }
}

void bj_output_shrink(struct bj_output *output, size_t keep)
{
    size_t before = bj_output_footprint(output), size = keep > FIRST_BYTES ? keep : FIRST_BYTES;
    uint32_t chunks = FIRST_CHUNKS;
    char *smaller;

    forget(output, output->next - (int64_t)keep);
    smaller = size < output->size ? bj_realloc_array(NULL, 1, size) : NULL;
    if (smaller != NULL) {
        ring_copy(smaller, size, output->bytes, output->size, output->start, output->next);
        bj_free(output->bytes);
        output->bytes = smaller;
        output->size = size;
    }
    while (chunks < output->chunk_count)
        chunks *= 2;
    if (chunks < output->chunk_size)
        move_chunks(output, chunks);
    resize(output, (int64_t)bj_output_footprint(output) - (int64_t)before);
}

/* The stream's bytes continue what stands last, so no border is needed. */
static bool continues(const struct bj_output *output, uint32_t stream)
{
    return output->chunk_count > 0 &&
           chunk_stream(chunk_at(output, output->chunk_count - 1)) == stream;
}

/* One more border can be had, if only by forgetting the oldest piece. */
static bool border_room(struct bj_output *output)
{
    if (output->chunk_count == output->chunk_size)
        grow_chunks(output);
    return output->chunk_count < output->chunk_size || chunk_end(output, 0) <= forgettable(output);
}

static void make_border(struct bj_output *output, uint32_t stream)
{
    if (output->chunk_count == output->chunk_size)
        forget(output, chunk_end(output, 0));
    output->chunks[(output->chunk_first + output->chunk_count++) & (output->chunk_size - 1)] =
        (uint64_t)output->next << 2 | stream;
}

/* Bytes that can be written before something is lost that is held. */
static size_t free_bytes(const struct bj_output *output)
{
    return output->size - (size_t)(output->next - forgettable(output));
}

size_t bj_output_room(struct bj_output *output, uint32_t stream, size_t wanted)
{
    size_t room;

    if (output->hold < 0)
        return wanted;
    grow_bytes(output, wanted);
    room = free_bytes(output);
    if (room == 0 || (!continues(output, stream) && !border_room(output)))
        return 0;
    return room < wanted ? room : wanted;
}

/* Writes at most as much as the ring has bytes, over the oldest. */
static void write_piece(struct bj_output *output, const char *data, size_t length)
{
    size_t at = (size_t)output->next & (output->size - 1);
    size_t first = length < output->size - at ? length : output->size - at;

    forget(output, output->next + (int64_t)length - (int64_t)output->size);
    memcpy(output->bytes + at, data, first);
    memcpy(output->bytes, data + first, length - first);
    output->next += (int64_t)length;
}

size_t bj_output_append(struct bj_output *output, uint32_t stream, const void *data, size_t length)
{
    size_t taken = 0, piece;

    if (stream < 1 || stream > BJ_OUTPUT_STREAMS)
        return 0;
    length = bj_output_room(output, stream, length);
    if (length == 0)
        return 0;
    grow_bytes(output, length);
    if (!continues(output, stream) && border_room(output))
        make_border(output, stream);
    for (; taken < length; taken += piece) {
        piece = length - taken < output->size ? length - taken : output->size;
        write_piece(output, (const char *)data + taken, piece);
    }
    return length;
}

void bj_output_hold(struct bj_output *output, int64_t offset)
{
    output->hold = offset > 0 ? offset : 0;
}

void bj_output_unhold(struct bj_output *output)
{
    output->hold = -1;
}

/* The last chunk that begins at or before an offset. */
static uint32_t find_chunk(const struct bj_output *output, int64_t offset)
{
    uint32_t low = 0, high = output->chunk_count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (chunk_offset(chunk_at(output, middle)) <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

size_t bj_output_piece(const struct bj_output *output, int64_t *offset, size_t maximum,
                       uint32_t *ret_stream, const void **ret_data)
{
    size_t at, length;
    uint32_t chunk;

    if (*offset < output->start)
        *offset = output->start;
    if (*offset >= output->next) {
        *offset = output->next;
        return 0;
    }
    chunk = find_chunk(output, *offset);
    length = (size_t)(chunk_end(output, chunk) - *offset);
    at = (size_t)*offset & (output->size - 1);
    if (length > output->size - at)
        length = output->size - at;
    *ret_stream = chunk_stream(chunk_at(output, chunk));
    *ret_data = output->bytes + at;
    return length < maximum ? length : maximum;
}
