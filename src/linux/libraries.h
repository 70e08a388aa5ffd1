/* Where the dynamic loader finds libraries: ld.so(8). */
#ifndef BJ_LINUX_LIBRARIES_H
#define BJ_LINUX_LIBRARIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* /etc/ld.so.cache as it lies on the disk; empty where there is none. */
struct bj_library_cache {
    char *data; /* owned */
    size_t length;
    size_t at; /* where the entries' offsets count from; 0 = unusable */
    uint32_t count;
};

int bj_library_cache_read(struct bj_library_cache *cache, const char *path, struct bj_error *err);

/* The same of the file's content, which it takes over. */
void bj_library_cache_take(struct bj_library_cache *cache, char *data, size_t length);
void bj_library_cache_release(struct bj_library_cache *cache);

/* The path of entry `*index` or a later one with that name; NULL at the end. Moves *index on. */
const char *bj_library_cache_next(const struct bj_library_cache *cache, const char *name,
                                  uint32_t *index);

/* Directories that are searched last; ends with NULL. */
extern const char *const bj_library_directories[];

#endif
