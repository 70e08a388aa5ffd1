/*
 * What can make a sandbox here, found out by making one: SandboxCapabilities and canUseSandbox, and
 * the same for each backend.
 */
#ifndef BJ_BACKEND_CAPABILITIES_H
#define BJ_BACKEND_CAPABILITIES_H

#include <stdbool.h>

#include "base/error.h"

struct bj_launcher;

struct bj_sandbox_features {
    bool network_isolation, filesystem_isolation, process_isolation;
};

struct bj_backend_capability {
    const char *name; /* "native", "bubblewrap", "seatbelt" */
    bool available;
    char version[32]; /* of the program behind it; "" if it says none */
    char path[256];   /* of that program; "" if there is none */
    char reason[256]; /* why it is not available; "" if it is */
    struct bj_sandbox_features features;
};
#define BJ_CAPABILITY_BACKENDS 3

struct bj_capabilities {
    bool available;
    const char *type; /* "bubblewrap", "seatbelt", "none": the kind, not who makes it; see below */
    struct bj_sandbox_features features;
    struct bj_backend_capability backends[BJ_CAPABILITY_BACKENDS];
};

/*
 * Tries each backend. The type is one of three words: where the native backend works it is
 * "bubblewrap", for that is the kind of sandbox it makes and the command line it can stand in for.
 * The features are those of the first backend that works. Makes a sandbox and takes some
 * milliseconds; `launcher` may be NULL: then this process launches. Fails only without memory.
 */
int bj_capabilities_probe(struct bj_launcher *launcher, struct bj_capabilities *ret,
                          struct bj_error *err);

/* canUseSandbox */
bool bj_capabilities_can_sandbox(const struct bj_capabilities *capabilities);

#endif
