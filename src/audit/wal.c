/*
 * Damage in the log. SQLite takes the write-ahead log up to the first frame whose checksum is wrong
 * and overwrites the rest, which is right for what a process left half written when it was killed.
 * But a commit further on means that records that were accepted stood behind the damage: then the
 * log is left as it is and nothing is written. (The format is https://sqlite.org/walformat.html.)
 */
#include <string.h>

#include "audit/audit_internal.h"
#include "base/buf.h"

#define LOG_HEADER   32 /* bytes */
#define FRAME_HEADER 24
#define SALT_SIZE    8
#define HEADER_SALT  16 /* offsets: of the salts in the log's header */
#define FRAME_SALT   8  /* … and in a frame's */
#define FRAME_COMMIT 4  /* of a number that is 0 unless the frame ends a transaction */
#define INDEX_PAGE   14 /* of the page size, 16 bits in the machine's order, in the log's index */
#define INDEX_FRAMES 16 /* of the number of frames that count, 32 bits */

/* How many frames count, and how large a page is, from the index that SQLite shares. */
static bool read_index(struct bj_audit *audit, uint32_t *ret_frames, uint32_t *ret_page)
{
    sqlite3_file *file = NULL;
    void volatile *memory = NULL;
    unsigned char header[INDEX_FRAMES + 4];
    uint16_t page;

    if (sqlite3_file_control(audit->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        file->pMethods == NULL || file->pMethods->iVersion < 2 ||
        file->pMethods->xShmMap(file, 0, 32768, 0, &memory) != SQLITE_OK || memory == NULL)
        return false;
    memcpy(header, (const void *)memory, sizeof header);
    memcpy(&page, header + INDEX_PAGE, sizeof page);
    memcpy(ret_frames, header + INDEX_FRAMES, sizeof *ret_frames);
    *ret_page = page == 1 ? 65536 : page;
    return *ret_page >= 512;
}

static bool read_log(sqlite3_file *log, void *to, int size, sqlite3_int64 at)
{
    return log->pMethods->xRead(log, to, size, at) == SQLITE_OK;
}

int bj_audit_check_log(struct bj_audit *audit, struct bj_error *err)
{
    sqlite3_file *log = NULL;
    unsigned char header[LOG_HEADER], frame[FRAME_HEADER];
    static const unsigned char none[4];
    uint32_t frames = 0, page = 0;

    if (!read_index(audit, &frames, &page) ||
        sqlite3_file_control(audit->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
        log == NULL || log->pMethods == NULL || !read_log(log, header, sizeof header, 0))
        return 0; /* there is no log yet */
    for (uint32_t i = frames;; i++) {
        sqlite3_int64 at = LOG_HEADER + (sqlite3_int64)i * (FRAME_HEADER + page);

        if (!read_log(log, frame, sizeof frame, at) ||
            memcmp(frame + FRAME_SALT, header + HEADER_SALT, SALT_SIZE) != 0)
            return 0;
        if (memcmp(frame + FRAME_COMMIT, none, sizeof none) != 0)
            break;
    }
    return bj_fail(err, BJ_E_SYSTEM, "audit",
                   "%s has lost records: its log %s-wal is damaged after %u of its frames; nothing "
                   "is written to it any more: move both away, or restore them",
                   audit->path, audit->path, frames);
}
