/*
 * The policy of the service: that of a sandbox's preset, and what its maker added. The two judge
 * one after the other and the strictest answer decides, so whatever a client adds can only refuse
 * more.
 *
 * A preset's rate counts a key over all of its sandboxes; were it counted by each policy, a key
 * could have a fresh window by making another sandbox.
 *
 * There is nobody to ask: what would be asked about is refused, unless on_ask permits it.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "service/service_internal.h"

struct preset *bj_judge_preset(const struct bj_service *service, const char *name)
{
    for (uint32_t i = 0; i < service->options.preset_count; i++) {
        if (name == NULL || bj_streq(service->presets[i].source->name, name))
            return &service->presets[i];
    }
    return NULL;
}

static int make_rate(const struct bj_config *config, struct bj_rate **ret, struct bj_error *err)
{
    struct bj_rate_limits limits = {.max_requests = config->max_requests,
                                    .window_us = config->window_seconds * 1000000};

    return config->max_requests > 0 ? bj_rate_new_random(&limits, ret, err) : 0;
}

int bj_judge_presets(struct bj_service *service, struct bj_error *err)
{
    uint32_t count = service->options.preset_count;
    int result = 0;

    if (count == 0)
        return bj_fail(err, BJ_E_CONFIG, "service", "there is no preset to make sandboxes of");
    service->presets = bj_alloc(count * sizeof *service->presets);
    if (service->presets == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < count && result == 0; i++) {
        struct preset *preset = &service->presets[i];
        struct bj_config config = service->options.presets[i].config; /* borrowed, not owned */

        preset->source = &service->options.presets[i];
        config.max_requests = 0;
        result = bj_policy_new(&config, &preset->policy, err);
        if (result == 0)
            result = make_rate(&preset->source->config, &preset->rate, err);
        if (result < 0)
            bj_error_prefix(err, "preset %s: ", preset->source->name);
    }
    return result;
}

static void rules_free(struct rules *rules)
{
    bj_policy_free(rules->policy);
    bj_free(rules->text);
    bj_free(rules);
}

void bj_judge_release(struct bj_service *service)
{
    for (uint32_t i = 0; service->presets != NULL && i < service->options.preset_count; i++) {
        bj_policy_free(service->presets[i].policy);
        bj_rate_free(service->presets[i].rate);
    }
    bj_free(service->presets);
    service->presets = NULL;
    while (service->rules != NULL) {
        struct rules *rules = service->rules;

        service->rules = rules->next;
        rules_free(rules);
    }
}

/* ---- what a client adds ---- */

/* The rules built into Belljar are the preset's business: they would only say the same again. */
static int load_rules(const char *text, struct bj_config *config, struct bj_error *err)
{
    int result = bj_config_init(config, err);

    if (result == 0)
        result = bj_config_load_json(config, text, strlen(text), "/", err);
    if (result == 0 && !bj_config_said(config, BJ_OPT_DENY_RISK))
        config->deny_risk = BJ_RISK_NONE;
    if (result == 0 && !bj_config_said(config, BJ_OPT_ASK_RISK))
        config->ask_risk = BJ_RISK_NONE;
    return result;
}

static int make_rules(const char *text, struct rules **ret, struct bj_error *err)
{
    struct rules *rules = bj_alloc(sizeof *rules);
    struct bj_config config;
    int result;

    if (rules != NULL)
        rules->text = bj_strdup(text);
    if (rules == NULL || rules->text == NULL) {
        bj_free(rules);
        return no_memory(err);
    }
    result = load_rules(text, &config, err);
    if (result == 0) {
        config.max_requests = 0;
        rules->refuses = bj_config_said(&config, BJ_OPT_ON_ASK) && config.on_ask != BJ_ON_ASK_ALLOW;
        result = bj_policy_new(&config, &rules->policy, err);
    }
    bj_config_release(&config);
    if (result < 0) {
        rules_free(rules);
        return result;
    }
    *ret = rules;
    return 0;
}

int bj_rules_get(struct bj_service *service, const char *text, struct rules **ret,
                 struct bj_error *err)
{
    struct rules *rules = service->rules;
    int result = 0;

    while (rules != NULL && !bj_streq(rules->text, text))
        rules = rules->next;
    if (rules == NULL) {
        result = make_rules(text, &rules, err);
        if (result < 0)
            return result;
        rules->next = service->rules;
        service->rules = rules;
    }
    rules->users++;
    *ret = rules;
    return 0;
}

void bj_rules_leave(struct bj_service *service, struct rules *rules)
{
    struct rules **slot = &service->rules;

    if (rules == NULL || --rules->users > 0)
        return;
    while (*slot != rules)
        slot = &(*slot)->next;
    *slot = rules->next;
    rules_free(rules);
}

/* ---- judging ---- */

static void deny(struct bj_verdict *verdict, const char *rule, const char *description,
                 const char *advice)
{
    bj_verdict_add(verdict, &(struct bj_violation){.rule = rule,
                                                   .description = description,
                                                   .command = "",
                                                   .advice = advice,
                                                   .risk = BJ_RISK_LOW,
                                                   .decision = BJ_DENY});
}

static void check_rate(const struct preset *preset, const struct bj_request *request,
                       struct bj_verdict *verdict)
{
    const struct bj_config *config = &preset->source->config;
    struct bj_rate_answer answer;
    char text[200];

    if (preset->rate == NULL)
        return;
    if (bj_rate_check(preset->rate, request->key, strlen(request->key), bj_clock_us(), &answer,
                      NULL) < 0) {
        deny(verdict, "policy.failed", "the call cannot be counted: out of memory", "call again");
        return;
    }
    if (answer.reason == BJ_RATE_PASSED)
        return;
    snprintf(text, sizeof text,
             "%lld calls within %lld s are what security.max_requests permits a key; the next may "
             "come in %.3f s",
             (long long)config->max_requests, (long long)config->window_seconds,
             (double)answer.retry_after_us / 1e6);
    deny(verdict, "rate.limit", text, "wait, then call again");
    verdict->retry_after_us = answer.retry_after_us;
}

/* Each quota with a sentence of its own. `now` and `more` are as the sentence counts. */
static void check_quota(struct bj_verdict *verdict, const char *rule, int64_t now, int64_t more,
                        int64_t maximum, const char *format, const char *advice)
{
    char text[200];

    if (maximum <= 0 || now + more <= maximum)
        return;
    snprintf(text, sizeof text, format, (long long)maximum, (long long)now, (long long)more);
    deny(verdict, rule, text, advice);
}

static int64_t mib(int64_t bytes)
{
    return (bytes + (1 << 20) - 1) >> 20;
}

static void check_quotas(struct bj_service *service, const struct submission *submission,
                         struct bj_verdict *verdict)
{
    const struct bj_quota *quota = &submission->who->quota;
    const struct owner *owner = bj_owner_find(service, submission->who->owner);
    static const struct owner nothing;

    if (owner == NULL)
        owner = &nothing;
    if (submission->counts_sandbox) {
        if ((quota->memory_mb > 0 && submission->memory_bytes == 0) ||
            (quota->disk_mb > 0 && submission->disk_bytes == 0))
            deny(verdict, "quota.unlimited",
                 "a sandbox without a limit of memory or disk does not fit into this key's quota",
                 "give it resource_limits.memory_mb and resource_limits.disk_mb");
        check_quota(verdict, "quota.sandboxes", owner->sandboxes + owner->waiting_sandboxes, 1,
                    quota->sandboxes,
                    "this key's quota of sandboxes at once is %lld, and %lld of them in use",
                    "end one that is no longer needed, or have the quota raised");
        check_quota(
            verdict, "quota.memory", mib(owner->memory_bytes), mib(submission->memory_bytes),
            quota->memory_mb,
            "this key's quota of memory for all its sandboxes is %lld MiB: %lld MiB in use, "
            "%lld MiB asked for",
            "ask for less memory, or end a sandbox");
        check_quota(verdict, "quota.disk", mib(owner->disk_bytes), mib(submission->disk_bytes),
                    quota->disk_mb,
                    "this key's quota of disk for all its sandboxes is %lld MiB: %lld MiB in use, "
                    "%lld MiB asked for",
                    "ask for less disk, or end a sandbox");
    }
    if (submission->counts_process)
        check_quota(verdict, "quota.processes", owner->processes + owner->waiting_processes, 1,
                    quota->processes,
                    "this key's quota of processes at once is %lld, and %lld of them in use",
                    "wait until one has ended, or end one");
}

/* Places in a text that began before what the caller wrote are none of its own. */
static void shift_places(struct bj_verdict *verdict, int from, size_t prefix)
{
    for (int i = from; i < verdict->count; i++) {
        struct bj_violation *violation = &verdict->violations[i];

        if (violation->to <= prefix) {
            violation->from = violation->to = 0;
            continue;
        }
        violation->from = violation->from > prefix ? violation->from - prefix : 0;
        violation->to -= prefix;
    }
}

static void judge_with(struct bj_policy *policy, const struct submission *submission,
                       struct bj_verdict *verdict)
{
    struct bj_request request = submission->request;
    int before = verdict->count;

    if (submission->judged != NULL) {
        request.command = submission->judged;
        request.argv = NULL;
    }
    bj_policy_judge(policy, &request, bj_clock_us(), verdict, NULL); /* a failure is a deny */
    shift_places(verdict, before, submission->judged != NULL ? submission->judged_prefix : 0);
    if (submission->second_path == NULL)
        return;
    request.path = submission->second_path;
    bj_policy_judge(policy, &request, bj_clock_us(), verdict, NULL);
}

static void settle_question(const struct sandbox *sandbox, struct bj_verdict *verdict)
{
    bool permitted = sandbox->preset->source->config.on_ask == BJ_ON_ASK_ALLOW &&
                     (sandbox->rules == NULL || !sandbox->rules->refuses);

    if (verdict->decision == BJ_ASK)
        verdict->decision = permitted ? BJ_ALLOW : BJ_DENY;
}

void bj_judge(struct bj_service *service, const struct submission *submission,
              struct bj_verdict *verdict)
{
    const struct sandbox *sandbox = submission->sandbox;
    bool by_rules = submission->request.tool != NULL && !submission->helper;

    if (submission->refusal != NULL)
        deny(verdict, "tool.unsupported", submission->refusal,
             "call what there is, as it is described");
    check_quotas(service, submission, verdict);
    if (sandbox == NULL || !by_rules)
        return;
    if (sandbox->preset == NULL ||
        (sandbox->rules == NULL && bj_label_text(sandbox->label, "rules") != NULL)) {
        deny(verdict, "policy.failed", "the policy of this sandbox is not known any more",
             "end it and make another one");
        return;
    }
    check_rate(sandbox->preset, &submission->request, verdict);
    if (verdict->decision != BJ_DENY) /* what is refused anyway need not be read */
        judge_with(sandbox->preset->policy, submission, verdict);
    if (sandbox->rules != NULL && verdict->decision != BJ_DENY)
        judge_with(sandbox->rules->policy, submission, verdict);
    settle_question(sandbox, verdict);
}
