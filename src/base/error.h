/*
 * Filling struct bj_error. See include/belljar/error.h for the codes and the struct itself.
 */
#ifndef BJ_BASE_ERROR_H
#define BJ_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#include "belljar/error.h"

/* Fills *err (if not NULL) and returns -code, so that a failing function can
 * `return bj_fail(…)`. */
int bj_fail(struct bj_error *err, enum bj_code code, const char *step, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same from errno: code BJ_E_SYSTEM (BJ_E_NO_MEMORY for ENOMEM), ": strerror" appended. */
int bj_fail_errno(struct bj_error *err, const char *step, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts words in front of a message that a lower layer wrote: "path: " + message. */
void bj_error_prefix(struct bj_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends words to the message, for instance what the user can do. */
void bj_error_append(struct bj_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
