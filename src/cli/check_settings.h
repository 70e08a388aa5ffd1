/* belljar check --settings: the settings' answer about a command, and the stricter of two. */
#ifndef BJ_CLI_CHECK_SETTINGS_H
#define BJ_CLI_CHECK_SETTINGS_H

#include <stdbool.h>

#include "base/error.h"
#include "model/request.h"
#include "model/verdict.h"

struct bj_check_settings {
    const char *path;                 /* of the settings; NULL = none were given */
    bool dangerously_disable_sandbox; /* the agent asks to run it outside */
    bool json;
};

/*
 * Prints the SandboxCheckResult of a request (its command or argv) and returns the exit status: 0
 * allowed, 2 requires permission, 1 denied. `verdict` is the policy's word about the same request,
 * or NULL when no policy was asked for; where it is stricter it decides.
 */
int bj_cli_check_settings(const struct bj_check_settings *options, const struct bj_request *request,
                          const struct bj_verdict *verdict, struct bj_error *err);

#endif
