/*
 * What goes to a process: bytes for its standard input or terminal, and the terminal's size. Each
 * piece is answered when it is written, so that a process that does not read slows down whoever
 * writes to it, and nobody else; what waits is bounded.
 *
 * An ATTACH permits input without a record of each keystroke. It ends with DETACH, with its front
 * or with the process, and only then has an outcome: how many bytes went through.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "keeper/keeper_internal.h"

#define END_OF_FILE "\004" /* what a terminal takes for the end of input at the start of a line */

static bool has_terminal(const struct bj_process *process)
{
    return process->flags & BJ_START_TERMINAL;
}

static int input_of(const struct bj_process *process)
{
    return has_terminal(process) ? process->streams[0].fd : process->input_fd;
}

static void done(struct bj_process *process, struct bj_input *input, const struct bj_error *failed)
{
    process->input_bytes -= sizeof *input + input->length;
    bj_task_done(process->sandbox->keeper, &input->task, failed);
    bj_free(input);
}

static struct bj_input *take_first(struct bj_process *process)
{
    struct bj_input *input = process->inputs;

    process->inputs = input->next;
    if (process->inputs == NULL)
        process->last_input = NULL;
    return input;
}

static void close_input(struct bj_process *process)
{
    bj_poll_free(process->input_watch);
    process->input_watch = NULL;
    bj_fd_close(&process->input_fd);
}

void bj_input_end(struct bj_process *process)
{
    struct bj_error failed;

    bj_fail(&failed, BJ_E_ENDED, "input", "the process does not read any more");
    close_input(process);
    while (process->inputs != NULL)
        done(process, take_first(process), &failed);
}

static void watch(struct bj_process *process)
{
    if (has_terminal(process))
        bj_stream_watch(&process->streams[0]);
    else if (process->input_watch != NULL)
        bj_poll_for(process->input_watch, process->inputs != NULL ? UV_WRITABLE : UV_DISCONNECT);
}

/* What can be written now. */
static void write_inputs(struct bj_process *process)
{
    while (process->inputs != NULL && input_of(process) >= 0) {
        struct bj_input *input = process->inputs;
        size_t left = input->length - input->written;
        ssize_t n =
            left == 0 ? 0 : BJ_SYS(write(input_of(process), input->data + input->written, left));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            bj_input_end(process);
            return;
        }
        input->written += (size_t)n;
        if (input->written < input->length)
            continue;
        take_first(process);
        if (input->close && !has_terminal(process)) {
            done(process, input, NULL);
            bj_input_end(process);
            return;
        }
        done(process, input, NULL);
    }
    watch(process);
}

void bj_input_ready(struct bj_process *process)
{
    write_inputs(process);
}

static void ready(void *context, int events)
{
    struct bj_process *process = context;

    if (process->inputs == NULL || !(events & UV_WRITABLE))
        bj_input_end(process); /* nobody reads it any more */
    else
        write_inputs(process);
}

int bj_input_open(struct bj_process *process, struct bj_error *err)
{
    int result = bj_poll_new(&process->sandbox->keeper->loop, process->input_fd, ready, process,
                             &process->input_watch, err);

    if (result == 0)
        watch(process);
    else
        bj_fd_close(&process->input_fd);
    return result;
}

static int check_input(struct bj_sandbox *sandbox, const struct bj_act *act,
                       struct bj_process **ret, struct bj_error *err)
{
    struct bj_process *process = bj_process_find(sandbox, act->process);

    if (process == NULL)
        return bj_fail(err, BJ_E_NOT_FOUND, "input", "there is no process %u", act->process);
    if (process->stage == BJ_PROCESS_ENDED || process->stage == BJ_PROCESS_DRAINING)
        return bj_fail(err, BJ_E_ENDED, "input", "process %u has ended", act->process);
    if (!(process->flags & (BJ_START_TERMINAL | BJ_START_STDIN)))
        return bj_fail(err, BJ_E_CONFLICT, "input", "process %u was started without an input",
                       act->process);
    if (input_of(process) < 0 && process->stage == BJ_PROCESS_RUNNING)
        return bj_fail(err, BJ_E_ENDED, "input", "process %u does not read any more", act->process);
    if (act->length > BJ_INPUT_MAX)
        return bj_fail(err, BJ_E_LIMIT, "input", "at most %d bytes at a time", BJ_INPUT_MAX);
    if (process->input_bytes + act->length > BJ_INPUT_QUEUE_MAX)
        return bj_fail(err, BJ_E_BUSY, "input",
                       "the process does not read what it was sent; try again");
    *ret = process;
    return 0;
}

static void put_input(struct bj_process *process, struct bj_task *task, const struct bj_act *act)
{
    size_t extra = act->close && has_terminal(process) ? strlen(END_OF_FILE) : 0;
    struct bj_input *input = bj_alloc(sizeof *input + act->length + extra);
    struct bj_error failed;

    if (input == NULL) {
        bj_fail(&failed, BJ_E_NO_MEMORY, "input", "out of memory");
        bj_task_done(process->sandbox->keeper, task, &failed);
        return;
    }
    input->task = *task;
    input->length = act->length + extra;
    input->close = act->close;
    if (act->length > 0)
        memcpy(input->data, act->data, act->length);
    memcpy(input->data + act->length, END_OF_FILE, extra);
    if (process->last_input != NULL)
        process->last_input->next = input;
    else
        process->inputs = input;
    process->last_input = input;
    process->input_bytes += sizeof *input + input->length;
    write_inputs(process);
}

void bj_input_act(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act)
{
    struct bj_process *process = NULL;
    struct bj_error failed = {0};

    if (check_input(sandbox, act, &process, &failed) < 0)
        bj_task_done(sandbox->keeper, task, &failed);
    else
        put_input(process, task, act);
}

static int resize(struct bj_process *process, const struct bj_act *act, struct bj_error *err)
{
    struct winsize size = {.ws_row = act->rows, .ws_col = act->columns};

    if (!has_terminal(process))
        return bj_fail(err, BJ_E_CONFLICT, "resize", "process %u has no terminal", process->number);
    if (process->streams[0].fd < 0 || process->stage != BJ_PROCESS_RUNNING)
        return bj_fail(err, BJ_E_ENDED, "resize", "process %u has ended", process->number);
    if (BJ_SYS(ioctl(process->streams[0].fd, TIOCSWINSZ, &size)) < 0)
        return bj_fail_errno(err, "resize", "cannot resize the terminal");
    process->rows = act->rows;
    process->columns = act->columns;
    return 0;
}

void bj_resize_act(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act)
{
    struct bj_process *process = bj_process_find(sandbox, act->process);
    struct bj_error failed = {0};
    int result;

    if (process == NULL)
        result = bj_fail(&failed, BJ_E_NOT_FOUND, "resize", "there is no process %u", act->process);
    else
        result = resize(process, act, &failed);
    bj_task_done(sandbox->keeper, task, result < 0 ? &failed : NULL);
}

/* ---- ATTACH ---- */

void bj_attach_act(struct bj_sandbox *sandbox, struct bj_task *task, const struct bj_act *act)
{
    struct bj_process *process = bj_process_find(sandbox, act->process);
    struct bj_attachment *attach = NULL;
    struct bj_error failed = {0};
    int result = 0;

    if (process == NULL || process->stage == BJ_PROCESS_ENDED)
        result =
            bj_fail(&failed, BJ_E_NOT_FOUND, "attach", "process %u does not run", act->process);
    else if (process->attach_count >= BJ_PROCESS_ATTACHES)
        result = bj_fail(&failed, BJ_E_BUSY, "attach", "%d are attached to this process already",
                         BJ_PROCESS_ATTACHES);
    else if ((attach = bj_alloc(sizeof *attach)) == NULL)
        result = bj_fail(&failed, BJ_E_NO_MEMORY, "attach", "out of memory");
    if (result < 0) {
        bj_task_done(sandbox->keeper, task, &failed);
        return;
    }
    bj_task_answer(sandbox->keeper, task, NULL);
    attach->task = *task;
    attach->next = process->attaches;
    process->attaches = attach;
    process->attach_count++;
}

/* What went through, as the outcome says it. */
static void end_attach(struct bj_process *process, struct bj_attachment **at)
{
    struct bj_attachment *attach = *at;
    struct bj_outcome_note note = {.ran = true, .output_bytes = {attach->bytes, 0}};

    *at = attach->next;
    process->attach_count--;
    bj_task_tell(process->sandbox->keeper, &attach->task, &note);
    bj_free(attach);
}

void bj_attach_end_all(struct bj_process *process)
{
    while (process->attaches != NULL)
        end_attach(process, &process->attaches);
}

static struct bj_attachment **find_attach(struct bj_process *process, uint64_t id)
{
    struct bj_attachment **at = &process->attaches;

    while (*at != NULL && (*at)->task.id != id)
        at = &(*at)->next;
    return *at != NULL ? at : NULL;
}

bool bj_attach_end(struct bj_keeper *keeper, uint64_t id)
{
    for (struct bj_sandbox *at = keeper->sandboxes.first; at != NULL; at = at->next) {
        for (struct bj_process *process = at->processes; process != NULL; process = process->next) {
            struct bj_attachment **found = find_attach(process, id);

            if (found == NULL)
                continue;
            end_attach(process, found);
            return true;
        }
    }
    return false;
}

void bj_attach_front_gone(struct bj_keeper *keeper)
{
    for (struct bj_sandbox *at = keeper->sandboxes.first; at != NULL; at = at->next) {
        for (struct bj_process *process = at->processes; process != NULL; process = process->next)
            bj_attach_end_all(process);
    }
}

static int find_attached(struct bj_keeper *keeper, const struct bj_message *message,
                         const struct bj_act *act, struct bj_attachment **ret,
                         struct bj_process **ret_process, struct bj_error *err)
{
    struct bj_attachment **found = NULL;
    struct bj_sandbox *sandbox;
    int result = bj_sandbox_of_act(keeper, act, &sandbox, err);

    if (result < 0)
        return result;
    *ret_process = bj_process_find(sandbox, act->process);
    if (*ret_process != NULL)
        found = find_attach(*ret_process, (uint64_t)message->head.number);
    if (found == NULL)
        return bj_fail(err, BJ_E_NOT_FOUND, "input", "nothing is attached to process %u by that",
                       act->process);
    bj_sandbox_use(sandbox);
    *ret = *found;
    return 0;
}

void bj_attach_message(struct bj_keeper *keeper, const struct bj_message *message)
{
    bool size = message->head.type == BJ_MESSAGE_SIZE;
    struct bj_process *process = NULL;
    struct bj_attachment *attach = NULL;
    struct bj_error failed = {0};
    struct bj_task task = {.id = message->head.id};
    struct bj_act act;
    int result = bj_act_get(message->body, message->head.length, keeper->strings, BJ_ACT_STRINGS,
                            &act, &failed);

    if (result < 0 || act.kind != (size ? BJ_ACT_RESIZE : BJ_ACT_INPUT)) {
        bj_keeper_drop_front(keeper);
        return;
    }
    result = find_attached(keeper, message, &act, &attach, &process, &failed);
    if (result == 0)
        result = bj_pause_check(process->sandbox, &failed);
    if (result == 0 && !size)
        result = check_input(process->sandbox, &act, &process, &failed);
    if (result < 0) {
        bj_task_answer(keeper, &task, &failed);
        return;
    }
    if (size) {
        bj_resize_act(process->sandbox, &task, &act);
        return;
    }
    attach->bytes += (int64_t)act.length;
    put_input(process, &task, &act);
}
