/* Putting a START together: what runs, in which directory and environment, and how the policy is
 * shown it. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "service/service_internal.h"
#include "service/variables.h"

void bj_path_tidy(char *path)
{
    char *to = path;

    for (const char *from = path + strspn(path, "/"); *from != '\0'; from += strspn(from, "/")) {
        size_t length = strcspn(from, "/");

        if (!(length == 1 && from[0] == '.') &&
            !(length == 2 && from[0] == '.' && from[1] == '.' && to == path)) {
            *to++ = '/';
            memmove(to, from, length);
            to += length;
        }
        from += length;
    }
    if (to == path)
        *to++ = '/';
    *to = '\0';
}

void bj_path_keep_end(char path[BJ_PATH_MAX], const char *given)
{
    size_t length = strlen(path), last = strlen(given);

    if (length < 2 || length + 3 > BJ_PATH_MAX || last == 0 ||
        !(given[last - 1] == '/' || (last > 1 && bj_streq(given + last - 2, "/."))))
        return;
    memcpy(path + length, "/.", 3);
}

int bj_path_inside(const struct sandbox *sandbox, const char *path, char ret[BJ_PATH_MAX],
                   struct bj_error *err)
{
    char joined[2 * BJ_PATH_MAX];

    if (path == NULL || path[0] == '\0')
        return bj_fail(err, BJ_E_INVALID, "files", "expected a path; found an empty text");
    if (strlen(path) >= BJ_PATH_MAX)
        return bj_fail(err, BJ_E_INVALID, "files", "a path is at most %d bytes long",
                       BJ_PATH_MAX - 1);
    if (path[0] == '/')
        snprintf(joined, sizeof joined, "%s", path);
    else if (path[0] == '~' && (path[1] == '\0' || path[1] == '/'))
        snprintf(joined, sizeof joined, "%.4000s%s", sandbox->home, path + 1);
    else
        snprintf(joined, sizeof joined, "%.4000s/%s", sandbox->workspace, path);
    if (joined[0] != '/' || strlen(joined) >= BJ_PATH_MAX)
        return bj_fail(err, BJ_E_INVALID, "files", "the path is too long");
    /* What ".." leads to is for the sandbox's kernel to say, who knows the links. */
    bj_path_tidy(joined);
    bj_str_copy(ret, BJ_PATH_MAX, joined);
    return 0;
}

int bj_path_find(const struct bj_service *service, const struct bj_caller *caller, const char *path,
                 struct sandbox **ret_sandbox, char ret[BJ_PATH_MAX], struct bj_error *err)
{
    int result = bj_registry_resolve(service, caller, false, ret_sandbox, err);

    if (result < 0)
        return result;
    return bj_path_inside(*ret_sandbox, path != NULL ? path : (*ret_sandbox)->workspace, ret, err);
}

/* ---- the caller's words ---- */

static int check_form(const struct bj_process_request *request, struct bj_error *err)
{
    if ((request->command == NULL) == (request->argv == NULL || request->argv[0] == NULL))
        return bj_fail(err, BJ_E_INVALID, "process",
                       "expected either a command, which is shell text, or arguments");
    if (request->command != NULL && request->command[0] == '\0')
        return bj_fail(err, BJ_E_INVALID, "process", "command: expected a text that is not empty");
    if (request->command != NULL && strlen(request->command) > BJ_COMMAND_MAX)
        return bj_fail(err, BJ_E_LIMIT, "process", "command: at most %d bytes; put more in a file",
                       BJ_COMMAND_MAX);
    if (request->argv != NULL && request->argv[0] != NULL && request->argv[0][0] == '\0')
        return bj_fail(err, BJ_E_INVALID, "process", "arguments: the first is the program's name");
    if (request->tag != NULL && strlen(request->tag) > BJ_TAG_MAX)
        return bj_fail(err, BJ_E_INVALID, "process", "tag: at most %d bytes", BJ_TAG_MAX);
    if (request->timeout_us < -1 || request->timeout_us > INT64_MAX / 4)
        return bj_fail(err, BJ_E_INVALID, "process", "timeout: expected a length of time");
    return 0;
}

/* Cut for those who look at lists, at a character. */
static void show(struct bj_buf *out, const struct bj_process_request *request)
{
    bj_buf_init(out, (size_t)BJ_COMMAND_MAX * 6);
    if (request->command != NULL) {
        bj_buf_puts(out, request->command);
    } else {
        for (const char *const *word = request->argv; *word != NULL; word++) {
            if (out->length > BJ_COMMAND_SHOWN)
                break;
            if (word != request->argv)
                bj_buf_puts(out, " ");
            if ((*word)[0] != '\0' && strspn(*word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
                                                    "UVWXYZ0123456789_@%+=:,./-") == strlen(*word))
                bj_buf_puts(out, *word);
            else
                bj_shell_quote_all(out, *word);
        }
    }
    if (out->length > BJ_COMMAND_SHOWN && out->data != NULL) {
        out->length = BJ_COMMAND_SHOWN;
        while (out->length > 0 && ((unsigned char)out->data[out->length] & 0xc0) == 0x80)
            out->length--;
        out->data[out->length] = '\0';
    }
}

/* ---- the policy's view ---- */

/* A process that inherits variables which a client chose does what a text does that sets them
 * first: that is what the policy reads. */
static int put_judged(struct launch *launch, const json_t *sandboxes, const json_t *own,
                      const struct bj_process_request *request, struct bj_error *err)
{
    struct bj_buf *text = &launch->judged;

    if (json_object_size(sandboxes) + json_object_size(own) == 0)
        return 0;
    bj_buf_init(text, (size_t)BJ_ARGS_MAX * 8 + BJ_COMMAND_MAX);
    bj_variables_put_exports(text, sandboxes);
    bj_variables_put_exports(text, own);
    launch->submission.judged_prefix = text->length;
    if (request->command != NULL)
        bj_buf_puts(text, request->command);
    for (const char *const *word = request->argv;
         request->command == NULL && word != NULL && *word != NULL; word++) {
        bj_shell_quote_all(text, *word);
        bj_buf_puts(text, " ");
    }
    if (text->failed)
        return no_memory(err);
    launch->submission.judged = bj_buf_text(text);
    return 0;
}

/* ---- the label ---- */

static int put_label(struct launch *launch, const struct bj_caller *caller,
                     const struct bj_process_request *request, json_t *more, struct bj_error *err)
{
    json_t *label = more != NULL ? more : json_object();
    json_t *command = json_string(bj_buf_text(&launch->shown));
    bool right = label != NULL;
    int result;

    if (command != NULL && right) /* one that is not UTF-8 is not shown */
        right = json_object_set(label, "command", command) == 0;
    json_decref(command);
    right = right && json_object_set_new(label, "key", json_string(caller->who->key)) == 0 &&
            json_object_set_new(label, "started_ms", json_integer(bj_clock_wall_ms())) == 0;
    if (right && request->tag != NULL)
        right = json_object_set_new(label, "tag", json_string(request->tag)) == 0;
    if (right)
        json_object_set_new(label, "directory", json_string(launch->directory));
    result = right ? bj_label_write(label, &launch->label, err)
                   : bj_fail(err, BJ_E_INVALID, "process", "tag: expected UTF-8");
    json_decref(label);
    return result;
}

/* ---- all of it ---- */

static int64_t timeout_of(const struct sandbox *sandbox, int64_t asked_us)
{
    const json_t *seconds = json_object_get(sandbox->label, "run_seconds");

    if (asked_us >= 0)
        return asked_us;
    if (seconds != NULL)
        return json_integer_value(seconds) * 1000000;
    return sandbox->preset != NULL ? sandbox->preset->source->config.timeout_seconds * 1000000 : 0;
}

static void put_words(const struct bj_service *service, struct launch *launch,
                      const struct bj_process_request *request)
{
    if (request->command == NULL) {
        launch->submission.act.argv = request->argv;
        return;
    }
    launch->words[0] = service->bash;
    launch->words[1] = "-c";
    launch->words[2] = request->command;
    launch->submission.act.argv = launch->words;
}

static uint32_t flags_of(const struct bj_process_request *request)
{
    return (request->terminal ? BJ_START_TERMINAL : 0) |
           (request->stdin_open && !request->terminal ? BJ_START_STDIN : 0) |
           (request->hold ? BJ_START_HOLD : 0);
}

static int put_arguments(struct launch *launch, const struct bj_caller *caller,
                         const struct bj_process_request *request, const json_t *environment,
                         struct bj_error *err)
{
    json_t *names = json_array(), *value, *shown;
    const char *name;

    json_object_foreach((json_t *)environment, name, value)
    {
        json_array_append_new(names, json_string(name));
    }
    shown = json_pack("{s:s, s:o*, s:b, s:I}", "directory", launch->directory, "environment", names,
                      "terminal", request->terminal, "timeout_ms",
                      (json_int_t)(launch->submission.act.timeout_us / 1000));
    launch->arguments = shown != NULL ? json_dumps(shown, JSON_COMPACT) : NULL;
    json_decref(shown);
    if (launch->arguments == NULL)
        return bj_fail(err, BJ_E_INVALID, "process", "directory: expected UTF-8");
    if (caller->arguments != NULL)
        launch->submission.request.arguments = caller->arguments;
    else
        launch->submission.request.arguments = launch->arguments;
    return 0;
}

static int fill(struct bj_service *service, const struct bj_caller *caller,
                const struct bj_process_request *request, json_t *label_more, struct launch *launch,
                struct bj_error *err)
{
    struct submission *submission = &launch->submission;
    struct sandbox *sandbox = submission->sandbox;
    const json_t *inherited = json_object_get(sandbox->label, "environment");
    json_t *own = NULL;
    int result = bj_variables_merge(NULL, request->environment, &own, err);

    if (result == 0)
        result = bj_variables_list(inherited, own, &launch->environment, err);
    if (result == 0)
        result = put_judged(launch, inherited, own, request, err);
    submission->act.timeout_us = timeout_of(sandbox, request->timeout_us);
    if (result == 0)
        result = put_arguments(launch, caller, request, own, err);
    json_decref(own);
    show(&launch->shown, request);
    if (result == 0)
        result = put_label(launch, caller, request, label_more, err);
    else
        json_decref(label_more);
    if (result < 0)
        return result;
    put_words(service, launch, request);
    submission->request.command = request->command;
    submission->request.argv = request->command == NULL ? request->argv : NULL;
    submission->request.environment = (const char *const *)launch->environment;
    submission->act.env = (const char *const *)launch->environment;
    submission->act.label = bj_buf_text(&launch->label);
    submission->act.process = sandbox->next_process++;
    return 0;
}

int bj_launch_prepare(struct bj_service *service, const struct bj_caller *caller,
                      const struct bj_process_request *request, json_t *label_more,
                      struct launch *launch, struct bj_error *err)
{
    struct sandbox *sandbox;
    int result;

    memset(launch, 0, sizeof *launch);
    result = bj_registry_resolve(service, caller, false, &sandbox, err);
    if (result == 0)
        result = check_form(request, err);
    if (result == 0 && sandbox->next_process == UINT32_MAX)
        result = bj_fail(err, BJ_E_LIMIT, "process", "this sandbox has started too many processes");
    if (result == 0)
        result = bj_path_inside(
            sandbox, request->directory != NULL ? request->directory : sandbox->workspace,
            launch->directory, err);
    if (result < 0) {
        json_decref(label_more);
        return result;
    }
    launch->submission = (struct submission){
        .operation = BJ_OPERATION_START,
        .who = caller->who,
        .sandbox = sandbox,
        .request = {.directory = launch->directory, .tool = caller->tool},
        .act = {.kind = BJ_ACT_START,
                .sandbox = sandbox->id,
                .flags = flags_of(request),
                .rows = request->rows != 0 ? request->rows : 24,
                .columns = request->columns != 0 ? request->columns : 80,
                .directory = launch->directory},
        .counts_process = true,
    };
    return fill(service, caller, request, label_more, launch, err);
}

void bj_launch_release(struct launch *launch)
{
    bj_strv_free(launch->environment);
    bj_buf_release(&launch->judged);
    bj_buf_release(&launch->label);
    bj_buf_release(&launch->shown);
    bj_free(launch->arguments);
    memset(launch, 0, sizeof *launch);
}

struct process *bj_launch_answer(struct bj_service *service, const char *sandbox,
                                 struct bj_answer *base, const struct bj_keeper_answer *answer,
                                 struct sandbox **ret_sandbox)
{
    struct bj_process_state state;
    struct process *process = NULL;

    *ret_sandbox = NULL;
    if (base->result < 0)
        return NULL;
    if (answer != NULL && answer->message != NULL) {
        base->result = bj_process_state_get(answer->message, &state, &base->error);
        if (base->result == 0 && bj_streq(state.sandbox, sandbox))
            process = bj_registry_learn_process(service, &state);
    }
    *ret_sandbox = bj_registry_find(service, sandbox);
    if (base->result == 0 && (process == NULL || *ret_sandbox == NULL))
        base->result = bj_fail(&base->error, BJ_E_ENDED, "service",
                               "the sandbox ended while the process was being started");
    return process;
}
