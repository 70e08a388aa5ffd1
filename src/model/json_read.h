/*
 * Reading a JSON document that a user wrote: parsing with jansson, its bounds, and the words of the
 * errors about it. What the document means is its loader's business.
 */
#ifndef BJ_MODEL_JSON_READ_H
#define BJ_MODEL_JSON_READ_H

#include <jansson.h>

#include "base/error.h"

/*
 * Parses a document of at most BJ_CONFIG_FILE_MAX bytes and BJ_JSON_DEPTH_MAX levels; a key given
 * twice is an error. *ret_root is the caller's: json_decref(). BJ_E_CONFIG with line and column,
 * and without any of the text, which may be a secret; BJ_E_NO_MEMORY.
 */
int bj_json_parse(const char *text, size_t length, json_t **ret_root, struct bj_error *err);

/* The same with another maximum of bytes. */
int bj_json_parse_within(const char *text, size_t length, size_t maximum, json_t **ret_root,
                         struct bj_error *err);

/* What a value is, for messages: "a list", "a whole number", "true" … */
const char *bj_json_type(const json_t *value);

#endif
