/* What is not to be recorded or told: the secrets that this process knows of. */
#ifndef BJ_ENGINE_SECRETS_H
#define BJ_ENGINE_SECRETS_H

#include "model/config.h"
#include "model/mask.h"

/*
 * Makes the one mask of records and alerts: the configuration's keys, its variables, and those of
 * this process. What a single request brings is added by bj_mask_add_environment(). The caller
 * releases it, after a failure too.
 */
int bj_secrets_collect(const struct bj_config *config, struct bj_mask *ret, struct bj_error *err);

#endif
