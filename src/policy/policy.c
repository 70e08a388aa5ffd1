/*
 * The policy as a whole: a list of checks, each in a file of its own, and the strictest answer
 * decides. A check says nothing of what does not concern it.
 */
#include "policy/policy.h"

#include "base/mem.h"
#include "policy/policy_internal.h"

static bj_check_fn *const checks[] = {
    bj_check_rate,
    bj_check_tool,
    bj_check_paths,
    bj_check_command,
};

int bj_policy_new(const struct bj_config *config, struct bj_policy **ret, struct bj_error *err)
{
    struct bj_policy *policy = bj_alloc(sizeof *policy);
    int result;

    if (policy == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "cannot make the policy: out of memory");
    result = bj_judge_new(config, &policy->commands, err);
    if (result == 0)
        result = bj_judge_call_new(config, policy, err);
    if (result < 0) {
        bj_policy_free(policy);
        return result;
    }
    *ret = policy;
    return 0;
}

void bj_policy_free(struct bj_policy *policy)
{
    if (policy == NULL)
        return;
    bj_judge_free(policy->commands);
    bj_tools_free(policy->tools);
    bj_paths_free(policy->paths);
    bj_rate_free(policy->rate);
    bj_stats_free(policy->stats);
    bj_free(policy);
}

/* A judgement that broke off is a refusal, with the reason it broke off for. */
static void refuse(struct bj_verdict *verdict, const char *why)
{
    bj_verdict_add(verdict, &(struct bj_violation){
                                .rule = "policy.failed",
                                .description = why,
                                .risk = BJ_RISK_HIGH,
                                .decision = BJ_DENY,
                            });
}

int bj_policy_judge(struct bj_policy *policy, const struct bj_request *request, int64_t now_us,
                    struct bj_verdict *verdict, struct bj_error *err)
{
    struct bj_error own = {0};
    int result = 0;

    for (size_t i = 0; i < sizeof checks / sizeof *checks && result == 0; i++)
        result = checks[i](policy, request, now_us, verdict, &own);
    if (result < 0)
        refuse(verdict, own.message);
    bj_stats_count(policy->stats, request, verdict, now_us);
    if (result < 0 && err != NULL)
        *err = own;
    return result;
}

const struct bj_stats *bj_policy_stats(const struct bj_policy *policy)
{
    return policy->stats;
}
