/* Gathers the facts about this host that planning needs. */
#ifndef BJ_LINUX_HOST_H
#define BJ_LINUX_HOST_H

#include "base/error.h"
#include "model/config.h"
#include "model/host.h"

/*
 * Cheap enough for every launch: no process is started, nothing is tried. Facts about the workspace
 * are those of the directory that `config` names.
 */
int bj_host_read(const struct bj_config *config, struct bj_host *ret, struct bj_error *err);

#endif
