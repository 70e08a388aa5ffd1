/*
 * Judging commands: the text is analysed once, then the blacklist, the whitelist and the built-in
 * rules look at the simple commands found.
 */
#include "base/mem.h"
#include "policy/policy_internal.h"

struct bj_judge {
    bool analyses;
};

int bj_judge_new(const struct bj_config *config, struct bj_judge **ret, struct bj_error *err)
{
    struct bj_judge *judge = bj_alloc(sizeof *judge);

    if (judge == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "cannot judge commands: out of memory");
    judge->analyses = config->command_analysis;
    *ret = judge;
    return 0;
}

void bj_judge_free(struct bj_judge *judge)
{
    bj_free(judge);
}

int bj_check_command(struct bj_policy *policy, const struct bj_request *request, int64_t now_us,
                     struct bj_verdict *verdict, struct bj_error *err)
{
    (void)now_us;
    (void)err;
    if (request->command == NULL && request->argv == NULL)
        return 0;
    bj_verdict_add(verdict, &(struct bj_violation){
                                .rule = "analysis.incomplete",
                                .description = "the command cannot be analysed",
                                .risk = BJ_RISK_MEDIUM,
                                .decision = policy->commands->analyses ? BJ_ASK : BJ_ALLOW,
                            });
    return 0;
}
