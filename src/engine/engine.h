/*
 * One command in a fresh sandbox: the one place where it is decided, recorded and done.
 */
#ifndef BJ_ENGINE_ENGINE_H
#define BJ_ENGINE_ENGINE_H

#include <stdbool.h>

#include "backend/backend.h"
#include "base/log.h"
#include "engine/guard.h"
#include "model/config.h"
#include "model/result.h"

/* What to run and where its streams go. Plain data, borrowed for the call. */
struct bj_engine_request {
    const struct bj_config *config;
    struct bj_guard *guard;         /* NULL: nothing is judged or recorded */
    struct bj_launcher *launcher;   /* NULL: this process launches, and takes the signals */
    const char *const *argv;        /* NULL-terminated */
    bool named;                     /* argv[0] is the file, its arguments begin at argv[1] */
    const char *const *environment; /* the whole of it, NULL-terminated; NULL: the usual one */
    const char *command_text; /* the shell text that argv has a shell run; NULL if it is none */
    bool terminal;            /* give it a terminal */
    bool interactive;         /* forward a terminal's input although it gets no terminal itself */
    bool capture;             /* keep output in the result instead of relaying it */
    const struct bj_log *log; /* NULL = none */
    int streams[3];           /* the caller's; -1 = nothing to read, output thrown away */

    /* Called when the sandbox is there, before the command starts, with its init's process id (0
     * where there is none); failing ends the run. May be NULL. */
    int (*created)(void *context, pid_t init_pid, struct bj_error *err);
    void *context;
};

/*
 * Runs the request to its end. Fills *result (initialised by the caller) also when it fails, as far
 * as things went. Without a launcher, signals that ask this process to end are passed on meanwhile.
 */
int bj_engine_run(const struct bj_backend *backend, const struct bj_engine_request *request,
                  struct bj_result *result, struct bj_error *err);

#endif
