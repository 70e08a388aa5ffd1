/*
 * belljar/policy.h: judging what an agent is about to do, from C and C++.
 *
 * A policy is made from a configuration (belljar.h) and judges requests: shell texts, argument
 * lists, calls of an agent's tools. It runs nothing and looks at no file. bj_run() judges by itself
 * when the configuration has rules; these functions are for callers who want the verdict alone.
 * Analysis is a guard rail: what it lets through still runs in a sandbox.
 */
#ifndef BELLJAR_POLICY_H
#define BELLJAR_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "belljar/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bj_config;
struct bj_policy;
struct bj_verdict;

/*
 * Makes the rules of a configuration ready, which is settled by that and not needed afterwards.
 * BJ_E_CONFIG names the entry that cannot be used and where in it. A policy belongs to one thread
 * at a time.
 */
BJ_API int bj_policy_open(struct bj_config *config, struct bj_policy **ret_policy,
                          struct bj_error *err);
BJ_API void bj_policy_close(struct bj_policy *policy);

/* Where and for whom a request would be acted on. Texts are borrowed; NULL is "not known". */
struct bj_where {
    size_t size;           /* sizeof(struct bj_where): later versions may have more */
    const char *directory; /* absolute, as the workload sees it */
    const char *home;
    const char *key; /* who asks: rates are counted by it */
};

/*
 * Judges a shell text, a program with its arguments (ends with NULL), or a call of a tool with its
 * arguments as a JSON object. `where` may be NULL. Succeeds whatever the verdict is; after a
 * failure *ret_verdict is not set. The verdict is the caller's.
 */
BJ_API int bj_policy_judge_command(struct bj_policy *policy, const char *command,
                                   const struct bj_where *where, struct bj_verdict **ret_verdict,
                                   struct bj_error *err);
BJ_API int bj_policy_judge_argv(struct bj_policy *policy, const char *const *argv,
                                const struct bj_where *where, struct bj_verdict **ret_verdict,
                                struct bj_error *err);
BJ_API int bj_policy_judge_tool(struct bj_policy *policy, const char *tool, const char *arguments,
                                const struct bj_where *where, struct bj_verdict **ret_verdict,
                                struct bj_error *err);

BJ_API void bj_verdict_free(struct bj_verdict *verdict);

/* "allow", "ask" or "deny"; "none", "low", "medium", "high" or "critical"; why, in a line. */
BJ_API const char *bj_verdict_decision(const struct bj_verdict *verdict);
BJ_API const char *bj_verdict_risk(const struct bj_verdict *verdict);
BJ_API const char *bj_verdict_reason(const struct bj_verdict *verdict);
/* Microseconds until a request that came too often would pass; 0 otherwise. */
BJ_API int64_t bj_verdict_retry_after_us(const struct bj_verdict *verdict);

/* A rule that was hit. Texts live as long as the verdict. */
struct bj_hit {
    const char *rule;        /* identifier: docs/POLICY.md lists them */
    const char *description; /* a line for a person */
    const char *risk;
    const char *decision;
    const char *command; /* the command it is about, in canonical form; "" if none */
    const char *advice;  /* what can be done; "" if nothing */
    size_t from, to;     /* bytes of the shell text; equal if it is about no place */
};

/* From index 0 on; false past the last. */
BJ_API bool bj_verdict_hit(const struct bj_verdict *verdict, int index, struct bj_hit *ret);

/* What a policy has judged since it was opened. */
struct bj_policy_totals {
    size_t size;    /* in: sizeof(struct bj_policy_totals) */
    uint64_t calls; /* judged */
    uint64_t allowed, asked, denied;
    uint64_t hits;            /* rules that were hit */
    uint64_t hits_by_risk[5]; /* none, low, medium, high, critical */
};
BJ_API int bj_policy_count(const struct bj_policy *policy, struct bj_policy_totals *ret,
                           struct bj_error *err);

/* How often a tool was judged, a rule hit; from index 0 on, in no order; false past the last. */
BJ_API bool bj_policy_tool_count(const struct bj_policy *policy, size_t index,
                                 const char **ret_name, uint64_t *ret_count);
BJ_API bool bj_policy_rule_count(const struct bj_policy *policy, size_t index,
                                 const char **ret_name, uint64_t *ret_count);

/* A hit of an earlier call; the latest 1,024 are kept. Texts live until the next judgement. */
struct bj_past_hit {
    int64_t time_us; /* CLOCK_MONOTONIC */
    const char *tool, *rule, *description, *command, *risk, *decision;
};

/*
 * The hits of one risk, or with NULL of any, the newest first: fills at most `maximum` of `ret` and
 * gives in *ret_count how many there are. BJ_E_INVALID for another word.
 */
BJ_API int bj_policy_past_hits(const struct bj_policy *policy, const char *risk,
                               struct bj_past_hit *ret, size_t maximum, size_t *ret_count,
                               struct bj_error *err);

#ifdef __cplusplus
}
#endif
#endif
