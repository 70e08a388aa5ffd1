/* Presets: named limits to start from. */
#ifndef BJ_MODEL_PRESET_H
#define BJ_MODEL_PRESET_H

#include "model/config.h"

struct bj_preset {
    const char *name;
    const char *text; /* one line */
    double cpu_cores;
    int64_t memory_mb;
    int64_t disk_mb;
    int64_t timeout_seconds;
    int64_t max_processes;
    bool network_enabled; /* everything public */
};

#define BJ_PRESET_COUNT 3
extern const struct bj_preset bj_presets[BJ_PRESET_COUNT];

/* Their names, NULL-terminated. */
extern const char *const bj_preset_names[BJ_PRESET_COUNT + 1];

/* What of the network it gives, for lists of presets. */
const char *bj_preset_network(const struct bj_preset *preset);

/* NULL when there is none of that name. */
const struct bj_preset *bj_preset_find(const char *name);

/* Sets what the preset stands for, leaving alone what was said. Nothing counts as said by it. */
int bj_preset_apply(const struct bj_preset *preset, struct bj_config *config, struct bj_error *err);

#endif
