/* What a client may set of a sandbox's configuration. */
#ifndef BJ_SERVICE_CLIENT_OPTIONS_H
#define BJ_SERVICE_CLIENT_OPTIONS_H

#include <jansson.h>

#include "base/error.h"
#include "base/limits.h"
#include "model/config.h"

#define BJ_CLIENT_OPTIONS BJ_SANDBOX_OPTIONS /* that go to the keeper, at most */

struct bj_client_config {
    struct bj_config config;                      /* bj_config_said() tells what was given */
    const char *pairs[2 * BJ_CLIENT_OPTIONS + 1]; /* for the keeper; ends with NULL */
    char *values[BJ_CLIENT_OPTIONS];
    size_t count;
    json_t *rules; /* of the security section; NULL = none */
};

/*
 * Reads an object as a configuration file has it; NULL = nothing is set. BJ_E_INVALID names the key
 * that is wrong, or that is not a client's to set. Release it also after a failure.
 */
int bj_client_config_read(struct bj_client_config *ret, const json_t *config, struct bj_error *err);
void bj_client_config_release(struct bj_client_config *options);

#endif
