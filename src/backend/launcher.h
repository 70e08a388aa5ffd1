/*
 * The launcher: a tiny process that starts sandboxes for a large one.
 *
 * Theory of operation. Forking a process of 512 MiB costs a hundred times what forking a small one
 * does, and a process with threads must not run code after fork at all. So the library and the
 * service start a launcher early, send it plans, and get back the socket of each sandbox's init.
 * The launcher keeps network namespaces ready, made while nobody waits; each is used once. It reaps
 * every init, counts what the sandbox used and removes its cgroups. When its client's end of the
 * socket closes it ends, and every sandbox with it.
 *
 *     client → launcher   LAUNCH (plan; with a descriptor for WORKSPACE) | END (number)
 *     launcher → client   for LAUNCH: a number, init's socket and pidfd, or an error
 *                         for END, once everything has ended: what it used
 *
 * Requests carry ids, and an END that takes its time holds nobody up: answers come as they are
 * ready. The functions here ask one thing at a time; the keeper speaks the messages itself.
 */
#ifndef BJ_BACKEND_LAUNCHER_H
#define BJ_BACKEND_LAUNCHER_H

#include <stddef.h>

#include "backend/launch.h"
#include "base/error.h"
#include "plan/plan.h"

struct bj_launcher {
    int socket_fd; /* -1 = not started */
    pid_t pid;
    uint32_t last_id;
};

#define BJ_LAUNCHER_SANDBOXES 4096 /* the most that one launcher starts */

enum bj_launcher_request_kind { BJ_LAUNCHER_LAUNCH = 1, BJ_LAUNCHER_END };

struct bj_launcher_request {
    uint32_t kind;
    uint32_t id;         /* the answer has it too */
    uint32_t number;     /* END. The host's end of init's socket must be closed by then. */
    struct bj_plan plan; /* LAUNCH; packed while it travels */
};
#define BJ_LAUNCHER_REQUEST_HEAD offsetof(struct bj_launcher_request, plan)

struct bj_launcher_answer {
    int32_t result; /* 0 or a negative code */
    uint32_t id;
    uint32_t number;
    uint32_t plain_trees; /* LAUNCH: not 0: a read-only volume is shared with the host after all */
    struct bj_usage usage;
    struct bj_error error;
};
#define BJ_LAUNCHER_FDS 2 /* init's socket and pidfd come with the answer to LAUNCH */

/*
 * Starts one by forking this process: only for a small process with one thread. `pool` is how many
 * network namespaces it keeps ready.
 */
int bj_launcher_fork(struct bj_launcher *launcher, unsigned pool, struct bj_error *err);

/* Starts one by executing the program at `path`, from any process. */
int bj_launcher_execute(struct bj_launcher *launcher, const char *path, unsigned pool,
                        struct bj_error *err);

/* Ends it and all its sandboxes, and waits for that. */
void bj_launcher_stop(struct bj_launcher *launcher);

/* Launches a plan. The descriptors are the caller's. */
int bj_launcher_launch(struct bj_launcher *launcher, const struct bj_plan *plan,
                       uint32_t *ret_number, int *ret_socket, int *ret_pidfd, struct bj_error *err);

/* Ends a sandbox. `ret_usage` may be NULL. */
int bj_launcher_end(struct bj_launcher *launcher, uint32_t number, struct bj_usage *ret_usage,
                    struct bj_error *err);

/* The launcher's own loop; returns its exit status. For the program in src/bin/launcher.c. */
int bj_launcher_main(int socket_fd, unsigned pool);

#endif
