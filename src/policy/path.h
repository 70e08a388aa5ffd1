/*
 * Paths as texts: made absolute and canonical without asking any file system. Links are not
 * followed, so the answer holds for the text; what a link makes of it is decided where the kernel
 * resolves it, inside the sandbox, which has only what was bound.
 */
#ifndef BJ_POLICY_PATH_H
#define BJ_POLICY_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"

/* What relative paths and ~ are below: absolute, or NULL for unknown. */
struct bj_path_base {
    const char *directory;
    const char *home;
};

enum bj_path_form {
    BJ_PATH_CANONICAL,
    BJ_PATH_UNKNOWN, /* relative to something unknown: no directory, no home, ~user */
    BJ_PATH_INVALID, /* a control character in it, empty, or too long */
};

/*
 * Writes the canonical form of `text` into `out` of BJ_PATH_MAX bytes: absolute; no empty, . or ..
 * component; no slash at the end but for "/" itself. A leading ~ is the home, and /proc/self/root
 * and /proc/self/cwd are what they lead to (of other processes: unknown).
 */
enum bj_path_form bj_path_canonical(const char *text, const struct bj_path_base *base, char *out);

/* The next component of a path without leading slashes, its length in *ret; NULL behind the last.
 */
const char *bj_path_component(const char **path, size_t *ret_length);

#endif
