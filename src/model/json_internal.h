/* jansson as this folder uses it. */
#ifndef BJ_MODEL_JSON_INTERNAL_H
#define BJ_MODEL_JSON_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/mem.h"

/*
 * jansson's memory comes from base/, so that a test can make it fail; compatible with malloc's.
 * When memory ends, jansson 2.14 leaves bytes out of texts that it reads or writes and reports
 * nothing: so it is noted that an allocation failed.
 */
void bj_json_setup(void);

/* Did an allocation fail in this thread since the last question, or since the setup? */
bool bj_json_lost_memory(void);

static inline void bj_cleanup_json_fn(json_t **json)
{
    json_decref(*json);
}
#define BJ_CLEANUP_JSON __attribute__((cleanup(bj_cleanup_json_fn)))

/*
 * Appends the document, indented. Through the buffer because json_dumps() leaves parts out when
 * memory ends (jansson 2.14), while a failed buffer stays failed.
 */
void bj_json_write(const json_t *json, struct bj_buf *out);

#endif
