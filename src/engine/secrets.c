/* Collecting the secrets; see secrets.h. */
#include "engine/secrets.h"

#include <unistd.h>

int bj_secrets_collect(const struct bj_config *config, struct bj_mask *ret, struct bj_error *err)
{
    const char *const *const environments[] = {(const char *const *)config->environment,
                                               (const char *const *)environ};
    const char *const keys[] = {config->e2b_api_key, config->daytona_api_key};
    int result = 0;

    *ret = (struct bj_mask){0};
    for (size_t i = 0; i < sizeof keys / sizeof *keys && result == 0; i++)
        result = bj_mask_add(ret, keys[i], err);
    for (size_t i = 0; i < sizeof environments / sizeof *environments && result == 0; i++)
        result = bj_mask_add_environment(ret, environments[i], err);
    return result;
}
