/*
 * Files below a workspace that the host's own programs would later execute or obey: a workload that
 * may write them has a way out after the sandbox ended. They are bound read-only where they exist.
 */
#ifndef BJ_MODEL_PROTECTED_H
#define BJ_MODEL_PROTECTED_H

#include "model/config.h"

struct bj_protected {
    const char *path;        /* relative to the workspace; the first row only where it is a file */
    const char *parent;      /* bound onto itself first, so that it cannot be moved away; or NULL */
    enum bj_option_id opens; /* the option that leaves it writable */
};

#define BJ_PROTECTED_MAX 32

/* The table; ends with a NULL path. At most BJ_PROTECTED_MAX rows. */
extern const struct bj_protected bj_protected_paths[];

/* Does the configuration leave this row writable? */
bool bj_protected_is_open(const struct bj_protected *row, const struct bj_config *config);

#endif
