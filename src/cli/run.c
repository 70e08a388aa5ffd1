/*
 * belljar run, and belljar shell: one command in a fresh sandbox, its streams and exit status those
 * of the caller.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/log.h"
#include "cli/option_text.h"
#include "cli/result_json.h"
#include "cli/verdict_text.h"
#include "engine/engine.h"
#include "model/options.h"

#define EXIT_FAILED 125
#define REFUSAL_MAX (256 << 10)

static int fail(const struct bj_error *err)
{
    fprintf(stderr, "belljar: %s\n", err->message);
    return bj_code_exit_status(err->code);
}

static const struct bj_backend *find_backend(const struct bj_config *config, struct bj_error *err)
{
    static const char *const names[] = {"native", "bubblewrap", "seatbelt",
                                        "e2b",    "daytona",    "none"};

    if (config->sandbox_type == BJ_SANDBOX_NATIVE || config->sandbox_type == BJ_SANDBOX_NONE)
        return &bj_backend_native;
    if (config->sandbox_type == BJ_SANDBOX_BUBBLEWRAP)
        return &bj_backend_bubblewrap;
    bj_fail(err, BJ_E_UNSUPPORTED, "backend",
            "sandbox_type %s is not available in this version; use native",
            names[config->sandbox_type]);
    return NULL;
}

static void print_notes(const struct bj_run_options *run, const struct bj_result *result,
                        const struct bj_config *config)
{
    if (run->quiet || run->json)
        return;
    if (result->reason[0] != '\0')
        fprintf(stderr, "belljar: %s%s\n", result->reason, result->timed_out ? " (--timeout)" : "");
    if (result->truncated)
        fprintf(stderr,
                "belljar: more than %lld MiB of output on one stream; the rest was thrown away "
                "(--output-limit)\n",
                (long long)config->output_limit_mb);
    for (int i = 0; i < result->degraded.count; i++) {
        /* A file that could not be protected is said always; limits that were only defaults are
         * not. */
        if (config->allow_degraded || result->degraded.items[i].layer == BJ_LAYER_MOUNT)
            fprintf(stderr, "belljar: degraded: %s: %s\n",
                    bj_layer_name(result->degraded.items[i].layer),
                    result->degraded.items[i].reason);
    }
}

static int dry_run(const struct bj_backend *backend, const struct bj_config *config)
{
    struct bj_error err = {0};
    struct bj_buf text;
    int status = 0;

    bj_buf_init(&text, 1 << 20);
    if (backend->dry_run(config, &text, &err) < 0)
        status = fail(&err);
    else
        bj_fd_write_all(STDOUT_FILENO, bj_buf_text(&text), text.length);
    bj_buf_release(&text);
    return status;
}

/* Why it did not run: what the verdict holds against it, or the error. */
static void print_failure(const struct bj_error *err, const struct bj_result *result)
{
    struct bj_buf text;

    if (err->code != BJ_E_DENIED || !result->judged || result->verdict.decision == BJ_ALLOW) {
        fail(err); /* not refused by the verdict */
        return;
    }
    bj_buf_init(&text, REFUSAL_MAX);
    if (result->answer == BJ_CONSENT_NO) /* who said so has just read all of it */
        bj_buf_puts(&text, "belljar: not run\n");
    else
        bj_cli_put_verdict(&result->verdict, &text);
    if (result->answer == BJ_CONSENT_NOBODY)
        bj_buf_puts(&text, "belljar: nobody could be asked; --on-ask allow permits it\n");
    bj_fd_write_all(STDERR_FILENO, bj_buf_text(&text), text.length);
    bj_buf_release(&text);
}

/* Where the caller's own PATH has a program; false if nowhere. */
static bool find_on_path(const char *name, char *ret, size_t size)
{
    const char *place = getenv("PATH");

    while (place != NULL && strchr(name, '/') == NULL) {
        size_t length = strcspn(place, ":");

        if (length > 0 && (size_t)snprintf(ret, size, "%.*s/%s", (int)length, place, name) < size &&
            access(ret, X_OK) == 0)
            return true;
        place = place[length] == ':' ? place + length + 1 : NULL;
    }
    return false;
}

/* A program that the caller has and the sandbox has not: what to do about it. */
static void hint_at_program(const char *name)
{
    char path[4096], *slash;

    if (!find_on_path(name, path, sizeof path))
        return;
    fprintf(stderr, "belljar: outside it is %s: ", path);
    slash = strrchr(path, '/');
    *slash = '\0';
    if (bj_starts_with(path, "/usr/") || bj_starts_with(path, "/opt/"))
        fprintf(stderr, "-e PATH has the sandbox look where you do\n");
    else
        fprintf(stderr, "-v %s:%s:ro -e PATH shows it to the sandbox\n", path, path);
}

static int run_guarded(const struct bj_backend *backend, const struct bj_engine_request *request,
                       const struct bj_run_options *run)
{
    struct bj_error err = {0};
    struct bj_result result;
    int failed, status;

    bj_result_init(&result);
    failed = bj_engine_run(backend, request, &result, &err);
    status = failed < 0 ? bj_code_exit_status(failed) : result.exit_code;
    if (run->json)
        status = bj_cli_print_result(&result, failed < 0 ? &err : NULL, status);
    else if (failed < 0)
        print_failure(&err, &result);
    else
        print_notes(run, &result, request->config);
    if (failed == -BJ_E_NOT_FOUND && !run->json)
        hint_at_program(request->argv[0]);
    if (result.unrecorded[0] != '\0' && !run->json)
        fprintf(stderr, "belljar: not recorded: %s\n", result.unrecorded);
    bj_result_release(&result);
    return status;
}

static int run_command(const struct bj_backend *backend, const struct bj_config *config,
                       const struct bj_run_options *run, const struct bj_log *log,
                       const char *const *argv)
{
    struct bj_engine_request request = {
        .config = config,
        .log = log,
        .argv = argv,
        .command_text = run->command_text,
        .terminal = run->tty,
        .interactive = run->interactive,
        .capture = run->json,
    };
    struct bj_guard_options options = {.config = config, .ask = bj_cli_ask, .log = log};
    struct bj_error err = {0};
    int status;

    for (int i = 0; i < 3; i++)
        request.streams[i] = fcntl(i, F_GETFD) < 0 ? -1 : i;
    if (bj_config_is_guarded(config) && bj_guard_new(&options, &request.guard, &err) < 0)
        return fail(&err);
    status = run_guarded(backend, &request, run);
    if (request.guard != NULL)
        request.guard->release(request.guard);
    return status;
}

static const char *find_shell(void)
{
    return access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh";
}

static int run_parsed(struct bj_config *config, const struct bj_run_options *run, int argc,
                      char **argv, int first)
{
    const char *shell_argv[] = {find_shell(), "-c", run->command_text, NULL};
    const char *const *command = (const char *const *)argv + first;
    const struct bj_backend *backend;
    struct bj_error err = {0};
    struct bj_log log;

    if (bj_cli_log(run, &log, &err) < 0)
        return fail(&err);
    if (run->command_text != NULL && first < argc)
        return fprintf(stderr, "belljar: both -c and a command were given; one is enough\n"),
               EXIT_FAILED;
    if (run->command_text != NULL)
        command = shell_argv;
    else if (first >= argc)
        return fprintf(stderr, "belljar: no command was given: belljar run [options] -- COMMAND, "
                               "or -c 'SHELL TEXT'\n"),
               EXIT_FAILED;
    if (bj_config_check_enforced(config, &err) < 0)
        return fail(&err);
    /* As the engine does it for what runs; a dry run does not get there. */
    config->program = command[0];
    config->program_is_shell = run->command_text != NULL;
    backend = find_backend(config, &err);
    if (backend == NULL)
        return fail(&err);
    for (int i = 0; i < run->warnings.count && !run->quiet; i++)
        fprintf(stderr, "belljar: %s\n", run->warnings.texts[i]);
    return run->dry_run ? dry_run(backend, config)
                        : run_command(backend, config, run, &log, command);
}

static int print_help(void)
{
    struct bj_config defaults;
    struct bj_error err = {0};
    struct bj_buf text;
    int status = 0;

    bj_buf_init(&text, 1 << 20);
    if (bj_config_init(&defaults, &err) < 0) {
        status = fail(&err);
    } else {
        bj_option_help(&defaults, &text);
        bj_fd_write_all(STDOUT_FILENO, bj_buf_text(&text), text.length);
    }
    bj_config_release(&defaults);
    bj_buf_release(&text);
    return status;
}

int bj_cli_run(int argc, char **argv)
{
    struct bj_config config;
    struct bj_run_options run;
    struct bj_error err = {0};
    int first, status;

    if (bj_options_parse(argc, argv, &config, &run, &first, &err) < 0)
        status = fail(&err);
    else if (run.help)
        status = print_help();
    else
        status = run_parsed(&config, &run, argc, argv, first);
    bj_config_release(&config);
    return status;
}

int bj_cli_shell(int argc, char **argv)
{
    const char *argv_shell[] = {find_shell(), "-i", NULL};
    struct bj_config config;
    struct bj_run_options run;
    struct bj_error err = {0};
    int first, status;

    if (bj_options_parse(argc, argv, &config, &run, &first, &err) < 0) {
        status = fail(&err);
    } else if (run.help) {
        status = print_help();
    } else if (first < argc) {
        fprintf(stderr, "belljar: shell takes no command; belljar run does\n");
        status = EXIT_FAILED;
    } else if (run.command_text != NULL) {
        fprintf(stderr, "belljar: shell takes no -c; belljar run does\n");
        status = EXIT_FAILED;
    } else if (!isatty(STDIN_FILENO)) {
        fprintf(stderr,
                "belljar: the input of a shell has to be a terminal; without one: belljar run "
                "-c 'TEXT', or belljar run bash < FILE\n");
        status = EXIT_FAILED;
    } else {
        run.tty = run.interactive = true;
        if (!bj_config_said(&config, BJ_OPT_TIMEOUT_SECONDS))
            config.timeout_seconds = 0; /* a person sits there */
        status = run_parsed(&config, &run, 2, (char **)argv_shell, 0);
    }
    bj_config_release(&config);
    return status;
}
