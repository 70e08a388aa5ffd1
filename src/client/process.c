/* exec, attach, logs. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "client/client.h"
#include "linux/terminal.h"

/* ---- exec ---- */

static int fill_request(struct bj_client *client, json_t *body, struct bj_error *err)
{
    const struct bj_client_options *options = &client->options;
    json_t *argv = json_array();
    /* As other programs have it that run a command elsewhere. */
    int first = bj_streq(client->arguments[1], "--") ? 2 : 1, result = 0;

    if (first == client->argument_count)
        result = bj_fail(err, BJ_E_INVALID, "exec", "there is no command behind --");

    for (int i = first; i < client->argument_count && result == 0; i++) {
        if (json_array_append_new(argv, json_string(client->arguments[i])) < 0)
            result = bj_fail(err, BJ_E_INVALID, "exec", "an argument is not UTF-8");
    }
    json_object_set_new(body, "argv", argv);
    if (result == 0)
        result = bj_client_put_pairs(body, "env", &options->env, true, err);
    if (options->workdir != NULL)
        json_object_set_new(body, "working_directory", json_string(options->workdir));
    if (options->timeout.given)
        json_object_set_new(body, "timeout_seconds", json_real(options->timeout.value));
    return result;
}

static void fill_start(const struct bj_client_options *options, json_t *body)
{
    uint16_t rows = 0, columns = 0;

    if (options->tag != NULL)
        json_object_set_new(body, "tag", json_string(options->tag));
    json_object_set_new(body, "stdin", json_boolean(options->interactive));
    json_object_set_new(body, "hold", json_boolean(!options->detach));
    if (!options->tty)
        return;
    bj_terminal_size((const int[]){STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, &rows, &columns);
    json_object_set_new(body, "terminal", json_true());
    json_object_set_new(body, "rows", json_integer(rows > 0 ? rows : 24));
    json_object_set_new(body, "columns", json_integer(columns > 0 ? columns : 80));
}

/* With --json: to its end, and then all that came of it in one piece. */
static int run_for_json(struct bj_client *client, json_t *body, int *ret_status,
                        struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path =
        bj_client_path("/v1/sandboxes/", client->arguments[0], "/run", NULL);
    json_t *answer = NULL;
    int result;

    /* /run has the preset's time-out unless told otherwise; `exec` has none, with --json or not. */
    if (!client->options.timeout.given)
        json_object_set_new(body, "timeout_seconds", json_integer(0));
    result = bj_client_json(client, "POST", path, body, &answer, err);
    if (result == 0) {
        result = bj_client_print_json(answer, err);
        *ret_status = (int)bj_client_number(answer, "exit_code");
        if (*ret_status == 0 && json_is_false(json_object_get(answer, "success")))
            *ret_status = bj_code_exit_status(BJ_E_DENIED);
    }
    json_decref(answer);
    return result;
}

static int start(struct bj_client *client, json_t *body, int *ret_status, struct bj_error *err)
{
    const struct bj_client_options *options = &client->options;
    BJ_CLEANUP_FREE char *path =
        bj_client_path("/v1/sandboxes/", client->arguments[0], "/processes", NULL);
    struct bj_client_session session = {.sandbox = client->arguments[0],
                                        .terminal = options->tty,
                                        .input = options->interactive,
                                        .detach_keys = options->detach_keys};
    json_t *process = NULL;
    int result = bj_client_json(client, "POST", path, body, &process, err);

    if (result < 0) {
        client->not_started = result == -BJ_E_NOT_EXECUTABLE ||
                              (result == -BJ_E_NOT_FOUND && bj_streq(err->step, "command"));
        return result;
    }
    session.process = (uint32_t)bj_client_number(process, "id");
    if (options->detach && options->json)
        result = bj_client_print_json(process, err);
    else if (options->detach)
        printf("%u\n", session.process);
    json_decref(process);
    return options->detach ? result : bj_client_session_run(client, &session, ret_status, err);
}

int bj_client_exec(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    const struct bj_client_options *options = &client->options;
    json_t *body;
    int result;

    if (options->tty && options->interactive && !options->detach && !isatty(STDIN_FILENO))
        return bj_fail(err, BJ_E_INVALID, "exec",
                       "-it needs a terminal at standard input; leave -t out");
    if (options->json && !options->detach && (options->tty || options->interactive))
        return bj_fail(err, BJ_E_INVALID, "exec",
                       "--json gives what came of a command in one piece: leave -i and -t out");
    body = json_object();
    result = fill_request(client, body, err);
    if (result == 0 && options->json && !options->detach) {
        result = run_for_json(client, body, ret_status, err);
    } else if (result == 0) {
        fill_start(options, body);
        result = start(client, body, ret_status, err);
    }
    json_decref(body);
    return result;
}

/* ---- which process ---- */

/* The one named, else the newest; of those that run first, if so wanted. */
static int find_process(struct bj_client *client, bool running, json_t **ret, struct bj_error *err)
{
    const char *sandbox = client->arguments[0];
    const char *name = client->argument_count > 1 ? client->arguments[1] : NULL;
    json_t *all = NULL, *one, *best = NULL;
    size_t at;
    int result;

    if (name != NULL) {
        BJ_CLEANUP_FREE char *path =
            bj_client_path("/v1/sandboxes/", sandbox, "/processes/", name, NULL);

        return bj_client_json(client, "GET", path, NULL, ret, err);
    }
    result = bj_client_list_processes(client, sandbox, &all, err);
    json_array_foreach(all, at, one)
    {
        if (running && !bj_streq(bj_client_text(one, "state"), "running"))
            continue;
        if (best == NULL || bj_client_number(one, "id") > bj_client_number(best, "id"))
            best = one;
    }
    if (result == 0 && best == NULL)
        result = bj_fail(err, BJ_E_NOT_FOUND, "process",
                         running ? "no process runs in %s; `belljar exec` starts one"
                                 : "no process has run in %s yet",
                         sandbox);
    if (result == 0)
        *ret = json_incref(best);
    json_decref(all);
    return result;
}

int bj_client_attach(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    struct bj_client_session session = {
        .sandbox = client->arguments[0], .offset = -1, .detach_keys = client->options.detach_keys};
    json_t *process = NULL;
    int result = find_process(client, true, &process, err);

    if (result < 0)
        return result;
    if (client->options.json) {
        result = bj_client_print_json(process, err);
        fflush(stdout);
    }
    session.process = (uint32_t)bj_client_number(process, "id");
    session.terminal = json_is_object(json_object_get(process, "terminal"));
    session.input = !client->options.no_stdin &&
                    (session.terminal || json_is_true(json_object_get(process, "stdin")));
    if (client->options.no_stdin)
        session.terminal = false; /* its size stays that of who works there */
    json_decref(process);
    return result < 0 ? result : bj_client_session_run(client, &session, ret_status, err);
}

/* ---- logs ---- */

static int write_text(const json_t *data, struct bj_error *err)
{
    int fd = bj_streq(bj_client_text(data, "stream"), "stderr") ? STDERR_FILENO : STDOUT_FILENO;
    const json_t *text = json_object_get(data, "text"), *encoded = json_object_get(data, "base64");
    struct bj_buf bytes;
    int result = 0;

    bj_buf_init(&bytes, BJ_CLIENT_ANSWER_MAX);
    if (json_is_string(encoded))
        result =
            bj_base64_get(&bytes, json_string_value(encoded), json_string_length(encoded), err);
    else if (json_is_string(text))
        bj_buf_append(&bytes, json_string_value(text), json_string_length(text));
    if (result == 0 && bj_client_write(fd, bj_buf_text(&bytes), bytes.length) < 0)
        result = bj_fail_errno(err, "output", "cannot write the output");
    bj_buf_release(&bytes);
    return result;
}

static int take_log(void *context, const struct bj_client_event *event, struct bj_error *err)
{
    const struct bj_client *client = context;

    if (bj_streq(event->type, "error"))
        return bj_fail(err, BJ_E_SYSTEM, "service", "%s", bj_client_text(event->data, "message"));
    if (client->options.json) {
        int result = bj_client_print_json_line(event->data, err);

        fflush(stdout);
        if (result < 0)
            return result;
    } else if (bj_streq(event->type, "output")) {
        return write_text(event->data, err);
    } else if (bj_streq(event->type, "lost")) {
        fprintf(stderr, "belljar logs: bytes %.0f to %.0f are not kept any more\n",
                bj_client_number(event->data, "from"), bj_client_number(event->data, "next"));
    }
    return bj_streq(event->type, "end") ? 1 : 0;
}

int bj_client_logs(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    const struct bj_client_options *options = &client->options;
    BJ_CLEANUP_FREE char *path = NULL;
    char process[24], query[80];
    json_t *found = NULL;
    int result = find_process(client, false, &found, err);

    (void)ret_status;
    if (result < 0)
        return result;
    snprintf(process, sizeof process, "%.0f", bj_client_number(found, "id"));
    snprintf(query, sizeof query, "/output?follow=%s&offset=%.0f",
             options->follow ? "true" : "false", options->since.given ? options->since.value : 0);
    json_decref(found);
    path =
        bj_client_path("/v1/sandboxes/", client->arguments[0], "/processes/", process, query, NULL);
    return bj_client_stream(client, path, take_log, client, err);
}
