/* Showing a verdict: for people, pointing into the text as a compiler does, and as JSON. */
#include "cli/check_print.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fd.h"
#include "wire/json.h"
#include "wire/verdict_json.h"

#define TEXT_MAX   (16 << 20)
#define AROUND_MAX 100 /* bytes of a long line shown before and behind the place */

struct page {
    struct bj_buf out;
    bool colours;
};

static const char *colour_of(const struct page *page, enum bj_decision decision)
{
    static const char *const colours[] = {"\033[1;32m", "\033[1;33m", "\033[1;31m"};

    return page->colours ? colours[decision] : "";
}

static const char *plain(const struct page *page)
{
    return page->colours ? "\033[0m" : "";
}

/* Columns of escaped text: its characters. */
static size_t columns(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* Appends text, escaped; returns how many columns it takes. */
static size_t put_text(struct bj_buf *out, const char *text, size_t length)
{
    size_t before = out->length;

    bj_put_escaped(out, text, length);
    return out->failed ? 0 : columns(out->data + before, out->length - before);
}

/* The line that the place begins in, cut where it is long, and a mark below the place. */
static void put_place(struct page *page, const char *text, const struct bj_violation *violation)
{
    size_t length = strlen(text), from = violation->from, to = violation->to;
    size_t begin = from, end, indent, width;

    if (to <= from || to > length)
        return;
    while (begin > 0 && text[begin - 1] != '\n' && from - begin < AROUND_MAX)
        begin--;
    end = to + strcspn(text + to, "\n");
    if (end - to > AROUND_MAX)
        end = to + AROUND_MAX;
    for (size_t i = from; i < to; i++) {
        if (text[i] == '\n' || i - from >= 2 * AROUND_MAX)
            to = end = i; /* the mark stays on the first line of the place */
    }
    bj_buf_puts(&page->out, "  | ");
    indent = put_text(&page->out, text + begin, from - begin);
    width = put_text(&page->out, text + from, to - from);
    put_text(&page->out, text + to, end - to);
    bj_buf_printf(&page->out, "\n  | %*s%s", (int)indent, "", colour_of(page, violation->decision));
    for (size_t i = 0; i < (width > 0 ? width : 1); i++)
        bj_buf_puts(&page->out, "^");
    bj_buf_printf(&page->out, "%s\n", plain(page));
}

static void put_note(struct page *page, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    bj_buf_printf(&page->out, "  %s: ", name);
    put_text(&page->out, text, strlen(text));
    bj_buf_puts(&page->out, "\n");
}

static void put_violation(struct page *page, const char *text, const struct bj_violation *violation)
{
    bj_buf_printf(&page->out, "%s%s%s: ", colour_of(page, violation->decision),
                  violation->decision == BJ_ALLOW ? "note" : bj_decision_name(violation->decision),
                  plain(page));
    put_text(&page->out, violation->description, strlen(violation->description));
    bj_buf_printf(&page->out, " [%s, %s risk]\n", violation->rule, bj_risk_name(violation->risk));
    if (text != NULL)
        put_place(page, text, violation);
    put_note(page, "runs", violation->command);
    put_note(page, "help", violation->advice);
}

static int print(struct bj_buf *out, struct bj_error *err)
{
    int result = 0;

    if (out->failed)
        result = bj_fail(err, BJ_E_NO_MEMORY, "check", "cannot print the verdict: out of memory");
    else if (bj_fd_write_all(STDOUT_FILENO, out->data, out->length) < 0)
        result = bj_fail_errno(err, "check", "cannot print the verdict");
    bj_buf_release(out);
    return result;
}

int bj_cli_print_verdict(const struct bj_request *request, const struct bj_verdict *verdict,
                         struct bj_error *err)
{
    struct page page = {.colours = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL};

    bj_buf_init(&page.out, TEXT_MAX);
    for (int i = 0; i < verdict->count; i++)
        put_violation(&page, request->command, &verdict->violations[i]);
    if (verdict->dropped > 0)
        bj_buf_printf(&page.out, "and %d more\n", verdict->dropped);
    bj_buf_printf(&page.out, "%s%s%s\n", colour_of(&page, verdict->decision),
                  bj_decision_name(verdict->decision), plain(&page));
    return print(&page.out, err);
}

int bj_cli_print_verdict_json(const struct bj_request *request, const struct bj_verdict *verdict,
                              struct bj_error *err)
{
    struct bj_buf out;

    bj_buf_init(&out, TEXT_MAX);
    bj_buf_puts(&out, "{");
    if (request->command != NULL) {
        bj_buf_puts(&out, "\"command\": ");
        bj_json_put_string(&out, request->command, strlen(request->command));
        bj_buf_puts(&out, ", ");
    }
    bj_verdict_put_members(verdict, &out);
    bj_buf_puts(&out, "}\n");
    return print(&out, err);
}
