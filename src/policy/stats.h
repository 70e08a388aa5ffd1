/*
 * What was judged: totals by decision, risk, tool and rule, and the latest violations. All of it
 * bounded: names that find no place count together as "(others)", and a new violation takes the
 * place of the oldest one.
 */
#ifndef BJ_POLICY_STATS_H
#define BJ_POLICY_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/request.h"
#include "model/verdict.h"

#define BJ_STATS_NAMES      256  /* tools, and rules */
#define BJ_STATS_NAME_MAX   64   /* bytes of a name, NUL included; longer ones are cut */
#define BJ_STATS_VIOLATIONS 1024 /* kept */
#define BJ_STATS_TEXT_MAX   512  /* bytes of a text of one of them; longer ones are cut */

struct bj_stats;

int bj_stats_new(struct bj_stats **ret, struct bj_error *err);
void bj_stats_free(struct bj_stats *stats);

/* Counts a verdict. Never fails: without memory for its texts a violation is counted only. */
void bj_stats_count(struct bj_stats *stats, const struct bj_request *request,
                    const struct bj_verdict *verdict, int64_t now_us);

struct bj_stats_named {
    const char *name;
    uint64_t count;
};

struct bj_stats_totals {
    uint64_t calls;
    uint64_t by_decision[BJ_DENY + 1];
    uint64_t by_risk[BJ_RISK_CRITICAL + 1]; /* violations, not calls */
    uint64_t violations;
    uint64_t forgotten; /* violations that are no longer kept */
};
const struct bj_stats_totals *bj_stats_totals(const struct bj_stats *stats);

/* The tool, or rule, number `index` from 0 on, in no order; false past the last. */
bool bj_stats_tool(const struct bj_stats *stats, size_t index, struct bj_stats_named *ret);
bool bj_stats_rule(const struct bj_stats *stats, size_t index, struct bj_stats_named *ret);

/* A violation that is kept. Texts live until the next count. */
struct bj_stats_violation {
    int64_t time_us; /* as given to bj_stats_count() */
    const char *tool, *rule, *description, *command;
    enum bj_risk risk;
    enum bj_decision decision;
};

/*
 * The violations of risks from `least` to `most`, the newest first: fills at most `maximum` of
 * ret and returns how many there are.
 */
size_t bj_stats_violations(const struct bj_stats *stats, enum bj_risk least, enum bj_risk most,
                           struct bj_stats_violation *ret, size_t maximum);

#endif
