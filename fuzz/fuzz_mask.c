/*
 * Fuzzes masking. Beside memory errors it looks for three broken promises: a known secret that is
 * still there as it is, a text that grows without bound, and text without anything of a secret
 * that is changed.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/mask.h"
#include "base/mem.h"

#define SECRET "hunter2-\"q'x"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bj_mask mask = {0};
    struct bj_buf out;

    if (size > 65536 || bj_mask_add(&mask, SECRET, NULL) < 0)
        return 0;
    bj_buf_init(&out, 1 << 20);
    bj_mask_text(&mask, (const char *)data, size, &out);
    if (out.failed || out.length > size * sizeof BJ_MASKED)
        abort();
    if (out.length > 0 && memmem(out.data, out.length, SECRET, strlen(SECRET)) != NULL)
        abort();
    if (out.length > 0 && memmem(out.data, out.length, BJ_MASKED, strlen(BJ_MASKED)) == NULL &&
        (out.length != size || memcmp(out.data, data, size) != 0))
        abort();
    bj_buf_release(&out);
    bj_mask_release(&mask);
    return 0;
}
