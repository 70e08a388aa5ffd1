/* Records: JSON objects, one a line, written in large pieces. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fault.h"
#include "files/internal.h"
#include "wire/json.h"

#define WRITE_FROM (32 << 10) /* bytes that wait before they are written */

void bj_files_put_name(struct bj_buf *out, const char *name)
{
    if (out->length > 0 && strchr("{[\n", out->data[out->length - 1]) == NULL)
        bj_buf_puts(out, ",");
    bj_buf_puts(out, "\"");
    bj_buf_puts(out, name);
    bj_buf_puts(out, "\":");
}

void bj_files_put_int(struct bj_buf *out, const char *name, int64_t value)
{
    bj_files_put_name(out, name);
    bj_buf_printf(out, "%lld", (long long)value);
}

void bj_files_put_bool(struct bj_buf *out, const char *name, bool value)
{
    bj_files_put_name(out, name);
    bj_buf_puts(out, value ? "true" : "false");
}

void bj_files_put_text(struct bj_buf *out, const char *name, const char *text)
{
    bj_files_put_name(out, name);
    if (text == NULL)
        bj_buf_puts(out, "null");
    else
        bj_json_put_string(out, text, strlen(text));
}

/* RFC 3986, section 2.3: what need not be encoded; a slash stays, since these are paths. */
static bool is_plain(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || strchr("-._~/", byte) != NULL;
}

static void put_encoded(struct bj_buf *out, const char *bytes, size_t length)
{
    static const char digits[] = "0123456789ABCDEF";

    bj_buf_puts(out, "\"");
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if (byte != '\0' && is_plain(byte))
            bj_buf_append(out, bytes + i, 1);
        else
            bj_buf_append(out, (const char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
    }
    bj_buf_puts(out, "\"");
}

void bj_files_put_bytes(struct bj_buf *out, const char *name, const char *bytes, size_t length)
{
    bj_files_put_name(out, name);
    bj_json_put_string(out, bytes, length);
    if (bj_text_is_utf8(bytes, length))
        return;
    bj_buf_puts(out, ",\"");
    bj_buf_puts(out, name);
    bj_buf_puts(out, "_encoded\":");
    put_encoded(out, bytes, length);
}

/* The name is the workload's too: quoted, unlike those of members. */
void bj_files_put_attribute(struct bj_buf *out, const char *name, const char *value, size_t length)
{
    if (out->length > 0 && strchr("{[\n", out->data[out->length - 1]) == NULL)
        bj_buf_puts(out, ",");
    bj_json_put_string(out, name, strlen(name));
    bj_buf_puts(out, ":{");
    bj_files_put_bytes(out, "value", value, length);
    bj_buf_puts(out, "}");
}

int bj_files_write(int fd, const void *data, size_t length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t n = BJ_SYS(write(fd, at, length));
        struct pollfd writable = {.fd = fd, .events = POLLOUT};

        if (n >= 0) {
            at += n;
            length -= (size_t)n;
        } else if (errno == EAGAIN) {
            (void)poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

void bj_files_record_begin(struct bj_files *files)
{
    bj_buf_puts(&files->out, "{");
}

int bj_files_record_end(struct bj_files *files, struct bj_error *err)
{
    bj_buf_puts(&files->out, "}\n");
    return files->out.failed || files->out.length >= WRITE_FROM ? bj_files_flush(files, err) : 0;
}

int bj_files_flush(struct bj_files *files, struct bj_error *err)
{
    int fd = files->records_on_stderr ? STDERR_FILENO : STDOUT_FILENO, written;

    if (files->out.failed)
        return bj_fail(err, BJ_E_NO_MEMORY, "output", "no memory for the answer");
    written = bj_files_write(fd, files->out.data, files->out.length);
    files->out.length = 0;
    if (written < 0)
        return bj_fail_errno(err, "output", "cannot write the answer");
    return 0;
}
