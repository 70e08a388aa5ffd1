/*
 * The output of one process: what it wrote last, in the order it came, each piece with the stream
 * that it came from. Offsets count the bytes of all streams from the process's start and never
 * repeat, so a reader asks for what follows what it has, and sees what it missed.
 *
 * Bounded: old bytes make room for new ones. Whoever wants every byte holds: then nothing from an
 * offset on makes room, and the log takes only what still fits, so that the process waits in its
 * own write(2). Pure; the pipes are somebody else's.
 */
#ifndef BJ_KEEPER_LOG_H
#define BJ_KEEPER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

#define BJ_OUTPUT_STREAMS 3 /* 1 and 2 as the process has them, 3 what it reports */

struct bj_output {
    char *bytes; /* a ring; the byte of an offset stands at the offset modulo its size */
    size_t size; /* a power of two */
    size_t maximum;
    uint64_t *chunks; /* a ring: where a chunk begins, times four, and its stream */
    uint32_t chunk_size, chunk_first, chunk_count;
    int64_t start; /* of the first byte that is left: as many bytes are lost */
    int64_t next;  /* of the byte that comes next: as many bytes were written */
    int64_t hold;  /* nothing from here on makes room; -1 = no hold */
    /* Asked before it takes so many bytes of memory more, and told (less than 0) when it has given
     * some back. NULL: it may have what its maximum permits. */
    bool (*resize)(struct bj_output *output, int64_t bytes);
};

/* Keeps at most `maximum` bytes, a power of two; begins much smaller. */
int bj_output_init(struct bj_output *output, size_t maximum, struct bj_error *err);
void bj_output_release(struct bj_output *output);

/*
 * Makes room for `wanted` bytes of a stream, and returns how many of them bj_output_append() will
 * take: without a hold all, under one what fits, which may be 0 until the hold moves on.
 */
size_t bj_output_room(struct bj_output *output, uint32_t stream, size_t wanted);

/*
 * Takes up to `length` bytes of stream 1, 2 or 3 and returns how many. Fewer only under a hold.
 * Where memory ends, or resize() says no, the log stays as large as it is and forgets earlier.
 */
size_t bj_output_append(struct bj_output *output, uint32_t stream, const void *data, size_t length);

/* The bytes of memory that it takes. */
size_t bj_output_footprint(const struct bj_output *output);
/* The least that one takes, whatever it is refused. */
#define BJ_OUTPUT_FOOTPRINT_MIN 288
/* Keeps the newest `keep` bytes at most, a power of two or 0, held or not, and gives memory back.
 */
void bj_output_shrink(struct bj_output *output, size_t keep);

/* Nothing from `offset` on is dropped any more; what is gone stays gone. A second hold replaces the
 * first. */
void bj_output_hold(struct bj_output *output, int64_t offset);
void bj_output_unhold(struct bj_output *output);

/*
 * The piece at *offset: of one stream, at most `maximum` bytes, borrowed until the next append. If
 * what was there is lost *offset moves to the first byte that is left. Returns its length; 0 when
 * nothing is there yet (an offset from the future is moved back to the end).
 */
size_t bj_output_piece(const struct bj_output *output, int64_t *offset, size_t maximum,
                       uint32_t *ret_stream, const void **ret_data);

#endif
