/*
 * What provides the isolation: one versioned table of functions for each way.
 *
 * A sandbox is made, processes are started in it and waited for, descriptors are handed out of it,
 * and it is ended. Nothing above this interface knows how. Descriptors that come out are the
 * caller's.
 */
#ifndef BJ_BACKEND_BACKEND_H
#define BJ_BACKEND_BACKEND_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "model/config.h"
#include "model/result.h"
#include "wire/frame.h"

#define BJ_BACKEND_VERSION 1

struct bj_sandbox; /* each backend has its own */
struct bj_launcher;

/* What happens in a sandbox without being asked for. */
enum bj_backend_event_kind {
    BJ_BACKEND_EVENT_NONE,   /* nothing yet: wait on the descriptor */
    BJ_BACKEND_EVENT_EXITED, /* a process ended */
    BJ_BACKEND_EVENT_ENDED,  /* the sandbox is over */
};
struct bj_backend_event {
    enum bj_backend_event_kind kind;
    struct bj_exited exited;
};

struct bj_backend {
    uint32_t version; /* BJ_BACKEND_VERSION */
    const char *name;

    /* Makes a sandbox. What could not be had goes to `result` (layers, degraded), which must stay
     * until the sandbox is destroyed. `launcher` may be NULL: then this process launches. */
    int (*create)(const struct bj_config *config, struct bj_launcher *launcher,
                  struct bj_result *result, struct bj_sandbox **ret_sandbox, struct bj_error *err);

    /* Prints what create would do. */
    int (*dry_run)(const struct bj_config *config, struct bj_buf *out, struct bj_error *err);

    /* Starts a process with three streams (borrowed), or with a terminal whose master end is
     * returned. ret_terminal may be NULL without BJ_SPAWN_TERMINAL. */
    int (*spawn)(struct bj_sandbox *sandbox, const struct bj_spawn *spawn, const int streams[3],
                 pid_t *ret_pid, int *ret_terminal, struct bj_error *err);

    int (*open)(struct bj_sandbox *sandbox, const struct bj_open *request, int *ret_fd,
                struct bj_error *err);
    int (*connect)(struct bj_sandbox *sandbox, const struct bj_endpoint *endpoint, int *ret_fd,
                   struct bj_error *err);
    int (*listen)(struct bj_sandbox *sandbox, const struct bj_endpoint *endpoint, int *ret_fd,
                  struct bj_error *err);
    /* pid 0 = the main process; `group`: its whole process group. */
    int (*signal)(struct bj_sandbox *sandbox, pid_t pid, bool group, int signal,
                  struct bj_error *err);
    int (*wait)(struct bj_sandbox *sandbox, pid_t pid, struct bj_exited *ret, struct bj_error *err);
    int (*list)(struct bj_sandbox *sandbox, struct bj_process_entry *ret, size_t capacity,
                size_t *ret_count, struct bj_error *err);

    /* A descriptor that polls readable when next_event has something. */
    int (*event_fd)(const struct bj_sandbox *sandbox);
    int (*next_event)(struct bj_sandbox *sandbox, struct bj_backend_event *ret,
                      struct bj_error *err);

    /* The usual environment of a process there, ends with NULL; the caller's, bj_strv_free(). */
    int (*environment)(const struct bj_sandbox *sandbox, bool terminal, char ***ret,
                       struct bj_error *err);

    /* Ends everything at once; destroy releases it and fills in what the sandbox used. */
    void (*kill)(struct bj_sandbox *sandbox);
    void (*destroy)(struct bj_sandbox *sandbox, struct bj_result *result);
};

extern const struct bj_backend bj_backend_native;
extern const struct bj_backend bj_backend_bubblewrap;
extern const struct bj_backend bj_backend_fake;

#endif
