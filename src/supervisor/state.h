/* The state directory of a service: that it is nobody else's, and its lock. */
#ifndef BJ_SUPERVISOR_STATE_H
#define BJ_SUPERVISOR_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"

/*
 * Makes the directory and those above it (0700), checks that it is this user's and nobody else can
 * write to it, and locks it. An earlier service's processes hold the lock until the last of them is
 * gone: that is waited for, `patience_us` at most, then it is BJ_E_CONFLICT. *ret_lock is the
 * caller's; who inherits it holds the lock too.
 */
int bj_state_open(const char *path, int64_t patience_us, int *ret_lock, struct bj_error *err);

/* Makes the directory as above, without the lock. */
int bj_state_make(const char *path, struct bj_error *err);

/* Has it ever been a service's? */
bool bj_state_is(const char *path);

/* Sends a signal to the service that holds the lock; none is fine. */
void bj_state_signal(const char *path, int number);

/* Notes in the lock that the service goes by the keys of this file. */
void bj_state_note_keys(int lock, const struct stat *file);

/*
 * Waits until the service that holds the lock, if there is one, goes by the keys as they are in
 * `file` of the directory now. BJ_E_BUSY: it does not say so within `patience_us`.
 */
int bj_state_wait_for_keys(const char *path, const char *file, int64_t patience_us,
                           struct bj_error *err);

#endif
