/* The layers' names. */
#include "model/layer.h"

#include <stddef.h>

#include "base/str.h"

static const struct {
    const char *name, *text;
} rows[] = {
#define ROW(id, name, text) {name, text},
    BJ_LAYERS(ROW)
#undef ROW
};

const char *bj_layer_name(enum bj_layer layer)
{
    return layer < BJ_LAYER_COUNT ? rows[layer].name : "unknown";
}

const char *bj_layer_text(enum bj_layer layer)
{
    return layer < BJ_LAYER_COUNT ? rows[layer].text : "unknown";
}

int bj_layer_find(const char *name)
{
    for (int i = 0; i < BJ_LAYER_COUNT; i++) {
        if (bj_streq(rows[i].name, name))
            return i;
    }
    return -1;
}
