/* Subscriptions to a process's output. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "service/reading.h"

struct bj_output_reader {
    struct reading reading;
    const struct bj_output_events *events;
    void *context;
};

static struct bj_output_reader *of(struct reading *reading)
{
    return (struct bj_output_reader *)((char *)reading -
                                       offsetof(struct bj_output_reader, reading));
}

/* Stream 3 is between a shell session and this process. */
static bool on_chunk(struct reading *reading, int stream, int64_t offset, const void *data,
                     size_t length)
{
    struct bj_output_reader *output = of(reading);

    return stream == 3 || output->events->chunk(output->context, stream, offset, data, length);
}

static void on_lost(struct reading *reading, int64_t from, int64_t next)
{
    struct bj_output_reader *output = of(reading);

    if (from != INT64_MAX)
        output->events->lost(output->context, from, next);
}

void bj_reading_answer(const struct reading *reading, const struct bj_ending *ending,
                       const struct bj_error *err, struct bj_process_view *view,
                       struct bj_process_answer *ret)
{
    struct sandbox *sandbox = bj_registry_find(reading->service, reading->sandbox);
    struct process *process =
        sandbox != NULL ? bj_registry_process(sandbox, reading->process) : NULL;

    *ret = (struct bj_process_answer){0};
    if (err != NULL) {
        ret->base = bj_answer_of(-err->code, err);
        return;
    }
    *view = (struct bj_process_view){.sandbox = reading->sandbox, .process = reading->process};
    if (process != NULL)
        bj_process_view(sandbox, process, view);
    if (ending != NULL) {
        view->ended = true;
        view->ending = *ending;
    }
    ret->process = view;
}

static void on_end(struct reading *reading, const struct bj_ending *ending,
                   const struct bj_error *err)
{
    struct bj_output_reader *output = of(reading);
    struct bj_process_answer answer;
    struct bj_process_view view;

    bj_reading_answer(reading, ending, err, &view, &answer);
    output->events->end(output->context, &answer);
}

int bj_output_open(struct bj_service *service, const struct bj_caller *caller,
                   const struct bj_output_request *request, struct bj_output_reader **ret,
                   struct bj_error *err)
{
    struct sandbox *sandbox;
    struct process *process;
    struct bj_output_reader *output;
    int result = bj_process_resolve(service, caller, request->process, &sandbox, &process, err);

    if (result < 0)
        return result;
    output = bj_alloc(sizeof *output);
    if (output == NULL)
        return no_memory(err);
    output->events = request->events;
    output->context = request->context;
    output->reading = (struct reading){.service = service,
                                       .process = request->process,
                                       .offset = request->offset < 0 ? INT64_MAX : request->offset,
                                       .now = request->now,
                                       .hold = request->hold,
                                       .chunk = on_chunk,
                                       .lost = on_lost,
                                       .end = on_end};
    bj_str_copy(output->reading.sandbox, sizeof output->reading.sandbox, sandbox->id);
    result = bj_reading_begin(&output->reading, err);
    if (result < 0)
        bj_free(output);
    else
        *ret = output;
    return result;
}

void bj_output_reader_resume(struct bj_output_reader *output)
{
    bj_reading_resume(&output->reading);
}

void bj_output_reader_close(struct bj_output_reader *output)
{
    if (output == NULL)
        return;
    bj_reading_stop(&output->reading);
    bj_free(output);
}
