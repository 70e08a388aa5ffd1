/* The guard: policy and audit behind one table of functions. */
#include "engine/guard.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/alert.h"
#include "engine/recall.h"
#include "engine/record.h"
#include "engine/secrets.h"
#include "policy/policy.h"

struct guard {
    struct bj_guard base;
    const struct bj_config *config;
    enum bj_consent (*ask)(void *context, const struct bj_verdict *verdict);
    void *context;
    const struct bj_log *log;
    const char *alert_program;
    struct bj_policy *policy;
    struct bj_mask mask;                   /* for records and alerts */
    struct bj_audit *audit;                /* NULL: no record is wanted, or none can be made */
    char unrecorded[BJ_ERROR_MESSAGE_MAX]; /* why none can be made; "" otherwise */
    char sandbox[24];                      /* identifier in the records */
    bool recalled;                         /* the rates know of earlier processes */
};

static struct guard *of(struct bj_guard *guard)
{
    return (struct guard *)guard;
}

/* What a verdict that asks becomes: the answer. The violations still say that there was a question.
 */
static void settle_question(struct guard *guard, struct bj_result *result)
{
    bool permitted = guard->config->on_ask == BJ_ON_ASK_ALLOW;

    if (guard->config->on_ask == BJ_ON_ASK_PROMPT) {
        result->answer =
            guard->ask != NULL ? guard->ask(guard->context, &result->verdict) : BJ_CONSENT_NOBODY;
        permitted = result->answer == BJ_CONSENT_YES;
    }
    result->verdict.decision = permitted ? BJ_ALLOW : BJ_DENY;
}

/* Before anything is done. Without a required record nothing is. */
static int record(struct guard *guard, const struct bj_request *request,
                  const struct bj_verdict *verdict, int64_t *ret_number, struct bj_error *err)
{
    const struct bj_audit_who who = {.uid = getuid(), .key = request->key};
    struct bj_request named = *request;
    struct bj_error own;
    int failed;

    if (guard->audit == NULL)
        return 0;
    if (named.sandbox == NULL)
        named.sandbox = guard->sandbox;
    failed = bj_audit_append_verdict(guard->audit, &named, verdict, &who, ret_number, &own);
    if (failed == 0)
        return 0;
    if (guard->config->audit == BJ_AUDIT_REQUIRED) {
        bj_error_prefix(&own, "nothing was run, because it could not be recorded: ");
        if (err != NULL)
            *err = own;
        return failed;
    }
    bj_str_copy(guard->unrecorded, sizeof guard->unrecorded, own.message);
    return 0;
}

static int refuse(const struct bj_result *result, bool asked, struct bj_error *err)
{
    return bj_fail(err, BJ_E_DENIED, "policy", "%s%s%s",
                   asked ? "not permitted: " : "refused: ", bj_verdict_reason(&result->verdict),
                   result->answer == BJ_CONSENT_NOBODY ? "; nobody could be asked" : "");
}

/* With what earlier processes permitted, where rates are limited. */
static int judge(struct guard *guard, const struct bj_request *request, int64_t now_us,
                 struct bj_verdict *verdict, struct bj_error *err)
{
    int failed = 0;

    if (guard->config->max_requests > 0 && !guard->recalled)
        failed =
            bj_recall_calls(guard->audit, guard->config, request->key, now_us, guard->policy, err);
    if (failed < 0)
        return failed;
    guard->recalled = true;
    return bj_policy_judge(guard->policy, request, now_us, verdict, err);
}

/* Rates are counted over processes, each of which forgets: only records remember. */
static int check_rates(const struct guard *guard, struct bj_error *err)
{
    if (guard->config->max_requests == 0 || guard->audit != NULL)
        return 0;
    return bj_fail(err, BJ_E_INVALID, "policy",
                   "security.max_requests counts by the records of earlier calls: %s",
                   guard->unrecorded[0] != '\0' ? guard->unrecorded : "set security.audit to on");
}

/* The log and the alerts get the policy's own word, before somebody may have permitted it. */
static void tell(const struct guard *guard, const struct bj_request *request,
                 const struct bj_verdict *verdict, int64_t took_us)
{
    struct bj_request named = *request;

    if (named.sandbox == NULL && guard->sandbox[0] != '\0')
        named.sandbox = guard->sandbox;
    BJ_LOG(guard->log, POLICY, INFO, "%s: %s, %s risk, %d violations: %s", request->tool,
           bj_decision_name(verdict->decision), bj_risk_name(verdict->risk),
           verdict->count + verdict->dropped, bj_verdict_reason(verdict));
    BJ_LOG(guard->log, POLICY, DEBUG, "judged in %lld us", (long long)took_us);
    bj_alert_send(guard->config, &named, verdict, &guard->mask, guard->alert_program, guard->log);
}

static int guard_admit(struct bj_guard *base, const struct bj_request *request,
                       struct bj_result *result, int64_t *ret_number, struct bj_error *err)
{
    struct guard *guard = of(base);
    struct bj_verdict *verdict = &result->verdict;
    int64_t begun = bj_clock_us();
    int failed = bj_mask_add_environment(&guard->mask, request->environment, err);
    bool asked;

    *ret_number = 0;
    if (failed == 0)
        failed = judge(guard, request, begun, verdict, err);
    if (failed < 0)
        return failed; /* there is no verdict to tell of */
    result->judged = true;
    asked = verdict->decision == BJ_ASK;
    tell(guard, request, verdict, bj_clock_us() - begun);
    if (asked)
        settle_question(guard, result);
    failed = record(guard, request, verdict, ret_number, err);
    if (failed < 0)
        return failed;
    bj_str_copy(result->unrecorded, sizeof result->unrecorded, guard->unrecorded);
    return verdict->decision == BJ_ALLOW ? 0 : refuse(result, asked, err);
}

static void guard_conclude(struct bj_guard *base, int64_t number, struct bj_result *result,
                           const struct bj_error *failure)
{
    struct guard *guard = of(base);
    struct bj_error err;

    if (guard->audit != NULL && number != 0 &&
        bj_record_outcome(guard->audit, number, result, failure, &err) < 0)
        snprintf(result->unrecorded, sizeof result->unrecorded, "the outcome: %.140s", err.message);
}

static void guard_free(struct bj_guard *base)
{
    struct guard *guard = of(base);

    if (guard == NULL)
        return;
    bj_policy_free(guard->policy);
    bj_record_close(guard->audit, guard->config, guard->log);
    bj_mask_release(&guard->mask);
    bj_free(guard);
}

/* Identifies the sandbox in the records: 64 random bits. */
static int name_sandbox(struct guard *guard, struct bj_error *err)
{
    uint64_t number;

    if (BJ_SYS(getrandom(&number, sizeof number, 0)) != sizeof number)
        return bj_fail_errno(err, "audit", "cannot make an identifier");
    snprintf(guard->sandbox, sizeof guard->sandbox, "run-%016llx", (unsigned long long)number);
    return 0;
}

static int open_audit(struct guard *guard, struct bj_error *err)
{
    struct bj_error own;
    int failed;

    if (guard->config->audit == BJ_AUDIT_OFF)
        return 0;
    failed = name_sandbox(guard, &own);
    if (failed == 0)
        failed = bj_record_open(guard->config, &guard->mask, &guard->audit, &own);
    if (failed == 0)
        return 0;
    /* A place that the workload reaches is a mistake to be mended, whatever the record is worth. */
    if (guard->config->audit == BJ_AUDIT_REQUIRED || failed == -BJ_E_INVALID) {
        if (err != NULL)
            *err = own;
        return failed;
    }
    bj_str_copy(guard->unrecorded, sizeof guard->unrecorded, own.message);
    return 0;
}

int bj_guard_new(const struct bj_guard_options *options, struct bj_guard **ret_guard,
                 struct bj_error *err)
{
    struct guard *guard;
    int failed;

    *ret_guard = NULL;
    if (!bj_config_is_guarded(options->config))
        return 0;
    guard = bj_alloc(sizeof *guard);
    if (guard == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "policy", "out of memory");
    guard->base = (struct bj_guard){guard_admit, guard_conclude, guard_free};
    guard->config = options->config;
    guard->ask = options->ask;
    guard->context = options->context;
    guard->log = options->log;
    guard->alert_program = options->alert_program;
    failed = bj_policy_new(options->config, &guard->policy, err);
    if (failed == 0)
        failed = bj_secrets_collect(options->config, &guard->mask, err);
    if (failed == 0)
        failed = open_audit(guard, err);
    if (failed == 0)
        failed = check_rates(guard, err);
    if (failed < 0)
        guard_free(&guard->base);
    else
        *ret_guard = &guard->base;
    return failed;
}
