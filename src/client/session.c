/*
 * A user at a process of a sandbox.
 *
 * Theory of operation. One loop waits for the WebSocket, standard input and signals. Output is
 * written as it comes, and counted: when the connection breaks (the service's front was started
 * anew, the network is gone for a while), the same process is connected to again from the byte that
 * is missing. Keys go through as they are, but for those that leave: the process runs on then. The
 * terminal is given back as it was on every way out, even if this program is killed
 * (linux/terminal.h).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "client/modes.h"
#include "client/ws.h"
#include "linux/terminal.h"

#define PATIENCE_US 30000000 /* for a connection that broke */
#define PAUSE_MS    200
#define USUAL_KEYS  "ctrl-p,ctrl-q"
#define STATUS_LEFT 0

struct session {
    struct bj_client *client;
    const struct bj_client_session *wanted;
    struct bj_client_ws *ws;
    struct bj_terminal terminal;
    struct bj_client_modes modes; /* of it, as the process has set them */
    int signals;
    int64_t offset; /* of the byte that comes next; -1 = not known yet */
    int stream;     /* where binary messages go */
    bool painting;  /* they are the screen */
    bool input_open, failed, ended, left;
    unsigned forwarded; /* signals of the user's that were passed on */
    int status;
    char reason[128];              /* why the service ended the process; "" = it ended by itself */
    char keys[BJ_CLIENT_KEYS_MAX]; /* that leave */
    size_t key_count, key_at;
    struct bj_error err; /* when `failed` */
};

/* ---- keys ---- */

/* "ctrl-p,ctrl-q", "ctrl-]", "x": what each key sends. */
static int parse_keys(struct session *session, const char *text, struct bj_error *err)
{
    const char *at = text;

    while (*at != '\0') {
        size_t length = strcspn(at, ",");
        bool control = strncmp(at, "ctrl-", 5) == 0 && length == 6;

        if ((!control && length != 1) || session->key_count == BJ_CLIENT_KEYS_MAX)
            return bj_fail(err, BJ_E_INVALID, "options",
                           "%s are not keys: write them as ctrl-p,ctrl-q", text);
        session->keys[session->key_count++] = (char)(control ? at[5] & 0x1f : at[0]);
        at += length + (at[length] == ',');
    }
    return 0;
}

/* What of the input goes on. Keys that may begin the sequence wait for those that follow. */
static void filter_keys(struct session *session, const char *data, size_t length,
                        struct bj_buf *out)
{
    for (size_t i = 0; i < length && !session->left; i++) {
        if (session->key_count > 0 && data[i] == session->keys[session->key_at]) {
            session->left = ++session->key_at == session->key_count;
            continue;
        }
        bj_buf_append(out, session->keys, session->key_at);
        session->key_at = session->key_count > 0 && data[i] == session->keys[0] ? 1 : 0;
        if (session->key_at == 0)
            bj_buf_append(out, data + i, 1);
    }
}

/* ---- from the service ---- */

static void take_output(void *context, const void *data, size_t length)
{
    struct session *session = context;

    if (session->terminal.fd >= 0)
        bj_client_modes_follow(&session->modes, data, length);
    if (bj_client_write(session->stream == 2 && !session->painting ? STDERR_FILENO : STDOUT_FILENO,
                        data, length) < 0) {
        session->failed = true; /* nobody reads */
        bj_fail_errno(&session->err, "output", "cannot write the output");
    }
    if (!session->painting && session->offset >= 0)
        session->offset += (int64_t)length;
}

static void say(const struct session *session, const char *text)
{
    const char *newline = session->terminal.fd >= 0 ? "\r\n" : "\n";

    fprintf(stderr, "%sbelljar: %s%s", session->terminal.fd >= 0 ? "\r\n" : "", text, newline);
}

/* What a status alone does not tell is said at the end, when the terminal is the user's again. */
static void take_end(struct session *session, const json_t *end)
{
    const char *reason = bj_client_text(end, "reason");

    session->status = (int)bj_client_number(end, "exit_code");
    if (*reason != '\0')
        bj_str_copy(session->reason, sizeof session->reason, reason);
}

static void take_message(void *context, const char *data, size_t length)
{
    struct session *session = context;
    json_t *message = json_loadb(data, length, 0, NULL);
    const char *type = bj_client_text(message, "type");

    session->painting = false;
    if (bj_streq(type, "ready") && session->offset < 0) {
        session->offset =
            (int64_t)bj_client_number(json_object_get(message, "process"), "output_bytes");
    } else if (bj_streq(type, "screen")) {
        session->painting = true;
    } else if (bj_streq(type, "stream")) {
        session->stream = bj_streq(bj_client_text(message, "stream"), "stderr") ? 2 : 1;
        session->offset = (int64_t)bj_client_number(message, "offset");
    } else if (bj_streq(type, "lost")) {
        session->offset = (int64_t)bj_client_number(message, "next");
        say(session, "some output is lost: it was written faster than it was read");
    } else if (bj_streq(type, "end")) {
        session->ended = true;
        take_end(session, json_object_get(json_object_get(message, "process"), "end"));
    } else if (bj_streq(type, "error")) {
        session->failed = true;
        bj_fail(&session->err, BJ_E_SYSTEM, "service", "%s", bj_client_text(message, "message"));
    }
    json_decref(message);
}

/* ---- to the service ---- */

static void send_size(struct session *session)
{
    uint16_t rows = 0, columns = 0;
    char text[80];

    bj_terminal_size((const int[]){STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, &rows, &columns);
    if (!session->wanted->terminal || rows == 0 || columns == 0)
        return;
    snprintf(text, sizeof text, "{\"type\":\"resize\",\"rows\":%u,\"columns\":%u}", rows, columns);
    bj_client_ws_send(session->ws, false, text, strlen(text));
}

static void take_input(struct session *session)
{
    static const char close[] = "{\"type\":\"close\"}";
    char data[16 << 10];
    ssize_t length = read(STDIN_FILENO, data, sizeof data);
    struct bj_buf out;

    if (length < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (length <= 0) {
        session->input_open = false;
        bj_client_ws_send(session->ws, false, close, strlen(close));
        return;
    }
    if (session->terminal.fd < 0) {
        bj_client_ws_send(session->ws, true, data, (size_t)length);
        return;
    }
    bj_buf_init(&out, 2 * sizeof data);
    filter_keys(session, data, (size_t)length, &out);
    if (out.length > 0)
        bj_client_ws_send(session->ws, true, out.data, out.length);
    bj_buf_release(&out);
}

/* The user's signals are the process's; a second one means this program. */
static void take_signal(struct session *session)
{
    struct signalfd_siginfo info;
    char process[24], number[24];

    if (read(session->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    if (info.ssi_signo == SIGWINCH) {
        send_size(session);
        return;
    }
    if (session->terminal.fd < 0 && session->forwarded++ == 0) {
        snprintf(process, sizeof process, "%u", session->wanted->process);
        snprintf(number, sizeof number, "%u", info.ssi_signo);
        if (bj_client_signal(session->client, session->wanted->sandbox, process, number, NULL) == 0)
            return;
    }
    session->ended = true;
    session->status = 128 + (int)info.ssi_signo;
}

/* ---- the loop ---- */

static int open_socket(struct session *session, struct bj_error *err)
{
    static const struct bj_client_ws_events events = {take_message, take_output};
    char process[24], query[80] = "";
    BJ_CLEANUP_FREE char *path = NULL;

    snprintf(process, sizeof process, "%u", session->wanted->process);
    if (session->offset >= 0)
        snprintf(query, sizeof query, "offset=%lld&", (long long)session->offset);
    path = bj_client_path("/v1/sandboxes/", session->wanted->sandbox, "/processes/", process,
                          "/attach?", "", query, "",
                          session->wanted->input || session->wanted->terminal ? "read_only=false"
                                                                              : "read_only=true",
                          NULL);
    if (path == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "connect", "out of memory");
    return bj_client_ws_open(session->client, path, &events, session, &session->ws, err);
}

/* The user's screen, cursor and keys as they were. */
static void undo_modes(const struct session *session)
{
    struct bj_buf text;

    if (session->terminal.fd < 0 || !isatty(STDOUT_FILENO))
        return;
    bj_buf_init(&text, 1024);
    bj_client_modes_undo(&session->modes, &text);
    (void)bj_client_write(STDOUT_FILENO, bj_buf_text(&text), text.length);
    bj_buf_release(&text);
}

/* Until the connection is over. */
static void serve(struct session *session)
{
    send_size(session);
    for (;;) {
        bool read_input =
            session->input_open && bj_client_ws_waiting(session->ws) < BJ_CLIENT_WAITING_MAX;
        struct pollfd ready[] = {
            {.fd = bj_client_ws_fd(session->ws),
             .events = (short)(POLLIN | (bj_client_ws_wants_write(session->ws) ? POLLOUT : 0))},
            {.fd = session->signals, .events = POLLIN},
            {.fd = read_input ? STDIN_FILENO : -1, .events = POLLIN},
        };

        if (!bj_client_ws_pump(session->ws) || session->ended || session->failed || session->left)
            return;
        ready[0].events = (short)(POLLIN | (bj_client_ws_wants_write(session->ws) ? POLLOUT : 0));
        if (poll(ready, 3, -1) < 0 && errno != EINTR)
            return;
        if (ready[1].revents != 0)
            take_signal(session);
        if (ready[2].revents != 0)
            take_input(session);
    }
}

/* The same process once more, from where its output broke off. */
static int reconnect(struct session *session, struct bj_error *err)
{
    int64_t until = bj_clock_us() + PATIENCE_US;
    int result;

    bj_client_ws_free(session->ws);
    session->ws = NULL;
    say(session, "the connection broke; trying again");
    do {
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000}, NULL);
        result = open_socket(session, err);
    } while (result == -BJ_E_BUSY && bj_clock_us() < until);
    if (result == 0)
        say(session, "connected again");
    return result;
}

static int run(struct session *session, struct bj_error *err)
{
    int result = open_socket(session, err);

    while (result == 0) {
        serve(session);
        if (session->ended || session->left)
            return 0;
        if (session->failed) {
            *err = session->err;
            return -err->code;
        }
        result = reconnect(session, err);
    }
    return result;
}

static int prepare(struct session *session, struct bj_error *err)
{
    const struct bj_client_session *wanted = session->wanted;
    sigset_t signals;
    int result =
        parse_keys(session, wanted->detach_keys != NULL ? wanted->detach_keys : USUAL_KEYS, err);

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGQUIT);
    sigaddset(&signals, SIGWINCH);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    session->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (result == 0 && session->signals < 0)
        result = bj_fail_errno(err, "signals", "cannot wait for signals");
    if (result == 0 && wanted->terminal && wanted->input && isatty(STDIN_FILENO))
        result = bj_terminal_make_raw(&session->terminal, STDIN_FILENO, err);
    return result;
}

int bj_client_session_run(struct bj_client *client, struct bj_client_session *wanted,
                          int *ret_status, struct bj_error *err)
{
    struct session session = {.client = client,
                              .wanted = wanted,
                              .signals = -1,
                              .offset = wanted->offset,
                              .stream = 1,
                              .input_open = wanted->input};
    int result;

    bj_terminal_init(&session.terminal);
    result = prepare(&session, err);
    if (result == 0)
        result = run(&session, err);
    undo_modes(&session);
    if (session.left)
        say(&session, "left; the process runs on");
    if (result == 0 && session.reason[0] != '\0')
        say(&session, session.reason);
    bj_terminal_restore(&session.terminal);
    bj_client_ws_free(session.ws);
    bj_fd_close(&session.signals);
    *ret_status = session.left ? STATUS_LEFT : session.status;
    return result;
}
