/* Base64 (RFC 4648, section 4), strict: no line breaks, padding as it must be. */
#ifndef BJ_BASE_BASE64_H
#define BJ_BASE_BASE64_H

#include "base/buf.h"
#include "base/error.h"

void bj_base64_put(struct bj_buf *out, const void *data, size_t length);
/* BJ_E_INVALID for what is none; BJ_E_LIMIT when the buffer cannot take it. */
int bj_base64_get(struct bj_buf *out, const char *text, size_t length, struct bj_error *err);

#endif
