/*
 * The front's copy of what the keeper has: sandboxes by identifier, and their processes. It is made
 * of nothing but what the keeper says; a front that starts anew hears all of it after its HELLO.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "service/service_internal.h"
#include "service/shell_internal.h"

/* Identifiers are random, so the hash needs no secret. */
static uint32_t bucket_of(const char *id)
{
    uint32_t hash = 2166136261u;

    for (; *id != '\0'; id++)
        hash = (hash ^ (unsigned char)*id) * 16777619u;
    return hash & (BJ_SANDBOX_BUCKETS - 1);
}

struct sandbox *bj_registry_find(const struct bj_service *service, const char *id)
{
    struct sandbox *sandbox = service->buckets[bucket_of(id)];

    while (sandbox != NULL && !bj_streq(sandbox->id, id))
        sandbox = sandbox->chain;
    return sandbox;
}

struct sandbox *bj_registry_default(const struct bj_service *service, const struct bj_identity *who)
{
    const struct owner *owner = bj_owner_find(service, who->owner);
    struct sandbox *sandbox = owner != NULL ? owner->defaults : NULL;

    while (sandbox != NULL && !bj_streq(bj_label_text(sandbox->label, "key"), who->key))
        sandbox = sandbox->next_default;
    return sandbox;
}

static bool is_default(const struct sandbox *sandbox)
{
    return json_object_get(sandbox->label, "default") != NULL &&
           bj_label_text(sandbox->label, "key") != NULL;
}

static void unlink_default(struct sandbox *sandbox)
{
    struct sandbox **slot = &sandbox->owner->defaults;

    while (*slot != NULL && *slot != sandbox)
        slot = &(*slot)->next_default;
    if (*slot == sandbox)
        *slot = sandbox->next_default;
}

static bool may_see(const struct bj_caller *caller, bool any, const struct sandbox *sandbox)
{
    return (any && (caller->who->scopes & BJ_SCOPE_ADMIN) != 0) ||
           bj_streq(sandbox->owner->name, caller->who->owner);
}

/* One that is, or else has ended; another owner's is as if it were not there. */
static int find_any(const struct bj_service *service, const struct bj_caller *caller, bool any,
                    struct sandbox **ret, struct bj_error *err)
{
    const char *id = caller->sandbox;
    struct sandbox *sandbox;

    if (!service->ready)
        return bj_fail(err, BJ_E_BUSY, "service", "the service is starting");
    if (id == NULL) {
        *ret = bj_registry_default(service, caller->who);
        return *ret != NULL ? 0
                            : bj_fail(err, BJ_E_NOT_FOUND, "service",
                                      "this key has no sandbox of its own yet");
    }
    if (!bj_sandbox_id_valid(id))
        return bj_fail(err, BJ_E_NOT_FOUND, "service",
                       "no such sandbox: identifiers are lower-case letters and digits");
    sandbox = bj_registry_find(service, id);
    if (sandbox == NULL)
        sandbox = bj_ended_find(service, id);
    if (sandbox == NULL || !may_see(caller, any, sandbox))
        return bj_fail(err, BJ_E_NOT_FOUND, "service", "no such sandbox: %s", id);
    *ret = sandbox;
    return 0;
}

int bj_registry_resolve(const struct bj_service *service, const struct bj_caller *caller, bool any,
                        struct sandbox **ret, struct bj_error *err)
{
    struct sandbox *sandbox;
    int result = find_any(service, caller, any, &sandbox, err);

    if (result == 0 && sandbox->phase == BJ_SANDBOX_ENDED)
        return bj_fail(err, BJ_E_ENDED, "service", "the sandbox %s has ended%s%s", sandbox->id,
                       sandbox->reason != NULL ? ": " : "",
                       sandbox->reason != NULL ? sandbox->reason : "");
    if (result == 0)
        *ret = sandbox;
    return result;
}

int bj_registry_look_up(const struct bj_service *service, const struct bj_caller *caller,
                        struct sandbox **ret, struct bj_error *err)
{
    return find_any(service, caller, true, ret, err);
}

/* ---- processes ---- */

struct process *bj_registry_process(const struct sandbox *sandbox, uint32_t id)
{
    struct process *process = sandbox->processes;

    while (process != NULL && process->id != id)
        process = process->next;
    return process;
}

static void tell_waiters(const struct sandbox *sandbox, struct process *process,
                         const struct bj_answer *base)
{
    struct bj_process_view view;
    struct bj_process_answer answer = {.base = *base};

    bj_process_view(sandbox, process, &view);
    answer.process = base->result == 0 ? &view : NULL;
    while (process->waiters != NULL) {
        struct waiter *waiter = process->waiters;

        process->waiters = waiter->next;
        waiter->done(waiter->context, &answer);
        bj_free(waiter);
    }
}

static void process_free(struct process *process)
{
    json_decref(process->label);
    bj_free(process);
}

static void count_process(struct bj_service *service, struct sandbox *sandbox, int change)
{
    sandbox->running += (uint32_t)change;
    service->figures.processes += (uint32_t)change;
    sandbox->owner->processes += (uint32_t)change;
}

static void unlink_process(struct sandbox *sandbox, struct process *process)
{
    struct process **slot = &sandbox->processes;

    while (*slot != process)
        slot = &(*slot)->next;
    *slot = process->next;
    sandbox->process_count--;
}

void bj_registry_forget_process(struct bj_service *service, struct sandbox *sandbox, uint32_t id)
{
    struct process *process = bj_registry_process(sandbox, id);

    if (process == NULL)
        return;
    if (!process->ended)
        count_process(service, sandbox, -1);
    unlink_process(sandbox, process);
    process_free(process);
}

/* The keeper keeps no more either. */
static void forget_oldest_ended(struct sandbox *sandbox)
{
    struct process *oldest = NULL;

    for (struct process *process = sandbox->processes; process != NULL; process = process->next) {
        if (process->ended && process->waiters == NULL)
            oldest = process;
    }
    if (oldest == NULL)
        return;
    unlink_process(sandbox, oldest);
    process_free(oldest);
}

static struct process *add_process(struct bj_service *service, struct sandbox *sandbox,
                                   const struct bj_process_state *state)
{
    struct process *process = bj_alloc(sizeof *process);

    if (process != NULL)
        process->label = bj_label_read_process(state->label);
    if (process == NULL || process->label == NULL) {
        bj_free(process);
        return NULL;
    }
    while (sandbox->process_count >= BJ_SANDBOX_PROCESSES) {
        uint32_t before = sandbox->process_count;

        forget_oldest_ended(sandbox);
        if (before == sandbox->process_count)
            break;
    }
    process->id = state->process;
    process->next = sandbox->processes;
    sandbox->processes = process;
    sandbox->process_count++;
    if (sandbox->next_process <= state->process)
        sandbox->next_process = state->process + 1;
    count_process(service, sandbox, 1);
    return process;
}

static bool is_helper(const struct process *process)
{
    return json_object_get(process->label, "helper") != NULL;
}

static void tell_of_process(struct bj_service *service, const struct sandbox *sandbox,
                            const struct process *process)
{
    const struct bj_ending *ending = &process->ending;
    json_t *details;

    if (is_helper(process) || !service->ready)
        return;
    details = process->ended ? json_pack("{s:i, s:i, s:b, s:b}", "exit_code", ending->exit_code,
                                         "signal", ending->signal, "timed_out", ending->timed_out,
                                         "oom_killed", ending->oom_killed)
                             : NULL;
    bj_event_add(service, process->ended ? BJ_EVENT_PROCESS_ENDED : BJ_EVENT_PROCESS_STARTED,
                 sandbox->owner->name, sandbox->id, process->id, details);
}

struct process *bj_registry_learn_process(struct bj_service *service,
                                          const struct bj_process_state *state)
{
    struct sandbox *sandbox = bj_registry_find(service, state->sandbox);
    struct process *process;
    struct bj_answer well = {0};
    bool added = false;

    if (sandbox == NULL || state->process == 0)
        return NULL;
    process = bj_registry_process(sandbox, state->process);
    if (process == NULL) {
        /* What was read to its end is forgotten; its end may be said later still. */
        if (state->ended && service->ready && state->process < sandbox->next_process)
            return NULL;
        process = add_process(service, sandbox, state);
        if (process == NULL)
            return NULL;
        added = true;
    }
    process->pid = state->pid;
    process->flags = state->flags;
    process->rows = state->rows;
    process->columns = state->columns;
    process->created_us = bj_clock_us() - state->age_us;
    process->written = state->written;
    process->dropped = state->dropped;
    if (added)
        tell_of_process(service, sandbox, process);
    if (state->ended && !process->ended) {
        process->ended = true;
        process->ending = state->ending;
        count_process(service, sandbox, -1);
        tell_of_process(service, sandbox, process);
        tell_waiters(sandbox, process, &well);
    }
    return process;
}

/* ---- sandboxes ---- */

static void count_sandbox(struct bj_service *service, struct sandbox *sandbox, int change)
{
    service->sandbox_count += (uint32_t)change;
    sandbox->owner->sandboxes += (uint32_t)change;
    sandbox->owner->memory_bytes += change * sandbox->memory_bytes;
    sandbox->owner->disk_bytes += change * sandbox->disk_bytes;
}

/* What it has to do something with. */
static void drop_work(struct bj_service *service, struct sandbox *sandbox)
{
    while (sandbox->processes != NULL) {
        struct process *process = sandbox->processes;

        sandbox->processes = process->next;
        process_free(process);
    }
    sandbox->process_count = 0;
    bj_shells_release(service, sandbox);
    bj_rules_leave(service, sandbox->rules);
    sandbox->rules = NULL;
    json_decref(sandbox->label_sent);
    sandbox->label_sent = NULL;
}

void bj_registry_free(struct bj_service *service, struct sandbox *sandbox)
{
    drop_work(service, sandbox);
    bj_strv_free(sandbox->degraded);
    json_decref(sandbox->label);
    bj_free(sandbox->reason);
    bj_free(sandbox->preset_name);
    bj_free(sandbox->workspace);
    bj_free(sandbox->home);
    bj_free(sandbox->user);
    bj_free(sandbox);
}

static bool keep_text(char **slot, const char *text)
{
    if (*slot != NULL && text != NULL && bj_streq(*slot, text))
        return true;
    bj_free(*slot);
    *slot = bj_strdup(text != NULL ? text : "");
    return *slot != NULL;
}

/* The label, and what follows from it. */
static bool take_label(struct bj_service *service, struct sandbox *sandbox, const char *text)
{
    json_t *label = bj_label_read_sandbox(text);
    const char *rules;

    if (label == NULL)
        return false;
    /* Whose default it is was settled when it was made. */
    for (size_t i = 0; sandbox->label != NULL && i < 2; i++) {
        const char *name = i == 0 ? "key" : "default";
        json_t *value = json_object_get(sandbox->label, name);

        if (value != NULL)
            json_object_set(label, name, value);
        else
            json_object_del(label, name);
    }
    json_decref(sandbox->label);
    sandbox->label = label;
    rules = bj_label_text(label, "rules");
    if (sandbox->rules == NULL && rules != NULL)
        bj_rules_get(service, rules, &sandbox->rules,
                     NULL); /* without them it refuses: bj_judge() */
    return true;
}

static struct sandbox *add_sandbox(struct bj_service *service, const struct bj_sandbox_state *state)
{
    struct sandbox *sandbox = bj_alloc(sizeof *sandbox), **bucket;

    if (sandbox == NULL)
        return NULL;
    bj_str_copy(sandbox->id, sizeof sandbox->id, state->id);
    sandbox->created_us = bj_clock_us() - state->age_us;
    /* None is used again, nor is one of a process that an earlier front began. */
    sandbox->next_process = state->last_process < UINT32_MAX ? state->last_process + 1 : UINT32_MAX;
    sandbox->preset = bj_judge_preset(service, state->preset);
    sandbox->owner = bj_owner_get(service, state->owner);
    if (sandbox->owner == NULL || !take_label(service, sandbox, state->label) ||
        !keep_text(&sandbox->preset_name, state->preset)) {
        bj_registry_free(service, sandbox);
        return NULL;
    }
    bucket = &service->buckets[bucket_of(sandbox->id)];
    sandbox->chain = *bucket;
    *bucket = sandbox;
    sandbox->older = service->newest;
    *(service->newest != NULL ? &service->newest->newer : &service->oldest) = sandbox;
    service->newest = sandbox;
    if (is_default(sandbox)) {
        sandbox->next_default = sandbox->owner->defaults;
        sandbox->owner->defaults = sandbox;
    }
    return sandbox;
}

static int64_t moment(int64_t now_us, int64_t left_us)
{
    return left_us < 0 ? -1 : now_us + left_us;
}

static bool take_state(struct sandbox *sandbox, const struct bj_sandbox_state *state)
{
    int64_t now_us = bj_clock_us();
    char **degraded = NULL;

    sandbox->ends_us = moment(now_us, state->left_us);
    sandbox->idle_ends_us = moment(now_us, state->idle_left_us);
    sandbox->memory_bytes = state->memory_bytes;
    sandbox->disk_bytes = state->disk_bytes;
    sandbox->max_processes = state->max_processes;
    sandbox->cpu_cores = state->cpu_cores;
    sandbox->from_pool = state->from_pool;
    sandbox->degraded_pause = state->degraded_pause;
    sandbox->phase = state->phase;
    if (!bj_strv_copy((char *const *)state->degraded, &degraded))
        return false;
    bj_strv_free(sandbox->degraded);
    sandbox->degraded = degraded;
    return keep_text(&sandbox->workspace, state->workspace) &&
           keep_text(&sandbox->home, state->home) && keep_text(&sandbox->user, state->user);
}

static void tell_of_change(struct bj_service *service, const struct sandbox *sandbox, bool added,
                           bool changed, enum bj_sandbox_phase before)
{
    enum bj_event_kind kind = BJ_EVENT_SANDBOX_UPDATED;

    if (!service->ready || (!added && !changed && before == sandbox->phase))
        return;
    if (added)
        kind = BJ_EVENT_SANDBOX_CREATED;
    else if (before != sandbox->phase)
        kind = sandbox->phase == BJ_SANDBOX_PAUSED ? BJ_EVENT_SANDBOX_PAUSED
                                                   : BJ_EVENT_SANDBOX_RESUMED;
    bj_event_add(service, kind, sandbox->owner->name, sandbox->id, 0,
                 added ? json_pack("{s:s}", "preset", sandbox->preset_name) : NULL);
}

struct sandbox *bj_registry_learn(struct bj_service *service, const struct bj_sandbox_state *state)
{
    struct sandbox *sandbox = bj_registry_find(service, state->id);
    bool added = sandbox == NULL, right = true, changed = false;
    json_t *label = added ? NULL : json_incref(sandbox->label);
    enum bj_sandbox_phase before = added ? state->phase : sandbox->phase;

    if (state->phase == BJ_SANDBOX_ENDED) {
        json_decref(label);
        if (sandbox != NULL)
            bj_registry_end(service, sandbox, state->reason);
        return NULL;
    }
    if (added) {
        sandbox = add_sandbox(service, state);
        if (sandbox == NULL)
            return NULL;
    } else {
        count_sandbox(service, sandbox, -1);
        right = take_label(service, sandbox, state->label);
    }
    right = take_state(sandbox, state) && right;
    count_sandbox(service, sandbox, 1);
    if (!right) /* what is not known cannot be judged: it stays, for whoever ends it */
        sandbox->preset = NULL;
    changed = !added && !json_equal(label, sandbox->label);
    json_decref(label);
    tell_of_change(service, sandbox, added, changed, before);
    return sandbox;
}

void bj_registry_end(struct bj_service *service, struct sandbox *sandbox, const char *reason)
{
    struct sandbox **slot = &service->buckets[bucket_of(sandbox->id)];
    struct bj_answer ended = {.result = -BJ_E_ENDED};

    while (*slot != sandbox)
        slot = &(*slot)->chain;
    *slot = sandbox->chain;
    *(sandbox->older != NULL ? &sandbox->older->newer : &service->oldest) = sandbox->newer;
    *(sandbox->newer != NULL ? &sandbox->newer->older : &service->newest) = sandbox->older;
    unlink_default(sandbox);
    bj_fail(&ended.error, BJ_E_ENDED, "service", "the sandbox has ended%s%s",
            reason != NULL ? ": " : "", reason != NULL ? reason : "");
    for (struct process *process = sandbox->processes; process != NULL; process = process->next) {
        if (!process->ended)
            count_process(service, sandbox, -1);
        tell_waiters(sandbox, process, &ended);
    }
    bj_event_add(service, BJ_EVENT_SANDBOX_ENDED, sandbox->owner->name, sandbox->id, 0,
                 reason != NULL ? json_pack("{s:s}", "reason", reason) : NULL);
    /* An owner lives as long as it has sandboxes: this one until nothing here needs it. */
    count_sandbox(service, sandbox, -1);
    drop_work(service, sandbox);
    if (service->ending)
        bj_registry_free(service, sandbox);
    else
        bj_ended_keep(service, sandbox, reason);
}

void bj_registry_release(struct bj_service *service)
{
    while (service->newest != NULL)
        bj_registry_end(service, service->newest, "the service is ending");
    bj_ended_release(service);
}
