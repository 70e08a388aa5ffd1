/* JSON as text; apart from objects.c, which stands on the service. */
#include "api/text.h"

static int collect(const char *text, size_t length, void *context)
{
    struct bj_buf *out = context;

    bj_buf_append(out, text, length);
    return out->failed ? -1 : 0;
}

void bj_object_put(const json_t *value, struct bj_buf *out)
{
    /* Times in microseconds as seconds need no more digits than these. */
    if (value == NULL ||
        json_dump_callback(value, collect, out,
                           JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) < 0)
        out->failed = true;
}
