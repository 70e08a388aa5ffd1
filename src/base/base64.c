/* See base64.h. */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void bj_base64_put(struct bj_buf *out, const void *data, size_t length)
{
    const unsigned char *in = data;
    char *to = bj_buf_reserve(out, (length + 2) / 3 * 4);

    if (to == NULL)
        return;
    for (; length > 0; in += 3) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)(length > 1 ? in[1] : 0) << 8 |
                        (uint32_t)(length > 2 ? in[2] : 0);

        *to++ = letters[bits >> 18];
        *to++ = letters[bits >> 12 & 63];
        *to++ = length > 1 ? letters[bits >> 6 & 63] : '=';
        *to++ = length > 2 ? letters[bits & 63] : '=';
        length -= length > 3 ? 3 : length;
    }
    out->length = (size_t)(to - out->data);
    out->data[out->length] = '\0';
}

/* 0 to 63; -1. */
static int value_of(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

/* Four letters; `count` of bytes that they give is 3 but at the end. */
static bool get_group(const char *text, int count, unsigned char ret[3])
{
    uint32_t bits = 0;

    for (int i = 0; i < 4; i++) {
        int value = i <= count ? value_of(text[i]) : text[i] == '=' ? 0 : -1;

        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
    }
    for (int i = 0; i < 3; i++)
        ret[i] = (unsigned char)(bits >> (16 - 8 * i));
    /* Bits that stand for nothing are zero: one text for one content. */
    return (count > 2 || ret[2] == 0) && (count > 1 || ret[1] == 0);
}

int bj_base64_get(struct bj_buf *out, const char *text, size_t length, struct bj_error *err)
{
    if (length % 4 != 0)
        return bj_fail(err, BJ_E_INVALID, "base64", "not base64: its length is no multiple of 4");
    for (size_t at = 0; at < length; at += 4) {
        bool last = at + 4 == length;
        int count = !last || text[at + 3] != '=' ? 3 : text[at + 2] != '=' ? 2 : 1;
        unsigned char bytes[3];

        if (!get_group(text + at, count, bytes))
            return bj_fail(err, BJ_E_INVALID, "base64", "not base64 at byte %zu", at);
        bj_buf_append(out, bytes, (size_t)count);
    }
    if (out->failed)
        return bj_fail(err, out->no_memory ? BJ_E_NO_MEMORY : BJ_E_LIMIT, "base64",
                       "larger than %zu bytes", out->maximum);
    return 0;
}
