/*
 * Options: the rows of options.def as data, and the parser of command lines over them.
 *
 * A row is BJ_OPTION(id, kind, place, group, help, …) with these columns, the rest by name:
 *   id           BJ_OPT_<id>, also the bit in bj_config.said
 *   kind         enum bj_option_kind: how a text or a JSON value becomes the field's value
 *   place        CONFIG(field) of struct bj_config, or RUN(field) of struct bj_run_options
 *   group        where listings show it
 *   help         one line; no full stop
 *   FLAG(long, short, argument)   short 0 = none; argument NULL = a switch
 *   KEY(path)    JSON path in a config file: "key" or "section.key"; none = cannot be in a file
 *   ENVIRONMENT(name)             variable of the caller that sets it when not empty
 *   RANGE(minimum, maximum)       of a number, or of the length in bytes of a text or list entry
 *   OR_ZERO      0 is allowed beside the range and means no limit
 *   CHOICES(names)                names in the order of the enum's values
 *   FILE_ARGUMENT, DIRECTORY_ARGUMENT   what a shell offers for completion
 *   GUARDS       setting it has requests judged or recorded; see bj_config_is_guarded()
 *   CLIENT       a client of the service may choose it for a sandbox of its own
 *   LATER        read and checked, but not enforced yet: bj_config_check_enforced() refuses it
 */
#ifndef BJ_MODEL_OPTIONS_H
#define BJ_MODEL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "model/config.h"

enum bj_option_kind {
    BJ_KIND_BOOL,         /* bool; as a flag a switch that may be given =true or =false */
    BJ_KIND_COUNT,        /* int64_t */
    BJ_KIND_SIZE,         /* int64_t, MiB; 512m, 2g, 524288k or a plain number of MiB */
    BJ_KIND_DURATION,     /* int64_t, seconds; 30, 30s, 5m, 1h */
    BJ_KIND_DECIMAL,      /* double */
    BJ_KIND_ENUM,         /* an enum; the value's place in `choices` */
    BJ_KIND_PRESET,       /* char *, and the limits that the preset stands for */
    BJ_KIND_STRING,       /* char * */
    BJ_KIND_SECRET,       /* char *, never printed */
    BJ_KIND_HOSTNAME,     /* char * */
    BJ_KIND_SANDBOX_PATH, /* char *, absolute path inside */
    BJ_KIND_HOST_PATH,    /* char *, absolute path of the host */
    BJ_KIND_WORKSPACE,    /* workspace and workspace_path */
    BJ_KIND_STRING_LIST,  /* char ** */
    BJ_KIND_DOMAIN_LIST,  /* char ** */
    BJ_KIND_LAYER_LIST,   /* char **, names of model/layer.h */
    BJ_KIND_VOLUME_LIST,  /* volumes and volume_count */
    BJ_KIND_ENV_LIST,     /* char **, NAME=VALUE */
    BJ_KIND_ENV_FILE,     /* the same, from a file */
    BJ_KIND_ARGUMENT,     /* const char *, the argument itself; run options only */
};

enum bj_option_group {
    BJ_GROUP_CONFIG,
    BJ_GROUP_ISOLATION,
    BJ_GROUP_LIMITS,
    BJ_GROUP_NETWORK,
    BJ_GROUP_FILES,
    BJ_GROUP_PROCESS,
    BJ_GROUP_SECURITY,
    BJ_GROUP_SESSION,
    BJ_GROUP_REMOTE,
    BJ_GROUP_RUN,
    BJ_GROUP_COUNT
};

enum bj_option_completes {
    BJ_COMPLETES_NOTHING,
    BJ_COMPLETES_FILE,
    BJ_COMPLETES_DIRECTORY,
};

struct bj_option {
    const char *id; /* "MEMORY_MB", for tests and error texts of our own bugs */
    enum bj_option_kind kind;
    bool run_only; /* the field is in struct bj_run_options */
    size_t offset;
    enum bj_option_group group;
    const char *help;
    const char *flag;
    char short_flag;
    const char *argument;
    const char *key;
    const char *environment;
    double minimum, maximum;
    bool or_zero;
    const char *const *choices; /* NULL-terminated */
    enum bj_option_completes completes;
    bool guards;
    bool client;
    bool later;
};

enum bj_log_format { BJ_LOG_TEXT, BJ_LOG_JSON };

/* What one command line asks for beside the config. Texts are borrowed from argv or environ. */
struct bj_run_options {
    bool dry_run;
    bool json;
    bool tty;
    bool interactive;
    bool quiet;
    bool help;                /* set alone: nothing else of the command line was looked at */
    const char *command_text; /* NULL unless -c was given */
    const char *config_path;  /* NULL when no file was named */
    const char *log_levels;   /* as bj_log_choose() takes them; NULL: the usual ones */
    enum bj_log_format log_format;
    struct bj_warnings warnings;
};

/* The row of an id below BJ_OPT_COUNT. */
const struct bj_option *bj_option_get(enum bj_option_id id);
const char *bj_option_group_title(enum bj_option_group group);

/* By long flag without dashes, short flag, or JSON path; BJ_OPT_COUNT when there is none. */
enum bj_option_id bj_option_find_flag(const char *name, size_t length);
enum bj_option_id bj_option_find_short(char letter);
enum bj_option_id bj_option_find_key(const char *path);

/* The known flag or JSON path (section names included) most like a wrong one; NULL if none is. */
const char *bj_option_nearest_flag(const char *name, size_t length);
const char *bj_option_nearest_key(const char *path);

/* The most similar of a NULL-terminated list of names; NULL when none is near. */
const char *bj_choice_nearest(const char *const *choices, const char *text);

/* A size as every option of kind SIZE takes it, in MiB. False, *ret untouched, if it is none. */
bool bj_parse_size_mb(const char *text, int64_t *ret);
/* A time as every option of kind DURATION takes it; digits with a point at most. The same. */
bool bj_parse_seconds(const char *text, int64_t *ret);
bool bj_parse_decimal(const char *text, double *ret);

/* Appends what the option accepts: "a whole number from 1 to 4194304, or 0 for no limit". */
void bj_option_expected(const struct bj_option *option, bool in_json, struct bj_buf *out);

/* The JSON Schema (draft 2020-12) of the configuration. */
void bj_config_schema(struct bj_buf *out);

/*
 * Reads the options of a command line; argv[0] is the command's own name. In order, later winning:
 * preset, config file, environment, flags. *ret_command is the index of the first argument that is
 * no option (argc if there is none). Fills *config and *run from nothing and settles the config;
 * release *config afterwards, also after a failure.
 *
 * Opens no file unless one is named or a remote backend is chosen.
 */
int bj_options_parse(int argc, char **argv, struct bj_config *config, struct bj_run_options *run,
                     int *ret_command, struct bj_error *err);

#endif
