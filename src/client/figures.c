/* stats, events. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "client/client.h"
#include "wire/value.h"

/* ---- stats ---- */

#define UNKNOWN "-" /* what nothing measures */

/* What one sandbox used at the last look. */
struct look {
    char id[BJ_SANDBOX_ID_MAX];
    double cpu_seconds;
    struct timespec at;
};
struct looks {
    struct look *rows;
    size_t count, capacity;
};

/* Its row; NULL without memory. *ret_new: this is the first look. */
static struct look *look_of(struct looks *looks, const char *id, bool *ret_new)
{
    *ret_new = false;
    for (size_t i = 0; i < looks->count; i++) {
        if (bj_streq(looks->rows[i].id, id))
            return &looks->rows[i];
    }
    *ret_new = true;
    if (looks->count == looks->capacity) {
        size_t wanted = looks->capacity > 0 ? looks->capacity * 2 : 16;
        struct look *larger = bj_realloc_array(looks->rows, wanted, sizeof *larger);

        if (larger == NULL)
            return NULL;
        looks->rows = larger;
        looks->capacity = wanted;
    }
    bj_str_copy(looks->rows[looks->count].id, BJ_SANDBOX_ID_MAX, id);
    return &looks->rows[looks->count++];
}

static double cpu_percent(struct looks *looks, const char *id, double seconds)
{
    struct timespec now;
    double percent = 0;
    bool first;
    struct look *look = look_of(looks, id, &first);

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (look == NULL)
        return 0;
    if (!first) {
        double passed =
            (double)(now.tv_sec - look->at.tv_sec) + (double)(now.tv_nsec - look->at.tv_nsec) / 1e9;

        if (passed > 0)
            percent = 100 * (seconds - look->cpu_seconds) / passed;
    }
    look->cpu_seconds = seconds;
    look->at = now;
    return percent;
}

static bool is_known(const json_t *usage, const char *name)
{
    return json_is_number(json_object_get(usage, name));
}

static void put_size(const json_t *usage, const char *name, char ret[24])
{
    if (is_known(usage, name))
        bj_client_size_text(bj_client_number(usage, name), ret);
    else
        bj_str_copy(ret, 24, UNKNOWN);
}

static void print_usage_row(struct looks *looks, const char *id, const json_t *usage)
{
    char memory[24], peak[24], limit[24] = UNKNOWN, disk[24], processes[24] = UNKNOWN;
    char percent[24] = UNKNOWN, seconds[24] = UNKNOWN;

    put_size(usage, "memory_bytes", memory);
    put_size(usage, "memory_peak_bytes", peak);
    put_size(usage, "disk_bytes", disk);
    if (bj_client_number(usage, "memory_limit_bytes") > 0)
        put_size(usage, "memory_limit_bytes", limit);
    if (is_known(usage, "processes"))
        snprintf(processes, sizeof processes, "%.0f", bj_client_number(usage, "processes"));
    if (is_known(usage, "cpu_seconds")) {
        double used = bj_client_number(usage, "cpu_seconds");

        snprintf(percent, sizeof percent, "%.1f%%", cpu_percent(looks, id, used));
        snprintf(seconds, sizeof seconds, "%.1f", used);
    }
    bj_client_print_cell(id, 34);
    printf("%7s  %10s  %-10s %-10s %-10s %-10s %s\n", percent, seconds, memory, peak, limit, disk,
           processes);
}

/* Names of the sandboxes to look at: those given, or all that live. */
static int names(struct bj_client *client, json_t **ret, struct bj_error *err)
{
    json_t *all = NULL, *one;
    size_t at;
    int result = 0;

    *ret = json_array();
    for (int i = 0; i < client->argument_count; i++)
        json_array_append_new(*ret, json_string(client->arguments[i]));
    if (client->argument_count == 0)
        result = bj_client_list_sandboxes(client, &all, err);
    json_array_foreach(all, at, one) json_array_append(*ret, json_object_get(one, "id"));
    json_decref(all);
    return result;
}

static int stats_once(struct bj_client *client, struct looks *looks, json_t *answers,
                      int *ret_status, struct bj_error *err)
{
    json_t *ids, *id;
    size_t at;
    int result = names(client, &ids, err);

    if (result == 0 && answers == NULL)
        printf("%-34s%7s  %10s  %-10s %-10s %-10s %-10s %s\n", "SANDBOX", "CPU", "CPU s", "MEMORY",
               "PEAK", "LIMIT", "DISK", "PROCESSES");
    json_array_foreach(ids, at, id)
    {
        BJ_CLEANUP_FREE char *path =
            bj_client_path("/v1/sandboxes/", json_string_value(id), "/metrics", NULL);
        json_t *usage = NULL;

        if (result < 0)
            break;
        result = bj_client_json(client, "GET", path, NULL, &usage, err);
        if (client->argument_count == 0 && (result == -BJ_E_NOT_FOUND || result == -BJ_E_ENDED)) {
            result = 0; /* gone since it was listed */
            continue;
        }
        if (result < 0 && client->argument_count > 1) { /* the others have their turn */
            bj_client_complain(client, err);
            *ret_status = BJ_CLIENT_FAILED;
            result = 0;
            continue;
        }
        if (result == 0 && answers != NULL) {
            json_object_set(usage, "sandbox", id);
            json_array_append(answers, usage);
        } else if (result == 0) {
            print_usage_row(looks, json_string_value(id), usage);
        }
        json_decref(usage);
    }
    json_decref(ids);
    return result;
}

int bj_client_stats(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    bool stream = !client->options.no_stream && !client->options.json && isatty(STDOUT_FILENO);
    json_t *answers = client->options.json ? json_array() : NULL;
    struct looks looks = {0};
    int result;

    do {
        if (stream)
            fputs("\033[H\033[2J", stdout);
        result = stats_once(client, &looks, answers, ret_status, err);
        fflush(stdout);
        if (stream && result == 0)
            sleep(1);
    } while (stream && result == 0);
    if (answers != NULL && result == 0)
        result = bj_client_print_json(answers, err);
    json_decref(answers);
    bj_free(looks.rows);
    return result;
}

/* ---- events ---- */

static int print_event(const struct bj_client *client, const json_t *event, struct bj_error *err)
{
    const json_t *details = json_object_get(event, "details");
    struct bj_buf text;

    if (client->options.json)
        return bj_client_print_json_line(event, err);
    bj_client_print_cell(bj_client_text(event, "time"), 25);
    bj_client_print_cell(bj_client_text(event, "type"), 20);
    bj_client_print_cell(bj_client_text(event, "sandbox"), 34);
    if (json_is_integer(json_object_get(event, "process")))
        printf("%.0f ", bj_client_number(event, "process"));
    bj_buf_init(&text, BJ_CLIENT_ANSWER_MAX);
    if (json_object_size(details) > 0)
        bj_json_put_value(&text, details, 0);
    puts(bj_buf_text(&text));
    bj_buf_release(&text);
    return 0;
}

static int take_event(void *context, const struct bj_client_event *event, struct bj_error *err)
{
    int result = event->data != NULL ? print_event(context, event->data, err) : 0;

    return fflush(stdout) == 0 || result < 0 ? result : 1;
}

int bj_client_events(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    const struct bj_client_options *options = &client->options;
    char after[40] = "";
    BJ_CLEANUP_FREE char *path = NULL;
    json_t *answer = NULL, *one;
    size_t at;
    int result;

    (void)ret_status;
    if (options->since.given && options->since.value >= 0)
        snprintf(after, sizeof after, "&after=%.0f", options->since.value);
    path = bj_client_path("/v1/events?limit=1000", "", after, "",
                          options->everyone ? "&everyone=true" : "", "",
                          client->argument_count > 0 ? "&sandbox=" : "",
                          client->argument_count > 0 ? client->arguments[0] : "", NULL);
    if (!options->no_stream)
        return bj_client_stream(client, path, take_event, client, err);
    result = bj_client_json(client, "GET", path, NULL, &answer, err);
    json_array_foreach(json_object_get(answer, "events"), at, one)
    {
        if (result == 0)
            result = print_event(client, one, err);
    }
    json_decref(answer);
    return result;
}
