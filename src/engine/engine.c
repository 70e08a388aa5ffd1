/*
 * Running one command: create, spawn, relay until it ends, destroy.
 *
 * The loop waits on four things: the streams, the sandbox's events, signals that this process gets,
 * and the deadline on the monotonic clock.
 */
#include "engine/engine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "engine/engine_internal.h"
#include "linux/terminal.h"

#define EXIT_TIMED_OUT      124
#define LAST_OUTPUT_MS      100 /* for output of a command that was ended, where nobody reads */
#define GRACE_US            10000000 /* from SIGTERM or SIGHUP to the end of a command that ignores them */
#define SIGNALS_BEFORE_KILL 3        /* the third one of a kind ends everything */

struct run {
    const struct bj_backend *backend;
    const struct bj_engine_request *request;
    struct bj_result *result;
    struct bj_sandbox *sandbox;
    struct bj_relay relay;
    struct bj_terminal terminal; /* the caller's, while it is raw */
    int signal_fd;
    sigset_t old_mask;
    int64_t started, deadline; /* microseconds; deadline 0 = none */
    int64_t grace_ends;        /* microseconds; 0 = nobody asked it to end */
    int grace_signal;
    int asked_to_end; /* how often */
    bool exited;
};

static int watch_signals(struct run *run, struct bj_error *err)
{
    static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
        sigaddset(&set, passed_on[i]);
    if (BJ_SYS(sigprocmask(SIG_BLOCK, &set, NULL)) < 0)
        return bj_fail_errno(err, "signals", "cannot block signals");
    run->signal_fd = BJ_SYS(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (run->signal_fd < 0)
        return bj_fail_errno(err, "signals", "cannot watch for signals");
    return 0;
}

/* A write to a pipe that nobody reads is to fail with EPIPE and nothing else. */
static void block_pipe_signal(struct run *run)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, &run->old_mask);
}

static void restore_signals(struct run *run)
{
    const struct timespec at_once = {0};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    if (!sigismember(&run->old_mask, SIGPIPE))
        sigtimedwait(&set, NULL, &at_once); /* what such a write left pending */
    sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
    bj_fd_close(&run->signal_fd);
}

static void end_by_signal(struct run *run, int signal)
{
    snprintf(run->result->reason, sizeof run->result->reason, "ended by signal %d", signal);
    run->result->signal = signal;
    run->backend->kill(run->sandbox);
}

static void pass_on_signals(struct run *run)
{
    struct signalfd_siginfo info;

    while (read(run->signal_fd, &info, sizeof info) == sizeof info) {
        int signal = (int)info.ssi_signo;

        if (signal == SIGWINCH) {
            if (run->relay.terminal_fd >= 0)
                bj_terminal_copy_size(&run->terminal, run->relay.terminal_fd);
            continue;
        }
        if (signal != SIGUSR1 && signal != SIGUSR2)
            run->asked_to_end++;
        if ((signal == SIGTERM || signal == SIGHUP) && run->grace_ends == 0) {
            run->grace_ends = bj_clock_us() + GRACE_US;
            run->grace_signal = signal;
        }
        /* A command that has not started yet cannot take a signal. */
        if (run->asked_to_end >= SIGNALS_BEFORE_KILL ||
            run->backend->signal(run->sandbox, 0, true, signal, NULL) < 0)
            end_by_signal(run, signal);
    }
}

static void take_exit(struct run *run, const struct bj_exited *exited)
{
    struct bj_result *result = run->result;

    run->exited = true;
    result->cpu_us = exited->cpu_us;
    result->peak_memory = exited->peak_kb * 1024;
    if (exited->memory_exceeded)
        result->oom_killed = true;
    if (WIFSIGNALED(exited->status)) {
        result->signal = WTERMSIG(exited->status);
        result->exit_code = 128 + result->signal;
    } else {
        result->exit_code = WEXITSTATUS(exited->status);
    }
}

static int milliseconds_left(const struct run *run)
{
    int64_t left, until = run->deadline;

    if (run->grace_ends != 0 && (until == 0 || run->grace_ends < until))
        until = run->grace_ends;
    if (until == 0)
        return -1;
    left = until - bj_clock_us();
    if (left <= 0)
        return 0;
    return left > 3600000000LL ? 3600000 : (int)((left + 999) / 1000);
}

/* The deadline has come: that of the run, or of a command that was asked to end and does not. */
static void time_out(struct run *run)
{
    struct bj_result *result = run->result;

    if (run->grace_ends != 0 && bj_clock_us() >= run->grace_ends) {
        end_by_signal(run, run->grace_signal);
        return;
    }
    result->timed_out = true;
    result->exit_code = EXIT_TIMED_OUT;
    snprintf(result->reason, sizeof result->reason, "timed out after %lld s",
             (long long)bj_config_run_seconds(run->request->config));
    run->backend->kill(run->sandbox);
}

static int take_events(struct run *run, bool *ret_over, struct bj_error *err)
{
    for (;;) {
        struct bj_backend_event event;
        int result = run->backend->next_event(run->sandbox, &event, err);

        if (result < 0 || event.kind == BJ_BACKEND_EVENT_NONE)
            return result;
        *ret_over = true;
        if (event.kind == BJ_BACKEND_EVENT_EXITED)
            take_exit(run, &event.exited);
        return 0;
    }
}

/* Signals that come when there is no command any more to pass them on to. */
static void count_late_signals(struct run *run)
{
    struct signalfd_siginfo info;

    while (read(run->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGWINCH && info.ssi_signo != SIGUSR1 && info.ssi_signo != SIGUSR2)
            run->asked_to_end++;
    }
}

/*
 * The command is over: its last output goes to the caller. A slow caller is waited for until the
 * deadline; not if it was the deadline, or somebody's patience, that ended the command.
 */
static int drain(struct run *run, struct bj_error *err)
{
    struct pollfd polls[BJ_RELAY_POLLS + 1];
    int result = 0;

    bj_relay_end_input(&run->relay);
    while (result == 0) {
        bool hurry = run->result->timed_out || run->asked_to_end > 0;
        int count = bj_relay_polls(&run->relay, polls), ready, timeout = 0;

        if (bj_relay_holds(&run->relay))
            timeout = hurry ? LAST_OUTPUT_MS : milliseconds_left(run);
        polls[count] = (struct pollfd){.fd = run->signal_fd, .events = POLLIN};
        ready = poll(polls, (nfds_t)count + 1, timeout);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0) {
            if (bj_relay_holds(&run->relay) && !hurry)
                time_out(run);
            break;
        }
        if (polls[count].revents != 0)
            count_late_signals(run);
        result = bj_relay_move(&run->relay, polls, run->result, err);
    }
    return result;
}

/* Until the command has ended, its output is with the caller, or something failed. */
static int loop(struct run *run, struct bj_error *err)
{
    struct pollfd polls[BJ_RELAY_POLLS + 2];
    bool over = false;
    int result = 0;

    while (!over && result == 0) {
        int count = bj_relay_polls(&run->relay, polls), timeout = milliseconds_left(run);

        polls[count] =
            (struct pollfd){.fd = run->backend->event_fd(run->sandbox), .events = POLLIN};
        polls[count + 1] = (struct pollfd){.fd = run->signal_fd, .events = POLLIN};
        if (BJ_SYS(poll(polls, (nfds_t)count + 2, timeout)) < 0) {
            if (errno == EINTR)
                continue;
            return bj_fail_errno(err, "relay", "cannot wait for the command");
        }
        if (polls[count + 1].revents != 0)
            pass_on_signals(run);
        result = bj_relay_move(&run->relay, polls, run->result, err);
        if (result == 0 && polls[count].revents != 0)
            result = take_events(run, &over, err);
        if (!over && result == 0 && milliseconds_left(run) == 0) {
            time_out(run);
            over = true;
        }
    }
    return result < 0 ? result : drain(run, err);
}

static int start(struct run *run, struct bj_error *err)
{
    const struct bj_engine_request *request = run->request;
    char **environment = NULL;
    struct bj_spawn spawn = {.flags = BJ_SPAWN_MAIN, .directory = "", .argv = request->argv};
    int streams[3], result = 0, master = -1;

    if (request->created != NULL)
        result = request->created(request->context, run->result->init_pid, err);
    if (result == 0 && request->environment == NULL)
        result = run->backend->environment(run->sandbox, request->terminal, &environment, err);
    if (result < 0)
        return result;
    spawn.env =
        request->environment != NULL ? request->environment : (const char *const *)environment;
    if (request->named)
        spawn.flags |= BJ_SPAWN_NAMED;
    for (int i = 0; i < 3; i++) {
        const struct bj_relay_stream *stream = &run->relay.streams[i];

        streams[i] = stream->route == BJ_ROUTE_HANDED ? stream->outer : stream->given;
        if (stream->route == BJ_ROUTE_JOINED)
            streams[i] = streams[1];
    }
    if (request->terminal) {
        spawn.flags |= BJ_SPAWN_TERMINAL | BJ_SPAWN_REPLY;
        bj_terminal_size(request->streams, &spawn.rows, &spawn.columns);
    }
    result = run->backend->spawn(run->sandbox, &spawn, streams, NULL, &master, err);
    bj_strv_free(environment);
    if (result < 0)
        return result;
    bj_relay_given(&run->relay);
    if (request->terminal) {
        bj_relay_use_terminal(&run->relay, master);
        result = bj_terminal_make_raw(&run->terminal, request->streams[0], err);
    }
    return result;
}

/* What is left to say once the sandbox is gone and its counters are read. */
static void conclude(struct run *run)
{
    struct bj_result *result = run->result;

    result->duration_us = bj_clock_us() - run->started;
    if (result->oom_killed && result->reason[0] == '\0')
        snprintf(result->reason, sizeof result->reason, "%s: memory limit of %lld MiB reached",
                 result->signal == SIGKILL ? "killed" : "a process was killed",
                 (long long)run->request->config->memory_mb);
    if (!run->exited && !result->timed_out && result->signal != 0)
        result->exit_code = 128 + result->signal;
}

static int run_admitted(const struct bj_backend *backend, const struct bj_engine_request *request,
                        struct bj_result *result, struct bj_error *err)
{
    struct run run = {.backend = backend, .request = request, .result = result, .signal_fd = -1};
    struct bj_config config = *request->config; /* what it owns stays the caller's */
    int64_t seconds = bj_config_run_seconds(request->config);
    int failed;

    config.program = request->argv[0];
    config.program_is_shell = request->command_text != NULL;
    run.started = bj_clock_us();
    if (seconds > 0)
        run.deadline = run.started + seconds * 1000000;
    bj_terminal_init(&run.terminal);
    block_pipe_signal(&run);
    failed = bj_relay_open(&run.relay, request, err);
    if (failed == 0 && request->launcher == NULL)
        failed = watch_signals(&run, err);
    if (failed == 0)
        failed = backend->create(&config, request->launcher, result, &run.sandbox, err);
    if (failed == 0)
        bj_log_made(request->log, backend, result, run.started);
    if (failed == 0)
        failed = start(&run, err);
    if (failed == 0)
        BJ_LOG(request->log, SANDBOX, DEBUG, "command started after %lld us",
               (long long)(bj_clock_us() - run.started));
    if (failed == 0)
        failed = loop(&run, err);
    bj_terminal_restore(&run.terminal);
    backend->destroy(run.sandbox, result);
    for (int i = 0; i < 2; i++)
        result->output_bytes[i] = run.relay.streams[i + 1].passed;
    bj_relay_close(&run.relay);
    restore_signals(&run);
    if (failed == 0)
        conclude(&run);
    bj_log_ended(request->log, result, failed < 0 ? err : NULL);
    if (failed == 0 && !run.exited && !result->timed_out && result->signal == 0)
        return bj_fail(err, BJ_E_ENDED, "relay", "the sandbox ended without saying how");
    return failed;
}

int bj_engine_run(const struct bj_backend *backend, const struct bj_engine_request *request,
                  struct bj_result *result, struct bj_error *err)
{
    struct bj_error failure = {0};
    struct bj_call call;
    int64_t number = 0;
    int failed;

    if (request->guard == NULL)
        return run_admitted(backend, request, result, err);
    failed = bj_call_describe(request, &call, err);
    if (failed == 0)
        failed = request->guard->admit(request->guard, &call.request, result, &number, err);
    bj_call_release(&call);
    if (failed < 0)
        return failed;
    failed = run_admitted(backend, request, result, &failure);
    request->guard->conclude(request->guard, number, result, failed < 0 ? &failure : NULL);
    if (failed < 0 && err != NULL)
        *err = failure;
    return failed;
}
