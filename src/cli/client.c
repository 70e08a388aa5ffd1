/* The commands against a running service are a program of their own, which brings libcurl. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "belljar/error.h"
#include "cli/become.h"
#include "cli/cli.h"

int bj_cli_client(int argc, char **argv)
{
    (void)argc;
    bj_become("belljar-client", argv);
    fprintf(stderr,
            "belljar %s: cannot start the program belljar-client, which should be beside belljar "
            "or in ../libexec/belljar: %s\n",
            argv[0], strerror(errno));
    return bj_code_exit_status(errno == ENOENT ? BJ_E_UNSUPPORTED : BJ_E_SYSTEM);
}
