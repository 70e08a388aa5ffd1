/* Finding a pattern in the files of a tree: which files, and the pattern. */
#include "files/search.h"

#include <fcntl.h>
#include <string.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

#define STEPS_MAX  200000     /* of PCRE2 for one line or, with --multiline, one file */
#define HEAP_KB    (16 << 10) /* of PCRE2 */
#define STACK_SIZE (1 << 20)  /* of compiled patterns */

static int compile(struct bj_files_run_search *search, const char *pattern, struct bj_error *err)
{
    const struct bj_files_options *options = &search->files->options;
    uint32_t flags =
        PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | (options->ignore_case ? PCRE2_CASELESS : 0) |
        (options->fixed ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C) |
        (options->multiline && !options->fixed ? PCRE2_DOTALL : 0);
    PCRE2_SIZE at;
    int number;

    search->code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, flags, &number, &at, NULL);
    if (search->code == NULL) {
        char text[256];

        pcre2_get_error_message(number, (PCRE2_UCHAR *)text, sizeof text);
        return bj_fail(err, BJ_E_INVALID, "pattern", "the pattern is not valid: at byte %zu: %s",
                       (size_t)at, text);
    }
    search->match = pcre2_match_data_create_from_pattern(search->code, NULL);
    search->limits = pcre2_match_context_create(NULL);
    if (search->match == NULL || search->limits == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "pattern", "out of memory");
    pcre2_set_match_limit(search->limits, STEPS_MAX);
    pcre2_set_depth_limit(search->limits, STEPS_MAX);
    pcre2_set_heap_limit(search->limits, HEAP_KB);
    /* Where memory may not be executable it is interpreted, slower. */
    if (pcre2_jit_compile(search->code, PCRE2_JIT_COMPLETE) == 0) {
        search->stack = pcre2_jit_stack_create(32 << 10, STACK_SIZE, NULL);
        pcre2_jit_stack_assign(search->limits, NULL, search->stack);
    }
    return 0;
}

bool bj_files_search_match(struct bj_files_run_search *search, const char *text, size_t length,
                           size_t from, size_t *ret_begin, size_t *ret_end)
{
    int found =
        pcre2_match(search->code, (PCRE2_SPTR)text, length, from, 0, search->match, search->limits);
    const PCRE2_SIZE *places;

    if (found == PCRE2_ERROR_NOMATCH)
        return false;
    if (found < 0) {
        search->gave_up++;
        return false;
    }
    places = pcre2_get_ovector_pointer(search->match);
    *ret_begin = places[0];
    *ret_end = places[1] > places[0] ? places[1] : places[0]; /* \K can turn them round */
    return true;
}

static void release(struct bj_files_run_search *search)
{
    for (size_t i = 0; i < search->glob_count; i++)
        bj_files_pattern_release(&search->globs[i]);
    for (int64_t i = 0; search->before != NULL && i < search->files->options.before; i++)
        bj_buf_release(&search->before[i].text);
    bj_free(search->before);
    bj_buf_release(&search->content);
    bj_files_kept_release(&search->kept);
    pcre2_match_data_free(search->match);
    pcre2_match_context_free(search->limits);
    pcre2_jit_stack_free(search->stack);
    pcre2_code_free(search->code);
}

/* Without a slash a glob is about names, wherever they are. */
static int parse_globs(struct bj_files_run_search *search, struct bj_error *err)
{
    const struct bj_files_list *given = &search->files->options.globs;
    int result = 0;

    for (size_t i = 0; i < given->count && result == 0; i++) {
        const char *text = given->items[i];
        struct bj_buf whole;

        search->negated[i] = *text == '!';
        search->wanted_globs |= !search->negated[i];
        text += search->negated[i];
        bj_buf_init(&whole, BJ_FILES_PATH_MAX + 4);
        bj_buf_printf(&whole, "%s%s", strchr(text, '/') == NULL ? "**/" : "", text);
        result = bj_files_pattern_parse(bj_buf_text(&whole), false, &search->globs[i], err);
        bj_buf_release(&whole);
        if (result == 0)
            search->glob_count++;
    }
    return result;
}

/* The last glob that matches decides, as in lists of what to ignore. */
static bool is_wanted(const struct bj_files_run_search *search, const char *relative,
                      bool directory)
{
    for (size_t i = search->glob_count; i > 0; i--) {
        if (directory && !search->negated[i - 1])
            continue;
        if (bj_files_pattern_matches(&search->globs[i - 1], relative))
            return !search->negated[i - 1];
    }
    return directory || !search->wanted_globs;
}

static int search_entry(void *context, const struct bj_files_entry *entry,
                        enum bj_files_step *ret_step, struct bj_error *err)
{
    struct bj_files_run_search *search = context;
    BJ_CLEANUP_CLOSE int fd = -1;
    struct stat status;
    int result;

    if (S_ISDIR(entry->status.st_mode)) {
        if (bj_files_is_excluded(search->files, entry) || !is_wanted(search, entry->relative, true))
            *ret_step = BJ_STEP_OVER;
        return 0;
    }
    if (!S_ISREG(entry->status.st_mode) || !is_wanted(search, entry->relative, false))
        return 0;
    if (bj_files_open(entry->dir_fd, entry->name, O_RDONLY | O_NOFOLLOW, &fd, &status, NULL) < 0) {
        search->skipped++;
        return 0;
    }
    result = bj_files_search_file(search, fd, &status, entry->path, err);
    if (search->files->truncated != NULL)
        *ret_step = BJ_STEP_STOP;
    return result;
}

static int search_path(struct bj_files_run_search *search, const char *path, struct bj_error *err)
{
    struct bj_files_walk walk = {
        .visit = search_entry, .context = search, .depth = (unsigned)search->files->options.depth};
    BJ_CLEANUP_CLOSE int fd = -1;
    struct stat status;
    int result;

    if (BJ_SYS(fstatat(AT_FDCWD, path, &status, 0)) < 0)
        return bj_files_fail(err, "search", "cannot look into %s", path);
    if (S_ISDIR(status.st_mode))
        return bj_files_walk(search->files, &walk, path, err);
    result = bj_files_open(AT_FDCWD, path, O_RDONLY, &fd, &status, err);
    return result < 0 ? result : bj_files_search_file(search, fd, &status, path, err);
}

static int put_kept(struct bj_files_run_search *search, struct bj_error *err)
{
    int result = 0;

    bj_files_kept_finish(&search->kept);
    for (size_t i = 0; i < search->kept.count && result == 0; i++) {
        const struct bj_files_kept_item *item = &search->kept.items[i];

        bj_files_record_begin(search->files);
        bj_files_put_bytes(&search->files->out, "path", item->path, strlen(item->path));
        bj_files_put_int(&search->files->out, "mtime_ns", item->mtime_ns);
        result = bj_files_record_end(search->files, err);
    }
    if (search->kept.more || search->kept.no_memory)
        search->files->truncated = search->kept.no_memory ? "memory" : "limit";
    return result;
}

static int run(struct bj_files_run_search *search, const char *path, struct bj_error *err)
{
    const struct bj_files_options *options = &search->files->options;
    int result = parse_globs(search, err);

    if (result == 0)
        result = compile(search, search->files->arguments[0], err);
    if (result == 0 && options->before > 0) {
        search->before = bj_alloc((size_t)options->before * sizeof *search->before);
        if (search->before == NULL)
            result = bj_fail(err, BJ_E_NO_MEMORY, "search", "out of memory");
    }
    for (int64_t i = 0; result == 0 && i < options->before; i++)
        bj_buf_init(&search->before[i].text, (size_t)options->line_bytes);
    if (result == 0)
        result = search_path(search, path, err);
    return result < 0 ? result : put_kept(search, err);
}

int bj_files_run_search(struct bj_files *files, struct bj_error *err)
{
    struct bj_files_run_search search = {.files = files};
    BJ_CLEANUP_FREE char *path = NULL;
    int result = bj_files_absolute(files->arguments[1], &path, err);

    if (result < 0)
        return result;
    if (strlen(files->arguments[0]) > BJ_FILES_PATTERN_MAX)
        return bj_fail(err, BJ_E_LIMIT, "pattern", "the pattern is longer than %d bytes",
                       BJ_FILES_PATTERN_MAX);
    bj_files_set_time(files, BJ_FILES_TIME_MS);
    bj_files_kept_init(&search.kept, (size_t)files->options.limit, false);
    bj_buf_init(&search.content, files->options.multiline ? BJ_CONTENT_MAX : BJ_FILES_LINE_MAX);
    result = run(&search, path, err);
    bj_files_put_int(&files->end, "matches", search.matches);
    bj_files_put_int(&files->end, "files", search.matched_files);
    bj_files_put_int(&files->end, "searched", search.searched);
    bj_files_put_int(&files->end, "skipped", search.skipped);
    bj_files_put_int(&files->end, "gave_up", search.gave_up);
    release(&search);
    return result;
}
