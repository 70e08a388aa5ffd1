/*
 * Searching one file. It is read, never mapped (it may shrink meanwhile), and goes through line by
 * line; a match that may span lines is found in the whole file first and then told line by line
 * too.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/fault.h"
#include "files/search.h"

#define LOOK_AT_CLOCK 64 /* lines */

struct scan {
    struct bj_files_run_search *search;
    const char *path;
    int64_t mtime_ns;
    int64_t line; /* of the one at hand */
    int64_t matched;
    int64_t after_left;
    size_t ring_count, ring_next; /* lines kept in search->before */
    bool done;

    /* With --multiline: where the next match is, counted from the start of the file. */
    size_t match_begin, match_end, offset;
    bool has_match;
};

/* ---- telling ---- */

/* Back to where a character begins. */
static size_t character_start(const char *text, size_t at)
{
    size_t back = 0;

    while (back < at && back < 3 && ((unsigned char)text[at - back] & 0xc0) == 0x80)
        back++;
    return at - back;
}

/* The part of a line that is shown: its start, or what is around the match. */
static void window(const char *text, size_t length, size_t limit, size_t from, size_t to,
                   size_t *ret_start, size_t *ret_length)
{
    size_t start = 0, end = length;

    if (length > limit && to > limit)
        start = character_start(text, from > limit / 4 ? from - limit / 4 : 0);
    if (end - start > limit)
        end = character_start(text, start + limit);
    *ret_start = start;
    *ret_length = end > start ? end - start : limit;
}

static int count_record(struct scan *scan)
{
    struct bj_files *files = scan->search->files;

    if (files->limit_left > 0) {
        files->limit_left--;
        return 0;
    }
    files->truncated = "limit";
    scan->done = true;
    return -1;
}

static int put_line(struct scan *scan, int64_t number, const char *text, size_t length, bool cut,
                    bool matched, size_t from, size_t to, struct bj_error *err)
{
    struct bj_files *files = scan->search->files;
    size_t start, shown;

    if (count_record(scan) < 0)
        return 0;
    window(text, length, (size_t)files->options.line_bytes, from, to, &start, &shown);
    bj_files_record_begin(files);
    bj_files_put_bytes(&files->out, "path", scan->path, strlen(scan->path));
    bj_files_put_int(&files->out, "line", number);
    if (matched)
        bj_files_put_int(&files->out, "column", (int64_t)from + 1);
    bj_files_put_bytes(&files->out, "text", text + start, shown);
    bj_files_put_bool(&files->out, "match", matched);
    if (matched) {
        bj_files_put_int(&files->out, "from", (int64_t)(from - start));
        bj_files_put_int(&files->out, "to",
                         (int64_t)((to < start + shown ? to : start + shown) - start));
    }
    if (cut || shown < length)
        bj_files_put_bool(&files->out, "cut", true);
    return bj_files_record_end(files, err);
}

static void keep_line(struct scan *scan, const char *text, size_t length)
{
    struct bj_files_run_search *search = scan->search;
    size_t capacity = (size_t)search->files->options.before;
    struct bj_files_context_line *line = &search->before[scan->ring_next];
    size_t limit = (size_t)search->files->options.line_bytes;

    line->number = scan->line;
    line->text.length = 0;
    line->cut = length > limit;
    bj_buf_append(&line->text, text, line->cut ? character_start(text, limit) : length);
    scan->ring_next = (scan->ring_next + 1) % capacity;
    if (scan->ring_count < capacity)
        scan->ring_count++;
}

static int put_kept_lines(struct scan *scan, struct bj_error *err)
{
    size_t capacity = (size_t)scan->search->files->options.before;
    int result = 0;

    for (size_t i = scan->ring_count; i > 0 && result == 0 && !scan->done; i--) {
        const struct bj_files_context_line *line =
            &scan->search->before[(scan->ring_next + capacity - i) % capacity];

        result = put_line(scan, line->number, bj_buf_text(&line->text), line->text.length,
                          line->cut, false, 0, 0, err);
    }
    scan->ring_count = 0;
    return result;
}

/* ---- one line ---- */

static int take_match(struct scan *scan, const char *text, size_t length, size_t from, size_t to,
                      struct bj_error *err)
{
    const struct bj_files_options *options = &scan->search->files->options;
    int result;

    scan->matched++;
    scan->search->matches++;
    if (options->show == BJ_SHOW_FILES)
        scan->done = true;
    if (options->show != BJ_SHOW_CONTENT)
        return 0;
    result = put_kept_lines(scan, err);
    if (result < 0 || scan->done)
        return result;
    scan->after_left = options->after;
    return put_line(scan, scan->line, text, length, false, true, from, to, err);
}

/* Does the line have a part of a match that was found in the whole file? */
static bool is_in_match(struct scan *scan, const char *whole, size_t size, size_t begin,
                        size_t length, size_t *ret_from, size_t *ret_to)
{
    while (scan->has_match && scan->match_end <= begin && scan->match_begin < begin) {
        size_t from = scan->match_end > scan->offset ? scan->match_end : scan->offset;

        scan->has_match =
            from <= size && bj_files_search_match(scan->search, whole, size, from,
                                                  &scan->match_begin, &scan->match_end);
        scan->offset = scan->match_end + (scan->match_end == scan->match_begin);
    }
    if (!scan->has_match || scan->match_begin > begin + length)
        return false;
    *ret_from = scan->match_begin > begin ? scan->match_begin - begin : 0;
    *ret_to = scan->match_end < begin + length ? scan->match_end - begin : length;
    return true;
}

static bool out_of_time(struct scan *scan)
{
    struct bj_files *files = scan->search->files;

    if (scan->line % LOOK_AT_CLOCK != 0 || files->deadline_us == 0 ||
        bj_clock_us() <= files->deadline_us)
        return false;
    files->truncated = "time";
    scan->done = true;
    return true;
}

static int scan_line(struct scan *scan, const char *text, size_t length, const char *whole,
                     size_t size, struct bj_error *err)
{
    const struct bj_files_options *options = &scan->search->files->options;
    size_t from = 0, to = 0;
    bool matched;

    scan->line++;
    if (out_of_time(scan))
        return 0;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    if (whole != NULL)
        matched = is_in_match(scan, whole, size, (size_t)(text - whole), length, &from, &to);
    else
        matched = bj_files_search_match(scan->search, text, length, 0, &from, &to);
    if (matched)
        return take_match(scan, text, length, from, to, err);
    if (options->show != BJ_SHOW_CONTENT)
        return 0;
    if (scan->after_left > 0) {
        scan->after_left--;
        return put_line(scan, scan->line, text, length, false, false, 0, 0, err);
    }
    if (options->before > 0)
        keep_line(scan, text, length);
    return 0;
}

/* ---- the file ---- */

/* More of the file behind what is there. 1, 0 at its end, or -1. */
static int read_more(struct bj_buf *content, int fd)
{
    size_t left = content->maximum - content->length;
    char *room = bj_buf_reserve(content, left < 65536 ? left : 65536);
    ssize_t length;

    if (room == NULL)
        return -1;
    do
        length = BJ_SYS(read(fd, room, left < 65536 ? left : 65536));
    while (length < 0 && errno == EINTR);
    if (length > 0)
        content->length += (size_t)length;
    return length > 0 ? 1 : (int)length;
}

/* Lines as long as there are any; a line without an end is kept for when more was read, unless
 * there is no more or no room. */
static int scan_lines(struct scan *scan, struct bj_buf *content, bool all, bool whole,
                      struct bj_error *err)
{
    const char *at = content->data, *end = at + content->length;
    int result = 0;

    while (at < end && result == 0 && !scan->done) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        if (newline == NULL && !all && content->length < content->maximum)
            break;
        result = scan_line(scan, at, (size_t)((newline != NULL ? newline : end) - at),
                           whole ? content->data : NULL, content->length, err);
        at = newline != NULL ? newline + 1 : end;
    }
    if (at > content->data) {
        memmove(content->data, at, (size_t)(end - at));
        content->length = (size_t)(end - at);
    }
    return result;
}

static int scan_stream(struct scan *scan, int fd, struct bj_error *err)
{
    struct bj_buf *content = &scan->search->content;
    int more = 1, result = 0;

    content->length = 0;
    while (more > 0 && result == 0 && !scan->done) {
        size_t before = content->length;

        more = read_more(content, fd);
        if (more < 0 || memchr(content->data + before, '\0', content->length - before) != NULL) {
            scan->search->skipped++;
            return 0;
        }
        result = scan_lines(scan, content, more == 0, false, err);
    }
    return result;
}

static int scan_whole(struct scan *scan, int fd, struct bj_error *err)
{
    struct bj_buf *content = &scan->search->content;
    int more = 1;

    content->length = 0;
    while (more > 0 && content->length < content->maximum)
        more = read_more(content, fd);
    if (more != 0 || memchr(content->data, '\0', content->length) != NULL) {
        scan->search->skipped++;
        return 0;
    }
    scan->has_match = bj_files_search_match(scan->search, content->data, content->length, 0,
                                            &scan->match_begin, &scan->match_end);
    scan->offset = scan->match_end + (scan->match_end == scan->match_begin);
    return scan->has_match ? scan_lines(scan, content, true, true, err) : 0;
}

static int put_file(struct scan *scan, struct bj_error *err)
{
    const struct bj_files_options *options = &scan->search->files->options;
    struct bj_files *files = scan->search->files;

    if (options->show == BJ_SHOW_CONTENT)
        return 0;
    if (options->show == BJ_SHOW_FILES && options->order == BJ_ORDER_NEWEST)
        return bj_files_kept_add(&scan->search->kept, scan->path, scan->mtime_ns, err);
    if (count_record(scan) < 0)
        return 0;
    bj_files_record_begin(files);
    bj_files_put_bytes(&files->out, "path", scan->path, strlen(scan->path));
    if (options->show == BJ_SHOW_COUNT)
        bj_files_put_int(&files->out, "count", scan->matched);
    else
        bj_files_put_int(&files->out, "mtime_ns", scan->mtime_ns);
    return bj_files_record_end(files, err);
}

int bj_files_search_file(struct bj_files_run_search *search, int fd, const struct stat *status,
                         const char *path, struct bj_error *err)
{
    struct scan scan = {.search = search, .path = path, .mtime_ns = bj_files_time(status->st_mtim)};
    int result;

    search->searched++;
    if (search->content.failed)
        return bj_fail(err, BJ_E_NO_MEMORY, "search", "out of memory");
    result =
        search->files->options.multiline ? scan_whole(&scan, fd, err) : scan_stream(&scan, fd, err);
    if (result < 0 || scan.matched == 0)
        return result;
    search->matched_files++;
    return put_file(&scan, err);
}
