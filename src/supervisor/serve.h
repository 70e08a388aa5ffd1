/*
 * `belljar serve`: from a command line to a running service. The supervisor's half; what the other
 * processes begin with is in src/bin/serve.c.
 */
#ifndef BJ_SUPERVISOR_SERVE_H
#define BJ_SUPERVISOR_SERVE_H

#include "supervisor/settings.h"

/*
 * Runs the service until it is told to stop; returns the exit status. argv[0] is a name; `program`
 * is the path of belljar-serve.
 */
int bj_serve(const char *program, int argc, char **argv);

#endif
