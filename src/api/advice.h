/* What to do about an error. */
#ifndef BJ_API_ADVICE_H
#define BJ_API_ADVICE_H

#include "base/error.h"

/* "" where its message says all. Static text. */
const char *bj_error_advice(const struct bj_error *err);

#endif
