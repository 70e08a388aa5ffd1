/*
 * A word of a command line after expansion, as far as the text tells what it will be.
 *
 * Bytes that cannot be known stand as one NUL, called a hole: any bytes, or none, may come there at
 * run time. No argument of a program can hold a NUL, so a hole is never mistaken for text.
 */
#ifndef BJ_POLICY_WORD_H
#define BJ_POLICY_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bj_word {
    const char *text;  /* after quote removal; `length` bytes and then a NUL that does not count */
    uint32_t length;   /* bytes */
    uint32_t from, to; /* where it stands in the analysed text */
    bool holes;        /* there is a hole in it */
    bool splits;       /* a hole was not quoted: at run time several words, or none */
    bool glob;         /* has unquoted * ? [ that may become names of files */
};

#define BJ_HOLE '\0'

/* How a hole is shown to people. */
#define BJ_HOLE_SHOWN "(an unknown part)"

/* Is it exactly this, without holes? */
static inline bool bj_word_is(const struct bj_word *word, const char *text)
{
    return !word->holes && word->length == strlen(text) &&
           memcmp(word->text, text, word->length) == 0;
}

/* Does what is known of its beginning start with this? */
static inline bool bj_word_starts(const struct bj_word *word, const char *text)
{
    size_t length = strlen(text);

    return word->length >= length && memcmp(word->text, text, length) == 0;
}

#endif
