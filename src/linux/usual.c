/* The usual places of a service; see usual.h. */
#include "linux/usual.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

#define SOCKET        "belljar.sock"
#define SYSTEM_SOCKET "/run/belljar/" SOCKET

int bj_usual_state(char **ret_path, struct bj_error *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct bj_buf path;

    bj_buf_init(&path, BJ_PATH_MAX);
    if (geteuid() == 0)
        bj_buf_puts(&path, "/var/lib/belljar/serve");
    else if (state != NULL && state[0] == '/')
        bj_buf_printf(&path, "%s/belljar/serve", state);
    else if (home != NULL && home[0] == '/')
        bj_buf_printf(&path, "%s/.local/state/belljar/serve", home);
    else
        return bj_fail(err, BJ_E_INVALID, "state",
                       "neither XDG_STATE_HOME nor HOME says where to keep the service's files; "
                       "name a directory with --state DIR");
    if (path.failed) {
        bj_buf_release(&path);
        return bj_fail(err, BJ_E_NO_MEMORY, "state", "the path of the state directory is too long");
    }
    *ret_path = path.data;
    return 0;
}

static bool in_directory(const char *directory, char ret_path[BJ_SOCKET_PATH_MAX])
{
    return directory != NULL && directory[0] == '/' &&
           snprintf(ret_path, BJ_SOCKET_PATH_MAX, "%s/" SOCKET, directory) < BJ_SOCKET_PATH_MAX;
}

bool bj_usual_socket(const char *state, char ret_path[BJ_SOCKET_PATH_MAX])
{
    if (geteuid() == 0)
        return snprintf(ret_path, BJ_SOCKET_PATH_MAX, SYSTEM_SOCKET) > 0;
    return in_directory(getenv("XDG_RUNTIME_DIR"), ret_path) || in_directory(state, ret_path);
}

bool bj_usual_find_socket(char ret_path[BJ_SOCKET_PATH_MAX])
{
    BJ_CLEANUP_FREE char *usual = NULL;
    const char *state = getenv("BELLJAR_STATE");

    if (state == NULL && bj_usual_state(&usual, NULL) == 0)
        state = usual;
    if ((in_directory(getenv("XDG_RUNTIME_DIR"), ret_path) && access(ret_path, F_OK) == 0) ||
        (in_directory(state, ret_path) && access(ret_path, F_OK) == 0))
        return true;
    snprintf(ret_path, BJ_SOCKET_PATH_MAX, SYSTEM_SOCKET);
    return access(ret_path, F_OK) == 0;
}
