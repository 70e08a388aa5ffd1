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
    struct bj_mask_command command; /* the one that it stands in */
    char command_quote;             /* in which that began */
    size_t *work;                   /* steps that are left for it */
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

/* Accounts for steps; false when no more are left, and nothing that is found counts any more. */
static inline bool bj_mask_work(const struct bj_mask_text *text, size_t steps)
{
    *text->work = *text->work > steps ? *text->work - steps : 0;
    return *text->work > 0;
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

/* Is this word of an argument vector a flag of which the next word is the secret, by its name? */
bool bj_mask_takes_next(const char *word);

/* A value that is known, spelt with whatever quotes and escapes, at this place. */
struct bj_mask_span bj_mask_find_value(const struct bj_mask *mask, const struct bj_mask_text *text,
                                       size_t at);

/* A word begins here: is it a secret's name with its value behind it? */
struct bj_mask_span bj_mask_find_name(const struct bj_mask_text *whole, size_t at);

/* The value that begins here. */
struct bj_mask_span bj_mask_value_at(const struct bj_mask_text *text, size_t at);

/* ---- mask_program.c ---- */

/* The program of this name, or path; NULL if it is none whose options hide secrets. */
const struct bj_mask_program *bj_mask_find_program(const char *word, size_t length);
/* Takes note of a word of a command whose program is known. */
void bj_mask_note_word(struct bj_mask_command *command, const char *word, size_t length);

/* Is the word an option of the program with a secret? False as well for any other option. */
bool bj_mask_read_option(const struct bj_mask_command *command, const char *word, size_t length,
                         struct bj_mask_option *ret);
/* Is it the name of a setting whose value is the next word, and a secret? */
bool bj_mask_is_setting(const struct bj_mask_command *command, const char *word, size_t length);
/* How much of the option's value may be shown. */
size_t bj_mask_hidden_from(int hidden, const char *value, size_t length);

/* A word begins here: is it an option with a secret? False: ask for other names. Keeps track of the
 * command. */
bool bj_mask_find_secret_option(struct bj_mask_text *text, size_t at, struct bj_mask_span *ret);

/* Something here that looks like a key. */
struct bj_mask_span bj_mask_find_shape(const struct bj_mask_text *text, size_t at);

#endif
