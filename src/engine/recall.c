/* Rates across processes. */
#include "engine/recall.h"

#include <time.h>

#include "base/str.h"

struct recall {
    struct bj_policy *policy;
    const char *key;
    int64_t now_us, now_ns; /* the same moment, monotonic and by the wall clock of the records */
    struct bj_error *err;
};

static int recall_one(void *context, const struct bj_audit_record *verdict,
                      const struct bj_audit_record *outcome)
{
    const struct recall *recall = context;
    int64_t age_us = (recall->now_ns - verdict->time_ns) / 1000;

    (void)outcome;
    /* Without a key the query gave everybody's. */
    if (recall->key == NULL && verdict->key != NULL && verdict->key[0] != '\0')
        return 0;
    return bj_policy_recall(recall->policy, recall->key, recall->now_us - (age_us > 0 ? age_us : 0),
                            recall->err);
}

int bj_recall_calls(struct bj_audit *audit, const struct bj_config *config, const char *key,
                    int64_t now_us, struct bj_policy *policy, struct bj_error *err)
{
    struct bj_audit_filter filter = BJ_AUDIT_FILTER_ALL;
    struct recall recall = {.policy = policy, .key = key, .now_us = now_us, .err = err};
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    recall.now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    filter.since_ns = recall.now_ns - config->window_seconds * 1000000000;
    filter.key = key;
    filter.decision = BJ_ALLOW;
    /* Others' calls may be between those without a key, so their number says nothing then. */
    filter.newest = key != NULL ? config->max_requests : 0;
    return bj_audit_query(audit, &filter, recall_one, &recall, err);
}
