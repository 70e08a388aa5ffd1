/*
 * The processes of the service below the supervisor, and what each finds when it begins. Every one
 * of them is the program belljar-serve again, with "@ROLE" as its first argument and the service's
 * own arguments behind it.
 */
#ifndef BJ_SUPERVISOR_ROLES_H
#define BJ_SUPERVISOR_ROLES_H

#include "base/limits.h"
/*    role, its name; in the order in which they start; they stop in the opposite order, but the
 *    audit process, which outlives the keeper, starts first */
#define BJ_ROLES(X)                                                                                \
    X(AUDIT, "audit")                                                                              \
    X(KEEPER, "keeper")                                                                            \
    X(FRONT, "front")

enum bj_role {
#define BJ_ROLE_ENUM(role, name) BJ_ROLE_##role,
    BJ_ROLES(BJ_ROLE_ENUM)
#undef BJ_ROLE_ENUM
        BJ_ROLE_COUNT
};

const char *bj_role_name(enum bj_role role);

/* What a PEER with the file of keys says instead of a role. */
#define BJ_ROLE_KEYS "keys"

/*
 * In the place of a role: one that is to read all that a front reads, and to say over the control
 * socket whether a front could begin with it: READY, or REFUSED and why. It does nothing else.
 */
#define BJ_ROLE_TRIAL "trial"

/* Descriptors at fixed numbers; everything else is closed. */
#define BJ_ROLE_CONTROL 3 /* the supervisor's socket: PEER and STOP come in, READY goes out */
#define BJ_ROLE_CONFIG  4 /* the configuration file as the supervisor read it; may be empty */
#define BJ_ROLE_LOCK    5 /* of the state directory: held until the last process is gone */
#define BJ_ROLE_KEY     6 /* what it is told of the administrator's key (toldkey.h); read once */
#define BJ_ROLE_LISTEN  7 /* front only: this one and those behind it are listening sockets */
/* Keeper only: the programs that were installed with the supervisor's own, open as paths. */
#define BJ_ROLE_LAUNCHER 7
#define BJ_ROLE_FILES    8

#endif
