/*
 * Damage in the log. SQLite takes the write-ahead log up to the first frame whose checksum is wrong
 * and overwrites the rest, which is right for what a process left half written when it was killed.
 * But a commit further on means that records that were accepted stood behind the damage: then the
 * log is left as it is and nothing is written. (The format is https://sqlite.org/walformat.html.)
 */
#include <string.h>

#include "audit/audit_internal.h"
#include "base/mem.h"

#define LOG_HEADER   32 /* bytes */
#define FRAME_HEADER 24
#define SALT_SIZE    8
#define HEADER_SALT  16 /* offsets: of the salts in the log's header */
#define HEADER_SUM   24
#define FRAME_SALT   8 /* … and in a frame's */
#define FRAME_SUM    16
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

static uint32_t read_number(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Adds bytes to a checksum; `big`: the words of the data are big-endian. */
static void add_up(uint32_t sum[2], const unsigned char *data, size_t length, bool big)
{
    for (size_t i = 0; i + 8 <= length; i += 8) {
        uint32_t words[2] = {read_number(data + i), read_number(data + i + 4)};

        if (!big) {
            words[0] = __builtin_bswap32(words[0]);
            words[1] = __builtin_bswap32(words[1]);
        }
        sum[0] += words[0] + sum[1];
        sum[1] += words[1] + sum[0];
    }
}

/* Where the log is and how it is made. */
struct log {
    sqlite3_file *file;
    unsigned char header[LOG_HEADER];
    uint32_t page; /* bytes */
};

static sqlite3_int64 frame_at(const struct log *log, uint32_t number)
{
    return LOG_HEADER + (sqlite3_int64)number * (FRAME_HEADER + log->page);
}

/* Is the frame whole, and was it written behind the one that stands before it? */
static bool follows(const struct log *log, uint32_t number, const unsigned char *frame)
{
    sqlite3_int64 at = frame_at(log, number);
    unsigned char before[8];
    unsigned char *data = bj_alloc(log->page);
    uint32_t sum[2];
    bool fine = data != NULL &&
                read_log(log->file, before, sizeof before,
                         number > 0 ? at - FRAME_HEADER - log->page + FRAME_SUM : HEADER_SUM) &&
                read_log(log->file, data, (int)log->page, at + FRAME_HEADER);

    if (fine) {
        bool big = log->header[3] & 1;

        sum[0] = read_number(before);
        sum[1] = read_number(before + 4);
        add_up(sum, frame, 8, big);
        add_up(sum, data, log->page, big);
        fine = sum[0] == read_number(frame + FRAME_SUM) &&
               sum[1] == read_number(frame + FRAME_SUM + 4);
    }
    bj_free(data);
    return fine;
}

/*
 * Is there one frame that is broken, behind those that count, and then a commit with another frame
 * written behind it? A writer takes up the checksum of a commit only once it is published, so such
 * a commit was accepted.
 *
 * What killed writers leave is something else. One that was killed before it could publish leaves
 * frames that end with a commit; the next writes over them from their beginning, and if it is
 * killed too, what stands there is its frames, one of the older that does not follow from them, and
 * then the rest of the older with that commit. But nothing was ever written behind it.
 */
static bool lost_commit(const struct log *log, uint32_t frames)
{
    unsigned char frame[FRAME_HEADER];
    bool broken = false, committed = false;

    for (uint32_t i = frames;; i++) {
        bool whole;

        if (!read_log(log->file, frame, sizeof frame, frame_at(log, i)) ||
            memcmp(frame + FRAME_SALT, log->header + HEADER_SALT, SALT_SIZE) != 0)
            return false;
        whole = follows(log, i, frame);
        if (!broken) {
            broken = !whole;
            continue;
        }
        if (!whole || committed)
            return whole;
        committed = read_number(frame + FRAME_COMMIT) != 0;
    }
}

int bj_audit_check_log(struct bj_audit *audit, struct bj_error *err)
{
    struct log log = {0};
    uint32_t frames = 0;

    if (!read_index(audit, &frames, &log.page) ||
        sqlite3_file_control(audit->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log.file) !=
            SQLITE_OK ||
        log.file == NULL || log.file->pMethods == NULL ||
        !read_log(log.file, log.header, sizeof log.header, 0) || !lost_commit(&log, frames))
        return 0; /* also while there is no log yet */
    return bj_fail(
        err, BJ_E_SYSTEM, "audit",
        "%s has lost records: its log %s-wal is damaged behind %u of its frames; nothing "
        "is written to it any more: move both away, or restore them",
        audit->path, audit->path, frames);
}
