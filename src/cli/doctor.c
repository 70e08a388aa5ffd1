/* belljar doctor: which protections this host gives, which it does not, why, and what to do. */
#include <stdio.h>

#include "cli/cli.h"

int bj_cli_doctor(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 0;
}
