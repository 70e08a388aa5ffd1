/* The C library: include/belljar/policy.h over the policy. */
#include "belljar/policy.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/config.h"
#include "model/request.h"
#include "model/request_json.h"
#include "model/verdict.h"
#include "policy/policy.h"

int bj_policy_open(struct bj_config *config, struct bj_policy **ret_policy, struct bj_error *err)
{
    struct bj_warnings warnings = {0};
    int result = bj_config_settle(config, &warnings, err);

    return result < 0 ? result : bj_policy_new(config, ret_policy, err);
}

void bj_policy_close(struct bj_policy *policy)
{
    bj_policy_free(policy);
}

void bj_verdict_free(struct bj_verdict *verdict)
{
    if (verdict == NULL)
        return;
    bj_verdict_release(verdict);
    bj_free(verdict);
}

/* Judges a request that lacks only where it is for. */
static int judge(struct bj_policy *policy, struct bj_request *request, const struct bj_where *where,
                 struct bj_verdict **ret_verdict, struct bj_error *err)
{
    struct bj_verdict *verdict;
    int result;

    if (where != NULL && where->size != sizeof *where)
        return bj_fail(err, BJ_E_INVALID, "policy", "struct bj_where has another size here");
    if (where != NULL) {
        request->directory = where->directory;
        request->home = where->home;
        request->key = where->key;
    }
    verdict = bj_alloc(sizeof *verdict);
    if (verdict == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
    bj_verdict_init(verdict);
    result = bj_policy_judge(policy, request, bj_clock_us(), verdict, err);
    if (result < 0)
        bj_verdict_free(verdict);
    else
        *ret_verdict = verdict;
    return result;
}

int bj_policy_judge_command(struct bj_policy *policy, const char *command,
                            const struct bj_where *where, struct bj_verdict **ret_verdict,
                            struct bj_error *err)
{
    struct bj_request request = {.tool = "Bash", .command = command};

    return judge(policy, &request, where, ret_verdict, err);
}

int bj_policy_judge_argv(struct bj_policy *policy, const char *const *argv,
                         const struct bj_where *where, struct bj_verdict **ret_verdict,
                         struct bj_error *err)
{
    struct bj_request request = {.tool = "Bash", .argv = argv};

    return judge(policy, &request, where, ret_verdict, err);
}

int bj_policy_judge_tool(struct bj_policy *policy, const char *tool, const char *arguments,
                         const struct bj_where *where, struct bj_verdict **ret_verdict,
                         struct bj_error *err)
{
    struct bj_request_json call;
    int result = bj_request_json_parse(&call, tool, arguments, strlen(arguments), err);

    if (result == 0)
        result = judge(policy, &call.request, where, ret_verdict, err);
    bj_request_json_release(&call);
    return result;
}

const char *bj_verdict_decision(const struct bj_verdict *verdict)
{
    return bj_decision_name(verdict->decision);
}

const char *bj_verdict_risk(const struct bj_verdict *verdict)
{
    return bj_risk_name(verdict->risk);
}

int64_t bj_verdict_retry_after_us(const struct bj_verdict *verdict)
{
    return verdict->retry_after_us;
}

bool bj_verdict_hit(const struct bj_verdict *verdict, int index, struct bj_hit *ret)
{
    const struct bj_violation *violation;

    if (index < 0 || index >= verdict->count)
        return false;
    violation = &verdict->violations[index];
    *ret = (struct bj_hit){
        .rule = violation->rule,
        .description = violation->description,
        .risk = bj_risk_name(violation->risk),
        .decision = bj_decision_name(violation->decision),
        .command = violation->command,
        .advice = violation->advice,
        .from = violation->from,
        .to = violation->to,
    };
    return true;
}
