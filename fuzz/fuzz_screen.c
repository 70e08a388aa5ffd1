/*
 * Fuzzes the screen of a terminal with what its processes write: the size comes from the first two
 * bytes. Whatever it is, it can be painted, and what is painted can be taken in again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "service/screen.h"

#define BUDGET 5000 /* us */

static void feed(struct bj_screen *screen, const void *data, size_t length)
{
    if (bj_screen_feed(screen, data, length, BUDGET) > length)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bj_screen *screen, *other;
    uint16_t rows, columns;
    struct bj_buf bytes;

    if (size < 2)
        return 0;
    rows = data[0] % 32;
    columns = data[1] % 100;
    if (bj_screen_new(rows, columns, 10, &screen, NULL) < 0 ||
        bj_screen_new(rows, columns, 10, &other, NULL) < 0)
        abort();
    feed(screen, data + 2, (size - 2) / 2);
    bj_screen_resize(screen, columns, rows, NULL);
    feed(screen, data + 2 + (size - 2) / 2, size - 2 - (size - 2) / 2);
    bj_buf_init(&bytes, 16 << 20);
    bj_screen_paint(screen, &bytes);
    if (bytes.failed)
        abort();
    feed(other, bytes.data, bytes.length);
    bytes.length = 0;
    bj_screen_text(screen, 10, &bytes);
    bj_buf_release(&bytes);
    bj_screen_free(screen);
    bj_screen_free(other);
    return 0;
}
