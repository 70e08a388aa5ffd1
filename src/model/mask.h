/*
 * Takes secrets out of texts before they are recorded or told: by name (password=…, --token …,
 * "api_key": …, Authorization: …, user:…@ in a URL), by value (those known from the configuration
 * and the environment, also where quoting or escaping splits them) and by shape (keys that their
 * makers gave a prefix, JWTs, PEM private keys).
 *
 * What is taken out is as little as can be: a value ends where shell text would go on to do
 * something, so that a secret's name is no place to hide a command from the record.
 */
#ifndef BJ_MODEL_MASK_H
#define BJ_MODEL_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

#define BJ_MASKED      "[masked]"
#define BJ_MASKED_LONG "[masked: too much to look through]"
#define BJ_MASKED_ALL  "[masked: too many secrets to look for]"

struct bj_mask_value {
    const char *text; /* no string; owned, in memory that no child gets */
    size_t length;
};

/* Values that are being read together: see mask.c. */
struct bj_mask_part {
    size_t low, high; /* those from `low` to before `high` in the order of bytes */
    size_t at;        /* how far the text was read */
    size_t done;      /* bytes of them that it spells */
};

struct bj_mask {
    struct bj_mask_value *values; /* owned, in the order in which they were added */
    unsigned short *sorted;       /* owned: their indexes in the order of their bytes */
    struct bj_mask_part *parts;   /* owned: room to work in */
    size_t count, capacity;
    bool hides;      /* every text, as a whole */
    size_t longest;  /* bytes */
    bool first[256]; /* bytes with which a value can begin, escaped or not */
};

/*
 * Add values, which are copied: `value` itself, or of NAME=VALUE … NULL those whose names are of
 * secrets. NULL adds nothing; nor does one shorter than four bytes, since that is everywhere, nor
 * one that is there already. BJ_E_LIMIT beyond BJ_SECRETS_MAX. A zeroed mask knows no value.
 */
int bj_mask_add(struct bj_mask *mask, const char *value, struct bj_error *err);
int bj_mask_add_environment(struct bj_mask *mask, const char *const *environment,
                            struct bj_error *err);
/* For when not every value could be added: of texts only BJ_MASKED_ALL is shown. */
void bj_mask_hide(struct bj_mask *mask);
/* Wipes the values that were added last, all but `count`, and shows texts again. */
void bj_mask_trim(struct bj_mask *mask, size_t count);
/* Wipes the values; the mask is as a zeroed one. */
void bj_mask_release(struct bj_mask *mask);

/*
 * Appends the text with secrets replaced by BJ_MASKED. The time that takes is bounded by the text's
 * length, whatever the values are: where it would be more, BJ_MASKED_LONG is all that is appended.
 */
void bj_mask_text(const struct bj_mask *mask, const char *text, size_t length, struct bj_buf *out);

/* The same of what is left of a text that was cut: its end may be the beginning of a secret. */
void bj_mask_rest(const struct bj_mask *mask, const char *text, size_t length, struct bj_buf *out);

/*
 * The same of a text that may be long: appends at most `maximum` bytes, of whole characters, and
 * never half of a secret. False if that was all of it; true if something is left out, also where
 * BJ_MASKED_LONG or BJ_MASKED_ALL stands for the whole.
 */
bool bj_mask_cut(const struct bj_mask *mask, const char *text, size_t length, size_t maximum,
                 struct bj_buf *out);

/* Does a variable, key, option or header of this name hold a secret? */
bool bj_mask_secret_name(const char *name, size_t length);

/* A command being read: its program, once that was seen, and what else has come. */
struct bj_mask_program;
struct bj_mask_command {
    const struct bj_mask_program *program; /* NULL = none that is known */
    bool verb;                             /* one that makes options mean what they do */
    bool settings;                         /* one behind which names have their values */
};

/* An option with a secret; for the files of masking. */
struct bj_mask_option {
    size_t at;        /* where its value begins in the word, if `joined` */
    int hidden;       /* what of the value is the secret */
    bool joined;      /* the value is in the same word */
    bool only_joined; /* and never in the next */
    bool not_a_dash;  /* nor there if that begins with a dash */
};

/* An argument vector that is read word by word; zeroed at its beginning. */
struct bj_mask_words {
    struct bj_mask_command command;
    struct bj_mask_option option;
    bool expected; /* the next word is the option's value */
};

/*
 * How many bytes of the next word may be shown: all of it, or what stands in front of a secret that
 * its place tells of, such as behind --token, or mysql's -p. What is shown may have secrets for
 * bj_mask_text() to find.
 */
size_t bj_mask_word(struct bj_mask_words *words, const char *word);

#endif
