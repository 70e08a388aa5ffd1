/*
 * The configuration's lifetime, and what is decided and checked once all its options are set.
 */
#include "model/config.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/options_internal.h"
#include "model/preset.h"

static int no_memory(struct bj_error *err)
{
    return bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
}

int bj_config_init(struct bj_config *config, struct bj_error *err)
{
    *config = (struct bj_config){
        .max_open_files = 1024,
        .output_limit_mb = 32,
        .session_timeout_minutes = 60,
        .auto_cleanup = true,
        .command_analysis = true,
        .deny_risk = BJ_RISK_HIGH,
        .ask_risk = BJ_RISK_MEDIUM,
        .window_seconds = 60,
        .alert_risk = BJ_RISK_HIGH,
    };
    config->hostname = bj_strdup("belljar");
    if (config->hostname == NULL)
        return no_memory(err);
    return bj_preset_apply(bj_preset_find("standard"), config, err);
}

/* A secret's memory is wiped, as far as a copy of ours goes. */
static void free_secret(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    bj_free(secret);
}

static void free_volumes(struct bj_config *config)
{
    for (int64_t i = 0; i < config->volume_count; i++) {
        bj_free(config->volumes[i].source);
        bj_free(config->volumes[i].target);
    }
    bj_free(config->volumes);
    config->volumes = NULL;
    config->volume_count = 0;
}

static void *field_of(struct bj_config *config, const struct bj_option *option)
{
    return (char *)config + option->offset;
}

void bj_config_release(struct bj_config *config)
{
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);
        char **field = field_of(config, option);

        if (option->run_only)
            continue;
        switch (option->kind) {
        case BJ_KIND_PRESET:
        case BJ_KIND_STRING:
        case BJ_KIND_HOSTNAME:
        case BJ_KIND_SANDBOX_PATH:
        case BJ_KIND_HOST_PATH:
        case BJ_KIND_WORKSPACE:
            bj_free(*field);
            break;
        case BJ_KIND_SECRET:
            free_secret(*field);
            break;
        case BJ_KIND_STRING_LIST:
        case BJ_KIND_DOMAIN_LIST:
        case BJ_KIND_LAYER_LIST:
        case BJ_KIND_ENV_LIST:
            bj_strv_free(*(char ***)field);
            break;
        default:
            break;
        }
    }
    free_volumes(config);
    *config = (struct bj_config){0};
}

/* What `to` has from a plain copy of `from` becomes its own. False when memory ends. */
static bool own_field(const struct bj_option *option, const struct bj_config *from,
                      struct bj_config *to)
{
    const void *source = (const char *)from + option->offset;
    char **text = field_of(to, option), *const *old = source;

    switch (option->kind) {
    case BJ_KIND_PRESET:
    case BJ_KIND_STRING:
    case BJ_KIND_SECRET:
    case BJ_KIND_HOSTNAME:
    case BJ_KIND_SANDBOX_PATH:
    case BJ_KIND_HOST_PATH:
    case BJ_KIND_WORKSPACE:
        *text = *old != NULL ? bj_strdup(*old) : NULL;
        return *old == NULL || *text != NULL;
    case BJ_KIND_STRING_LIST:
    case BJ_KIND_DOMAIN_LIST:
    case BJ_KIND_LAYER_LIST:
    case BJ_KIND_ENV_LIST:
        return bj_strv_copy(*(char **const *)source, (char ***)text);
    default:
        return true;
    }
}

static bool own_volumes(const struct bj_config *from, struct bj_config *to)
{
    to->volumes = NULL;
    to->volume_count = 0;
    if (from->volume_count == 0)
        return true;
    to->volumes = bj_alloc((size_t)from->volume_count * sizeof *to->volumes);
    if (to->volumes == NULL)
        return false;
    for (; to->volume_count < from->volume_count; to->volume_count++) {
        const struct bj_volume *old = &from->volumes[to->volume_count];
        struct bj_volume *volume = &to->volumes[to->volume_count];

        *volume = (struct bj_volume){.source = bj_strdup(old->source),
                                     .target = bj_strdup(old->target),
                                     .read_only = old->read_only};
        if (volume->source == NULL || volume->target == NULL) {
            to->volume_count++;
            return false;
        }
    }
    return true;
}

int bj_config_copy(const struct bj_config *config, struct bj_config *ret, struct bj_error *err)
{
    bool owned;

    *ret = *config;
    owned = own_volumes(config, ret);
    /* All of them, also when memory has ended: nothing may stay shared. */
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);

        if (!option->run_only && !own_field(option, config, ret))
            owned = false;
    }
    return owned ? 0 : no_memory(err);
}

bool bj_config_said(const struct bj_config *config, enum bj_option_id id)
{
    return (config->said[id / 64] >> (id % 64) & 1) != 0;
}

void bj_config_unsay(struct bj_config *config, enum bj_option_id id)
{
    config->said[id / 64] &= ~((uint64_t)1 << (id % 64));
}

static bool is_text_list(enum bj_option_kind kind)
{
    return kind == BJ_KIND_STRING_LIST || kind == BJ_KIND_DOMAIN_LIST || kind == BJ_KIND_LAYER_LIST;
}

/* The first time a list is said, what a preset put there goes. */
void bj_option_say(struct bj_config *config, enum bj_option_id id)
{
    const struct bj_option *option = bj_option_get(id);

    if (!bj_config_said(config, id) && is_text_list(option->kind)) {
        char ***list = field_of(config, option);

        bj_strv_free(*list);
        *list = NULL;
    }
    config->said[id / 64] |= (uint64_t)1 << (id % 64);
}

void bj_warnings_add(struct bj_warnings *warnings, const char *format, ...)
{
    va_list args;

    if (warnings == NULL)
        return;
    if (warnings->count >= BJ_WARNINGS_MAX) {
        warnings->dropped++;
        return;
    }
    va_start(args, format);
    vsnprintf(warnings->texts[warnings->count++], BJ_WARNING_TEXT_MAX, format, args);
    va_end(args);
}

static bool is_everything(char **domains)
{
    return domains != NULL && domains[0] != NULL && bj_streq(domains[0], "*") && domains[1] == NULL;
}

/* network.mode or --network decides when said, network.enabled and its domains otherwise. */
static void settle_network(struct bj_config *config, struct bj_warnings *warnings)
{
    bool has_domains = config->allowed_domains != NULL && config->allowed_domains[0] != NULL;

    if (!bj_config_said(config, BJ_OPT_NETWORK))
        config->network = config->network_enabled ? BJ_NETWORK_DOMAINS : BJ_NETWORK_NONE;
    if (config->network == BJ_NETWORK_DOMAINS && !has_domains) {
        bj_warnings_add(warnings, "the network is enabled but allowed_domains is empty: "
                                  "nothing can be reached");
        config->network = BJ_NETWORK_NONE;
    }
    if (config->network == BJ_NETWORK_HOST && has_domains &&
        !is_everything(config->allowed_domains))
        bj_warnings_add(warnings, "network.allowed_domains has no effect on the host's network");
    config->network_enabled = config->network != BJ_NETWORK_NONE;
}

/* What the sandbox makes itself cannot be covered by something of the host's. */
static int check_target(const char *option, const char *target, struct bj_error *err)
{
    static const char *const reserved[] = {"/proc", "/sys", "/dev"};

    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (bj_path_is_below(target, reserved[i]))
            return bj_fail(err, BJ_E_INVALID, "config",
                           "%s: %s is below %s, which belongs to the sandbox itself", option,
                           bj_quote(target).text, reserved[i]);
    }
    return 0;
}

static int check_volumes(const struct bj_config *config, struct bj_error *err)
{
    for (int64_t i = 0; i < config->volume_count; i++) {
        const char *target = config->volumes[i].target;

        if (check_target("volumes", target, err) < 0)
            return -BJ_E_INVALID;
        for (int64_t j = 0; j < i; j++) {
            if (bj_streq(target, config->volumes[j].target))
                return bj_fail(err, BJ_E_INVALID, "config", "volumes: %s is given twice",
                               bj_quote(target).text);
        }
    }
    return 0;
}

static int check_layers(const struct bj_config *config, struct bj_error *err)
{
    char **required = config->required_layers, **disabled = config->disabled_layers;

    for (size_t i = 0; required != NULL && required[i] != NULL; i++) {
        for (size_t j = 0; disabled != NULL && disabled[j] != NULL; j++) {
            if (bj_streq(required[i], disabled[j]))
                return bj_fail(err, BJ_E_INVALID, "config",
                               "layer %s is both required and left out", required[i]);
        }
    }
    return 0;
}

/* security.audit or --audit decides when said, enable_audit_log otherwise. */
static void settle_audit(struct bj_config *config)
{
    if (!bj_config_said(config, BJ_OPT_AUDIT) && config->enable_audit_log)
        config->audit = BJ_AUDIT_ON;
    config->enable_audit_log = config->audit != BJ_AUDIT_OFF;
}

int bj_config_settle(struct bj_config *config, struct bj_warnings *warnings, struct bj_error *err)
{
    int result = 0;

    settle_audit(config);

    settle_network(config, warnings);
    if (config->user == BJ_USER_ROOT && !config->allow_root)
        return bj_fail(err, BJ_E_INVALID, "config",
                       "user root is refused because security.allow_root is not true");
    if (config->sandbox_type == BJ_SANDBOX_NONE)
        bj_warnings_add(warnings, "sandbox_type none: the command runs without any protection");
    if (config->working_directory != NULL)
        result = check_target("working_directory", config->working_directory, err);
    if (result == 0)
        result = check_volumes(config, err);
    return result < 0 ? result : check_layers(config, err);
}

/* Is it set to more than a default: a list with entries, or a value that somebody said? */
static bool is_in_use(const struct bj_config *config, enum bj_option_id id)
{
    const struct bj_option *option = bj_option_get(id);
    const void *field = (const char *)config + option->offset;
    char **list;

    switch (id) {
    case BJ_OPT_AUTO_CLEANUP:
        return !config->auto_cleanup;
    case BJ_OPT_ENABLE_AUDIT_LOG:
        return config->enable_audit_log;
    case BJ_OPT_AUDIT:
        return config->audit != BJ_AUDIT_OFF;
    default:
        if (!is_text_list(option->kind))
            return bj_config_said(config, id);
        list = *(char **const *)field;
        return list != NULL && list[0] != NULL;
    }
}

bool bj_config_is_guarded(const struct bj_config *config)
{
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        if (bj_option_get((enum bj_option_id)i)->guards && is_in_use(config, (enum bj_option_id)i))
            return true;
    }
    return false;
}

int bj_config_check_enforced(const struct bj_config *config, struct bj_error *err)
{
    for (int i = 0; i < BJ_OPT_COUNT; i++) {
        const struct bj_option *option = bj_option_get((enum bj_option_id)i);

        if (option->later && is_in_use(config, (enum bj_option_id)i))
            return bj_fail(err, BJ_E_UNSUPPORTED, "config",
                           "%s is not enforced yet by this version; remove it to go on without",
                           option->key);
    }
    if (config->network == BJ_NETWORK_DOMAINS)
        return bj_fail(err, BJ_E_UNSUPPORTED, "config",
                       "network.allowed_domains is not enforced yet by this version; choose "
                       "--network none, or --network host for the host's own network");
    return 0;
}

int64_t bj_config_run_seconds(const struct bj_config *config)
{
    int64_t session = config->session_timeout_minutes * 60;

    if (!bj_config_said(config, BJ_OPT_SESSION_TIMEOUT))
        return config->timeout_seconds;
    if (config->timeout_seconds == 0 || session < config->timeout_seconds)
        return session;
    return config->timeout_seconds;
}
