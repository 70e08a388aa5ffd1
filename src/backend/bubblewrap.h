/*
 * The command line of bubblewrap for a configuration: what `belljar wrap` prints and what the
 * bubblewrap backend executes. Pure.
 */
#ifndef BJ_BACKEND_BUBBLEWRAP_H
#define BJ_BACKEND_BUBBLEWRAP_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "model/config.h"
#include "model/host.h"

/* What the configuration does not say. Borrowed for the call. */
struct bj_bubblewrap_options {
    const char *program;      /* "bwrap", or its path */
    const char *home;         /* of the workload: an empty directory unless a volume covers it */
    const char *const *extra; /* further options, ends with NULL; or NULL */
    bool new_session;         /* leave the caller's terminal; false where it is one made for it */
};

/* The workload's home where the caller's is not wanted. */
#define BJ_BUBBLEWRAP_HOME "/home/user"

/*
 * Everything up to and including "--". *ret_argv and its strings are the arena's, and end with
 * NULL. BJ_E_UNSUPPORTED for what bubblewrap cannot do, BJ_E_DENIED for a workspace that cannot be
 * protected.
 */
int bj_bubblewrap_argv(const struct bj_config *config, const struct bj_host *host,
                       const struct bj_bubblewrap_options *options, struct bj_arena *arena,
                       const char *const **ret_argv, struct bj_error *err);

#endif
