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
#include "recorder/recorder.h"
#include "supervisor/keys_command.h"
#include "supervisor/roles.h"
#include "supervisor/serve.h"

#define BESIDE "/belljar-%s"

/* A program that lies beside this one; *ret_path is the caller's. */
static int beside(const char *name, char **ret_path, struct bj_error *err)
{
    char self[BJ_PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    struct bj_buf path;
    char *slash;

    if (length <= 0)
        return bj_fail_errno(err, "program", "cannot tell where the program is");
    self[length] = '\0';
    slash = strrchr(self, '/');
    *slash = '\0';
    bj_buf_init(&path, BJ_PATH_MAX);
    bj_buf_printf(&path, "%s" BESIDE, self, name);
    if (path.failed) {
        bj_buf_release(&path);
        return bj_fail(err, BJ_E_NO_MEMORY, "program", "the program's path is too long");
    }
    *ret_path = path.data;
    return 0;
}

/* ---- roles ---- */

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
    if (result == 0 && settings->api_key != NULL)
        result = bj_mask_add(&mask, settings->api_key, err);
    if (result == 0)
        result = bj_recorder_main(&options);
    bj_mask_release(&mask);
    bj_config_release(&config);
    return result;
}

static int run_keeper(const struct bj_service_settings *settings, const struct bj_log *log,
                      struct bj_error *err)
{
    BJ_CLEANUP_FREE char *launcher = NULL, *files = NULL;
    struct bj_keeper_options options = {
        .control_fd = BJ_ROLE_CONTROL,
        .state = settings->state,
        .presets = (struct bj_service_preset *)settings->presets,
        .preset_count = settings->preset_count,
        .max_sandboxes = (uint32_t)settings->max_sandboxes,
        .max_memory_mb = settings->max_memory_mb,
        .max_disk_mb = settings->max_disk_mb,
        .max_cpu_cores = settings->max_cpu_cores,
        .max_processes = settings->max_processes,
        .max_timeout_us = settings->max_timeout_seconds * 1000000,
        .netns_pool = (uint32_t)settings->netns_pool,
    };
    int result = beside("launcher", &launcher, err);

    (void)log;
    if (result == 0)
        result = beside("files", &files, err);
    if (result < 0)
        return result;
    options.launcher = launcher;
    options.files_program = files;
    return bj_keeper_main(&options);
}

static int (*const runs[BJ_ROLE_COUNT])(const struct bj_service_settings *, const struct bj_log *,
                                        struct bj_error *) = {
    [BJ_ROLE_AUDIT] = run_audit,
    [BJ_ROLE_KEEPER] = run_keeper,
    [BJ_ROLE_FRONT] = bj_front_run,
};

/* argv[1] is "@ROLE"; the service's own arguments are behind it. */
static int run_role(int argc, char **argv)
{
    struct bj_service_settings settings = {0};
    struct bj_error error = {0};
    struct bj_log log;
    int role = 0, result;

    while (role < BJ_ROLE_COUNT && !bj_streq(argv[1] + 1, bj_role_name((enum bj_role)role)))
        role++;
    if (role == BJ_ROLE_COUNT || fcntl(BJ_ROLE_CONTROL, F_GETFD) < 0) {
        fprintf(stderr, "belljar serve: %s is not for the command line\n", argv[1]);
        return bj_code_exit_status(BJ_E_INVALID);
    }
    for (int fd = BJ_ROLE_CONTROL; fcntl(fd, F_GETFD) >= 0; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    prctl(PR_SET_NAME, argv[1] + 1);
    result = bj_service_settings_load(&settings, argc - 1, argv + 1, BJ_ROLE_CONFIG, &error);
    if (result == 0)
        result = bj_service_settings_log(&settings, &log, &error);
    if (result == 0)
        result = runs[role](&settings, &log, &error);
    bj_service_settings_release(&settings);
    if (result >= 0)
        return result;
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

    if (argc < 1 || readlink("/proc/self/exe", program, sizeof program - 1) <= 0) {
        fprintf(stderr, "belljar serve: cannot tell where the program is: %s\n", strerror(errno));
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
