/* What goes to the user. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/str.h"
#include "client/client.h"
#include "wire/value.h"

/* Values are never larger than the answers that they came in, but for what is escaped. */
static int print_value(const json_t *value, int indent, struct bj_error *err)
{
    struct bj_buf text;
    int result = 0;

    bj_buf_init(&text, (size_t)16 * BJ_CLIENT_ANSWER_MAX);
    bj_json_put_value(&text, value, indent);
    bj_buf_puts(&text, "\n");
    if (!text.failed)
        fputs(bj_buf_text(&text), stdout);
    else
        result = bj_fail(err, BJ_E_NO_MEMORY, "print", "no memory for the answer as text");
    bj_buf_release(&text);
    return result;
}

int bj_client_print_json(const json_t *value, struct bj_error *err)
{
    return print_value(value, 2, err);
}

int bj_client_print_json_line(const json_t *value, struct bj_error *err)
{
    return print_value(value, 0, err);
}

void bj_client_print_cell(const char *text, int width)
{
    struct bj_buf out;
    int left = width;

    bj_buf_init(&out, 1 << 20);
    bj_put_escaped(&out, text, strlen(text));
    fputs(bj_buf_text(&out), stdout);
    for (const char *at = bj_buf_text(&out); *at != '\0'; at++)
        left -= ((unsigned char)*at & 0xc0) != 0x80;
    bj_buf_release(&out);
    if (width > 0)
        printf("%*s", left > 1 ? left : 1, "");
}

const char *bj_client_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

double bj_client_number(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

void bj_client_print_age(double seconds, int width)
{
    static const struct {
        double from, unit;
        const char *name;
    } units[] = {
        {172800, 86400, "days"}, {7200, 3600, "hours"}, {120, 60, "minutes"}, {0, 1, "seconds"}};
    char text[40] = "";

    for (size_t i = 0; i < sizeof units / sizeof *units && text[0] == '\0'; i++) {
        if (seconds >= units[i].from)
            snprintf(text, sizeof text, "%.0f %s", seconds / units[i].unit, units[i].name);
    }
    if (bj_starts_with(text, "1 "))
        text[strlen(text) - 1] = '\0';
    bj_client_print_cell(text, width);
}

void bj_client_size_text(double bytes, char ret[24])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;

    while (bytes >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1024;
        unit++;
    }
    snprintf(ret, 24, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

int bj_client_write(int fd, const void *data, size_t length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t n = write(fd, at, length);
        struct pollfd writable = {.fd = fd, .events = POLLOUT};

        if (n > 0) {
            at += n;
            length -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            (void)poll(&writable, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            return -1;
        }
    }
    return 0;
}
