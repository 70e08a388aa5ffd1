/* Asking the person at the terminal whether a command may run. */
#ifndef BJ_CLI_ASK_H
#define BJ_CLI_ASK_H

#include "model/result.h"

/*
 * Shows what the verdict holds against the command on the controlling terminal and reads an answer
 * there, not from standard input, which may be the command's. NOBODY without a terminal, NO for
 * anything but a yes. `context` is not used.
 */
enum bj_consent bj_cli_ask(void *context, const struct bj_verdict *verdict);

/* The same for any question, which is shown as it is. */
enum bj_consent bj_cli_confirm(const char *question);

#endif
