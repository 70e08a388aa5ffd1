/* A verdict in words, for a terminal. */
#ifndef BJ_CLI_VERDICT_TEXT_H
#define BJ_CLI_VERDICT_TEXT_H

#include "base/buf.h"
#include "model/verdict.h"

/*
 * Appends lines for each violation that made the verdict what it is: rule, risk, what it is about
 * and what can be done. What came from a command is escaped (base/escape.h).
 */
void bj_cli_put_verdict(const struct bj_verdict *verdict, struct bj_buf *out);

#endif
