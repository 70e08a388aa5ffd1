/* The front: the process that talks to clients. */
#ifndef BJ_BIN_FRONT_H
#define BJ_BIN_FRONT_H

#include "base/log.h"
#include "supervisor/settings.h"

/*
 * Serves on the descriptors of supervisor/roles.h until STOP or until the supervisor is gone;
 * returns its exit status, or -code before it has begun.
 */
int bj_front_run(const struct bj_service_settings *settings, const struct bj_log *log,
                 struct bj_error *err);

/* Could one begin with this: reads all that it would read, and takes nothing into use. Once. */
int bj_front_try(const struct bj_service_settings *settings, const struct bj_log *log,
                 struct bj_error *err);

#endif
