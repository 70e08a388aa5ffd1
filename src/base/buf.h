/*
 * A growing byte buffer with a maximum. Once an append does not fit or memory ends, the buffer is
 * marked failed and later appends do nothing, so a series of them is checked once at the end.
 * The content is always followed by a NUL that does not count.
 */
#ifndef BJ_BASE_BUF_H
#define BJ_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct bj_buf {
    char *data; /* owned; NULL while empty */
    size_t length;
    size_t capacity;
    size_t maximum;
    bool failed;
    bool no_memory; /* why it failed: not because of the maximum */
};

void bj_buf_init(struct bj_buf *buf, size_t maximum);
void bj_buf_release(struct bj_buf *buf);

void bj_buf_append(struct bj_buf *buf, const void *data, size_t length);
void bj_buf_puts(struct bj_buf *buf, const char *text);
void bj_buf_printf(struct bj_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The text, never NULL: "" when empty. Borrowed until the next change. */
const char *bj_buf_text(const struct bj_buf *buf);

/* Makes room for at least `length` more bytes; NULL, and the buffer failed, if that cannot be. */
char *bj_buf_reserve(struct bj_buf *buf, size_t length);

#endif
