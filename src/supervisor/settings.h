/*
 * What the service was told: flags, variables and its configuration file, by the rows of
 * options.def, and its presets. Every process of the service reads the same: the supervisor reads
 * the file once and hands its text on.
 */
#ifndef BJ_SUPERVISOR_SETTINGS_H
#define BJ_SUPERVISOR_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "keeper/keeper.h"
#include "model/config.h"

/* Of sandboxes that name no preset, unless the configuration says otherwise. */
#define BJ_SERVICE_PRESET "standard"

struct bj_service_settings {
    /* One field per row of options.def; texts and lists are owned. */
    char **listen;
    char *state, *config, *key_file;
    char *api_key; /* in the supervisor; other processes have it from toldkey.h */
    bool no_key;
    char *tls_certificate, *tls_key;
    char **hosts;
    char **trusted_proxies;
    char *domain, *user, *log;
    unsigned log_format; /* enum bj_log_format */
    char *default_preset;
    int64_t max_sandboxes, max_memory_mb, max_disk_mb, max_total_disk_mb, max_processes,
        max_output_mb, max_timeout_seconds;
    double max_cpu_cores;
    int64_t netns_pool;
    char *audit_path;
    bool audit_durable;
    int64_t audit_max_days, audit_max_mb;
    bool help;

    struct bj_service_preset presets[BJ_PRESETS_MAX];
    uint32_t preset_count;
};

/*
 * Fills it from nothing: defaults, the configuration's text, the environment, flags. argv[0] is a
 * name. `config_fd` has the text of the file that the arguments name (-1: read the file itself).
 * Release it, also after a failure. With `help` nothing else was looked at.
 */
int bj_service_settings_load(struct bj_service_settings *settings, int argc, char **argv,
                             int config_fd, struct bj_error *err);
void bj_service_settings_release(struct bj_service_settings *settings);

/*
 * The text of the file that the arguments name, in a sealed memory file, the caller's; an empty one
 * when they name none.
 */
int bj_service_settings_snapshot(const struct bj_service_settings *settings, int *ret_fd,
                                 struct bj_error *err);

int bj_service_settings_log(const struct bj_service_settings *settings, struct bj_log *ret,
                            struct bj_error *err);

/* NULL when there is none of that name. */
const struct bj_service_preset *
bj_service_settings_preset(const struct bj_service_settings *settings, const char *name);

/* --help, and the tables of docs/SERVICE.md. */
void bj_service_settings_help(struct bj_buf *out);
void bj_service_settings_markdown(struct bj_buf *out);

#endif
