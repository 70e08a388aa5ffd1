/*
 * Tables of options over any struct: rows like those of options.def, for programs whose options are
 * not a sandbox's. From the same rows come flags, variables, keys of a JSON document, and help. A
 * row's kind is BOOL, COUNT, SIZE, DURATION, DECIMAL, ENUM, STRING, SECRET, HOST_PATH, STRING_LIST
 * or ARGUMENT.
 */
#ifndef BJ_MODEL_ROWS_H
#define BJ_MODEL_ROWS_H

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/options.h"

struct bj_rows {
    const struct bj_option *row;
    size_t count;
};

/* Sets what a command line says; argv[0] is a name. A list that it names at all is replaced.
 * *ret_rest is the first argument that is no option. BJ_E_INVALID, the message naming the flag. */
int bj_rows_flags(const struct bj_rows *rows, void *base, int argc, char **argv, int *ret_rest,
                  struct bj_error *err);

/* Sets what the environment says. */
int bj_rows_variables(const struct bj_rows *rows, void *base, struct bj_error *err);

/*
 * Sets what a JSON object says. Keys of `others` (NULL-terminated) are left to the caller; any
 * other unknown one is an error. Relative paths are below `directory`. BJ_E_CONFIG, naming the key.
 */
int bj_rows_json(const struct bj_rows *rows, void *base, json_t *root, const char *const *others,
                 const char *directory, struct bj_error *err);

/* Frees texts and lists. */
void bj_rows_release(const struct bj_rows *rows, void *base);

/* Lines for --help. `defaults` has the values to be told; NULL = none. */
void bj_rows_help(const struct bj_rows *rows, const void *defaults, struct bj_buf *out);

/* A table in Markdown, for the documents. */
void bj_rows_markdown(const struct bj_rows *rows, const void *defaults, struct bj_buf *out);

#endif
