/*
 * Attached clients: somebody at a process's terminal, or its pipes. What they type is permitted and
 * recorded once, by an ATTACH, and then goes to the keeper piece by piece; the record's outcome
 * says how much it was.
 *
 * Who comes to a terminal that has been used sees its screen: what the keeper still has of the
 * output is fed to an emulator until it has caught up, and its screen is painted; from there on
 * bytes are passed on as they come. The emulator takes a while for output that is made to cost
 * much, so it is fed a little at a time, as pace.c has it.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "service/reading.h"
#include "service/screen.h"

#define FEED_US 2000 /* that the emulator may take at a time */

struct bj_attach {
    struct bj_service *service;
    struct reading reading;
    struct identity_copy who;
    const struct bj_attach_events *events;
    void *context;
    char sandbox[BJ_SANDBOX_ID_MAX];
    uint32_t process;
    int64_t offset;
    bool read_only, terminal;
    uint64_t id;               /* of the ATTACH; 0 = none */
    bool ready, ended, closed; /* closed: freed when nobody holds it */
    uint32_t holders;          /* answers under way */
    size_t waiting;            /* bytes of input without an answer */
    bool full;                 /* the client was told to wait */
    struct bj_screen *screen;  /* while it catches up; else NULL */
    char *rest;                /* what it has not taken yet; owned */
    size_t rest_length;
};

static struct bj_attach *of(struct reading *reading)
{
    return (struct bj_attach *)((char *)reading - offsetof(struct bj_attach, reading));
}

static void let_go(struct bj_attach *attach)
{
    if (!attach->closed || attach->holders > 0)
        return;
    bj_screen_free(attach->screen);
    bj_free(attach->rest);
    bj_free(attach);
}

static void end(struct bj_attach *attach, const struct bj_process_answer *answer)
{
    if (attach->closed || attach->ended)
        return;
    attach->ended = true;
    attach->events->end(attach->context, answer);
}

static void fail(struct bj_attach *attach, const struct bj_answer *base)
{
    struct bj_process_answer answer = {.base = *base};

    end(attach, &answer);
}

static void fail_by(struct bj_attach *attach, const struct bj_error *err)
{
    struct bj_answer base = bj_answer_of(-err->code, err);

    fail(attach, &base);
}

/* ---- output ---- */

/* The screen as it is now; from here on bytes go to the client. */
static void paint(struct bj_attach *attach)
{
    struct bj_buf bytes;

    bj_buf_init(&bytes, BJ_SCREEN_PAINT_MAX);
    bj_screen_paint(attach->screen, &bytes);
    bj_screen_free(attach->screen);
    attach->screen = NULL;
    if (!bytes.failed && bytes.length > 0)
        attach->events->screen(attach->context, bytes.data, bytes.length);
    bj_buf_release(&bytes);
}

static void feed_rest(void *context)
{
    struct bj_attach *attach = context;
    struct bj_error err = {0};
    size_t taken;

    attach->holders--;
    if (attach->closed) {
        let_go(attach);
        return;
    }
    taken = bj_screen_feed(attach->screen, attach->rest, attach->rest_length, FEED_US);
    attach->rest_length -= taken;
    memmove(attach->rest, attach->rest + taken, attach->rest_length);
    if (attach->rest_length == 0) {
        bj_reading_resume(&attach->reading);
    } else if (bj_paced(attach->service, &attach->who.identity, feed_rest, attach, &err) == 0) {
        attach->holders++;
    } else {
        fail_by(attach, &err);
    }
}

/* False: it is fed when it is its turn. */
static bool feed(struct bj_attach *attach, const void *data, size_t length)
{
    attach->rest_length = length;
    bj_free(attach->rest);
    attach->rest = bj_alloc(attach->rest_length);
    if (attach->rest == NULL ||
        bj_paced(attach->service, &attach->who.identity, feed_rest, attach, NULL) < 0) {
        attach->rest_length = 0; /* without memory the screen lacks it */
        return true;
    }
    memcpy(attach->rest, data, attach->rest_length);
    attach->holders++;
    return false;
}

static bool on_chunk(struct reading *reading, int stream, int64_t offset, const void *data,
                     size_t length)
{
    struct bj_attach *attach = of(reading);

    if (stream == 3)
        return true;
    if (attach->screen != NULL)
        return feed(attach, data, length);
    return attach->events->chunk(attach->context, stream, offset, data, length);
}

/* Everything that was there has been read. */
static void on_caught_up(struct reading *reading)
{
    struct bj_attach *attach = of(reading);

    if (attach->screen != NULL && attach->rest_length == 0)
        paint(attach);
}

static void on_lost(struct reading *reading, int64_t from, int64_t next)
{
    struct bj_attach *attach = of(reading);

    if (attach->screen == NULL && from != INT64_MAX)
        attach->events->lost(attach->context, from, next);
}

static void on_end(struct reading *reading, const struct bj_ending *ending,
                   const struct bj_error *err)
{
    struct bj_attach *attach = of(reading);
    struct bj_process_answer answer;
    struct bj_process_view view;

    bj_reading_answer(reading, ending, err, &view, &answer);
    attach->holders++;
    if (attach->screen != NULL && ending != NULL)
        paint(attach);
    end(attach, &answer);
    attach->holders--;
    let_go(attach);
}

/* ---- beginning ---- */

static int begin_screen(struct bj_attach *attach, const struct process *process,
                        struct bj_error *err)
{
    if (!attach->terminal || attach->offset >= 0)
        return 0;
    return bj_screen_new(process->rows, process->columns, 0, &attach->screen, err);
}

static void begin(struct bj_attach *attach)
{
    struct sandbox *sandbox = bj_registry_find(attach->service, attach->sandbox);
    struct process *process =
        sandbox != NULL ? bj_registry_process(sandbox, attach->process) : NULL;
    struct bj_error err = {0};
    struct bj_process_view view;
    int result = process != NULL ? begin_screen(attach, process, &err)
                                 : bj_fail(&err, BJ_E_ENDED, "service", "the sandbox has ended");

    if (result == 0) {
        attach->reading = (struct reading){
            .service = attach->service,
            .process = attach->process,
            .offset = attach->screen != NULL ? 0
                      : attach->offset >= 0  ? attach->offset
                                             : INT64_MAX,
            /* Who names a byte wants all that follows it: a slow client makes the process wait. */
            .hold = attach->offset >= 0,
            .chunk = on_chunk,
            .caught_up = on_caught_up,
            .lost = on_lost,
            .end = on_end,
        };
        bj_str_copy(attach->reading.sandbox, sizeof attach->reading.sandbox, attach->sandbox);
        result = bj_reading_begin(&attach->reading, &err);
        if (result < 0)
            attach->reading.service = NULL;
    }
    if (result < 0) {
        fail_by(attach, &err);
        return;
    }
    attach->ready = true;
    bj_process_view(sandbox, process, &view);
    attach->events->ready(attach->context, &view);
}

static void on_attached(void *context, struct bj_answer *base,
                        const struct bj_keeper_answer *keepers)
{
    struct bj_attach *attach = context;

    (void)keepers;
    if (base->result < 0)
        attach->id = 0;
    if (!attach->closed && base->result < 0)
        fail(attach, base);
    else if (!attach->closed)
        begin(attach);
    attach->holders--;
    let_go(attach);
}

static void begin_watching(void *context)
{
    struct bj_attach *attach = context;

    if (!attach->closed)
        begin(attach);
    attach->holders--;
    let_go(attach);
}

static int check(const struct process *process, bool read_only, struct bj_error *err)
{
    if (read_only)
        return 0;
    if (process->ended)
        return bj_fail(err, BJ_E_CONFLICT, "process", "the process has ended; read its output");
    if ((process->flags & (BJ_START_TERMINAL | BJ_START_STDIN)) == 0)
        return bj_fail(err, BJ_E_CONFLICT, "process",
                       "the process takes no input: attach to it read-only");
    return 0;
}

int bj_attach_open(struct bj_service *service, const struct bj_caller *caller,
                   const struct bj_attach_request *request, struct bj_attach **ret,
                   struct bj_error *err)
{
    struct bj_attach *attach;
    struct sandbox *sandbox;
    struct process *process;
    int result = bj_process_resolve(service, caller, request->process, &sandbox, &process, err);

    if (result == 0)
        result = check(process, request->read_only, err);
    if (result < 0)
        return result;
    attach = bj_alloc(sizeof *attach);
    if (attach == NULL)
        return no_memory(err);
    attach->service = service;
    attach->events = request->events;
    attach->context = request->context;
    attach->process = request->process;
    attach->offset = request->offset;
    attach->read_only = request->read_only;
    attach->terminal = (process->flags & BJ_START_TERMINAL) != 0;
    bj_str_copy(attach->sandbox, sizeof attach->sandbox, sandbox->id);
    result = bj_identity_copy(caller->who, &attach->who, err);
    if (result == 0 && request->read_only)
        result = bj_later(service, begin_watching, attach, err);
    else if (result == 0)
        result = bj_submit(
            service,
            &(struct submission){.operation = BJ_OPERATION_ATTACH,
                                 .who = caller->who,
                                 .sandbox = sandbox,
                                 .request = {.tool = caller->tool, .arguments = caller->arguments},
                                 .act = {.kind = BJ_ACT_ATTACH,
                                         .sandbox = sandbox->id,
                                         .process = request->process}},
            on_attached, attach, &attach->id, err);
    if (result < 0) {
        bj_free(attach);
        return result;
    }
    attach->holders++;
    *ret = attach;
    return 0;
}

/* ---- input ---- */

struct piece {
    struct bj_attach *attach;
    size_t length;
};

static void on_written(void *context, const struct bj_keeper_answer *answer)
{
    struct piece *piece = context;
    struct bj_attach *attach = piece->attach;

    attach->waiting -= piece->length;
    bj_free(piece);
    /* A process that does not read any more is none that has ended: its output goes on. But input
     * that was refused is not to be lost without a word. */
    if (answer->result < 0 && answer->result != -BJ_E_ENDED && answer->error != NULL &&
        !attach->closed && !attach->ended) {
        struct bj_error err = *answer->error;

        fail_by(attach, &err);
    }
    if (attach->full && attach->waiting < BJ_INPUT_WAITING_MAX / 2 && !attach->closed &&
        !attach->ended) {
        attach->full = false;
        if (attach->events->drain != NULL)
            attach->events->drain(attach->context);
    }
    attach->holders--;
    let_go(attach);
}

static int send_piece(struct bj_attach *attach, const struct bj_act *act, size_t length,
                      struct bj_error *err)
{
    struct piece *piece = bj_alloc(sizeof *piece);
    int result;

    if (piece == NULL)
        return no_memory(err);
    *piece = (struct piece){attach, length};
    result = bj_keeper_input(attach->service->keeper, attach->id, act, on_written, piece, err);
    if (result < 0) {
        bj_free(piece);
        return result;
    }
    attach->waiting += length;
    attach->holders++;
    return 0;
}

static int check_input(const struct bj_attach *attach, struct bj_error *err)
{
    if (attach->read_only)
        return bj_fail(err, BJ_E_DENIED, "process", "attached to look only");
    if (!attach->ready || attach->ended)
        return bj_fail(err, BJ_E_CONFLICT, "process", "%s",
                       attach->ended ? "the process has ended" : "not attached yet");
    return 0;
}

int bj_attach_input(struct bj_attach *attach, const void *data, size_t length, bool close,
                    bool *ret_wait, struct bj_error *err)
{
    const char *at = data;
    int result = check_input(attach, err);

    if (ret_wait != NULL)
        *ret_wait = false;
    while (result == 0 && (length > 0 || close)) {
        size_t part = length < BJ_INPUT_MAX ? length : BJ_INPUT_MAX;
        bool last = part == length;

        result = send_piece(attach,
                            &(struct bj_act){.kind = BJ_ACT_INPUT,
                                             .sandbox = attach->sandbox,
                                             .owner = attach->who.identity.owner,
                                             .process = attach->process,
                                             .data = at,
                                             .length = part,
                                             .close = close && last},
                            part, err);
        at += part;
        length -= part;
        close = close && !last;
    }
    if (result == 0 && attach->waiting >= BJ_INPUT_WAITING_MAX) {
        attach->full = true;
        if (ret_wait != NULL)
            *ret_wait = true;
    }
    return result;
}

int bj_attach_resize(struct bj_attach *attach, uint16_t rows, uint16_t columns,
                     struct bj_error *err)
{
    int result = check_input(attach, err);

    if (result == 0 && !attach->terminal)
        result = bj_fail(err, BJ_E_CONFLICT, "process", "the process has no terminal");
    if (result == 0 && (rows == 0 || columns == 0))
        result = bj_fail(err, BJ_E_INVALID, "process", "expected rows and columns of at least 1");
    if (result == 0 && attach->screen != NULL)
        result = bj_screen_resize(attach->screen, rows, columns, err);
    return result < 0 ? result
                      : send_piece(attach,
                                   &(struct bj_act){.kind = BJ_ACT_RESIZE,
                                                    .sandbox = attach->sandbox,
                                                    .owner = attach->who.identity.owner,
                                                    .process = attach->process,
                                                    .rows = rows,
                                                    .columns = columns},
                                   0, err);
}

void bj_attach_resume(struct bj_attach *attach)
{
    if (attach->rest_length == 0)
        bj_reading_resume(&attach->reading);
}

void bj_attach_close(struct bj_attach *attach)
{
    if (attach == NULL || attach->closed)
        return;
    attach->closed = true;
    bj_reading_stop(&attach->reading);
    if (attach->id != 0)
        bj_keeper_detach(attach->service->keeper, attach->id);
    let_go(attach);
}
