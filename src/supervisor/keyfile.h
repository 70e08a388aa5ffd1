/*
 * The administrator's key in a file: one that the user named, or the one that a service without any
 * key makes for itself.
 */
#ifndef BJ_SUPERVISOR_KEYFILE_H
#define BJ_SUPERVISOR_KEYFILE_H

#include "supervisor/settings.h"

/* A file of the state directory; *ret_path is the caller's. */
int bj_keyfile_path(const struct bj_service_settings *settings, const char *name, char **ret_path,
                    struct bj_error *err);

/*
 * Makes a key if the service would have none at all: neither one from the environment or a file nor
 * any in keys.json, and --no-key was not given. The file is `key` in the state directory, for its
 * owner alone.
 */
int bj_keyfile_make(const struct bj_service_settings *settings, struct bj_error *err);

/* The key; *ret_text is the caller's, NULL when there is no file. */
int bj_keyfile_read(const struct bj_service_settings *settings, char **ret_text,
                    struct bj_error *err);

#endif
