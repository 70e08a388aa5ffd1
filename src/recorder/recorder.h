/*
 * The audit process of the service: the only one that has the database open. Entries come in from
 * the front; each is recorded and only then passed on to the keeper. Outcomes come from the keeper.
 * Everything that waits when it turns to it goes into one commit.
 */
#ifndef BJ_RECORDER_RECORDER_H
#define BJ_RECORDER_RECORDER_H

#include <stdbool.h>

#include "base/log.h"
#include "model/config.h"
#include "model/mask.h"

struct bj_recorder_options {
    int control_fd;                 /* of the supervisor: PEER and STOP come in */
    const struct bj_config *config; /* audit_path, audit_durable, audit_max_…; unless audit is off
                                       the record is required */
    struct bj_mask *mask;           /* the service's own secrets; those of an entry are added while
                                       it is recorded */
    const struct bj_log *log;       /* NULL = none */
};

/*
 * Runs until STOP or until the supervisor is gone; returns its exit status, or -code before it has
 * begun.
 */
int bj_recorder_main(const struct bj_recorder_options *options, struct bj_error *err);

#endif
