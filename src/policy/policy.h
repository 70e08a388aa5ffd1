/*
 * The policy: rules made ready once, then request after request → verdict. Pure: what it needs to
 * know of the world (time, counters' state) is its own or an argument.
 */
#ifndef BJ_POLICY_POLICY_H
#define BJ_POLICY_POLICY_H

#include "base/error.h"
#include "model/config.h"
#include "model/request.h"
#include "model/verdict.h"

struct bj_policy;

/*
 * Makes the rules of a configuration ready. BJ_E_CONFIG for a pattern that cannot be compiled,
 * naming the entry and the position in it. The config is not needed after.
 */
int bj_policy_new(const struct bj_config *config, struct bj_policy **ret, struct bj_error *err);
void bj_policy_free(struct bj_policy *policy);

/*
 * Judges a request at the monotonic time `now_us`. Fills *verdict (initialised by the caller) also
 * when it fails; then it is a deny. One thread at a time.
 */
int bj_policy_judge(struct bj_policy *policy, const struct bj_request *request, int64_t now_us,
                    struct bj_verdict *verdict, struct bj_error *err);

/*
 * Counts a call that was permitted before this policy was made, at a monotonic time; the oldest
 * first, and before anything is judged. Nothing without max_requests.
 */
int bj_policy_recall(struct bj_policy *policy, const char *key, int64_t time_us,
                     struct bj_error *err);

/* What was judged so far. Lives as long as the policy. */
struct bj_stats;
const struct bj_stats *bj_policy_stats(const struct bj_policy *policy);

#endif
