/* The environment of a command. */
#ifndef BJ_ENGINE_ENVIRONMENT_H
#define BJ_ENGINE_ENVIRONMENT_H

#include <stdbool.h>

#include "base/error.h"
#include "model/config.h"

/*
 * Built from nothing, then the configuration's variables (none if `config` is NULL). NULL-terminated,
 * with its strings the caller's: bj_strv_free().
 */
int bj_environment_build(const struct bj_config *config, const char *user, const char *home,
                         bool terminal, char ***ret, struct bj_error *err);

#endif
