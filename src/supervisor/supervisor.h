/*
 * The supervisor: starts the service's processes, joins each with the others, starts again whoever
 * ends, and ends them all in order.
 *
 * Theory of operation. It only waits: for its children to end, for signals, and for READY on the
 * control sockets. Whenever a process has been started, a new socket pair goes out for each of the
 * others that live, one end to either, as PEER messages; that is all that joins them. A process
 * that ends is started again, at once the first time and then later and later while it keeps
 * ending soon. SIGTERM and SIGINT end the front, then the keeper, then the audit process, which so
 * records how every sandbox ended. SIGHUP reads the configuration again and replaces the front
 * when its long requests have ended; connections wait in the listening sockets between the two,
 * which are the supervisor's. SIGUSR1 gives
 * the front the keys again, for keys that were added. Whoever changed them waits for the front to
 * say that it goes by them (keys_taken).
 *
 * Versions. Processes are started from programs that were opened when the service began, so that
 * one that is started again fits to those that live whatever has been installed meanwhile. SIGHUP
 * alone looks for a newer front: it is tried before the one that serves is ended, with the
 * configuration, keys and certificate as they are now. A program with which the others could not
 * talk is left alone (its trial does not answer, or with another BJ_MESSAGE_MAGIC), and the front
 * is one of the old program again; where none could begin, everything stays as it is.
 *
 * Its children notice its death by the end of their control sockets and end by themselves.
 */
#ifndef BJ_SUPERVISOR_SUPERVISOR_H
#define BJ_SUPERVISOR_SUPERVISOR_H

#include <sys/stat.h>

#include "base/log.h"
#include "supervisor/listen.h"

struct bj_supervisor_options {
    const char *program;    /* path of belljar-serve, for fronts of a newer one */
    int self;               /* the program that runs, open */
    int launcher, files;    /* the programs beside it, likewise; for the keeper */
    char *const *arguments; /* the service's own; NULL-terminated */
    const struct bj_listeners *listeners;
    const char *api_key; /* of the environment; NULL = none */
    const struct bj_log *log;
    int lock;
    int config; /* as BJ_ROLE_CONFIG; taken over */
    /* Reads the configuration again: a new `config` descriptor, or an error and the old one stays.
     */
    int (*reload)(void *context, int *ret_config, struct bj_error *err);
    /* Opens the file of keys for the front, which cannot. */
    int (*open_keys)(void *context, int *ret_fd, struct bj_error *err);
    /* The front goes by the file of keys that was like this. */
    void (*keys_taken)(void *context, const struct stat *file);
    void (*ready)(void *context); /* called once, when all of them serve */
    void *context;
};

/* Runs until it is told to stop. An error: the service has never been ready, and why. */
int bj_supervisor_run(const struct bj_supervisor_options *options, struct bj_error *err);

#endif
