/*
 * Values in a message, one after the other: numbers as the machine has them, texts and bytes behind
 * their length. Both ends are one program on one machine, but neither trusts the other: taking out
 * checks every length, and once something is wrong everything later is empty, so that a message is
 * checked once at its end.
 */
#ifndef BJ_WIRE_PACK_H
#define BJ_WIRE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

void bj_pack_u32(struct bj_buf *out, uint32_t value);
void bj_pack_i64(struct bj_buf *out, int64_t value);
/* NULL is a value of its own. The NUL travels too. */
void bj_pack_text(struct bj_buf *out, const char *text);
void bj_pack_bytes(struct bj_buf *out, const void *data, size_t length);
/* Ends with NULL; NULL itself is the empty list. */
void bj_pack_list(struct bj_buf *out, const char *const *list);

struct bj_unpack {
    const char *at;
    size_t left;
    bool failed;
};

uint32_t bj_unpack_u32(struct bj_unpack *in);
int64_t bj_unpack_i64(struct bj_unpack *in);
/* Points into the message; ends with NUL and has none inside. NULL: there is none, or it failed. */
const char *bj_unpack_text(struct bj_unpack *in);
/* The same where there must be one: "" when it failed. */
const char *bj_unpack_string(struct bj_unpack *in);
const void *bj_unpack_bytes(struct bj_unpack *in, size_t *ret_length);
/*
 * Pointers into the message, into `strings` of `capacity` from *used on; a NULL ends it and *used
 * moves on. Returns where the list begins; an empty list when it failed.
 */
const char *const *bj_unpack_list(struct bj_unpack *in, const char **strings, size_t capacity,
                                  size_t *used);
/* Everything was there, and nothing is left over. */
bool bj_unpack_end(const struct bj_unpack *in);

#endif
