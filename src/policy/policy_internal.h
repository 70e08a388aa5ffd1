/* What the files of judging share: the state of a policy and the list of its checks. */
#ifndef BJ_POLICY_POLICY_INTERNAL_H
#define BJ_POLICY_POLICY_INTERNAL_H

#include "base/arena.h"
#include "policy/paths.h"
#include "policy/policy.h"
#include "policy/rate.h"
#include "policy/stats.h"
#include "policy/tools.h"

struct bj_judge;

struct bj_policy {
    struct bj_judge *commands; /* judge_command.c */
    struct bj_tools *tools;
    struct bj_paths *paths;
    struct bj_rate *rate; /* NULL without max_requests */
    struct bj_stats *stats;
};

/*
 * One check: looks at what of the request concerns it and adds violations. Fails only for lack of
 * memory; the verdict is a deny then.
 */
typedef int bj_check_fn(struct bj_policy *policy, const struct bj_request *request, int64_t now_us,
                        struct bj_verdict *verdict, struct bj_error *err);

/* Commands, by their text or their arguments: judge_command.c. */
int bj_judge_new(const struct bj_config *config, struct bj_judge **ret, struct bj_error *err);
void bj_judge_free(struct bj_judge *judge);
bj_check_fn bj_check_command;

/* How often, which tool, which paths: judge_call.c. */
int bj_judge_call_new(const struct bj_config *config, struct bj_policy *policy,
                      struct bj_error *err);
bj_check_fn bj_check_rate;
bj_check_fn bj_check_tool;
bj_check_fn bj_check_paths;

#endif
