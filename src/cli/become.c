/* Turning into another of the project's programs. */
#include "cli/become.h"

#include <stdio.h>
#include <unistd.h>

#include "base/limits.h"
#include "linux/beside.h"

void bj_become(const char *name, char **argv)
{
    static const char *const places[] = {"", "../libexec/belljar/"};
    char from_here[128], path[BJ_PATH_MAX];

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(from_here, sizeof from_here, "%s%s", places[i], name);
        if (bj_beside(from_here, path, sizeof path, NULL) == 0)
            execv(path, argv);
    }
}
