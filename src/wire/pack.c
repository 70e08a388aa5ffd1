/* Packing values into messages and taking them out. */
#include "wire/pack.h"

#include <string.h>

#define NO_TEXT UINT32_MAX

static const char *const nothing[] = {NULL};

void bj_pack_u32(struct bj_buf *out, uint32_t value)
{
    bj_buf_append(out, &value, sizeof value);
}

void bj_pack_i64(struct bj_buf *out, int64_t value)
{
    bj_buf_append(out, &value, sizeof value);
}

void bj_pack_bytes(struct bj_buf *out, const void *data, size_t length)
{
    if (length >= NO_TEXT) {
        out->failed = true;
        return;
    }
    bj_pack_u32(out, (uint32_t)length);
    bj_buf_append(out, data, length);
}

void bj_pack_text(struct bj_buf *out, const char *text)
{
    if (text == NULL)
        bj_pack_u32(out, NO_TEXT);
    else
        bj_pack_bytes(out, text, strlen(text) + 1);
}

void bj_pack_list(struct bj_buf *out, const char *const *list)
{
    uint32_t count = 0;

    while (list != NULL && list[count] != NULL)
        count++;
    bj_pack_u32(out, count);
    for (uint32_t i = 0; i < count; i++)
        bj_pack_text(out, list[i]);
}

/* The next bytes; NULL when there are not so many. */
static const char *take(struct bj_unpack *in, size_t length)
{
    const char *at = in->at;

    if (in->failed || length > in->left) {
        in->failed = true;
        return NULL;
    }
    in->at += length;
    in->left -= length;
    return at;
}

uint32_t bj_unpack_u32(struct bj_unpack *in)
{
    const char *at = take(in, sizeof(uint32_t));
    uint32_t value = 0;

    if (at != NULL)
        memcpy(&value, at, sizeof value);
    return value;
}

int64_t bj_unpack_i64(struct bj_unpack *in)
{
    const char *at = take(in, sizeof(int64_t));
    int64_t value = 0;

    if (at != NULL)
        memcpy(&value, at, sizeof value);
    return value;
}

const void *bj_unpack_bytes(struct bj_unpack *in, size_t *ret_length)
{
    uint32_t length = bj_unpack_u32(in);
    const char *at = take(in, length);

    *ret_length = at != NULL ? length : 0;
    return at;
}

const char *bj_unpack_text(struct bj_unpack *in)
{
    uint32_t length = bj_unpack_u32(in);
    const char *at;

    if (length == NO_TEXT)
        return NULL;
    at = take(in, length);
    if (at == NULL || length == 0 || memchr(at, '\0', length) != at + length - 1) {
        in->failed = true;
        return NULL;
    }
    return at;
}

const char *bj_unpack_string(struct bj_unpack *in)
{
    const char *text = bj_unpack_text(in);

    if (text == NULL)
        in->failed = true;
    return text != NULL ? text : "";
}

const char *const *bj_unpack_list(struct bj_unpack *in, const char **strings, size_t capacity,
                                  size_t *used)
{
    uint32_t count = bj_unpack_u32(in);
    const char **list = strings + *used;

    if (in->failed || *used >= capacity || count >= capacity - *used) {
        in->failed = true;
        return nothing;
    }
    for (uint32_t i = 0; i < count; i++)
        list[i] = bj_unpack_string(in);
    if (in->failed)
        return nothing;
    list[count] = NULL;
    *used += count + 1;
    return list;
}

bool bj_unpack_end(const struct bj_unpack *in)
{
    return !in->failed && in->left == 0;
}
