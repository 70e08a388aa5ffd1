/* An arena: blocks that double in size, each filled from its beginning. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_BLOCK 4096
#define LARGE_BLOCK (1 << 20)

struct bj_arena_block {
    struct bj_arena_block *older;
    size_t size, used;
    alignas(max_align_t) char data[];
};

void bj_arena_init(struct bj_arena *arena, size_t maximum)
{
    *arena = (struct bj_arena){.maximum = maximum};
}

void bj_arena_release(struct bj_arena *arena)
{
    while (arena->blocks != NULL) {
        struct bj_arena_block *block = arena->blocks;

        arena->blocks = block->older;
        bj_free(block);
    }
    *arena = (struct bj_arena){.maximum = arena->maximum};
}

void bj_arena_reset(struct bj_arena *arena)
{
    struct bj_arena_block *block;

    while (arena->blocks != NULL && arena->blocks->older != NULL) {
        block = arena->blocks;
        arena->blocks = block->older;
        bj_free(block);
    }
    block = arena->blocks;
    if (block != NULL) {
        memset(block->data, 0, block->used);
        block->used = 0;
    }
    *arena = (struct bj_arena){.blocks = block, .maximum = arena->maximum};
}

static void *fail(struct bj_arena *arena, bool no_memory)
{
    arena->failed = true;
    arena->no_memory = no_memory;
    return NULL;
}

/* Bytes come zeroed: a block is, and reset wipes what was used. */
void *bj_arena_alloc(struct bj_arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    struct bj_arena_block *block = arena->blocks;
    char *given;

    if (arena->failed)
        return NULL;
    if (size > arena->maximum - arena->used)
        return fail(arena, false);
    size = size == 0 ? align : (size + align - 1) / align * align;
    if (block == NULL || size > block->size - block->used) {
        size_t room = block == NULL ? FIRST_BLOCK : block->size * 2;

        if (room > LARGE_BLOCK)
            room = LARGE_BLOCK;
        if (room < size)
            room = size;
        block = bj_alloc(sizeof *block + room);
        if (block == NULL)
            return fail(arena, true);
        block->size = room;
        block->older = arena->blocks;
        arena->blocks = block;
    }
    given = block->data + block->used;
    block->used += size;
    arena->used += size > arena->maximum - arena->used ? arena->maximum - arena->used : size;
    return given;
}

void *bj_arena_array(struct bj_arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return fail(arena, false);
    return bj_arena_alloc(arena, count * size);
}

char *bj_arena_copy(struct bj_arena *arena, const void *data, size_t length)
{
    char *copy = length < SIZE_MAX ? bj_arena_alloc(arena, length + 1) : fail(arena, false);

    if (copy != NULL && length > 0)
        memcpy(copy, data, length);
    return copy;
}
