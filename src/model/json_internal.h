/* jansson as this folder uses it. */
#ifndef BJ_MODEL_JSON_INTERNAL_H
#define BJ_MODEL_JSON_INTERNAL_H

#include <jansson.h>

#include "base/buf.h"
#include "base/mem.h"

/* jansson's memory comes from base/, so that a test can make it fail; compatible with malloc's. */
static inline void bj_json_setup(void)
{
    json_set_alloc_funcs(bj_alloc, bj_free);
}

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
