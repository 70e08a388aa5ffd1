/* What the ways to wrap a command share. */
#ifndef BJ_BACKEND_WRAP_INTERNAL_H
#define BJ_BACKEND_WRAP_INTERNAL_H

#include "backend/wrap.h"
#include "model/host.h"

/* A command to be wrapped, with everything settled. */
struct bj_wrapping {
    const char *command;
    const struct bj_wrap *wrap;
    const struct bj_config *config; /* workspace, volumes, network and variables of it */
    const struct bj_host *host;
    const char *home;  /* the caller's */
    const char *shell; /* that runs the command: /bin/bash, or /bin/sh */
};

int bj_wrap_native(const struct bj_wrapping *wrapping, struct bj_buf *out, struct bj_error *err);
int bj_wrap_bubblewrap(const struct bj_wrapping *wrapping, struct bj_buf *out,
                       struct bj_error *err);
int bj_wrap_seatbelt(const struct bj_wrapping *wrapping, struct bj_buf *out, struct bj_error *err);

/* The profile alone: what sandbox-exec -p gets. */
int bj_seatbelt_profile(const struct bj_wrapping *wrapping, struct bj_buf *out,
                        struct bj_error *err);

/* Appends " SHELL -c COMMAND". A command that begins as an option does is not taken for one. */
void bj_wrap_put_shell(const struct bj_wrapping *wrapping, const char *shell, struct bj_buf *out);

/* The environment of a wrapped command, built from nothing but the caller's PATH and language;
 * the caller's to free: bj_strv_free(). */
int bj_wrap_environment(const struct bj_wrapping *wrapping, char ***ret, struct bj_error *err);

#endif
