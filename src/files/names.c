/* The names in a directory, sorted, within bounds of memory. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "files/internal.h"

#define READ_SIZE (32 << 10)

static int compare(const void *a, const void *b, void *text)
{
    return strcmp((const char *)text + *(const uint32_t *)a,
                  (const char *)text + *(const uint32_t *)b);
}

static void sort(struct bj_files_names *names)
{
    if (names->count > 1)
        qsort_r(names->at, names->count, sizeof *names->at, compare, names->text);
}

/* Grows an array out of the request's budget. False: no memory, or no more of the budget. */
static bool grow(struct bj_files *files, void **array, size_t *capacity, size_t needed, size_t size)
{
    size_t wanted = *capacity > 0 ? *capacity * 2 : 256;
    void *larger;

    while (wanted < needed)
        wanted *= 2;
    if ((wanted - *capacity) * size > files->names_left)
        return false;
    larger = bj_realloc_array(*array, wanted, size);
    if (larger == NULL)
        return false;
    files->names_left -= (wanted - *capacity) * size;
    *array = larger;
    *capacity = wanted;
    return true;
}

static bool add(struct bj_files *files, struct bj_files_names *names, const char *name)
{
    size_t length = strlen(name) + 1;

    if ((names->used + length > names->text_capacity &&
         !grow(files, (void **)&names->text, &names->text_capacity, names->used + length, 1)) ||
        (names->count == names->at_capacity &&
         !grow(files, (void **)&names->at, &names->at_capacity, names->count + 1,
               sizeof *names->at)))
        return false;
    memcpy(names->text + names->used, name, length);
    names->at[names->count++] = (uint32_t)names->used;
    names->used += length;
    return true;
}

/* Keeps the first `keep` names and moves their text together. */
static void cut(struct bj_files_names *names, size_t keep)
{
    char *packed;
    size_t used = 0;

    sort(names);
    if (names->count > keep)
        names->count = keep;
    for (size_t i = 0; i < names->count; i++)
        used += strlen(names->text + names->at[i]) + 1;
    packed = bj_alloc(names->text_capacity);
    if (packed == NULL)
        return; /* there is room until it is used up */
    used = 0;
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->text + names->at[i];
        size_t length = strlen(name) + 1;

        memcpy(packed + used, name, length);
        names->at[i] = (uint32_t)used;
        used += length;
    }
    bj_free(names->text);
    names->text = packed;
    names->used = used;
}

static bool is_dots(const char *name)
{
    return bj_streq(name, ".") || bj_streq(name, "..");
}

/* A name more. False when there is no room for it, even after letting go of what is not kept. */
static bool take(struct bj_files *files, struct bj_files_names *names, const char *name,
                 size_t keep, bool *more)
{
    if (is_dots(name))
        return true;
    if (names->count / 2 > keep) {
        *more = true;
        cut(names, keep);
    }
    return add(files, names, name);
}

int bj_files_names_read(struct bj_files *files, int fd, size_t keep, struct bj_files_names *ret,
                        bool *ret_more, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *block = bj_alloc(READ_SIZE);
    struct bj_files_names names = {0};
    bool room = true;

    *ret_more = false;
    if (block == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "read", "out of memory");
    while (room) {
        ssize_t length = BJ_SYS(getdents64(fd, block, READ_SIZE));

        if (length == 0 || (length < 0 && errno == ENOENT)) /* removed meanwhile */
            break;
        if (length < 0) {
            bj_files_names_release(files, &names);
            return bj_files_fail(err, "read", "cannot read a directory");
        }
        for (ssize_t at = 0; at < length && room;) {
            const struct dirent64 *entry = (const struct dirent64 *)(block + at);

            at += entry->d_reclen;
            room = take(files, &names, entry->d_name, keep, ret_more);
        }
    }
    if (!room)
        files->truncated = "memory";
    sort(&names);
    if (names.count > keep) {
        names.count = keep;
        *ret_more = true;
    }
    *ret = names;
    return 0;
}

void bj_files_names_release(struct bj_files *files, struct bj_files_names *names)
{
    files->names_left += names->text_capacity + names->at_capacity * sizeof *names->at;
    bj_free(names->text);
    bj_free(names->at);
    *names = (struct bj_files_names){0};
}
