/* The supervisor's loop. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "linux/socket.h"
#include "supervisor/child.h"
#include "loop/alive.h"
#include "wire/keeper.h"

#define TICK_MS        1000
#define SOON_US        10000000 /* ending earlier than this after its start counts as a failure */
#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS   10000
#define PAUSE_BRIEF_MS 1000  /* of one that could serve: starting it works, and clients wait */
#define PATIENCE_MS    60000 /* of a reload, with requests under way */
#define TRIES          4     /* of a process, as long as the service has never been ready */
#define PEER_BUFFER    (4 << 20)

struct supervisor;

struct child {
    struct supervisor *supervisor;
    enum bj_role role;
    pid_t pid; /* 0: it does not run */
    struct control *control;
    uv_timer_t start; /* again, when its pause is over */
    int64_t started_us;
    int64_t said_us;   /* when it last said READY; 0: not yet */
    int64_t kill_us;   /* when patience with it ends; 0: it is not being ended */
    unsigned failures; /* in a row */
    unsigned barren;   /* ends since it last served */
    int64_t starts;    /* of this role, this one included */
    bool replace;      /* start it again at once when it ends: a reload */
    bool told;         /* to end now */
};

/* A control socket; of its own because libuv lets go of it later than the child ends. */
struct control {
    uv_poll_t poll;
    struct child *child; /* NULL: over */
    int fd;
};

struct supervisor {
    const struct bj_supervisor_options *options;
    const struct bj_log *log;
    uv_loop_t loop;
    uv_signal_t signals[5];
    uv_timer_t tick;
    int64_t ticked_us; /* when it went off last */
    struct child children[BJ_ROLE_COUNT];
    int config;
    int front; /* the program of fronts; -1 = the supervisor's own */
    bool stopping, was_ready;
    struct stat keys_file;  /* what the front was given last, or found at its start */
    int64_t keys_number;    /* how many files of them it was given */
    bool keys_awaited;      /* it has not said yet that it goes by them */
    struct bj_error failed; /* why the service never was ready */
    uint64_t watchdog_us;
};

/* How long an ending process may take: the front for its requests, the keeper for its sandboxes. */
static const int64_t grace_us[BJ_ROLE_COUNT] = {
    [BJ_ROLE_AUDIT] = 20000000, [BJ_ROLE_KEEPER] = 40000000, [BJ_ROLE_FRONT] = 15000000};
/* The keeper before the audit process: its last outcomes are recorded. */
static const enum bj_role stop_order[BJ_ROLE_COUNT] = {BJ_ROLE_FRONT, BJ_ROLE_KEEPER,
                                                       BJ_ROLE_AUDIT};

static void start_child(struct child *child);
static void stop_next(struct supervisor *supervisor);

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Everything has ended: nothing keeps the loop any longer. */
static void finish(struct supervisor *supervisor)
{
    uv_walk(&supervisor->loop, close_handle, NULL);
}

static void kill_child(struct child *child, const char *why)
{
    BJ_LOG(child->supervisor->log, SERVER, ERROR, "killing the %s process: %s",
           bj_role_name(child->role), why);
    kill(child->pid, SIGKILL);
}

/* ---- control sockets ---- */

static void control_closed(uv_handle_t *handle)
{
    struct control *control = handle->data;

    close(control->fd);
    bj_free(control);
}

static void close_control(struct child *child)
{
    struct control *control = child->control;

    if (control == NULL)
        return;
    child->control = NULL;
    control->child = NULL;
    uv_close((uv_handle_t *)&control->poll, control_closed);
}

static void say_status(struct supervisor *supervisor)
{
    char text[256] = "";
    int used = 0;

    for (int i = 0; i < BJ_ROLE_COUNT; i++) {
        const struct child *child = &supervisor->children[i];

        if (child->failures > 0)
            used += snprintf(text + used, sizeof text - (size_t)used,
                             "; the %s process ended %u times in a row", bj_role_name(child->role),
                             child->failures);
    }
    sd_notifyf(0, "STATUS=Serving on %s%s", supervisor->options->listeners->entry[0].name, text);
}

static bool all_ready(const struct supervisor *supervisor)
{
    for (int i = 0; i < BJ_ROLE_COUNT; i++) {
        if (supervisor->children[i].said_us == 0)
            return false;
    }
    return true;
}

static void child_is_ready(struct child *child, int64_t number)
{
    struct supervisor *supervisor = child->supervisor;
    bool first = child->said_us == 0;

    if (child->role == BJ_ROLE_FRONT && supervisor->keys_awaited &&
        number == supervisor->keys_number) {
        supervisor->keys_awaited = false;
        supervisor->options->keys_taken(supervisor->options->context, &supervisor->keys_file);
    }

    child->said_us = bj_clock_us();
    if (!first)
        return;
    BJ_LOG(supervisor->log, SERVER, INFO, "the %s process serves", bj_role_name(child->role));
    if (!all_ready(supervisor))
        return;
    sd_notify(0, "READY=1");
    say_status(supervisor);
    if (!supervisor->was_ready && supervisor->options->ready != NULL)
        supervisor->options->ready(supervisor->options->context);
    supervisor->was_ready = true;
}

static enum bj_role find_role(const char *name)
{
    int role = 0;

    while (role < BJ_ROLE_COUNT && strcmp(name, bj_role_name((enum bj_role)role)) != 0)
        role++;
    return (enum bj_role)role;
}

/*
 * One process says that another broke the protocol. Either may be the one that is wrong, and it may
 * say so because somebody has taken it over: the one that is nearer to the clients is replaced.
 */
static void take_fault(struct child *accuser, const char *name)
{
    static const int trust[BJ_ROLE_COUNT] = {
        [BJ_ROLE_FRONT] = 0, [BJ_ROLE_AUDIT] = 1, [BJ_ROLE_KEEPER] = 2};
    struct supervisor *supervisor = accuser->supervisor;
    enum bj_role role = find_role(name);
    struct child *other = role < BJ_ROLE_COUNT ? &supervisor->children[role] : accuser;
    struct child *wrong = trust[other->role] < trust[accuser->role] ? other : accuser;

    BJ_LOG(supervisor->log, SERVER, ERROR,
           "the %s process says that the %s process sends what is "
           "no message",
           bj_role_name(accuser->role), bj_role_name(other->role));
    if (wrong->pid != 0)
        kill_child(wrong, "the protocol was broken");
}

/* The service cannot be: everything ends, and the first reason is the one that is told. */
static void give_up(struct supervisor *supervisor, const struct bj_error *why)
{
    if (supervisor->stopping)
        return;
    supervisor->failed = *why;
    supervisor->stopping = true;
    stop_next(supervisor);
}

/* Does it help to try again? What a process was told stays as it is. */
static bool may_pass(const struct bj_error *why)
{
    return why->code == BJ_E_NO_MEMORY || why->code == BJ_E_BUSY || why->code == BJ_E_FULL ||
           why->code == BJ_E_TIMEOUT;
}

/* A process cannot begin, and ends with that. */
static bool take_refusal(struct child *child, const struct bj_message *message)
{
    struct supervisor *supervisor = child->supervisor;
    struct bj_error why;

    if (bj_message_get_error(message, &why, NULL) < 0)
        return false;
    if (!supervisor->was_ready && !may_pass(&why))
        give_up(supervisor, &why);
    else
        BJ_LOG(supervisor->log, SERVER, ERROR, "the %s process cannot begin: %s",
               bj_role_name(child->role), why.message);
    return true;
}

/* False: it makes no sense. */
static bool take_message(struct child *child, const struct bj_message *message)
{
    struct bj_unpack body = bj_message_body(message);

    if (message->head.type == BJ_MESSAGE_READY)
        child_is_ready(child, message->head.number);
    else if (message->head.type == BJ_MESSAGE_FAULT)
        take_fault(child, bj_unpack_string(&body));
    else if (message->head.type == BJ_MESSAGE_REFUSED)
        return take_refusal(child, message);
    else
        return false;
    return true;
}

/* Whoever ends with messages unread resets the socket; what it has said itself is there still. */
static bool is_passing(int error)
{
    return error == EAGAIN || error == EINTR || error == ECONNRESET;
}

static void control_readable(uv_poll_t *poll, int status, int events)
{
    struct control *control = poll->data;
    char packet[BJ_CONTROL_MAX];
    struct bj_fds fds = {.count = 0};
    struct bj_message message;
    ssize_t size = status < 0 ? 0 : bj_socket_receive(control->fd, packet, sizeof packet, &fds, 0);

    (void)events;
    if (size < 0 && is_passing(errno))
        return;
    bj_fds_close(&fds);
    if (size > 0 && bj_message_get(packet, (size_t)size, &message, NULL) == 0 &&
        take_message(control->child, &message))
        return;
    /* It has ended, or it says what makes no sense. In the first case its end is being told by a
     * signal; in both there is nothing more to hear. */
    uv_poll_stop(poll);
    if (size != 0)
        kill_child(control->child, "it sent what is no message");
    else if (control->child->kill_us == 0)
        control->child->kill_us = bj_clock_us() + grace_us[control->child->role];
}

/* Its end may be told before all that it has said was heard. */
static void hear_last_words(struct child *child)
{
    char packet[BJ_CONTROL_MAX];
    struct bj_fds fds = {.count = 0};
    struct bj_message message;
    ssize_t size = 1;

    while (child->control != NULL && (size > 0 || errno == ECONNRESET)) {
        errno = 0;
        size = bj_socket_receive(child->control->fd, packet, sizeof packet, &fds, 0);
        bj_fds_close(&fds);
        /* That it served is of no use any more. */
        if (size > 0 && bj_message_get(packet, (size_t)size, &message, NULL) == 0 &&
            message.head.type != BJ_MESSAGE_READY)
            take_message(child, &message);
    }
}

static int watch_control(struct child *child, int fd, struct bj_error *err)
{
    struct control *control = bj_alloc(sizeof *control);

    if (control == NULL || uv_poll_init(&child->supervisor->loop, &control->poll, fd) < 0) {
        bj_free(control);
        close(fd);
        return bj_fail(err, BJ_E_NO_MEMORY, "control", "cannot watch a control socket");
    }
    control->child = child;
    control->fd = fd;
    control->poll.data = control;
    child->control = control;
    uv_poll_start(&control->poll, UV_READABLE, control_readable);
    return 0;
}

/* ---- starting, and joining with the others ---- */

/* Messages are larger than the usual buffer; without the right to force it, the system's maximum.
 */
static void widen(int fd)
{
    int size = PEER_BUFFER;

    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

static void introduce(struct child *child, const struct child *other, int fd)
{
    struct bj_error error;

    if (bj_child_send_peer(child->control->fd, child->starts, other->role, other->starts, fd,
                           &error) < 0)
        kill_child(child, error.message);
}

static void join(struct child *a, struct child *b)
{
    int ends[2];

    if (bj_socket_pair(ends) < 0) {
        kill_child(a, strerror(errno));
        return;
    }
    widen(ends[0]);
    widen(ends[1]);
    introduce(a, b, ends[0]);
    introduce(b, a, ends[1]);
    close(ends[0]);
    close(ends[1]);
}

static void start_later(struct child *child);

static void start_timer(uv_timer_t *timer)
{
    start_child(timer->data);
}

/* What a process of the role is started with; borrows `more`. */
static void describe_start(const struct supervisor *supervisor, enum bj_role role,
                           int more[BJ_LISTENERS_MAX], struct bj_child_start *ret)
{
    const struct bj_supervisor_options *options = supervisor->options;

    *ret = (struct bj_child_start){.role = role,
                                   .program = options->self,
                                   .arguments = options->arguments,
                                   .config = supervisor->config,
                                   .lock = options->lock,
                                   .api_key = options->api_key,
                                   .more = more};
    if (role == BJ_ROLE_KEEPER) {
        more[ret->more_count++] = options->launcher;
        more[ret->more_count++] = options->files;
    }
    if (role != BJ_ROLE_FRONT)
        return;
    for (size_t i = 0; i < options->listeners->count; i++)
        more[ret->more_count++] = options->listeners->entry[i].fd;
    if (supervisor->front >= 0)
        ret->program = supervisor->front;
}

/* Opens the file of keys for the front, or to see what one that begins will find at least. */
static int look_at_keys(struct supervisor *supervisor, int64_t number, int *ret_fd,
                        struct bj_error *err)
{
    int result = supervisor->options->open_keys(supervisor->options->context, ret_fd, err);

    supervisor->keys_number = number;
    supervisor->keys_awaited = result == 0 && fstat(*ret_fd, &supervisor->keys_file) == 0;
    return result;
}

static void start_child(struct child *child)
{
    struct supervisor *supervisor = child->supervisor;
    struct bj_child_start start;
    struct bj_error error;
    int more[BJ_LISTENERS_MAX], control = -1, keys = -1, result;

    if (supervisor->stopping)
        return;
    describe_start(supervisor, child->role, more, &start);
    if (child->role == BJ_ROLE_FRONT) {
        look_at_keys(supervisor, 0, &keys, NULL);
        bj_fd_close(&keys);
    }
    child->started_us = bj_clock_us();
    child->starts++;
    child->said_us = child->kill_us = 0;
    child->replace = child->told = false;
    result = bj_child_start(&start, &child->pid, &control, &error);
    if (result < 0) {
        BJ_LOG(supervisor->log, SERVER, ERROR, "%s", error.message);
        child->pid = 0;
        start_later(child);
        return;
    }
    if (watch_control(child, control, &error) < 0) {
        kill_child(child, error.message);
        return;
    }
    for (int i = 0; i < BJ_ROLE_COUNT; i++) {
        struct child *other = &supervisor->children[i];

        if (other != child && other->control != NULL)
            join(child, other);
    }
}

static uint64_t pause_after(unsigned failures, uint64_t max)
{
    uint64_t pause = failures <= 1 ? 0 : PAUSE_FIRST_MS;

    for (unsigned i = 2; i < failures && pause < max; i++)
        pause *= 2;
    return pause < max ? pause : max;
}

/* A process has ended, or could not be started: it is again, at once or after a pause. */
static void start_later(struct child *child)
{
    struct supervisor *supervisor = child->supervisor;
    uint64_t pause, barren;

    if (bj_clock_us() - child->started_us >= SOON_US)
        child->failures = 0;
    child->failures++;
    child->barren++;
    if (!supervisor->was_ready && child->failures >= TRIES) {
        struct bj_error why;

        bj_fail(&why, BJ_E_SYSTEM, "start",
                "the %s process ended %u times before the service was ready; its log says why",
                bj_role_name(child->role), child->failures);
        give_up(supervisor, &why);
        return;
    }
    pause = pause_after(child->failures, PAUSE_BRIEF_MS);
    barren = pause_after(child->barren, PAUSE_MAX_MS);
    if (pause < barren)
        pause = barren;
    if (pause > 0)
        BJ_LOG(supervisor->log, SERVER, WARNING,
               "the %s process ended %u times in a row; the next start is in %llu ms",
               bj_role_name(child->role), child->failures, (unsigned long long)pause);
    uv_timer_start(&child->start, start_timer, pause, 0);
    say_status(supervisor);
}

/* ---- ends ---- */

static void log_end(const struct child *child, int status)
{
    const struct bj_log *log = child->supervisor->log;
    const char *name = bj_role_name(child->role);

    if (child->kill_us != 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        BJ_LOG(log, SERVER, INFO, "the %s process has ended", name);
    else if (WIFSIGNALED(status))
        BJ_LOG(log, SERVER, ERROR, "the %s process was ended by signal %d", name, WTERMSIG(status));
    else
        BJ_LOG(log, SERVER, ERROR, "the %s process ended with status %d", name,
               WEXITSTATUS(status));
}

static void child_ended(struct child *child, int status)
{
    child->pid = 0; /* nobody is to signal it any more */
    hear_last_words(child);
    if (child->supervisor->failed.code == 0)
        log_end(child, status);
    if (child->said_us != 0)
        child->barren = 0;
    child->said_us = 0;
    close_control(child);
    if (child->supervisor->stopping)
        stop_next(child->supervisor);
    else if (child->replace)
        start_child(child);
    else
        start_later(child);
}

/* Ends the next that still runs, in order; with the last, everything. */
static void stop_next(struct supervisor *supervisor)
{
    sd_notify(0, "STOPPING=1");
    for (int i = 0; i < BJ_ROLE_COUNT; i++) {
        struct child *child = &supervisor->children[stop_order[i]];

        uv_timer_stop(&child->start);
        if (child->pid == 0)
            continue;
        if (child->told)
            return;
        child->told = true;
        child->kill_us = bj_clock_us() + grace_us[child->role];
        if (child->control == NULL || bj_child_send_stop(child->control->fd, 0, NULL) < 0)
            kill(child->pid, SIGKILL);
        return;
    }
    finish(supervisor);
}

static void replace_front(struct supervisor *supervisor)
{
    struct child *front = &supervisor->children[BJ_ROLE_FRONT];

    if (front->pid == 0 || front->replace)
        return; /* it is about to be started as it is */
    front->replace = true;
    front->kill_us = bj_clock_us() + PATIENCE_MS * (int64_t)1000 + grace_us[BJ_ROLE_FRONT];
    /* Without a control socket it has just ended, or has never got as far. */
    if (front->control == NULL || bj_child_send_stop(front->control->fd, PATIENCE_MS, NULL) < 0)
        kill(front->pid, SIGKILL);
}

static int try_front(const struct supervisor *supervisor, int program, int config,
                     struct bj_error *err)
{
    int more[BJ_LISTENERS_MAX];
    struct bj_child_start start;

    describe_start(supervisor, BJ_ROLE_FRONT, more, &start);
    start.program = program;
    start.config = config;
    start.lock = -1;
    start.more_count = 0;
    return bj_child_try(&start, err);
}

/* The program of the next front: what is installed now, unless the others could not talk to it. */
static int choose_front(struct supervisor *supervisor, int config, int *ret_program,
                        struct bj_error *err)
{
    const char *path = supervisor->options->program;
    BJ_CLEANUP_CLOSE int installed = open(path, O_PATH | O_CLOEXEC);
    int now = supervisor->front >= 0 ? supervisor->front : supervisor->options->self;
    int result = installed < 0 ? bj_fail_errno(err, "start", "cannot open it")
                               : try_front(supervisor, installed, config, err);

    if (installed < 0 || result == -BJ_E_UNSUPPORTED) {
        BJ_LOG(supervisor->log, SERVER, ERROR,
               "the front stays of the program that runs, not of %s: %s", path, err->message);
        result = try_front(supervisor, now, config, err);
        if (result == 0 && (*ret_program = fcntl(now, F_DUPFD_CLOEXEC, 0)) < 0)
            result = bj_fail_errno(err, "start", "cannot keep the program open");
        return result;
    }
    if (result == 0)
        *ret_program = bj_fd_take(&installed);
    return result;
}

static void renew_keys(struct supervisor *supervisor)
{
    struct child *front = &supervisor->children[BJ_ROLE_FRONT];
    BJ_CLEANUP_CLOSE int fd = -1;
    struct bj_error error;
    int result;

    if (front->control == NULL)
        return; /* the next one reads them anyway */
    result = look_at_keys(supervisor, supervisor->keys_number + 1, &fd, &error);
    if (result == 0)
        result = bj_child_send_keys(front->control->fd, supervisor->keys_number, fd, &error);
    if (result < 0)
        BJ_LOG(supervisor->log, SERVER, ERROR, "the keys stay as they were: %s", error.message);
}

static void reload(struct supervisor *supervisor)
{
    struct bj_error error;
    int config = -1, program = -1, result;

    renew_keys(
        supervisor); /* a removed one opens nothing from now on, whatever becomes of the rest */
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)bj_clock_us());
    result = supervisor->options->reload(supervisor->options->context, &config, &error);
    if (result == 0)
        result = choose_front(supervisor, config, &program, &error);
    if (result < 0) {
        BJ_LOG(supervisor->log, SERVER, ERROR, "the configuration stays as it was: %s",
               error.message);
        sd_notify(0, "READY=1");
        bj_fd_close(&config);
        return;
    }
    bj_fd_close(&supervisor->config);
    bj_fd_close(&supervisor->front);
    supervisor->config = config;
    supervisor->front = program;
    replace_front(supervisor);
}

/* ---- signals and time ---- */

static void reap(struct supervisor *supervisor)
{
    for (int i = 0; i < BJ_ROLE_COUNT; i++) {
        struct child *child = &supervisor->children[i];
        int status;

        if (child->pid > 0 && waitpid(child->pid, &status, WNOHANG) == child->pid)
            child_ended(child, status);
    }
}

static void stop(struct supervisor *supervisor)
{
    /* Asked for a second time: patience is over. */
    for (int i = 0; supervisor->stopping && i < BJ_ROLE_COUNT; i++) {
        if (supervisor->children[i].kill_us != 0)
            supervisor->children[i].kill_us = 1;
    }
    if (supervisor->stopping)
        return;
    supervisor->stopping = true;
    stop_next(supervisor);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct supervisor *supervisor = handle->data;

    if (number == SIGCHLD)
        reap(supervisor);
    else if (number == SIGUSR1)
        renew_keys(supervisor);
    else if (number != SIGHUP)
        stop(supervisor);
    else if (!supervisor->stopping)
        reload(supervisor);
}

/* While this process was stopped it heard nobody, which says nothing of them. */
static void leave_out_lost_time(struct supervisor *supervisor, int64_t now)
{
    int64_t lost = now - supervisor->ticked_us - TICK_MS * 1000;

    for (int i = 0; supervisor->ticked_us != 0 && lost > 0 && i < BJ_ROLE_COUNT; i++) {
        if (supervisor->children[i].said_us != 0)
            supervisor->children[i].said_us += lost;
        if (supervisor->children[i].kill_us != 0)
            supervisor->children[i].kill_us += lost;
    }
    supervisor->ticked_us = now;
}

static void on_tick(uv_timer_t *timer)
{
    struct supervisor *supervisor = timer->data;
    int64_t now = bj_clock_us();

    leave_out_lost_time(supervisor, now);
    for (int i = 0; i < BJ_ROLE_COUNT; i++) {
        struct child *child = &supervisor->children[i];

        if (child->pid == 0)
            continue;
        if (child->kill_us != 0 && now >= child->kill_us)
            kill_child(child, "it does not end");
        else if (child->said_us != 0 && now - child->said_us > BJ_SILENCE_US)
            kill_child(child, "it has been silent for too long");
        if (child->failures > 0 && now - child->started_us >= SOON_US) {
            child->failures = 0;
            say_status(supervisor);
        }
    }
    if (supervisor->watchdog_us > 0)
        sd_notify(0, "WATCHDOG=1");
}

static void begin(struct supervisor *supervisor)
{
    static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1};

    uv_timer_init(&supervisor->loop, &supervisor->tick);
    supervisor->tick.data = supervisor;
    uv_timer_start(&supervisor->tick, on_tick, TICK_MS, TICK_MS);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uv_signal_init(&supervisor->loop, &supervisor->signals[i]);
        supervisor->signals[i].data = supervisor;
        uv_signal_start(&supervisor->signals[i], on_signal, numbers[i]);
    }
    for (int i = 0; i < BJ_ROLE_COUNT; i++) {
        struct child *child = &supervisor->children[i];

        *child = (struct child){.supervisor = supervisor, .role = (enum bj_role)i};
        uv_timer_init(&supervisor->loop, &child->start);
        child->start.data = child;
    }
    for (int i = 0; i < BJ_ROLE_COUNT; i++)
        start_child(&supervisor->children[i]);
}

int bj_supervisor_run(const struct bj_supervisor_options *options, struct bj_error *err)
{
    struct supervisor supervisor = {
        .options = options, .log = options->log, .config = options->config, .front = -1};

    sd_watchdog_enabled(0, &supervisor.watchdog_us);
    if (uv_loop_init(&supervisor.loop) < 0)
        return bj_fail(err, BJ_E_NO_MEMORY, "supervisor", "cannot make an event loop");
    begin(&supervisor);
    uv_run(&supervisor.loop, UV_RUN_DEFAULT);
    uv_loop_close(&supervisor.loop);
    bj_fd_close(&supervisor.config);
    bj_fd_close(&supervisor.front);
    if (supervisor.failed.code == 0)
        return 0;
    return bj_fail(err, supervisor.failed.code, supervisor.failed.step, "%s",
                   supervisor.failed.message);
}
