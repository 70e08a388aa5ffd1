/*
 * A pattern of the command blacklist: Python's syntax, compiled by PCRE2, with the automaton that
 * answers for texts with unknown parts (could_match.h) and the flags that its source mentions.
 */
#ifndef BJ_POLICY_PATTERN_H
#define BJ_POLICY_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* A flag that the source mentions: "-rf" is the letters r and f, "--force" a name. */
struct bj_flag_token {
    char text[32]; /* without dashes */
    bool name;
    bool equals; /* = stands behind it */
};

#define BJ_FLAG_TOKENS_MAX 16 /* further ones are not moved about, only matched as written */

struct bj_pattern;

/*
 * BJ_E_CONFIG with what is wrong and at which character when the source cannot be compiled.
 * The source is not needed after.
 */
int bj_pattern_new(const char *source, struct bj_pattern **ret, struct bj_error *err);
void bj_pattern_free(struct bj_pattern *pattern);

const char *bj_pattern_source(const struct bj_pattern *pattern);
const struct bj_flag_token *bj_pattern_flags(const struct bj_pattern *pattern, size_t *ret_count);

enum bj_match {
    BJ_MATCH_NO,
    BJ_MATCH_YES,
    BJ_MATCH_LIMIT, /* it takes too long to tell */
};

/* Does a match begin at byte `at`? Unknown parts (could_match.h) match nothing. */
enum bj_match bj_pattern_match(struct bj_pattern *pattern, const char *text, size_t length,
                               size_t at);

/* Could one, whatever the unknown parts are? */
bool bj_pattern_could_match(struct bj_pattern *pattern, const char *text, size_t length, size_t at);

/* Can one begin with this byte? Quick. */
bool bj_pattern_can_start(const struct bj_pattern *pattern, char byte);

#endif
