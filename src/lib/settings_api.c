/* The C library: include/belljar/settings.h over the settings, the backends and their wrappers. */
#include "belljar/settings.h"

#include <string.h>

#include "backend/capabilities.h"
#include "backend/wrap.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "lib/lib_internal.h"
#include "policy/settings.h"

struct bj_settings *bj_settings_new(struct bj_error *err)
{
    struct bj_settings *settings = bj_alloc(sizeof *settings);

    if (settings == NULL)
        bj_fail(err, BJ_E_NO_MEMORY, "settings", "out of memory");
    else
        bj_settings_init(settings);
    return settings;
}

void bj_settings_free(struct bj_settings *settings)
{
    if (settings == NULL)
        return;
    bj_settings_release(settings);
    bj_free(settings);
}

int bj_settings_read(struct bj_settings *settings, const char *json, struct bj_error *err)
{
    struct bj_warnings warnings = {0};

    return bj_settings_load_json(settings, json, strlen(json), &warnings, err);
}

int bj_settings_read_file(struct bj_settings *settings, const char *path, struct bj_error *err)
{
    struct bj_warnings warnings = {0};

    return bj_settings_load_file(settings, path, &warnings, err);
}

int bj_settings_check_command(const struct bj_settings *settings, const char *command,
                              const char *directory, bool unsandboxed, bool can_sandbox,
                              struct bj_check_result *ret, struct bj_error *err)
{
    struct bj_check_request request = {
        .command = command,
        .directory = directory,
        .dangerously_disable_sandbox = unsandboxed,
        .executor_available = can_sandbox,
        .clock = bj_clock_us,
    };
    struct bj_shell *shell = bj_shell_new(err);
    struct bj_check check;
    int result;

    if (shell == NULL)
        return -BJ_E_NO_MEMORY;
    result = bj_settings_check(settings, shell, &request, &check, err);
    bj_shell_free(shell);
    if (result < 0)
        return result;
    *ret = (struct bj_check_result){check.allowed, check.requires_permission, check.reason, ""};
    memcpy(ret->note, check.note, sizeof ret->note);
    return 0;
}

int bj_settings_is_command_excluded(const struct bj_settings *settings, const char *command,
                                    bool *ret, struct bj_error *err)
{
    struct bj_check_request request = {.command = command, .clock = bj_clock_us};
    struct bj_shell *shell = bj_shell_new(err);
    bool excluded;
    int result;

    if (shell == NULL)
        return -BJ_E_NO_MEMORY;
    result = bj_settings_is_excluded(settings, shell, &request, &excluded, err);
    bj_shell_free(shell);
    if (result == 0)
        *ret = excluded;
    return result;
}

bool bj_settings_enabled(const struct bj_settings *settings)
{
    return bj_settings_is_enabled(settings);
}

bool bj_settings_auto_allows_bash(const struct bj_settings *settings, bool can_sandbox)
{
    return bj_settings_should_auto_allow_bash(settings, can_sandbox);
}

bool bj_settings_ignores_file_violation(const struct bj_settings *settings, const char *path)
{
    return bj_settings_ignores_file(settings, path);
}

bool bj_settings_ignores_network_violation(const struct bj_settings *settings, const char *endpoint)
{
    return bj_settings_ignores_network(settings, endpoint);
}

int bj_get_capabilities(struct bj_runner *runner, struct bj_sandbox_capabilities *ret,
                        struct bj_error *err)
{
    struct bj_capabilities found;
    int result = bj_capabilities_probe(bj_runner_launcher(runner), &found, err);

    if (result == 0)
        *ret = (struct bj_sandbox_capabilities){
            .available = found.available,
            .type = found.type,
            .network_isolation = found.features.network_isolation,
            .filesystem_isolation = found.features.filesystem_isolation,
            .process_isolation = found.features.process_isolation,
        };
    return result;
}

int bj_can_use_sandbox(struct bj_runner *runner, bool *ret, struct bj_error *err)
{
    struct bj_sandbox_capabilities capabilities;
    int result = bj_get_capabilities(runner, &capabilities, err);

    if (result == 0)
        *ret = capabilities.available;
    return result;
}

int bj_wrap_text(const char *backend, const char *command, const struct bj_wrap_options *options,
                 char **ret_text, struct bj_error *err)
{
    struct bj_warnings warnings = {0};
    struct bj_wrap wrap = {0};
    struct bj_buf text;
    int kind = bj_wrap_backend_find(backend), result;

    if (options->size != sizeof *options)
        return bj_fail(err, BJ_E_INVALID, "wrap", "struct bj_wrap_options has another size here");
    if (kind < 0)
        return bj_fail(err, BJ_E_INVALID, "wrap", "expected native, bubblewrap or seatbelt");
    wrap.directory = options->work_dir;
    wrap.network = options->allow_network;
    wrap.read_paths = options->allowed_read_paths;
    wrap.write_paths = options->allowed_write_paths;
    wrap.settings = options->settings;
    bj_buf_init(&text, BJ_WRAP_TEXT_MAX);
    result = bj_wrap_command((enum bj_wrap_backend)kind, command, &wrap, &text, &warnings, err);
    if (result == 0 && text.failed)
        result = bj_fail(err, text.no_memory ? BJ_E_NO_MEMORY : BJ_E_LIMIT, "wrap",
                         "the wrapped command is too long");
    if (result < 0)
        bj_buf_release(&text);
    else
        *ret_text = text.data;
    return result;
}

void bj_text_free(char *text)
{
    bj_free(text);
}
