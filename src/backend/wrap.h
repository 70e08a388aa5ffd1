/*
 * wrapCommand: a shell command as the text of another one, which runs it in a sandbox. For agents
 * that start a shell themselves and only want to know what to give it.
 */
#ifndef BJ_BACKEND_WRAP_H
#define BJ_BACKEND_WRAP_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/config.h"
#include "policy/settings.h"

enum bj_wrap_backend {
    BJ_WRAP_NATIVE,     /* `belljar run …` */
    BJ_WRAP_BUBBLEWRAP, /* `bwrap …` */
    BJ_WRAP_SEATBELT,   /* `sandbox-exec …`, for macOS */
    BJ_WRAP_BACKEND_COUNT
};

/* "native", "bubblewrap", "seatbelt"; -1 for another word. */
int bj_wrap_backend_find(const char *name);

/* What the command may do. Everything is borrowed for the call. */
struct bj_wrap {
    const char *directory; /* where it starts, and may write; absolute, must exist */
    bool network;
    const char *const *read_paths;      /* absolute; ends with NULL; NULL = none */
    const char *const *write_paths;     /* likewise; goes before reading */
    const struct bj_settings *settings; /* sockets and proxies are taken from it; may be NULL */
    const char *program;                /* what the line calls; NULL = by its name */
};

/*
 * Appends the text, without a newline, for `sh -c` or any shell of POSIX's kind. Every word that
 * needs it is quoted. Read and write paths that do not exist are left out with a warning; the
 * facts about paths are those of the moment of the call.
 */
int bj_wrap_command(enum bj_wrap_backend backend, const char *command, const struct bj_wrap *wrap,
                    struct bj_buf *out, struct bj_warnings *warnings, struct bj_error *err);

#endif
