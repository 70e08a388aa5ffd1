/*
 * Listening sockets: those that the user named, those of the usual places, and those that systemd
 * opened beforehand (sd_listen_fds(3)).
 */
#ifndef BJ_SUPERVISOR_LISTEN_H
#define BJ_SUPERVISOR_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/limits.h"
#include "supervisor/roles.h"

struct bj_listener {
    int fd;
    char name[BJ_LISTEN_NAME_MAX]; /* "127.0.0.1:8000" or the path */
    bool is_unix;
    bool is_local; /* a Unix socket or a loopback address */
    bool is_ours;  /* the file is removed at the end */
};

struct bj_listeners {
    struct bj_listener entry[BJ_LISTENERS_MAX];
    size_t count;
};

/*
 * Opens one: "ADDRESS:PORT", "[V6ADDRESS]:PORT", "localhost:PORT"
 * (127.0.0.1), or an absolute path.
 * Port 0 is any free one; the name then has the one that it became. A file of an earlier service
 * that nobody listens on is replaced. `everyone`: other users may connect to a path too.
 * BJ_E_INVALID; BJ_E_CONFLICT when it is in use.
 */
int bj_listen_open(struct bj_listeners *listeners, const char *where, bool everyone,
                   struct bj_error *err);

/* The usual: the socket that bj_usual_socket() names, and port 8000 of the loopback address. */
int bj_listen_default(struct bj_listeners *listeners, const char *state, bool everyone,
                      struct bj_error *err);

/* Takes over what systemd gives; none is fine. */
int bj_listen_inherit(struct bj_listeners *listeners, struct bj_error *err);

/* Closes all, and removes the files that are the service's own. */
void bj_listen_close(struct bj_listeners *listeners);

#endif
