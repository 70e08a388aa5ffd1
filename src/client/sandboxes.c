/* create, ps, rm, kill, pause, resume. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "client/client.h"

/* ---- create ---- */

/* KEY=VALUE into an object; of variables also NAME alone, for what it is here. */
static int put_pair(json_t *object, const char *text, bool from_environment, struct bj_error *err)
{
    const char *equals = strchr(text, '='), *value = equals != NULL ? equals + 1 : NULL;
    BJ_CLEANUP_FREE char *name = bj_strndup(text, strcspn(text, "="));

    if (name == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "options", "out of memory");
    if (value == NULL && from_environment)
        value = getenv(name);
    if (value == NULL && from_environment)
        return 0; /* as docker does: what is not set here is not set there */
    if (value == NULL || *name == '\0')
        return bj_fail(err, BJ_E_INVALID, "options", "%s is not %s=VALUE", text,
                       from_environment ? "NAME" : "KEY");
    if (json_object_set_new(object, name, json_string(value)) < 0)
        return bj_fail(err, BJ_E_INVALID, "options", "%s is not UTF-8", name);
    return 0;
}

int bj_client_put_pairs(json_t *body, const char *member, const struct bj_client_list *list,
                        bool from_environment, struct bj_error *err)
{
    json_t *object = json_object();
    int result = 0;

    for (size_t i = 0; i < list->count && result == 0; i++)
        result = put_pair(object, list->items[i], from_environment, err);
    if (result == 0 && json_object_size(object) > 0)
        json_object_set(body, member, object);
    json_decref(object);
    return result;
}

/* section.key=value; what reads as JSON is that, all else a text. */
static int put_setting(json_t *config, const char *text, struct bj_error *err)
{
    const char *equals = strchr(text, '='), *at = text;
    json_t *value;

    if (equals == NULL || equals == text)
        return bj_fail(err, BJ_E_INVALID, "options", "%s is not KEY=VALUE", text);
    for (const char *dot; (dot = memchr(at, '.', (size_t)(equals - at))) != NULL; at = dot + 1) {
        BJ_CLEANUP_FREE char *section = bj_strndup(at, (size_t)(dot - at));
        json_t *inner = section != NULL ? json_object_get(config, section) : NULL;

        if (!json_is_object(inner)) {
            inner = json_object();
            if (section == NULL || json_object_set_new(config, section, inner) < 0)
                return bj_fail(err, BJ_E_INVALID, "options", "%s is not KEY=VALUE", text);
        }
        config = inner;
    }
    value = json_loads(equals + 1, JSON_DECODE_ANY, NULL);
    if (value == NULL)
        value = json_string(equals + 1);
    {
        BJ_CLEANUP_FREE char *key = bj_strndup(at, (size_t)(equals - at));

        if (key == NULL || value == NULL || json_object_set_new(config, key, value) < 0)
            return bj_fail(err, BJ_E_INVALID, "options", "%s is not KEY=VALUE", text);
    }
    return 0;
}

static int fill_create(const struct bj_client_options *options, json_t *body, struct bj_error *err)
{
    json_t *config = json_object();
    int result = bj_client_put_pairs(body, "env", &options->env, true, err);

    if (options->preset != NULL)
        json_object_set_new(body, "preset", json_string(options->preset));
    if (options->timeout.given)
        json_object_set_new(body, "timeout_seconds", json_real(options->timeout.value));
    if (options->idle_timeout.given)
        json_object_set_new(body, "idle_timeout_seconds", json_real(options->idle_timeout.value));
    if (result == 0)
        result = bj_client_put_pairs(body, "metadata", &options->labels, false, err);
    for (size_t i = 0; i < options->set.count && result == 0; i++)
        result = put_setting(config, options->set.items[i], err);
    if (result == 0 && options->allow_degraded)
        result = put_setting(config, "layers.allow_degraded=true", err);
    if (result == 0 && json_object_size(config) > 0)
        json_object_set(body, "config", config);
    json_decref(config);
    return result;
}

int bj_client_create(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    json_t *body = json_object(), *sandbox;
    struct bj_client_call call = {.method = "POST", .body = body};
    char header[512];
    int result = fill_create(&client->options, body, err);

    (void)ret_status;
    if (client->options.idempotency_key != NULL) {
        snprintf(header, sizeof header, "Idempotency-Key: %s", client->options.idempotency_key);
        call.extra_header = header;
    }
    if (result == 0) {
        result = bj_client_ask(client, "/v1/sandboxes", &call, err);
        sandbox =
            result == 0 ? json_loadb(bj_buf_text(&call.answer), call.answer.length, 0, NULL) : NULL;
        if (result == 0 && client->options.json)
            result = bj_client_print_json(sandbox, err);
        else if (result == 0)
            printf("%s\n", bj_client_text(sandbox, "id"));
        json_decref(sandbox);
        bj_client_release(&call);
    }
    json_decref(body);
    return result;
}

/* ---- ps ---- */

static void print_sandbox(const json_t *sandbox)
{
    char limit[24] = "-";
    double memory = bj_client_number(json_object_get(sandbox, "limits"), "memory_bytes");
    const json_t *left = json_object_get(sandbox, "left_seconds");

    if (memory > 0)
        bj_client_size_text(memory, limit);
    bj_client_print_cell(bj_client_text(sandbox, "id"), 34);
    bj_client_print_cell(bj_client_text(sandbox, "state"), 10);
    bj_client_print_cell(bj_client_text(sandbox, "preset"), 16);
    printf("%-10.0f", bj_client_number(sandbox, "running"));
    bj_client_print_cell(limit, 12);
    bj_client_print_age(bj_client_number(sandbox, "age_seconds"), 14);
    if (bj_streq(bj_client_text(sandbox, "state"), "ended"))
        bj_client_print_cell(bj_client_text(sandbox, "reason"), 0);
    else if (json_is_number(left))
        bj_client_print_age(json_number_value(left), 0);
    else
        bj_client_print_cell("-", 0);
    putchar('\n');
}

static char *list_path(const struct bj_client_options *options, bool ended, const char *after)
{
    struct bj_buf labels;
    char *path;

    bj_buf_init(&labels, 64 << 10);
    for (size_t i = 0; i < options->labels.count; i++)
        bj_buf_printf(&labels, "%s%s", i > 0 ? "," : "", options->labels.items[i]);
    path = bj_client_path(
        "/v1/sandboxes?limit=1000", "", ended ? "&state=ended" : "", "",
        options->everyone ? "&everyone=true" : "", "", options->preset != NULL ? "&preset=" : "",
        options->preset != NULL ? options->preset : "", labels.length > 0 ? "&metadata=" : "",
        bj_buf_text(&labels), after != NULL ? "&after=" : "", after != NULL ? after : "", NULL);
    bj_buf_release(&labels);
    return path;
}

static int list_pages(struct bj_client *client, bool ended, json_t *all, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *after = NULL;
    json_t *page = NULL;
    int result;

    do {
        BJ_CLEANUP_FREE char *path = list_path(&client->options, ended, after);

        result = bj_client_json(client, "GET", path, NULL, &page, err);
        json_array_extend(all, json_object_get(page, "sandboxes"));
        bj_free(after);
        after = bj_strdup(bj_client_text(page, "next"));
        json_decref(page);
        page = NULL;
    } while (result == 0 && after != NULL && *after != '\0');
    return result;
}

int bj_client_list_sandboxes(struct bj_client *client, json_t **ret, struct bj_error *err)
{
    json_t *all = json_array();
    int result = list_pages(client, false, all, err);

    if (result == 0 && client->options.all)
        result = list_pages(client, true, all, err);
    if (result == 0)
        *ret = all;
    else
        json_decref(all);
    return result;
}

static int list_sandboxes(struct bj_client *client, struct bj_error *err)
{
    json_t *all = NULL, *one;
    size_t i;
    int result = bj_client_list_sandboxes(client, &all, err);

    if (result < 0)
        return result;
    if (client->options.json)
        result = bj_client_print_json(all, err);
    else if (!client->options.quiet)
        printf("%-34s%-10s%-16s%-10s%-12s%-14s%s\n", "SANDBOX", "STATE", "PRESET", "RUNNING",
               "MEMORY", "AGE", "LEFT");
    json_array_foreach(all, i, one)
    {
        if (client->options.json)
            break;
        if (client->options.quiet)
            printf("%s\n", bj_client_text(one, "id"));
        else
            print_sandbox(one);
    }
    json_decref(all);
    return result;
}

static void print_process(const json_t *process)
{
    const json_t *end = json_object_get(process, "end");
    char state[40] = "running";

    if (json_is_object(end))
        snprintf(state, sizeof state, "exited (%.0f)", bj_client_number(end, "exit_code"));
    printf("%-9.0f%-8.0f", bj_client_number(process, "id"), bj_client_number(process, "pid"));
    bj_client_print_cell(state, 14);
    bj_client_print_age(bj_client_number(process, "age_seconds"), 14);
    bj_client_print_cell(json_is_object(json_object_get(process, "terminal")) ? "yes" : "no", 10);
    bj_client_print_cell(bj_client_text(process, "command"), 0);
    putchar('\n');
}

int bj_client_list_processes(struct bj_client *client, const char *sandbox, json_t **ret,
                             struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = bj_client_path("/v1/sandboxes/", sandbox, "/processes", NULL);
    json_t *answer = NULL;
    int result = bj_client_json(client, "GET", path, NULL, &answer, err);

    if (result == 0)
        *ret = json_incref(json_object_get(answer, "processes"));
    if (result == 0 && !json_is_array(*ret))
        result = bj_fail(err, BJ_E_PROTOCOL, "service", "the service did not list processes");
    json_decref(answer);
    return result;
}

static int list_processes(struct bj_client *client, struct bj_error *err)
{
    json_t *all = NULL, *one, *shown = json_array();
    size_t i;
    int result = bj_client_list_processes(client, client->arguments[0], &all, err);

    json_array_foreach(all, i, one)
    {
        if (client->options.all || !bj_streq(bj_client_text(one, "state"), "ended"))
            json_array_append(shown, one);
    }
    if (result == 0 && client->options.json)
        result = bj_client_print_json(shown, err);
    else if (result == 0 && !client->options.quiet)
        printf("%-9s%-8s%-14s%-14s%-10s%s\n", "PROCESS", "PID", "STATE", "AGE", "TERMINAL",
               "COMMAND");
    json_array_foreach(shown, i, one)
    {
        if (client->options.json)
            break;
        if (client->options.quiet)
            printf("%.0f\n", bj_client_number(one, "id"));
        else
            print_process(one);
    }
    json_decref(all);
    json_decref(shown);
    return result;
}

int bj_client_ps(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    (void)ret_status;
    return client->argument_count > 0 ? list_processes(client, err) : list_sandboxes(client, err);
}

/* ---- what is done to several, one after the other ---- */

/*
 * What came of one of several: of the last error one is told at the end if it was the only one
 * asked for; of several each is said at once, and the others have their turn.
 */
struct several {
    struct bj_client *client;
    json_t *answers;
    bool alone;
    int failed, *ret_status;
    struct bj_error *err;
};

static void one_done(struct several *several, const char *name, json_t *answer)
{
    if (!several->client->options.json)
        printf("%s\n", name);
    json_array_append_new(several->answers, answer);
}

static void one_failed(struct several *several, const char *name)
{
    const struct bj_error *err = several->err;

    several->failed = -err->code;
    if (several->alone)
        return;
    bj_client_complain(several->client, err);
    json_array_append_new(several->answers,
                          json_pack("{s:s, s:{s:s, s:s}}", "id", name, "error", "code",
                                    bj_code_name(err->code), "message", err->message));
    *several->ret_status = BJ_CLIENT_FAILED;
}

static int all_done(struct several *several)
{
    bool told = several->failed < 0 && several->alone;
    int result = told ? several->failed : 0;

    if (several->client->options.json && !told)
        result = bj_client_print_json(several->answers, several->err);
    json_decref(several->answers);
    return result;
}

static int each(struct bj_client *client, const char *method, const char *what, int *ret_status,
                struct bj_error *err)
{
    struct several several = {client, json_array(), client->argument_count == 1,
                              0,      ret_status,   err};

    for (int i = 0; i < client->argument_count; i++) {
        const char *sandbox = client->arguments[i];
        BJ_CLEANUP_FREE char *path = bj_client_path("/v1/sandboxes/", sandbox, what, NULL);
        json_t *answer = NULL;
        int result = bj_client_json(client, method, path, NULL, &answer, err);

        if (client->options.force && (result == -BJ_E_NOT_FOUND || result == -BJ_E_ENDED))
            result = 0;
        if (result < 0)
            one_failed(&several, sandbox);
        else
            one_done(&several, sandbox,
                     answer != NULL ? json_incref(answer) : json_pack("{s:s}", "id", sandbox));
        json_decref(answer);
    }
    return all_done(&several);
}

int bj_client_rm(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    return each(client, "DELETE", "", ret_status, err);
}

int bj_client_pause(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    return each(client, "POST", "/pause", ret_status, err);
}

int bj_client_resume(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    return each(client, "POST", "/resume", ret_status, err);
}

/* ---- kill ---- */

int bj_client_signal(struct bj_client *client, const char *sandbox, const char *process,
                     const char *signal, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path =
        bj_client_path("/v1/sandboxes/", sandbox, "/processes/", process, "/signal", NULL);
    json_t *body;
    int64_t number;
    int result;

    if (bj_parse_int64(signal, &number))
        body = json_pack("{s:I}", "signal", (json_int_t)number);
    else
        body = json_pack("{s:s}", "signal", signal);
    result = body != NULL ? bj_client_json(client, "POST", path, body, NULL, err)
                          : bj_fail(err, BJ_E_INVALID, "signal", "that is no signal's name");
    json_decref(body);
    if (result < 0 && err != NULL && strstr(err->message, process) == NULL)
        bj_error_prefix(err, "process %s: ", process);
    return result;
}

/* All that run. What ended meanwhile is no less. */
static void kill_all(struct several *several, const char *sandbox, const char *signal)
{
    json_t *all = NULL, *one;
    char number[24];
    size_t at;
    int result = bj_client_list_processes(several->client, sandbox, &all, several->err);

    for (at = json_array_size(all); at > 0; at--) {
        if (!bj_streq(bj_client_text(json_array_get(all, at - 1), "state"), "running"))
            json_array_remove(all, at - 1);
    }
    if (result == 0 && json_array_size(all) == 0)
        fprintf(stderr, "belljar kill: no process runs in %s; `belljar rm` ends the sandbox\n",
                sandbox);
    several->failed = result;
    several->alone = json_array_size(all) <= 1;
    json_array_foreach(all, at, one)
    {
        snprintf(number, sizeof number, "%.0f", bj_client_number(one, "id"));
        result = bj_client_signal(several->client, sandbox, number, signal, several->err);
        if (result == 0)
            one_done(several, number, json_string(number));
        else if (result != -BJ_E_ENDED && result != -BJ_E_NOT_FOUND && result != -BJ_E_CONFLICT)
            one_failed(several, number);
    }
    json_decref(all);
}

int bj_client_kill(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    const char *signal = client->options.signal != NULL ? client->options.signal : "KILL";
    const char *sandbox = client->arguments[0];
    struct several several = {client, json_array(), client->argument_count == 2,
                              0,      ret_status,   err};

    if (client->argument_count == 1)
        kill_all(&several, sandbox, signal);
    for (int i = 1; i < client->argument_count; i++) {
        if (bj_client_signal(client, sandbox, client->arguments[i], signal, err) < 0)
            one_failed(&several, client->arguments[i]);
        else
            one_done(&several, client->arguments[i], json_string(client->arguments[i]));
    }
    return all_done(&several);
}
