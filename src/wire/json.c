/* JSON text, outwards. */
#include "wire/json.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* Length of the valid UTF-8 sequence at `text`, 0 if there is none (RFC 3629, section 4). */
static size_t sequence_length(const unsigned char *text, size_t left)
{
    static const struct {
        unsigned char first, last, second_from, second_to;
        size_t length;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (text[0] < forms[i].first || text[0] > forms[i].last)
            continue;
        if (left < forms[i].length)
            return 0;
        if (forms[i].length > 1 && (text[1] < forms[i].second_from || text[1] > forms[i].second_to))
            return 0;
        for (size_t k = 2; k < forms[i].length; k++) {
            if ((text[k] & 0xc0) != 0x80)
                return 0;
        }
        return forms[i].length;
    }
    return 0;
}

static void put_special(struct bj_buf *out, unsigned char c)
{
    static const char letters[] = "btnvfr"; /* from 0x08 on; \v is not JSON */

    if (c == '"' || c == '\\')
        bj_buf_printf(out, "\\%c", c);
    else if (c >= 0x08 && c <= 0x0d && c != 0x0b)
        bj_buf_printf(out, "\\%c", letters[c - 0x08]);
    else
        bj_buf_printf(out, "\\u%04x", c);
}

void bj_json_put_string(struct bj_buf *out, const char *text, size_t length)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + length, *plain = at;

    bj_buf_puts(out, "\"");
    while (at < end) {
        size_t step = sequence_length(at, (size_t)(end - at));

        if (step > 1 || (step == 1 && *at >= 0x20 && *at != '"' && *at != '\\' && *at != 0x7f)) {
            at += step;
            continue;
        }
        bj_buf_append(out, plain, (size_t)(at - plain));
        if (step == 0)
            bj_buf_puts(out, REPLACEMENT);
        else
            put_special(out, *at);
        plain = ++at;
    }
    bj_buf_append(out, plain, (size_t)(at - plain));
    bj_buf_puts(out, "\"");
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
