/*
 * The commands. Each is one file and gets its own name as argv[0]; it returns the exit status of
 * the program. src/bin/ holds the array of them, made from commands.def.
 */
#ifndef BJ_CLI_CLI_H
#define BJ_CLI_CLI_H

#define BJ_COMMAND(name, function, help) int function(int argc, char **argv);
#include "cli/commands.def"
#undef BJ_COMMAND

#endif
