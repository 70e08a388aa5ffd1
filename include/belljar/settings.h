/*
 * belljar/settings.h: the sandbox settings of local agents, from C and C++.
 *
 * SandboxSettings and the questions that agents ask about them: checkCommand, isCommandExcluded,
 * shouldIgnoreFileViolation and the others, getCapabilities, wrapCommand. docs/SETTINGS.md has the
 * fields, and says where an answer is stricter than the original's.
 */
#ifndef BELLJAR_SETTINGS_H
#define BELLJAR_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "belljar/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bj_runner;
struct bj_settings;

/* Settings with their defaults: disabled. NULL when memory is exhausted. One thread at a time. */
BJ_API struct bj_settings *bj_settings_new(struct bj_error *err);
BJ_API void bj_settings_free(struct bj_settings *settings);

/* Takes over what a JSON document says, or a file. BJ_E_CONFIG names the field that is wrong. */
BJ_API int bj_settings_read(struct bj_settings *settings, const char *json, struct bj_error *err);
BJ_API int bj_settings_read_file(struct bj_settings *settings, const char *path,
                                 struct bj_error *err);

/* SandboxCheckResult. The texts are static or live as long as the struct. */
struct bj_check_result {
    bool allowed;
    bool requires_permission;
    const char *reason;
    char note[240]; /* why an entry that seems to fit did not count; "" if none */
};

/*
 * checkCommand: may this shell text run, and how? `directory` is where it would (NULL: not known);
 * `unsandboxed`: the agent asks to run it outside; `can_sandbox`: what bj_can_use_sandbox() said.
 */
BJ_API int bj_settings_check_command(const struct bj_settings *settings, const char *command,
                                     const char *directory, bool unsandboxed, bool can_sandbox,
                                     struct bj_check_result *ret, struct bj_error *err);

/* isCommandExcluded: does every command that the text can run stand in excludedCommands? */
BJ_API int bj_settings_is_command_excluded(const struct bj_settings *settings, const char *command,
                                           bool *ret, struct bj_error *err);

/* isEnabled, shouldAutoAllowBash, shouldIgnoreFileViolation, shouldIgnoreNetworkViolation. */
BJ_API bool bj_settings_enabled(const struct bj_settings *settings);
BJ_API bool bj_settings_auto_allows_bash(const struct bj_settings *settings, bool can_sandbox);
BJ_API bool bj_settings_ignores_file_violation(const struct bj_settings *settings,
                                               const char *path);
BJ_API bool bj_settings_ignores_network_violation(const struct bj_settings *settings,
                                                  const char *endpoint);

/* SandboxCapabilities. `type` is "bubblewrap" (which the native backend counts as), "seatbelt" or
 * "none". */
struct bj_sandbox_capabilities {
    bool available;
    const char *type;
    bool network_isolation;
    bool filesystem_isolation;
    bool process_isolation;
};

/* getCapabilities: found out by making a sandbox. Takes some milliseconds. */
BJ_API int bj_get_capabilities(struct bj_runner *runner, struct bj_sandbox_capabilities *ret,
                               struct bj_error *err);

/* canUseSandbox */
BJ_API int bj_can_use_sandbox(struct bj_runner *runner, bool *ret, struct bj_error *err);

/* What a wrapped command may do. Everything is borrowed; lists end with NULL, NULL is empty. */
struct bj_wrap_options {
    size_t size;          /* sizeof(struct bj_wrap_options): later ones may have more */
    const char *work_dir; /* where it starts and may write; absolute */
    bool allow_network;
    const char *const *allowed_read_paths;
    const char *const *allowed_write_paths;
    const struct bj_settings *settings; /* sockets and proxies are taken from it; may be NULL */
};

/*
 * wrapCommand: the shell text that runs `command` in a sandbox of the backend "native",
 * "bubblewrap" or "seatbelt". *ret_text is the caller's: bj_text_free().
 */
BJ_API int bj_wrap_text(const char *backend, const char *command,
                        const struct bj_wrap_options *options, char **ret_text,
                        struct bj_error *err);
BJ_API void bj_text_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
