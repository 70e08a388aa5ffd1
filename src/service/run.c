/*
 * Running something to its end: START, then its standard input if there is any, then READ until it
 * has ended. What finds no room is read all the same, and counted: a process that nobody reads
 * would wait for ever.
 */
#include "service/run.h"
#include "service/shell_internal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

void bj_run_free(struct bj_run *run)
{
    if (run == NULL)
        return;
    bj_reading_stop(&run->reading);
    for (size_t i = 0; i < 2; i++)
        bj_buf_release(&run->streams[i]);
    bj_buf_release(&run->report);
    bj_free(run->input);
    bj_free(run);
}

/* Tells whoever asked, then the session, which may go on with the next. */
static void finish(struct bj_run *run, struct bj_run_answer *answer, const struct bj_ending *ending)
{
    void (*after)(void *session) = run->after;
    void *session = run->session;

    if (run->ended != NULL) {
        run->ended(run, ending, &answer->directory);
        /* The session may have said something of its own. */
        if (ending != NULL) {
            answer->error = bj_buf_text(&run->streams[1]);
            answer->error_length = run->streams[1].length;
        }
    }
    if (!run->cancelled)
        run->done(run->context, answer);
    bj_run_free(run);
    if (after != NULL)
        after(session);
}

void bj_run_fail(struct bj_run *run, const struct bj_answer *base)
{
    struct bj_run_answer answer = {
        .base = *base, .sandbox = run->sandbox, .output = "", .error = ""};

    run->failure = base->error;
    finish(run, &answer, NULL);
}

static void fail(struct bj_run *run, const struct bj_error *err)
{
    struct bj_answer base = bj_answer_of(-err->code, err);

    bj_run_fail(run, &base);
}

/* ---- its end ---- */

static void forget(struct bj_run *run)
{
    struct sandbox *sandbox = bj_registry_find(run->service, run->sandbox);

    if (sandbox != NULL && run->session == NULL)
        bj_registry_forget_process(run->service, sandbox, run->process);
}

static void on_end(struct reading *reading, const struct bj_ending *ending,
                   const struct bj_error *err)
{
    struct bj_run *run = (struct bj_run *)((char *)reading - offsetof(struct bj_run, reading));
    struct bj_run_answer answer = {
        .base = {.record = run->record},
        .sandbox = run->sandbox,
        .process = run->process,
        .output = bj_buf_text(&run->streams[0]),
        .error = bj_buf_text(&run->streams[1]),
        .output_length = run->streams[0].length,
        .error_length = run->streams[1].length,
        .output_dropped = run->dropped[0],
        .error_dropped = run->dropped[1],
        .truncated = run->truncated,
    };

    if (ending == NULL) {
        fail(run, err);
        return;
    }
    answer.ending = *ending;
    forget(run);
    finish(run, &answer, ending);
}

static bool on_chunk(struct reading *reading, int stream, int64_t offset, const void *data,
                     size_t length)
{
    struct bj_run *run = (struct bj_run *)((char *)reading - offsetof(struct bj_run, reading));
    struct bj_buf *buf;
    size_t room;

    (void)offset;
    if (stream == 3) {
        bj_buf_append(&run->report, data, length);
        return true;
    }
    if (stream != 1 && stream != 2)
        return true;
    buf = &run->streams[stream - 1];
    room = buf->maximum - buf->length;
    if (buf->failed)
        room = 0;
    if (room > length)
        room = length;
    bj_buf_append(buf, data, room);
    if (room < length || buf->failed) {
        run->dropped[stream - 1] += (int64_t)(length - (buf->failed ? 0 : room));
        run->truncated = true;
    }
    return true;
}

static void on_lost(struct reading *reading, int64_t from, int64_t next)
{
    struct bj_run *run = (struct bj_run *)((char *)reading - offsetof(struct bj_run, reading));

    run->truncated = true;
    run->report_lost = true;
    run->dropped[0] += next - from;
}

/* ---- its beginning ---- */

static void ignore(void *context, struct bj_answer *base, const struct bj_keeper_answer *answer)
{
    (void)context;
    (void)base;
    (void)answer;
}

/* Its outcome shows in the process itself. */
static void submit_act(struct bj_run *run, enum bj_operation operation, const struct bj_act *act)
{
    struct submission submission = {.operation = operation,
                                    .who = &run->who.identity,
                                    .sandbox = bj_registry_find(run->service, run->sandbox),
                                    .act = *act};

    submission.act.sandbox = run->sandbox;
    submission.act.process = run->process;
    if (submission.sandbox != NULL)
        bj_submit(run->service, &submission, ignore, NULL, NULL, NULL);
}

static void kill_it(struct bj_run *run)
{
    submit_act(run, BJ_OPERATION_SIGNAL,
               &(struct bj_act){.kind = BJ_ACT_SIGNAL, .signal = SIGKILL, .group = true});
}

static void on_started(void *context, struct bj_answer *base,
                       const struct bj_keeper_answer *keepers)
{
    struct bj_run *run = context;
    struct bj_answer answer = *base;
    struct bj_error err = {0};
    struct sandbox *sandbox;
    struct process *process =
        bj_launch_answer(run->service, run->sandbox, &answer, keepers, &sandbox);

    run->record = base->record;
    if (process == NULL || answer.result < 0) {
        bj_run_fail(run, &answer);
        return;
    }
    run->started = true;
    if (run->cancelled)
        kill_it(run);
    else if (run->input != NULL)
        submit_act(run, BJ_OPERATION_INPUT,
                   &(struct bj_act){.kind = BJ_ACT_INPUT,
                                    .data = run->input,
                                    .length = run->input_length,
                                    .close = true});
    run->reading = (struct reading){.service = run->service,
                                    .process = run->process,
                                    .hold = true,
                                    .chunk = on_chunk,
                                    .lost = on_lost,
                                    .end = on_end};
    bj_str_copy(run->reading.sandbox, sizeof run->reading.sandbox, run->sandbox);
    if (bj_reading_begin(&run->reading, &err) < 0) {
        run->reading.service = NULL;
        kill_it(run); /* nobody would attend to it */
        fail(run, &err);
    }
}

static size_t output_maximum(const struct sandbox *sandbox, size_t asked)
{
    const json_t *own = json_object_get(sandbox->label, "output_mb");
    int64_t mib = own != NULL               ? json_integer_value(own)
                  : sandbox->preset != NULL ? sandbox->preset->source->config.output_limit_mb
                                            : 0;
    size_t most = mib > 0 && mib < BJ_CAPTURE_MAX >> 20 ? (size_t)mib << 20 : BJ_CAPTURE_MAX;

    if (asked == 0)
        asked = BJ_RUN_OUTPUT;
    return asked < most ? asked : most;
}

int bj_run_new(struct bj_service *service, const struct bj_caller *caller,
               const struct bj_run_request *request, struct bj_run **ret, struct bj_error *err)
{
    struct sandbox *sandbox;
    struct bj_run *run;
    size_t maximum;
    int result = bj_registry_resolve(service, caller, false, &sandbox, err);

    if (result < 0)
        return result;
    if (request->input_length > BJ_INPUT_MAX)
        return bj_fail(err, BJ_E_LIMIT, "process", "input: at most %d bytes", BJ_INPUT_MAX);
    run = bj_alloc(sizeof *run);
    if (run == NULL)
        return no_memory(err);
    run->service = service;
    bj_str_copy(run->sandbox, sizeof run->sandbox, sandbox->id);
    maximum = output_maximum(sandbox, request->output_maximum);
    bj_buf_init(&run->streams[0], maximum);
    bj_buf_init(&run->streams[1], maximum);
    bj_buf_init(&run->report, BJ_SHELL_REPORT_MAX);
    if (request->input != NULL) {
        run->input_length = request->input_length;
        run->input = bj_alloc(request->input_length + 1);
        if (run->input != NULL)
            memcpy(run->input, request->input, request->input_length);
    }
    result = request->input != NULL && run->input == NULL
                 ? no_memory(err)
                 : bj_identity_copy(caller->who, &run->who, err);
    if (result < 0)
        bj_run_free(run);
    else
        *ret = run;
    return result;
}

int bj_run_launch(struct bj_run *run, struct launch *launch, struct bj_error *err)
{
    struct bj_act *act = &launch->submission.act;

    run->process = act->process;
    act->flags |= BJ_START_HOLD;
    if (run->session == NULL)
        act->flags |= BJ_START_FORGET;
    if (run->input != NULL)
        act->flags |= BJ_START_STDIN;
    return bj_submit(run->service, &launch->submission, on_started, run, NULL, err);
}

static int start_plain(struct bj_service *service, const struct bj_caller *caller,
                       const struct bj_run_request *request, struct bj_run *run,
                       struct bj_error *err)
{
    struct launch launch;
    int result = bj_launch_prepare(service, caller, &request->process, NULL, &launch, err);

    if (result == 0)
        result = bj_run_launch(run, &launch, err);
    bj_launch_release(&launch);
    return result;
}

int bj_run_start(struct bj_service *service, const struct bj_caller *caller,
                 const struct bj_run_request *request, bj_run_fn done, void *context,
                 struct bj_run **ret, struct bj_error *err)
{
    struct bj_run *run;
    int result;

    if (request->process.terminal || request->process.stdin_open)
        return bj_fail(err, BJ_E_INVALID, "process",
                       "a terminal or open input is for processes that are started, not run");
    result = bj_run_new(service, caller, request, &run, err);
    if (result < 0)
        return result;
    run->done = done;
    run->context = context;
    result = request->shell != NULL ? bj_shell_run(service, caller, request, run, err)
                                    : start_plain(service, caller, request, run, err);
    if (result < 0) {
        bj_run_free(run);
        return result;
    }
    if (ret != NULL)
        *ret = run;
    return 0;
}

void bj_run_cancel(struct bj_run *run)
{
    if (run->cancelled)
        return;
    run->cancelled = true;
    if (run->started)
        kill_it(run);
}
