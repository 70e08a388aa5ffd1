/* --log, --log-format and their variables. */
#include "cli/log.h"

int bj_cli_log(const struct bj_run_options *run, struct bj_log *ret, struct bj_error *err)
{
    bj_log_init(ret);
    ret->json = run->log_format == BJ_LOG_JSON;
    if (run->log_levels == NULL || bj_log_choose(ret, run->log_levels, err) == 0)
        return 0;
    bj_error_prefix(err, "--log: ");
    return -BJ_E_INVALID;
}
