/* The C library: what a policy has judged, of include/belljar/policy.h. */
#include "belljar/policy.h"

#include "base/error.h"
#include "base/mem.h"
#include "model/verdict.h"
#include "policy/policy.h"
#include "policy/stats.h"

int bj_policy_count(const struct bj_policy *policy, struct bj_policy_totals *ret,
                    struct bj_error *err)
{
    const struct bj_stats_totals *totals = bj_stats_totals(bj_policy_stats(policy));

    if (ret->size != sizeof *ret)
        return bj_fail(err, BJ_E_INVALID, "policy",
                       "struct bj_policy_totals has another size here");
    ret->calls = totals->calls;
    ret->allowed = totals->by_decision[BJ_ALLOW];
    ret->asked = totals->by_decision[BJ_ASK];
    ret->denied = totals->by_decision[BJ_DENY];
    ret->hits = totals->violations;
    for (int i = 0; i <= BJ_RISK_CRITICAL; i++)
        ret->hits_by_risk[i] = totals->by_risk[i];
    return 0;
}

bool bj_policy_tool_count(const struct bj_policy *policy, size_t index, const char **ret_name,
                          uint64_t *ret_count)
{
    struct bj_stats_named named;

    if (!bj_stats_tool(bj_policy_stats(policy), index, &named))
        return false;
    *ret_name = named.name;
    *ret_count = named.count;
    return true;
}

bool bj_policy_rule_count(const struct bj_policy *policy, size_t index, const char **ret_name,
                          uint64_t *ret_count)
{
    struct bj_stats_named named;

    if (!bj_stats_rule(bj_policy_stats(policy), index, &named))
        return false;
    *ret_name = named.name;
    *ret_count = named.count;
    return true;
}

static void show(const struct bj_stats_violation *violation, struct bj_past_hit *ret)
{
    *ret = (struct bj_past_hit){
        .time_us = violation->time_us,
        .tool = violation->tool,
        .rule = violation->rule,
        .description = violation->description,
        .command = violation->command,
        .risk = bj_risk_name(violation->risk),
        .decision = bj_decision_name(violation->decision),
    };
}

int bj_policy_past_hits(const struct bj_policy *policy, const char *risk, struct bj_past_hit *ret,
                        size_t maximum, size_t *ret_count, struct bj_error *err)
{
    const struct bj_stats *stats = bj_policy_stats(policy);
    int only = risk != NULL ? bj_risk_find(risk) : BJ_RISK_NONE;
    enum bj_risk most = risk != NULL ? (enum bj_risk)only : BJ_RISK_CRITICAL;
    BJ_CLEANUP_FREE struct bj_stats_violation *found = NULL;
    size_t wanted = maximum < BJ_STATS_VIOLATIONS ? maximum : BJ_STATS_VIOLATIONS;

    if (only < 0)
        return bj_fail(err, BJ_E_INVALID, "policy", "there is no risk of that name");
    found = bj_alloc(wanted * sizeof *found);
    if (found == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
    *ret_count = bj_stats_violations(stats, (enum bj_risk)only, most, found, wanted);
    for (size_t i = 0; i < wanted && i < *ret_count; i++)
        show(&found[i], &ret[i]);
    return 0;
}
