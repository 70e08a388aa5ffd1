/* Escaping over decoded UTF-8, and the quotes of a shell. */
#include "base/escape.h"

#include <string.h>

/* RFC 3629, section 4. */
size_t bj_text_decode(const char *from, size_t left, uint32_t *ret)
{
    const unsigned char *text = (const unsigned char *)from;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xc0 ? 0
                    : text[0] < 0xe0 ? 2
                    : text[0] < 0xf0 ? 3
                    : text[0] < 0xf8 ? 4
                                     : 0;
    uint32_t point = length == 1 ? text[0] : length > 1 ? text[0] & (0xffu >> (length + 1)) : 0;

    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (text[i] & 0x3f);
    }
    if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    *ret = point;
    return length;
}

bool bj_text_is_utf8(const char *text, size_t length)
{
    for (size_t at = 0, step; at < length; at += step) {
        uint32_t point;

        step = bj_text_decode(text + at, length - at, &point);
        if (step == 0)
            return false;
    }
    return true;
}

bool bj_text_acts(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c ||
           (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2060 && point <= 0x206f) || point == 0xfeff ||
           (point >= 0xfff9 && point <= 0xfffb) || (point >= 0xe0000 && point <= 0xe007f);
}

void bj_put_escaped(struct bj_buf *out, const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t step;

    for (size_t at = 0; at < length; at += step) {
        uint32_t point = 0;

        step = bj_text_decode(text + at, length - at, &point);
        if (step == 1 && point == '\\' && at + 1 < length && text[at + 1] == 'x') {
            bj_buf_puts(out, "\\\\");
        } else if (step > 0 && !bj_text_acts(point)) {
            bj_buf_append(out, text + at, step);
        } else {
            step = step > 0 ? step : 1;
            for (size_t i = 0; i < step; i++)
                bj_buf_printf(out, "\\x%02x", bytes[at + i]);
        }
    }
}

void bj_shell_quote_all(struct bj_buf *out, const char *word)
{
    bj_buf_puts(out, "'");
    while (*word != '\0') {
        size_t length = strcspn(word, "'");

        bj_buf_append(out, word, length);
        word += length;
        if (*word == '\'') {
            bj_buf_puts(out, "'\\''");
            word++;
        }
    }
    bj_buf_puts(out, "'");
}

void bj_shell_quote(struct bj_buf *out, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "_-./:,@%+";

    /* An equals sign is plain anywhere but in the first word, and so is never left bare. */
    if (*word != '\0' && word[strspn(word, plain)] == '\0')
        bj_buf_puts(out, word);
    else
        bj_shell_quote_all(out, word);
}
