/* JSON values as text: what jansson reads, written as wire/json.h writes. */
#ifndef BJ_WIRE_VALUE_H
#define BJ_WIRE_VALUE_H

#include <jansson.h>

#include "base/buf.h"

/*
 * Appends a value: in one line without blanks, or with `indent` blanks for each level. Numbers with
 * a fraction have the fewest digits that read back as the same, which jansson's own writer does
 * not; nothing in it acts on a terminal. NULL leaves the buffer failed.
 */
void bj_json_put_value(struct bj_buf *out, const json_t *value, int indent);

#endif
