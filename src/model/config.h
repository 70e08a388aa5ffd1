/*
 * What a user asks for. One plain struct, filled from a preset, a file, the environment and flags,
 * in that order, and not changed after. Which option is called what, its limits and its help stand
 * in options.def; this struct is where the values land.
 */
#ifndef BJ_MODEL_CONFIG_H
#define BJ_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/verdict.h"

enum bj_sandbox_type {
    BJ_SANDBOX_NATIVE,
    BJ_SANDBOX_BUBBLEWRAP,
    BJ_SANDBOX_SEATBELT,
    BJ_SANDBOX_E2B,
    BJ_SANDBOX_DAYTONA,
    BJ_SANDBOX_NONE,
};

enum bj_isolation {
    BJ_ISOLATION_NAMESPACES,
    BJ_ISOLATION_LANDLOCK, /* where user namespaces are forbidden: Landlock and seccomp only */
    BJ_ISOLATION_NONE,     /* of a plan for sandbox_type none; not to be chosen */
};

enum bj_network {
    BJ_NETWORK_NONE,
    BJ_NETWORK_HOST,    /* the host's own network; only when said */
    BJ_NETWORK_DOMAINS, /* through the gateway, allowed_domains only */
};

enum bj_workspace {
    BJ_WORKSPACE_DIRECTORY, /* a host directory, bound writable */
    BJ_WORKSPACE_EMPTY,     /* its own empty one, gone at the end */
};

enum bj_user {
    BJ_USER_ORDINARY,
    BJ_USER_ROOT, /* uid 0 of its own user namespace; never the host's */
};

enum bj_ids {
    BJ_IDS_SINGLE,      /* one id is mapped */
    BJ_IDS_SUBORDINATE, /* the caller's range of /etc/subuid is mapped too, by newuidmap */
};

/* What becomes of a command that cannot be told from the text. */
enum bj_unknown_commands {
    BJ_UNKNOWN_JUDGED, /* denied when it could be what a blacklist forbids, asked about otherwise */
    BJ_UNKNOWN_ASKED,
    BJ_UNKNOWN_DENIED,
    BJ_UNKNOWN_ALLOWED,
};

/* What becomes of a verdict that asks. */
enum bj_on_ask {
    BJ_ON_ASK_PROMPT, /* at the terminal; refused where there is none */
    BJ_ON_ASK_REFUSE,
    BJ_ON_ASK_ALLOW,
};

enum bj_audit_mode {
    BJ_AUDIT_OFF,
    BJ_AUDIT_ON,       /* a record that cannot be written is reported */
    BJ_AUDIT_REQUIRED, /* and nothing runs without it */
};

struct bj_layout; /* model/layout.h */

/* A host path that appears inside. */
struct bj_volume {
    char *source; /* absolute host path; may have .. and links, the kernel resolves them; owned */
    char *target; /* absolute path inside, without . and .. and double slashes; owned */
    bool read_only;
};

/* Options by number, one per row of options.def. */
enum bj_option_id {
#define BJ_OPTION(id, ...) BJ_OPT_##id,
#include "model/options.def"
#undef BJ_OPTION
    BJ_OPT_COUNT
};

struct bj_config {
    uint64_t said[(BJ_OPT_COUNT + 63) / 64]; /* which options were set by more than a preset */

    char *preset; /* name; owned */
    enum bj_sandbox_type sandbox_type;
    enum bj_isolation isolation;

    /* resource_limits */
    double cpu_cores;  /* CPUs' worth of time; 0 = no limit */
    int64_t memory_mb; /* MiB; 0 = no limit */
    int64_t disk_mb;   /* MiB of everything writable that is not a bound directory; 0 = no limit */
    int64_t timeout_seconds; /* 0 = no limit */
    int64_t max_processes;   /* processes and threads; 0 = no limit */
    int64_t max_open_files;  /* descriptors per process; 0 = as the caller has it */
    int64_t output_limit_mb; /* MiB per stream; 0 = no limit */

    /* network */
    enum bj_network network; /* what holds; network_enabled is brought in line with it */
    bool network_enabled;
    char **allowed_domains; /* NULL-terminated, NULL when empty, like every list here; owned */

    /* security */
    char **allowed_tools; /* the lists of later enforcement: NULL-terminated; owned */
    char **blocked_tools;
    char **command_blacklist;
    char **command_whitelist;
    char **allowed_paths;
    char **denied_paths;
    bool enable_audit_log;
    bool allow_root;
    bool command_analysis;                     /* judge command lists by the text */
    enum bj_risk deny_risk, ask_risk;          /* of built-in rules; NONE = never */
    enum bj_unknown_commands unknown_commands; /* under a blacklist or whitelist */
    enum bj_on_ask on_ask;
    enum bj_audit_mode audit; /* what holds; enable_audit_log is brought in line with it */
    bool audit_durable;       /* wait until a record is on the disk */
    char *audit_path;         /* database; NULL = the usual place; owned */
    int64_t audit_max_days, audit_max_mb; /* retention; 0 = no limit */
    int64_t max_requests;                 /* of one key within the window; 0 = no limit */
    int64_t window_seconds;
    enum bj_risk alert_risk; /* violations from here up are told to: */
    char *alert_command;     /* shell text; NULL = none; owned */
    char *alert_url;         /* web hook; owned */

    /* session */
    int64_t session_timeout_minutes;
    bool auto_cleanup;

    /* files */
    enum bj_workspace workspace;
    char *workspace_path;    /* host directory; NULL = the current one; owned */
    char *working_directory; /* where the workspace appears; NULL = at its own path; owned */
    struct bj_volume *volumes;
    int64_t volume_count;
    bool allow_home;                /* start although the workspace is the home directory or / */
    bool allow_git_config;          /* .git/hooks, .git/config … writable */
    bool allow_shell_config;        /* .bashrc, .envrc … writable */
    bool allow_editor_config;       /* .vscode, .claude … writable */
    bool sysfs;                     /* a read-only /sys */
    const struct bj_layout *layout; /* instead of all these; borrowed; NULL = none */

    /* process */
    char **environment; /* NAME=VALUE, NULL-terminated; owned */
    enum bj_user user;
    enum bj_ids ids;
    char *hostname; /* owned */

    /* layers */
    char **required_layers; /* names; NULL-terminated; owned */
    char **disabled_layers;
    bool allow_degraded;

    /* remote backends; secrets are never printed */
    char *e2b_api_key;
    char *e2b_template;
    char *e2b_domain;
    char *daytona_api_key;

    /* What is to run, as far as a command_whitelist asks; no options, borrowed. */
    const char *program;   /* argv[0] of the command; NULL: not known yet */
    bool program_is_shell; /* that is the shell of -c, which need not be listed */
};

/*
 * What is worth telling although it is no error: "network.enabled is true but …". Bounded; a
 * warning that finds no room is counted only.
 */
#define BJ_WARNINGS_MAX     8
#define BJ_WARNING_TEXT_MAX 200

struct bj_warnings {
    int count;   /* texts below */
    int dropped; /* warnings that found no room */
    char texts[BJ_WARNINGS_MAX][BJ_WARNING_TEXT_MAX];
};

void bj_warnings_add(struct bj_warnings *warnings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Defaults of the standard preset. Release with bj_config_release(), also after a failure: every
 * function here leaves the config in a state that can be released.
 */
int bj_config_init(struct bj_config *config, struct bj_error *err);
void bj_config_release(struct bj_config *config);

/* A copy with texts of its own; what it borrows it borrows too. Release it, also after a failure.
 */
int bj_config_copy(const struct bj_config *config, struct bj_config *ret, struct bj_error *err);

/* Was the option set by a file, the environment or a flag, rather than by a preset or default? */
bool bj_config_said(const struct bj_config *config, enum bj_option_id id);
/* From now on its value is as a default is: nobody insists on it. */
void bj_config_unsay(struct bj_config *config, enum bj_option_id id);

/*
 * Sets one option from the text a flag or a variable would give. Host paths become absolute:
 * relative ones are below `directory`, or below the current directory when that is NULL. Lists
 * grow. The error says what was expected and what was found, without naming the option;
 * BJ_E_INVALID.
 */
int bj_config_set(struct bj_config *config, enum bj_option_id id, const char *text,
                  const char *directory, struct bj_error *err);

/*
 * Takes over what a JSON document says (docs/CONFIG.md); its preset first, unless one was said
 * before. Relative host paths are below `directory`. BJ_E_CONFIG, naming the key's path.
 */
int bj_config_load_json(struct bj_config *config, const char *text, size_t length,
                        const char *directory, struct bj_error *err);

/* The same from a file of at most BJ_CONFIG_FILE_MAX bytes; errors start with its path. */
int bj_config_load_file(struct bj_config *config, const char *path, struct bj_error *err);

/*
 * To be called once when everything is set: settles what several options decide together (network,
 * root inside) and checks what no single option can: contradictions between them. BJ_E_INVALID.
 */
int bj_config_settle(struct bj_config *config, struct bj_warnings *warnings, struct bj_error *err);

/*
 * Fails with BJ_E_UNSUPPORTED when the config has something that this version reads but does not
 * enforce. Whoever runs a workload calls it, so that no such rule is ever silently ignored.
 */
int bj_config_check_enforced(const struct bj_config *config, struct bj_error *err);

/*
 * Does the configuration ask for requests to be judged or recorded? `belljar run` without any such
 * option does neither; check, hooks and services judge always.
 */
bool bj_config_is_guarded(const struct bj_config *config);

/* Seconds that one run may last: the shorter of timeout and session timeout; 0 = no limit. */
int64_t bj_config_run_seconds(const struct bj_config *config);

/*
 * The whole config as a JSON document that bj_config_load_json() accepts and that gives the same
 * config, but for secrets and the values of environment variables, which are left out.
 * Appended to `out`, with a newline.
 */
int bj_config_to_json(const struct bj_config *config, struct bj_buf *out, struct bj_error *err);

#endif
