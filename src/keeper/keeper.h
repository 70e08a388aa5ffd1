/*
 * The keeper: the privileged side of the service. It owns the sandboxes, carries out recorded acts
 * (wire/act.h), holds every pipe and terminal and drains them into bounded logs, and ends what has
 * run out of time. It opens no network socket and parses nothing but wire/'s messages and the
 * values of options that the service lets clients choose. docs/DESIGN.md, "The service", has the
 * whole.
 */
#ifndef BJ_KEEPER_KEEPER_H
#define BJ_KEEPER_KEEPER_H

#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "model/config.h"

/* A named configuration that sandboxes are made from: from the service's own configuration, read
 * before the front exists. */
struct bj_service_preset {
    char *name;
    struct bj_config config;
    uint32_t pool; /* sandboxes of it that are kept ready */
};

struct bj_keeper_options {
    int control_fd;            /* of the supervisor: PEER and STOP come in */
    const char *state;         /* directory of the service's files: workspaces, disk image */
    const char *launcher;      /* path of belljar-launcher; NULL: it is forked, for tests */
    const char *files_program; /* path of belljar-files */
    struct bj_service_preset *presets;
    uint32_t preset_count;
    uint32_t max_sandboxes;
    int64_t max_memory_mb,
        max_disk_mb;           /* what clients may ask for, one sandbox; 0 = the preset's */
    int64_t max_total_disk_mb; /* of all workspaces that lie on the disk; 0 = no limit */
    int64_t max_output_mb;     /* of memory that output takes; 0 = BJ_OUTPUT_TOTAL_MB */
    double max_cpu_cores;
    int64_t max_processes;
    int64_t max_timeout_us; /* of a sandbox; 0 = no limit */
    uint32_t netns_pool;    /* network namespaces that the launcher keeps ready */
};

/*
 * Runs until STOP or until the supervisor is gone; returns its exit status, or -code before it has
 * begun. Ends every sandbox.
 */
int bj_keeper_main(const struct bj_keeper_options *options, struct bj_error *err);

#endif
