/*
 * Tools of agents by name, as /execute has them: each is one of the operations of this folder, with
 * the tool's own arguments, and an answer in words. The policy and the record see the tool as it
 * was called.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/request_json.h"
#include "model/tool.h"
#include "service/file_types.h"
#include "service/helper.h"

struct tool_call {
    struct bj_service *service;
    struct bj_request_json json; /* the arguments as they were checked */
    const json_t *arguments;     /* in it */
    char sandbox[BJ_SANDBOX_ID_MAX];
    struct bj_caller caller;
    int64_t begun_us;
    struct bj_buf out;
    bj_tool_fn done;
    void *context;
};

/* ---- arguments ---- */

static const char *text(const struct tool_call *call, const char *name)
{
    return json_string_value(json_object_get(call->arguments, name));
}

static const char *path_of(const struct tool_call *call)
{
    const char *path = text(call, "file_path");

    return path != NULL ? path : text(call, "path");
}

static int64_t number(const struct tool_call *call, const char *name)
{
    return json_integer_value(json_object_get(call->arguments, name));
}

static bool is_set(const struct tool_call *call, const char *name)
{
    return json_is_true(json_object_get(call->arguments, name));
}

/* ---- answers ---- */

static void call_free(struct tool_call *call)
{
    bj_buf_release(&call->out);
    bj_request_json_release(&call->json);
    bj_free(call);
}

static void finish(struct tool_call *call, struct bj_tool_answer *answer)
{
    answer->sandbox = call->sandbox;
    answer->duration_us = bj_clock_us() - call->begun_us;
    if (answer->output == NULL) {
        answer->output = bj_buf_text(&call->out);
        answer->output_length = call->out.length;
    }
    answer->truncated = answer->truncated || call->out.failed;
    call->done(call->context, answer);
    call_free(call);
}

/* What was recorded and begun but did not come off is an answer for the agent; anything else is a
 * failure of the call. */
static bool failed(struct tool_call *call, const struct bj_answer *base)
{
    struct bj_tool_answer answer = {.base = *base};

    if (base->result == 0)
        return false;
    if (base->record != 0 && base->verdict == NULL && base->result != -BJ_E_ENDED) {
        answer.base.result = 0;
        answer.error = base->error.message;
        answer.error_length = strlen(base->error.message);
    }
    finish(call, &answer);
    return true;
}

static void succeed(struct tool_call *call, const struct bj_answer *base, bool truncated)
{
    struct bj_tool_answer answer = {.base = *base, .success = true, .truncated = truncated};

    if (truncated)
        bj_buf_puts(&call->out, "(there is more)\n");
    finish(call, &answer);
}

/* ---- Bash ---- */

static void on_run(void *context, const struct bj_run_answer *run)
{
    struct tool_call *call = context;
    struct bj_tool_answer answer = {.base = run->base,
                                    .success = run->ending.exit_code == 0,
                                    .output = run->output,
                                    .output_length = run->output_length,
                                    .error = run->error,
                                    .error_length = run->error_length,
                                    .ran = true,
                                    .truncated = run->truncated,
                                    .ending = run->ending};

    if (!failed(call, &run->base))
        finish(call, &answer);
}

static void on_background(void *context, const struct bj_process_answer *started)
{
    struct tool_call *call = context;

    if (failed(call, &started->base))
        return;
    bj_buf_printf(&call->out, "started in the background as process %u\n",
                  started->process->process);
    succeed(call, &started->base, false);
}

static int do_bash(struct tool_call *call, struct bj_error *err)
{
    const json_t *timeout = json_object_get(call->arguments, "timeout");
    struct bj_run_request request = {
        .process = {.command = text(call, "command"),
                    .timeout_us = json_is_integer(timeout) && json_integer_value(timeout) > 0
                                      ? json_integer_value(timeout) * 1000
                                      : -1}};

    if (!is_set(call, "run_in_background"))
        return bj_run_start(call->service, &call->caller, &request, on_run, call, NULL, err);
    if (!json_is_integer(timeout))
        request.process.timeout_us = 0;
    return bj_process_launch(call->service, &call->caller, &request.process, on_background, call,
                             err);
}

/* ---- Read, Write, Edit ---- */

/* Lines from `offset` on, counted from 1, at most `limit` of them; 0 = from the first, all. */
static void put_lines(struct bj_buf *out, const char *data, size_t length, int64_t offset,
                      int64_t limit)
{
    const char *at = data, *end = data + length;

    for (int64_t line = 1; at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline != NULL ? newline + 1 : end;

        if (limit > 0 && line >= (offset > 0 ? offset : 1) + limit)
            return;
        if (line >= offset)
            bj_buf_append(out, at, (size_t)(next - at));
        at = next;
    }
}

static void on_content(void *context, const struct bj_content_answer *content)
{
    struct tool_call *call = context;

    if (failed(call, &content->base))
        return;
    put_lines(&call->out, content->data, content->length, number(call, "offset"),
              number(call, "limit"));
    succeed(call, &content->base, false);
}

static int do_read(struct tool_call *call, struct bj_error *err)
{
    return bj_file_read(call->service, &call->caller, path_of(call), on_content, call, err);
}

static void on_written(void *context, const struct bj_content_answer *content)
{
    struct tool_call *call = context;

    if (failed(call, &content->base))
        return;
    bj_buf_printf(&call->out, "%zu bytes written to %s\n", content->length, content->path);
    succeed(call, &content->base, false);
}

static int do_write(struct tool_call *call, struct bj_error *err)
{
    const json_t *content = json_object_get(call->arguments, "content");
    struct bj_file_write_request request = {.path = path_of(call),
                                            .data = json_string_value(content),
                                            .length = json_string_length(content)};

    return bj_file_write(call->service, &call->caller, &request, on_written, call, err);
}

static void on_edited(void *context, const struct bj_files_edit_answer *edited)
{
    struct tool_call *call = context;

    if (failed(call, &edited->base))
        return;
    bj_buf_printf(&call->out, "%lld replaced in %s\n", (long long)edited->replaced, edited->path);
    succeed(call, &edited->base, false);
}

static int do_edit(struct tool_call *call, struct bj_error *err)
{
    struct bj_files_edit_request request = {.path = path_of(call),
                                            .old_text = text(call, "old_string"),
                                            .new_text = text(call, "new_string"),
                                            .all = is_set(call, "replace_all")};

    return bj_files_edit(call->service, &call->caller, &request, on_edited, call, err);
}

/* ---- Glob, LS ---- */

static void on_paths(void *context, const struct bj_files_answer *found)
{
    struct tool_call *call = context;

    if (failed(call, &found->base))
        return;
    for (size_t i = 0; i < found->count; i++)
        bj_buf_printf(&call->out, "%s\n", found->files[i].path);
    succeed(call, &found->base, found->truncated);
}

static int do_glob(struct tool_call *call, struct bj_error *err)
{
    struct bj_files_glob_request request = {.pattern = text(call, "pattern"),
                                            .path = text(call, "path")};

    return bj_files_glob(call->service, &call->caller, &request, on_paths, call, err);
}

static void on_listed(void *context, const struct bj_files_answer *found)
{
    struct tool_call *call = context;

    if (failed(call, &found->base))
        return;
    for (size_t i = 0; i < found->count; i++)
        bj_buf_printf(&call->out, "%s%s\n", found->files[i].name,
                      found->files[i].type == 'd' ? "/" : "");
    succeed(call, &found->base, found->truncated);
}

static int do_ls(struct tool_call *call, struct bj_error *err)
{
    const json_t *ignore = json_object_get(call->arguments, "ignore");
    const char *names[64];
    struct bj_files_list_request request = {.path = text(call, "path"), .ignore = names};
    size_t count = json_array_size(ignore);

    if (count >= sizeof names / sizeof *names)
        return bj_fail(err, BJ_E_INVALID, "arguments", "ignore: at most %zu patterns",
                       sizeof names / sizeof *names - 1);
    for (size_t i = 0; i < count; i++)
        names[i] = json_string_value(json_array_get(ignore, i));
    names[count] = NULL;
    return bj_files_list(call->service, &call->caller, &request, on_listed, call, err);
}

/* ---- Grep, Search ---- */

static void on_matches(void *context, const struct bj_files_search_answer *found)
{
    struct tool_call *call = context;
    const json_t *numbers = json_object_get(call->arguments, "-n");
    bool numbered = numbers == NULL || json_is_true(numbers);

    if (failed(call, &found->base))
        return;
    for (size_t i = (size_t)number(call, "offset"); i < found->count; i++) {
        const struct bj_files_match *match = &found->matches[i];
        char mark = match->context ? '-' : ':';

        bj_buf_printf(&call->out, "%s%c", match->path, mark);
        if (numbered)
            bj_buf_printf(&call->out, "%lld%c", (long long)match->line, mark);
        bj_buf_append(&call->out, match->text, match->length);
        bj_buf_puts(&call->out, "\n");
    }
    succeed(call, &found->base, found->truncated);
}

static int do_search(struct tool_call *call, struct bj_error *err)
{
    struct bj_files_search_request request = {.pattern = text(call, "pattern"),
                                              .path = text(call, "path"),
                                              .glob = text(call, "file_pattern")};

    return bj_files_search(call->service, &call->caller, &request, on_matches, call, err);
}

/* Modes other than "content" answer with files, and how often. */
static void on_counted(void *context, const struct bj_helper_answer *helped)
{
    struct tool_call *call = context;
    int64_t over = number(call, "offset");
    const json_t *record;
    size_t i;

    if (failed(call, &helped->base))
        return;
    json_array_foreach((json_t *)helped->records, i, record)
    {
        const char *path = json_string_value(json_object_get(record, "path"));
        const json_t *count = json_object_get(record, "count");

        if (path != NULL && over-- > 0)
            continue;
        if (path != NULL && count != NULL)
            bj_buf_printf(&call->out, "%s:%lld\n", path, (long long)json_integer_value(count));
        else if (path != NULL)
            bj_buf_printf(&call->out, "%s\n", path);
    }
    succeed(call, &helped->base, helped->truncated);
}

/* How many the helper is to find: those that are shown, and those before them. 0 = all. */
static uint32_t found_at_most(const struct tool_call *call)
{
    int64_t limit = number(call, "head_limit"), offset = number(call, "offset");

    return limit > 0 && limit + offset <= 1000000 ? (uint32_t)(limit + offset) : 0;
}

static int count_matches(struct tool_call *call, const char *mode, const char *const *types,
                         struct bj_error *err)
{
    const char *words[16 + BJ_FILE_TYPE_GLOBS], *glob = text(call, "glob"),
                                                *path = text(call, "path");
    char whole[BJ_PATH_MAX], option[BJ_PATH_MAX], limit[40], typed[BJ_FILE_TYPE_GLOBS][48];
    struct bj_helper_request request = {.operation = BJ_OPERATION_SEARCH,
                                        .path = whole,
                                        .pattern = text(call, "pattern"),
                                        .words = words};
    struct sandbox *sandbox;
    size_t count = 0;
    int result = bj_registry_resolve(call->service, &call->caller, false, &sandbox, err);

    if (result == 0)
        result = bj_path_inside(sandbox, path != NULL ? path : sandbox->workspace, whole, err);
    if (result == 0 && glob != NULL && strlen(glob) > sizeof option - 16)
        result = bj_fail(err, BJ_E_INVALID, "arguments", "glob: the pattern is too long");
    if (result < 0)
        return result;
    words[count++] = "search";
    words[count++] = bj_streq(mode, "count") ? "--show=count" : "--show=files";
    if (is_set(call, "-i"))
        words[count++] = "--ignore-case";
    if (is_set(call, "multiline"))
        words[count++] = "--multiline";
    if (glob != NULL) {
        snprintf(option, sizeof option, "--glob=%s", glob);
        words[count++] = option;
    }
    for (size_t i = 0; types != NULL && types[i] != NULL; i++) {
        snprintf(typed[i], sizeof typed[i], "--glob=%s", types[i]);
        words[count++] = typed[i];
    }
    if (found_at_most(call) > 0) {
        snprintf(limit, sizeof limit, "--limit=%u", found_at_most(call));
        words[count++] = limit;
    }
    words[count++] = "--";
    words[count++] = request.pattern;
    words[count++] = whole;
    words[count] = NULL;
    return bj_helper_run(call->service, &call->caller, &request, on_counted, call, err);
}

static uint32_t lines(const struct tool_call *call, const char *name)
{
    int64_t count = number(call, name);

    if (count == 0)
        count = number(call, "-C");
    if (count == 0)
        count = number(call, "context");
    return count > 1000 ? 1000 : (uint32_t)count;
}

static int refuse(struct tool_call *call, const char *why, struct bj_error *err);

static int do_grep(struct tool_call *call, struct bj_error *err)
{
    const char *mode = text(call, "output_mode"), *type = text(call, "type");
    const char *const *types = NULL;
    struct bj_files_search_request request = {.pattern = text(call, "pattern"),
                                              .path = text(call, "path"),
                                              .glob = text(call, "glob"),
                                              .ignore_case = is_set(call, "-i"),
                                              .multiline = is_set(call, "multiline"),
                                              .before = lines(call, "-B"),
                                              .after = lines(call, "-A"),
                                              .limit = found_at_most(call)};
    struct bj_error unknown = {0};

    if (is_set(call, "-o"))
        return refuse(call, "Grep shows whole lines: leave -o out", err);
    if (type != NULL && request.glob != NULL)
        return refuse(call, "Grep takes glob or type, not both", err);
    if (type != NULL && bj_file_type_find(type, &types, &unknown) < 0)
        return refuse(call, unknown.message, err);
    if (mode == NULL || !bj_streq(mode, "content"))
        return count_matches(call, mode != NULL ? mode : "files_with_matches", types, err);
    request.globs = types;
    return bj_files_search(call->service, &call->caller, &request, on_matches, call, err);
}

/* ---- by name ---- */

static const struct {
    const char *name;
    int (*execute)(struct tool_call *call, struct bj_error *err);
} tools[] = {
    {"Bash", do_bash}, {"Read", do_read}, {"Write", do_write}, {"Edit", do_edit},
    {"Glob", do_glob}, {"Grep", do_grep}, {"LS", do_ls},       {"Search", do_search},
};
#define TOOLS (sizeof tools / sizeof *tools)

static void on_refused(void *context, struct bj_answer *base, const struct bj_keeper_answer *answer)
{
    struct tool_call *call = context;
    struct bj_tool_answer refused = {.base = *base};

    (void)answer;
    if (base->result == 0)
        refused.base.result =
            bj_fail(&refused.base.error, BJ_E_INTERNAL, "service", "it was not refused");
    finish(call, &refused);
}

/* A call that cannot be carried out is judged and recorded like others. */
static int refuse(struct tool_call *call, const char *why, struct bj_error *err)
{
    struct submission submission = {.operation = BJ_OPERATION_TOOL,
                                    .who = call->caller.who,
                                    .request = call->json.request,
                                    .refusal = why};
    int result = bj_registry_resolve(call->service, &call->caller, false, &submission.sandbox, err);

    return result < 0 ? result : bj_submit(call->service, &submission, on_refused, call, NULL, err);
}

static int execute(struct tool_call *call, const char *tool, struct bj_error *err)
{
    const char *nearest = bj_tool_nearest(tool);
    char why[200];

    for (size_t i = 0; i < TOOLS; i++) {
        if (!bj_streq(tools[i].name, tool))
            continue;
        return call->json.request.invalid == NULL ? tools[i].execute(call, err)
                                                  : refuse(call, NULL, err);
    }
    snprintf(why, sizeof why,
             "the tool %.64s is none of Bash, Read, Write, Edit, Glob, Grep, LS, Search%s%s%s",
             tool, nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
             nearest != NULL ? "?" : "");
    return refuse(call, why, err);
}

int bj_tool_execute(struct bj_service *service, const struct bj_caller *caller, const char *tool,
                    const json_t *arguments, bj_tool_fn done, void *context, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *dumped = json_dumps(arguments, JSON_COMPACT);
    struct tool_call *call = bj_alloc(sizeof *call);
    struct sandbox *sandbox;
    int result;

    if (call == NULL || dumped == NULL) {
        bj_free(call);
        return json_is_object(arguments) || call == NULL
                   ? no_memory(err)
                   : bj_fail(err, BJ_E_INVALID, "arguments", "arguments: expected an object");
    }
    call->service = service;
    call->begun_us = bj_clock_us();
    call->done = done;
    call->context = context;
    bj_buf_init(&call->out, BJ_TOOL_ANSWER_MAX);
    result = bj_registry_resolve(service, caller, false, &sandbox, err);
    if (result == 0)
        result = bj_request_json_parse(&call->json, tool, dumped, strlen(dumped), err);
    if (result == 0) {
        bj_str_copy(call->sandbox, sizeof call->sandbox, sandbox->id);
        call->arguments = call->json.json;
        call->caller = (struct bj_caller){.who = caller->who,
                                          .sandbox = call->sandbox,
                                          .tool = call->json.tool,
                                          .arguments = call->json.arguments};
        result = execute(call, call->json.tool, err);
    }
    if (result < 0)
        call_free(call);
    return result;
}
