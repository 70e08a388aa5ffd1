/*
 * Shell sessions: commands one after the other, each of which finds the directory and the exported
 * variables that the one before left.
 *
 * Theory of operation. Each command is a process of its own: bash runs a text of ours, which runs
 * the caller's and at the end writes the directory and the exported variables to descriptor 3
 * (BJ_START_REPORT), from where they come as stream 3 of its output. The next command is started
 * there and with those. Nothing waits in the sandbox in between. The policy judges the caller's
 * text, with the variables that it will find.
 *
 * What is reported comes from the workload: shell_state.c has the text that reports and the reader
 * of it. A command that ends without a report (killed, exec) leaves the session as it was.
 *
 * The front's state is in no memory alone: the names of a sandbox's sessions are in its label, and
 * the last report of each is in the keeper's log of its last command, where a new front reads it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "service/shell_internal.h"
#include "service/variables.h"

/* A command that waits for its turn. */
struct turn {
    struct turn *next;
    struct bj_run *run;
    char *command; /* owned */
    char *tag;     /* owned; NULL */
    int64_t timeout_us;
};

struct shell {
    struct shell *next;
    struct bj_service *service;
    char sandbox[BJ_SANDBOX_ID_MAX];
    char name[BJ_SHELL_NAME_MAX + 1];
    struct bj_shell_state state;
    struct turn *turns, **last;
    uint32_t waiting;
    bool busy, removed;
    int64_t commands;
    uint32_t process; /* the latest */
};

/* ---- sessions ---- */

static void turn_free(struct turn *turn)
{
    bj_free(turn->command);
    bj_free(turn->tag);
    bj_free(turn);
}

static void shell_free(struct shell *shell)
{
    bj_shell_state_release(&shell->state);
    bj_free(shell);
}

/* Commands that will not have their turn. */
static void drop_turns(struct shell *shell, const char *why)
{
    struct bj_answer base = {.result = -BJ_E_ENDED};

    bj_fail(&base.error, BJ_E_ENDED, "service", "%s", why);
    while (shell->turns != NULL) {
        struct turn *turn = shell->turns;

        shell->turns = turn->next;
        turn->run->ended = NULL; /* its session is this one, which goes */
        bj_run_fail(turn->run, &base);
        turn_free(turn);
    }
    shell->last = &shell->turns;
    shell->waiting = 0;
}

/* A session whose command runs is freed at its end. */
static void let_go(struct shell *shell, const char *why)
{
    shell->removed = true;
    drop_turns(shell, why);
    if (!shell->busy)
        shell_free(shell);
}

void bj_shells_release(struct bj_service *service, struct sandbox *sandbox)
{
    (void)service;
    while (sandbox->shells != NULL) {
        struct shell *shell = sandbox->shells;

        sandbox->shells = shell->next;
        let_go(shell, "the sandbox has ended");
    }
}

static struct shell *find(const struct sandbox *sandbox, const char *name)
{
    struct shell *shell = sandbox->shells;

    while (shell != NULL && !bj_streq(shell->name, name))
        shell = shell->next;
    return shell;
}

static struct shell *add(struct bj_service *service, struct sandbox *sandbox, const char *name,
                         const char *directory)
{
    struct shell *shell = bj_alloc(sizeof *shell);

    if (shell == NULL)
        return NULL;
    shell->service = service;
    shell->last = &shell->turns;
    bj_str_copy(shell->sandbox, sizeof shell->sandbox, sandbox->id);
    if (!bj_shell_state_init(&shell->state, directory) ||
        !bj_str_copy(shell->name, sizeof shell->name, name)) {
        shell_free(shell);
        return NULL;
    }
    shell->next = sandbox->shells;
    sandbox->shells = shell;
    return shell;
}

static void take_out(struct sandbox *sandbox, struct shell *shell)
{
    struct shell **slot = &sandbox->shells;

    while (*slot != shell)
        slot = &(*slot)->next;
    *slot = shell->next;
}

/* ---- turns ---- */

static void next_turn(struct shell *shell);

/* A session whose directory is gone goes on from the workspace; the command that found out fails.
 */
static void leave_directory(struct shell *shell, const struct bj_run *run)
{
    const struct sandbox *sandbox = bj_registry_find(shell->service, shell->sandbox);
    int number = run->failure.sys_errno;

    if (sandbox != NULL && (number == ENOENT || number == ENOTDIR || number == EACCES ||
                            run->failure.code == BJ_E_NOT_FOUND))
        bj_str_copy(shell->state.directory, sizeof shell->state.directory, sandbox->workspace);
}

/* As far as there is room: what the session says stands behind what the command said itself. */
static void add_notes(struct bj_run *run, const struct bj_buf *notes)
{
    struct bj_buf *error = &run->streams[1];

    if (error->failed || error->maximum - error->length < notes->length + 1)
        return;
    if (error->length > 0 && notes->length > 0 && error->data[error->length - 1] != '\n')
        bj_buf_puts(error, "\n");
    bj_buf_append(error, notes->data, notes->length);
}

static void on_turn_end(struct bj_run *run, const struct bj_ending *ending,
                        const char **ret_directory)
{
    struct shell *shell = run->session;
    struct bj_buf notes;

    bj_buf_init(&notes, BJ_SHELL_NOTES_MAX);
    if (ending != NULL && !run->report_lost)
        bj_shell_state_take(&shell->state, &run->report, &notes);
    else if (ending == NULL && !run->started)
        leave_directory(shell, run);
    add_notes(run, &notes);
    bj_buf_release(&notes);
    *ret_directory = shell->state.directory;
}

/* Behind the call back of a command: its session may begin the next, or be gone. */
static void after_turn(void *context)
{
    struct shell *shell = context;

    shell->busy = false;
    if (shell->removed)
        shell_free(shell);
    else
        next_turn(shell);
}

static int start_turn(struct shell *shell, const struct bj_caller *caller, const struct turn *turn,
                      struct bj_error *err)
{
    const char *words[BJ_SHELL_ARGV_MAX];
    struct bj_process_request request = {.command = turn->command,
                                         .environment = shell->state.environment,
                                         .directory = shell->state.directory,
                                         .tag = turn->tag,
                                         .timeout_us = turn->timeout_us};
    struct launch launch = {.submission = {0}};
    json_t *more =
        json_pack("{s:s, s:I}", "shell", shell->name, "turn", (json_int_t)(shell->commands + 1));
    int result = more != NULL
                     ? bj_launch_prepare(shell->service, caller, &request, more, &launch, err)
                     : no_memory(err);

    if (result < 0) {
        bj_launch_release(&launch);
        return result;
    }
    turn->run->session = shell;
    turn->run->ended = on_turn_end;
    turn->run->after = after_turn;
    if (strcmp(shell->service->bash, "/bin/bash") != 0)
        result =
            bj_fail(err, BJ_E_UNSUPPORTED, "shell", "shell sessions need bash, which is not there");
    if (result == 0) {
        /* What the policy sees is the caller's text. */
        bj_shell_words(&shell->state, shell->service->bash, turn->command, words);
        launch.submission.act.argv = words;
        launch.submission.act.flags |= BJ_START_REPORT;
        result = bj_run_launch(turn->run, &launch, err);
    }
    if (result == 0) {
        shell->busy = true;
        shell->commands++;
        shell->process = turn->run->process;
    }
    bj_launch_release(&launch);
    return result;
}

static void next_turn(struct shell *shell)
{
    while (!shell->busy && shell->turns != NULL) {
        struct turn *turn = shell->turns;
        struct bj_run *run = turn->run;
        struct bj_caller caller = {&run->who.identity, shell->sandbox, NULL, NULL};
        struct bj_answer base = {0};

        shell->turns = turn->next;
        if (shell->turns == NULL)
            shell->last = &shell->turns;
        shell->waiting--;
        if (run->cancelled)
            base.result = bj_fail(&base.error, BJ_E_ENDED, "service", "cancelled");
        else
            base.result = start_turn(shell, &caller, turn, &base.error);
        turn_free(turn);
        if (base.result < 0) {
            run->ended = NULL;
            run->after = NULL;
            shell->busy = true; /* who is told may remove it: it is let go of here */
            bj_run_fail(run, &base);
            shell->busy = false;
        }
        if (shell->removed && !shell->busy) {
            shell_free(shell);
            return;
        }
    }
}

/* ---- running ---- */

static int check_request(const struct bj_run_request *request, struct bj_error *err)
{
    if (request->process.command == NULL || request->process.command[0] == '\0')
        return bj_fail(err, BJ_E_INVALID, "shell", "a shell session runs shell text: `command`");
    if (strlen(request->process.command) > BJ_COMMAND_MAX)
        return bj_fail(err, BJ_E_LIMIT, "process", "command: at most %d bytes; put more in a file",
                       BJ_COMMAND_MAX);
    if (request->process.directory != NULL || json_object_size(request->process.environment) > 0)
        return bj_fail(err, BJ_E_INVALID, "shell",
                       "a shell session keeps its directory and environment: change them with cd "
                       "and export");
    return 0;
}

static struct turn *turn_new(const struct bj_process_request *request, struct bj_run *run)
{
    struct turn *turn = bj_alloc(sizeof *turn);

    if (turn == NULL)
        return NULL;
    turn->run = run;
    turn->timeout_us = request->timeout_us;
    turn->command = bj_strdup(request->command);
    turn->tag = request->tag != NULL ? bj_strdup(request->tag) : NULL;
    if (turn->command != NULL && (request->tag == NULL || turn->tag != NULL))
        return turn;
    turn_free(turn);
    return NULL;
}

/* Takes `run` if it returns 0. */
static int enqueue(struct shell *shell, const struct bj_caller *caller,
                   const struct bj_process_request *request, struct bj_run *run,
                   struct bj_error *err)
{
    struct turn *turn;
    int result;

    if (shell->waiting >= BJ_SHELL_WAITING_MAX)
        return bj_fail(err, BJ_E_BUSY, "shell", "%d commands wait for their turn already",
                       BJ_SHELL_WAITING_MAX);
    turn = turn_new(request, run);
    if (turn == NULL)
        return no_memory(err);
    if (!shell->busy && shell->turns == NULL) {
        result = start_turn(shell, caller, turn, err);
        turn_free(turn);
        return result;
    }
    *shell->last = turn;
    shell->last = &turn->next;
    shell->waiting++;
    return 0;
}

static int resolve(struct bj_service *service, const struct bj_caller *caller, const char *name,
                   struct sandbox **ret_sandbox, struct shell **ret, struct bj_error *err)
{
    int result = bj_registry_resolve(service, caller, false, ret_sandbox, err);

    if (result < 0)
        return result;
    *ret = find(*ret_sandbox, name);
    return *ret != NULL
               ? 0
               : bj_fail(err, BJ_E_NOT_FOUND, "shell", "no such shell session: %.64s", name);
}

int bj_shell_run(struct bj_service *service, const struct bj_caller *caller,
                 const struct bj_run_request *request, struct bj_run *run, struct bj_error *err)
{
    struct sandbox *sandbox;
    struct shell *shell;
    int result = check_request(request, err);

    if (result == 0)
        result = resolve(service, caller, request->shell, &sandbox, &shell, err);
    return result < 0 ? result : enqueue(shell, caller, &request->process, run, err);
}

/* ---- making and removing ---- */

static struct bj_shell_view view_of(const struct shell *shell)
{
    return (struct bj_shell_view){.name = shell->name,
                                  .sandbox = shell->sandbox,
                                  .directory = shell->state.directory,
                                  .busy = shell->busy,
                                  .commands = shell->commands > 0 ? shell->commands - 1 : 0};
}

struct making {
    struct bj_service *service;
    struct identity_copy who;
    char sandbox[BJ_SANDBOX_ID_MAX];
    char name[BJ_SHELL_NAME_MAX + 1];
    bj_shell_fn done;
    void *context;
};

static struct shell *find_made(const struct making *making)
{
    struct sandbox *sandbox = bj_registry_find(making->service, making->sandbox);

    return sandbox != NULL ? find(sandbox, making->name) : NULL;
}

static void making_end(struct making *making, const struct bj_answer *base)
{
    struct shell *shell = find_made(making);
    struct bj_shell_answer answer = {.base = *base};
    struct bj_shell_view view;

    if (base->result == 0 && shell != NULL) {
        view = view_of(shell);
        answer.shell = &view;
    } else if (base->result == 0) {
        answer.base.result =
            bj_fail(&answer.base.error, BJ_E_ENDED, "service", "the sandbox has ended");
    } else if (shell != NULL) {
        take_out(bj_registry_find(making->service, making->sandbox), shell);
        let_go(shell, "the shell session could not be made");
    }
    making->done(making->context, &answer);
    bj_free(making);
}

static void on_named(void *context, const struct bj_sandbox_answer *answer)
{
    making_end(context, &answer->base);
}

/* Its first command, which is none, told where it stands. Its name goes into the label. */
static void on_first(void *context, const struct bj_run_answer *run)
{
    struct making *making = context;
    struct bj_caller caller = {&making->who.identity, making->sandbox, NULL, NULL};
    struct shell *shell = find_made(making);
    struct bj_answer base = run->base;

    if (base.result == 0 && shell != NULL && shell->state.base == NULL)
        base.result = bj_fail(&base.error, BJ_E_CONFLICT, "shell",
                              "the shell did not come up: exit code %d", run->ending.exit_code);
    if (base.result == 0 && shell != NULL)
        base.result = bj_sandbox_name_shell(making->service, &caller, making->name,
                                            shell->state.directory, on_named, making, &base.error);
    if (base.result < 0 || shell == NULL)
        making_end(making, &base);
}

static int check_name(const char *name, struct bj_error *err)
{
    size_t length = strlen(name);

    if (length >= 1 && length <= BJ_SHELL_NAME_MAX &&
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == length)
        return 0;
    return bj_fail(err, BJ_E_INVALID, "shell",
                   "name: expected 1 to %d letters, digits, '-', '_' and '.'", BJ_SHELL_NAME_MAX);
}

static int choose_name(const struct sandbox *sandbox, const char *asked,
                       char ret[BJ_SHELL_NAME_MAX + 1], struct bj_error *err)
{
    uint32_t count = 0;
    int result = asked != NULL ? check_name(asked, err) : 0;

    if (result < 0)
        return result;
    for (const struct shell *shell = sandbox->shells; shell != NULL; shell = shell->next)
        count++;
    if (count >= BJ_SHELLS_MAX)
        return bj_fail(err, BJ_E_LIMIT, "shell", "at most %d shell sessions in one sandbox",
                       BJ_SHELLS_MAX);
    if (asked != NULL) {
        if (find(sandbox, asked) != NULL)
            return bj_fail(err, BJ_E_CONFLICT, "shell", "there is a shell session %.64s already",
                           asked);
        bj_str_copy(ret, BJ_SHELL_NAME_MAX + 1, asked);
        return 0;
    }
    for (uint32_t i = 1; i <= BJ_SHELLS_MAX; i++) {
        snprintf(ret, BJ_SHELL_NAME_MAX + 1, "shell-%u", i);
        if (find(sandbox, ret) == NULL)
            return 0;
    }
    return bj_fail(err, BJ_E_CONFLICT, "shell", "name: give one");
}

static int begin(struct making *making, const struct bj_caller *caller, struct sandbox *sandbox,
                 const struct bj_shell_request *request, struct bj_error *err)
{
    static const struct bj_process_request nothing = {.command = ":", .timeout_us = 30000000};
    char directory[BJ_PATH_MAX];
    struct shell *shell = NULL;
    struct bj_run *run = NULL;
    json_t *environment = NULL;
    int result = bj_path_inside(
        sandbox, request->directory != NULL ? request->directory : sandbox->workspace, directory,
        err);

    if (result == 0)
        result = bj_variables_merge(NULL, request->environment, &environment, err);
    if (result == 0)
        result = bj_run_new(making->service, caller, &(struct bj_run_request){.process = nothing},
                            &run, err);
    if (result == 0) {
        run->done = on_first;
        run->context = making;
        shell = add(making->service, sandbox, making->name, directory);
        result = shell != NULL ? 0 : no_memory(err);
    }
    if (result == 0 && environment != NULL)
        json_object_update(shell->state.environment, environment);
    if (result == 0)
        result = enqueue(shell, caller, &nothing, run, err);
    json_decref(environment);
    if (result < 0) {
        bj_run_free(run);
        if (shell != NULL) {
            take_out(sandbox, shell);
            shell_free(shell);
        }
    }
    return result;
}

int bj_shell_create(struct bj_service *service, const struct bj_caller *caller,
                    const struct bj_shell_request *request, bj_shell_fn done, void *context,
                    struct bj_error *err)
{
    struct making *making = bj_alloc(sizeof *making);
    struct sandbox *sandbox;
    int result;

    if (making == NULL)
        return no_memory(err);
    making->service = service;
    making->done = done;
    making->context = context;
    result = bj_registry_resolve(service, caller, false, &sandbox, err);
    if (result == 0)
        result = choose_name(sandbox, request->name, making->name, err);
    if (result == 0)
        result = bj_identity_copy(caller->who, &making->who, err);
    if (result == 0) {
        bj_str_copy(making->sandbox, sizeof making->sandbox, sandbox->id);
        result = begin(making, caller, sandbox, request, err);
    }
    if (result < 0)
        bj_free(making);
    return result;
}

int bj_shell_find(struct bj_service *service, const struct bj_caller *caller, const char *name,
                  struct bj_shell_view *ret, struct bj_error *err)
{
    struct sandbox *sandbox;
    struct shell *shell;
    int result = resolve(service, caller, name, &sandbox, &shell, err);

    if (result == 0)
        *ret = view_of(shell);
    return result;
}

int bj_shell_list(struct bj_service *service, const struct bj_caller *caller,
                  void (*each)(void *context, const struct bj_shell_view *shell), void *context,
                  struct bj_error *err)
{
    struct sandbox *sandbox;
    int result = bj_registry_resolve(service, caller, false, &sandbox, err);

    if (result < 0)
        return result;
    for (const struct shell *shell = sandbox->shells; shell != NULL; shell = shell->next) {
        struct bj_shell_view view = view_of(shell);

        each(context, &view);
    }
    return 0;
}

struct removing {
    bj_answer_fn done;
    void *context;
};

static void on_removed(void *context, const struct bj_sandbox_answer *answer)
{
    struct removing *removing = context;

    removing->done(removing->context, &answer->base);
    bj_free(removing);
}

int bj_shell_remove(struct bj_service *service, const struct bj_caller *caller, const char *name,
                    bj_answer_fn done, void *context, struct bj_error *err)
{
    struct removing *removing;
    struct sandbox *sandbox;
    struct shell *shell;
    int result = resolve(service, caller, name, &sandbox, &shell, err);

    if (result < 0)
        return result;
    removing = bj_alloc(sizeof *removing);
    if (removing == NULL)
        return no_memory(err);
    *removing = (struct removing){done, context};
    result = bj_sandbox_name_shell(service, caller, name, NULL, on_removed, removing, err);
    if (result < 0) {
        bj_free(removing);
        return result;
    }
    take_out(sandbox, shell);
    let_go(shell, "the shell session was removed");
    return 0;
}

/* ---- after a restart ---- */

/* The report of a session's last command, out of the keeper's log. */
struct recalling {
    struct reading reading;
    struct shell *shell; /* busy as long as this goes on, so that it stays */
    struct bj_buf report;
};

static struct recalling *of(struct reading *reading)
{
    return (struct recalling *)((char *)reading - offsetof(struct recalling, reading));
}

static bool on_recalled(struct reading *reading, int stream, int64_t offset, const void *data,
                        size_t length)
{
    (void)offset;
    if (stream == 3)
        bj_buf_append(&of(reading)->report, data, length);
    return true;
}

static void on_recall_end(struct reading *reading, const struct bj_ending *ending,
                          const struct bj_error *err)
{
    struct recalling *recalling = of(reading);
    struct shell *shell = recalling->shell;
    const struct sandbox *sandbox = bj_registry_find(shell->service, shell->sandbox);
    struct bj_buf unheard; /* the front before has told it */

    (void)err;
    bj_buf_init(&unheard, BJ_SHELL_NOTES_MAX);
    /* Of the sandbox's own variables only those are known that a client gave it: the others are
     * the session's from now on. */
    if (shell->state.base == NULL && sandbox != NULL)
        shell->state.base = json_copy(json_object_get(sandbox->label, "environment"));
    if (shell->state.base == NULL)
        shell->state.base = json_object();
    if (ending != NULL)
        bj_shell_state_take(&shell->state, &recalling->report, &unheard);
    bj_buf_release(&unheard);
    bj_reading_stop(&recalling->reading);
    bj_buf_release(&recalling->report);
    bj_free(recalling);
    after_turn(shell);
}

/* Until it is known where it stands it is busy. */
static void recall(struct bj_service *service, struct shell *shell, const struct process *process)
{
    struct recalling *recalling = bj_alloc(sizeof *recalling);

    if (recalling == NULL)
        return;
    recalling->shell = shell;
    bj_buf_init(&recalling->report, BJ_SHELL_REPORT_MAX);
    recalling->reading = (struct reading){
        .service = service, .process = process->id, .chunk = on_recalled, .end = on_recall_end};
    bj_str_copy(recalling->reading.sandbox, sizeof recalling->reading.sandbox, shell->sandbox);
    if (bj_reading_begin(&recalling->reading, NULL) < 0) {
        bj_free(recalling);
        return;
    }
    shell->busy = true;
    shell->process = process->id;
    shell->commands = bj_label_number(process->label, "turn");
}

void bj_shells_recall(struct bj_service *service, struct sandbox *sandbox)
{
    json_t *names = json_object_get(sandbox->label, "shells"), *directory;
    const char *name;

    json_object_foreach(names, name, directory)
    {
        const struct process *latest = NULL;
        struct shell *shell;

        if (check_name(name, NULL) < 0 || find(sandbox, name) != NULL)
            continue;
        shell = add(service, sandbox, name, json_string_value(directory));
        for (const struct process *process = sandbox->processes; shell != NULL && process != NULL;
             process = process->next) {
            const char *of_shell = bj_label_text(process->label, "shell");

            if (of_shell != NULL && bj_streq(of_shell, name) &&
                (latest == NULL || process->id > latest->id))
                latest = process;
        }
        if (latest != NULL)
            recall(service, shell, latest);
    }
}
