/* Variables of the environment, as clients give them. */
#ifndef BJ_SERVICE_VARIABLES_H
#define BJ_SERVICE_VARIABLES_H

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * One object of names and texts out of a list NAME=VALUE and an object, of which the latter wins.
 * *ret is the caller's; NULL when there are none. BJ_E_INVALID for what is no name, has a NUL in
 * it, or changes what a shell text means before the shell has read it (BASH_ENV, functions …): such
 * a variable would have the shell run what the policy was not shown.
 */
int bj_variables_merge(char *const *list, const json_t *object, json_t **ret, struct bj_error *err);

/* May a client set it? */
bool bj_variable_permitted(const char *name);

/* NAME=VALUE of the first and, over it, of the second object, of which either may be NULL; the
 * caller's: bj_strv_free(). BJ_E_LIMIT beyond BJ_ARGS_MAX. */
int bj_variables_list(const json_t *first, const json_t *second, char ***ret, struct bj_error *err);

/* Appends the variables as a shell text that sets and exports them, for the policy to read. */
void bj_variables_put_exports(struct bj_buf *out, const json_t *object);

#endif
