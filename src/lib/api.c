/*
 * The C library: include/belljar/belljar.h over the engine and the native backend. Everything is
 * launched by a launcher process, because the caller's may be large and may have threads.
 */
#include "belljar/belljar.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/launcher.h"
#include "base/fd.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "lib/lib_internal.h"
#include "paths.h"
#include "model/options.h"

#define POOL 4 /* network namespaces kept ready */

struct bj_runner {
    struct bj_launcher launcher;
};

struct bj_outcome {
    struct bj_result result;
};

const char *bj_version(void)
{
    return BJ_VERSION;
}

struct bj_config *bj_config_new(struct bj_error *err)
{
    struct bj_config *config = bj_alloc(sizeof *config);

    if (config == NULL) {
        bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
        return NULL;
    }
    if (bj_config_init(config, err) < 0) {
        bj_config_free(config);
        return NULL;
    }
    return config;
}

void bj_config_free(struct bj_config *config)
{
    if (config == NULL)
        return;
    bj_config_release(config);
    bj_free(config);
}

int bj_config_set_text(struct bj_config *config, const char *key, const char *value,
                       struct bj_error *err)
{
    enum bj_option_id id = bj_option_find_key(key);

    if (id == BJ_OPT_COUNT) {
        const char *nearest = bj_option_nearest_key(key);

        return bj_fail(err, BJ_E_INVALID, "config", "there is no option %s%s%s", key,
                       nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "");
    }
    return bj_config_set(config, id, value, NULL, err);
}

int bj_config_load(struct bj_config *config, const char *path, struct bj_error *err)
{
    return bj_config_load_file(config, path, err);
}

struct bj_runner *bj_runner_new(const char *launcher, struct bj_error *err)
{
    struct bj_runner *runner = bj_alloc(sizeof *runner);

    if (runner == NULL) {
        bj_fail(err, BJ_E_NO_MEMORY, "runner", "out of memory");
        return NULL;
    }
    if (launcher == NULL)
        launcher = getenv("BELLJAR_LAUNCHER");
    if (launcher == NULL)
        launcher = BJ_LAUNCHER_PATH;
    if (bj_launcher_execute(&runner->launcher, launcher, POOL, err) < 0) {
        bj_free(runner);
        return NULL;
    }
    return runner;
}

struct bj_launcher *bj_runner_launcher(struct bj_runner *runner)
{
    return runner != NULL ? &runner->launcher : NULL;
}

void bj_runner_free(struct bj_runner *runner)
{
    if (runner == NULL)
        return;
    bj_launcher_stop(&runner->launcher);
    bj_free(runner);
}

static int check_config(struct bj_config *config, struct bj_error *err)
{
    struct bj_warnings warnings = {0};
    int result = bj_config_settle(config, &warnings, err);

    if (result < 0)
        return result;
    if (config->sandbox_type != BJ_SANDBOX_NATIVE)
        return bj_fail(err, BJ_E_UNSUPPORTED, "config", "the library runs native sandboxes only");
    return bj_config_check_enforced(config, err);
}

int bj_run(struct bj_runner *runner, struct bj_config *config, const char *const *argv,
           struct bj_outcome **ret_outcome, struct bj_error *err)
{
    struct bj_engine_request request = {
        .config = config,
        .launcher = &runner->launcher,
        .argv = argv,
        .capture = true,
        .streams = {-1, -1, -1},
    };
    struct bj_guard_options options = {.config = config, .alert_program = BJ_ALERT_PATH};
    struct bj_outcome *outcome;
    int result = check_config(config, err);

    if (result == 0)
        result = bj_guard_new(&options, &request.guard, err);
    if (result < 0)
        return result;
    outcome = bj_alloc(sizeof *outcome);
    if (outcome != NULL) {
        bj_result_init(&outcome->result);
        result = bj_engine_run(&bj_backend_native, &request, &outcome->result, err);
    } else {
        result = bj_fail(err, BJ_E_NO_MEMORY, "run", "out of memory");
    }
    if (request.guard != NULL)
        request.guard->release(request.guard);
    if (result < 0) {
        bj_outcome_free(outcome);
        return result;
    }
    *ret_outcome = outcome;
    return 0;
}

int bj_outcome_exit_code(const struct bj_outcome *outcome)
{
    return outcome->result.exit_code;
}

int bj_outcome_signal(const struct bj_outcome *outcome)
{
    return outcome->result.signal;
}

bool bj_outcome_timed_out(const struct bj_outcome *outcome)
{
    return outcome->result.timed_out;
}

bool bj_outcome_oom_killed(const struct bj_outcome *outcome)
{
    return outcome->result.oom_killed;
}

bool bj_outcome_truncated(const struct bj_outcome *outcome)
{
    return outcome->result.truncated;
}

const char *bj_outcome_reason(const struct bj_outcome *outcome)
{
    return outcome->result.reason;
}

int64_t bj_outcome_duration_us(const struct bj_outcome *outcome)
{
    return outcome->result.duration_us;
}

int64_t bj_outcome_cpu_us(const struct bj_outcome *outcome)
{
    return outcome->result.cpu_us;
}

int64_t bj_outcome_peak_memory(const struct bj_outcome *outcome)
{
    return outcome->result.peak_memory;
}

const char *bj_outcome_output(const struct bj_outcome *outcome, int stream, size_t *ret_length)
{
    const struct bj_buf *output = &outcome->result.output[stream == 2 ? 1 : 0];

    if (ret_length != NULL)
        *ret_length = output->length;
    return bj_buf_text(output);
}

bool bj_outcome_layer(const struct bj_outcome *outcome, const char *name)
{
    int layer = bj_layer_find(name);

    return layer >= 0 && outcome->result.layers & (bj_layer_set)1 << layer;
}

bool bj_outcome_degraded(const struct bj_outcome *outcome, int index, const char **ret_layer,
                         const char **ret_reason)
{
    const struct bj_degradations *degraded = &outcome->result.degraded;

    if (index < 0 || index >= degraded->count)
        return false;
    *ret_layer = bj_layer_name(degraded->items[index].layer);
    *ret_reason = degraded->items[index].reason;
    return true;
}

void bj_outcome_free(struct bj_outcome *outcome)
{
    if (outcome == NULL)
        return;
    bj_result_release(&outcome->result);
    bj_free(outcome);
}

int bj_sandbox_new(struct bj_runner *runner, struct bj_config *config,
                   struct bj_sandbox **ret_sandbox, struct bj_error *err)
{
    struct bj_result result;
    int failed = check_config(config, err);

    if (failed == 0 && bj_config_is_guarded(config))
        failed = bj_fail(err, BJ_E_UNSUPPORTED, "config",
                         "rules and records are those of bj_run(): what is started in a sandbox "
                         "that lives is not judged; judge it with bj_policy_judge_argv()");
    if (failed == 0 && (bj_config_said(config, BJ_OPT_TIMEOUT_SECONDS) ||
                        bj_config_said(config, BJ_OPT_OUTPUT_LIMIT_MB)))
        failed = bj_fail(err, BJ_E_UNSUPPORTED, "config",
                         "a time-out and an output limit are those of one command: bj_run() keeps "
                         "them, a sandbox's owner has to");
    if (failed < 0)
        return failed;
    bj_result_init(&result);
    failed = bj_backend_native.create(config, &runner->launcher, &result, ret_sandbox, err);
    bj_result_release(&result);
    return failed;
}

void bj_sandbox_free(struct bj_sandbox *sandbox)
{
    bj_backend_native.destroy(sandbox, NULL);
}

/* The caller's streams, with /dev/null where there is none. *ret_null is to be closed. */
static int check_streams(const struct bj_command *command, int ret_streams[3], int *ret_null,
                         struct bj_error *err)
{
    for (int i = 0; i < 3; i++) {
        ret_streams[i] = command->streams[i];
        if (ret_streams[i] >= 0 && isatty(ret_streams[i]))
            return bj_fail(err, BJ_E_INVALID, "spawn",
                           "stream %d is a terminal, which a sandbox must not have", i);
        if (ret_streams[i] >= 0)
            continue;
        if (*ret_null < 0)
            *ret_null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (*ret_null < 0)
            return bj_fail_errno(err, "spawn", "cannot open /dev/null");
        ret_streams[i] = *ret_null;
    }
    return 0;
}

int bj_sandbox_spawn(struct bj_sandbox *sandbox, const struct bj_command *command, pid_t *ret_pid,
                     struct bj_error *err)
{
    struct bj_spawn spawn = {
        .flags = BJ_SPAWN_KEEP,
        .directory = command->directory != NULL ? command->directory : "",
        .argv = command->argv,
        .env = command->env,
    };
    BJ_CLEANUP_CLOSE int null_fd = -1;
    char **usual = NULL;
    int streams[3], result;

    if (command->size != sizeof *command)
        return bj_fail(err, BJ_E_INVALID, "spawn", "struct bj_command has another size here");
    result = check_streams(command, streams, &null_fd, err);
    if (result == 0 && command->env == NULL) {
        result = bj_backend_native.environment(sandbox, false, &usual, err);
        spawn.env = (const char *const *)usual;
    }
    if (result == 0)
        result = bj_backend_native.spawn(sandbox, &spawn, streams, ret_pid, NULL, err);
    bj_strv_free(usual);
    return result;
}

int bj_sandbox_wait(struct bj_sandbox *sandbox, pid_t pid, int *ret_status, struct bj_error *err)
{
    struct bj_exited exited;
    int result = bj_backend_native.wait(sandbox, pid, &exited, err);

    if (result == 0)
        *ret_status = exited.status;
    return result;
}

int bj_sandbox_signal(struct bj_sandbox *sandbox, pid_t pid, bool group, int signal,
                      struct bj_error *err)
{
    return bj_backend_native.signal(sandbox, pid, group, signal, err);
}

int bj_sandbox_open(struct bj_sandbox *sandbox, const char *path, int flags, mode_t mode,
                    int *ret_fd, struct bj_error *err)
{
    struct bj_open request = {.flags = flags, .mode = mode, .path = path};

    return bj_backend_native.open(sandbox, &request, ret_fd, err);
}

int bj_sandbox_connect(struct bj_sandbox *sandbox, int family, const char *address, uint16_t port,
                       int *ret_fd, struct bj_error *err)
{
    struct bj_endpoint endpoint = {
        .family = family, .port = port, .address = address != NULL ? address : ""};

    return bj_backend_native.connect(sandbox, &endpoint, ret_fd, err);
}

int bj_sandbox_listen(struct bj_sandbox *sandbox, int family, const char *address, uint16_t port,
                      int *ret_fd, struct bj_error *err)
{
    struct bj_endpoint endpoint = {
        .family = family, .port = port, .address = address != NULL ? address : ""};

    return bj_backend_native.listen(sandbox, &endpoint, ret_fd, err);
}
