/*
 * What the policy says of a request: allow, ask or deny, and for which reasons. A value that owns
 * its memory; made by policy/, kept by audit/, shown by every front door.
 */
#ifndef BJ_MODEL_VERDICT_H
#define BJ_MODEL_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "belljar/error.h"

/* In order of strictness: the strictest reason decides. */
enum bj_decision { BJ_ALLOW, BJ_ASK, BJ_DENY };

/* How bad it would be. As a threshold, NONE means never. */
enum bj_risk { BJ_RISK_NONE, BJ_RISK_LOW, BJ_RISK_MEDIUM, BJ_RISK_HIGH, BJ_RISK_CRITICAL };

/* "allow", "ask", "deny"; "none", "low" … "critical". */
const char *bj_decision_name(enum bj_decision decision);
const char *bj_risk_name(enum bj_risk risk);
/* -1 for another word. */
int bj_decision_find(const char *name);
int bj_risk_find(const char *name);

/* A rule that was hit. Texts live as long as the verdict; none is NULL. */
struct bj_violation {
    const char *rule;        /* id: "blacklist", "whitelist", "destroy.root", "path.denied" … */
    const char *description; /* one line for a person */
    const char *command;     /* the canonical simple command; "" when it is not about one */
    const char *advice;      /* what the user can do; "" when there is nothing */
    enum bj_risk risk;
    enum bj_decision decision; /* what this one alone would give */
    size_t from, to;           /* bytes of the command's text; both 0 when not about a place */
};

#define BJ_VIOLATIONS_MAX   64
#define BJ_VERDICT_TEXT_MAX 4096 /* bytes of a violation's text; longer ones are cut */

struct bj_verdict {
    enum bj_decision decision;
    enum bj_risk risk; /* the highest */
    int count;         /* of violations below */
    int dropped;       /* further ones that found no room; they count in decision and risk */
    struct bj_violation violations[BJ_VIOLATIONS_MAX];
    int64_t retry_after_us; /* rate limit: when the same request would pass; 0 otherwise */
    struct bj_arena arena;  /* the texts */
};

void bj_verdict_init(struct bj_verdict *verdict);
void bj_verdict_release(struct bj_verdict *verdict);

/*
 * Adds a violation, copying its texts; decision and risk rise to it. Memory that ends is never a
 * milder verdict: the violation counts even if its texts cannot be kept.
 */
void bj_verdict_add(struct bj_verdict *verdict, const struct bj_violation *violation);

/* One line that gives the reason: the first of the strictest violations; "allowed" if none. */
BJ_API const char *bj_verdict_reason(const struct bj_verdict *verdict);

#endif
