/* The presets, as a table. */
#include "model/preset.h"

#include "base/mem.h"
#include "base/str.h"

const struct bj_preset bj_presets[BJ_PRESET_COUNT] = {
    {"minimal", "small checks and snippets", 1, 256, 512, 30, 20, false},
    {"standard", "the default", 2, 512, 1024, 60, 50, false},
    {"development", "builds and test runs, network open", 4, 2048, 4096, 300, 200, true},
};

const char *const bj_preset_names[BJ_PRESET_COUNT + 1] = {"minimal", "standard", "development",
                                                          NULL};

const char *bj_preset_network(const struct bj_preset *preset)
{
    /* As bj_config_check_enforced() has it, until lists of domains are enforced. */
    return preset->network_enabled ? "everything public (not yet: give --network none or host)"
                                   : "none";
}

const struct bj_preset *bj_preset_find(const char *name)
{
    for (int i = 0; i < BJ_PRESET_COUNT; i++) {
        if (bj_streq(bj_presets[i].name, name))
            return &bj_presets[i];
    }
    return NULL;
}

static int set_domains(const struct bj_preset *preset, struct bj_config *config)
{
    bj_strv_free(config->allowed_domains);
    config->allowed_domains = NULL;
    if (!preset->network_enabled)
        return 0;
    config->allowed_domains = bj_alloc(2 * sizeof *config->allowed_domains);
    if (config->allowed_domains == NULL)
        return -BJ_E_NO_MEMORY;
    config->allowed_domains[0] = bj_strdup("*");
    return config->allowed_domains[0] != NULL ? 0 : -BJ_E_NO_MEMORY;
}

static void set_limits(const struct bj_preset *preset, struct bj_config *config)
{
    if (!bj_config_said(config, BJ_OPT_CPU_CORES))
        config->cpu_cores = preset->cpu_cores;
    if (!bj_config_said(config, BJ_OPT_MEMORY_MB))
        config->memory_mb = preset->memory_mb;
    if (!bj_config_said(config, BJ_OPT_DISK_MB))
        config->disk_mb = preset->disk_mb;
    if (!bj_config_said(config, BJ_OPT_TIMEOUT_SECONDS))
        config->timeout_seconds = preset->timeout_seconds;
    if (!bj_config_said(config, BJ_OPT_MAX_PROCESSES))
        config->max_processes = preset->max_processes;
}

int bj_preset_apply(const struct bj_preset *preset, struct bj_config *config, struct bj_error *err)
{
    char *name = bj_strdup(preset->name);

    if (name == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
    bj_free(config->preset);
    config->preset = name;
    set_limits(preset, config);
    if (!bj_config_said(config, BJ_OPT_NETWORK_ENABLED))
        config->network_enabled = preset->network_enabled;
    if (!bj_config_said(config, BJ_OPT_NETWORK))
        config->network = preset->network_enabled ? BJ_NETWORK_DOMAINS : BJ_NETWORK_NONE;
    if (!bj_config_said(config, BJ_OPT_ALLOWED_DOMAINS) && set_domains(preset, config) < 0)
        return bj_fail(err, BJ_E_NO_MEMORY, "config", "out of memory");
    return 0;
}
