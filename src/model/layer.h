/*
 * The layers of the glass, by name. Every place that speaks of a layer (--require, doctor, results,
 * plans) takes it from this table.
 */
#ifndef BJ_MODEL_LAYER_H
#define BJ_MODEL_LAYER_H

#include <stdint.h>

/*      id            name            what it gives */
#define BJ_LAYERS(X)                                                                               \
    X(USER_NAMESPACE, "user-namespace", "own user and group ids, no host capabilities")            \
    X(MOUNT, "mount", "own root file system; the host's files are absent")                         \
    X(PID, "pid", "own process tree, which ends with the sandbox")                                 \
    X(NETWORK, "network", "own network with nothing but loopback")                                 \
    X(IPC, "ipc", "own System V and POSIX message queues and shared memory")                       \
    X(UTS, "uts", "own host name")                                                                 \
    X(CGROUP_NS, "cgroup-namespace", "the host's cgroup tree is not visible")                      \
    X(TIME, "time", "uptime counts from the sandbox's start")                                      \
    X(PROC, "proc", "own /proc; kernel knobs masked")                                              \
    X(SHARED_TREES, "shared-trees", "locks and watches on system files do not reach the host")     \
    X(LANDLOCK, "landlock", "kernel access rules over files, sockets and signals")                 \
    X(COMMANDS, "commands", "only listed programs can be executed")                                \
    X(SECCOMP, "seccomp", "allow-list of system calls")                                            \
    X(NO_NEW_PRIVS, "no-new-privs", "set-user-id programs gain nothing")                           \
    X(CAPABILITIES, "capabilities", "no capabilities")                                             \
    X(SESSION, "session", "own session, no terminal of the caller's")                              \
    X(DESCRIPTORS, "descriptors", "no inherited descriptor")                                       \
    X(OWN_UID, "own-uid", "a host uid of its own for each sandbox")                                \
    X(MEMORY, "memory", "memory limit")                                                            \
    X(CPU, "cpu", "CPU limit")                                                                     \
    X(PROCESSES, "processes", "limit of processes and threads")                                    \
    X(DISK, "disk", "limit of bytes and inodes written")

enum bj_layer {
#define BJ_LAYER_ENUM(id, name, text) BJ_LAYER_##id,
    BJ_LAYERS(BJ_LAYER_ENUM)
#undef BJ_LAYER_ENUM
        BJ_LAYER_COUNT
};

typedef uint32_t bj_layer_set; /* bit 1 << enum bj_layer */
#define BJ_LAYER_BIT(id) ((bj_layer_set)1 << BJ_LAYER_##id)

const char *bj_layer_name(enum bj_layer layer);
const char *bj_layer_text(enum bj_layer layer);

/* The layer of that name, or -1. */
int bj_layer_find(const char *name);

#endif
