/* Kinds of files by name, as ripgrep's --type has them and agents ask for them. */
#ifndef BJ_SERVICE_FILE_TYPES_H
#define BJ_SERVICE_FILE_TYPES_H

#include "base/error.h"

#define BJ_FILE_TYPE_GLOBS 10 /* of one type, with the NULL behind them */

/* Patterns of names, NULL-terminated; BJ_E_INVALID, naming all types, if there is none of it. */
int bj_file_type_find(const char *name, const char *const **ret_globs, struct bj_error *err);

#endif
