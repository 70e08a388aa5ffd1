/*
 * What is around this process and can be the reason that the kernel refuses something: settings,
 * security modules, a container. Read only for people (belljar doctor); nothing is decided by it.
 */
#ifndef BJ_LINUX_SURROUNDINGS_H
#define BJ_LINUX_SURROUNDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/host.h"

/* Kinds of namespaces, as the kernel's files name them. */
#define BJ_NAMESPACE_KINDS(X)                                                                      \
    X(USER, "user")                                                                                \
    X(PID, "pid")                                                                                  \
    X(MOUNT, "mnt")                                                                                \
    X(NETWORK, "net") X(IPC, "ipc") X(UTS, "uts") X(CGROUP, "cgroup") X(TIME, "time")

enum bj_namespace_kind {
#define BJ_NAMESPACE_KIND(id, name) BJ_NAMESPACE_##id,
    BJ_NAMESPACE_KINDS(BJ_NAMESPACE_KIND)
#undef BJ_NAMESPACE_KIND
        BJ_NAMESPACE_KIND_COUNT
};
const char *bj_namespace_name(enum bj_namespace_kind kind);

struct bj_surroundings {
    char kernel[65];    /* release */
    char program[256];  /* this program's own file; "" if unknown */
    char container[32]; /* "docker", "podman" …; "other" when it looks like one; "" when not */

    bool namespace_built[BJ_NAMESPACE_KIND_COUNT];  /* the kernel knows this kind */
    int64_t namespace_max[BJ_NAMESPACE_KIND_COUNT]; /* user.max_…_namespaces; -1 = not readable */
    int64_t unprivileged_clone; /* kernel.unprivileged_userns_clone; -1 where there is none */
    int64_t apparmor_restricts; /* kernel.apparmor_restrict_unprivileged_userns; likewise */
    bool selinux;               /* present and enforcing */
    char security_modules[256]; /* as the kernel lists them; "" when not readable */
    bool filtered;              /* this process is under a system call filter already */
    bool chrooted;              /* "/" is not a mount, so the kernel refuses user namespaces */
    int proc_covered;           /* mounts that hide parts of /proc */
    char system_mount[128];     /* the first mount below a system directory; "" if there is none */

    bool cgroup_mounted; /* something is at /sys/fs/cgroup */
    bool cgroup_v2;      /* it is version 2 alone */
    bool cgroup_read_only;
    char cgroup_own[256];     /* version 2: this process's own cgroup */
    char cgroup_offered[128]; /* version 2: controllers that the top offers */
    int no_loop;              /* errno of opening /dev/loop-control as root; 0 = it opens */
    bool systemd;             /* systemd runs the machine */
    bool systemd_user;        /* and a manager for this user */
};

void bj_surroundings_read(const struct bj_host *host, struct bj_surroundings *ret);

#endif
