/* The built-in rules, to be listed. Judging by them is bj_rules_judge() of judge_internal.h. */
#ifndef BJ_POLICY_RULES_H
#define BJ_POLICY_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "model/verdict.h"

struct bj_rule_info {
    const char *id, *category, *says, *advice; /* static */
    enum bj_risk risk;
};

/* The rule with this number, from 0; false behind the last. */
bool bj_rules_at(size_t number, struct bj_rule_info *ret);

#endif
