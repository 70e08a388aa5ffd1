/* The directory of /proc/self/exe. */
#include "linux/beside.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

int bj_own_path(char *ret_path, size_t size, struct bj_error *err)
{
    ssize_t length = readlink("/proc/self/exe", ret_path, size);

    if (length < 0)
        return bj_fail_errno(err, "program", "cannot tell where this program is");
    if ((size_t)length >= size)
        return bj_fail(err, BJ_E_LIMIT, "program", "the path of this program is too long");
    ret_path[length] = '\0';
    return 0;
}

int bj_beside(const char *name, char *ret_path, size_t size, struct bj_error *err)
{
    char own[BJ_PATH_MAX];
    const char *slash;
    int result = bj_own_path(own, sizeof own, err);

    if (result < 0)
        return result;
    slash = strrchr(own, '/');
    if (slash == NULL)
        return bj_fail(err, BJ_E_SYSTEM, "program", "this program has no path: %s", own);
    if ((size_t)snprintf(ret_path, size, "%.*s%s", (int)(slash + 1 - own), own, name) >= size)
        return bj_fail(err, BJ_E_LIMIT, "program", "the path of %s beside this program is too long",
                       name);
    return 0;
}
