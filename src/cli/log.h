/* The log that a command line asks for. */
#ifndef BJ_CLI_LOG_H
#define BJ_CLI_LOG_H

#include "base/log.h"
#include "model/options.h"

/* BJ_E_INVALID when the levels are wrong. */
int bj_cli_log(const struct bj_run_options *run, struct bj_log *ret, struct bj_error *err);

#endif
