/*
 * What a user asks for. One plain struct, filled from a preset, a file, the environment and flags,
 * in that order, and not changed after. Which option is called what, its limits and its help stand in
 * options.def; this struct is where the values land.
 */
#ifndef BJ_MODEL_CONFIG_H
#define BJ_MODEL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

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
};

enum bj_network {
    BJ_NETWORK_NONE,
    BJ_NETWORK_HOST, /* the host's own network; only when said */
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

/* A host path that appears inside. */
struct bj_volume {
    char *source; /* absolute host path; owned */
    char *target; /* absolute path inside; owned */
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
    double cpu_cores; /* CPUs' worth of time; 0 = no limit */
    int64_t memory_mb; /* MiB; 0 = no limit */
    int64_t disk_mb;   /* MiB of everything writable that is not a bound directory; 0 = no limit */
    int64_t timeout_seconds; /* 0 = no limit */
    int64_t max_processes;   /* processes and threads; 0 = no limit */
    int64_t max_open_files;  /* descriptors per process */
    int64_t output_limit_mb; /* MiB per stream; 0 = no limit */

    /* network */
    enum bj_network network;
    char **allowed_domains; /* NULL-terminated; owned */

    /* security */
    char **allowed_tools; /* the lists of later enforcement: NULL-terminated; owned */
    char **blocked_tools;
    char **command_blacklist;
    char **command_whitelist;
    char **allowed_paths;
    char **denied_paths;
    bool enable_audit_log;
    bool allow_root;

    /* session */
    int64_t session_timeout_minutes;
    bool auto_cleanup;

    /* files */
    enum bj_workspace workspace;
    char *workspace_path;    /* host directory; NULL = the current one; owned */
    char *working_directory; /* where the workspace appears; NULL = at its own path; owned */
    struct bj_volume *volumes;
    int64_t volume_count;
    bool allow_home;          /* start although the workspace is the home directory or / */
    bool allow_git_config;    /* .git/hooks, .git/config … writable */
    bool allow_shell_config;  /* .bashrc, .envrc … writable */
    bool allow_editor_config; /* .vscode, .claude … writable */
    bool sysfs;               /* a read-only /sys */

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
};

/* Defaults of the standard preset. Release with bj_config_release(). */
int bj_config_init(struct bj_config *config, struct bj_error *err);
void bj_config_release(struct bj_config *config);

/* Was the option set by a file, the environment or a flag, rather than by a preset or default? */
bool bj_config_said(const struct bj_config *config, enum bj_option_id id);

#endif
