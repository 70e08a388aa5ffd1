/* Python's regular expressions in PCRE2's words. */
#ifndef BJ_POLICY_PATTERN_TRANSLATE_H
#define BJ_POLICY_PATTERN_TRANSLATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * Appends the translation. origins[i] is the byte of the source that byte i came from, for
 * messages; it has room for 4 * strlen(source) + 1, which no translation exceeds, and so has the
 * buffer. BJ_E_CONFIG for what Python does not have, or what PCRE2 does not.
 */
int bj_pattern_translate(const char *source, struct bj_buf *out, uint32_t *origins,
                         struct bj_error *err);

/* The number of the character at a byte of UTF-8 text, from 1. */
size_t bj_pattern_character(const char *source, size_t byte);

#endif
