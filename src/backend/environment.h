/* The environment of a process in a sandbox. */
#ifndef BJ_BACKEND_ENVIRONMENT_H
#define BJ_BACKEND_ENVIRONMENT_H

#include <stdbool.h>

#include "base/error.h"
#include "model/config.h"

/* What it is made from. Everything is borrowed. */
struct bj_environment_base {
    const char *user, *home;
    char *const *own; /* the configuration's, NAME=VALUE, ends with NULL; may be NULL */
    bool terminal;    /* the process has one */
};

/*
 * Built from nothing, then the configuration's variables. NULL-terminated, with its strings the
 * caller's: bj_strv_free().
 */
int bj_environment_build(const struct bj_environment_base *base, char ***ret, struct bj_error *err);

/* A copy of the configuration's variables, the caller's; NULL if there are none. */
int bj_environment_copy(const struct bj_config *config, char ***ret, struct bj_error *err);

#endif
