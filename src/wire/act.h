/*
 * Acts: everything that the service does to a sandbox or in it. An act is decided on by the front,
 * recorded by the audit process, and then carried out by the keeper, which takes acts from nobody
 * but the audit process: so what was not recorded cannot happen, and what is recorded is what
 * happens, whoever rules the front.
 *
 * Plain data; texts are borrowed and, once decoded, point into the message. Times are microseconds
 * and lengths of time, never moments: the two sides share no clock but both are monotonic.
 */
#ifndef BJ_WIRE_ACT_H
#define BJ_WIRE_ACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"

/*    kind     name in records */
#define BJ_ACTS(X)                                                                                 \
    X(CREATE, "create")   /* makes a sandbox */                                                    \
    X(START, "start")     /* starts a process in it */                                             \
    X(OPEN, "open")       /* opens a file in it; answered with a descriptor */                     \
    X(CONNECT, "connect") /* connects to a port in it; answered with a descriptor */               \
    X(INPUT, "input")     /* bytes for a process's standard input or terminal, or its end */       \
    X(ATTACH, "attach")   /* permits BJ_KEEPER_INPUT and _RESIZE without a record of each */       \
    X(SIGNAL, "signal")   /* signals a process, or all of the sandbox's */                         \
    X(RESIZE, "resize")   /* of a process's terminal */                                            \
    X(UPDATE, "update")   /* changes time-outs, label */                                           \
    X(PAUSE, "pause")                                                                              \
    X(RESUME, "resume")                                                                            \
    X(DESTROY, "destroy")

enum bj_act_kind {
    BJ_ACT_NONE,
#define BJ_ACT_ENUM(kind, name) BJ_ACT_##kind,
    BJ_ACTS(BJ_ACT_ENUM)
#undef BJ_ACT_ENUM
        BJ_ACT_COUNT
};
const char *bj_act_name(enum bj_act_kind kind);

/* START */
#define BJ_START_TERMINAL (1u << 0) /* rows and columns say how large */
#define BJ_START_STDIN    (1u << 1) /* its standard input stays open for INPUT; else /dev/null */
#define BJ_START_PIPES                                                                             \
    (1u << 2) /* no log: the answer carries the other ends of its standard input and output, for   \
                 bulk; standard error is logged */
#define BJ_START_REPORT                                                                            \
    (1u << 3) /* descriptor 3 is a pipe whose bytes are stream 3 of its log: for what a shell      \
                 session tells of itself */
#define BJ_START_FILES                                                                             \
    (1u << 4) /* argv[0] is the keeper's own helper for files, whatever it says; it comes in as a  \
                 descriptor, so nothing in the sandbox can stand in for it */
#define BJ_START_FORGET (1u << 5) /* forget it once it has ended and its end was read */
#define BJ_START_HOLD                                                                              \
    (1u << 6) /* nothing of its output is dropped until the first READ with hold, but for at most  \
                 BJ_HOLD_GRACE_US: it may write more than a log holds before anybody can ask */

/* A time-out that is not to be changed (UPDATE). */
#define BJ_KEEP_TIME (-1)

struct bj_act {
    enum bj_act_kind kind;
    const char *sandbox; /* BJ_SANDBOX_ID_MAX; CREATE: the one to be made, chosen by the front */
    const char *owner;   /* whose it is, below BJ_OWNER_MAX. CREATE says it once and for all; what
                            any other act says must be the same, or the keeper does not do it: so
                            every record of an act that was done says whose sandbox it was */
    uint32_t process;    /* INPUT, ATTACH, SIGNAL, RESIZE; START: chosen by the front, from 1 on,
                            never used twice in a sandbox. SIGNAL: 0 = every process */

    /* CREATE */
    const char *preset;         /* one of the service's; the keeper has them, the front names one */
    const char *const *options; /* KEY, VALUE, KEY, VALUE …: what the service lets clients choose */

    /* CREATE and UPDATE */
    int64_t timeout_us; /* until the sandbox ends by itself; 0 = never */
    int64_t idle_us;    /* the same, from the last act on */

    /* CREATE, START and UPDATE: what the front wants to find again after it was restarted. NULL in
     * UPDATE: unchanged. The keeper only keeps it. In records it stands as it is, masked, or as its
     * SHA-256 where it is long. */
    const char *label;

    /* START; timeout_us too */
    uint32_t flags;
    uint16_t rows, columns; /* RESIZE too */
    const char *const *argv;
    const char *const *env; /* NAME=VALUE, over the sandbox's own */
    const char *directory;  /* absolute, inside; NULL = the workspace */

    /* OPEN; CONNECT: a Unix socket, NULL for a port of the loopback address */
    const char *path;
    int32_t open_flags; /* O_… */
    uint32_t mode;
    uint16_t port;

    /* SIGNAL */
    int32_t signal;
    bool group;

    /* INPUT */
    const void *data;
    size_t length;
    bool close; /* standard input ends behind these bytes */
};

/* Appends the act. */
void bj_act_put(struct bj_buf *out, const struct bj_act *act);

/*
 * Takes an act out of a message of `size` bytes, which must be all of it; lists are laid out in
 * `strings`. Checks its form: known kind, valid identifiers, absolute paths, bounds.
 */
int bj_act_get(const void *message, size_t size, const char **strings, size_t capacity,
               struct bj_act *ret, struct bj_error *err);
/* So many pointers are enough for any act. */
#define BJ_ACT_STRINGS (2 * (BJ_ARGC_MAX + 1))

/* Below BJ_OWNER_MAX, not empty, no control characters. */
bool bj_owner_valid(const char *owner);

/* Lower-case letters and digits, 1 to BJ_SANDBOX_ID_MAX - 1 of them. */
bool bj_sandbox_id_valid(const char *id);

/* What an act is, as one JSON object: what the audit process records beside the front's words. */
void bj_act_describe(const struct bj_act *act, struct bj_buf *out);

#endif
