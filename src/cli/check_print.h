/* A verdict as belljar check shows it. */
#ifndef BJ_CLI_CHECK_PRINT_H
#define BJ_CLI_CHECK_PRINT_H

#include "base/error.h"
#include "model/request.h"
#include "model/verdict.h"

/* To standard output: each violation with the place in the text that it is about. */
int bj_cli_print_verdict(const struct bj_request *request, const struct bj_verdict *verdict,
                         struct bj_error *err);

/* To standard output: one JSON object with everything. */
int bj_cli_print_verdict_json(const struct bj_request *request, const struct bj_verdict *verdict,
                              struct bj_error *err);

#endif
