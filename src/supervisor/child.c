/* Starting the service's processes, and talking to them. */
#include "supervisor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "linux/process.h"
#include "linux/socket.h"
#include "supervisor/toldkey.h"
#include "wire/keeper.h"

#define EXIT_NO_PROGRAM 127

const char *bj_role_name(enum bj_role role)
{
    static const char *const names[] = {
#define NAME(role, name) name,
        BJ_ROLES(NAME)
#undef NAME
    };

    return role < BJ_ROLE_COUNT ? names[role] : "unknown";
}

/* ---- starting ---- */

/* What is the supervisor's alone: systemd's words to it. */
static bool is_for_supervisor(const char *variable)
{
    static const char *const names[] = {"NOTIFY_SOCKET=", "LISTEN_",        "WATCHDOG_",
                                        "MAINPID=",       "INVOCATION_ID=", "JOURNAL_STREAM="};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (bj_starts_with(variable, names[i]))
            return true;
    }
    return false;
}

/* Pointers into environ and the arguments, made before the fork; the caller frees the arrays. */
static int make_vectors(const struct bj_child_start *start, char *role_word, char ***ret_argv,
                        char ***ret_env, struct bj_error *err)
{
    size_t arguments = 0, variables = 0, kept = 0;

    while (start->arguments[arguments] != NULL)
        arguments++;
    while (environ[variables] != NULL)
        variables++;
    *ret_argv = bj_realloc_array(NULL, arguments + 3, sizeof **ret_argv);
    *ret_env = bj_realloc_array(NULL, variables + 1, sizeof **ret_env);
    if (*ret_argv == NULL || *ret_env == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "start", "out of memory");
    (*ret_argv)[0] = (char *)"belljar-serve";
    (*ret_argv)[1] = role_word;
    memcpy(*ret_argv + 2, start->arguments, (arguments + 1) * sizeof **ret_argv);
    for (size_t i = 0; i < variables; i++) {
        if (!is_for_supervisor(environ[i]))
            (*ret_env)[kept++] = environ[i];
    }
    (*ret_env)[kept] = NULL;
    return 0;
}

/* Descriptors first go above all fixed numbers, so that none is in another's way. */
#define ABOVE 32

static int lift_child(int fd)
{
    return fd < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : fcntl(fd, F_DUPFD_CLOEXEC, ABOVE);
}

/* Closes all others but the program, which is close-on-exec. */
static void place_child(const struct bj_child_start *start, int control, int key, int program)
{
    int lifted[4 + BJ_LISTENERS_MAX], count = 0;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    lifted[count++] = lift_child(control);
    lifted[count++] = lift_child(start->config);
    lifted[count++] = lift_child(start->lock);
    lifted[count++] = lift_child(key);
    for (size_t i = 0; i < start->more_count; i++)
        lifted[count++] = lift_child(start->more[i]);
    dup2(null, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    for (int i = 0; i < count; i++) {
        if (lifted[i] < 0 || dup2(lifted[i], BJ_ROLE_CONTROL + i) < 0)
            _exit(EXIT_NO_PROGRAM);
    }
    if (program < 0)
        _exit(EXIT_NO_PROGRAM);
    if (program > BJ_ROLE_CONTROL + count)
        bj_process_close_range((unsigned)(BJ_ROLE_CONTROL + count), (unsigned)program - 1);
    bj_process_close_from(program + 1);
}

static int start_as(const struct bj_child_start *start, const char *what, pid_t *ret_pid,
                    int *ret_control, struct bj_error *err)
{
    BJ_CLEANUP_FREE char **argv = NULL, **env = NULL;
    BJ_CLEANUP_CLOSE int key = -1;
    char role_word[16] = "@";
    int ends[2];
    pid_t pid;
    int result;

    strncat(role_word, what, sizeof role_word - 2);
    result = make_vectors(start, role_word, &argv, &env, err);
    if (result == 0)
        result = bj_toldkey_open(start->api_key, start->role, &key, err);
    if (result < 0)
        return result;
    if (bj_socket_pair(ends) < 0)
        return bj_fail_errno(err, "start", "cannot make a socket pair");
    pid = fork();
    if (pid == 0) {
        int program = lift_child(start->program);

        setsid();
        place_child(start, ends[1], key, program);
        bj_process_reset_signals();
        execveat(program, "", argv, env, AT_EMPTY_PATH);
        _exit(EXIT_NO_PROGRAM);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return bj_fail_errno(err, "start", "cannot start the %s process", what);
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *ret_pid = pid;
    *ret_control = ends[0];
    return 0;
}

int bj_child_start(const struct bj_child_start *start, pid_t *ret_pid, int *ret_control,
                   struct bj_error *err)
{
    return start_as(start, bj_role_name(start->role), ret_pid, ret_control, err);
}

/* ---- trying ---- */

#define TRIAL_US 10000000

/* What the trial said; an end without a word is what a program says that knows of no trials. */
static int take_trial(int control, struct bj_error *err)
{
    char packet[sizeof(struct bj_message_head) + 4096];
    struct bj_fds fds = {.count = 0};
    struct bj_message message;
    struct bj_error why = {0};
    ssize_t size = bj_socket_receive(control, packet, sizeof packet, &fds, 0);

    bj_fds_close(&fds);
    if (size > 0 && bj_message_get(packet, (size_t)size, &message, NULL) == 0) {
        if (message.head.type == BJ_MESSAGE_READY)
            return 0;
        if (message.head.type == BJ_MESSAGE_REFUSED &&
            bj_message_get_error(&message, &why, NULL) == 0)
            return bj_fail(err, why.code, why.step, "%s", why.message);
    }
    return bj_fail(err, BJ_E_UNSUPPORTED, "start",
                   "the program is of another version, which does not work with the processes that "
                   "run; restart the service to go over to it (its sandboxes end)");
}

int bj_child_try(const struct bj_child_start *start, struct bj_error *err)
{
    int64_t until = bj_clock_us() + TRIAL_US, left = TRIAL_US;
    struct pollfd waited = {.events = POLLIN};
    int control, ready = 0, result;
    pid_t pid;

    result = start_as(start, BJ_ROLE_TRIAL, &pid, &control, err);
    if (result < 0)
        return result;
    for (waited.fd = control; ready <= 0 && left > 0; left = until - bj_clock_us())
        ready = poll(&waited, 1, (int)(left / 1000) + 1);
    if (ready > 0)
        result = take_trial(control, err);
    else
        result = bj_fail(err, BJ_E_TIMEOUT, "start", "a new front does not begin within %d s",
                         TRIAL_US / 1000000);
    close(control);
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return result;
}

/* ---- talking ---- */

static int send_message(int control, struct bj_buf *message, int fd, struct bj_error *err)
{
    struct bj_fds fds = {.fd = {fd}, .count = fd >= 0 ? 1 : 0};
    int result = 0;

    if (bj_message_head(message) != NULL)
        bj_message_head(message)->fds = (uint16_t)fds.count;
    if (!bj_message_end(message))
        result = bj_fail(err, BJ_E_NO_MEMORY, "control", "out of memory");
    else if (bj_socket_send(control, message->data, message->length, &fds) < 0 && errno != EPIPE &&
             errno != ECONNRESET) /* then it has just ended, which is told otherwise */
        result = bj_fail(err, BJ_E_BUSY, "control", "it takes no messages: %s", strerror(errno));
    bj_buf_release(message);
    return result;
}

static int send_descriptor(int control, int64_t own, const char *what, int64_t number, int fd,
                           struct bj_error *err)
{
    struct bj_buf message;

    bj_buf_init(&message, BJ_MESSAGE_MAX);
    bj_message_begin(&message, BJ_MESSAGE_PEER, (uint64_t)own);
    if (bj_message_head(&message) != NULL)
        bj_message_head(&message)->number = number;
    bj_pack_text(&message, what);
    return send_message(control, &message, fd, err);
}

int bj_child_send_peer(int control, int64_t own, enum bj_role who, int64_t number, int peer,
                       struct bj_error *err)
{
    return send_descriptor(control, own, bj_role_name(who), number, peer, err);
}

int bj_child_send_keys(int control, int64_t number, int file, struct bj_error *err)
{
    return send_descriptor(control, 0, BJ_ROLE_KEYS, number, file, err);
}

int bj_child_send_stop(int control, int64_t patience_ms, struct bj_error *err)
{
    struct bj_buf message;

    bj_buf_init(&message, BJ_MESSAGE_MAX);
    bj_message_begin(&message, BJ_MESSAGE_STOP, 0);
    if (bj_message_head(&message) != NULL)
        bj_message_head(&message)->number = patience_ms;
    return send_message(control, &message, -1, err);
}
