/* What a body says of a process to be started; this folder's own. */
#ifndef BJ_API_RUN_H
#define BJ_API_RUN_H

#include "api/handling.h"

/* Bytes of the command, or of all words. */
size_t bj_process_request_length(const json_t *body);

/* Either "command" or "argv". */
int bj_process_request_check(const json_t *body, struct bj_error *err);
/* Everything but the arguments, which are given. Borrows from the body. */
void bj_process_request_read(const json_t *body, const char *const *argv,
                             struct bj_process_request *ret);

#endif
