/* A growing byte buffer with a maximum. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void bj_buf_init(struct bj_buf *buf, size_t maximum)
{
    *buf = (struct bj_buf){.maximum = maximum};
}

void bj_buf_release(struct bj_buf *buf)
{
    bj_free(buf->data);
    *buf = (struct bj_buf){.maximum = buf->maximum};
}

char *bj_buf_reserve(struct bj_buf *buf, size_t length)
{
    size_t wanted, capacity = buf->capacity > 0 ? buf->capacity : 256;
    char *grown;

    if (buf->failed || length > buf->maximum - buf->length) {
        buf->failed = true;
        return NULL;
    }
    wanted = buf->length + length + 1;
    if (wanted <= buf->capacity)
        return buf->data + buf->length;
    while (capacity < wanted)
        capacity *= 2;
    grown = bj_realloc_array(buf->data, capacity, 1);
    if (grown == NULL) {
        buf->failed = buf->no_memory = true;
        return NULL;
    }
    buf->data = grown;
    buf->capacity = capacity;
    return buf->data + buf->length;
}

void bj_buf_append(struct bj_buf *buf, const void *data, size_t length)
{
    char *room = bj_buf_reserve(buf, length);

    if (room == NULL)
        return;
    if (length > 0)
        memcpy(room, data, length);
    buf->length += length;
    buf->data[buf->length] = '\0';
}

void bj_buf_puts(struct bj_buf *buf, const char *text)
{
    bj_buf_append(buf, text, strlen(text));
}

void bj_buf_printf(struct bj_buf *buf, const char *format, ...)
{
    va_list args;
    int needed;
    char *room;

    va_start(args, format);
    needed = vsnprintf(NULL, 0, format, args);
    va_end(args);
    room = needed < 0 ? NULL : bj_buf_reserve(buf, (size_t)needed);
    if (room == NULL) {
        buf->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(room, (size_t)needed + 1, format, args);
    va_end(args);
    buf->length += (size_t)needed;
}

const char *bj_buf_text(const struct bj_buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}
