/* JSON text, outwards. */
#include "wire/json.h"

#include <string.h>

#include "base/escape.h"
#include "base/str.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* Without printf: a result can be made of nothing else. */
static void put_unit(struct bj_buf *out, uint32_t unit)
{
    static const char digits[] = "0123456789abcdef";
    const char escape[] = {'\\',
                           'u',
                           digits[unit >> 12 & 15],
                           digits[unit >> 8 & 15],
                           digits[unit >> 4 & 15],
                           digits[unit & 15]};

    bj_buf_append(out, escape, sizeof escape);
}

/* RFC 8259, section 7: beyond the basic plane two escapes make a character. */
static void put_point(struct bj_buf *out, uint32_t point)
{
    if (point < 0x10000) {
        put_unit(out, point);
        return;
    }
    point -= 0x10000;
    put_unit(out, 0xd800 | point >> 10);
    put_unit(out, 0xdc00 | (point & 0x3ff));
}

static void put_special(struct bj_buf *out, uint32_t point)
{
    static const char letters[] = "btnvfr"; /* from 0x08 on; \v is not JSON */

    if (point == '"' || point == '\\')
        bj_buf_append(out, (const char[]){'\\', (char)point}, 2);
    else if (point >= 0x08 && point <= 0x0d && point != 0x0b)
        bj_buf_append(out, (const char[]){'\\', letters[point - 0x08]}, 2);
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

void bj_json_put_real(struct bj_buf *out, double number)
{
    char text[BJ_NUMBER_TEXT];

    bj_number_text(number, text);
    bj_buf_puts(out, text);
    if (strpbrk(text, ".en") == NULL)
        bj_buf_puts(out, ".0");
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
