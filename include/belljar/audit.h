/*
 * belljar/audit.h: reading the audit database, from C and C++.
 *
 * bj_run() writes it when the configuration says so (security.audit). docs/AUDIT.md has the format,
 * how records are chained, and what the chain proves.
 */
#ifndef BELLJAR_AUDIT_H
#define BELLJAR_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "belljar/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bj_audit;

/* Opens a database for reading; `path` NULL: the usual place. One thread at a time. */
BJ_API int bj_audit_open_file(const char *path, struct bj_audit **ret_audit, struct bj_error *err);
BJ_API void bj_audit_close(struct bj_audit *audit);

/* Which calls. A zeroed struct with its size chooses all. */
struct bj_audit_choice {
    size_t size;                      /* sizeof(struct bj_audit_choice): later ones may have more */
    int64_t since_ns, until_ns;       /* wall clock since 1970; until exclusive, 0 = no end */
    const char *key, *sandbox, *tool; /* NULL = any */
    const char *decision;             /* "allow", "ask", "deny"; NULL = any */
    const char *risk;                 /* this or higher; NULL = any */
    int64_t after;                    /* records beyond this number */
    int64_t newest;                   /* only so many calls, the newest; 0 = all */
};

/*
 * Gives each record, verdicts and outcomes in the order of their numbers, as one line of JSON to
 * `take`, which returns 0 to go on; another value ends it and is returned. The text is borrowed.
 */
BJ_API int bj_audit_read(struct bj_audit *audit, const struct bj_audit_choice *choice,
                         int (*take)(void *context, const char *json), void *context,
                         struct bj_error *err);

/* The newest record as NUMBER:HASH, to be kept elsewhere and given to bj_audit_prove(). */
#define BJ_AUDIT_ANCHOR_MAX 96
BJ_API int bj_audit_anchor(struct bj_audit *audit, char ret[BJ_AUDIT_ANCHOR_MAX],
                           struct bj_error *err);

/* What the chain proves. */
struct bj_audit_proof {
    bool sound;
    int64_t records;   /* that were checked */
    int64_t after;     /* retention removed what came before and including this number; 0 = none */
    int64_t bad;       /* the first number at which something is wrong */
    char problem[256]; /* what; "" if sound */
};

/* Checks the chain, and with `anchor` (may be NULL) that it has that record unchanged. */
BJ_API int bj_audit_prove(struct bj_audit *audit, const char *anchor, struct bj_audit_proof *ret,
                          struct bj_error *err);

#ifdef __cplusplus
}
#endif
#endif
