/*
 * What the helper for files does while somebody follows: watching a directory, and archives on
 * their way in and out. Archives do not pass through here: the caller gets the other end of the
 * helper's pipe.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/json_read.h"
#include "service/helper.h"

/* ---- what both have ---- */

/* A helper that runs on. */
struct stream {
    struct bj_service *service;
    struct reading reading;
    struct identity_copy who;
    char sandbox[BJ_SANDBOX_ID_MAX];
    uint32_t process;
    int64_t record;
    struct bj_buf line;
    json_t *end; /* the last record */
    bool bad, started, closed;
};

/* Hands every whole line to `take`; false: it is gone. */
static bool split(struct stream *stream, const void *data, size_t length,
                  bool (*take)(struct stream *stream, const json_t *record))
{
    const char *at = data, *end = at + length;

    while (at < end && !stream->bad) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        json_t *record = NULL;
        bool goes_on = true;

        bj_buf_append(&stream->line, at, (size_t)((newline != NULL ? newline : end) - at));
        if (newline == NULL)
            break;
        at = newline + 1;
        if (stream->line.failed ||
            bj_json_parse_within(bj_buf_text(&stream->line), stream->line.length,
                                 BJ_STREAM_RECORD_MAX, &record, NULL) < 0 ||
            !json_is_object(record)) {
            stream->bad = true;
        } else if (json_object_get(record, "end") != NULL ||
                   json_object_get(record, "error") != NULL) {
            json_decref(stream->end);
            stream->end = json_incref(record);
        } else {
            goes_on = take(stream, record);
        }
        json_decref(record);
        if (!goes_on)
            return false;
        stream->line.length = 0;
    }
    return true;
}

static void stream_init(struct stream *stream, struct bj_service *service,
                        const struct sandbox *sandbox)
{
    stream->service = service;
    bj_buf_init(&stream->line, BJ_STREAM_RECORD_MAX);
    bj_str_copy(stream->sandbox, sizeof stream->sandbox, sandbox->id);
}

static void stream_release(struct stream *stream)
{
    bj_reading_stop(&stream->reading);
    bj_buf_release(&stream->line);
    json_decref(stream->end);
}

/* It has no time-out: it ends with whoever asked for it. */
static int stream_start(struct stream *stream, const struct bj_caller *caller,
                        struct submission *submission, bj_submit_fn started, void *context,
                        struct bj_error *err)
{
    int result = bj_identity_copy(caller->who, &stream->who, err);

    if (result < 0)
        return result;
    submission->act.timeout_us = 0;
    stream->process = submission->act.process;
    return bj_submit(stream->service, submission, started, context, NULL, err);
}

static int stream_read(struct stream *stream,
                       bool (*chunk)(struct reading *, int, int64_t, const void *, size_t),
                       void (*end)(struct reading *, const struct bj_ending *,
                                   const struct bj_error *),
                       struct bj_error *err)
{
    int result;

    stream->reading = (struct reading){.service = stream->service,
                                       .process = stream->process,
                                       .hold = true,
                                       .chunk = chunk,
                                       .end = end};
    bj_str_copy(stream->reading.sandbox, sizeof stream->reading.sandbox, stream->sandbox);
    result = bj_reading_begin(&stream->reading, err);
    if (result < 0)
        stream->reading.service = NULL;
    return result;
}

static void ignore(void *context, struct bj_answer *base, const struct bj_keeper_answer *answer)
{
    (void)context;
    (void)base;
    (void)answer;
}

static void stream_kill(struct stream *stream)
{
    struct sandbox *sandbox = bj_registry_find(stream->service, stream->sandbox);

    if (sandbox == NULL || !stream->started || stream->end != NULL)
        return;
    bj_submit(stream->service,
              &(struct submission){.operation = BJ_OPERATION_SIGNAL,
                                   .who = &stream->who.identity,
                                   .sandbox = sandbox,
                                   .act = {.kind = BJ_ACT_SIGNAL,
                                           .sandbox = stream->sandbox,
                                           .process = stream->process,
                                           .signal = SIGKILL}},
              ignore, NULL, NULL, NULL);
}

/* How it went, by the last record and the end of the process. */
static struct bj_answer stream_answer(struct stream *stream, const struct bj_ending *ending,
                                      const struct bj_error *err)
{
    struct bj_answer answer = {.record = stream->record};
    struct sandbox *sandbox = bj_registry_find(stream->service, stream->sandbox);

    if (ending == NULL) {
        answer.error = *err;
        answer.result = -err->code;
        return answer;
    }
    if (sandbox != NULL)
        bj_registry_forget_process(stream->service, sandbox, stream->process);
    answer.result = bj_helper_result(stream->end, stream->bad, ending, &answer.error);
    return answer;
}

/* ---- watching ---- */

struct bj_watch {
    struct stream stream;
    const struct bj_watch_events *events;
    void *context;
    bool ended;
    uint32_t holders;
};

static struct bj_watch *watch_of(struct reading *reading)
{
    return (struct bj_watch *)((char *)reading - offsetof(struct bj_watch, stream.reading));
}

static void watch_let_go(struct bj_watch *watch)
{
    if (!watch->stream.closed || watch->holders > 0)
        return;
    stream_release(&watch->stream);
    bj_free(watch);
}

static void watch_end(struct bj_watch *watch, const struct bj_answer *answer)
{
    if (watch->ended || watch->stream.closed)
        return;
    watch->ended = true;
    watch->events->end(watch->context, answer);
}

static bool take_event(struct stream *stream, const json_t *record)
{
    static const char *const types[] = {"create", "write",    "remove", "rename",
                                        "chmod",  "overflow", NULL};
    struct bj_watch *watch = (struct bj_watch *)stream;
    const char *type = json_string_value(json_object_get(record, "event"));
    const char *path = json_string_value(json_object_get(record, "relative"));
    struct bj_watch_event event = {.path = path != NULL ? path : ""};

    if (json_is_true(json_object_get(record, "start")))
        watch->events->ready(watch->context);
    for (size_t i = 0; type != NULL && types[i] != NULL; i++) {
        if (bj_streq(types[i], type))
            event.type = types[i];
    }
    if (event.type != NULL)
        watch->events->event(watch->context, &event);
    return !stream->closed;
}

static bool on_watch_chunk(struct reading *reading, int number, int64_t offset, const void *data,
                           size_t length)
{
    struct bj_watch *watch = watch_of(reading);

    (void)offset;
    watch->holders++;
    if (number == 1)
        split(&watch->stream, data, length, take_event);
    watch->holders--;
    watch_let_go(watch);
    return true;
}

static void on_watch_end(struct reading *reading, const struct bj_ending *ending,
                         const struct bj_error *err)
{
    struct bj_watch *watch = watch_of(reading);
    struct bj_answer answer = stream_answer(&watch->stream, ending, err);

    watch->holders++;
    watch_end(watch, &answer);
    watch->holders--;
    watch_let_go(watch);
}

static void on_watch_started(void *context, struct bj_answer *base,
                             const struct bj_keeper_answer *keepers)
{
    struct bj_watch *watch = context;
    struct bj_answer answer = *base;
    struct sandbox *sandbox;

    watch->stream.record = base->record;
    if (bj_launch_answer(watch->stream.service, watch->stream.sandbox, &answer, keepers,
                         &sandbox) != NULL) {
        watch->stream.started = true;
        if (watch->stream.closed)
            stream_kill(&watch->stream);
        else
            answer.result =
                stream_read(&watch->stream, on_watch_chunk, on_watch_end, &answer.error);
    }
    if (answer.result < 0)
        watch_end(watch, &answer);
    watch->holders--;
    watch_let_go(watch);
}

int bj_watch_open(struct bj_service *service, const struct bj_caller *caller,
                  const struct bj_watch_request *request, struct bj_watch **ret,
                  struct bj_error *err)
{
    char path[BJ_PATH_MAX];
    const char *given[] = {"watch", request->recursive ? "--recursive" : "--", path, NULL, NULL};
    const char *words[BJ_HELPER_WORDS + 1];
    struct submission submission;
    struct sandbox *sandbox;
    struct bj_watch *watch;
    int result = bj_path_find(service, caller, request->path, &sandbox, path, err);

    if (result < 0)
        return result;
    if (request->recursive) {
        given[2] = "--";
        given[3] = path;
    }
    watch = bj_alloc(sizeof *watch);
    if (watch == NULL)
        return no_memory(err);
    stream_init(&watch->stream, service, sandbox);
    watch->events = request->events;
    watch->context = request->context;
    bj_helper_submission(
        sandbox, caller,
        &(struct bj_helper_request){.operation = BJ_OPERATION_WATCH, .path = path, .words = given},
        words, &submission);
    result = stream_start(&watch->stream, caller, &submission, on_watch_started, watch, err);
    if (result < 0) {
        stream_release(&watch->stream);
        bj_free(watch);
        return result;
    }
    watch->holders++;
    *ret = watch;
    return 0;
}

void bj_watch_close(struct bj_watch *watch)
{
    if (watch == NULL || watch->stream.closed)
        return;
    watch->stream.closed = true;
    if (!watch->ended)
        stream_kill(&watch->stream);
    bj_reading_stop(&watch->stream.reading);
    watch_let_go(watch);
}

/* ---- archives ---- */

struct archive {
    struct stream stream;
    struct bj_files_tar_request request; /* its path is not kept */
    int records_fd;                      /* up: what the helper says comes through its pipe; -1 */
    int content_fd; /* down: what was not handed out yet, since nothing came so far; -1 */
    uv_poll_t *poll;
};

static struct archive *archive_of(struct reading *reading)
{
    return (struct archive *)((char *)reading - offsetof(struct archive, stream.reading));
}

static void free_handle(uv_handle_t *handle)
{
    bj_free(handle);
}

static void stop_polling(struct archive *archive)
{
    if (archive->poll != NULL)
        uv_close((uv_handle_t *)archive->poll, free_handle);
    archive->poll = NULL;
}

/* What the helper writes, from here on to whoever asked. */
static void hand_out(struct archive *archive)
{
    stop_polling(archive);
    archive->request.ready(archive->request.context, &archive->content_fd);
    bj_fd_close(&archive->content_fd);
}

static void archive_end(struct archive *archive, const struct bj_answer *answer)
{
    if (archive->content_fd >= 0 && answer->result == 0)
        hand_out(archive);
    stop_polling(archive);
    bj_fd_close(&archive->content_fd);
    archive->request.done(archive->request.context, answer);
    if (archive->records_fd >= 0)
        close(archive->records_fd);
    stream_release(&archive->stream);
    bj_free(archive);
}

/* What could not be read and was left out is not told: only the end counts. */
static bool take_nothing(struct stream *stream, const json_t *record)
{
    (void)stream;
    (void)record;
    return true;
}

static bool on_archive_chunk(struct reading *reading, int number, int64_t offset, const void *data,
                             size_t length)
{
    (void)offset;
    if (number == 2 && archive_of(reading)->records_fd < 0)
        split(&archive_of(reading)->stream, data, length, take_nothing);
    return true;
}

/* It has ended, so what it said is all in the pipe: little, and never waited for. */
static void read_records(struct archive *archive)
{
    char bytes[8192];
    size_t all = 0;
    ssize_t count;

    if (fcntl(archive->records_fd, F_SETFL, O_NONBLOCK) < 0)
        return;
    while (all < BJ_STREAM_RECORD_MAX &&
           (count = read(archive->records_fd, bytes, sizeof bytes)) > 0) {
        split(&archive->stream, bytes, (size_t)count, take_nothing);
        all += (size_t)count;
    }
}

static void on_archive_end(struct reading *reading, const struct bj_ending *ending,
                           const struct bj_error *err)
{
    struct archive *archive = archive_of(reading);
    struct bj_answer answer;

    if (archive->records_fd >= 0)
        read_records(archive);
    answer = stream_answer(&archive->stream, ending, err);
    archive_end(archive, &answer);
}

static void on_content(uv_poll_t *poll, int status, int events)
{
    struct archive *archive = poll->data;
    int waiting = 0;

    (void)status;
    (void)events;
    if (ioctl(archive->content_fd, FIONREAD, &waiting) == 0 && waiting > 0)
        hand_out(archive);
    else
        stop_polling(archive); /* it ended without a word: its end says why */
}

/* An archive is begun when there is one, so that a path that is not there is an error. */
static int wait_for_content(struct archive *archive, struct bj_error *err)
{
    int result;

    archive->poll = bj_alloc(sizeof *archive->poll);
    if (archive->poll == NULL)
        return no_memory(err);
    result = uv_poll_init(archive->stream.service->loop, archive->poll, archive->content_fd);
    if (result < 0) {
        bj_free(archive->poll);
        archive->poll = NULL;
        return bj_fail(err, BJ_E_SYSTEM, "files", "cannot wait for the archive: %s",
                       uv_strerror(result));
    }
    archive->poll->data = archive;
    uv_poll_start(archive->poll, UV_READABLE, on_content);
    return 0;
}

/* The answer has its standard input and output, in this order. */
static int take_pipes(struct archive *archive, struct bj_fds *fds, struct bj_error *err)
{
    if (fds == NULL || fds->count != 2)
        return bj_fail(err, BJ_E_PROTOCOL, "files", "the keeper gave no pipes");
    if (!archive->request.up) {
        archive->content_fd = fds->fd[1];
        fds->fd[1] = -1;
        return wait_for_content(archive, err);
    }
    archive->records_fd = fds->fd[1];
    fds->fd[1] = -1;
    archive->request.ready(archive->request.context, &fds->fd[0]);
    return 0;
}

static void on_archive_started(void *context, struct bj_answer *base,
                               const struct bj_keeper_answer *keepers)
{
    struct archive *archive = context;
    struct bj_answer answer = *base;
    struct sandbox *sandbox;

    archive->stream.record = base->record;
    if (bj_launch_answer(archive->stream.service, archive->stream.sandbox, &answer, keepers,
                         &sandbox) != NULL) {
        archive->stream.started = true;
        answer.result =
            stream_read(&archive->stream, on_archive_chunk, on_archive_end, &answer.error);
        if (answer.result == 0)
            answer.result = take_pipes(archive, keepers->fds, &answer.error);
        if (answer.result < 0)
            stream_kill(&archive->stream);
    }
    if (answer.result < 0)
        archive_end(archive, &answer);
}

int bj_files_tar(struct bj_service *service, const struct bj_caller *caller,
                 const struct bj_files_tar_request *request, struct bj_error *err)
{
    char path[BJ_PATH_MAX];
    const char *given[6], *words[BJ_HELPER_WORDS + 1];
    struct submission submission;
    struct sandbox *sandbox;
    struct archive *archive;
    size_t count = 0;
    int result = bj_path_find(service, caller, request->path, &sandbox, path, err);

    if (result < 0)
        return result;
    archive = bj_alloc(sizeof *archive);
    if (archive == NULL)
        return no_memory(err);
    archive->request = *request;
    archive->request.path = NULL;
    archive->records_fd = archive->content_fd = -1;
    stream_init(&archive->stream, service, sandbox);
    given[count++] = request->up ? "tar-in" : "tar-out";
    if (!request->up)
        given[count++] = "--contents";
    if (!request->up && request->gzip)
        given[count++] = "--gzip";
    given[count++] = "--";
    given[count++] = path;
    given[count] = NULL;
    bj_helper_submission(sandbox, caller,
                         &(struct bj_helper_request){
                             .operation = request->up ? BJ_OPERATION_UPLOAD : BJ_OPERATION_DOWNLOAD,
                             .path = path,
                             .words = given},
                         words, &submission);
    submission.act.flags |= BJ_START_PIPES;
    result = stream_start(&archive->stream, caller, &submission, on_archive_started, archive, err);
    if (result < 0) {
        stream_release(&archive->stream);
        bj_free(archive);
    }
    return result;
}
