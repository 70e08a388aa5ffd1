/*
 * A client at a process's terminal or pipes, by WebSocket. Binary messages are bytes of the
 * process, both ways; text messages are JSON:
 *
 *   to the client:   {"type": "ready", "process": {…}}      once, first
 *                    {"type": "screen"}                     the binary messages up to the next text
 * are what paints the terminal as it is now
 *                    {"type": "stream", "stream", "offset"} the binary messages that follow are of
 * this stream, from this offset on
 *                    {"type": "lost", "from", "next"}
 *                    {"type": "end", "process"} or {"type": "error", "code", "message"}, then the
 * close to the service:  {"type": "resize", "rows", "columns"}
 *                    {"type": "input", "data"}              as text
 *                    {"type": "close"}                      of standard input
 */
#include "api/handling.h"
#include "api/objects.h"
#include "api/text.h"

#include <string.h>
#include <strings.h>

#include "api/schemas.h"
#include "base/str.h"
#include "model/json_read.h"

struct attach_call {
    struct bj_handling call;
    struct bj_attach *attach;
    bool upgraded, finished;
    int stream; /* that was announced last */
};

static void finish(struct attach_call *wanted)
{
    bj_attach_close(wanted->attach);
    bj_handling_free(&wanted->call);
}

/* Takes the object over. */
static void tell(struct attach_call *wanted, json_t *object)
{
    struct bj_buf text;

    bj_buf_init(&text, BJ_RESPONSE_MAX);
    bj_object_put(object, &text);
    if (!text.failed)
        bj_exchange_send_frame(wanted->call.exchange, false, text.data, text.length);
    bj_buf_release(&text);
    json_decref(object);
}

static void gone(void *context)
{
    struct attach_call *wanted = context;

    bj_exchange_end(wanted->call.exchange);
    finish(wanted);
}

/* ---- from the client ---- */

static const char *const message_types[] = {"input", "resize", "close", NULL};
static const struct bj_field message_fields[] = {
    BJ_TEXT("type", 0, BJ_NEEDED, .choices = message_types, BJ_SAYS "What it is."),
    BJ_TEXT("data", BJ_INPUT_MAX, BJ_SAYS "Text for the process."),
    BJ_WHOLE("rows", 1, 1000, BJ_SAYS "Of the terminal."),
    BJ_WHOLE("columns", 1, 1000, BJ_SAYS "Of the terminal."), BJ_END};
static const struct bj_schema message_schema = {"AttachMessage", "A message.", message_fields};

static int obey(struct attach_call *wanted, const json_t *message, bool *ret_wait,
                struct bj_error *err)
{
    const char *type = bj_field_text(message, "type"), *data = bj_field_text(message, "data");

    if (bj_streq(type, "resize"))
        return bj_attach_resize(wanted->attach, (uint16_t)bj_field_whole(message, "rows", 24),
                                (uint16_t)bj_field_whole(message, "columns", 80), err);
    if (bj_streq(type, "close"))
        return bj_attach_input(wanted->attach, "", 0, true, ret_wait, err);
    return bj_attach_input(wanted->attach, data != NULL ? data : "",
                           data != NULL ? strlen(data) : 0, false, ret_wait, err);
}

static int take_text(struct attach_call *wanted, const void *data, size_t length, bool *ret_wait,
                     struct bj_error *err)
{
    json_t *message = NULL;
    int result = bj_json_parse_within(data, length, 2 * BJ_INPUT_MAX, &message, err);

    if (result == 0)
        result = bj_schema_check(&message_schema, message, err);
    if (result == 0)
        result = obey(wanted, message, ret_wait, err);
    json_decref(message);
    return result;
}

static void complain(struct attach_call *wanted, const struct bj_error *err)
{
    tell(wanted, json_pack("{s:s, s:s, s:o}", "type", "error", "code", bj_code_name(err->code),
                           "message", bj_object_text(err->message)));
}

static void frame(void *context, bool binary, const void *data, size_t length)
{
    struct attach_call *wanted = context;
    struct bj_error err;
    bool wait = false;
    int result;

    if (wanted->finished)
        return;
    if (data == NULL) {
        wanted->finished = true;
        gone(wanted);
        return;
    }
    if (binary)
        result = bj_attach_input(wanted->attach, data, length, false, &wait, &err);
    else
        result = take_text(wanted, data, length, &wait, &err);
    if (result < 0)
        complain(wanted, &err);
    if (wait)
        bj_exchange_pause_frames(wanted->call.exchange, true);
}

/* ---- from the process ---- */

static void drain_frames(void *context)
{
    bj_attach_resume(((struct attach_call *)context)->attach);
}

static void ready(void *context, const struct bj_process_view *process)
{
    struct attach_call *wanted = context;

    if (!bj_exchange_upgrade(wanted->call.exchange, frame, wanted)) {
        finish(wanted); /* answered with an error */
        return;
    }
    wanted->upgraded = true;
    bj_exchange_on_drain(wanted->call.exchange, drain_frames, wanted);
    tell(wanted, json_pack("{s:s, s:o}", "type", "ready", "process", bj_object_process(process)));
}

static void screen(void *context, const void *data, size_t length)
{
    struct attach_call *wanted = context;

    tell(wanted, json_pack("{s:s}", "type", "screen"));
    bj_exchange_send_frame(wanted->call.exchange, true, data, length);
}

static bool chunk(void *context, int stream, int64_t offset, const void *data, size_t length)
{
    struct attach_call *wanted = context;

    if (stream < 1 || stream > 2)
        return true;
    if (stream != wanted->stream)
        tell(wanted, json_pack("{s:s, s:s, s:I}", "type", "stream", "stream",
                               bj_stream_names[stream], "offset", (json_int_t)offset));
    wanted->stream = stream;
    return bj_exchange_send_frame(wanted->call.exchange, true, data, length);
}

static void lost(void *context, int64_t from, int64_t next)
{
    tell(context, json_pack("{s:s, s:I, s:I}", "type", "lost", "from", (json_int_t)from, "next",
                            (json_int_t)next));
}

static void drain_input(void *context)
{
    struct attach_call *wanted = context;

    bj_exchange_pause_frames(wanted->call.exchange, false);
}

static void end(void *context, const struct bj_process_answer *answer)
{
    struct attach_call *wanted = context;
    struct bj_exchange *exchange = wanted->call.exchange;

    if (!wanted->upgraded) {
        bj_attach_close(wanted->attach);
        bj_handling_refuse(&wanted->call, &answer->base);
        return;
    }
    if (answer->base.result < 0)
        complain(wanted, &answer->base.error);
    else
        tell(wanted,
             json_pack("{s:s, s:o}", "type", "end", "process", bj_object_process(answer->process)));
    wanted->finished = true;
    bj_exchange_close_frames(exchange, answer->base.result < 0 ? 1011 : 1000,
                             answer->base.result < 0 ? "error" : "ended");
    bj_exchange_end(exchange);
    finish(wanted);
}

static const struct bj_attach_events events = {.ready = ready,
                                               .screen = screen,
                                               .chunk = chunk,
                                               .lost = lost,
                                               .drain = drain_input,
                                               .end = end};

static void open_attach(struct bj_handling *call)
{
    struct attach_call *wanted = (struct attach_call *)call;
    const json_t *query = call->exchange->query;
    struct bj_attach_request request = {
        .process = bj_parameter_number(call->exchange, 1),
        .offset = bj_field_whole(query, "offset", -1),
        .read_only = bj_field_true(query, "read_only"),
        .events = &events,
        .context = wanted,
    };
    struct bj_error err;

    if (bj_attach_open(call->service, &call->caller, &request, &wanted->attach, &err) < 0) {
        bj_handling_fail(call, &err);
        return;
    }
    bj_exchange_on_gone(call->exchange, gone, wanted);
}

/* Asked before anything is done: an ATTACH is an act, and recorded. */
static bool asks_for_websocket(const struct bj_exchange *exchange)
{
    const char *upgrade = bj_exchange_header(exchange, "Upgrade");

    return upgrade != NULL && strcasecmp(upgrade, "websocket") == 0 &&
           bj_streq(exchange->method, "GET");
}

void bj_get_process_attach(struct bj_exchange *exchange, struct bj_service *service)
{
    struct bj_handling *call;

    if (!asks_for_websocket(exchange)) {
        bj_exchange_want_upgrade(exchange, "websocket");
        return;
    }
    call = bj_handling_new(exchange, service, sizeof(struct attach_call));
    if (call != NULL)
        bj_handling_for(call, bj_path_sandbox(exchange), open_attach);
}
