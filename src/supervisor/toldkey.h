/*
 * The administrator's key that was told in the environment (BELLJAR_API_KEY).
 *
 * What a process is started with can be read in /proc for as long as it lives, and is inherited by
 * whatever it starts. So the supervisor takes the key out of its environment, overwrites it there,
 * and gives each process what it needs of it by a pipe (BJ_ROLE_KEY): the front, which compares, a
 * digest; the audit process, which masks it in records, the text; all others nothing.
 */
#ifndef BJ_SUPERVISOR_TOLDKEY_H
#define BJ_SUPERVISOR_TOLDKEY_H

#include <stddef.h>

#include "base/error.h"
#include "supervisor/roles.h"

/* Overwrites it in this process's environment and takes it out of there. */
void bj_toldkey_forget(void);

/* What a process of this role reads of it; `key` may be NULL. *ret_fd is the caller's, -1: nothing.
 */
int bj_toldkey_open(const char *key, enum bj_role role, int *ret_fd, struct bj_error *err);

/* In such a process, once: at most `size` bytes; *ret_length is 0 if there is none. */
int bj_toldkey_read(void *ret, size_t size, size_t *ret_length, struct bj_error *err);

#endif
