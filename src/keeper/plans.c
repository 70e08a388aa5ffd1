/*
 * From a preset and what a client chose to a plan. The front can only name a preset and give values
 * to options that options.def marks CLIENT, up to the service's maxima; what it says is judged
 * here, because the front may be anybody's. What the host is, is read once for each preset.
 */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "keeper/keeper_internal.h"
#include "linux/host.h"
#include "linux/programs.h"
#include "model/options.h"

#define WORKSPACE "/workspace"

int bj_preset_index(const struct bj_keeper *keeper, const char *name)
{
    for (uint32_t i = 0; i < keeper->options->preset_count; i++) {
        if (bj_streq(keeper->options->presets[i].name, name))
            return (int)i;
    }
    return -1;
}

/* What no sandbox of a service has otherwise: an own, empty workspace. */
static int own_workspace(struct bj_config *config, struct bj_error *err)
{
    bj_free(config->workspace_path);
    config->workspace_path = NULL;
    config->workspace = BJ_WORKSPACE_EMPTY;
    config->allow_home = false;
    if (config->working_directory == NULL)
        config->working_directory = bj_strdup(WORKSPACE);
    if (config->working_directory == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
    return 0;
}

static int read_facts(struct bj_keeper *keeper, uint32_t preset, struct bj_error *err)
{
    const struct bj_config *config = &keeper->options->presets[preset].config;
    struct bj_preset_facts *facts = &keeper->facts[preset];
    struct bj_config asked = *config; /* borrows */
    int result;

    asked.workspace = BJ_WORKSPACE_EMPTY;
    asked.cpu_cores = 0.01; /* what a client that asks for less of a processor needs to know */
    facts->host = bj_alloc(sizeof *facts->host);
    if (facts->host == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "keeper", "out of memory");
    result = bj_host_read(&asked, facts->host, err);
    facts->host->freezable = true;
    if (result == 0 && config->command_whitelist != NULL) {
        result =
            bj_programs_find(config, facts->host, BJ_PROGRAMS_OF_OPERATOR, &facts->programs, err);
        facts->programs_known = result == 0;
    }
    return result;
}

int bj_plans_init(struct bj_keeper *keeper, struct bj_error *err)
{
    int result = 0;

    for (uint32_t i = 0; i < keeper->options->preset_count && result == 0; i++) {
        result = read_facts(keeper, i, err);
        if (result < 0)
            bj_error_prefix(err, "preset %s: ", keeper->options->presets[i].name);
    }
    return result;
}

void bj_plans_release(struct bj_keeper *keeper)
{
    for (uint32_t i = 0; i < BJ_PRESETS_MAX; i++) {
        bj_free(keeper->facts[i].host);
        bj_arena_release(&keeper->facts[i].programs.arena);
    }
}

static bool overlap(const char *path, const char *other)
{
    return bj_path_is_below(path, other) || bj_path_is_below(other, path);
}

static int place_taken(const char *path, const char *by, struct bj_error *err)
{
    return bj_fail(err, BJ_E_INVALID, "config",
                   "working_directory: %.200s and %.200s, which the sandbox has already, would lie "
                   "over each other; take a path of your own, such as /workspace/name or /name",
                   path, by);
}

/*
 * A client's workspace is its own to write and to execute from. Over a directory of the system's or
 * over what the preset grants it would be taken for that: programs look there for parts of
 * themselves.
 */
static int check_place(const struct bj_config *config, const struct bj_host *host,
                       struct bj_error *err)
{
    static const char *const systems[] = {"/usr",   "/etc",    "/bin", "/sbin", "/lib",  "/lib32",
                                          "/lib64", "/libx32", "/opt", "/nix",  "/proc", "/sys",
                                          "/dev",   "/boot",   "/run", "/var",  "/root", NULL};
    const char *path = config->working_directory;

    for (const char *at = path; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return bj_fail(err, BJ_E_INVALID, "config",
                           "working_directory must have no control characters");
    }
    for (size_t i = 0; systems[i] != NULL; i++) {
        if (overlap(path, systems[i]))
            return place_taken(path, systems[i], err);
    }
    for (int i = 0; i < host->system_count; i++) {
        if (overlap(path, host->system[i].path))
            return place_taken(path, host->system[i].path, err);
    }
    for (int64_t i = 0; i < config->volume_count; i++) {
        if (overlap(path, config->volumes[i].target))
            return place_taken(path, config->volumes[i].target, err);
    }
    return 0;
}

static int count_of(char *const *list)
{
    int count = 0;

    while (list != NULL && list[count] != NULL)
        count++;
    return count;
}

static int set_option(struct bj_config *config, const struct bj_config *preset,
                      const struct bj_host *host, const char *const pair[static 2],
                      struct bj_error *err)
{
    const char *key = pair[0], *value = pair[1];
    enum bj_option_id id = bj_option_find_key(key);
    int result;

    /* Of its own limits alone: what the preset asks for is not the client's to do without. */
    if (id == BJ_OPT_ALLOW_DEGRADED)
        return 0;
    if (id == BJ_OPT_COUNT || !bj_option_get(id)->client)
        return bj_fail(err, BJ_E_INVALID, "config", "%s is not for clients to choose", key);
    /* Without a value it would be copied from here, where the service's own secrets are. */
    if (id == BJ_OPT_ENVIRONMENT && strchr(value, '=') == NULL)
        return bj_fail(err, BJ_E_INVALID, "config", "environment: expected NAME=VALUE");
    if (id == BJ_OPT_COMMAND_WHITELIST && preset->command_whitelist != NULL)
        return bj_fail(err, BJ_E_DENIED, "config",
                       "the preset lists the programs that may run; nothing can be added");
    if (id == BJ_OPT_COMMAND_WHITELIST && count_of(config->command_whitelist) >= BJ_CLIENT_PROGRAMS)
        return bj_fail(err, BJ_E_INVALID, "config", "%s: at most %d programs", key,
                       BJ_CLIENT_PROGRAMS);
    result = bj_config_set(config, id, value, "/", err);
    if (result < 0)
        bj_error_prefix(err, "%s: ", key);
    else if (id == BJ_OPT_WORKING_DIRECTORY)
        result = check_place(config, host, err);
    else if (config->user == BJ_USER_ROOT && preset->user != BJ_USER_ROOT)
        result = bj_fail(err, BJ_E_DENIED, "config",
                         "user: root inside is for the preset to grant; ask for one that does");
    return result;
}

/* The limits of a client that accepts less are wishes: left out where they cannot be enforced. */
static void make_wishes(struct bj_config *config, const struct bj_config *preset,
                        const char *const *options)
{
    static const enum bj_option_id limits[] = {BJ_OPT_CPU_CORES, BJ_OPT_MEMORY_MB, BJ_OPT_DISK_MB,
                                               BJ_OPT_MAX_PROCESSES, BJ_OPT_MAX_OPEN_FILES};
    const char *key = bj_option_get(BJ_OPT_ALLOW_DEGRADED)->key;
    bool accepts = false;

    for (size_t i = 0; options[i] != NULL; i += 2)
        accepts = accepts || (bj_streq(options[i], key) && bj_streq(options[i + 1], "true"));
    for (size_t i = 0; accepts && i < sizeof limits / sizeof *limits; i++) {
        if (!bj_config_said(preset, limits[i]))
            bj_config_unsay(config, limits[i]);
    }
}

/* A maximum of 0 is the preset's own value; a value of 0 is no limit, and more than any. */
static int check_maximum(const char *key, double value, double preset, double maximum,
                         struct bj_error *err)
{
    double most = maximum > preset ? maximum : preset;
    char text[BJ_NUMBER_TEXT];

    if (preset == 0 || (value != 0 && value <= most))
        return 0;
    bj_number_text(most, text);
    return bj_fail(err, BJ_E_INVALID, "config", "%s: at most %s can be had here", key, text);
}

static int check_maxima(const struct bj_keeper *keeper, const struct bj_config *config,
                        const struct bj_config *preset, struct bj_error *err)
{
    const struct bj_keeper_options *options = keeper->options;
    int result = check_maximum("resource_limits.cpu_cores", config->cpu_cores, preset->cpu_cores,
                               options->max_cpu_cores, err);

    if (result == 0)
        result = check_maximum("resource_limits.memory_mb", (double)config->memory_mb,
                               (double)preset->memory_mb, (double)options->max_memory_mb, err);
    if (result == 0)
        result = check_maximum("resource_limits.disk_mb", (double)config->disk_mb,
                               (double)preset->disk_mb, (double)options->max_disk_mb, err);
    if (result == 0)
        result = check_maximum("resource_limits.max_processes", (double)config->max_processes,
                               (double)preset->max_processes, (double)options->max_processes, err);
    return result;
}

int bj_plans_configure(struct bj_keeper *keeper, uint32_t preset, const char *const *options,
                       struct bj_config *ret, struct bj_error *err)
{
    const struct bj_config *from = &keeper->options->presets[preset].config;
    int result = bj_config_copy(from, ret, err);

    for (size_t i = 0; result == 0 && options[i] != NULL; i += 2) {
        if (options[i + 1] == NULL || i >= 2 * BJ_SANDBOX_OPTIONS)
            return bj_fail(err, BJ_E_INVALID, "config", "at most %d options, in pairs",
                           BJ_SANDBOX_OPTIONS);
        result = set_option(ret, from, keeper->facts[preset].host, &options[i], err);
    }
    if (result == 0)
        make_wishes(ret, from, options);
    if (result == 0)
        result = own_workspace(ret, err);
    if (result == 0)
        result = check_maxima(keeper, ret, from, err);
    if (result == 0)
        result = bj_config_settle(ret, NULL, err);
    if (result == 0)
        result = bj_config_check_enforced(ret, err);
    if (result == 0 && ret->sandbox_type != BJ_SANDBOX_NATIVE)
        result = bj_fail(err, BJ_E_UNSUPPORTED, "config",
                         "the service makes sandboxes of sandbox_type native only");
    return result;
}

bool bj_plans_searches(const struct bj_keeper *keeper, uint32_t preset,
                       const struct bj_config *config)
{
    return config->command_whitelist != NULL && !keeper->facts[preset].programs_known;
}

int bj_plans_make(struct bj_keeper *keeper, uint32_t preset, const struct bj_config *config,
                  bool workspace_given, struct bj_degradations *degraded, struct bj_error *err)
{
    struct bj_preset_facts *facts = &keeper->facts[preset];
    struct bj_programs own = {0};
    const struct bj_programs *programs = NULL;
    int result = 0;

    if (config->command_whitelist != NULL && facts->programs_known)
        programs = &facts->programs;
    if (config->command_whitelist != NULL && programs == NULL) {
        result = bj_programs_find(config, facts->host, BJ_PROGRAMS_OF_CLIENT, &own, err);
        programs = &own;
    }
    facts->host->serial = ++keeper->serial;
    facts->host->workspace_given = workspace_given;
    if (result == 0)
        result = bj_plan_make(config, facts->host, programs, &keeper->request.plan, degraded, err);
    bj_arena_release(&own.arena);
    return result;
}
