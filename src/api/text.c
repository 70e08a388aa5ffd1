/* JSON as text; apart from objects.c, which stands on the service. */
#include "api/text.h"

#include "wire/value.h"

void bj_object_put(const json_t *value, struct bj_buf *out)
{
    bj_json_put_value(out, value, 0);
}
