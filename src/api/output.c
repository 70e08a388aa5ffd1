/*
 * A process's output, from an offset on: as events that say what came when from where, or as the
 * bytes alone. Offsets count over both streams, and an event's id is the offset behind it, so that
 * a client that comes back goes on where it stopped.
 */
#include "api/handling.h"
#include "api/objects.h"
#include "api/sse.h"
#include "base/base64.h"
#include "base/str.h"

struct output_call {
    struct bj_handling call;
    struct bj_output_reader *output;
    struct bj_sse *sse; /* NULL: bytes alone */
    int only;           /* this stream; 0 = both */
    bool whole;         /* no byte may be missing from here on: the client cannot see where */
};

static void finish(struct output_call *wanted, bool whole)
{
    struct bj_exchange *exchange = wanted->call.exchange;

    bj_output_reader_close(wanted->output);
    if (wanted->sse != NULL)
        (whole ? bj_sse_end : bj_sse_break)(wanted->sse);
    else
        (whole ? bj_exchange_end : bj_exchange_reset)(exchange);
    bj_handling_free(&wanted->call);
}

static void gone(void *context)
{
    finish(context, false);
}

static void drain(void *context)
{
    bj_output_reader_resume(((struct output_call *)context)->output);
}

/* Text where the bytes are text, else base64: a chunk may end within a character. */
static json_t *chunk_object(int stream, int64_t offset, const void *data, size_t length)
{
    json_t *text = json_stringn(data, length), *object;
    const char *name = "text";
    struct bj_buf encoded;

    if (text == NULL) {
        name = "base64";
        bj_buf_init(&encoded, BJ_RESPONSE_MAX);
        bj_base64_put(&encoded, data, length);
        text = json_stringn(bj_buf_text(&encoded), encoded.length);
        bj_buf_release(&encoded);
    }
    object = json_pack("{s:s, s:I, s:o}", "stream", bj_stream_names[stream], "offset",
                       (json_int_t)offset, name, text);
    return object;
}

static bool chunk(void *context, int stream, int64_t offset, const void *data, size_t length)
{
    struct output_call *wanted = context;

    if (stream < 1 || stream > 2 || (wanted->only != 0 && stream != wanted->only))
        return true;
    if (wanted->sse != NULL)
        return bj_sse_send(wanted->sse, "output", offset + (int64_t)length,
                           chunk_object(stream, offset, data, length));
    wanted->whole = true;
    return bj_exchange_write(wanted->call.exchange, data, length);
}

static void lost(void *context, int64_t from, int64_t next)
{
    struct output_call *wanted = context;

    if (wanted->sse != NULL)
        bj_sse_send(wanted->sse, "lost", next,
                    json_pack("{s:I, s:I}", "from", (json_int_t)from, "next", (json_int_t)next));
    else if (wanted->whole)
        finish(wanted, false); /* bytes cannot say that some are missing; a broken answer does */
}

static void end(void *context, const struct bj_process_answer *answer)
{
    struct output_call *wanted = context;
    bool whole = answer->base.result >= 0;

    if (wanted->sse != NULL && whole)
        bj_sse_send(wanted->sse, answer->process->ended ? "end" : "now", -1,
                    bj_object_process(answer->process));
    else if (wanted->sse != NULL)
        bj_sse_send(wanted->sse, "error", -1,
                    json_pack("{s:s, s:o}", "code", bj_code_name(answer->base.error.code),
                              "message", bj_object_text(answer->base.error.message)));
    /* Events have said what is wrong; bytes cannot. */
    finish(wanted, whole || wanted->sse != NULL);
}

static const struct bj_output_events events = {.chunk = chunk, .lost = lost, .end = end};

static void begin(struct output_call *wanted)
{
    struct bj_exchange *exchange = wanted->call.exchange;

    if (bj_sse_wanted(exchange)) {
        wanted->sse = bj_sse_begin(exchange, bj_service_loop(wanted->call.service));
        if (wanted->sse == NULL) {
            bj_output_reader_close(wanted->output);
            bj_handling_free(&wanted->call);
            return;
        }
    } else {
        bj_exchange_begin(exchange, 200, "application/octet-stream");
    }
    bj_exchange_on_drain(exchange, drain, wanted);
    bj_exchange_on_gone(exchange, gone, wanted);
}

static int stream_of(const char *name)
{
    return name == NULL ? 0 : bj_streq(name, bj_stream_names[1]) ? 1 : 2;
}

/* From where on, and how far. */
static int read_range(struct output_call *wanted, struct bj_output_request *request,
                      struct bj_error *err)
{
    const struct bj_exchange *exchange = wanted->call.exchange;
    const json_t *follow = json_object_get(exchange->query, "follow");
    bool sse = bj_sse_wanted(exchange);
    int64_t last;

    if (!bj_sse_last(exchange, &last))
        return bj_fail(err, BJ_E_INVALID, "request", "header Last-Event-ID must be an offset");
    request->offset = sse && last >= 0 ? last : bj_field_whole(exchange->query, "offset", 0);
    /* Who names no offset wants what is kept; who names one goes on from there. */
    wanted->whole = json_object_get(exchange->query, "offset") != NULL && request->offset >= 0;
    request->hold = bj_field_true(exchange->query, "hold");
    /* What would follow on HEAD may not end. */
    request->now =
        bj_streq(exchange->method, "HEAD") || !(follow != NULL ? json_is_true(follow) : sse);
    wanted->only = stream_of(bj_field_text(exchange->query, "stream"));
    return 0;
}

static void open_output(struct bj_handling *call)
{
    struct output_call *wanted = (struct output_call *)call;
    struct bj_output_request request = {
        .process = bj_parameter_number(call->exchange, 1), .events = &events, .context = wanted};
    struct bj_error err;
    int result = read_range(wanted, &request, &err);

    if (result == 0)
        result = bj_output_open(call->service, &call->caller, &request, &wanted->output, &err);
    if (result < 0)
        bj_handling_fail(call, &err);
    else
        begin(wanted);
}

void bj_get_process_output(struct bj_exchange *exchange, struct bj_service *service)
{
    struct bj_handling *call = bj_handling_new(exchange, service, sizeof(struct output_call));

    if (call != NULL)
        bj_handling_for(call, bj_path_sandbox(exchange), open_output);
}
