/*
 * Processes: started through init, drained into a log, timed, and kept for a while after their end.
 *
 *     START ─▶ STARTING ─ init's reply ─▶ RUNNING ─ EXITED ─▶ DRAINING ─ all is read ─▶ ENDED
 *
 * A process has ended when its main process has, whoever still holds its pipes: what is in them at
 * that moment is read, and no more. Ended ones are kept with their log until BJ_ENDED_MAX newer
 * ones have ended, or for BJ_ENDED_US.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/environment.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "keeper/keeper_internal.h"

#define ENDED_US (600LL * 1000000)
#define TERMINAL_DRAIN_US                                                                          \
    200000 /* for what a terminal still has to say after its process's end                         \
            */
#define TIMED_OUT_CODE 124

struct bj_process *bj_process_find(struct bj_sandbox *sandbox, uint32_t number)
{
    struct bj_process *process = sandbox->processes;

    while (process != NULL && process->number != number)
        process = process->next;
    return process;
}

static struct bj_process *of_deadline(struct bj_deadline *deadline)
{
    return (void *)((char *)deadline - offsetof(struct bj_process, deadline));
}

static void set_deadline(struct bj_process *process, void (*passed)(struct bj_deadline *),
                         int64_t after_us)
{
    struct bj_deadlines *deadlines = &process->sandbox->keeper->deadlines;

    bj_deadline_clear(deadlines, &process->deadline);
    process->deadline.passed = passed;
    if (after_us >= 0)
        bj_deadline_set(deadlines, &process->deadline, bj_clock_us() + after_us);
}

/* ---- what is said of it ---- */

void bj_process_state(const struct bj_process *process, struct bj_process_state *ret)
{
    *ret = (struct bj_process_state){
        .sandbox = process->sandbox->id,
        .label = process->label,
        .process = process->number,
        .pid = process->pid,
        .flags = process->flags,
        .rows = process->rows,
        .columns = process->columns,
        .age_us = bj_clock_us() - process->began,
        .written = process->output.next,
        .dropped = process->output.start,
        .ended = process->stage == BJ_PROCESS_ENDED,
        .ending = process->ending,
    };
}

void bj_process_say(struct bj_process *process)
{
    struct bj_keeper *keeper = process->sandbox->keeper;
    struct bj_process_state state;
    struct bj_buf out;

    if (keeper->front.fd < 0)
        return;
    bj_process_state(process, &state);
    bj_say_begin(&out, BJ_MESSAGE_PROCESS, 0);
    bj_process_state_put(&out, &state);
    bj_say_to_front(keeper, &out);
}

/* ---- its end ---- */

static void release(struct bj_process *process)
{
    struct bj_keeper *keeper = process->sandbox->keeper;

    for (int i = 0; i < BJ_OUTPUT_STREAMS; i++)
        bj_stream_close(&process->streams[i]);
    bj_fds_close(&process->handed);
    bj_input_end(process);
    bj_attach_end_all(process);
    bj_read_end_all(process);
    bj_deadline_clear(&keeper->deadlines, &process->deadline);
    bj_deadline_clear(&keeper->deadlines, &process->hold_deadline);
    bj_budget_close(process);
    bj_output_release(&process->output);
    bj_free(process->label);
    bj_free(process);
}

void bj_process_forget(struct bj_process *process)
{
    struct bj_sandbox *sandbox = process->sandbox;
    struct bj_process **at = &sandbox->processes;

    while (*at != process)
        at = &(*at)->next;
    *at = process->next;
    sandbox->process_count--;
    release(process);
}

static void forget_late(struct bj_deadline *deadline)
{
    bj_process_forget(of_deadline(deadline));
}

/* The list has the newest first: what is beyond the newest ones that have ended goes. */
static void forget_old(struct bj_sandbox *sandbox)
{
    struct bj_process *process = sandbox->processes;
    uint32_t ended = 0;

    while (process != NULL) {
        struct bj_process *next = process->next;

        if (process->stage == BJ_PROCESS_ENDED && ++ended > BJ_ENDED_MAX &&
            process->readers == NULL)
            bj_process_forget(process);
        process = next;
    }
}

static void tell_outcome(struct bj_process *process)
{
    const struct bj_ending *ending = &process->ending;
    struct bj_outcome_note note = {
        .ran = true,
        .timed_out = ending->timed_out,
        .oom_killed = ending->oom_killed,
        .truncated = process->output.start > 0,
        .exit_code = ending->exit_code,
        .signal = ending->signal,
        .duration_us = ending->duration_us,
        .cpu_us = ending->cpu_us,
        .peak_memory = ending->peak_memory,
        .output_bytes = {process->output.next, 0},
        .reason = ending->reason[0] != '\0' ? ending->reason : NULL,
    };

    bj_task_tell(process->sandbox->keeper, &process->task, &note);
}

void bj_process_drained(struct bj_process *process)
{
    if (process->stage != BJ_PROCESS_DRAINING)
        return;
    process->stage = BJ_PROCESS_ENDED;
    process->sandbox->running_count--;
    bj_input_end(process);
    bj_budget_ended(process);
    tell_outcome(process);
    bj_process_say(process);
    set_deadline(process, forget_late, ENDED_US);
    bj_read_wake(process);
}

/* A terminal whose other end is held by somebody else. What waits for room in the log was said. */
static void drained_enough(struct bj_deadline *deadline)
{
    struct bj_process *process = of_deadline(deadline);

    for (int i = 0; i < BJ_OUTPUT_STREAMS; i++) {
        if (process->streams[i].fd >= 0 && process->streams[i].full) {
            set_deadline(process, drained_enough, TERMINAL_DRAIN_US);
            return;
        }
    }
    for (int i = 0; i < BJ_OUTPUT_STREAMS; i++)
        bj_stream_close(&process->streams[i]);
    bj_process_drained(process);
}

static void end_with_status(struct bj_process *process, int status)
{
    struct bj_ending *ending = &process->ending;

    ending->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    ending->exit_code = ending->signal != 0 ? 128 + ending->signal : WEXITSTATUS(status);
    ending->duration_us = bj_clock_us() - process->began;
    if (!process->timed_out)
        return;
    ending->timed_out = true;
    ending->exit_code = TIMED_OUT_CODE;
    snprintf(ending->reason, sizeof ending->reason, "ended by its time-out of %.15g s",
             (double)process->timeout_us / 1000000);
}

static void say_memory(struct bj_process *process)
{
    struct bj_ending *ending = &process->ending;
    long long limit = process->sandbox->memory_bytes >> 20;

    ending->oom_killed = true;
    if (ending->reason[0] == '\0' && limit > 0)
        snprintf(ending->reason, sizeof ending->reason,
                 "ended by the sandbox's memory limit of %lld MiB", limit);
}

void bj_process_exited(struct bj_sandbox *sandbox, const struct bj_exited *exited)
{
    struct bj_process *process = sandbox->processes;

    while (process != NULL && (process->pid != exited->pid || process->stage != BJ_PROCESS_RUNNING))
        process = process->next;
    if (process == NULL)
        return;
    end_with_status(process, exited->status);
    process->ending.cpu_us = exited->cpu_us;
    process->ending.peak_memory = exited->peak_kb << 10;
    if (exited->memory_exceeded || bj_oom_ended(process))
        say_memory(process);
    process->stage = BJ_PROCESS_DRAINING;
    set_deadline(process, drained_enough,
                 process->flags & BJ_START_TERMINAL ? TERMINAL_DRAIN_US : -1);
    bj_streams_finish(process);
    if (bj_streams_closed(process))
        bj_process_drained(process);
}

void bj_processes_end(struct bj_sandbox *sandbox, const struct bj_usage *usage)
{
    for (struct bj_process *at = sandbox->processes; at != NULL; at = at->next) {
        if (at->stage == BJ_PROCESS_RUNNING) {
            end_with_status(at, SIGKILL);
            if (!at->timed_out)
                snprintf(at->ending.reason, sizeof at->ending.reason, "the sandbox ended: %s",
                         sandbox->reason);
            if ((usage != NULL && usage->oom_killed) ||
                sandbox->init.failure.code == BJ_E_NO_MEMORY)
                say_memory(at);
            at->stage = BJ_PROCESS_DRAINING;
            bj_output_unhold(&at->output);
            bj_streams_finish(at);
        }
        for (int i = 0; i < BJ_OUTPUT_STREAMS; i++)
            bj_stream_close(&at->streams[i]);
        bj_process_drained(at);
    }
    while (sandbox->processes != NULL)
        bj_process_forget(sandbox->processes);
}

static void ignore(void *context, const struct bj_init_reply *reply)
{
    (void)context;
    (void)reply;
}

void bj_process_kill(struct bj_process *process)
{
    struct bj_signal body = {.pid = process->pid, .group = 1};
    struct bj_frame_head head = {.type = BJ_FRAME_SIGNAL,
                                 .id = bj_init_next_id(process->sandbox),
                                 .value = SIGKILL,
                                 .length = sizeof body};
    struct bj_buf packet;

    process->killed = true;
    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put(&packet, head, &body);
    /* An init that cannot even be asked to is not in order. */
    if (bj_init_ask(process->sandbox, &packet, NULL, ignore, NULL, NULL) < 0)
        bj_sandbox_end(process->sandbox, "unresponsive");
}

static void time_passed(struct bj_deadline *deadline)
{
    struct bj_process *process = of_deadline(deadline);

    process->timed_out = true;
    bj_process_kill(process);
}

/* ---- its beginning ---- */

/* What the process gets, and the keeper's own ends. */
struct ends {
    struct bj_fds theirs;
    int ours[BJ_OUTPUT_STREAMS], input;
    struct bj_fds handed; /* to the front: BJ_START_PIPES */
};

static void close_ends(struct ends *ends)
{
    bj_fds_close(&ends->theirs);
    bj_fds_close(&ends->handed);
    for (int i = 0; i < BJ_OUTPUT_STREAMS; i++)
        bj_fd_close(&ends->ours[i]);
    bj_fd_close(&ends->input);
}

/* A pipe: `write_end` is the process's (1), or the read end is (0). */
static int add_pipe(struct ends *ends, int theirs, int *ret_ours, struct bj_error *err)
{
    int both[2];

    if (BJ_SYS(pipe2(both, O_CLOEXEC)) < 0)
        return bj_fail_errno(err, "streams", "cannot make a pipe");
    ends->theirs.fd[ends->theirs.count++] = both[theirs];
    *ret_ours = both[1 - theirs];
    return 0;
}

static int add_null(struct bj_keeper *keeper, struct ends *ends, struct bj_error *err)
{
    int fd = BJ_SYS(fcntl(keeper->null_fd, F_DUPFD_CLOEXEC, 0));

    if (fd < 0)
        return bj_fail_errno(err, "streams", "cannot open /dev/null");
    ends->theirs.fd[ends->theirs.count++] = fd;
    return 0;
}

/* The three streams in order, then what it reports. A terminal brings its own. */
static int make_ends(struct bj_keeper *keeper, uint32_t flags, struct ends *ends,
                     struct bj_error *err)
{
    int result = 0, handed[2] = {-1, -1};

    *ends = (struct ends){.ours = {-1, -1, -1}, .input = -1};
    if (!(flags & BJ_START_TERMINAL)) {
        if (flags & BJ_START_PIPES)
            result = add_pipe(ends, 0, &handed[0], err);
        else if (flags & BJ_START_STDIN)
            result = add_pipe(ends, 0, &ends->input, err);
        else
            result = add_null(keeper, ends, err);
        if (result == 0)
            result = add_pipe(ends, 1, flags & BJ_START_PIPES ? &handed[1] : &ends->ours[0], err);
        if (result == 0)
            result = add_pipe(ends, 1, &ends->ours[1], err);
    }
    for (int i = 0; i < 2; i++) {
        if (handed[i] >= 0)
            ends->handed.fd[ends->handed.count++] = handed[i];
    }
    if (result == 0 && flags & BJ_START_REPORT)
        result = add_pipe(ends, 1, &ends->ours[2], err);
    if (result == 0 && flags & BJ_START_FILES) {
        int fd = BJ_SYS(fcntl(keeper->files_fd, F_DUPFD_CLOEXEC, 0));

        if (fd < 0)
            result = bj_fail_errno(err, "streams", "cannot pass the program for files on");
        else
            ends->theirs.fd[ends->theirs.count++] = fd;
    }
    return result;
}

/* The sandbox's variables and over them the act's; the strings are borrowed. */
static int make_environment(const struct bj_sandbox *sandbox, const struct bj_act *act, char ***ret,
                            struct bj_error *err)
{
    struct bj_environment_base base = {
        .user = sandbox->user, .home = sandbox->home, .terminal = act->flags & BJ_START_TERMINAL};
    BJ_CLEANUP_FREE const char **own = NULL;
    size_t count = 0, of_sandbox = 0;

    while (act->env[count] != NULL)
        count++;
    while (sandbox->environment != NULL && sandbox->environment[of_sandbox] != NULL)
        of_sandbox++;
    own = bj_alloc((count + of_sandbox + 1) * sizeof *own);
    if (own == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "environment", "out of memory");
    if (of_sandbox > 0)
        memcpy(own, sandbox->environment, of_sandbox * sizeof *own);
    memcpy(own + of_sandbox, act->env, count * sizeof *own);
    base.own = (char *const *)own;
    return bj_environment_build(&base, ret, err);
}

static void spawned(void *context, const struct bj_init_reply *reply);

static int send_spawn(struct bj_process *process, const struct bj_act *act,
                      const struct bj_fds *theirs, struct bj_error *err)
{
    struct bj_sandbox *sandbox = process->sandbox;
    struct bj_spawn spawn = {.rows = act->rows,
                             .columns = act->columns,
                             .directory = act->directory != NULL ? act->directory : "",
                             .argv = act->argv};
    char **environment = NULL;
    struct bj_buf packet;
    int result = make_environment(sandbox, act, &environment, err);

    if (result < 0)
        return result;
    spawn.env = (const char *const *)environment;
    if (act->flags & BJ_START_TERMINAL)
        spawn.flags |= BJ_SPAWN_TERMINAL;
    if (act->flags & BJ_START_FILES)
        spawn.flags |= BJ_SPAWN_FILE;
    bj_buf_init(&packet, BJ_FRAME_MAX);
    bj_frame_put_spawn(&packet, bj_init_next_id(sandbox), &spawn, (uint16_t)theirs->count);
    bj_strv_free(environment);
    return bj_init_ask(sandbox, &packet, theirs, spawned, process, err);
}

/* Takes the keeper's ends. What is handed to the front waits in the start's own context. */
static int open_streams(struct bj_process *process, struct ends *ends, struct bj_error *err)
{
    int result = 0;

    for (int i = 0; i < BJ_OUTPUT_STREAMS && result == 0; i++) {
        if (ends->ours[i] >= 0)
            result = bj_stream_open(&process->streams[i], bj_fd_take(&ends->ours[i]), err);
    }
    if (result == 0 && ends->input >= 0) {
        process->input_fd = bj_fd_take(&ends->input);
        result = bj_input_open(process, err);
    }
    process->handed = ends->handed;
    ends->handed.count = 0;
    return result;
}

static struct bj_process *new_process(struct bj_sandbox *sandbox, const struct bj_task *task,
                                      const struct bj_act *act, struct bj_error *err)
{
    struct bj_process *process = bj_alloc(sizeof *process);

    if (process == NULL) {
        bj_fail(err, BJ_E_NO_MEMORY, "start", "out of memory");
        return NULL;
    }
    process->sandbox = sandbox;
    process->number = act->process;
    if (sandbox->last_process < act->process)
        sandbox->last_process = act->process;
    process->flags = act->flags;
    process->rows = act->rows;
    process->columns = act->columns;
    process->timeout_us = act->timeout_us;
    process->began = bj_clock_us();
    process->input_fd = -1;
    process->hold_deadline.passed = bj_read_hold_passed;
    process->task = *task;
    for (uint32_t i = 0; i < BJ_OUTPUT_STREAMS; i++)
        process->streams[i] = (struct bj_stream){.process = process, .number = i + 1, .fd = -1};
    if (act->label != NULL)
        process->label = bj_strdup(act->label);
    if ((act->label != NULL && process->label == NULL) ||
        bj_output_init(&process->output, BJ_LOG_MAX, err) < 0) {
        bj_fail(err, BJ_E_NO_MEMORY, "start", "out of memory");
        process->task.outcome = NULL;
        bj_free(process->label);
        bj_free(process);
        return NULL;
    }
    bj_budget_open(process);
    bj_oom_begin(process);
    if (act->flags & BJ_START_HOLD)
        bj_output_hold(&process->output, 0);
    return process;
}

static int check_start(struct bj_sandbox *sandbox, const struct bj_act *act, struct bj_error *err)
{
    if (sandbox->paused)
        return bj_fail(err, BJ_E_CONFLICT, "start", "the sandbox is paused; resume it first");
    if (bj_process_find(sandbox, act->process) != NULL)
        return bj_fail(err, BJ_E_CONFLICT, "start", "there is a process %u already", act->process);
    if (sandbox->process_count >= BJ_SANDBOX_PROCESSES)
        return bj_fail(err, BJ_E_LIMIT, "start", "the sandbox has %d processes, the most it may",
                       BJ_SANDBOX_PROCESSES);
    if (act->flags & BJ_START_FILES && sandbox->keeper->files_fd < 0)
        return bj_fail(err, BJ_E_UNSUPPORTED, "start", "the program for files is not installed");
    return 0;
}

void bj_process_start(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act)
{
    struct bj_process *process = NULL;
    struct bj_error failed = {0};
    struct ends ends = {.ours = {-1, -1, -1}, .input = -1};
    int result;

    forget_old(sandbox);
    result = check_start(sandbox, act, &failed);
    if (result == 0)
        result = make_ends(sandbox->keeper, act->flags, &ends, &failed);
    if (result == 0 && (process = new_process(sandbox, task, act, &failed)) == NULL)
        result = -failed.code;
    if (result == 0)
        result = open_streams(process, &ends, &failed);
    if (result == 0)
        result = send_spawn(process, act, &ends.theirs, &failed);
    close_ends(&ends);
    if (result < 0) {
        if (process != NULL)
            release(process);
        bj_task_done(sandbox->keeper, task, &failed);
        return;
    }
    process->next = sandbox->processes;
    sandbox->processes = process;
    sandbox->process_count++;
}

/* Init could not start it, or the sandbox has ended meanwhile. */
static void not_spawned(struct bj_process *process, const struct bj_error *failed)
{
    struct bj_keeper *keeper = process->sandbox->keeper;
    struct bj_task task = process->task;

    process->task.outcome = NULL;
    bj_process_forget(process);
    bj_task_done(keeper, &task, failed);
}

static int take_terminal(struct bj_process *process, struct bj_fds *fds, struct bj_error *err)
{
    if (!(process->flags & BJ_START_TERMINAL))
        return 0;
    if (fds->count != 1)
        return bj_fail(err, BJ_E_BUSY, "start", "no descriptor is free for the terminal");
    fds->count = 0;
    return bj_stream_open(&process->streams[0], fds->fd[0], err);
}

static void spawned(void *context, const struct bj_init_reply *reply)
{
    struct bj_process *process = context;
    struct bj_keeper *keeper = process->sandbox->keeper;
    struct bj_process_state state;
    struct bj_error failed = {0};
    struct bj_buf out;

    if (reply->failed != NULL) {
        not_spawned(process, reply->failed);
        return;
    }
    process->pid = reply->value;
    process->stage = BJ_PROCESS_RUNNING;
    process->sandbox->running_count++;
    if (take_terminal(process, reply->fds, &failed) < 0) {
        snprintf(process->ending.reason, sizeof process->ending.reason, "%.90s", failed.message);
        bj_process_kill(process); /* nobody would hear it */
    }
    if (process->timeout_us > 0)
        set_deadline(process, time_passed, process->timeout_us);
    if (process->flags & BJ_START_HOLD)
        bj_deadline_set(&keeper->deadlines, &process->hold_deadline,
                        bj_clock_us() + BJ_HOLD_GRACE_US);
    bj_process_say(process);
    bj_process_state(process, &state);
    bj_task_answer_begin(&process->task, &out);
    bj_process_state_put(&out, &state);
    bj_task_answer_send(keeper, &process->task, &out, &process->handed);
    bj_fds_close(&process->handed);
}
