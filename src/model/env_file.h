/*
 * Environment files: NAME=VALUE lines as the `.env` files of many programs have them.
 *
 *   # comment
 *   export NAME=value      the word export is skipped
 *   NAME='as it stands'    or "with \n \t \" \\ \$"; a comment may follow the closing quote
 *   NAME=value # comment   blanks around the value are dropped
 *   NAME                   no value: copied from the caller's environment
 *
 * Nothing is expanded and no value goes over a line's end.
 */
#ifndef BJ_MODEL_ENV_FILE_H
#define BJ_MODEL_ENV_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* A place in a text, which the reader changes while it reads. */
struct bj_env_reader {
    char *text;
    size_t length;
    size_t at;
    int line; /* of the entry read last, from 1 */
};

/* One entry; pointers into the reader's text. */
struct bj_env_entry {
    char *name;  /* NULL at the end of the text */
    char *value; /* NULL when the line has a name only */
};

/* `text` is followed by a NUL that is not counted; it stays the caller's. */
void bj_env_reader_init(struct bj_env_reader *reader, char *text, size_t length);

/*
 * The next entry. After an error (BJ_E_CONFIG; it names the line, never the value) the reader
 * stands behind the bad line and may go on.
 */
int bj_env_reader_next(struct bj_env_reader *reader, struct bj_env_entry *ret_entry,
                       struct bj_error *err);

/* May this be the name of a variable? Anything printable without '=' and blanks. */
bool bj_is_env_name(const char *text, size_t length);

#endif
