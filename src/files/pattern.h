/*
 * Patterns for paths: * ? [a-z] [!a-z] {a,b} ** and \x for x. Parsed into alternatives of names,
 * and matched name by name while walking, so that directories in which nothing can match are not
 * read.
 */
#ifndef BJ_FILES_PATTERN_H
#define BJ_FILES_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/limits.h"

struct bj_files_alternative {
    const char *segments[BJ_FILES_SEGMENTS];
    size_t count;
};

struct bj_files_pattern {
    struct bj_arena arena;
    struct bj_files_alternative *alternatives;
    size_t count;
    bool ignore_case; /* of ASCII letters */
};

/* How far each alternative has come: bit i = its first i segments are matched. */
typedef uint64_t bj_files_states[BJ_FILES_BRACES_MAX];

/* BJ_E_INVALID, with what is wrong, for what is no pattern. Slashes at either end do not count. */
int bj_files_pattern_parse(const char *text, bool ignore_case, struct bj_files_pattern *ret,
                           struct bj_error *err);
void bj_files_pattern_release(struct bj_files_pattern *pattern);

/* Has the name no wildcards? Copies it without backslashes. */
bool bj_files_pattern_is_plain(const char *segment, char *ret, size_t size);

void bj_files_pattern_start(const struct bj_files_pattern *pattern, bj_files_states states);
/* One name further; true when the whole pattern is matched. *ret_possible: something below may be.
 */
bool bj_files_pattern_step(const struct bj_files_pattern *pattern, const bj_files_states from,
                           const char *name, size_t length, bj_files_states to, bool *ret_possible);
/* A whole relative path. */
bool bj_files_pattern_matches(const struct bj_files_pattern *pattern, const char *path);

/* One name against one segment. */
bool bj_files_segment_matches(const char *segment, const char *name, size_t length,
                              bool ignore_case);

#endif
