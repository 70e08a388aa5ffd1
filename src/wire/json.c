/* JSON text, outwards. */
#include "wire/json.h"

#include <string.h>

#include "base/escape.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* RFC 8259, section 7: beyond the basic plane two escapes make a character. */
static void put_point(struct bj_buf *out, uint32_t point)
{
    if (point < 0x10000) {
        bj_buf_printf(out, "\\u%04x", (unsigned)point);
        return;
    }
    point -= 0x10000;
    bj_buf_printf(out, "\\u%04x\\u%04x", (unsigned)(0xd800 | point >> 10),
                  (unsigned)(0xdc00 | (point & 0x3ff)));
}

static void put_special(struct bj_buf *out, uint32_t point)
{
    static const char letters[] = "btnvfr"; /* from 0x08 on; \v is not JSON */

    if (point == '"' || point == '\\')
        bj_buf_printf(out, "\\%c", (char)point);
    else if (point >= 0x08 && point <= 0x0d && point != 0x0b)
        bj_buf_printf(out, "\\%c", letters[point - 0x08]);
    else
        put_point(out, point);
}

void bj_json_put_string(struct bj_buf *out, const char *text, size_t length)
{
    const char *at = text, *end = at + length, *plain = at;

    bj_buf_puts(out, "\"");
    while (at < end) {
        uint32_t point = 0;
        size_t step = bj_text_decode(at, (size_t)(end - at), &point);

        if (step > 0 && point != '"' && point != '\\' && !bj_text_acts(point)) {
            at += step;
            continue;
        }
        bj_buf_append(out, plain, (size_t)(at - plain));
        if (step == 0)
            bj_buf_puts(out, REPLACEMENT);
        else
            put_special(out, point);
        plain = at += step > 0 ? step : 1;
    }
    bj_buf_append(out, plain, (size_t)(at - plain));
    bj_buf_puts(out, "\"");
}

void bj_json_put_clean(struct bj_buf *out, const char *json, size_t length)
{
    const char *at = json, *end = at + length, *plain = at;

    while (at < end) {
        uint32_t point = 0;
        size_t step = bj_text_decode(at, (size_t)(end - at), &point);

        if (step > 0 && !bj_text_acts(point)) {
            at += step;
            continue;
        }
        bj_buf_append(out, plain, (size_t)(at - plain));
        if (step == 0)
            bj_buf_puts(out, REPLACEMENT);
        else
            put_point(out, point);
        plain = at += step > 0 ? step : 1;
    }
    bj_buf_append(out, plain, (size_t)(at - plain));
}

void bj_json_put_name(struct bj_buf *out, const char *name)
{
    size_t last = out->length;

    while (last > 0 && strchr(" \n", out->data[last - 1]) != NULL)
        last--;
    if (last > 0 && out->data[last - 1] != '{' && out->data[last - 1] != '[')
        bj_buf_puts(out, ",\n  ");
    bj_json_put_string(out, name, strlen(name));
    bj_buf_puts(out, ": ");
}
