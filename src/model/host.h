/*
 * What the host is and allows: facts that planning needs, gathered once by src/linux/host.c and
 * handed down as a value, so that plans can be made and tested for hosts that are not this one.
 */
#ifndef BJ_MODEL_HOST_H
#define BJ_MODEL_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/limits.h"

enum bj_cgroup_version {
    BJ_CGROUP_NONE, /* none that we may use */
    BJ_CGROUP_V1,
    BJ_CGROUP_V2,
};

enum bj_controller {
    BJ_CONTROLLER_MEMORY,
    BJ_CONTROLLER_PIDS,
    BJ_CONTROLLER_CPU,
    BJ_CONTROLLER_COUNT,
};

/* A top-level directory that holds the system's programs and settings. */
enum bj_system_kind {
    BJ_SYSTEM_ABSENT,
    BJ_SYSTEM_DIRECTORY,
    BJ_SYSTEM_LINK,
};
struct bj_system_dir {
    const char *path; /* static */
    enum bj_system_kind kind;
    char link[64]; /* where a link points */
    bool together; /* part of the root file system, which may be handed to a sandbox as it is */
};
#define BJ_SYSTEM_DIRS_MAX   10
#define BJ_SYSTEM_MOUNTS_MAX 4
#define BJ_SOCKETS_MAX       32
#define BJ_ID_SLOT           16u /* host ids of one sandbox */

struct bj_host {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    bool privileged;      /* may map ids and mount in the host's own user namespace */
    bool initial_user_ns; /* uid 0 here is the machine's uid 0 */
    uint32_t id_first;    /* host ids that sandboxes may own: so many slots of BJ_ID_SLOT */
    uint32_t id_slots;
    bool id_random;                        /* process ids here are not unique on the machine */
    uint32_t sub_uid_first, sub_uid_count; /* the caller's subordinate ids, if asked for */
    uint32_t sub_gid_first, sub_gid_count;
    int oom_score;        /* root's own oom_score_adj */
    uint32_t serial;      /* of this sandbox among those that this process plans */
    int kernel;           /* version, major * 1000 + minor */
    int landlock_abi;     /* 0 where there is none */
    int cpus;             /* online */
    char cpu_block[4096]; /* one processor of /proc/cpuinfo, where fewer are to be shown; or "" */
    bool proc_sys_user;   /* process limits count per user namespace (Linux 5.14) */

    enum bj_cgroup_version cgroup;
    char cgroup_path[BJ_CONTROLLER_COUNT][256]; /* directory below which ours is made; "" = none */
    char freezer_path[256];                     /* the same, for a cgroup that can be frozen */
    bool workspace_given; /* an empty workspace's file system comes with the plan */
    bool freezable;       /* sandboxes get one: set by who means to pause them */

    struct bj_system_dir system[BJ_SYSTEM_DIRS_MAX];
    int system_count;
    const char *system_mounts[BJ_SYSTEM_MOUNTS_MAX]; /* file systems of their own below them */
    int system_mount_count;
    char scratch_point[16]; /* directory that the new root is mounted on while it is built */

    char directory[BJ_PATH_MAX]; /* the caller's current one */
    char workspace[BJ_PATH_MAX]; /* the workspace without links and dots; "" = it is empty */
    uid_t workspace_uid;         /* who owns the workspace's directory */
    gid_t workspace_gid;
    uint32_t protected_present; /* bit n: row n of the protected paths exists in the workspace */
    bool git_directory;         /* the workspace has a directory .git */
    uint32_t protected_links;   /* bit n: it, or its parent, is a symbolic link */
    char sockets[BJ_SOCKETS_MAX][256]; /* Unix sockets that lie in the workspace's top directory */
    int socket_count;
    char home[BJ_PATH_MAX]; /* the caller's, without links and dots; "" if unknown */
};

#endif
