/* The result of a command: starting values and the list of what was degraded. */
#include "model/result.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"

void bj_degradations_add(struct bj_degradations *list, enum bj_layer layer, const char *format, ...)
{
    struct bj_degraded *item;
    va_list args;

    if (list->count == BJ_DEGRADED_MAX)
        list->count--;
    item = &list->items[list->count++];
    item->layer = layer;
    va_start(args, format);
    vsnprintf(item->reason, sizeof item->reason, format, args);
    va_end(args);
}

void bj_result_init(struct bj_result *result)
{
    *result = (struct bj_result){0};
    bj_buf_init(&result->output[0], BJ_CAPTURE_MAX);
    bj_buf_init(&result->output[1], BJ_CAPTURE_MAX);
    bj_verdict_init(&result->verdict);
}

void bj_result_release(struct bj_result *result)
{
    bj_buf_release(&result->output[0]);
    bj_buf_release(&result->output[1]);
    bj_verdict_release(&result->verdict);
}
