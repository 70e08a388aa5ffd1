/*
 * Sandboxes: the table, how one comes to be, and how it ends.
 *
 *     CREATE ─▶ LAUNCHING ─ init cloned ─▶ SETTING_UP ─ init answers ─▶ RUNNING
 *                   │                          │                        │ time-out, DESTROY,
 *                   └───────── failed ─────────┴────────▶ ENDING ◀──────┘ init gone
 *                                                           │ the launcher: everything has ended
 *                                                           ▼
 *                                                  said once, and forgotten
 *
 * A sandbox that is ending keeps its identifier until nothing of it is left.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "backend/environment.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/str.h"
#include "keeper/keeper_internal.h"
#include "linux/process.h"

#define PLACES          1024 /* of the table; it is as fast with four times as many sandboxes */
#define FAILED          "failed"
#define OUT_OF_MEMORY   "out of memory; use less, or raise memory_mb"
#define FILES_TOO_BIG   "its files lie in memory and exceeded it; write less, or raise memory_mb"
#define SEARCH_PAUSE_US 1000   /* a turn of the loop, between two searches for programs */
#define AGAIN_US        100000 /* until an end that could not be asked for is asked for again */

/* ---- the table ---- */

int bj_sandboxes_init(struct bj_keeper *keeper, struct bj_error *err)
{
    struct bj_sandboxes *all = &keeper->sandboxes;

    all->place_count = PLACES;
    all->places = bj_alloc(PLACES * sizeof *all->places);
    if (all->places == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "keeper", "out of memory");
    if (getrandom(all->key, sizeof all->key, 0) != sizeof all->key)
        return bj_fail_errno(err, "keeper", "cannot get random bytes");
    return 0;
}

void bj_sandboxes_release(struct bj_keeper *keeper)
{
    bj_free(keeper->sandboxes.places);
}

static struct bj_sandbox **place_of(struct bj_keeper *keeper, const char *id)
{
    struct bj_sandboxes *all = &keeper->sandboxes;
    struct bj_sandbox **at =
        &all->places[bj_siphash(all->key, id, strlen(id)) & (all->place_count - 1)];

    while (*at != NULL && !bj_streq((*at)->id, id))
        at = &(*at)->same_place;
    return at;
}

int bj_sandbox_find(struct bj_keeper *keeper, const char *id, struct bj_sandbox **ret,
                    struct bj_error *err)
{
    struct bj_sandbox *sandbox = *place_of(keeper, id);

    if (sandbox == NULL)
        return bj_fail(err, BJ_E_NOT_FOUND, "sandbox", "there is no sandbox %s", id);
    if (sandbox->stage == BJ_STAGE_ENDING)
        return bj_fail(err, BJ_E_ENDED, "sandbox", "the sandbox is ending");
    if (sandbox->stage != BJ_STAGE_RUNNING)
        return bj_fail(err, BJ_E_CONFLICT, "sandbox", "the sandbox is being made");
    *ret = sandbox;
    return 0;
}

int bj_sandbox_of_act(struct bj_keeper *keeper, const struct bj_act *act, struct bj_sandbox **ret,
                      struct bj_error *err)
{
    int result = bj_sandbox_find(keeper, act->sandbox, ret, err);

    if (result == 0 && !bj_streq((*ret)->owner->name, act->owner))
        result =
            bj_fail(err, BJ_E_DENIED, "sandbox", "the sandbox %s is another owner's", act->sandbox);
    return result;
}

static void add(struct bj_sandbox *sandbox)
{
    struct bj_sandboxes *all = &sandbox->keeper->sandboxes;

    *place_of(sandbox->keeper, sandbox->id) = sandbox;
    sandbox->previous = all->last;
    if (all->last != NULL)
        all->last->next = sandbox;
    else
        all->first = sandbox;
    all->last = sandbox;
    all->count++;
}

static void free_sandbox(struct bj_sandbox *sandbox)
{
    bj_free(sandbox->label);
    bj_free(sandbox->user);
    bj_free(sandbox->home);
    bj_free(sandbox->workspace);
    bj_strv_free(sandbox->environment);
    bj_strv_free(sandbox->degraded);
    bj_fd_close(&sandbox->pidfd);
    bj_workspace_release(sandbox);
    bj_budget_leave(sandbox);
    bj_free(sandbox);
}

static void forget(struct bj_sandbox *sandbox)
{
    struct bj_keeper *keeper = sandbox->keeper;
    struct bj_sandboxes *all = &keeper->sandboxes;

    bj_hello_skip(keeper, sandbox);
    *place_of(keeper, sandbox->id) = sandbox->same_place;
    if (sandbox->previous != NULL)
        sandbox->previous->next = sandbox->next;
    else
        all->first = sandbox->next;
    if (sandbox->next != NULL)
        sandbox->next->previous = sandbox->previous;
    else
        all->last = sandbox->previous;
    all->count--;
    bj_deadline_clear(&keeper->deadlines, &sandbox->deadline);
    free_sandbox(sandbox);
    bj_keeper_sandbox_gone(keeper);
}

/* ---- what is said of it ---- */

static const char *const nothing[] = {NULL};

/* When nothing has happened to it for as long as it may; idle_us is not 0. */
static int64_t idle_at(const struct bj_sandbox *sandbox)
{
    int64_t since = sandbox->held_until > sandbox->used_at ? sandbox->held_until : sandbox->used_at;

    return since + sandbox->idle_us;
}

static int64_t idle_left(const struct bj_sandbox *sandbox, int64_t now)
{
    int64_t left = idle_at(sandbox) - now;

    if (sandbox->idle_us == 0 || sandbox->paused)
        return -1;
    if (left > sandbox->idle_us)
        return sandbox->idle_us; /* somebody is at it */
    return left > 0 ? left : 0;
}

void bj_sandbox_state(const struct bj_sandbox *sandbox, struct bj_sandbox_state *ret)
{
    int64_t now = bj_clock_us();
    int64_t left = sandbox->ends_at - now;

    *ret = (struct bj_sandbox_state){
        .id = sandbox->id,
        .preset = sandbox->keeper->options->presets[sandbox->preset].name,
        .owner = sandbox->owner->name,
        .label = sandbox->label,
        .phase = sandbox->stage == BJ_STAGE_ENDING ? BJ_SANDBOX_ENDED
                 : sandbox->paused                 ? BJ_SANDBOX_PAUSED
                                                   : BJ_SANDBOX_RUNNING,
        .age_us = now - sandbox->began,
        .left_us = sandbox->ends_at == 0 ? -1
                   : left > 0            ? left
                                         : 0,
        .idle_left_us = idle_left(sandbox, now),
        .memory_bytes = sandbox->memory_bytes,
        .disk_bytes = sandbox->disk_bytes,
        .max_processes = sandbox->max_processes,
        .last_process = sandbox->last_process,
        .cpu_cores = sandbox->cpu_cores,
        .from_pool = sandbox->from_pool,
        .degraded_pause = sandbox->degraded_pause,
        .reason = sandbox->reason,
        .degraded = sandbox->degraded != NULL ? (const char *const *)sandbox->degraded : nothing,
        .workspace = sandbox->workspace != NULL ? sandbox->workspace : "",
        .home = sandbox->home != NULL ? sandbox->home : "",
        .user = sandbox->user != NULL ? sandbox->user : "",
    };
}

void bj_sandbox_say(struct bj_sandbox *sandbox)
{
    struct bj_keeper *keeper = sandbox->keeper;
    struct bj_sandbox_state state;
    struct bj_buf out;

    if (keeper->front.fd < 0)
        return;
    bj_sandbox_state(sandbox, &state);
    bj_say_begin(&out, BJ_MESSAGE_SANDBOX, 0);
    bj_sandbox_state_put(&out, &state);
    bj_say_to_front(keeper, &out);
}

void bj_sandbox_note(struct bj_sandbox *sandbox, enum bj_layer layer, const char *text,
                     size_t length)
{
    size_t count = 0, size = length + 64;
    char **grown, *line;

    while (sandbox->degraded != NULL && sandbox->degraded[count] != NULL)
        count++;
    if (count == BJ_DEGRADED_MAX)
        return;
    line = bj_alloc(size);
    grown = line != NULL ? bj_realloc_array(sandbox->degraded, count + 2, sizeof *grown) : NULL;
    if (grown == NULL) {
        bj_free(line);
        return;
    }
    snprintf(line, size, "%s: %.*s", bj_layer_name(layer), (int)length, text);
    grown[count] = line;
    grown[count + 1] = NULL;
    sandbox->degraded = grown;
}

/* ---- its end ---- */

static void give_up_again(struct bj_deadline *deadline);

static void ended(void *context, const struct bj_launcher_answer *answer, struct bj_fds *fds)
{
    struct bj_sandbox *sandbox = context;
    struct bj_keeper *keeper = sandbox->keeper;
    bool made = sandbox->task.answered;

    (void)fds;
    sandbox->launched = false;
    if (sandbox->parked) {
        bj_pool_ending(sandbox);
        free_sandbox(sandbox);
        bj_pool_lost(keeper);
        bj_keeper_sandbox_gone(keeper);
        return;
    }
    if (answer != NULL && answer->usage.oom_killed && bj_streq(sandbox->reason, FAILED))
        sandbox->reason = OUT_OF_MEMORY;
    bj_processes_end(sandbox, answer != NULL ? &answer->usage : NULL);
    if (!made)
        bj_task_done(keeper, &sandbox->task, &sandbox->failure);
    else
        bj_sandbox_say(sandbox);
    if (sandbox->end_task.id != 0)
        bj_task_done(keeper, &sandbox->end_task, NULL);
    forget(sandbox);
}

/* Has the launcher end it; without one it has ended already. */
static void give_up(struct bj_sandbox *sandbox)
{
    struct bj_keeper *keeper = sandbox->keeper;

    sandbox->start = (struct bj_start){.done = ended, .context = sandbox};
    if (!sandbox->launched || keeper->starter.link.fd < 0) {
        ended(sandbox, NULL, NULL);
    } else if (bj_starter_end(keeper, &sandbox->start, sandbox->launch_number, NULL) < 0) {
        /* Everything in it is dead by now; what is left costs nothing but its place. */
        sandbox->deadline.passed = give_up_again;
        bj_deadline_set(&keeper->deadlines, &sandbox->deadline, bj_clock_us() + AGAIN_US);
    }
}

static void give_up_again(struct bj_deadline *deadline)
{
    give_up((void *)((char *)deadline - offsetof(struct bj_sandbox, deadline)));
}

void bj_sandbox_end(struct bj_sandbox *sandbox, const char *reason)
{
    struct bj_keeper *keeper = sandbox->keeper;
    bool launching = sandbox->stage == BJ_STAGE_LAUNCHING;

    if (sandbox->stage == BJ_STAGE_ENDING)
        return;
    sandbox->stage = BJ_STAGE_ENDING;
    sandbox->reason = reason;
    if (sandbox->parked)
        bj_pool_ending(sandbox);
    bj_deadline_clear(&keeper->deadlines, &sandbox->deadline);
    if (launching)
        return; /* launched() goes on */
    /* Without a process tree of its own init has to end what it started: its socket's end tells. */
    if (sandbox->isolation == BJ_ISOLATION_NAMESPACES && sandbox->pidfd >= 0)
        bj_process_pidfd_signal(sandbox->pidfd, SIGKILL);
    bj_pause_end(sandbox);
    bj_maker_close(keeper, &sandbox->disk_fd); /* before it ends, which may then take the time */
    bj_init_link_close(sandbox);
    give_up(sandbox);
}

void bj_sandbox_init_gone(struct bj_sandbox *sandbox)
{
    enum bj_code code = sandbox->init.failure.code;

    if (sandbox->stage == BJ_STAGE_SETTING_UP) {
        sandbox->failure = sandbox->init.failure;
        if (sandbox->failure.code == BJ_E_OK)
            bj_fail(&sandbox->failure, BJ_E_ENDED, "sandbox",
                    "the sandbox ended while it was being made");
    }
    bj_sandbox_end(sandbox, code == BJ_E_TIMEOUT     ? "unresponsive"
                            : code == BJ_E_NO_MEMORY ? FILES_TOO_BIG
                                                     : FAILED);
}

/* ---- its time ---- */

static void time_passed(struct bj_deadline *deadline)
{
    struct bj_sandbox *sandbox = (void *)((char *)deadline - offsetof(struct bj_sandbox, deadline));
    int64_t now = bj_clock_us();

    if (sandbox->ends_at != 0 && now >= sandbox->ends_at)
        bj_sandbox_end(sandbox, "timeout");
    else if (sandbox->idle_us != 0 && !sandbox->paused && now >= idle_at(sandbox))
        bj_sandbox_end(sandbox, "idle");
    else
        bj_sandbox_set_deadline(sandbox);
}

void bj_sandbox_set_deadline(struct bj_sandbox *sandbox)
{
    int64_t at = sandbox->ends_at;

    if (sandbox->idle_us != 0 && !sandbox->paused && (at == 0 || idle_at(sandbox) < at))
        at = idle_at(sandbox);
    if (at == 0)
        bj_deadline_clear(&sandbox->keeper->deadlines, &sandbox->deadline);
    else
        bj_deadline_set(&sandbox->keeper->deadlines, &sandbox->deadline, at);
}

/* The deadline is not moved: when it passes, time_passed() sees that there is time left. */
void bj_sandbox_use(struct bj_sandbox *sandbox)
{
    sandbox->used_at = bj_clock_us();
}

/* Held, its deadline is not moved either. */
void bj_sandbox_hold(struct bj_sandbox *sandbox, bool hold)
{
    int64_t now = bj_clock_us();

    sandbox->used_at = now;
    sandbox->held_until = hold ? now + BJ_USE_US : 0;
    if (!hold && sandbox->stage == BJ_STAGE_RUNNING)
        bj_sandbox_set_deadline(sandbox);
}

void bj_sandboxes_front_gone(struct bj_keeper *keeper)
{
    for (struct bj_sandbox *at = keeper->sandboxes.first; at != NULL; at = at->next) {
        if (at->held_until != 0)
            bj_sandbox_hold(at, false);
    }
}

/* ---- its beginning ---- */

/* The cgroups that the plan makes. */
static void keep_cgroups(struct bj_sandbox *sandbox)
{
    const struct bj_host *host = sandbox->keeper->facts[sandbox->preset].host;
    const struct bj_plan *plan = &sandbox->keeper->request.plan;

    for (uint32_t i = 0; i < plan->op_count; i++) {
        const char *path = bj_plan_text(plan, plan->ops[i].source), *name = strrchr(path, '/');

        if (plan->ops[i].kind != BJ_OP_CGROUP || name == NULL)
            continue;
        for (int c = 0; c < BJ_CONTROLLER_COUNT; c++) {
            if (strlen(host->cgroup_path[c]) == (size_t)(name - path) &&
                strncmp(host->cgroup_path[c], path, (size_t)(name - path)) == 0)
                bj_str_copy(sandbox->cgroups[c], sizeof sandbox->cgroups[c], path);
        }
        if (strlen(host->freezer_path) == (size_t)(name - path) &&
            strncmp(host->freezer_path, path, (size_t)(name - path)) == 0)
            bj_str_copy(sandbox->freezer, sizeof sandbox->freezer, path);
    }
}

/* What the plan says of it and is wanted later. */
static int keep_facts(struct bj_sandbox *sandbox, const struct bj_config *config,
                      const struct bj_degradations *degraded, struct bj_error *err)
{
    const struct bj_plan *plan = &sandbox->keeper->request.plan;

    sandbox->isolation = plan->isolation;
    keep_cgroups(sandbox);
    sandbox->user = bj_strdup(bj_plan_text(plan, plan->shell_user));
    sandbox->home = bj_strdup(bj_plan_text(plan, plan->home));
    sandbox->workspace = bj_strdup(bj_plan_text(plan, plan->directory));
    sandbox->memory_bytes = config->memory_mb << 20;
    sandbox->disk_bytes = config->disk_mb << 20;
    sandbox->max_processes = config->max_processes;
    sandbox->cpu_cores = config->cpu_cores;
    for (int i = 0; i < degraded->count; i++)
        bj_sandbox_note(sandbox, degraded->items[i].layer, degraded->items[i].reason,
                        strlen(degraded->items[i].reason));
    if (sandbox->disk_fd < 0) {
        char text[BJ_ERROR_MESSAGE_MAX + 64];

        snprintf(text, sizeof text, "the workspace lies in memory and counts as such: %s",
                 sandbox->keeper->workspaces.on_disk
                     ? "it cannot be mounted without a mount namespace"
                     : sandbox->keeper->workspaces.why_not.message);
        bj_sandbox_note(sandbox, BJ_LAYER_DISK, text, strlen(text));
    }
    if (sandbox->user == NULL || sandbox->home == NULL || sandbox->workspace == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "sandbox", "out of memory");
    return bj_environment_copy(config, &sandbox->environment, err);
}

/* Tells whoever asked for it. */
static void created(struct bj_sandbox *sandbox)
{
    struct bj_sandbox_state state;
    struct bj_buf out;

    sandbox->used_at = bj_clock_us();
    bj_sandbox_set_deadline(sandbox);
    bj_sandbox_say(sandbox);
    bj_sandbox_state(sandbox, &state);
    bj_task_answer_begin(&sandbox->task, &out);
    bj_sandbox_state_put(&out, &state);
    bj_task_answer_send(sandbox->keeper, &sandbox->task, &out, NULL);
    bj_task_done(sandbox->keeper, &sandbox->task, NULL);
}

/* Init has answered: what the plan says holds. */
static void set_up(void *context, const struct bj_init_reply *reply)
{
    struct bj_sandbox *sandbox = context;

    if (reply->failed != NULL && sandbox->stage == BJ_STAGE_ENDING)
        return; /* the end tells */
    if (reply->failed != NULL) {
        sandbox->failure = *reply->failed;
        bj_sandbox_end(sandbox, FAILED);
        return;
    }
    sandbox->stage = BJ_STAGE_RUNNING;
    if (sandbox->parked)
        bj_pool_ready(sandbox);
    else
        created(sandbox);
}

/* Asks init something easy, to know that it came up. */
static int ask_init(struct bj_sandbox *sandbox, struct bj_error *err)
{
    struct bj_frame_head head = {.type = BJ_FRAME_LIST, .id = bj_init_next_id(sandbox)};
    struct bj_buf packet;

    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put(&packet, head, NULL);
    return bj_init_ask(sandbox, &packet, NULL, set_up, sandbox, err);
}

static void launched(void *context, const struct bj_launcher_answer *answer, struct bj_fds *fds)
{
    struct bj_sandbox *sandbox = context;
    bool ending = sandbox->stage == BJ_STAGE_ENDING;
    int result;

    if (answer == NULL)
        bj_fail(&sandbox->failure, BJ_E_ENDED, "launcher", "the launcher has ended");
    else if (answer->result < 0)
        sandbox->failure = answer->error;
    else if (fds->count != BJ_LAUNCHER_FDS)
        bj_fail(&sandbox->failure, BJ_E_BUSY, "launcher",
                "no descriptor is free for another sandbox");
    if (answer != NULL && answer->result == 0) {
        sandbox->launched = true;
        sandbox->launch_number = answer->number;
    }
    if (sandbox->failure.code != BJ_E_OK) {
        sandbox->stage = BJ_STAGE_ENDING;
        sandbox->reason = FAILED;
        give_up(sandbox);
        return;
    }
    sandbox->stage = BJ_STAGE_SETTING_UP;
    sandbox->pidfd = fds->fd[1];
    fds->count = 0;
    result = bj_init_link_open(sandbox, fds->fd[0], &sandbox->failure);
    if (result == 0 && answer->plain_trees)
        bj_sandbox_note(sandbox, BJ_LAYER_SHARED_TREES, "locks on files of a volume reach the host",
                        strlen("locks on files of a volume reach the host"));
    if (result == 0 && ending)
        result = bj_fail(&sandbox->failure, BJ_E_ENDED, "sandbox", "it was ended");
    if (result == 0)
        result = ask_init(sandbox, &sandbox->failure);
    if (result < 0)
        bj_sandbox_end(sandbox, FAILED);
}

/* Everything else, once there is a workspace. */
static int make_rest(struct bj_sandbox *sandbox, const struct bj_config *config,
                     struct bj_error *err)
{
    struct bj_keeper *keeper = sandbox->keeper;
    struct bj_degradations degraded = {0};
    int result =
        bj_plans_make(keeper, sandbox->preset, config, sandbox->disk_fd >= 0, &degraded, err);

    if (result == 0)
        result = keep_facts(sandbox, config, &degraded, err);
    if (result == 0)
        result = bj_starter_launch(keeper, &sandbox->start, sandbox->disk_fd, err);
    return result;
}

static void finish(struct bj_sandbox *sandbox, const struct bj_error *failed);

/* The next one's turn: the first of another owner than the last one's, or else the first. */
static void search(struct bj_deadline *deadline)
{
    struct bj_keeper *keeper =
        (void *)((char *)deadline - offsetof(struct bj_keeper, searches.deadline));
    struct bj_searches *searches = &keeper->searches;
    struct bj_sandbox **at = &searches->first, *sandbox;

    while (*at != NULL && (*at)->owner == searches->last)
        at = &(*at)->next_waiting;
    if (*at == NULL)
        at = &searches->first;
    sandbox = *at;
    *at = sandbox->next_waiting;
    sandbox->next_waiting = NULL;
    searches->last = sandbox->owner;
    if (searches->first != NULL)
        bj_deadline_set(&keeper->deadlines, deadline, bj_clock_us() + SEARCH_PAUSE_US);
    finish(sandbox, NULL);
}

/* Many are not made in a row: what others have asked for is heard in between. */
static void wait_for_search(struct bj_sandbox *sandbox)
{
    struct bj_keeper *keeper = sandbox->keeper;
    struct bj_sandbox **at = &keeper->searches.first;

    if (*at == NULL) {
        keeper->searches.deadline.passed = search;
        bj_deadline_set(&keeper->deadlines, &keeper->searches.deadline, bj_clock_us());
    }
    while (*at != NULL)
        at = &(*at)->next_waiting;
    *at = sandbox;
}

static int make(struct bj_sandbox *sandbox, const char *const *options, struct bj_error *err)
{
    struct bj_config config = {0};
    int result = bj_plans_configure(sandbox->keeper, sandbox->preset, options, &config, err);

    if (result == 0 && config.isolation == BJ_ISOLATION_NAMESPACES)
        result = bj_workspace_make(sandbox, config.disk_mb, err);
    if (result == 0 && !sandbox->waits &&
        bj_plans_searches(sandbox->keeper, sandbox->preset, &config)) {
        sandbox->waits = true;
        wait_for_search(sandbox);
    }
    if (result == 0 && sandbox->waits) {
        sandbox->config = config;
        return 0;
    }
    if (result == 0)
        result = make_rest(sandbox, &config, err);
    bj_config_release(&config);
    return result;
}

/* Nothing is waited for any more. */
static void finish(struct bj_sandbox *sandbox, const struct bj_error *failed)
{
    int result = 0;

    sandbox->waits = false;
    if (sandbox->stage == BJ_STAGE_ENDING)
        result = bj_fail(&sandbox->failure, BJ_E_ENDED, "sandbox", "it was ended");
    else if (failed != NULL)
        result = bj_fail(&sandbox->failure, failed->code, failed->step, "%s", failed->message);
    else
        result = make_rest(sandbox, &sandbox->config, &sandbox->failure);
    bj_config_release(&sandbox->config);
    if (result == 0)
        return;
    if (sandbox->stage != BJ_STAGE_ENDING)
        sandbox->reason = FAILED;
    sandbox->stage = BJ_STAGE_ENDING;
    give_up(sandbox);
}

void bj_sandbox_workspace_ready(struct bj_sandbox *sandbox, const struct bj_error *failed)
{
    if (failed == NULL && sandbox->stage != BJ_STAGE_ENDING &&
        bj_plans_searches(sandbox->keeper, sandbox->preset, &sandbox->config))
        wait_for_search(sandbox);
    else
        finish(sandbox, failed);
}

/* What whoever asks for it says of it. */
static int name(struct bj_sandbox *sandbox, const struct bj_task *task, const struct bj_act *act,
                struct bj_error *err)
{
    int64_t most = sandbox->keeper->options->max_timeout_us;

    if (most != 0 && (act->timeout_us == 0 || act->timeout_us > most))
        return bj_fail(err, BJ_E_INVALID, "sandbox", "a sandbox may live %lld s at most here",
                       (long long)(most / 1000000));
    if (act->label != NULL && (sandbox->label = bj_strdup(act->label)) == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "sandbox", "out of memory");
    if (bj_budget_join(sandbox, act->owner, err) < 0) {
        bj_free(sandbox->label); /* it may be one of the pool, which stays there */
        sandbox->label = NULL;
        return -BJ_E_NO_MEMORY;
    }
    bj_str_copy(sandbox->id, sizeof sandbox->id, act->sandbox);
    sandbox->task = *task;
    sandbox->began = sandbox->used_at = bj_clock_us();
    sandbox->idle_us = act->idle_us;
    if (act->timeout_us > 0)
        sandbox->ends_at = sandbox->began + act->timeout_us;
    return 0;
}

static struct bj_sandbox *new_sandbox(struct bj_keeper *keeper, uint32_t preset,
                                      struct bj_error *err)
{
    struct bj_sandbox *sandbox = bj_alloc(sizeof *sandbox);

    if (sandbox == NULL) {
        bj_fail(err, BJ_E_NO_MEMORY, "sandbox", "out of memory");
        return NULL;
    }
    sandbox->keeper = keeper;
    sandbox->pidfd = sandbox->init.link.fd = sandbox->disk_fd = -1;
    sandbox->preset = preset;
    sandbox->deadline.passed = time_passed;
    sandbox->start = (struct bj_start){.done = launched, .context = sandbox};
    return sandbox;
}

struct bj_sandbox *bj_sandbox_park(struct bj_keeper *keeper, uint32_t preset, struct bj_error *err)
{
    static const char *const none[] = {NULL};
    struct bj_sandbox *sandbox = new_sandbox(keeper, preset, err);

    if (sandbox == NULL)
        return NULL;
    sandbox->parked = sandbox->from_pool = true;
    if (make(sandbox, none, err) == 0)
        return sandbox;
    free_sandbox(sandbox);
    return NULL;
}

static int check_create(struct bj_keeper *keeper, const struct bj_act *act, struct bj_error *err)
{
    uint32_t most = keeper->options->max_sandboxes;

    if (keeper->stopping)
        return bj_fail(err, BJ_E_BUSY, "sandbox", "the service is ending");
    if (*place_of(keeper, act->sandbox) != NULL)
        return bj_fail(err, BJ_E_CONFLICT, "sandbox", "there is a sandbox %s already",
                       act->sandbox);
    if (keeper->sandboxes.count >= (most != 0 ? most : BJ_SERVICE_SANDBOXES))
        return bj_fail(err, BJ_E_BUSY, "sandbox",
                       "the service has as many sandboxes as it may; end some, or try again");
    if (bj_preset_index(keeper, act->preset) < 0)
        return bj_fail(err, BJ_E_NOT_FOUND, "sandbox", "there is no preset %s", act->preset);
    return 0;
}

/* One of the pool, or a new one. */
static int begin(struct bj_keeper *keeper, const struct bj_task *task, const struct bj_act *act,
                 struct bj_sandbox **ret, struct bj_error *err)
{
    uint32_t preset = (uint32_t)bj_preset_index(keeper, act->preset);
    struct bj_sandbox *sandbox = act->options[0] == NULL ? bj_pool_take(keeper, preset) : NULL;
    bool parked = sandbox != NULL;
    int result = 0;

    if (!parked)
        sandbox = new_sandbox(keeper, preset, err);
    if (sandbox == NULL)
        return -BJ_E_NO_MEMORY;
    result = name(sandbox, task, act, err);
    if (result == 0 && !parked)
        result = make(sandbox, act->options, err);
    if (result < 0 && parked) {
        keeper->pool.count++; /* back to where it was */
        bj_pool_ready(sandbox);
    } else if (result < 0) {
        free_sandbox(sandbox);
    }
    *ret = sandbox;
    return result;
}

void bj_sandbox_create(struct bj_keeper *keeper, struct bj_task *task, const struct bj_act *act)
{
    struct bj_error failed = {0};
    struct bj_sandbox *sandbox = NULL;
    int result = check_create(keeper, act, &failed);

    if (result == 0)
        result = begin(keeper, task, act, &sandbox, &failed);
    if (result < 0) {
        bj_task_done(keeper, task, &failed);
        return;
    }
    add(sandbox);
    if (sandbox->parked) {
        sandbox->parked = false;
        created(sandbox);
    }
}
