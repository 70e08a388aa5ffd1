/*
 * Takes secrets out of texts before they are recorded: by name (password=…, --token …, "api_key":
 * …, Authorization: …, user:…@ in a URL), by value (those known from the configuration and the
 * environment, also where quoting or escaping splits them) and by shape (keys that their makers
 * gave a prefix, JWTs, PEM private keys).
 *
 * What is taken out is as little as can be: a value ends where shell text would go on to do
 * something, so that a secret's name is no place to hide a command from the record.
 */
#ifndef BJ_AUDIT_MASK_H
#define BJ_AUDIT_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

#define BJ_MASKED "[masked]"

struct bj_mask_value {
    const char *text; /* owned by the mask's memory */
    size_t length;
};

struct bj_mask {
    struct bj_mask_value *values; /* owned */
    size_t count;
    bool first[256]; /* bytes with which a value can begin, escaped or not */
};

/* Copies the values; those shorter than four bytes are left out, since they are everywhere. */
int bj_mask_init(struct bj_mask *mask, const char *const *secrets, const char *const *environment,
                 struct bj_error *err);
void bj_mask_release(struct bj_mask *mask);

/* Appends the text with secrets replaced by BJ_MASKED. */
void bj_mask_text(const struct bj_mask *mask, const char *text, size_t length, struct bj_buf *out);

/* Is this word of an argument vector a flag of which the next word is the secret? */
bool bj_mask_takes_next(const char *word);

#endif
