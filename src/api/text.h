/* JSON as text; this folder's own. */
#ifndef BJ_API_TEXT_H
#define BJ_API_TEXT_H

#include <jansson.h>

#include "base/buf.h"

/* Appends a value as text in one line; NULL, or what cannot be, leaves the buffer failed. */
void bj_object_put(const json_t *value, struct bj_buf *out);

#endif
