/* Where this program lies, and with it the project's others. */
#ifndef BJ_LINUX_BESIDE_H
#define BJ_LINUX_BESIDE_H

#include <stddef.h>

#include "base/error.h"

/* The program that runs: its file's whole path. */
int bj_own_path(char *ret_path, size_t size, struct bj_error *err);

/* The path of a file by its name as seen from the directory of this program; whether there is one
 * is not asked. BJ_E_LIMIT when it is too long. */
int bj_beside(const char *name, char *ret_path, size_t size, struct bj_error *err);

#endif
