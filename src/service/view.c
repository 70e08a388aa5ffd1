/* What callers see of sandboxes and processes, and lists of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "service/service_internal.h"

#define PAGE 100

static int64_t left(int64_t moment_us, int64_t now_us)
{
    if (moment_us < 0)
        return -1;
    return moment_us > now_us ? moment_us - now_us : 0;
}

void bj_sandbox_view(const struct sandbox *sandbox, struct bj_sandbox_view *ret)
{
    const json_t *label = sandbox->label;
    int64_t now_us = bj_clock_us();

    *ret = (struct bj_sandbox_view){
        .id = sandbox->id,
        .preset = sandbox->preset_name,
        .owner = sandbox->owner->name,
        .key = bj_label_text(label, "key"),
        .metadata = json_object_get(label, "metadata"),
        .phase = sandbox->phase,
        .created_ms = bj_label_number(label, "created_ms"),
        .age_us = now_us - sandbox->created_us,
        .left_us = left(sandbox->ends_us, now_us),
        .idle_left_us = left(sandbox->idle_ends_us, now_us),
        .timeout_us = bj_label_number(label, "timeout_us"),
        .idle_us = bj_label_number(label, "idle_us"),
        .memory_bytes = sandbox->memory_bytes,
        .disk_bytes = sandbox->disk_bytes,
        .max_processes = sandbox->max_processes,
        .cpu_cores = sandbox->cpu_cores,
        .is_default = json_object_get(label, "default") != NULL,
        .from_pool = sandbox->from_pool,
        .degraded_pause = sandbox->degraded_pause,
        .degraded = (const char *const *)sandbox->degraded,
        .workspace = sandbox->workspace,
        .home = sandbox->home,
        .user = sandbox->user,
        .running = sandbox->running,
        .reason = sandbox->reason,
        .ended_ms = sandbox->ended_ms,
    };
}

void bj_process_view(const struct sandbox *sandbox, const struct process *process,
                     struct bj_process_view *ret)
{
    const json_t *label = process->label;
    const char *command = bj_label_text(label, "command");

    *ret = (struct bj_process_view){
        .sandbox = sandbox->id,
        .process = process->id,
        .pid = process->pid,
        .tag = bj_label_text(label, "tag"),
        .command = command != NULL ? command : "",
        .directory = bj_label_text(label, "directory"),
        .terminal = (process->flags & BJ_START_TERMINAL) != 0,
        .takes_input = (process->flags & (BJ_START_TERMINAL | BJ_START_STDIN)) != 0,
        .rows = process->rows,
        .columns = process->columns,
        .started_ms = bj_label_number(label, "started_ms"),
        .age_us = bj_clock_us() - process->created_us,
        .written = process->written,
        .dropped = process->dropped,
        .ended = process->ended,
        .ending = process->ending,
    };
}

int bj_sandbox_get(struct bj_service *service, const struct bj_caller *caller,
                   struct bj_sandbox_view *ret, struct bj_error *err)
{
    struct sandbox *sandbox;
    int result = bj_registry_resolve(service, caller, true, &sandbox, err);

    if (result == 0)
        bj_sandbox_view(sandbox, ret);
    return result;
}

int bj_sandbox_look_up(struct bj_service *service, const struct bj_caller *caller,
                       struct bj_sandbox_view *ret, struct bj_error *err)
{
    struct sandbox *sandbox;
    int result = bj_registry_look_up(service, caller, &sandbox, err);

    if (result == 0)
        bj_sandbox_view(sandbox, ret);
    return result;
}

/* ---- lists ---- */

/* A place in a list: by creation, then by identifier. */
struct place {
    int64_t created_ms;
    const char *id;
};

static struct place place_of(const struct sandbox *sandbox)
{
    return (struct place){bj_label_number(sandbox->label, "created_ms"), sandbox->id};
}

static int compare(struct place a, struct place b)
{
    if (a.created_ms != b.created_ms)
        return a.created_ms < b.created_ms ? -1 : 1;
    return strcmp(a.id, b.id);
}

static int by_age(const void *a, const void *b)
{
    return compare(place_of(*(struct sandbox *const *)a), place_of(*(struct sandbox *const *)b));
}

static bool has_metadata(const struct sandbox *sandbox, const json_t *wanted)
{
    const json_t *metadata = json_object_get(sandbox->label, "metadata");
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)wanted, name, value)
    {
        const char *has = json_string_value(json_object_get(metadata, name));
        const char *wants = json_string_value(value);

        if (has == NULL || wants == NULL || !bj_streq(has, wants))
            return false;
    }
    return true;
}

static bool matches(const struct sandbox *sandbox, const struct bj_identity *who,
                    const struct bj_sandbox_list *list)
{
    if (!list->everyone && !bj_streq(sandbox->owner->name, who->owner))
        return false;
    if (list->preset != NULL && !bj_streq(sandbox->preset_name, list->preset))
        return false;
    if (list->phase >= 0 && (int)sandbox->phase != list->phase)
        return false;
    if (list->since_ms > 0 && bj_label_number(sandbox->label, "created_ms") < list->since_ms)
        return false;
    return has_metadata(sandbox, list->metadata);
}

/* "1700000000000-id", as `next` was written. */
static int read_place(const char *after, char id[BJ_SANDBOX_ID_MAX], struct place *ret,
                      struct bj_error *err)
{
    const char *dash = strchr(after, '-');
    char number[24];

    if (dash != NULL && (size_t)(dash - after) < sizeof number &&
        bj_str_copy(id, BJ_SANDBOX_ID_MAX, dash + 1) && bj_sandbox_id_valid(id)) {
        memcpy(number, after, (size_t)(dash - after));
        number[dash - after] = '\0';
        if (bj_parse_int64(number, &ret->created_ms)) {
            ret->id = id;
            return 0;
        }
    }
    return bj_fail(err, BJ_E_INVALID, "service",
                   "this is no place in a list; take `next` of the page before");
}

static int check_list(const struct bj_sandbox_list *list, const struct bj_service *service,
                      const struct bj_identity *who, struct bj_error *err)
{
    if (!service->ready)
        return bj_fail(err, BJ_E_BUSY, "service", "the service is starting");
    if (list->everyone && (who->scopes & BJ_SCOPE_ADMIN) == 0)
        return bj_fail(err, BJ_E_DENIED, "service",
                       "this key may not see everyone's sandboxes: it has no scope ADMIN");
    if (list->limit > BJ_PAGE_MAX)
        return bj_fail(err, BJ_E_INVALID, "service", "limit: at most %d", BJ_PAGE_MAX);
    return 0;
}

static void show_page(struct sandbox *const *found, uint32_t count, const struct place *after,
                      struct bj_sandbox_list *list,
                      void (*each)(void *context, const struct bj_sandbox_view *sandbox),
                      void *context)
{
    uint32_t limit = list->limit != 0 ? list->limit : PAGE, shown = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct sandbox *sandbox = found[list->oldest_first ? i : count - 1 - i];
        struct bj_sandbox_view view;
        int order = after != NULL ? compare(place_of(sandbox), *after) : 0;

        if (after != NULL && (list->oldest_first ? order <= 0 : order >= 0))
            continue;
        if (shown == limit)
            return;
        bj_sandbox_view(sandbox, &view);
        each(context, &view);
        shown++;
        snprintf(list->next, sizeof list->next, "%lld-%s", (long long)view.created_ms, view.id);
    }
    list->next[0] = '\0'; /* there is nothing behind it */
}

int bj_sandbox_list(struct bj_service *service, const struct bj_identity *who,
                    struct bj_sandbox_list *list,
                    void (*each)(void *context, const struct bj_sandbox_view *sandbox),
                    void *context, struct bj_error *err)
{
    bool ended = list->phase == BJ_SANDBOX_ENDED;
    struct sandbox *first = ended ? bj_ended_oldest(service) : service->oldest;
    uint32_t most = ended ? service->ended.count : service->sandbox_count;
    BJ_CLEANUP_FREE struct sandbox **found = NULL;
    char id[BJ_SANDBOX_ID_MAX];
    struct place after;
    uint32_t count = 0;
    int result = check_list(list, service, who, err);

    list->total = 0;
    list->next[0] = '\0';
    if (result == 0 && list->after != NULL)
        result = read_place(list->after, id, &after, err);
    if (result < 0)
        return result;
    found = bj_alloc((most + 1) * sizeof *found);
    if (found == NULL)
        return no_memory(err);
    for (struct sandbox *sandbox = first; sandbox != NULL && count < most;
         sandbox = sandbox->newer) {
        if (matches(sandbox, who, list))
            found[count++] = sandbox;
    }
    if (count > 0)
        qsort(found, count, sizeof *found, by_age);
    list->total = count;
    show_page(found, count, list->after != NULL ? &after : NULL, list, each, context);
    return 0;
}

/* ---- processes ---- */

int bj_process_get(struct bj_service *service, const struct bj_caller *caller, uint32_t process,
                   struct bj_process_view *ret, struct bj_error *err)
{
    struct sandbox *sandbox;
    struct process *found;
    int result = bj_process_resolve(service, caller, process, &sandbox, &found, err);

    if (result == 0)
        bj_process_view(sandbox, found, ret);
    return result;
}

int bj_process_list(struct bj_service *service, const struct bj_caller *caller,
                    void (*each)(void *context, const struct bj_process_view *process),
                    void *context, struct bj_error *err)
{
    struct sandbox *sandbox;
    int result = bj_registry_resolve(service, caller, true, &sandbox, err);

    if (result < 0)
        return result;
    for (struct process *process = sandbox->processes; process != NULL; process = process->next) {
        struct bj_process_view view;

        if (json_object_get(process->label, "helper") != NULL)
            continue;
        bj_process_view(sandbox, process, &view);
        each(context, &view);
    }
    return 0;
}
