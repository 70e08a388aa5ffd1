/*
 * The front's side of the keeper: sends entries (through the audit process) and questions, and
 * calls back with what comes of them. Runs on a libuv loop, never blocks, and outlives both of its
 * peers: what the audit process lost is sent again, what the keeper took with it is answered with
 * BJ_E_ENDED.
 *
 * A call back is called exactly once for each call that returned 0, never before that call
 * returned. What is given to it is borrowed for its duration; descriptors that it does not take
 * (set to -1) are closed after it.
 */
#ifndef BJ_KEEPER_CLIENT_H
#define BJ_KEEPER_CLIENT_H

#include <uv.h>

#include "base/error.h"
#include "linux/socket.h"
#include "wire/keeper.h"

struct bj_keeper_client;

/* What the keeper says unasked. */
struct bj_keeper_watcher {
    void (*sandbox)(void *context, const struct bj_sandbox_state *state);
    void (*process)(void *context, const struct bj_process_state *state);
    void (*ready)(void *context); /* everything that there is has been said */
    void (*lost)(void *context);  /* the keeper has ended, and with it every sandbox */
};

struct bj_keeper_answer {
    int result;                       /* 0 or -code */
    const struct bj_error *error;     /* when result < 0 */
    int64_t number;                   /* of the audit record; 0 = none */
    const struct bj_message *message; /* its body is as wire/keeper.h says; NULL when lost */
    struct bj_fds *fds;
};
typedef void (*bj_keeper_fn)(void *context, const struct bj_keeper_answer *answer);

int bj_keeper_client_new(uv_loop_t *loop, const struct bj_keeper_watcher *watcher, void *context,
                         struct bj_keeper_client **ret, struct bj_error *err);
/* Which front this is, before it has any peer: its PEERs' id. */
void bj_keeper_client_set_front(struct bj_keeper_client *client, int64_t number);
/* Sockets are the client's from then on. Also later, when the supervisor has a new peer. `number`
 * as in PEER. */
int bj_keeper_client_set_keeper(struct bj_keeper_client *client, int fd, int64_t number,
                                struct bj_error *err);
int bj_keeper_client_set_audit(struct bj_keeper_client *client, int fd, int64_t number,
                               struct bj_error *err);
/* Calls back whoever still waits, with BJ_E_ENDED. The loop must run once more before it ends. */
void bj_keeper_client_free(struct bj_keeper_client *client);

/*
 * Records a verdict and, if `act` is not NULL, has the act done. BJ_E_BUSY when too much waits to
 * be sent. *ret_id (may be NULL) names an ATTACH later.
 */
int bj_keeper_act(struct bj_keeper_client *client, const struct bj_entry *entry,
                  const struct bj_act *act, bj_keeper_fn done, void *context, uint64_t *ret_id,
                  struct bj_error *err);

/* Output. `*ret_id` cancels it: bj_keeper_cancel(), after which there is no call back. */
int bj_keeper_read(struct bj_keeper_client *client, const struct bj_read *read, bj_keeper_fn done,
                   void *context, uint64_t *ret_id, struct bj_error *err);
void bj_keeper_cancel(struct bj_keeper_client *client, uint64_t id);

/* Under an ATTACH: INPUT or RESIZE, and its end, which records how much went through. */
int bj_keeper_input(struct bj_keeper_client *client, uint64_t attach, const struct bj_act *act,
                    bj_keeper_fn done, void *context, struct bj_error *err);
void bj_keeper_detach(struct bj_keeper_client *client, uint64_t attach);

/* Somebody is at the sandbox, or nobody is any more. What cannot be said is lost: a begin is to be
 * said again within BJ_USE_US anyway, and is over then where its end was lost. */
void bj_keeper_use(struct bj_keeper_client *client, const char *sandbox, bool in_use);

int bj_keeper_usage(struct bj_keeper_client *client, const char *sandbox, bj_keeper_fn done,
                    void *context, struct bj_error *err);

/* Asks for audit records; `message` in the answer is NULL, fds has the memfd. */
int bj_keeper_question(struct bj_keeper_client *client, const struct bj_audit_question *question,
                       bj_keeper_fn done, void *context, struct bj_error *err);

#endif
