/* `belljar serve`: the service is a program of its own, which needs libraries that no other does.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "belljar/error.h"
#include "cli/become.h"
#include "cli/cli.h"

int bj_cli_serve(int argc, char **argv)
{
    (void)argc;
    argv[0] = (char *)"belljar-serve";
    bj_become("belljar-serve", argv);
    fprintf(stderr,
            "belljar serve: cannot start the program belljar-serve, which should be beside belljar "
            "or in ../libexec/belljar: %s\n",
            strerror(errno));
    return bj_code_exit_status(errno == ENOENT ? BJ_E_UNSUPPORTED : BJ_E_SYSTEM);
}
