/*
 * Contents on their way between a client and a file or pipe, a piece at a time and never more: the
 * next piece is read when this one is written. Regular files are read and written by libuv's pool,
 * since they may make a thread wait; whatever else there is at the other end belongs to somebody
 * who may never read or write, so it is watched and must not hold a thread. Between a plain socket
 * and a file the kernel moves them itself, in the pool too: out by sendfile(2), in by splice(2)
 * through a pipe, as far as the length that was said reaches; the last piece of a body always goes
 * through the parser, which then sees its end.
 *
 * A transfer ends by being put into the server's list; whoever waits for it is called when the loop
 * turns, once nothing uses the descriptor any more.
 */
#include "server/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"

#define DIRECT_MAX (8 << 20) /* bytes that one visit to the pool moves */

struct bj_transfer {
    struct bj_connection *connection;
    struct bj_transfer *next;
    bool sends, is_file;
    bool direct; /* the kernel moves it */
    bool in_pool, polled, over, waits_for_client, at_end;
    int fd;
    int64_t offset, left; /* left -1: to the end */
    int64_t maximum, moved;
    char *piece;
    size_t filled, written;
    uv_fs_t request;
    uv_work_t work; /* not libuv's own sendfile: it holds its thread until a slow client reads */
    size_t work_length;
    ssize_t work_result; /* or -errno */
    bool drained;        /* the socket had no more */
    bool must_copy;      /* the file does not take what is spliced to it */
    int pipe[2];         /* between socket and file; -1 */
    uv_poll_t poll;
    bj_transfer_fn done;
    void *context;
    struct bj_error error;
};

static void step(struct bj_transfer *transfer);

/* ---- Ends ---- */

static void put_into_list(struct bj_transfer *transfer)
{
    struct bj_server *server = transfer->connection->server;

    transfer->next = server->finished;
    server->finished = transfer;
}

static void on_poll_closed(uv_handle_t *handle)
{
    put_into_list(handle->data);
}

/* Ends it once; whatever a thread is at comes first. */
static void finish(struct bj_transfer *transfer)
{
    transfer->over = true;
    transfer->waits_for_client = false;
    if (transfer->in_pool)
        return;
    if (transfer->polled) {
        transfer->polled = false;
        uv_close((uv_handle_t *)&transfer->poll, on_poll_closed);
    } else {
        put_into_list(transfer);
    }
}

static void fail_errno(struct bj_transfer *transfer, int number, const char *what)
{
    errno = number;
    bj_fail_errno(&transfer->error, "transfer", "%s", what);
    if (number == ENOSPC || number == EDQUOT)
        transfer->error.code = BJ_E_FULL;
    else if (number == EFBIG)
        transfer->error.code = BJ_E_LIMIT;
    else if (number == EPIPE)
        transfer->error.code = BJ_E_CONFLICT;
    finish(transfer);
}

static void fail_code(struct bj_transfer *transfer, enum bj_code code, const char *what)
{
    bj_fail(&transfer->error, code, "transfer", "%s", what);
    finish(transfer);
}

void bj_transfers_finish(struct bj_server *server)
{
    while (server->finished != NULL) {
        struct bj_transfer *transfer = server->finished;
        struct bj_connection *connection = transfer->connection;
        int code = transfer->error.code;

        server->finished = transfer->next;
        connection->transfer = NULL;
        bj_connection_enter(connection);
        if (connection->phase == BJ_PHASE_TRANSFER)
            bj_connection_set_phase(connection, BJ_PHASE_HANDLER);
        else if (connection->phase == BJ_PHASE_CLOSED && connection->fd >= 0)
            close(connection->fd), connection->fd = -1;
        bj_connection_watch(connection);
        transfer->done(transfer->context, -code, transfer->moved,
                       code != BJ_E_OK ? &transfer->error : NULL);
        bj_connection_leave(connection);
        bj_fd_close(&transfer->pipe[0]);
        bj_fd_close(&transfer->pipe[1]);
        bj_free(transfer->piece);
        bj_free(transfer);
    }
}

void bj_transfer_stop(struct bj_connection *connection, enum bj_code code)
{
    struct bj_transfer *transfer = connection->transfer;

    if (transfer == NULL || transfer->over)
        return;
    fail_code(transfer, code,
              code == BJ_E_TIMEOUT ? "the client was too slow" : "the client has gone");
}

bool bj_transfer_has_socket(const struct bj_connection *connection)
{
    return connection->transfer != NULL && connection->transfer->in_pool &&
           connection->transfer->direct;
}

/* ---- The other end ---- */

static void after_pool(struct bj_transfer *transfer, ssize_t result)
{
    transfer->in_pool = false;
    if (transfer->over) {
        finish(transfer);
        return;
    }
    if (result < 0 && !(transfer->sends && transfer->direct && result == UV_EAGAIN)) {
        fail_errno(transfer, (int)-result, "the file cannot be read or written");
        return;
    }
    if (transfer->sends && transfer->direct) {
        transfer->waits_for_client = result == UV_EAGAIN;
        result = result < 0 ? 0 : result;
        bj_connection_count_sent(transfer->connection, (size_t)result);
        transfer->connection->length_left -= result;
        transfer->connection->body_bytes += result;
        transfer->moved += result;
        transfer->left -= result;
        if (result == 0 && !transfer->waits_for_client) {
            fail_code(transfer, BJ_E_CONFLICT, "the file became shorter");
            return;
        }
    } else if (transfer->sends) {
        transfer->filled = (size_t)result;
        transfer->moved += result;
        transfer->left -= transfer->left >= 0 ? result : 0;
        if (result == 0)
            transfer->at_end = true;
    } else {
        transfer->written += (size_t)result;
        transfer->moved += result;
    }
    step(transfer);
}

static void on_pool(uv_fs_t *request)
{
    ssize_t result = request->result;

    uv_fs_req_cleanup(request);
    after_pool(request->data, result);
}

/* In a thread of the pool; the socket does not block. */
static void send_file_work(uv_work_t *work)
{
    struct bj_transfer *transfer = work->data;
    off_t offset = transfer->offset + transfer->moved;
    ssize_t sent;

    do
        sent = BJ_SYS(
            sendfile(transfer->connection->fd, transfer->fd, &offset, transfer->work_length));
    while (sent < 0 && errno == EINTR);
    transfer->work_result = sent < 0 ? -errno : sent;
}

static void after_send_file(uv_work_t *work, int status)
{
    struct bj_transfer *transfer = work->data;

    after_pool(transfer, status < 0 ? status : transfer->work_result);
}

static void on_pipe(uv_poll_t *poll, int status, int events)
{
    struct bj_transfer *transfer = poll->data;

    (void)status;
    (void)events;
    uv_poll_stop(poll);
    if (!transfer->over)
        step(transfer);
}

static void wait_for_pipe(struct bj_transfer *transfer)
{
    int result = 0;

    if (!transfer->polled) {
        result = uv_poll_init(transfer->connection->server->loop, &transfer->poll, transfer->fd);
        transfer->poll.data = transfer;
        transfer->polled = result == 0;
    }
    if (result == 0)
        result =
            uv_poll_start(&transfer->poll, transfer->sends ? UV_READABLE : UV_WRITABLE, on_pipe);
    if (result < 0)
        fail_errno(transfer, -result, "the other end cannot be watched");
}

static void use_pool(struct bj_transfer *transfer, int started)
{
    if (started < 0)
        fail_errno(transfer, -started, "the file cannot be read or written");
    else
        transfer->in_pool = true;
}

/* ---- To the client ---- */

static void read_file(struct bj_transfer *transfer)
{
    size_t wanted = BJ_HTTP_PIECE;
    uv_buf_t buffer;

    if (transfer->left >= 0 && transfer->left < (int64_t)wanted)
        wanted = (size_t)transfer->left;
    buffer = uv_buf_init(transfer->piece, (unsigned)wanted);
    use_pool(transfer,
             uv_fs_read(transfer->connection->server->loop, &transfer->request, transfer->fd,
                        &buffer, 1, transfer->offset + transfer->moved, on_pool));
}

/* False: nothing there yet. */
static bool read_pipe(struct bj_transfer *transfer)
{
    size_t wanted = BJ_HTTP_PIECE;
    ssize_t got;

    if (transfer->left >= 0 && transfer->left < (int64_t)wanted)
        wanted = (size_t)transfer->left;
    got = BJ_SYS(read(transfer->fd, transfer->piece, wanted));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        wait_for_pipe(transfer);
        return false;
    }
    if (got < 0 && errno != EIO) { /* EIO: the end of a terminal */
        fail_errno(transfer, errno, "the other end cannot be read");
        return false;
    }
    transfer->filled = got > 0 ? (size_t)got : 0;
    transfer->moved += (int64_t)transfer->filled;
    transfer->left -= transfer->left >= 0 ? (int64_t)transfer->filled : 0;
    transfer->at_end = got <= 0;
    return true;
}

static void step_sendfile(struct bj_transfer *transfer)
{
    struct bj_connection *connection = transfer->connection;
    int64_t length = transfer->left < DIRECT_MAX ? transfer->left : DIRECT_MAX;

    if (transfer->left == 0) {
        finish(transfer);
    } else if (bj_connection_pending(connection) > 0) {
        bj_connection_flush(connection);
        transfer->waits_for_client = true;
    } else if (!transfer->waits_for_client) {
        transfer->work_length = (size_t)length;
        use_pool(transfer, uv_queue_work(connection->server->loop, &transfer->work, send_file_work,
                                         after_send_file));
    }
    bj_connection_watch(connection);
}

static void step_send(struct bj_transfer *transfer)
{
    struct bj_connection *connection = transfer->connection;

    while (!transfer->over) {
        if (transfer->filled > 0) {
            size_t length = transfer->filled;

            transfer->filled = 0;
            bj_exchange_write(&connection->exchange, transfer->piece, length);
            if (connection->phase == BJ_PHASE_CLOSED)
                return; /* it has been stopped */
        }
        if (transfer->at_end || transfer->left == 0) {
            if (transfer->left > 0)
                fail_code(transfer, BJ_E_CONFLICT, "the file became shorter");
            else
                finish(transfer);
            return;
        }
        if (bj_connection_pending(connection) >= BJ_HTTP_PENDING) {
            transfer->waits_for_client = true;
            return;
        }
        if (transfer->is_file) {
            read_file(transfer);
            return;
        }
        if (!read_pipe(transfer))
            return;
    }
}

void bj_transfer_writable(struct bj_connection *connection)
{
    struct bj_transfer *transfer = connection->transfer;

    if (transfer == NULL || transfer->over || !transfer->sends || !transfer->waits_for_client ||
        bj_connection_pending(connection) >= BJ_HTTP_PENDING / 2 ||
        (transfer->direct && bj_connection_pending(connection) > 0))
        return;
    transfer->waits_for_client = false;
    step(transfer);
}

/* ---- From the client ---- */

bool bj_transfer_add(struct bj_connection *connection, const char *data, size_t length)
{
    struct bj_transfer *transfer = connection->transfer;

    if (transfer->moved + (int64_t)(transfer->filled + length) > transfer->maximum) {
        bj_refuse(connection, BJ_E_LIMIT, BJ_API_PLAIN, "the body may have %lld bytes",
                  (long long)transfer->maximum);
        return false;
    }
    /* Within the piece itself bytes only move towards its beginning. */
    memmove(transfer->piece + transfer->filled, data, length);
    transfer->filled += length;
    return true;
}

/* Writes what is there; false when that has to wait, or it has failed. */
static bool write_piece(struct bj_transfer *transfer)
{
    while (transfer->written < transfer->filled) {
        char *data = transfer->piece + transfer->written;
        size_t length = transfer->filled - transfer->written;
        uv_buf_t buffer = uv_buf_init(data, (unsigned)length);
        ssize_t written;

        if (transfer->is_file) {
            use_pool(transfer, uv_fs_write(transfer->connection->server->loop, &transfer->request,
                                           transfer->fd, &buffer, 1, -1, on_pool));
            return false;
        }
        written = BJ_SYS(write(transfer->fd, data, length));
        if (written < 0 && (errno == EAGAIN || errno == EINTR)) {
            wait_for_pipe(transfer);
            return false;
        }
        if (written < 0) {
            fail_errno(transfer, errno, "the other end cannot be written to");
            return false;
        }
        transfer->written += (size_t)written;
        transfer->moved += written;
    }
    transfer->written = transfer->filled = 0;
    return true;
}

/* Of a body whose length was said: the bytes that the parser still waits for. */
static uint64_t awaited(const struct bj_connection *connection)
{
    return connection->parser.flags & F_CHUNKED ? 0 : connection->parser.content_length;
}

static bool goes_direct(const struct bj_transfer *transfer)
{
    return transfer->direct && !transfer->sends && transfer->written == transfer->filled &&
           awaited(transfer->connection) > BJ_HTTP_PIECE;
}

/* What is in the pipe, for a file that cannot be spliced to; it may be more than a piece. Returns 0
 * or -errno. */
static int copy_from_pipe(struct bj_transfer *transfer, size_t length)
{
    while (length > 0) {
        size_t most = length < BJ_HTTP_PIECE ? length : BJ_HTTP_PIECE;
        ssize_t got = BJ_SYS(read(transfer->pipe[0], transfer->piece, most));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        if (BJ_SYS(bj_fd_write_all(transfer->fd, transfer->piece, (size_t)got)) < 0)
            return -errno;
        length -= (size_t)got;
    }
    return 0;
}

/* Returns 0 or -errno; nothing stays in the pipe. */
static int splice_to_file(struct bj_transfer *transfer, size_t length)
{
    while (length > 0) {
        ssize_t written =
            BJ_SYS(splice(transfer->pipe[0], NULL, transfer->fd, NULL, length, SPLICE_F_MOVE));

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EINVAL) {
            transfer->must_copy = true; /* its file system cannot */
            return copy_from_pipe(transfer, length);
        }
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        length -= (size_t)written;
    }
    return 0;
}

/* In a thread of the pool; the socket does not block. */
static void splice_work(uv_work_t *work)
{
    struct bj_transfer *transfer = work->data;
    size_t moved = 0;

    transfer->work_result = 0;
    while (moved < transfer->work_length && !transfer->must_copy) {
        ssize_t got =
            BJ_SYS(splice(transfer->connection->fd, NULL, transfer->pipe[1], NULL,
                          transfer->work_length - moved, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
        int failed;

        if (got < 0 && errno == EINTR)
            continue;
        transfer->drained = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        if (got < 0 && !transfer->drained && moved == 0)
            transfer->work_result = -errno;
        if (got <= 0)
            break;
        failed = splice_to_file(transfer, (size_t)got);
        if (failed < 0) {
            transfer->work_result = failed;
            return;
        }
        moved += (size_t)got;
    }
    if (moved > 0)
        transfer->work_result = (ssize_t)moved;
}

static void wait_for_body(struct bj_transfer *transfer)
{
    transfer->waits_for_client = true;
    bj_connection_renew(transfer->connection);
    bj_connection_watch(transfer->connection);
}

static void after_splice(uv_work_t *work, int status)
{
    struct bj_transfer *transfer = work->data;
    struct bj_connection *connection = transfer->connection;
    ssize_t result = status < 0 ? status : transfer->work_result;

    transfer->in_pool = false;
    transfer->direct = !transfer->must_copy;
    if (result > 0) {
        connection->parser.content_length -= (uint64_t)result;
        connection->received += (uint64_t)result;
        connection->server->counts.received += (uint64_t)result;
        transfer->moved += result;
    }
    if (transfer->over)
        finish(transfer);
    else if (result < 0)
        fail_errno(transfer, (int)-result, "the file cannot be written");
    else if (transfer->drained)
        wait_for_body(transfer);
    else if (result == 0 && transfer->direct)
        bj_connection_close(connection); /* the client sends no more */
    else
        step(transfer);
}

static void splice_body(struct bj_transfer *transfer)
{
    uint64_t length = awaited(transfer->connection) - BJ_HTTP_PIECE;

    transfer->work_length = length < DIRECT_MAX ? (size_t)length : DIRECT_MAX;
    transfer->drained = false;
    use_pool(transfer, uv_queue_work(transfer->connection->server->loop, &transfer->work,
                                     splice_work, after_splice));
}

/* Where it cannot be, the body goes through this process's memory. */
static void prepare_splice(struct bj_transfer *transfer)
{
    int flags = fcntl(transfer->fd, F_GETFL);

    /* splice(2) does not append. */
    if (!transfer->is_file || transfer->connection->ssl != NULL || flags < 0 || flags & O_APPEND ||
        awaited(transfer->connection) <= BJ_HTTP_PIECE)
        return;
    if (BJ_SYS(pipe2(transfer->pipe, O_CLOEXEC)) < 0) {
        transfer->pipe[0] = transfer->pipe[1] = -1;
        return;
    }
    fcntl(transfer->pipe[1], F_SETPIPE_SZ, BJ_HTTP_PIECE); /* or it stays as it is */
    transfer->direct = true;
}

static void step_receive(struct bj_transfer *transfer)
{
    struct bj_connection *connection = transfer->connection;

    if (!write_piece(transfer))
        return;
    if (connection->refused) {
        transfer->error = connection->refusal.error;
        finish(transfer);
    } else if (connection->message_done) {
        finish(transfer);
    } else if (goes_direct(transfer)) {
        splice_body(transfer);
    } else if (!transfer->waits_for_client) {
        wait_for_body(transfer);
    }
    bj_connection_watch(connection);
}

void bj_transfer_readable(struct bj_connection *connection)
{
    struct bj_transfer *transfer = connection->transfer;
    ssize_t got;

    if (transfer == NULL || transfer->over || transfer->sends || !transfer->waits_for_client)
        return;
    if (goes_direct(transfer)) {
        transfer->waits_for_client = false;
        step(transfer);
        return;
    }
    got = bj_connection_receive(connection, transfer->piece, BJ_HTTP_PIECE);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            bj_connection_close(connection);
        return;
    }
    bj_request_feed(connection, transfer->piece, (size_t)got);
    if (transfer->filled > 0)
        transfer->waits_for_client = false;
    step(transfer);
}

/* ---- Beginning ---- */

static void step(struct bj_transfer *transfer)
{
    if (transfer->over)
        return;
    if (!transfer->sends)
        step_receive(transfer);
    else if (transfer->direct)
        step_sendfile(transfer);
    else
        step_send(transfer);
}

/* NULL, and called back, when there is no memory. */
static struct bj_transfer *begin(struct bj_connection *connection, int fd, bj_transfer_fn done,
                                 void *context)
{
    struct bj_transfer *transfer = bj_alloc(sizeof *transfer);
    struct bj_error err;
    struct stat status;

    if (transfer != NULL)
        transfer->piece = bj_alloc(BJ_HTTP_PIECE);
    if (transfer == NULL || transfer->piece == NULL) {
        bj_free(transfer);
        bj_fail(&err, BJ_E_NO_MEMORY, "transfer", "no memory for the transfer");
        done(context, -BJ_E_NO_MEMORY, 0, &err);
        return NULL;
    }
    transfer->connection = connection;
    transfer->fd = fd;
    transfer->pipe[0] = transfer->pipe[1] = -1;
    transfer->left = -1;
    transfer->done = done;
    transfer->context = context;
    transfer->request.data = transfer->work.data = transfer;
    transfer->is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    connection->transfer = transfer;
    return transfer;
}

void bj_transfer_send(struct bj_exchange *exchange, int fd, int64_t offset, int64_t length,
                      bj_transfer_fn done, void *context)
{
    struct bj_connection *connection = bj_connection_of(exchange);
    struct bj_transfer *transfer = begin(connection, fd, done, context);

    if (transfer == NULL)
        return;
    transfer->sends = true;
    transfer->offset = offset;
    transfer->left = length;
    transfer->direct = transfer->is_file && connection->ssl == NULL && length >= 0 &&
                       connection->length_left >= length;
    if (connection->phase == BJ_PHASE_CLOSED)
        bj_transfer_stop(connection, BJ_E_ENDED);
    else if (connection->head_only)
        finish(transfer);
    else
        step(transfer);
}

void bj_transfer_receive(struct bj_exchange *exchange, int fd, int64_t maximum, bj_transfer_fn done,
                         void *context)
{
    struct bj_connection *connection = bj_connection_of(exchange);
    struct bj_transfer *transfer = begin(connection, fd, done, context);
    size_t rest = connection->in_end - connection->parsed;

    if (transfer == NULL)
        return;
    transfer->maximum = maximum;
    if (connection->phase == BJ_PHASE_CLOSED) {
        bj_transfer_stop(connection, BJ_E_ENDED);
        return;
    }
    if (exchange->body_length > maximum) {
        fail_code(transfer, BJ_E_LIMIT, "the body is longer than it may be");
        return;
    }
    if (connection->message_done) {
        finish(transfer);
        return;
    }
    bj_connection_set_phase(connection, BJ_PHASE_TRANSFER);
    llhttp_resume(&connection->parser);
    /* What came with the head is the body's beginning; behind it the next request may stand. */
    if (rest > 0)
        bj_request_feed_rest(connection);
    else
        bj_response_continue(connection);
    prepare_splice(transfer);
    step(transfer);
}

static void call_nobody(void *context, int result, int64_t bytes, const struct bj_error *err)
{
    (void)context;
    (void)result;
    (void)bytes;
    (void)err;
}

void bj_transfer_abandon(struct bj_connection *connection)
{
    struct bj_transfer *transfer = connection->transfer;

    if (transfer == NULL)
        return;
    transfer->done = call_nobody;
    bj_connection_close(connection);
}

int bj_transfer_events(const struct bj_connection *connection)
{
    const struct bj_transfer *transfer = connection->transfer;

    if (transfer == NULL || transfer->over || !transfer->waits_for_client)
        return 0;
    return transfer->sends ? UV_WRITABLE : UV_READABLE;
}
