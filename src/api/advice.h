/* What to do about an error. */
#ifndef BJ_API_ADVICE_H
#define BJ_API_ADVICE_H

#include "base/error.h"

/* What its message has behind a semicolon, where it has anything there; "" where it says all.
 * `own`: of the API's error, if it is one of those; else NULL. */
const char *bj_error_advice(const struct bj_error *err, const char *own);

#endif
