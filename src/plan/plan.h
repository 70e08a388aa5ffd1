/*
 * The plan: the ordered kernel operations that will make one sandbox, as data.
 *
 * A plan is one flat block without pointers: it prints (--dry-run), is compared in tests, crosses a
 * socket in one message, and is executed by two short loops: the host side (src/backend/native.c)
 * and init (src/init/setup.c). Each kind of operation belongs to one of the two; the order within
 * each side is the order in the plan.
 *
 * Paths: a `source` is a host path; a `target` is a path inside the sandbox, resolved below the new
 * root whatever links stand in the way. A `slot` is a number under which an opened tree or file is
 * handed from one operation to a later one, across the two sides if need be.
 */
#ifndef BJ_PLAN_PLAN_H
#define BJ_PLAN_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "model/config.h"
#include "model/host.h"
#include "model/layer.h"
#include "model/programs.h"
#include "model/result.h"
#include "model/rights.h"

/*    kind          side, what it does */
#define BJ_OPS(X)                                                                                  \
    X(CGROUP, HOST, "make cgroup")          /* source=directory slot=file to join */               \
    X(CGROUP_SET, HOST, "set cgroup limit") /* source=file text=value; flag OPTIONAL */            \
    X(ID_MAP, HOST, "give own ids")         /* from id_first, id_slots */                          \
    X(OOM_SCORE, HOST, "end protection from the memory killer")                                    \
    X(ID_MAP_SUB, HOST, "map subordinate ids")      /* source, text: for newuidmap, newgidmap */   \
    X(HOST_TREE, HOST, "open tree as owner")        /* source slot number=host ids; idmapped */    \
    X(HOST_FD, HOST, "hand over")                   /* number=descriptor slot */                   \
    X(HOST_ROOT, HOST, "open the root file system") /* slot */                                     \
    X(WORKSPACE, HOST,                                                                             \
      "hand over the workspace's file system") /* slot flags; came with the plan */                \
    X(UNSHARE, INIT, "new namespaces")         /* number=CLONE_NEW* */                             \
    X(ID_MAP_SELF, INIT, "map own id")         /* source=uid line, text=gid line */                \
    X(WAIT_HOST, INIT, "wait for the host side")                                                   \
    X(JOIN_CGROUP, INIT, "join cgroup") /* slot */                                                 \
    X(TIME, INIT, "new time namespace") /* uptime from now on */                                   \
    X(CGROUP_NS, INIT, "new cgroup namespace")                                                     \
    X(IDENTITY, INIT, "become root of the user namespace")                                         \
    X(NETWORK, INIT, "begin a network namespace") /* on the side, loopback brought up */           \
    X(NETWORK_JOIN, INIT, "enter the network namespace")                                           \
    X(HOSTNAME, INIT, "set host name")      /* text */                                             \
    X(SYSCTL, INIT, "set kernel parameter") /* source=host path, before the pivot; text */         \
    X(PRIVATE, INIT, "keep mounts private")                                                        \
    X(OPEN_PATH, INIT, "open")              /* source slot */                                      \
    X(SCRATCH, INIT, "mount tmpfs")         /* source=mount point text=options */                  \
    X(DIR, INIT, "make directory")          /* target number=mode; in scratch */                   \
    X(FILE, INIT, "write file")             /* target text; in scratch */                          \
    X(SYMLINK, INIT, "make link")           /* target text; in scratch */                          \
    X(SUBTREE, INIT, "bind own directory")  /* source=in scratch target flags */                   \
    X(BIND, INIT, "bind")                   /* slot target flags; source for messages */           \
    X(OVERLAY, INIT, "mount overlay")       /* slot=lower text=upper lower in scratch */           \
    X(SYSTEM, INIT, "mount one overlay")    /* slot=lower source=its place text=names by line      \
                                               target=where, in scratch; over it, "system" */      \
    X(PROC, INIT, "mount proc")             /* target */                                           \
    X(DEVPTS, INIT, "mount devpts")         /* target number=terminals */                          \
    X(MASK, INIT, "mask")                   /* target */                                           \
    X(READ_ONLY, INIT, "make read-only")    /* target */                                           \
    X(TMPFS, INIT, "mount tmpfs at")        /* target text=options */                              \
    X(MQUEUE, INIT, "mount mqueue")         /* target */                                           \
    X(PLACE_DIR, INIT, "make directory at") /* target number=mode */                               \
    X(PLACE_FILE, INIT, "write file at")    /* target slot=content number=mode */                  \
    X(PLACE_DATA, INIT, "bind content")     /* target slot=content number=mode flags */            \
    X(PLACE_LINK, INIT, "make link at")     /* target text */                                      \
    X(PLACE_MODE, INIT, "set mode")         /* target number=mode */                               \
    X(KEEP_ONLY, INIT, "show only")         /* target=directory source=cover text=names by line */ \
    X(EXECUTABLE, INIT, "let be executed")  /* text=paths by line; flags */                        \
    X(PIVOT, INIT, "enter the new root")                                                           \
    X(LANDLOCK, INIT, "allow access")         /* target number=enum bj_grant */                    \
    X(LANDLOCK_RUN, INIT, "allow to execute") /* text=paths by line */                             \
    X(LANDLOCK_ON, INIT, "enforce access rules")                                                   \
    X(CAPABILITIES, INIT, "drop capabilities") /* number=bits kept by init */                      \
    X(NO_NEW_PRIVS, INIT, "set no_new_privs")                                                      \
    X(SECCOMP, INIT, "load system call filter") /* number=enum bj_seccomp_profile */               \
    X(FILTER, INIT, "take over a filter")       /* slot; loaded by what is started */              \
    X(PASS, INIT, "pass on") /* slot number=descriptor that what is started finds it at */         \
    X(SUBREAPER, INIT, "adopt orphans")

enum bj_op_kind {
#define BJ_OP_ENUM(kind, side, text) BJ_OP_##kind,
    BJ_OPS(BJ_OP_ENUM)
#undef BJ_OP_ENUM
        BJ_OP_COUNT
};

enum bj_op_side { BJ_SIDE_HOST, BJ_SIDE_INIT };

/* Flags of operations. */
#define BJ_FLAG_READ_ONLY (1u << 0)
#define BJ_FLAG_NO_DEV    (1u << 1)
#define BJ_FLAG_NO_EXEC   (1u << 2)
#define BJ_FLAG_RECURSIVE (1u << 3)
#define BJ_FLAG_OPTIONAL  (1u << 4) /* failing is noted as degraded, not an error */
#define BJ_FLAG_OWNED     (1u << 5) /* made for the workload's user */
#define BJ_FLAG_NO_CREATE (1u << 6) /* the mount point must exist: it lies in the user's files */
#define BJ_FLAG_OVERLAY   (1u << 7) /* HOST_TREE: as an overlay, so that locks stay inside */
#define BJ_FLAG_DETACHED                                                                           \
    (1u << 8) /* BIND: the slot holds a tree of the host side's, to be moved                       \
               */

#define BJ_FLAG_DONE (1u << 9) /* NETWORK, NETWORK_JOIN: the launcher gave one of its pool */

#define BJ_FLAG_CREATE                                                                             \
    (1u << 10)                  /* a missing mount point is made, also in the host's directories */
#define BJ_FLAG_SELF (1u << 11) /* READ_ONLY: this mount itself, and not those below it */
#define BJ_FLAG_KEEP (1u << 12) /* HOST_FD: open until init ends */

#define BJ_NO_SLOT UINT32_MAX

struct bj_op {
    uint16_t kind;  /* enum bj_op_kind */
    uint16_t layer; /* enum bj_layer that it belongs to */
    uint32_t flags;
    uint32_t source; /* offsets into text[]; 0 is the empty string */
    uint32_t target;
    uint32_t text;
    uint32_t slot;
    uint64_t number;
};

/* A resource limit of every process that init starts. */
struct bj_rlimit {
    int32_t resource; /* RLIMIT_… */
    uint64_t limit;   /* soft and hard */
};
#define BJ_RLIMITS_MAX 8

struct bj_plan {
    uint32_t version; /* BJ_PLAN_VERSION */
    uint32_t isolation;
    uint64_t clone_flags;
    uint32_t uid, gid;                 /* of the workload, as seen inside */
    uint32_t init_uid, init_gid;       /* of init, as seen inside */
    uint32_t sandbox_uid, sandbox_gid; /* of the workload, as seen by the host; from the base of the
                                          sandbox's own ids where id_slots is not 0 */
    uint32_t id_first, id_slots;       /* the range to take BJ_ID_SLOT host ids from */
    uint32_t id_random;                /* by chance: process ids are not unique here */
    uint64_t workload_caps;            /* 0, or what root inside keeps */
    uint64_t memory_watch; /* bytes; init ends the sandbox beyond that where no cgroup does */
    uint32_t rlimit_count;
    struct bj_rlimit rlimits[BJ_RLIMITS_MAX];
    bj_layer_set layers;  /* that are on if every operation succeeds */
    uint32_t directory;   /* where the workload starts; in text[] */
    uint32_t home;        /* its home directory; in text[] */
    bool directory_tried; /* if it cannot be entered, home and / are tried; PWD says which it was */
    uint32_t shell_user;  /* its user name; in text[] */
    uint32_t init_name;   /* what init calls itself (PR_SET_NAME); in text[] */
    uint32_t op_count;
    uint32_t slot_count;
    uint32_t text_length;
    struct bj_op ops[BJ_PLAN_OPS_MAX];
    char text[BJ_PLAN_TEXT_MAX]; /* NUL-terminated strings; [0] is "" */
};
#define BJ_PLAN_VERSION 2

/* Bytes of the plan in use: what has to be copied or sent. */
size_t bj_plan_size(const struct bj_plan *plan);

static inline const char *bj_plan_text(const struct bj_plan *plan, uint32_t offset)
{
    return plan->text + offset;
}

enum bj_op_side bj_op_side(enum bj_op_kind kind);
const char *bj_op_name(enum bj_op_kind kind); /* "BIND" */
const char *bj_op_text(enum bj_op_kind kind); /* "bind" */

/*
 * Makes the plan for a configuration on a host. `programs` is what its command_whitelist comes to,
 * NULL where that is empty. Pure: the same arguments give the same plan. What was only a default
 * and cannot be had is added to `degraded`; what was asked for explicitly is an error (BJ_E_LAYER)
 * unless config->allow_degraded. `plan` is the caller's; large, so not on a stack.
 */
int bj_plan_make(const struct bj_config *config, const struct bj_host *host,
                 const struct bj_programs *programs, struct bj_plan *plan,
                 struct bj_degradations *degraded, struct bj_error *err);

/*
 * Which host directory the workspace is (NULL: an empty one) and where it appears inside; texts of
 * the arguments. BJ_E_DENIED for a directory below which too much lies.
 */
int bj_plan_workspace(const struct bj_config *config, const struct bj_host *host,
                      const char **ret_source, const char **ret_target, struct bj_error *err);

/* Prints one operation a line, for --dry-run. */
void bj_plan_print(const struct bj_plan *plan, struct bj_buf *out);

/*
 * A plan as it travels: what of it is in use, without the room between. Packs into memory of at
 * least bj_plan_size() bytes and returns how many were needed.
 */
size_t bj_plan_pack(const struct bj_plan *plan, void *ret);
/* Only what is in use of *ret is written. Checks the plan, bj_plan_check(). */
int bj_plan_unpack(const void *packed, size_t size, struct bj_plan *ret, struct bj_error *err);

/* Checks a plan that came over a socket: counts, offsets and slots in range, strings terminated. */
int bj_plan_check(const struct bj_plan *plan, size_t size, struct bj_error *err);

#endif
