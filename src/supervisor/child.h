/*
 * One process of the service as its supervisor sees it: started from the program with its
 * descriptors at the numbers of roles.h, spoken to over a control socket.
 */
#ifndef BJ_SUPERVISOR_CHILD_H
#define BJ_SUPERVISOR_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "supervisor/roles.h"

/* What a process is started with. Borrowed, all of it. */
struct bj_child_start {
    enum bj_role role;
    int program;            /* belljar-serve, open: a file put in its place makes no difference */
    char *const *arguments; /* the service's own, without the program's name; NULL-terminated */
    int config, lock;       /* descriptors; -1 = none */
    const char *api_key;    /* as bj_toldkey_open() takes it; NULL = none */
    const int *more;        /* those from BJ_ROLE_LISTEN on */
    size_t more_count;
};

/*
 * Starts it. *ret_control is the supervisor's end of its control socket, non-blocking, the
 * caller's. A program that cannot be executed ends with status 127.
 */
int bj_child_start(const struct bj_child_start *start, pid_t *ret_pid, int *ret_control,
                   struct bj_error *err);

/*
 * Would a front begin, from this program and this configuration, and do both sides speak of the
 * same? Waits for an answer, some seconds at most. BJ_E_UNSUPPORTED: the program is of a version
 * whose processes do not understand this one's; any other error is the one that a front would end
 * with.
 */
int bj_child_try(const struct bj_child_start *start, struct bj_error *err);

/* Send over a control socket, never waiting. BJ_E_BUSY when the process does not take messages:
 * then it is not well. `number`: how many of `who` there have been, this one included. `peer`
 * stays the caller's. */
int bj_child_send_peer(int control, int64_t own, enum bj_role who, int64_t number, int peer,
                       struct bj_error *err);
/* To the front: the file of keys. */
int bj_child_send_keys(int control, int64_t number, int file, struct bj_error *err);
/* `patience_ms`: for a front, how long it may go on for what is under way; 0 = it ends now. */
int bj_child_send_stop(int control, int64_t patience_ms, struct bj_error *err);

#endif
