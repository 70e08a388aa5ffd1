/*
 * Of many paths those that come first: twice as many as wanted are collected, then the rest is let
 * go of, so that memory does not grow with the tree.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "files/internal.h"

void bj_files_kept_init(struct bj_files_kept *kept, size_t limit, bool by_name)
{
    *kept = (struct bj_files_kept){.limit = limit, .by_name = by_name};
}

void bj_files_kept_release(struct bj_files_kept *kept)
{
    for (size_t i = 0; i < kept->count; i++)
        bj_free(kept->items[i].path);
    bj_free(kept->items);
    kept->items = NULL;
    kept->count = 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct bj_files_kept_item *)a)->path,
                  ((const struct bj_files_kept_item *)b)->path);
}

static int compare_times(const void *a, const void *b)
{
    const struct bj_files_kept_item *left = a, *right = b;

    if (left->mtime_ns != right->mtime_ns)
        return left->mtime_ns > right->mtime_ns ? -1 : 1;
    return compare_names(a, b);
}

static void cut(struct bj_files_kept *kept, size_t limit)
{
    if (kept->count > 1)
        qsort(kept->items, kept->count, sizeof *kept->items,
              kept->by_name ? compare_names : compare_times);
    while (kept->count > limit) {
        char *path = kept->items[--kept->count].path;

        kept->bytes -= strlen(path) + 1;
        bj_free(path);
    }
}

void bj_files_kept_finish(struct bj_files_kept *kept)
{
    if (kept->count > kept->limit)
        kept->more = true;
    cut(kept, kept->limit);
}

static bool make_room(struct bj_files_kept *kept)
{
    size_t wanted = kept->capacity > 0 ? kept->capacity * 2 : 256;
    struct bj_files_kept_item *larger;

    if (kept->count < kept->capacity)
        return true;
    larger = bj_realloc_array(kept->items, wanted, sizeof *larger);
    if (larger == NULL)
        return false;
    kept->items = larger;
    kept->capacity = wanted;
    return true;
}

int bj_files_kept_add(struct bj_files_kept *kept, const char *path, int64_t mtime_ns,
                      struct bj_error *err)
{
    size_t length = strlen(path) + 1;
    char *copy;

    if (kept->count / 2 > kept->limit)
        bj_files_kept_finish(kept);
    if (kept->bytes + length + kept->count * sizeof *kept->items > BJ_FILES_KEPT_MAX) {
        kept->no_memory = true;
        cut(kept, kept->count / 2);
    }
    copy = bj_strdup(path);
    if (copy == NULL || !make_room(kept)) {
        bj_free(copy);
        return bj_fail(err, BJ_E_NO_MEMORY, "sort", "out of memory");
    }
    kept->items[kept->count++] = (struct bj_files_kept_item){mtime_ns, copy};
    kept->bytes += length;
    return 0;
}
