/*
 * The three streams of a command.
 *
 * A caller's pipe is handed over as it is, which costs nothing. A file, a terminal or a socket
 * never is: the workload could reopen, seek or truncate it, or push input into it; what goes there
 * passes through a pipe of ours, is counted, and is thrown away beyond the limit so that nobody
 * blocks.
 *
 * A caller that does not read stops the command, as a full pipe would, but never this process: it
 * writes only what is taken at once, so that time-outs and signals go on working.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "engine/engine_internal.h"

#define CHUNK         (64 << 10)
#define PIPE_STEP     4096 /* what a pipe that polls writable takes without blocking (PIPE_BUF) */
#define TERMINAL_STEP 1    /* the same of a terminal */
#define NULL_DEVICE   makedev(1, 3)
#define END_OF_INPUT  4 /* ^D, which a terminal takes for the end */

static bool is_null_device(const struct stat *status)
{
    return S_ISCHR(status->st_mode) && status->st_rdev == NULL_DEVICE;
}

/* A pipe without a name: a FIFO has an owner and a mode that the workload could change. */
static bool is_plain_pipe(int fd, const struct stat *status)
{
    struct statfs where;

    return S_ISFIFO(status->st_mode) && fstatfs(fd, &where) == 0 &&
           (unsigned long)where.f_type == PIPEFS_MAGIC;
}

static enum bj_relay_route route_of(const struct bj_engine_request *request, int which,
                                    const struct stat *status)
{
    if (which > 0 && request->capture)
        return BJ_ROUTE_RELAY;
    if (request->streams[which] < 0 || is_null_device(status))
        return BJ_ROUTE_NONE;
    if (is_plain_pipe(request->streams[which], status) &&
        (which == 0 ||
         (request->guard == NULL && !bj_config_said(request->config, BJ_OPT_OUTPUT_LIMIT_MB))))
        return BJ_ROUTE_HANDED;
    if (which == 0 && !request->interactive && isatty(request->streams[0]))
        return BJ_ROUTE_NONE;
    return BJ_ROUTE_RELAY;
}

static int open_stream(struct bj_relay_stream *stream, int which, struct bj_error *err)
{
    int ends[2];

    if (stream->route == BJ_ROUTE_NONE) {
        stream->given = BJ_SYS(open("/dev/null", (which == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
        if (stream->given < 0)
            return bj_fail_errno(err, "streams", "cannot open /dev/null");
        return 0;
    }
    if (stream->route != BJ_ROUTE_RELAY)
        return 0;
    if (BJ_SYS(pipe2(ends, O_CLOEXEC)) < 0)
        return bj_fail_errno(err, "streams", "cannot make a pipe");
    stream->inner = ends[which == 0 ? 1 : 0];
    stream->given = ends[which == 0 ? 0 : 1];
    if (BJ_SYS(fcntl(stream->inner, F_SETFL, O_NONBLOCK)) < 0)
        return bj_fail_errno(err, "streams", "cannot prepare a pipe");
    return 0;
}

/* Whoever shares the caller's terminal must not find it non-blocking: it is opened once more. */
static int reopen_terminal(int fd)
{
    char path[32];

    if (fd < 0 || !isatty(fd))
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int bj_relay_open(struct bj_relay *relay, const struct bj_engine_request *request,
                  struct bj_error *err)
{
    struct stat status[3];

    *relay = (struct bj_relay){.request = request, .terminal_fd = -1};
    relay->limit = request->config->output_limit_mb << 20;
    for (int i = 0; i < 3; i++)
        relay->streams[i].outer = relay->streams[i].inner = relay->streams[i].given =
            relay->streams[i].reopened = -1;
    for (int i = 0; i < 3; i++) {
        struct bj_relay_stream *stream = &relay->streams[i];
        int result;

        stream->outer = request->streams[i];
        if (stream->outer >= 0 && fstat(stream->outer, &status[i]) < 0)
            return bj_fail_errno(err, "streams", "cannot use standard stream %d", i);
        stream->regular = stream->outer >= 0 && S_ISREG(status[i].st_mode);
        stream->socket = stream->outer >= 0 && S_ISSOCK(status[i].st_mode);
        if (i > 0)
            stream->reopened = reopen_terminal(stream->outer);
        if (request->terminal)
            continue;
        stream->route = route_of(request, i, &status[i]);
        /* Both to the same file: one pipe keeps them in order. */
        if (i == 2 && stream->route == BJ_ROUTE_RELAY && !request->capture &&
            relay->streams[1].route == BJ_ROUTE_RELAY && status[1].st_dev == status[2].st_dev &&
            status[1].st_ino == status[2].st_ino)
            stream->route = BJ_ROUTE_JOINED;
        result = open_stream(stream, i, err);
        if (result < 0)
            return result;
    }
    return 0;
}

void bj_relay_close(struct bj_relay *relay)
{
    for (int i = 0; i < 3; i++) {
        bj_fd_close(&relay->streams[i].given);
        bj_fd_close(&relay->streams[i].reopened);
        if (relay->streams[i].inner != relay->terminal_fd)
            bj_fd_close(&relay->streams[i].inner);
        bj_free(relay->streams[i].held);
        relay->streams[i].held = NULL;
    }
    bj_fd_close(&relay->terminal_fd);
}

void bj_relay_given(struct bj_relay *relay)
{
    for (int i = 0; i < 3; i++)
        bj_fd_close(&relay->streams[i].given);
}

void bj_relay_use_terminal(struct bj_relay *relay, int master_fd)
{
    relay->terminal_fd = master_fd;
    fcntl(master_fd, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 2; i++) {
        if (relay->streams[i].outer < 0)
            continue;
        relay->streams[i].route = BJ_ROUTE_RELAY;
        relay->streams[i].inner = master_fd;
    }
}

/* The relay is over for one stream. */
static void close_inner(struct bj_relay *relay, struct bj_relay_stream *stream)
{
    if (stream->inner == relay->terminal_fd)
        stream->inner = -1;
    else
        bj_fd_close(&stream->inner);
}

int bj_relay_polls(const struct bj_relay *relay, struct pollfd *polls)
{
    const struct bj_relay_stream *in = &relay->streams[0];

    for (int i = 0; i < BJ_RELAY_POLLS; i++)
        polls[i] = (struct pollfd){.fd = -1};
    if (in->inner >= 0) {
        if (in->held_from < in->held_to || in->regular)
            polls[0] = (struct pollfd){.fd = in->inner, .events = POLLOUT};
        else
            polls[0] = (struct pollfd){.fd = in->outer, .events = POLLIN};
        /* The reader going away ends the relay even while the caller says nothing. */
        polls[3] = (struct pollfd){.fd = in->inner};
    }
    for (int i = 1; i < 3; i++) {
        const struct bj_relay_stream *out = &relay->streams[i];

        if (out->held_from < out->held_to)
            polls[i] = (struct pollfd){.fd = out->outer, .events = POLLOUT};
        else
            polls[i] = (struct pollfd){.fd = out->inner, .events = POLLIN};
    }
    return BJ_RELAY_POLLS;
}

bool bj_relay_holds(const struct bj_relay *relay)
{
    for (int i = 1; i < 3; i++) {
        if (relay->streams[i].held_from < relay->streams[i].held_to)
            return true;
    }
    return false;
}

void bj_relay_end_input(struct bj_relay *relay)
{
    relay->streams[0].held_from = relay->streams[0].held_to = 0;
    close_inner(relay, &relay->streams[0]);
}

static int read_input(struct bj_relay *relay, struct bj_relay_stream *in, struct bj_error *err)
{
    ssize_t n;

    if (in->held == NULL)
        in->held = bj_alloc(CHUNK);
    if (in->held == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "streams", "out of memory");
    n = BJ_SYS(read(in->outer, in->held, CHUNK));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n < 0 && errno != EIO)
        return bj_fail_errno(err, "streams", "cannot read standard input");
    in->held_from = 0;
    in->held_to = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return 0;
    if (relay->terminal_fd >= 0 && !isatty(in->outer)) {
        char end = END_OF_INPUT;

        (void)!write(in->inner, &end, 1);
    }
    close_inner(relay, in);
    return 0;
}

static int move_input(struct bj_relay *relay, const struct pollfd *polls, struct bj_error *err)
{
    struct bj_relay_stream *in = &relay->streams[0];
    ssize_t n;

    if (in->inner < 0 || (polls[0].revents == 0 && polls[3].revents == 0))
        return 0;
    if (polls[3].revents & (POLLERR | POLLHUP) && relay->terminal_fd < 0) {
        close_inner(relay, in); /* nobody reads any more */
        return 0;
    }
    if (polls[0].revents == 0)
        return 0;
    if (in->held_from == in->held_to) {
        int result = read_input(relay, in, err);

        if (result < 0 || in->inner < 0)
            return result;
    }
    n = write(in->inner, in->held + in->held_from, in->held_to - in->held_from);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        close_inner(relay, in);
    if (n > 0)
        in->held_from += (size_t)n;
    return 0;
}

/* Writes one step to the caller's stream, if that can be done at once; as write(2). */
static ssize_t write_step(const struct bj_relay_stream *out, const char *data, size_t length)
{
    struct pollfd ready = {.fd = out->outer, .events = POLLOUT};
    size_t step = isatty(out->outer) ? TERMINAL_STEP : PIPE_STEP;

    if (out->reopened >= 0)
        return BJ_SYS(write(out->reopened, data, length));
    if (out->socket)
        return BJ_SYS(send(out->outer, data, length, MSG_DONTWAIT | MSG_NOSIGNAL));
    if (out->regular)
        return BJ_SYS(write(out->outer, data, length));
    if (poll(&ready, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return BJ_SYS(write(out->outer, data, length < step ? length : step));
}

/* Gives the caller what is held, as far as it is taken. */
static int write_held(struct bj_relay *relay, int which, struct bj_error *err)
{
    struct bj_relay_stream *out = &relay->streams[which];

    while (out->held_from < out->held_to) {
        ssize_t n = write_step(out, out->held + out->held_from, out->held_to - out->held_from);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (n < 0) {
            bool gone =
                errno == EPIPE || errno == ECONNRESET || (errno == EIO && out->reopened >= 0);

            out->held_from = out->held_to = 0;
            close_inner(relay, out); /* the writer inside learns by SIGPIPE */
            return gone ? 0
                        : bj_fail_errno(err, "streams", "cannot write standard %s",
                                        which == 1 ? "output" : "error");
        }
        out->held_from += (size_t)n;
    }
    return 0;
}

/* Keeps output for the result instead of handing it on. */
static int capture(struct bj_result *result, int which, const char *data, size_t length,
                   struct bj_error *err)
{
    struct bj_buf *kept = &result->output[which - 1];

    if (length > kept->maximum - kept->length) {
        length = kept->maximum - kept->length;
        result->truncated = true;
    }
    bj_buf_append(kept, data, length);
    if (kept->failed)
        return bj_fail(err, BJ_E_NO_MEMORY, "streams", "no memory to keep the output in");
    return 0;
}

/* Takes one chunk of output in. */
static int read_output(struct bj_relay *relay, int which, struct bj_result *result,
                       struct bj_error *err)
{
    struct bj_relay_stream *out = &relay->streams[which];
    size_t wanted;
    ssize_t n;

    if (out->held == NULL)
        out->held = bj_alloc(CHUNK);
    if (out->held == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "streams", "out of memory");
    n = read(out->inner, out->held, CHUNK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        close_inner(relay, out);
        return 0;
    }
    wanted = (size_t)n;
    if (relay->limit > 0 && out->passed + n > relay->limit) {
        wanted = out->passed < relay->limit ? (size_t)(relay->limit - out->passed) : 0;
        result->truncated = true;
    }
    out->passed += n;
    if (relay->request->capture)
        return capture(result, which, out->held, wanted, err);
    out->held_from = 0;
    out->held_to = wanted;
    return 0;
}

int bj_relay_move(struct bj_relay *relay, const struct pollfd *polls, struct bj_result *result,
                  struct bj_error *err)
{
    int failed = move_input(relay, polls, err);

    for (int i = 1; i < 3 && failed == 0; i++) {
        const struct bj_relay_stream *out = &relay->streams[i];

        if (polls[i].revents == 0)
            continue;
        if (out->held_from == out->held_to && out->inner >= 0)
            failed = read_output(relay, i, result, err);
        if (failed == 0)
            failed = write_held(relay, i, err);
    }
    return failed;
}
