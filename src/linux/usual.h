/*
 * Where a service is unless it is told otherwise, and where its clients look for it: the same
 * places, so that `belljar serve` and `belljar create` find each other without a word.
 */
#ifndef BJ_LINUX_USUAL_H
#define BJ_LINUX_USUAL_H

#include <stdbool.h>

#include "base/error.h"

#define BJ_SOCKET_PATH_MAX 108 /* as sockaddr_un has it */

/*
 * The state directory: /var/lib/belljar/serve for root, else belljar/serve below $XDG_STATE_HOME or
 * ~/.local/state. *ret_path is the caller's.
 */
int bj_usual_state(char **ret_path, struct bj_error *err);

/*
 * The socket of a service with this state directory: for root /run/belljar/belljar.sock, else
 * belljar.sock in $XDG_RUNTIME_DIR or, where there is none, in the state directory. False: the path
 * would be too long for a socket.
 */
bool bj_usual_socket(const char *state, char ret_path[BJ_SOCKET_PATH_MAX]);

/* The socket that a client finds: its user's own, else root's; the first where nobody listens on
 * any of them. False: there is none. */
bool bj_usual_find_socket(char ret_path[BJ_SOCKET_PATH_MAX]);

#endif
