/* What the files of masking share; for this folder alone. */
#ifndef BJ_MODEL_MASK_INTERNAL_H
#define BJ_MODEL_MASK_INTERNAL_H

#include "model/mask.h"

/* The text being masked. */
struct bj_mask_text {
    const char *at;
    size_t length;
    bool cut;   /* it went on behind its end: a known value may, too */
    char quote; /* the one that is open where the scan stands, as a shell would see it; 0 = none */
};

/* What is to be masked: [from, to); nothing when both are equal. */
struct bj_mask_span {
    size_t from, to;
};

/* The byte, NUL beyond the end. */
static inline char bj_mask_byte(const struct bj_mask_text *text, size_t at)
{
    return at < text->length ? text->at[at] : '\0';
}

static inline bool bj_mask_is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Of a name: also flags and dotted ones. */
static inline bool bj_mask_is_word(char c)
{
    return bj_mask_is_alnum(c) || c == '_' || c == '-' || c == '.';
}

/* A value that is known, spelt with whatever quotes and escapes, at this place. */
struct bj_mask_span bj_mask_find_value(const struct bj_mask *mask, const struct bj_mask_text *text,
                                       size_t at);

/* A word begins here: is it a secret's name with its value behind it? */
struct bj_mask_span bj_mask_find_name(const struct bj_mask_text *whole, size_t at);

/* Something here that looks like a key. */
struct bj_mask_span bj_mask_find_shape(const struct bj_mask_text *text, size_t at);

#endif
