/* What the tests of src/policy/ about calls share. */
#ifndef BJ_TESTS_POLICY_TEST_H
#define BJ_TESTS_POLICY_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "model/config.h"
#include "model/request_json.h"
#include "policy/policy.h"

/* A policy, and what it said last. */
struct judged {
    struct bj_policy *policy;
    struct bj_verdict verdict;
};

/* Makes the policy of a configuration document. */
static inline void judge_start(struct judged *judged, const char *json)
{
    struct bj_config config;
    struct bj_error err = {0};

    assert_int_equal(bj_config_init(&config, &err), 0);
    if (bj_config_load_json(&config, json, strlen(json), "/", &err) < 0 ||
        bj_policy_new(&config, &judged->policy, &err) < 0)
        fail_msg("%s: %s", json, err.message);
    bj_config_release(&config);
    bj_verdict_init(&judged->verdict);
}

static inline void judge_stop(struct judged *judged)
{
    bj_verdict_release(&judged->verdict);
    bj_policy_free(judged->policy);
}

/* Judges one call of a tool as from /work, at home in /home/u. */
static inline enum bj_decision judge(struct judged *judged, const char *tool, const char *arguments)
{
    struct bj_request_json call;
    struct bj_error err = {0};

    if (bj_request_json_parse(&call, tool, arguments, strlen(arguments), &err) < 0)
        fail_msg("%s: %s", arguments, err.message);
    call.request.directory = "/work";
    call.request.home = "/home/u";
    bj_verdict_release(&judged->verdict);
    assert_int_equal(bj_policy_judge(judged->policy, &call.request, 0, &judged->verdict, &err), 0);
    bj_request_json_release(&call);
    return judged->verdict.decision;
}

static inline bool has_rule(const struct judged *judged, const char *rule)
{
    for (int i = 0; i < judged->verdict.count; i++) {
        if (bj_streq(judged->verdict.violations[i].rule, rule))
            return true;
    }
    return false;
}

#endif
