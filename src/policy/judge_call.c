/* The checks of a call that are not about the text of a command: how often, which tool, which
 * paths. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/policy_internal.h"

static int make_rate(const struct bj_config *config, struct bj_rate **ret, struct bj_error *err)
{
    struct bj_rate_limits limits = {.max_requests = config->max_requests,
                                    .window_us = config->window_seconds * 1000000};

    return config->max_requests > 0 ? bj_rate_new_random(&limits, ret, err) : 0;
}

/* Told of at the first violation only, a wrong URL would be a surprise at the worst moment. */
static int check_alert_url(const struct bj_config *config, struct bj_error *err)
{
    const char *rule, *advice, *problem = NULL;

    if (config->alert_url != NULL)
        problem = bj_url_problem(config->alert_url, &rule, &advice);
    return problem == NULL
               ? 0
               : bj_fail(err, BJ_E_CONFIG, "policy", "security.alert_url: %s; %s", problem, advice);
}

int bj_judge_call_new(const struct bj_config *config, struct bj_policy *policy,
                      struct bj_error *err)
{
    int result = check_alert_url(config, err);

    if (result == 0)
        result = bj_tools_new(config, &policy->tools, err);
    if (result == 0)
        result = bj_paths_new(config, &policy->paths, err);
    if (result == 0)
        result = make_rate(config, &policy->rate, err);
    return result < 0 ? result : bj_stats_new(&policy->stats, err);
}

static void add_rate(const struct bj_rate_answer *answer, struct bj_verdict *verdict)
{
    double seconds = (double)answer->retry_after_us / 1e6;
    char text[160];

    if (answer->reason == BJ_RATE_LIMIT)
        snprintf(text, sizeof text,
                 "too many calls: %lld in the window of max_requests; the next may come in %.3f s",
                 (long long)answer->count, seconds);
    else
        snprintf(text, sizeof text,
                 "too many callers at once to count another; the next may come in %.3f s", seconds);
    bj_verdict_add(verdict, &(struct bj_violation){.rule = "rate.limit",
                                                   .description = text,
                                                   .advice = "wait, then call again",
                                                   .risk = BJ_RISK_LOW,
                                                   .decision = BJ_DENY});
    verdict->retry_after_us = answer->retry_after_us;
}

int bj_check_rate(struct bj_policy *policy, const struct bj_request *request, int64_t now_us,
                  struct bj_verdict *verdict, struct bj_error *err)
{
    const char *key = request->key != NULL ? request->key : "";
    struct bj_rate_answer answer;
    int result;

    if (policy->rate == NULL)
        return 0;
    result = bj_rate_check(policy->rate, key, strlen(key), now_us, &answer, err);
    if (result == 0 && answer.reason != BJ_RATE_PASSED)
        add_rate(&answer, verdict);
    return result;
}

int bj_policy_recall(struct bj_policy *policy, const char *key, int64_t time_us,
                     struct bj_error *err)
{
    struct bj_rate_answer answer;

    if (policy->rate == NULL)
        return 0;
    key = key != NULL ? key : "";
    return bj_rate_check(policy->rate, key, strlen(key), time_us, &answer, err);
}

int bj_check_tool(struct bj_policy *policy, const struct bj_request *request, int64_t now_us,
                  struct bj_verdict *verdict, struct bj_error *err)
{
    (void)now_us;
    (void)err;
    bj_tools_judge(policy->tools, request, verdict);
    return 0;
}

int bj_check_paths(struct bj_policy *policy, const struct bj_request *request, int64_t now_us,
                   struct bj_verdict *verdict, struct bj_error *err)
{
    (void)now_us;
    (void)err;
    bj_paths_judge(policy->paths, request, verdict);
    return 0;
}
