/* Foreign text made fit for a terminal, one line of a log or a shell. */
#ifndef BJ_BASE_ESCAPE_H
#define BJ_BASE_ESCAPE_H

#include <stdint.h>

#include "base/buf.h"

/*
 * Appends `length` bytes with everything that could act on a terminal, start a line or hide what
 * stands beside it as \xNN: control characters of ASCII and of Unicode (C1, line and paragraph
 * separators, the marks that turn the direction of text), and bytes that are no UTF-8. A backslash
 * before an x is doubled, so that what was escaped can be told; others stay as people typed them.
 */
void bj_put_escaped(struct bj_buf *out, const char *text, size_t length);

/* Appends a word, quoted for a shell of POSIX's kind if need be. */
void bj_shell_quote(struct bj_buf *out, const char *word);

/* The same, in single quotes whatever it is: no keyword or assignment is read out of it. */
void bj_shell_quote_all(struct bj_buf *out, const char *word);

/*
 * The character that `left` (not 0) bytes begin with: its length in bytes and its code point; 0 if
 * they are no UTF-8.
 */
size_t bj_text_decode(const char *text, size_t left, uint32_t *ret);

/* Is all of it UTF-8? */
bool bj_text_is_utf8(const char *text, size_t length);

/* Could this code point do what is said above? */
bool bj_text_acts(uint32_t point);

#endif
