/*
 * Memory that is given back all at once. For work that makes many small things of one lifetime,
 * such as the analysis of a command. Once an allocation does not fit or memory ends the arena is
 * marked failed and gives NULL from then on; it never gives memory back singly.
 */
#ifndef BJ_BASE_ARENA_H
#define BJ_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct bj_arena_block;
struct bj_arena {
    struct bj_arena_block *blocks; /* the newest first; owned */
    size_t used;                   /* bytes handed out */
    size_t maximum;                /* of `used` */
    bool failed;
    bool no_memory; /* why it failed: not because of the maximum */
};

void bj_arena_init(struct bj_arena *arena, size_t maximum);
void bj_arena_release(struct bj_arena *arena);

/* Gives everything back but keeps the first block, so that the next use needs no heap. */
void bj_arena_reset(struct bj_arena *arena);

/* Zeroed and aligned for anything; NULL, and the arena failed, if there is no room. */
void *bj_arena_alloc(struct bj_arena *arena, size_t size);

/* `count` times `size`; NULL also on overflow. */
void *bj_arena_array(struct bj_arena *arena, size_t count, size_t size);

/* A copy, followed by a NUL that does not count. */
char *bj_arena_copy(struct bj_arena *arena, const void *data, size_t length);

#endif
