/* The usual places of a service; see usual.h. */
#include "linux/usual.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

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

/* A killed service leaves its socket behind, which refuses. */
static bool has_listener(const char *path)
{
    BJ_CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (fd < 0 || !bj_str_copy(address.sun_path, sizeof address.sun_path, path))
        return true; /* whoever uses it says what is wrong */
    return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno != ECONNREFUSED;
}

bool bj_usual_find_socket(char ret_path[BJ_SOCKET_PATH_MAX])
{
    BJ_CLEANUP_FREE char *usual = NULL;
    const char *state = getenv("BELLJAR_STATE"), *own[2];
    char first[BJ_SOCKET_PATH_MAX] = "";

    if (state == NULL && bj_usual_state(&usual, NULL) == 0)
        state = usual;
    own[0] = getenv("XDG_RUNTIME_DIR");
    own[1] = state;
    for (size_t i = 0; i <= sizeof own / sizeof *own; i++) {
        bool named = i < 2 ? in_directory(own[i], ret_path)
                           : snprintf(ret_path, BJ_SOCKET_PATH_MAX, SYSTEM_SOCKET) > 0;

        if (!named || access(ret_path, F_OK) < 0)
            continue;
        if (has_listener(ret_path))
            return true;
        if (first[0] == '\0')
            bj_str_copy(first, sizeof first, ret_path);
    }
    if (first[0] != '\0')
        bj_str_copy(ret_path, BJ_SOCKET_PATH_MAX, first);
    return first[0] != '\0';
}
