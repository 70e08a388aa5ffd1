/*
 * Tries what a sandbox is made of, one thing at a time and for real, so that a host that refuses
 * can be told apart by what it refuses. Every attempt runs in a child that lives for milliseconds
 * and takes with it what it made; cgroups are removed at once.
 */
#ifndef BJ_LINUX_PROBE_H
#define BJ_LINUX_PROBE_H

#include "base/error.h"
#include "model/host.h"

/*    id              what is tried */
#define BJ_PROBES(X)                                                                               \
    X(USER_NAMESPACE, "user namespace")                                                            \
    X(ID_MAP, "id map of a user namespace")                                                        \
    X(PID, "pid namespace")                                                                        \
    X(MOUNT, "mount namespace")                                                                    \
    X(NETWORK, "network namespace")                                                                \
    X(IPC, "ipc namespace")                                                                        \
    X(UTS, "uts namespace")                                                                        \
    X(CGROUP_NS, "cgroup namespace")                                                               \
    X(TIME, "time namespace")                                                                      \
    X(BIND, "read-only copy of a mounted tree")                                                    \
    X(TMPFS, "tmpfs of limited size")                                                              \
    X(OVERLAY, "overlay over a directory of the host")                                             \
    X(DEVPTS, "terminals of its own")                                                              \
    X(PROC, "/proc of its own")                                                                    \
    X(PROCESS_LIMIT, "process limit of a user namespace's own")                                    \
    X(ID_MAPPED_TREE, "mount with mapped ids")                                                     \
    X(NO_NEW_PRIVS, "no_new_privs")                                                                \
    X(LANDLOCK, "Landlock rules")                                                                  \
    X(SECCOMP, "system call filter")                                                               \
    X(CGROUP_MEMORY, "cgroup with a memory limit")                                                 \
    X(CGROUP_PIDS, "cgroup with a process limit")                                                  \
    X(CGROUP_CPU, "cgroup with a CPU limit")

enum bj_probe {
#define BJ_PROBE_ENUM(id, text) BJ_PROBE_##id,
    BJ_PROBES(BJ_PROBE_ENUM)
#undef BJ_PROBE_ENUM
        BJ_PROBE_COUNT
};

/* Something it needs was refused before, or nothing here needs it. */
#define BJ_PROBE_UNTRIED (-1)
/* The attempt ended its process, as a filter around this one can do. */
#define BJ_PROBE_KILLED (-2)

struct bj_probes {
    int outcome[BJ_PROBE_COUNT]; /* 0 = works; errno; or one of the above */
};

const char *bj_probe_text(enum bj_probe probe);

/*
 * Tries everything that `host` (from bj_host_read) could have. Takes about 50 ms. Fails only when
 * nothing can be tried at all: no memory, no process to be had.
 */
int bj_probe_run(const struct bj_host *host, struct bj_probes *ret, struct bj_error *err);

#endif
