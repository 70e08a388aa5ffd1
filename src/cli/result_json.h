/* The result of a run as one JSON object. */
#ifndef BJ_CLI_RESULT_JSON_H
#define BJ_CLI_RESULT_JSON_H

#include "base/error.h"
#include "model/result.h"

/*
 * Prints it on standard output. `failure` (may be NULL) adds an "error" object. Bytes of output
 * that are not UTF-8 are replaced by U+FFFD. Returns the exit status to end with: `status`, or 125
 * if even printing failed.
 */
int bj_cli_print_result(const struct bj_result *result, const struct bj_error *failure, int status);

#endif
