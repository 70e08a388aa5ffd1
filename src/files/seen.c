/* Files met before by another name of theirs. A table of bounded size: beyond it they count anew.
 */
#include <string.h>

#include "base/mem.h"
#include "files/internal.h"

struct bj_files_seen_row {
    dev_t device;
    ino_t inode;
    char *path; /* owned; NULL = the row is empty */
};

#define ROWS (2 * BJ_FILES_LINKS_MAX) /* half of them stay empty, so that a search ends */

static struct bj_files_seen_row *row_of(const struct bj_files_seen *seen, const struct stat *status)
{
    uint64_t mixed =
        ((uint64_t)status->st_ino ^ (uint64_t)status->st_dev << 32) * 0x9e3779b97f4a7c15u;
    size_t at = (size_t)(mixed >> 40) % ROWS;

    while (seen->rows[at].path != NULL &&
           (seen->rows[at].inode != status->st_ino || seen->rows[at].device != status->st_dev))
        at = (at + 1) % ROWS;
    return &seen->rows[at];
}

const char *bj_files_seen_find(const struct bj_files_seen *seen, const struct stat *status)
{
    return seen->rows != NULL ? row_of(seen, status)->path : NULL;
}

void bj_files_seen_add(struct bj_files_seen *seen, const struct stat *status, const char *path)
{
    size_t length = strlen(path) + 1;
    struct bj_files_seen_row *row;

    if (seen->rows == NULL)
        seen->rows = bj_alloc(ROWS * sizeof *seen->rows);
    if (seen->rows == NULL || seen->count == BJ_FILES_LINKS_MAX ||
        seen->bytes + length > BJ_FILES_KEPT_MAX)
        return;
    row = row_of(seen, status);
    if (row->path != NULL)
        return;
    row->path = bj_strdup(path);
    if (row->path == NULL)
        return;
    row->device = status->st_dev;
    row->inode = status->st_ino;
    seen->count++;
    seen->bytes += length;
}

void bj_files_seen_release(struct bj_files_seen *seen)
{
    for (size_t i = 0; seen->rows != NULL && i < ROWS; i++)
        bj_free(seen->rows[i].path);
    bj_free(seen->rows);
    *seen = (struct bj_files_seen){0};
}
