/* Processes that clients start and act on. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "service/service_internal.h"

int bj_process_resolve(const struct bj_service *service, const struct bj_caller *caller,
                       uint32_t id, struct sandbox **ret_sandbox, struct process **ret,
                       struct bj_error *err)
{
    int result = bj_registry_resolve(service, caller, false, ret_sandbox, err);

    if (result < 0)
        return result;
    *ret = bj_registry_process(*ret_sandbox, id);
    if (*ret != NULL && json_object_get((*ret)->label, "helper") == NULL)
        return 0;
    return bj_fail(err, BJ_E_NOT_FOUND, "process", "no such process: %u", id);
}

/* ---- start ---- */

struct starting {
    struct bj_service *service;
    char sandbox[BJ_SANDBOX_ID_MAX];
    bj_process_fn done;
    void *context;
};

static void on_started(void *context, struct bj_answer *base,
                       const struct bj_keeper_answer *keepers)
{
    struct starting *starting = context;
    struct bj_process_answer answer = {.base = *base};
    struct bj_process_view view;
    struct sandbox *sandbox;
    struct process *process =
        bj_launch_answer(starting->service, starting->sandbox, &answer.base, keepers, &sandbox);

    if (process != NULL && answer.base.result == 0) {
        bj_process_view(sandbox, process, &view);
        answer.process = &view;
    }
    starting->done(starting->context, &answer);
    bj_free(starting);
}

int bj_process_launch(struct bj_service *service, const struct bj_caller *caller,
                      const struct bj_process_request *request, bj_process_fn done, void *context,
                      struct bj_error *err)
{
    struct starting *starting = bj_alloc(sizeof *starting);
    struct launch launch;
    int result;

    if (starting == NULL)
        return no_memory(err);
    *starting = (struct starting){.service = service, .done = done, .context = context};
    result = bj_launch_prepare(service, caller, request, NULL, &launch, err);
    if (result == 0) {
        bj_str_copy(starting->sandbox, sizeof starting->sandbox, launch.submission.sandbox->id);
        result = bj_submit(service, &launch.submission, on_started, starting, NULL, err);
    }
    bj_launch_release(&launch);
    if (result < 0)
        bj_free(starting);
    return result;
}

/* ---- wait ---- */

struct over {
    struct bj_service *service;
    char sandbox[BJ_SANDBOX_ID_MAX];
    uint32_t process;
    bj_process_fn done;
    void *context;
};

static void answer_over(void *context)
{
    struct over *over = context;
    struct sandbox *sandbox = bj_registry_find(over->service, over->sandbox);
    struct process *process = sandbox != NULL ? bj_registry_process(sandbox, over->process) : NULL;
    struct bj_process_answer answer = {0};
    struct bj_process_view view;

    if (process != NULL) {
        bj_process_view(sandbox, process, &view);
        answer.process = &view;
    } else {
        answer.base.result =
            bj_fail(&answer.base.error, BJ_E_ENDED, "service", "the sandbox has ended");
    }
    over->done(over->context, &answer);
    bj_free(over);
}

static int answer_soon(struct bj_service *service, const struct sandbox *sandbox, uint32_t process,
                       bj_process_fn done, void *context, struct bj_error *err)
{
    struct over *over = bj_alloc(sizeof *over);
    int result;

    if (over == NULL)
        return no_memory(err);
    *over = (struct over){.service = service, .process = process, .done = done, .context = context};
    bj_str_copy(over->sandbox, sizeof over->sandbox, sandbox->id);
    result = bj_later(service, answer_over, over, err);
    if (result < 0)
        bj_free(over);
    return result;
}

int bj_process_wait(struct bj_service *service, const struct bj_caller *caller, uint32_t id,
                    bj_process_fn done, void *context, struct bj_error *err)
{
    struct sandbox *sandbox;
    struct process *process;
    struct waiter *waiter;
    int result = bj_process_resolve(service, caller, id, &sandbox, &process, err);

    if (result < 0)
        return result;
    if (process->ended)
        return answer_soon(service, sandbox, id, done, context, err);
    waiter = bj_alloc(sizeof *waiter);
    if (waiter == NULL)
        return no_memory(err);
    *waiter = (struct waiter){.next = process->waiters, .done = done, .context = context};
    process->waiters = waiter;
    return 0;
}

bool bj_process_wait_cancel(struct bj_service *service, const struct bj_caller *caller, uint32_t id,
                            bj_process_fn done, void *context)
{
    struct sandbox *sandbox;
    struct process *process;

    if (bj_process_resolve(service, caller, id, &sandbox, &process, NULL) < 0)
        return false;
    for (struct waiter **link = &process->waiters; *link != NULL; link = &(*link)->next) {
        struct waiter *waiter = *link;

        if (waiter->done != done || waiter->context != context)
            continue;
        *link = waiter->next;
        bj_free(waiter);
        return true;
    }
    return false;
}

/* ---- small acts ---- */

struct asking {
    bj_answer_fn done;
    void *context;
};

static void on_done(void *context, struct bj_answer *base, const struct bj_keeper_answer *keepers)
{
    struct asking *asking = context;

    (void)keepers;
    asking->done(asking->context, base);
    bj_free(asking);
}

static int send_act(struct bj_service *service, const struct submission *submission,
                    bj_answer_fn done, void *context, struct bj_error *err)
{
    struct asking *asking = bj_alloc(sizeof *asking);
    int result;

    if (asking == NULL)
        return no_memory(err);
    *asking = (struct asking){done, context};
    result = bj_submit(service, submission, on_done, asking, NULL, err);
    if (result < 0)
        bj_free(asking);
    return result;
}

int bj_process_signal(struct bj_service *service, const struct bj_caller *caller,
                      const struct bj_signal_request *request, bj_answer_fn done, void *context,
                      struct bj_error *err)
{
    struct sandbox *sandbox;
    struct process *process = NULL;
    int result;

    if (request->signal < 1 || request->signal > 64)
        return bj_fail(err, BJ_E_INVALID, "process", "signal: expected a number from 1 to 64");
    result = request->process == 0
                 ? bj_registry_resolve(service, caller, false, &sandbox, err)
                 : bj_process_resolve(service, caller, request->process, &sandbox, &process, err);
    if (result < 0)
        return result;
    if (process != NULL && process->ended)
        return bj_fail(err, BJ_E_CONFLICT, "process", "the process has ended");
    return send_act(service,
                    &(struct submission){.operation = BJ_OPERATION_SIGNAL,
                                         .who = caller->who,
                                         .sandbox = sandbox,
                                         .act = {.kind = BJ_ACT_SIGNAL,
                                                 .sandbox = sandbox->id,
                                                 .process = request->process,
                                                 .signal = request->signal,
                                                 .group = request->group}},
                    done, context, err);
}

static int resolve_running(const struct bj_service *service, const struct bj_caller *caller,
                           uint32_t id, struct sandbox **ret_sandbox, struct process **ret,
                           struct bj_error *err)
{
    int result = bj_process_resolve(service, caller, id, ret_sandbox, ret, err);

    if (result == 0 && (*ret)->ended)
        result = bj_fail(err, BJ_E_CONFLICT, "process", "the process has ended");
    return result;
}

int bj_process_input(struct bj_service *service, const struct bj_caller *caller,
                     const struct bj_input_request *request, bj_answer_fn done, void *context,
                     struct bj_error *err)
{
    struct sandbox *sandbox;
    struct process *process;
    int result = resolve_running(service, caller, request->process, &sandbox, &process, err);

    if (result < 0)
        return result;
    if ((process->flags & (BJ_START_TERMINAL | BJ_START_STDIN)) == 0)
        return bj_fail(err, BJ_E_CONFLICT, "process",
                       "the process takes no input: it was started without");
    if (request->length > BJ_INPUT_MAX)
        return bj_fail(err, BJ_E_LIMIT, "process", "at most %d bytes of input at once",
                       BJ_INPUT_MAX);
    return send_act(service,
                    &(struct submission){.operation = BJ_OPERATION_INPUT,
                                         .who = caller->who,
                                         .sandbox = sandbox,
                                         .act = {.kind = BJ_ACT_INPUT,
                                                 .sandbox = sandbox->id,
                                                 .process = request->process,
                                                 .data = request->data,
                                                 .length = request->length,
                                                 .close = request->close}},
                    done, context, err);
}

int bj_process_resize(struct bj_service *service, const struct bj_caller *caller, uint32_t id,
                      const uint16_t rows_columns[2], bj_answer_fn done, void *context,
                      struct bj_error *err)
{
    struct sandbox *sandbox;
    struct process *process;
    int result = resolve_running(service, caller, id, &sandbox, &process, err);

    if (result < 0)
        return result;
    if ((process->flags & BJ_START_TERMINAL) == 0)
        return bj_fail(err, BJ_E_CONFLICT, "process", "the process has no terminal");
    if (rows_columns[0] == 0 || rows_columns[1] == 0)
        return bj_fail(err, BJ_E_INVALID, "process", "expected rows and columns of at least 1");
    return send_act(service,
                    &(struct submission){.operation = BJ_OPERATION_RESIZE,
                                         .who = caller->who,
                                         .sandbox = sandbox,
                                         .act = {.kind = BJ_ACT_RESIZE,
                                                 .sandbox = sandbox->id,
                                                 .process = id,
                                                 .rows = rows_columns[0],
                                                 .columns = rows_columns[1]}},
                    done, context, err);
}
