/* What a policy that lives for one call has to know of earlier ones: rates, from the records. */
#ifndef BJ_ENGINE_RECALL_H
#define BJ_ENGINE_RECALL_H

#include "audit/audit.h"
#include "policy/policy.h"

/*
 * Counts the calls of `key` (NULL: of nobody in particular) that earlier processes permitted within
 * the window of max_requests. Processes that judge at the same moment do not see each other's.
 */
int bj_recall_calls(struct bj_audit *audit, const struct bj_config *config, const char *key,
                    int64_t now_us, struct bj_policy *policy, struct bj_error *err);

#endif
