/*
 * The service, belljar-serve: one program in several processes (src/supervisor/roles.h). Without a
 * role it is the supervisor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "api/route.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "bin/front.h"
#include "engine/secrets.h"
#include "keeper/keeper.h"
#include "linux/beside.h"
#include "linux/socket.h"
#include "recorder/recorder.h"
#include "service/keys.h"
#include "supervisor/keyfile.h"
#include "supervisor/keys_command.h"
#include "supervisor/roles.h"
#include "supervisor/serve.h"
#include "supervisor/toldkey.h"
#include "wire/keeper.h"

#define TEXT_OF(number)    #number
#define DESCRIPTOR(number) "/proc/self/fd/" TEXT_OF(number)

/* ---- roles ---- */

/* The administrator's key in a record would be the key to everything. */
static int mask_key(const struct bj_service_settings *settings, struct bj_mask *mask,
                    struct bj_error *err)
{
    char told[BJ_KEY_LONGEST + 1] = "";
    size_t length = 0;
    char *text = NULL;
    int result = bj_toldkey_read(told, sizeof told - 1, &length, err);

    if (result == 0 && length > 0)
        result = bj_mask_add(mask, told, err);
    else if (result == 0 && !settings->no_key)
        result = bj_keyfile_read(settings, &text, err);
    if (result == 0 && text != NULL)
        result = bj_mask_add(mask, text, err);
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    bj_free(text);
    explicit_bzero(told, sizeof told);
    return result;
}

static int run_audit(const struct bj_service_settings *settings, const struct bj_log *log,
                     struct bj_error *err)
{
    struct bj_config config;
    struct bj_mask mask = {0};
    struct bj_recorder_options options = {
        .control_fd = BJ_ROLE_CONTROL, .config = &config, .mask = &mask, .log = log};
    int result = bj_config_init(&config, err);

    if (result == 0) {
        config.audit = BJ_AUDIT_REQUIRED;
        config.audit_durable = settings->audit_durable;
        config.audit_max_days = settings->audit_max_days;
        config.audit_max_mb = settings->audit_max_mb;
        if (settings->audit_path != NULL)
            result = bj_config_set(&config, BJ_OPT_AUDIT_PATH, settings->audit_path, NULL, err);
        else
            result = bj_config_set(&config, BJ_OPT_AUDIT_PATH, "audit.db", settings->state, err);
    }
    if (result == 0)
        result = bj_secrets_collect(&config, &mask, err);
    if (result == 0)
        result = mask_key(settings, &mask, err);
    if (result == 0)
        result = bj_recorder_main(&options, err);
    bj_mask_release(&mask);
    bj_config_release(&config);
    return result;
}

static int run_keeper(const struct bj_service_settings *settings, const struct bj_log *log,
                      struct bj_error *err)
{
    struct bj_keeper_options options = {
        .control_fd = BJ_ROLE_CONTROL,
        .launcher = DESCRIPTOR(BJ_ROLE_LAUNCHER),
        .files_program = DESCRIPTOR(BJ_ROLE_FILES),
        .state = settings->state,
        .presets = (struct bj_service_preset *)settings->presets,
        .preset_count = settings->preset_count,
        .max_sandboxes = (uint32_t)settings->max_sandboxes,
        .max_memory_mb = settings->max_memory_mb,
        .max_disk_mb = settings->max_disk_mb,
        .max_total_disk_mb = settings->max_total_disk_mb,
        .max_output_mb = settings->max_output_mb,
        .max_cpu_cores = settings->max_cpu_cores,
        .max_processes = settings->max_processes,
        .max_timeout_us = settings->max_timeout_seconds * 1000000,
        .netns_pool = (uint32_t)settings->netns_pool,
    };

    (void)log;
    return bj_keeper_main(&options, err);
}

static int (*const runs[BJ_ROLE_COUNT])(const struct bj_service_settings *, const struct bj_log *,
                                        struct bj_error *) = {
    [BJ_ROLE_AUDIT] = run_audit,
    [BJ_ROLE_KEEPER] = run_keeper,
    [BJ_ROLE_FRONT] = bj_front_run,
};

/* Tells the supervisor whether this process can begin: 0, or why not. */
static int say(int control, int result, const struct bj_error *error)
{
    struct bj_buf out;
    int sent = -1;

    bj_buf_init(&out, BJ_MESSAGE_MAX);
    bj_message_begin(&out, result == 0 ? BJ_MESSAGE_READY : BJ_MESSAGE_REFUSED, 0);
    if (result < 0)
        bj_message_put_error(&out, error);
    if (bj_message_end(&out))
        sent = bj_socket_send(control, out.data, out.length, NULL) < 0 ? -1 : 0;
    bj_buf_release(&out);
    return sent;
}

/* Says whether a front could begin; the supervisor ends this process when it has heard. */
static int run_trial(int argc, char **argv)
{
    struct bj_service_settings settings = {0};
    struct bj_error error = {0};
    struct bj_log log;
    int result = bj_service_settings_load(&settings, argc - 1, argv + 1, BJ_ROLE_CONFIG, &error);

    if (result == 0)
        result = bj_service_settings_log(&settings, &log, &error);
    if (result == 0)
        result = bj_front_try(&settings, &log, &error);
    say(BJ_ROLE_CONTROL, result, &error);
    bj_service_settings_release(&settings);
    return result < 0 ? bj_code_exit_status(error.code) : 0;
}

/* argv[1] is "@ROLE"; the service's own arguments are behind it. */
static int run_role(int argc, char **argv)
{
    struct bj_service_settings settings = {0};
    struct bj_error error = {0};
    struct bj_log log;
    int role = 0, control, result;

    bool trial = bj_streq(argv[1] + 1, BJ_ROLE_TRIAL);

    while (role < BJ_ROLE_COUNT && !bj_streq(argv[1] + 1, bj_role_name((enum bj_role)role)))
        role++;
    if ((role == BJ_ROLE_COUNT && !trial) || fcntl(BJ_ROLE_CONTROL, F_GETFD) < 0) {
        fprintf(stderr, "belljar serve: %s is not for the command line\n", argv[1]);
        return bj_code_exit_status(BJ_E_INVALID);
    }
    for (int fd = BJ_ROLE_CONTROL; fcntl(fd, F_GETFD) >= 0; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    prctl(PR_SET_NAME, argv[1] + 1);
    if (trial)
        return run_trial(argc, argv);
    control = fcntl(BJ_ROLE_CONTROL, F_DUPFD_CLOEXEC, 0); /* the role closes its own */
    result = bj_service_settings_load(&settings, argc - 1, argv + 1, BJ_ROLE_CONFIG, &error);
    if (result == 0)
        result = bj_service_settings_log(&settings, &log, &error);
    if (result == 0)
        result = runs[role](&settings, &log, &error);
    bj_service_settings_release(&settings);
    if (result >= 0)
        return result;
    if (say(control, result, &error) < 0)
        fprintf(stderr, "belljar serve: %s: %s\n", argv[1] + 1, error.message);
    return bj_code_exit_status(error.code);
}

/* The table of docs/SERVICE.md. */
static int print_options(void)
{
    struct bj_buf text;
    bool failed;

    bj_buf_init(&text, 1 << 16);
    bj_service_settings_markdown(&text);
    failed = text.failed || fputs(bj_buf_text(&text), stdout) == EOF;
    bj_buf_release(&text);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    static char program[BJ_PATH_MAX];
    struct bj_error err = {0};

    if (argc < 1 || bj_own_path(program, sizeof program, &err) < 0) {
        fprintf(stderr, "belljar serve: %s\n", argc < 1 ? "called with no name" : err.message);
        return bj_code_exit_status(BJ_E_SYSTEM);
    }
    if (argc == 2 && bj_streq(argv[1], "@options"))
        return print_options();
    if (argc > 1 && argv[1][0] == '@')
        return run_role(argc, argv);
    if (argc > 1 && bj_streq(argv[1], "keys"))
        return bj_keys_command(argc - 1, argv + 1);
    if (argc > 1 && bj_streq(argv[1], "print"))
        return bj_routes_print(argc - 1, argv + 1);
    return bj_serve(program, argc, argv);
}
