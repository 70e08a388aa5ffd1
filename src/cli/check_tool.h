/* belljar check for calls of any tool: --tool NAME --arguments JSON, or --request FILE. */
#ifndef BJ_CLI_CHECK_TOOL_H
#define BJ_CLI_CHECK_TOOL_H

#include <stdbool.h>

/* Is one of these options given? */
bool bj_cli_is_tool_check(int argc, char **argv);

/* Judges the call and prints the verdict; the exit status. Changes argv. */
int bj_cli_check_tool(int argc, char **argv);

/* Is the value of this option of belljar run the next argument? */
bool bj_cli_takes_next(const char *argument);

/*
 * The home directory that ~ stands for: HOME, else what /etc/passwd says, as shells do it. NULL
 * where neither tells. Valid until the next call.
 */
const char *bj_cli_home(void);

#endif
