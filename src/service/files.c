/*
 * Files of a sandbox by the helper: one function for each operation, which says what it is to the
 * policy, makes the helper's command line, and turns its records into plain structs. A record is
 * taken member by member; what is not of the expected type counts as absent, and one without a path
 * is left out.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "service/helper.h"

static const char *text(const json_t *record, const char *name)
{
    return json_string_value(json_object_get(record, name));
}

static int64_t number(const json_t *record, const char *name)
{
    return json_integer_value(json_object_get(record, name));
}

/* ---- entries ---- */

static char type_of(const char *word)
{
    static const struct {
        const char *word;
        char letter;
    } types[] = {{"file", 'f'},   {"directory", 'd'}, {"symlink", 'l'},  {"fifo", 'p'},
                 {"socket", 's'}, {"block", 'b'},     {"character", 'c'}};

    for (size_t i = 0; word != NULL && i < sizeof types / sizeof *types; i++) {
        if (bj_streq(types[i].word, word))
            return types[i].letter;
    }
    return '?';
}

static bool read_entry(const json_t *record, struct bj_file_info *ret)
{
    const char *path = text(record, "path"), *name;

    if (path == NULL)
        return false;
    name = text(record, "name");
    *ret = (struct bj_file_info){
        .path = path,
        .name = name != NULL ? name : path,
        .link = text(record, "target"),
        .type = type_of(text(record, "type")),
        .mode = (uint32_t)(number(record, "mode") & 07777),
        .size = number(record, "size"),
        .modified_ms = number(record, "mtime_ns") / 1000000,
        .uid = (uint32_t)number(record, "uid"),
        .gid = (uint32_t)number(record, "gid"),
        .user = text(record, "owner"),
        .group = text(record, "group"),
    };
    if (ret->user == NULL)
        ret->user = "";
    if (ret->group == NULL)
        ret->group = "";
    return true;
}

/* An operation that answers with entries. */
struct listing {
    bj_files_fn done;
    void *context;
    char **ignore; /* patterns of names that are left out; owned */
    struct bj_files_flow *flow;
};

static bool is_ignored(const struct listing *listing, const struct bj_file_info *file)
{
    for (char **pattern = listing->ignore; pattern != NULL && *pattern != NULL; pattern++) {
        if (fnmatch(*pattern, file->name, 0) == 0)
            return true;
    }
    return false;
}

static void listing_free(struct listing *listing)
{
    bj_strv_free(listing->ignore);
    bj_free(listing);
}

static void on_entries(void *context, const struct bj_helper_answer *helped)
{
    struct listing *listing = context;
    struct bj_files_answer answer = {.base = helped->base, .truncated = helped->truncated};
    size_t count = helped->base.result == 0 ? json_array_size(helped->records) : 0;
    struct bj_file_info *files = bj_alloc((count + 1) * sizeof *files);

    if (files == NULL)
        answer.base.result = no_memory(&answer.base.error);
    for (size_t i = 0; files != NULL && i < count; i++) {
        if (read_entry(json_array_get(helped->records, i), &files[answer.count]) &&
            !is_ignored(listing, &files[answer.count]))
            answer.count++;
    }
    answer.files = files;
    listing->done(listing->context, &answer);
    bj_free(files);
    listing_free(listing);
}

static bool on_entry(void *context, const json_t *record)
{
    struct listing *listing = context;
    struct bj_file_info file;

    return !read_entry(record, &file) || is_ignored(listing, &file) ||
           listing->flow->each(listing->flow->context, &file);
}

void bj_flow_resume(struct bj_files_flow *flow)
{
    bj_helper_resume(flow->helper);
}

void bj_flow_stop(struct bj_files_flow *flow)
{
    bj_helper_stop(flow->helper);
}

static int run_entries(struct bj_service *service, const struct bj_caller *caller,
                       const struct bj_helper_request *request, const struct listing *form,
                       struct bj_error *err)
{
    struct listing *listing = bj_alloc(sizeof *listing);
    struct bj_helper_request whole = *request;
    int result;

    if (listing == NULL)
        return no_memory(err);
    listing->done = form->done;
    listing->context = form->context;
    listing->flow = form->flow;
    whole.may_cut = true;
    if (form->flow != NULL) {
        whole.each = on_entry;
        whole.ret = &form->flow->helper;
    }
    result = bj_strv_copy(form->ignore, &listing->ignore)
                 ? bj_helper_run(service, caller, &whole, on_entries, listing, err)
                 : no_memory(err);
    if (result < 0)
        listing_free(listing);
    return result;
}

/* Where it is about, absolute. NULL is the workspace. */
static int find_path(const struct bj_service *service, const struct bj_caller *caller,
                     const char *path, char ret[BJ_PATH_MAX], struct bj_error *err)
{
    struct sandbox *sandbox;

    return bj_path_find(service, caller, path, &sandbox, ret, err);
}

/* Options of numbers and patterns, one beside the other. */
struct words {
    const char *list[BJ_HELPER_WORDS];
    size_t count;
    char numbers[6][48];
    size_t number_count;
    struct bj_buf texts[64];
    size_t text_count;
};

static void put(struct words *words, const char *word)
{
    if (words->count + 1 < BJ_HELPER_WORDS)
        words->list[words->count++] = word;
    words->list[words->count] = NULL;
}

static void put_number(struct words *words, const char *option, int64_t value)
{
    char *text = words->numbers[words->number_count++];

    snprintf(text, sizeof words->numbers[0], "%s=%lld", option, (long long)value);
    put(words, text);
}

static void put_text(struct words *words, const char *option, const char *value)
{
    struct bj_buf *buf = &words->texts[words->text_count];

    if (words->text_count == sizeof words->texts / sizeof *words->texts)
        return;
    words->text_count++;
    bj_buf_init(buf, 2 * BJ_PATH_MAX);
    bj_buf_printf(buf, "%s=%s", option, value);
    put(words, bj_buf_text(buf));
}

static int words_end(struct words *words, int result, struct bj_error *err)
{
    for (size_t i = 0; i < words->text_count; i++) {
        if (words->texts[i].failed && result == 0)
            result = bj_fail(err, BJ_E_INVALID, "files", "a pattern is too long");
    }
    return result;
}

static void words_release(struct words *words)
{
    for (size_t i = 0; i < words->text_count; i++)
        bj_buf_release(&words->texts[i]);
}

int bj_files_list(struct bj_service *service, const struct bj_caller *caller,
                  const struct bj_files_list_request *request, bj_files_fn done, void *context,
                  struct bj_error *err)
{
    char path[BJ_PATH_MAX];
    struct words words = {.count = 0};
    int result = find_path(service, caller, request->path, path, err);

    put(&words, "list");
    put_number(&words, "--depth", request->depth != 0 ? request->depth : 1);
    put_number(&words, "--limit", request->limit != 0 ? request->limit : BJ_LISTING_USUAL);
    put(&words, "--");
    put(&words, path);
    return result < 0
               ? result
               : run_entries(
                     service, caller,
                     &(struct bj_helper_request){
                         .operation = BJ_OPERATION_LIST, .path = path, .words = words.list},
                     &(struct listing){done, context, (char **)request->ignore, request->flow},
                     err);
}

int bj_files_stat(struct bj_service *service, const struct bj_caller *caller, const char *path,
                  bj_files_fn done, void *context, struct bj_error *err)
{
    char whole[BJ_PATH_MAX];
    const char *words[] = {"stat", "--", whole, NULL};
    int result = find_path(service, caller, path, whole, err);

    if (result < 0)
        return result;
    if (path != NULL)
        bj_path_keep_end(whole, path);
    return run_entries(
        service, caller,
        &(struct bj_helper_request){.operation = BJ_OPERATION_STAT, .path = whole, .words = words},
        &(struct listing){done, context, NULL, NULL}, err);
}

int bj_files_glob(struct bj_service *service, const struct bj_caller *caller,
                  const struct bj_files_glob_request *request, bj_files_fn done, void *context,
                  struct bj_error *err)
{
    char path[BJ_PATH_MAX];
    struct words words = {.count = 0};
    int result = find_path(service, caller, request->path, path, err);

    if (result == 0 && (request->pattern == NULL || request->pattern[0] == '\0'))
        result = bj_fail(err, BJ_E_INVALID, "files", "pattern: expected a text that is not empty");
    if (result < 0)
        return result;
    put(&words, "glob");
    put_number(&words, "--limit", request->limit != 0 ? request->limit : BJ_LISTING_USUAL);
    put(&words, "--order=name");
    put(&words, "--");
    put(&words, request->pattern);
    put(&words, path);
    return run_entries(service, caller,
                       &(struct bj_helper_request){.operation = BJ_OPERATION_GLOB,
                                                   .path = path,
                                                   .pattern = request->pattern,
                                                   .words = words.list},
                       &(struct listing){done, context, NULL, request->flow}, err);
}

/* ---- changes ---- */

static int change_words(const struct bj_files_change *change, const char *path, const char *target,
                        struct words *words, struct bj_helper_request *ret)
{
    static const struct {
        const char *word;
        enum bj_operation operation;
    } verbs[] = {
        [BJ_FILES_MKDIR] = {"mkdir", BJ_OPERATION_MKDIR},
        [BJ_FILES_MOVE] = {"move", BJ_OPERATION_MOVE},
        [BJ_FILES_REMOVE] = {"remove", BJ_OPERATION_REMOVE},
        [BJ_FILES_CHMOD] = {"chmod", BJ_OPERATION_CHMOD},
    };
    char *mode = words->numbers[words->number_count++];

    put(words, verbs[change->verb].word);
    snprintf(mode, sizeof words->numbers[0], "%s%o",
             change->verb == BJ_FILES_MKDIR ? "--mode=" : "", change->mode);
    if (change->verb == BJ_FILES_MKDIR && change->mode != 0)
        put(words, mode);
    if (change->verb == BJ_FILES_MOVE) {
        put(words, "--parents");
        if (!change->overwrite)
            put(words, "--keep");
    }
    if (change->recursive && (change->verb == BJ_FILES_REMOVE || change->verb == BJ_FILES_CHMOD))
        put(words, "--recursive");
    put(words, "--");
    if (change->verb == BJ_FILES_CHMOD)
        put(words, mode);
    put(words, path);
    if (change->verb == BJ_FILES_MOVE)
        put(words, target);
    *ret = (struct bj_helper_request){
        .operation = verbs[change->verb].operation,
        .path = path,
        .second_path = change->verb == BJ_FILES_MOVE ? target : NULL,
        .words = words->list,
    };
    return 0;
}

/* chmod says what it changed, not what the entry is then: that is asked for. */
struct changing {
    struct bj_service *service;
    struct identity_copy who;
    char sandbox[BJ_SANDBOX_ID_MAX];
    char path[BJ_PATH_MAX];
    bj_files_fn done;
    void *context;
};

static void on_changed(void *context, const struct bj_files_answer *answer)
{
    struct changing *changing = context;
    struct bj_caller caller = {&changing->who.identity, changing->sandbox};
    struct bj_files_answer failed = {0};

    if (answer->base.result == 0) {
        if (bj_files_stat(changing->service, &caller, changing->path, changing->done,
                          changing->context, &failed.base.error) == 0) {
            bj_free(changing);
            return;
        }
        failed.base.result = -failed.base.error.code;
        answer = &failed;
    }
    changing->done(changing->context, answer);
    bj_free(changing);
}

static int change_and_stat(struct bj_service *service, const struct bj_caller *caller,
                           const struct bj_helper_request *request, bj_files_fn done, void *context,
                           struct bj_error *err)
{
    struct changing *changing = bj_alloc(sizeof *changing);
    struct sandbox *sandbox;
    int result;

    if (changing == NULL)
        return no_memory(err);
    changing->service = service;
    changing->done = done;
    changing->context = context;
    bj_str_copy(changing->path, sizeof changing->path, request->path);
    result = bj_registry_resolve(service, caller, false, &sandbox, err);
    if (result == 0)
        result = bj_identity_copy(caller->who, &changing->who, err);
    if (result == 0) {
        bj_str_copy(changing->sandbox, sizeof changing->sandbox, sandbox->id);
        result = run_entries(service, caller, request,
                             &(struct listing){on_changed, changing, NULL}, err);
    }
    if (result < 0)
        bj_free(changing);
    return result;
}

int bj_files_change(struct bj_service *service, const struct bj_caller *caller,
                    const struct bj_files_change *change, bj_files_fn done, void *context,
                    struct bj_error *err)
{
    char path[BJ_PATH_MAX], target[BJ_PATH_MAX] = "";
    struct bj_helper_request request;
    struct words words = {.count = 0};
    int result = find_path(service, caller, change->path != NULL ? change->path : "", path, err);

    if (result == 0 && change->verb == BJ_FILES_MOVE)
        result =
            find_path(service, caller, change->target != NULL ? change->target : "", target, err);
    if (result == 0 && change->mode > 0777)
        result = bj_fail(err, BJ_E_INVALID, "files", "mode: expected permissions, at most 0777");
    if (result < 0)
        return result;
    change_words(change, path, target, &words, &request);
    return change->verb == BJ_FILES_CHMOD
               ? change_and_stat(service, caller, &request, done, context, err)
               : run_entries(service, caller, &request, &(struct listing){done, context, NULL},
                             err);
}

/* ---- edit ---- */

struct editing {
    char path[BJ_PATH_MAX];
    bj_files_edit_fn done;
    void *context;
};

static void on_edited(void *context, const struct bj_helper_answer *helped)
{
    struct editing *editing = context;
    struct bj_files_edit_answer answer = {
        .base = helped->base, .path = editing->path, .replaced = number(helped->end, "replaced")};

    editing->done(editing->context, &answer);
    bj_free(editing);
}

int bj_files_edit(struct bj_service *service, const struct bj_caller *caller,
                  const struct bj_files_edit_request *request, bj_files_edit_fn done, void *context,
                  struct bj_error *err)
{
    size_t old = strlen(request->old_text), new = strlen(request->new_text);
    struct editing *editing;
    struct words words = {.count = 0};
    char *input;
    int result;

    if (old == 0)
        return bj_fail(err, BJ_E_INVALID, "files",
                       "expected the text to be replaced; found an empty one");
    if (old > BJ_CONTENT_MAX || new > BJ_CONTENT_MAX)
        return bj_fail(err, BJ_E_LIMIT, "files", "at most %d bytes of text at once",
                       BJ_CONTENT_MAX);
    editing = bj_alloc(sizeof *editing);
    input = bj_alloc(old + new + 1);
    if (editing == NULL || input == NULL) {
        bj_free(editing);
        bj_free(input);
        return no_memory(err);
    }
    editing->done = done;
    editing->context = context;
    memcpy(input, request->old_text, old);
    memcpy(input + old, request->new_text, new);
    result = find_path(service, caller, request->path, editing->path, err);
    put(&words, "edit");
    put_number(&words, "--old", (int64_t)old);
    if (request->all)
        put(&words, "--all");
    put(&words, "--");
    put(&words, editing->path);
    if (result == 0)
        result = bj_helper_run(service, caller,
                               &(struct bj_helper_request){.operation = BJ_OPERATION_EDIT,
                                                           .path = editing->path,
                                                           .words = words.list,
                                                           .input = input,
                                                           .input_length = old + new},
                               on_edited, editing, err);
    bj_free(input);
    if (result < 0)
        bj_free(editing);
    return result;
}

/* ---- search ---- */

struct searching {
    bj_files_search_fn done;
    void *context;
};

static bool read_match(const json_t *record, struct bj_files_match *ret)
{
    const json_t *line = json_object_get(record, "text");
    const char *path = text(record, "path");

    if (path == NULL)
        return false;
    *ret = (struct bj_files_match){
        .path = path,
        .line = number(record, "line"),
        .text = json_is_string(line) ? json_string_value(line) : "",
        .length = json_string_length(line),
        .context = json_is_false(json_object_get(record, "match")),
    };
    return true;
}

static void on_found(void *context, const struct bj_helper_answer *helped)
{
    struct searching *searching = context;
    struct bj_files_search_answer answer = {.base = helped->base, .truncated = helped->truncated};
    size_t count = helped->base.result == 0 ? json_array_size(helped->records) : 0;
    struct bj_files_match *matches = bj_alloc((count + 1) * sizeof *matches);

    if (matches == NULL)
        answer.base.result = no_memory(&answer.base.error);
    for (size_t i = 0; matches != NULL && i < count; i++) {
        if (read_match(json_array_get(helped->records, i), &matches[answer.count]))
            answer.count++;
    }
    answer.matches = matches;
    searching->done(searching->context, &answer);
    bj_free(matches);
    bj_free(searching);
}

static void put_search(struct words *words, const struct bj_files_search_request *request,
                       const char *path)
{
    put(words, "search");
    put(words, "--show=content");
    put_number(words, "--limit", request->limit != 0 ? request->limit : BJ_SEARCH_USUAL);
    if (request->before != 0)
        put_number(words, "--before", request->before);
    if (request->after != 0)
        put_number(words, "--after", request->after);
    if (request->literal)
        put(words, "--fixed");
    if (request->ignore_case)
        put(words, "--ignore-case");
    if (request->multiline)
        put(words, "--multiline");
    if (request->glob != NULL)
        put_text(words, "--glob", request->glob);
    for (const char *const *glob = request->globs; glob != NULL && *glob != NULL; glob++)
        put_text(words, "--glob", *glob);
    put(words, "--");
    put(words, request->pattern);
    put(words, path);
}

int bj_files_search(struct bj_service *service, const struct bj_caller *caller,
                    const struct bj_files_search_request *request, bj_files_search_fn done,
                    void *context, struct bj_error *err)
{
    char path[BJ_PATH_MAX];
    struct searching *searching;
    struct words words = {.count = 0};
    int result = find_path(service, caller, request->path, path, err);

    if (result == 0 && (request->pattern == NULL || request->pattern[0] == '\0'))
        result = bj_fail(err, BJ_E_INVALID, "files", "pattern: expected a text that is not empty");
    if (result < 0)
        return result;
    searching = bj_alloc(sizeof *searching);
    if (searching == NULL)
        return no_memory(err);
    *searching = (struct searching){done, context};
    put_search(&words, request, path);
    result = words_end(&words, 0, err);
    if (result == 0)
        result = bj_helper_run(service, caller,
                               &(struct bj_helper_request){.operation = BJ_OPERATION_SEARCH,
                                                           .path = path,
                                                           .pattern = request->pattern,
                                                           .words = words.list,
                                                           .may_cut = true},
                               on_found, searching, err);
    words_release(&words);
    if (result < 0)
        bj_free(searching);
    return result;
}
