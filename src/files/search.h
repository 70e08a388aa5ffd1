/* Searching: the pattern and what is told of a file. For search.c and search_file.c alone. */
#ifndef BJ_FILES_SEARCH_H
#define BJ_FILES_SEARCH_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "files/internal.h"
#include "files/pattern.h"

/* A line kept in case a match follows. */
struct bj_files_context_line {
    int64_t number;
    struct bj_buf text;
    bool cut;
};

struct bj_files_run_search {
    struct bj_files *files;
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
    struct bj_files_pattern globs[BJ_FILES_LISTED_MAX];
    bool negated[BJ_FILES_LISTED_MAX];
    size_t glob_count;
    bool wanted_globs; /* one of them is not negated */
    struct bj_files_kept kept;
    struct bj_buf content;                /* of the file, or a part of it */
    struct bj_files_context_line *before; /* a ring of options.before */

    int64_t matches, matched_files, searched, skipped, gave_up;
};

/* Searches one regular file, given by an open descriptor. */
int bj_files_search_file(struct bj_files_run_search *search, int fd, const struct stat *status,
                         const char *path, struct bj_error *err);

/* The first match in a text from an offset on; false when there is none or it was given up. */
bool bj_files_search_match(struct bj_files_run_search *search, const char *text, size_t length,
                           size_t from, size_t *ret_begin, size_t *ret_end);

#endif
