/*
 * The sandbox settings that local agents keep (SandboxSettings), and the questions about them:
 * whether a command may run, inside or outside a sandbox, and which violations are of no interest.
 * docs/SETTINGS.md has the fields and says where an answer differs from the original's and why.
 */
#ifndef BJ_POLICY_SETTINGS_H
#define BJ_POLICY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "model/config.h"
#include "policy/command.h"

struct bj_network_settings {
    bool allow_local_binding;
    bool allow_all_unix_sockets;
    char **allowed_unix_sockets;           /* absolute paths */
    int http_proxy_port, socks_proxy_port; /* of the host's; 0 = none */
};

/* All lists are NULL-terminated, NULL when empty, and owned. Zeroed, it holds the defaults. */
struct bj_settings {
    bool enabled;
    bool auto_allow_bash_if_sandboxed;
    bool allow_any_unsandboxed; /* allowUnsandboxedCommands: true */
    bool enable_weaker_nested_sandbox;
    char **allow_unsandboxed_commands;
    char **excluded_commands;
    struct bj_network_settings network;
    char **ignore_file_violations;
    char **ignore_network_violations;
};

void bj_settings_init(struct bj_settings *settings);
void bj_settings_release(struct bj_settings *settings);

/*
 * Takes over what a JSON document says: the settings themselves or an object with them under
 * "sandbox". A field that is not known is a warning, a wrong type BJ_E_CONFIG naming its path.
 */
int bj_settings_load_json(struct bj_settings *settings, const char *text, size_t length,
                          struct bj_warnings *warnings, struct bj_error *err);

/* The same from a file of at most BJ_CONFIG_FILE_MAX bytes; errors start with its path. */
int bj_settings_load_file(struct bj_settings *settings, const char *path,
                          struct bj_warnings *warnings, struct bj_error *err);

/*      outcome              name                    reason */
#define BJ_CHECK_OUTCOMES(X)                                                                       \
    X(DISABLED, "disabled", "Sandbox is disabled")                                                 \
    X(EXCLUDED, "excluded", "Command is in excluded list")                                         \
    X(REQUIRES_PERMISSION, "requires_permission", "Command requests unsandboxed execution")        \
    X(DENIED, "denied", "Unsandboxed commands are not allowed")                                    \
    X(UNAVAILABLE, "unavailable",                                                                  \
      "Sandbox is enabled, but no supported sandbox executor is available on linux. "              \
      "Install Bubblewrap on Linux or disable sandbox explicitly.")                                \
    X(SANDBOXED, "sandboxed", "Command will run in sandbox")

enum bj_check_outcome {
#define BJ_CHECK_OUTCOME_ENUM(id, name, reason) BJ_CHECK_##id,
    BJ_CHECK_OUTCOMES(BJ_CHECK_OUTCOME_ENUM)
#undef BJ_CHECK_OUTCOME_ENUM
        BJ_CHECK_OUTCOME_COUNT
};
const char *bj_check_outcome_name(enum bj_check_outcome outcome); /* "disabled" */

/* What is asked. Borrowed for the call. */
struct bj_check_request {
    const char *command;              /* shell text */
    const char *directory;            /* where it would run, absolute; NULL = unknown */
    const char *home;                 /* NULL = unknown */
    bool dangerously_disable_sandbox; /* the agent asks to run it outside */
    bool executor_available;          /* something here can make a sandbox */
    int64_t (*clock)(void); /* microseconds, bounds the analysis; NULL = its size alone does */
};

/* The answer: SandboxCheckResult, and what it comes from. */
#define BJ_CHECK_NOTE_MAX 240
struct bj_check {
    bool allowed;
    bool requires_permission;
    enum bj_check_outcome outcome;
    const char *reason;           /* static */
    char note[BJ_CHECK_NOTE_MAX]; /* why an entry that seems to fit did not count; "" if none */
};

/*
 * checkCommand. The shell is used for settings that name commands and may be NULL for others; one
 * that is missing then counts as a command that cannot be told. Fails only without memory, and
 * *ret then denies.
 */
int bj_settings_check(const struct bj_settings *settings, struct bj_shell *shell,
                      const struct bj_check_request *request, struct bj_check *ret,
                      struct bj_error *err);

bool bj_settings_is_enabled(const struct bj_settings *settings);

/* May Bash calls go without a question? Only with a sandbox that there is. */
bool bj_settings_should_auto_allow_bash(const struct bj_settings *settings,
                                        bool executor_available);

/*
 * Does every simple command that the text can run fit an entry of the list? `note` (may be NULL)
 * says what kept a text from it of which a part fits. False also when that cannot be told.
 */
bool bj_settings_list_covers(char *const *list, const struct bj_commands *commands,
                             char note[BJ_CHECK_NOTE_MAX]);

/* isCommandExcluded, as a question of its own. */
int bj_settings_is_excluded(const struct bj_settings *settings, struct bj_shell *shell,
                            const struct bj_check_request *request, bool *ret,
                            struct bj_error *err);

/*
 * Is a violation of no interest? A path as it was used, or an endpoint "host:port". In a pattern
 * `*` stands for any bytes; one without it means the path and all below it, or the host with any
 * port.
 */
bool bj_settings_ignores_file(const struct bj_settings *settings, const char *path);
bool bj_settings_ignores_network(const struct bj_settings *settings, const char *endpoint);

#endif
