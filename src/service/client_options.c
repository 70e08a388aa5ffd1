/*
 * What a client may set of a sandbox's configuration, and where each goes: to the keeper, which
 * makes the plan and has limits of its own; into the policy that is added to the preset's; or to
 * this process, which starts the sandbox's commands.
 */
#include "service/client_options.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/options.h"
#include "service/service.h"

enum place { TO_KEEPER, TO_RULES, TO_FRONT };

static const struct row {
    enum bj_option_id id;
    enum place place;
} rows[] = {
    {BJ_OPT_CPU_CORES, TO_KEEPER},
    {BJ_OPT_MEMORY_MB, TO_KEEPER},
    {BJ_OPT_DISK_MB, TO_KEEPER},
    {BJ_OPT_MAX_PROCESSES, TO_KEEPER},
    {BJ_OPT_MAX_OPEN_FILES, TO_KEEPER},
    {BJ_OPT_WORKING_DIRECTORY, TO_KEEPER},
    {BJ_OPT_HOSTNAME, TO_KEEPER},
    {BJ_OPT_USER, TO_KEEPER},
    {BJ_OPT_COMMAND_WHITELIST, TO_KEEPER},
    {BJ_OPT_ALLOW_DEGRADED, TO_KEEPER},
    {BJ_OPT_TIMEOUT_SECONDS, TO_FRONT},
    {BJ_OPT_OUTPUT_LIMIT_MB, TO_FRONT},
    {BJ_OPT_SESSION_TIMEOUT, TO_FRONT},
    {BJ_OPT_ENVIRONMENT, TO_FRONT},
    {BJ_OPT_ALLOWED_TOOLS, TO_RULES},
    {BJ_OPT_BLOCKED_TOOLS, TO_RULES},
    {BJ_OPT_COMMAND_BLACKLIST, TO_RULES},
    {BJ_OPT_ALLOWED_PATHS, TO_RULES},
    {BJ_OPT_DENIED_PATHS, TO_RULES},
    {BJ_OPT_DENY_RISK, TO_RULES},
    {BJ_OPT_ASK_RISK, TO_RULES},
    {BJ_OPT_UNKNOWN_COMMANDS, TO_RULES},
    {BJ_OPT_ON_ASK, TO_RULES},
};
#define ROWS (sizeof rows / sizeof *rows)

static const struct row *find(const char *key)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (bj_streq(bj_option_get(rows[i].id)->key, key))
            return &rows[i];
    }
    return NULL;
}

static int fail_key(const char *key, struct bj_error *err)
{
    if (bj_option_find_key(key) == BJ_OPT_COUNT)
        return 0; /* the loader says so, and what it may have meant */
    return bj_fail(err, BJ_E_INVALID, "config",
                   "config: %s is for whoever runs the service to set; clients may set limits, "
                   "layers.allow_degraded, environment, session_timeout_minutes, "
                   "working_directory, hostname, user, "
                   "security.command_whitelist and rules that refuse more",
                   key);
}

/* Keys are one section deep at most. */
static int check_keys(const json_t *config, struct bj_error *err)
{
    const char *section, *name;
    json_t *value, *inner;
    char key[128];
    int result = 0;

    json_object_foreach((json_t *)config, section, value)
    {
        if (find(section) != NULL || strlen(section) > sizeof key / 2)
            continue;
        if (!json_is_object(value)) {
            result = fail_key(section, err);
            if (result < 0)
                return result;
            continue;
        }
        json_object_foreach(value, name, inner)
        {
            snprintf(key, sizeof key, "%s.%.60s", section, name);
            if (find(key) == NULL && (result = fail_key(key, err)) < 0)
                return result;
        }
    }
    return 0;
}

/* The member of the section that a key of two parts names. */
static json_t *member(const json_t *config, enum bj_option_id id, const char **ret_name)
{
    const char *key = bj_option_get(id)->key, *name = strchr(key, '.') + 1;
    char section[64];

    snprintf(section, sizeof section, "%.*s", (int)(name - key - 1), key);
    *ret_name = name;
    return json_object_get(json_object_get(config, section), name);
}

/* Before anything is made of them: rules are kept with the sandbox, which has room for few, and
 * patterns take long to compile. */
static int check_rules_length(const json_t *config, struct bj_error *err)
{
    size_t length = 0;
    const char *name;

    for (size_t i = 0; i < ROWS; i++) {
        const json_t *value = rows[i].place == TO_RULES ? member(config, rows[i].id, &name) : NULL;

        if (value != NULL)
            length += json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    }
    if (length < BJ_LABEL_MAX)
        return 0;
    return bj_fail(err, BJ_E_LIMIT, "config",
                   "config: metadata, rules and shells of one sandbox may have %d bytes in all, "
                   "and its rules alone have %zu",
                   BJ_LABEL_MAX, length);
}

static int load(const json_t *config, struct bj_config *ret, struct bj_error *err)
{
    char *text = json_dumps(config, JSON_COMPACT);
    int result;

    if (text == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "service", "out of memory");
    result = bj_config_load_json(ret, text, strlen(text), "/", err);
    bj_free(text);
    if (result == -BJ_E_CONFIG && err != NULL)
        err->code = BJ_E_INVALID;
    if (result < 0)
        bj_error_prefix(err, "config: ");
    return result == -BJ_E_CONFIG ? -BJ_E_INVALID : result;
}

static int add_pair(struct bj_client_config *options, const char *key, const char *text,
                    struct bj_error *err)
{
    size_t at = options->count / 2;

    if (at == BJ_CLIENT_OPTIONS)
        return bj_fail(err, BJ_E_INVALID, "config",
                       "config: %s: at most %d values can be set for one sandbox", key,
                       BJ_CLIENT_OPTIONS);
    options->values[at] = bj_strdup(text);
    if (options->values[at] == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "service", "out of memory");
    options->pairs[options->count] = key;
    options->pairs[options->count + 1] = options->values[at];
    options->count += 2;
    return 0;
}

/* As the keeper's own reader of options takes it: a list one by one. */
static int add_option(struct bj_client_config *options, const struct bj_config *config,
                      enum bj_option_id id, struct bj_error *err)
{
    const struct bj_option *row = bj_option_get(id);
    const void *field = (const char *)config + row->offset;
    char *const *list, text[BJ_NUMBER_TEXT];
    int result = 0;

    switch (row->kind) {
    case BJ_KIND_DECIMAL:
        bj_number_text(*(const double *)field, text);
        return add_pair(options, row->key, text, err);
    case BJ_KIND_BOOL:
        return add_pair(options, row->key, *(const bool *)field ? "true" : "false", err);
    case BJ_KIND_ENUM:
        return add_pair(options, row->key, row->choices[*(const unsigned *)field], err);
    case BJ_KIND_HOSTNAME:
    case BJ_KIND_SANDBOX_PATH:
        return add_pair(options, row->key, *(char *const *)field, err);
    case BJ_KIND_STRING_LIST:
        list = *(char *const *const *)field;
        if (list == NULL || *list == NULL)
            return bj_fail(err, BJ_E_INVALID, "config", "config: %s: name at least one", row->key);
        for (; *list != NULL && result == 0; list++)
            result = add_pair(options, row->key, *list, err);
        return result;
    default:
        snprintf(text, sizeof text, "%lld", (long long)*(const int64_t *)field);
        return add_pair(options, row->key, text, err);
    }
}

/* The members of the security section that are rules, as a text of their own. */
static int add_rule(struct bj_client_config *options, const json_t *config, enum bj_option_id id,
                    struct bj_error *err)
{
    const char *key;
    json_t *value = member(config, id, &key);

    if (options->rules == NULL)
        options->rules = json_object();
    if (json_object_set(options->rules, key, value) < 0)
        return bj_fail(err, BJ_E_NO_MEMORY, "service", "out of memory");
    return 0;
}

static int sort_out(struct bj_client_config *options, const json_t *config, struct bj_error *err)
{
    int result = 0;

    for (size_t i = 0; i < ROWS && result == 0; i++) {
        if (!bj_config_said(&options->config, rows[i].id))
            continue;
        if (rows[i].place == TO_KEEPER)
            result = add_option(options, &options->config, rows[i].id, err);
        else if (rows[i].place == TO_RULES)
            result = add_rule(options, config, rows[i].id, err);
    }
    return result;
}

int bj_client_config_read(struct bj_client_config *ret, const json_t *config, struct bj_error *err)
{
    int result;

    memset(ret, 0, sizeof *ret);
    result = bj_config_init(&ret->config, err);
    if (result < 0 || config == NULL)
        return result;
    result = check_keys(config, err);
    if (result == 0)
        result = check_rules_length(config, err);
    if (result == 0)
        result = load(config, &ret->config, err);
    if (result == 0)
        result = sort_out(ret, config, err);
    return result;
}

void bj_client_config_release(struct bj_client_config *options)
{
    for (size_t i = 0; i < BJ_CLIENT_OPTIONS; i++)
        bj_free(options->values[i]);
    json_decref(options->rules);
    bj_config_release(&options->config);
    memset(options, 0, sizeof *options);
}
