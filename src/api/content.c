/*
 * The content of files, of any size: out of and into a descriptor that the service hands over. And
 * directories as tar, through a pipe.
 */
#include "api/handling.h"
#include "api/objects.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

struct content_call {
    struct bj_handling call;
    int fd;
    int64_t from, length;
    char path[BJ_PATH_MAX];
    /* Of an archive: both its pipe and its helper end, in either order. */
    bool sent, done, ready;
    int result;
    struct bj_error err;
};

static void release(struct bj_handling *call)
{
    bj_fd_close(&((struct content_call *)call)->fd);
}

static void begin_call(struct bj_exchange *exchange, struct bj_service *service, bj_handling_fn go)
{
    struct content_call *content =
        (struct content_call *)bj_handling_new(exchange, service, sizeof *content);

    if (content == NULL)
        return;
    content->fd = -1;
    content->call.release = release;
    bj_handling_for(&content->call, bj_path_sandbox(exchange), go);
}

/* ---- one file, out ---- */

/* A number of a range, or -1 where there is none. False: it is neither. */
static bool read_bound(const char *text, size_t length, int64_t *ret)
{
    char number[24];

    *ret = -1;
    if (length == 0)
        return true;
    if (length >= sizeof number)
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    return bj_parse_int64(number, ret) && *ret >= 0;
}

/* One range of bytes. What is not understood is as if it were not there, and so are several. */
static bool read_bounds(const char *header, int64_t *ret_first, int64_t *ret_last)
{
    const char *dash;

    if (header == NULL || !bj_starts_with(header, "bytes=") || strchr(header, ',') != NULL)
        return false;
    header += strlen("bytes=");
    dash = strchr(header, '-');
    return dash != NULL && read_bound(header, (size_t)(dash - header), ret_first) &&
           read_bound(dash + 1, strlen(dash + 1), ret_last) &&
           (*ret_first >= 0 || *ret_last >= 0) &&
           (*ret_first < 0 || *ret_last < 0 || *ret_first <= *ret_last);
}

/* RFC 9110, section 14. True: send from..length; otherwise 416. */
static bool read_range(const char *header, int64_t size, int64_t *from, int64_t *length,
                       bool *ret_part)
{
    int64_t first, last;

    *from = 0;
    *length = size;
    *ret_part = read_bounds(header, &first, &last);
    if (!*ret_part)
        return true;
    if (first < 0) { /* the last so many bytes */
        first = last < size ? size - last : 0;
        last = -1;
    }
    if (first >= size) {
        *ret_part = false;
        return false;
    }
    *from = first;
    *length = (last >= 0 && last < size ? last : size - 1) - first + 1;
    return true;
}

static void was_sent(void *context, int result, int64_t bytes, const struct bj_error *err)
{
    struct content_call *content = context;

    (void)err;
    if (result < 0 || bytes < content->length)
        bj_exchange_reset(content->call.exchange);
    else
        bj_exchange_end(content->call.exchange);
    bj_handling_free(&content->call);
}

static void fail_range(struct content_call *content, int64_t size)
{
    struct bj_error err;
    char text[64];

    snprintf(text, sizeof text, "bytes */%" PRId64, size);
    bj_exchange_set_header(content->call.exchange, "Content-Range", text);
    bj_fail(&err, BJ_E_INVALID, "range", "the file has %" PRId64 " bytes; the range begins behind",
            size);
    bj_exchange_fail_with(content->call.exchange, &err,
                          &(struct bj_failure){.which = BJ_API_RANGE});
    bj_handling_free(&content->call);
}

static void send_content(struct content_call *content, int64_t size, bool part)
{
    struct bj_exchange *exchange = content->call.exchange;
    char text[96];

    snprintf(text, sizeof text, "%" PRId64, content->length);
    bj_exchange_set_header(exchange, "Content-Length", text);
    bj_exchange_set_header(exchange, "Accept-Ranges", "bytes");
    /* What a workload wrote is never to be taken for a page of this service's. */
    bj_exchange_set_header(exchange, "Content-Disposition", "attachment");
    if (part) {
        snprintf(text, sizeof text, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, content->from,
                 content->from + content->length - 1, size);
        bj_exchange_set_header(exchange, "Content-Range", text);
    }
    bj_exchange_begin(exchange, part ? 206 : 200, "application/octet-stream");
    if (bj_streq(exchange->method, "HEAD")) {
        bj_exchange_end(exchange);
        bj_handling_free(&content->call);
        return;
    }
    bj_exchange_send_file(exchange, content->fd, content->from, content->length, was_sent, content);
}

static void opened_to_read(void *context, struct bj_file_answer *answer)
{
    struct content_call *content = context;
    const char *range = bj_exchange_header(content->call.exchange, "Range");
    bool part;

    if (answer->base.result < 0) {
        bj_handling_refuse(&content->call, &answer->base);
        return;
    }
    content->fd = bj_fd_take(&answer->fd);
    if (!read_range(range, answer->size, &content->from, &content->length, &part))
        fail_range(content, answer->size);
    else
        send_content(content, answer->size, part);
}

static void open_to_read(struct bj_handling *call)
{
    struct bj_file_open_request request = {
        .path = bj_field_text(call->exchange->query, "path"),
    };
    struct bj_error err;

    bj_handling_check(
        call, bj_file_open(call->service, &call->caller, &request, opened_to_read, call, &err),
        &err);
}

void bj_get_content(struct bj_exchange *exchange, struct bj_service *service)
{
    begin_call(exchange, service, open_to_read);
}

/* ---- one file, in ---- */

static void was_received(void *context, int result, int64_t bytes, const struct bj_error *err)
{
    struct content_call *content = context;

    if (result < 0)
        bj_handling_fail(&content->call, err);
    else
        bj_handling_json(&content->call, 200,
                         json_pack("{s:o, s:I}", "path", bj_object_text(content->path), "size",
                                   (json_int_t)bytes));
}

static void opened_to_write(void *context, struct bj_file_answer *answer)
{
    struct content_call *content = context;

    if (answer->base.result < 0) {
        bj_handling_refuse(&content->call, &answer->base);
        return;
    }
    content->fd = bj_fd_take(&answer->fd);
    bj_str_copy(content->path, sizeof content->path, answer->path);
    bj_exchange_receive_file(content->call.exchange, content->fd, INT64_MAX, was_received, content);
}

static void open_to_write(struct bj_handling *call)
{
    const json_t *query = call->exchange->query;
    struct bj_file_open_request request = {
        .path = bj_field_text(query, "path"),
        .write = true,
        .append = bj_field_true(query, "append"),
        .exclusive = bj_field_true(query, "exclusive"),
        .parents = true,
    };
    struct bj_error err;

    if (!bj_field_mode(query, "mode", 0, &request.mode, &err)) {
        bj_handling_fail(call, &err);
        return;
    }
    bj_handling_check(
        call, bj_file_open(call->service, &call->caller, &request, opened_to_write, call, &err),
        &err);
}

void bj_put_content(struct bj_exchange *exchange, struct bj_service *service)
{
    begin_call(exchange, service, open_to_write);
}

/* ---- directories ---- */

/* Answers when the pipe and the helper have both ended. */
static void finish_archive(struct content_call *content, bool down)
{
    struct bj_exchange *exchange = content->call.exchange;

    if (!content->sent || !content->done)
        return;
    if (!down) {
        if (content->result < 0)
            bj_handling_fail(&content->call, &content->err);
        else
            bj_handling_empty(&content->call);
        return;
    }
    if (content->result < 0)
        bj_exchange_reset(exchange);
    else
        bj_exchange_end(exchange);
    bj_handling_free(&content->call);
}

static void note_failure(struct content_call *content, const struct bj_error *err)
{
    if (content->result < 0)
        return;
    content->result = -err->code;
    content->err = *err;
}

static void archive_sent(void *context, int result, int64_t bytes, const struct bj_error *err)
{
    struct content_call *content = context;

    (void)bytes;
    bj_fd_close(&content->fd); /* its helper is to see that nobody reads, or that this was all */
    content->sent = true;
    if (result < 0)
        note_failure(content, err);
    finish_archive(content, true);
}

static void archive_received(void *context, int result, int64_t bytes, const struct bj_error *err)
{
    struct content_call *content = context;

    (void)bytes;
    bj_fd_close(&content->fd);
    content->sent = true;
    if (result < 0)
        note_failure(content, err);
    finish_archive(content, false);
}

static void archive_ended(struct content_call *content, const struct bj_answer *answer, bool down)
{
    if (!content->ready) {
        if (answer->result < 0)
            bj_handling_refuse(&content->call, answer);
        else
            bj_handling_empty(&content->call);
        return;
    }
    content->done = true;
    /* The helper knows better what was wrong than the end of its pipe. */
    if (answer->result < 0) {
        content->result = answer->result;
        content->err = answer->error;
    }
    finish_archive(content, down);
}

static void down_ended(void *context, const struct bj_answer *answer)
{
    archive_ended(context, answer, true);
}

static void up_ended(void *context, const struct bj_answer *answer)
{
    archive_ended(context, answer, false);
}

static const char *archive_type(const struct bj_exchange *exchange)
{
    return bj_field_true(exchange->query, "gzip") ? "application/gzip" : "application/x-tar";
}

static void down_ready(void *context, int *fd)
{
    struct content_call *content = context;
    struct bj_exchange *exchange = content->call.exchange;

    content->fd = bj_fd_take(fd);
    content->ready = true;
    bj_exchange_set_header(exchange, "Content-Disposition", "attachment");
    bj_exchange_begin(exchange, 200, archive_type(exchange));
    bj_exchange_send_file(exchange, content->fd, 0, -1, archive_sent, content);
}

static void up_ready(void *context, int *fd)
{
    struct content_call *content = context;

    content->fd = bj_fd_take(fd);
    content->ready = true;
    bj_exchange_receive_file(content->call.exchange, content->fd, INT64_MAX, archive_received,
                             content);
}

static void archive(struct bj_handling *call, bool up)
{
    struct bj_files_tar_request request = {
        .path = bj_field_text(call->exchange->query, "path"),
        .up = up,
        .gzip = bj_field_true(call->exchange->query, "gzip"),
        .ready = up ? up_ready : down_ready,
        .done = up ? up_ended : down_ended,
        .context = call,
    };
    struct bj_error err;

    if (request.path == NULL)
        request.path = ".";
    bj_handling_check(call, bj_files_tar(call->service, &call->caller, &request, &err), &err);
}

static void download(struct bj_handling *call)
{
    if (!bj_streq(call->exchange->method, "HEAD")) {
        archive(call, false);
        return;
    }
    /* How long it would be is not known before it is made. */
    bj_exchange_begin(call->exchange, 200, archive_type(call->exchange));
    bj_exchange_end(call->exchange);
    bj_handling_free(call);
}

static void upload(struct bj_handling *call)
{
    archive(call, true);
}

void bj_get_archive(struct bj_exchange *exchange, struct bj_service *service)
{
    begin_call(exchange, service, download);
}

void bj_put_archive(struct bj_exchange *exchange, struct bj_service *service)
{
    begin_call(exchange, service, upload);
}
