/*
 * The one way of everything that acts: judge, then one entry with the verdict and, if it permits,
 * the act. There is no other caller of bj_keeper_act() in the front but this file. A refusal is an
 * entry too, and answered when it has been recorded.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "service/service_internal.h"

static const struct operation {
    const char *name, *tool;
} operations[] = {
#define BJ_OPERATION_ROW(id, name, tool) [BJ_OPERATION_##id] = {name, tool},
    BJ_OPERATIONS(BJ_OPERATION_ROW)
#undef BJ_OPERATION_ROW
};

const char *bj_operation_name(enum bj_operation operation)
{
    return operations[operation].name;
}

/* An entry on its way. */
struct pending {
    struct bj_service *service;
    struct owner *owner;
    bj_submit_fn done;
    void *context;
    struct bj_verdict *verdict; /* of a refusal */
    bool asked;
    bool counts_sandbox, counts_process;
    int64_t memory_bytes, disk_bytes;
};

static void pending_free(struct pending *pending)
{
    if (pending->verdict != NULL)
        bj_verdict_release(pending->verdict);
    bj_free(pending->verdict);
    bj_free(pending);
}

/* Against the quota: what waits for its answer. */
static void count(const struct pending *pending, int change)
{
    struct owner *owner = pending->owner;

    pending->service->figures.waiting += (uint32_t)change;
    owner->waiting += (uint32_t)change;
    if (pending->counts_process)
        owner->waiting_processes += (uint32_t)change;
    if (!pending->counts_sandbox)
        return;
    owner->waiting_sandboxes += (uint32_t)change;
    owner->memory_bytes += change * pending->memory_bytes;
    owner->disk_bytes += change * pending->disk_bytes;
}

/* What a refusal is to the caller, by the rule that refused first. */
static enum bj_code code_of(const struct bj_verdict *verdict)
{
    static const struct {
        const char *prefix;
        enum bj_code code;
    } codes[] = {{"rate.", BJ_E_RATE},
                 {"quota.", BJ_E_QUOTA},
                 {"tool.arguments", BJ_E_INVALID},
                 {"tool.unsupported", BJ_E_INVALID}};
    const char *rule = "";

    for (int i = 0; i < verdict->count && rule[0] == '\0'; i++) {
        if (verdict->violations[i].decision == BJ_DENY)
            rule = verdict->violations[i].rule;
    }
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (bj_starts_with(rule, codes[i].prefix))
            return codes[i].code;
    }
    return BJ_E_DENIED;
}

static void say_refusal(const struct pending *pending, struct bj_answer *answer)
{
    enum bj_code code = code_of(pending->verdict);

    answer->verdict = pending->verdict;
    answer->retry_after_us = pending->verdict->retry_after_us;
    answer->result =
        bj_fail(&answer->error, code, "policy", "%s%s%s", code == BJ_E_DENIED ? "refused: " : "",
                bj_verdict_reason(pending->verdict),
                pending->asked ? "; it would need permission, and nobody can be asked" : "");
}

static void on_answer(void *context, const struct bj_keeper_answer *answer)
{
    struct pending *pending = context;
    struct bj_answer base = {.result = answer->result, .record = answer->number};

    count(pending, -1);
    if (answer->result < 0) {
        if (answer->error != NULL)
            base.error = *answer->error;
        else
            bj_fail(&base.error, (enum bj_code) - answer->result, "service", "%s",
                    bj_code_text(answer->result));
        pending->owner->failed++;
        pending->service->figures.failed++;
    } else if (pending->verdict != NULL) {
        say_refusal(pending, &base);
    }
    pending->done(pending->context, &base, pending->verdict == NULL ? answer : NULL);
    pending_free(pending);
}

static void count_verdict(struct bj_service *service, struct owner *owner,
                          const struct submission *submission, const struct bj_verdict *verdict)
{
    enum bj_code code = verdict->decision == BJ_DENY ? code_of(verdict) : BJ_E_OK;
    bool limited = code == BJ_E_RATE || code == BJ_E_QUOTA;

    owner->calls++;
    service->figures.calls++;
    owner->by_operation[submission->operation]++;
    for (int i = 0; i < verdict->count; i++)
        owner->by_risk[verdict->violations[i].risk]++;
    if (verdict->decision != BJ_DENY) {
        owner->allowed++;
        service->figures.allowed++;
        return;
    }
    owner->denied += !limited;
    service->figures.denied += !limited;
    owner->limited += limited;
    service->figures.limited += limited;
    bj_event_add(service, limited ? BJ_EVENT_LIMITED : BJ_EVENT_DENIED, submission->act.owner,
                 submission->sandbox != NULL ? submission->sandbox->id : NULL, 0,
                 json_pack("{s:s, s:s, s:s, s:s}", "operation",
                           operations[submission->operation].name, "key", submission->who->key,
                           "rule", verdict->count > 0 ? verdict->violations[0].rule : "", "reason",
                           bj_verdict_reason(verdict)));
}

/* A refusal is shown to the caller when it is recorded: it is kept until then. */
static int keep_verdict(struct pending *pending, struct bj_verdict *verdict, struct bj_error *err)
{
    pending->verdict = bj_alloc(sizeof *pending->verdict);
    if (pending->verdict == NULL)
        return no_memory(err);
    *pending->verdict = *verdict;
    bj_verdict_init(verdict);
    return 0;
}

static void fill_request(struct submission *submission)
{
    const struct sandbox *sandbox = submission->sandbox;
    struct bj_request *request = &submission->request;

    if (request->tool == NULL)
        request->tool = operations[submission->operation].tool;
    request->key = submission->who->key;
    submission->act.owner = sandbox != NULL ? sandbox->owner->name : submission->who->owner;
    if (sandbox == NULL)
        return;
    request->sandbox = sandbox->id;
    request->home = sandbox->home;
    if (request->directory == NULL)
        request->directory = sandbox->workspace;
}

static int send_entry(struct pending *pending, const struct submission *submission,
                      struct bj_verdict *verdict, uint64_t *ret_id, struct bj_error *err)
{
    bool permitted = verdict->decision != BJ_DENY;
    struct bj_entry entry = {.request = submission->request,
                             .uid = submission->who->uid,
                             .owner = submission->who->owner,
                             .sandbox_owner = submission->act.owner,
                             .verdict = verdict};
    int result = 0;

    if (entry.request.tool == NULL) /* no tool of an agent's; records have a name all the same */
        entry.request.tool = operations[submission->operation].name;
    if (!permitted) {
        result = keep_verdict(pending, verdict, err);
        entry.verdict = pending->verdict;
    }
    if (result == 0)
        result = bj_keeper_act(pending->service->keeper, &entry,
                               permitted && submission->act.kind != BJ_ACT_NONE ? &submission->act
                                                                                : NULL,
                               on_answer, pending, ret_id, err);
    return result;
}

int bj_submit(struct bj_service *service, const struct submission *given, bj_submit_fn done,
              void *context, uint64_t *ret_id, struct bj_error *err)
{
    struct submission submission = *given;
    struct pending *pending = bj_alloc(sizeof *pending);
    struct bj_verdict verdict;
    int result;

    if (pending == NULL)
        return no_memory(err);
    *pending = (struct pending){.service = service, .done = done, .context = context};
    pending->owner = bj_owner_get(service, submission.who->owner);
    if (pending->owner == NULL) {
        bj_free(pending);
        return no_memory(err);
    }
    fill_request(&submission);
    bj_verdict_init(&verdict);
    bj_judge(service, &submission, &verdict);
    count_verdict(service, pending->owner, &submission, &verdict);
    if (verdict.decision != BJ_DENY) {
        pending->counts_sandbox = submission.counts_sandbox;
        pending->counts_process = submission.counts_process;
        pending->memory_bytes = submission.memory_bytes;
        pending->disk_bytes = submission.disk_bytes;
    } else {
        for (int i = 0; i < verdict.count; i++)
            pending->asked = pending->asked || verdict.violations[i].decision == BJ_ASK;
        for (int i = 0; i < verdict.count; i++)
            pending->asked = pending->asked && verdict.violations[i].decision != BJ_DENY;
    }
    count(pending, 1);
    result = send_entry(pending, &submission, &verdict, ret_id, err);
    bj_verdict_release(&verdict);
    if (result < 0) {
        count(pending, -1);
        pending_free(pending);
    }
    return result;
}
