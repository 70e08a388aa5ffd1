/* belljar version. */
#include <stdio.h>

#include "cli/cli.h"
#include "version.h"

int bj_cli_version(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        fprintf(stderr, "belljar: version takes no argument\n");
        return 125;
    }
    printf("belljar %s\n", BJ_VERSION);
    return 0;
}
