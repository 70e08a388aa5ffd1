/*
 * Who makes a request: a key, or the peer of a Unix socket. Made by the server when it has checked
 * the key; every identifier in the service has an owner, and only the owner's keys reach it.
 */
#ifndef BJ_SERVICE_IDENTITY_H
#define BJ_SERVICE_IDENTITY_H

#include <stdint.h>

/*    scope     bit, what its holder may do */
#define BJ_SCOPES(X)                                                                               \
    X(READ, 0, "see sandboxes, processes, output, events")                                         \
    X(EXECUTE, 1, "start and signal processes, write to them, reach ports")                        \
    X(FILES_READ, 2, "read files")                                                                 \
    X(FILES_WRITE, 3, "write files")                                                               \
    X(MANAGE, 4, "create, change and end sandboxes")                                               \
    X(AUDIT, 5, "read its owner's audit records")                                                  \
    X(ADMIN, 6, "see and end everyone's sandboxes, all records, metrics")

enum bj_scope {
#define BJ_SCOPE_ENUM(name, bit, text) BJ_SCOPE_##name = 1u << (bit),
    BJ_SCOPES(BJ_SCOPE_ENUM)
#undef BJ_SCOPE_ENUM
};
#define BJ_SCOPE_ALL 0x7fu

/* Bounds for one owner; 0 = none. */
struct bj_quota {
    int64_t sandboxes; /* at once */
    int64_t processes; /* running at once, over all its sandboxes */
    int64_t memory_mb; /* sum of the limits of its sandboxes */
    int64_t disk_mb;   /* likewise */
    int64_t requests;  /* within window_us */
    int64_t window_us;
};

struct bj_identity {
    const char *key;   /* the key's name, never the key; "unix:1000" for a peer */
    const char *owner; /* what it owns things as */
    uint32_t scopes;
    int64_t uid; /* of the peer on a Unix socket; -1 */
    struct bj_quota quota;
};

#endif
