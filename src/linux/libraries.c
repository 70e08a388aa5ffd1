/*
 * The dynamic loader's cache. Its file is root's, but read with bounds like any other: 48 bytes of
 * head, then entries of 24 bytes with offsets of a name and a path.
 */
#include "linux/libraries.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

#define CACHE_MAX (32 << 20)
#define MAGIC     "glibc-ld.so.cache1.1"
#define OLD_MAGIC "ld.so-1.7.0" /* an older form, before the newer one in the same file */
#define OLD_HEAD  16
#define OLD_ENTRY 12
#define HEAD      48
#define ENTRY     24
#define NAME_AT   4
#define PATH_AT   8

const char *const bj_library_directories[] = {
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
    "/usr/local/lib",
    NULL,
};

static uint32_t number_at(const struct bj_library_cache *cache, size_t offset)
{
    uint32_t number;

    memcpy(&number, cache->data + offset, sizeof number);
    return number;
}

int bj_library_cache_read(struct bj_library_cache *cache, const char *path, struct bj_error *err)
{
    struct bj_error why = {0};
    size_t length;
    char *data;
    int result;

    *cache = (struct bj_library_cache){0};
    result = bj_read_file(path, CACHE_MAX, &data, &length, &why);
    if (result == 0)
        bj_library_cache_take(cache, data, length);
    if (result == 0 || why.sys_errno == ENOENT)
        return 0;
    if (why.sys_errno == ENOMEM)
        return bj_fail(err, BJ_E_NO_MEMORY, "programs", "cannot read %s: out of memory", path);
    if (err != NULL)
        *err = why;
    return result;
}

void bj_library_cache_take(struct bj_library_cache *cache, char *data, size_t length)
{
    size_t at = 0;

    *cache = (struct bj_library_cache){.data = data, .length = length};
    if (cache->length >= OLD_HEAD && memcmp(cache->data, OLD_MAGIC, sizeof OLD_MAGIC - 1) == 0) {
        uint64_t end = OLD_HEAD + (uint64_t)number_at(cache, OLD_ENTRY) * OLD_ENTRY;

        at = (size_t)((end + 7) / 8 * 8);
    }
    if (at > cache->length || cache->length - at < HEAD ||
        memcmp(cache->data + at, MAGIC, sizeof MAGIC - 1) != 0)
        return;
    cache->count = number_at(cache, at + sizeof MAGIC - 1);
    if (cache->count > (cache->length - at - HEAD) / ENTRY) {
        cache->count = 0;
        return;
    }
    cache->at = at;
}

void bj_library_cache_release(struct bj_library_cache *cache)
{
    bj_free(cache->data);
    *cache = (struct bj_library_cache){0};
}

/* The string that an entry points to, if it ends within the file. */
static const char *string_at(const struct bj_library_cache *cache, uint32_t index, size_t field)
{
    size_t offset = number_at(cache, cache->at + HEAD + (size_t)index * ENTRY + field) + cache->at;

    if (offset >= cache->length ||
        memchr(cache->data + offset, '\0', cache->length - offset) == NULL)
        return NULL;
    return cache->data + offset;
}

const char *bj_library_cache_next(const struct bj_library_cache *cache, const char *name,
                                  uint32_t *index)
{
    while (*index < cache->count) {
        uint32_t here = (*index)++;
        const char *found = string_at(cache, here, NAME_AT);

        if (found != NULL && bj_streq(found, name))
            return string_at(cache, here, PATH_AT);
    }
    return NULL;
}
