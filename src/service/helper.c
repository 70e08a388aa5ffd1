/*
 * Running belljar-files, and reading what it says: lines of JSON, the last of which tells how it
 * went. Who rules the sandbox may stop it, end it or write in its stead as far as the kernel lets
 * them; so the lines are bounded in number and length, each is parsed strictly, and output without
 * a last line is a failure.
 */
#include "service/helper.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/json_read.h"

#define TIME_US 120000000 /* that one operation may take */

struct helper {
    struct bj_service *service;
    struct reading reading;
    struct identity_copy who;
    char sandbox[BJ_SANDBOX_ID_MAX];
    uint32_t process;
    char *input; /* owned */
    size_t input_length, input_sent;
    struct bj_buf line;
    size_t bytes;
    json_t *records, *end;
    bool bad, no_memory, may_cut, full;
    bool (*each)(void *context, const json_t *record);
    struct helper **ret;
    size_t count;
    int64_t record;
    bj_helper_fn done;
    void *context;
};

static struct helper *of(struct reading *reading)
{
    return (struct helper *)((char *)reading - offsetof(struct helper, reading));
}

static void helper_free(struct helper *helper)
{
    bj_reading_stop(&helper->reading);
    bj_buf_release(&helper->line);
    json_decref(helper->records);
    json_decref(helper->end);
    bj_free(helper->input);
    bj_free(helper);
}

/* Once; what then still comes is read to its end, or the keeper would go on having it, and thrown
 * away. */
static void tell(struct helper *helper, struct bj_helper_answer *answer)
{
    bj_helper_fn done = helper->done;

    if (done == NULL)
        return;
    if (answer->base.record == 0)
        answer->base.record = helper->record;
    answer->records = helper->records;
    answer->end = helper->end;
    answer->truncated |= json_is_string(json_object_get(helper->end, "truncated"));
    helper->done = NULL;
    if (helper->ret != NULL)
        *helper->ret = NULL;
    done(helper->context, answer);
}

static void finish(struct helper *helper, struct bj_helper_answer *answer)
{
    tell(helper, answer);
    helper_free(helper);
}

static void fail(struct helper *helper, const struct bj_answer *base)
{
    struct bj_helper_answer answer = {.base = *base};

    finish(helper, &answer);
}

static void fail_by(struct helper *helper, const struct bj_error *err)
{
    struct bj_answer base = bj_answer_of(-err->code, err);

    fail(helper, &base);
}

/* ---- what it says ---- */

/* {"error": {"code", "message"}}: in its own words, which may be anybody's. */
static int take_error(const json_t *error, struct bj_error *ret)
{
    const char *name = json_string_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    static const enum bj_code codes[] = {BJ_E_INVALID, BJ_E_NOT_FOUND,  BJ_E_DENIED,
                                         BJ_E_LIMIT,   BJ_E_CONFLICT,   BJ_E_FULL,
                                         BJ_E_TIMEOUT, BJ_E_UNSUPPORTED};
    enum bj_code code = BJ_E_SYSTEM;

    for (size_t i = 0; name != NULL && i < sizeof codes / sizeof *codes; i++) {
        if (bj_streq(bj_code_name(codes[i]), name))
            code = codes[i];
    }
    return bj_fail(ret, code, "files", "%.400s", message != NULL ? message : "it failed");
}

static void take_line(struct helper *helper)
{
    json_t *line = NULL;
    int result;

    if (helper->end != NULL || helper->line.failed) {
        helper->bad = true;
        return;
    }
    result = bj_json_parse_within(bj_buf_text(&helper->line), helper->line.length, BJ_LISTING_MAX,
                                  &line, NULL);
    if (result == -BJ_E_NO_MEMORY)
        helper->no_memory = true;
    if (result < 0 || !json_is_object(line)) {
        helper->bad = true;
    } else if (json_object_get(line, "end") != NULL || json_object_get(line, "error") != NULL) {
        helper->end = json_incref(line);
    } else if (helper->count++ >= BJ_LISTING_RECORDS) {
        helper->bad = true;
    } else if (helper->each != NULL) {
        helper->full |= !helper->each(helper->context, line);
    } else if (json_array_append(helper->records, line) < 0) {
        helper->no_memory = helper->bad = true;
    }
    json_decref(line);
}

/* What came so far is the answer. */
static void cut_off(struct helper *helper)
{
    struct bj_helper_answer answer = {.truncated = true};

    if (helper->no_memory)
        answer.base.result = no_memory(&answer.base.error);
    else if (helper->bad)
        answer.base.result =
            bj_helper_result(NULL, true, &(struct bj_ending){.signal = 0}, &answer.base.error);
    tell(helper, &answer);
    json_array_clear(helper->records);
}

static bool on_chunk(struct reading *reading, int stream, int64_t offset, const void *data,
                     size_t length)
{
    struct helper *helper = of(reading);
    const char *at = data, *end = at + length, *newline;

    (void)offset;
    if (stream != 1 || helper->done == NULL)
        return true;
    helper->bytes += length;
    if (helper->bytes >
        (helper->may_cut && helper->each == NULL ? BJ_LISTING_HELD : BJ_LISTING_MAX)) {
        if (helper->may_cut) {
            cut_off(helper);
            return true;
        }
        helper->bad = true;
    }
    while (!helper->bad && at < end) {
        newline = memchr(at, '\n', (size_t)(end - at));
        bj_buf_append(&helper->line, at, (size_t)((newline != NULL ? newline : end) - at));
        if (newline == NULL)
            break;
        take_line(helper);
        helper->line.length = 0;
        at = newline + 1;
    }
    return !helper->full;
}

static void on_lost(struct reading *reading, int64_t from, int64_t next)
{
    (void)from;
    (void)next;
    of(reading)->bad = true;
}

static void forget(struct helper *helper)
{
    struct sandbox *sandbox = bj_registry_find(helper->service, helper->sandbox);

    if (sandbox != NULL)
        bj_registry_forget_process(helper->service, sandbox, helper->process);
}

/* The exit status of a helper whose last line is this one. */
static int status_of(const json_t *end)
{
    const json_t *error = json_object_get(end, "error");
    const char *name = json_string_value(json_object_get(error, "code"));
    int code = error != NULL ? BJ_E_SYSTEM : BJ_E_OK;

    for (int i = 1; error != NULL && name != NULL && i < BJ_CODE_COUNT; i++) {
        if (bj_streq(bj_code_name(i), name))
            code = i;
    }
    return bj_code_exit_status(code);
}

int bj_helper_result(const json_t *end, bool bad, const struct bj_ending *ending,
                     struct bj_error *err)
{
    const json_t *error = json_object_get(end, "error");

    if (ending->timed_out)
        return bj_fail(err, BJ_E_TIMEOUT, "files",
                       "it took longer than %d seconds; ask for less at once", TIME_US / 1000000);
    if (ending->oom_killed)
        return bj_fail(err, BJ_E_LIMIT, "files", "the sandbox has no memory left");
    /* Whoever wrote a last line in its stead had to stop it from going on. */
    if (bad || end == NULL || ending->signal != 0 || ending->exit_code != status_of(end))
        return bj_fail(err, BJ_E_PROTOCOL, "files", "what the sandbox answered makes no sense%s",
                       ending->signal != 0 ? ": something in it ended the helper" : "");
    return error != NULL ? take_error(error, err) : 0;
}

static void on_end(struct reading *reading, const struct bj_ending *ending,
                   const struct bj_error *err)
{
    struct helper *helper = of(reading);
    struct bj_helper_answer answer = {0};

    if (ending == NULL) {
        fail_by(helper, err);
        return;
    }
    forget(helper);
    answer.base.result =
        helper->no_memory ? no_memory(&answer.base.error)
                          : bj_helper_result(helper->end, helper->bad, ending, &answer.base.error);
    finish(helper, &answer);
}

void bj_helper_resume(struct helper *helper)
{
    if (helper == NULL || !helper->full)
        return;
    helper->full = false;
    bj_reading_resume(&helper->reading);
}

void bj_helper_stop(struct helper *helper)
{
    struct bj_helper_answer answer = {0};

    if (helper == NULL)
        return;
    answer.base.result =
        bj_fail(&answer.base.error, BJ_E_ENDED, "files", "nobody waits for it any more");
    tell(helper, &answer);
    json_array_clear(helper->records);
    bj_reading_resume(&helper->reading);
}

/* ---- its beginning ---- */

static int send_input(struct helper *helper, struct bj_error *err);

static void on_input(void *context, struct bj_answer *base, const struct bj_keeper_answer *keepers)
{
    struct helper *helper = context;
    struct bj_error err = {0};

    (void)keepers;
    if (base->result < 0)
        fail(helper, base);
    else if (send_input(helper, &err) < 0)
        fail_by(helper, &err);
}

static int begin_reading(struct helper *helper, struct bj_error *err)
{
    int result;

    helper->reading = (struct reading){.service = helper->service,
                                       .process = helper->process,
                                       .hold = true,
                                       .chunk = on_chunk,
                                       .lost = on_lost,
                                       .end = on_end};
    bj_str_copy(helper->reading.sandbox, sizeof helper->reading.sandbox, helper->sandbox);
    result = bj_reading_begin(&helper->reading, err);
    if (result < 0)
        helper->reading.service = NULL;
    return result;
}

/* Piece after piece, each when the one before was taken; then its output. */
static int send_input(struct helper *helper, struct bj_error *err)
{
    size_t left = helper->input_length - helper->input_sent;
    size_t length = left < BJ_INPUT_MAX ? left : BJ_INPUT_MAX;
    struct submission submission = {
        .operation = BJ_OPERATION_INPUT,
        .who = &helper->who.identity,
        .sandbox = bj_registry_find(helper->service, helper->sandbox),
        .helper = true,
        .act = {.kind = BJ_ACT_INPUT,
                .sandbox = helper->sandbox,
                .process = helper->process,
                .data = helper->input + helper->input_sent,
                .length = length,
                .close = length == left},
    };

    if (helper->input == NULL || (left == 0 && helper->input_length > 0))
        return begin_reading(helper, err);
    if (submission.sandbox == NULL)
        return bj_fail(err, BJ_E_ENDED, "service", "the sandbox has ended");
    helper->input_sent += length;
    return bj_submit(helper->service, &submission, on_input, helper, NULL, err);
}

static void on_started(void *context, struct bj_answer *base,
                       const struct bj_keeper_answer *keepers)
{
    struct helper *helper = context;
    struct bj_answer answer = *base;
    struct bj_error err = {0};
    struct sandbox *sandbox;

    helper->record = base->record;
    if (bj_launch_answer(helper->service, helper->sandbox, &answer, keepers, &sandbox) == NULL)
        fail(helper, &answer);
    else if (send_input(helper, &err) < 0)
        fail_by(helper, &err);
}

void bj_helper_submission(struct sandbox *sandbox, const struct bj_caller *caller,
                          const struct bj_helper_request *request, const char **words,
                          struct submission *ret)
{
    size_t count = 0;

    words[count++] = "belljar-files";
    for (const char *const *word = request->words; *word != NULL && count < BJ_HELPER_WORDS; word++)
        words[count++] = *word;
    words[count] = NULL;
    *ret = (struct submission){
        .operation = request->operation,
        .who = caller->who,
        .sandbox = sandbox,
        .second_path = request->second_path,
        .request = {.path = request->path,
                    .pattern = request->pattern,
                    .tool = caller->tool,
                    .arguments =
                        request->arguments != NULL ? request->arguments : caller->arguments},
        .act = {.kind = BJ_ACT_START,
                .sandbox = sandbox->id,
                .process = sandbox->next_process++,
                .flags = BJ_START_FILES | BJ_START_FORGET | BJ_START_HOLD,
                .argv = words,
                .directory = "/",
                .label = "{\"helper\":true}",
                .timeout_us = TIME_US},
        .counts_process = true,
    };
}

int bj_helper_run(struct bj_service *service, const struct bj_caller *caller,
                  const struct bj_helper_request *request, bj_helper_fn done, void *context,
                  struct bj_error *err)
{
    const char *words[BJ_HELPER_WORDS + 1];
    struct submission submission;
    struct sandbox *sandbox;
    struct helper *helper;
    int result = bj_registry_resolve(service, caller, false, &sandbox, err);

    if (result < 0)
        return result;
    helper = bj_alloc(sizeof *helper);
    if (helper == NULL)
        return no_memory(err);
    helper->service = service;
    helper->done = done;
    helper->may_cut = request->may_cut;
    helper->each = request->each;
    helper->context = context;
    bj_buf_init(&helper->line, BJ_LISTING_MAX);
    helper->records = json_array();
    bj_str_copy(helper->sandbox, sizeof helper->sandbox, sandbox->id);
    result = bj_identity_copy(caller->who, &helper->who, err);
    bj_helper_submission(sandbox, caller, request, words, &submission);
    helper->process = submission.act.process;
    if (result == 0 && request->input != NULL) {
        submission.act.flags |= BJ_START_STDIN;
        helper->input_length = request->input_length;
        helper->input = bj_alloc(request->input_length + 1);
        if (helper->input != NULL)
            memcpy(helper->input, request->input, request->input_length);
    }
    if (result == 0 &&
        (helper->records == NULL || (request->input != NULL && helper->input == NULL)))
        result = no_memory(err);
    if (result == 0)
        result = bj_submit(service, &submission, on_started, helper, NULL, err);
    if (result < 0) {
        helper_free(helper);
        return result;
    }
    helper->ret = request->ret;
    if (helper->ret != NULL)
        *helper->ret = helper;
    return 0;
}
