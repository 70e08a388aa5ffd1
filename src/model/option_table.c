/*
 * The rows of options.def as an array, looking rows up, and saying what a row accepts. Separate
 * from the command line parser because documents and config files are made from the same rows.
 */
#include "model/options.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/str.h"
#include "model/layer.h"
#include "model/options_internal.h"
#include "model/preset.h"

/* In the order of the enums of config.h. */
static const char *const bj_sandbox_type_names[] = {"native",  "bubblewrap", "seatbelt", "e2b",
                                                    "daytona", "none",       NULL};
static const char *const bj_isolation_names[] = {"namespaces", "landlock", NULL};
static const char *const bj_network_names[] = {"none", "host", "domains", NULL};
static const char *const bj_user_names[] = {"ordinary", "root", NULL};
static const char *const bj_ids_names[] = {"single", "subordinate", NULL};
static const char *const bj_threshold_names[] = {"off", "low", "medium", "high", "critical", NULL};
static const char *const bj_unknown_commands_names[] = {"judge", "ask", "deny", "allow", NULL};
static const char *const bj_on_ask_names[] = {"prompt", "refuse", "allow", NULL};
static const char *const bj_log_format_names[] = {"text", "json", NULL};
static const char *const bj_audit_mode_names[] = {"off", "on", "required", NULL};

#define CONFIG(field)            .offset = offsetof(struct bj_config, field)
#define RUN(field)               .run_only = true, .offset = offsetof(struct bj_run_options, field)
#define FLAG(long, letter, word) .flag = (long), .short_flag = (letter), .argument = (word)
#define KEY(path)                .key = (path)
#define ENVIRONMENT(name)        .environment = (name)
#define RANGE(least, most)       .minimum = (least), .maximum = (most)
#define OR_ZERO                  .or_zero = true
#define CHOICES(names)           .choices = (names)
#define FILE_ARGUMENT            .completes = BJ_COMPLETES_FILE
#define DIRECTORY_ARGUMENT       .completes = BJ_COMPLETES_DIRECTORY
#define GUARDS                   .guards = true
#define CLIENT                   .client = true
#define LATER                    .later = true

static const struct bj_option rows[BJ_OPT_COUNT] = {
#define BJ_OPTION(name, sort, place, section, line, ...)                                           \
    [BJ_OPT_##name] = {.id = #name,                                                                \
                       .kind = BJ_KIND_##sort,                                                     \
                       place,                                                                      \
                       .group = BJ_GROUP_##section,                                                \
                       .help = (line),                                                             \
                       __VA_ARGS__},
#include "model/options.def"
#undef BJ_OPTION
};

static const char *const group_titles[BJ_GROUP_COUNT] = {
    [BJ_GROUP_CONFIG] = "Configuration",
    [BJ_GROUP_ISOLATION] = "Isolation",
    [BJ_GROUP_LIMITS] = "Limits",
    [BJ_GROUP_NETWORK] = "Network",
    [BJ_GROUP_FILES] = "Files",
    [BJ_GROUP_PROCESS] = "Process",
    [BJ_GROUP_SECURITY] = "Security",
    [BJ_GROUP_SESSION] = "Session",
    [BJ_GROUP_REMOTE] = "Remote services",
    [BJ_GROUP_RUN] = "This run",
};

const struct bj_option *bj_option_get(enum bj_option_id id)
{
    return &rows[id];
}

const char *bj_option_group_title(enum bj_option_group group)
{
    return group_titles[group];
}

enum bj_option_id bj_option_find_flag(const char *name, size_t length)
{
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const char *flag = rows[i].flag;

        if (flag != NULL && strncmp(flag, name, length) == 0 && flag[length] == '\0')
            return (enum bj_option_id)i;
    }
    return BJ_OPT_COUNT;
}

enum bj_option_id bj_option_find_short(char letter)
{
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        if (rows[i].short_flag != '\0' && rows[i].short_flag == letter)
            return (enum bj_option_id)i;
    }
    return BJ_OPT_COUNT;
}

enum bj_option_id bj_option_find_key(const char *path)
{
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        if (rows[i].key != NULL && bj_streq(rows[i].key, path))
            return (enum bj_option_id)i;
    }
    return BJ_OPT_COUNT;
}

bool bj_is_near(size_t distance, size_t length)
{
    return distance <= (length < 4 ? 1 : length < 6 ? 2 : length / 3);
}

size_t bj_word_distance(const char *given, const char *known)
{
    if (strlen(given) >= 2 && bj_starts_with(known, given))
        return 1;
    return bj_str_distance(given, known);
}

const char *bj_option_nearest_flag(const char *name, size_t length)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    char given[64];

    if (length >= sizeof given)
        return NULL;
    memcpy(given, name, length);
    given[length] = '\0';
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        size_t distance = rows[i].flag != NULL ? bj_word_distance(given, rows[i].flag) : SIZE_MAX;

        if (distance < best) {
            best = distance;
            nearest = rows[i].flag;
        }
    }
    return nearest != NULL && bj_is_near(best, length) ? nearest : NULL;
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot != NULL ? dot + 1 : path;
}

/*
 * How far a key is from a wrong path: by its whole path, or by its own name alone, so that a key in
 * the wrong section is recognised too.
 */
static size_t key_distance(const char *path, const char *key)
{
    size_t whole = bj_word_distance(path, key);
    size_t name = 1 + bj_word_distance(last_part(path), last_part(key));

    return whole < name ? whole : name;
}

const char *bj_option_nearest_key(const char *path)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;

    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        size_t distance = rows[i].key != NULL ? key_distance(path, rows[i].key) : SIZE_MAX;

        if (distance < best) {
            best = distance;
            nearest = rows[i].key;
        }
    }
    return nearest != NULL && bj_is_near(best, 1 + strlen(last_part(path))) ? nearest : NULL;
}

static void expected_choices(const struct bj_option *option, struct bj_buf *out)
{
    for (int i = 0; option->choices[i] != NULL; i++) {
        const char *before = i == 0 ? "" : option->choices[i + 1] != NULL ? ", " : " or ";

        bj_buf_printf(out, "%s%s", before, option->choices[i]);
    }
}

static void expected_number(const struct bj_option *option, bool in_json, struct bj_buf *out)
{
    if (option->kind == BJ_KIND_SIZE && in_json)
        bj_buf_puts(out, "a whole number of MiB");
    else if (option->kind == BJ_KIND_SIZE)
        bj_buf_puts(out, "a size such as 512m or 2g, or a number of MiB,");
    else if (option->kind == BJ_KIND_DURATION && in_json)
        bj_buf_puts(out, "a whole number of seconds");
    else if (option->kind == BJ_KIND_DURATION)
        bj_buf_puts(out, "a time such as 30, 5m or 1h, in seconds");
    else
        bj_buf_puts(out, option->kind == BJ_KIND_DECIMAL ? "a number" : "a whole number");
    bj_buf_printf(out, " from %.10g to %.10g", option->minimum, option->maximum);
    if (option->or_zero)
        bj_buf_puts(out, ", or 0 for no limit");
}

static const char *expected_text(enum bj_option_kind kind)
{
    switch (kind) {
    case BJ_KIND_BOOL:
        return "true or false";
    case BJ_KIND_HOSTNAME:
        return "a host name of letters, digits, hyphens and dots";
    case BJ_KIND_SANDBOX_PATH:
        return "an absolute path inside the sandbox, without . or .. and not / itself";
    case BJ_KIND_HOST_PATH:
        return "a path";
    case BJ_KIND_WORKSPACE:
        return "a directory, or the word empty";
    case BJ_KIND_DOMAIN_LIST:
        return "a domain such as example.com, *.example.com, example.com:8443 or *";
    case BJ_KIND_LAYER_LIST:
        return "a layer as `belljar doctor` lists them";
    case BJ_KIND_VOLUME_LIST:
        return "SRC:DST or SRC:DST:ro, with an absolute DST that has no . or .. and is not /";
    case BJ_KIND_ENV_LIST:
        return "NAME=VALUE";
    case BJ_KIND_ENV_FILE:
        return "a file of NAME=VALUE lines";
    case BJ_KIND_ARGUMENT:
        return "a text that is not empty";
    default:
        return "a text that is not empty and has no control characters";
    }
}

/* Is the length worth telling? For the others it is the system's own limit. */
static bool is_sized(enum bj_option_kind kind)
{
    return kind == BJ_KIND_STRING || kind == BJ_KIND_SECRET || kind == BJ_KIND_HOSTNAME ||
           kind == BJ_KIND_STRING_LIST;
}

void bj_option_expected(const struct bj_option *option, bool in_json, struct bj_buf *out)
{
    switch (option->kind) {
    case BJ_KIND_ENUM:
    case BJ_KIND_PRESET:
        expected_choices(option, out);
        return;
    case BJ_KIND_COUNT:
    case BJ_KIND_SIZE:
    case BJ_KIND_DURATION:
    case BJ_KIND_DECIMAL:
        expected_number(option, in_json, out);
        return;
    default:
        bj_buf_puts(out, expected_text(option->kind));
        if (is_sized(option->kind))
            bj_buf_printf(out, ", %.10g to %.10g bytes long", option->minimum, option->maximum);
    }
}
