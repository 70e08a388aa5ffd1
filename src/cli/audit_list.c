/* belljar audit list: calls as a table that fits the terminal, or as JSON lines; and following. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/audit.h"

#define POLL_NS    250000000
#define TIME_WIDTH 19
#define WIDE       120 /* columns of a terminal that has room for the year */
#define TOOL_WIDTH 14  /* the longest of the service's acts */

struct listing {
    const struct bj_audit_command *command;
    struct bj_buf out;
    int width;    /* columns of the terminal; 0 = lines as long as they are */
    int64_t last; /* highest number that was seen */
    bool broken;  /* the output is gone */
};

/* ---- cells ---- */

/* Columns that a character takes: two for the wide ones of East Asia and for pictures. */
static int width_of(uint32_t point)
{
    static const struct {
        uint32_t from, to;
    } wide[] = {{0x1100, 0x115f},   {0x2e80, 0xa4cf},  {0xac00, 0xd7a3}, {0xf900, 0xfaff},
                {0xfe30, 0xfe6f},   {0xff00, 0xff60},  {0xffe0, 0xffe6}, {0x1f300, 0x1f64f},
                {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        if (point >= wide[i].from && point <= wide[i].to)
            return 2;
    }
    return 1;
}

/* Escapes the text and appends as much as fits `width`, filled up with blanks if `fill`. */
static void put_cell(struct bj_buf *out, const char *text, int width, bool fill)
{
    struct bj_buf safe;
    size_t at = 0, cut = 0;
    int used = 0;

    bj_buf_init(&safe, BJ_AUDIT_SHOWN_MAX);
    bj_put_escaped(&safe, text, strlen(text));
    while (at < safe.length) {
        uint32_t point = 0;
        size_t step = bj_text_decode(safe.data + at, safe.length - at, &point);
        int columns = width_of(point);

        if (width > 0 && used + columns > width)
            break;
        if (used + columns <= width - 1)
            cut = at + step; /* leaves a column for the mark */
        used += columns;
        at += step > 0 ? step : 1;
    }
    if (at < safe.length) {
        bj_buf_append(out, safe.data, cut);
        bj_buf_puts(out, "…");
        used = width;
    } else {
        bj_buf_append(out, bj_buf_text(&safe), safe.length);
    }
    for (; fill && used < width; used++)
        bj_buf_puts(out, " ");
    if (safe.failed)
        out->failed = out->no_memory = true;
    bj_buf_release(&safe);
}

static void put_when(struct bj_buf *out, int64_t time_ns, int width)
{
    time_t seconds = (time_t)(time_ns / 1000000000);
    struct tm parts;
    char text[32] = "?";

    if (localtime_r(&seconds, &parts) != NULL)
        strftime(text, sizeof text, width < TIME_WIDTH ? "%m-%d %H:%M:%S" : "%Y-%m-%d %H:%M:%S",
                 &parts);
    put_cell(out, text, width, true);
}

static int time_width(const struct listing *listing)
{
    return listing->width > 0 && listing->width < WIDE ? TIME_WIDTH - 5 : TIME_WIDTH;
}

static void put_duration(struct bj_buf *out, const struct bj_audit_record *outcome)
{
    bool known = outcome != NULL && !outcome->unknown;
    char text[32] = "";

    if (known && outcome->duration_us < 1000000)
        snprintf(text, sizeof text, "%.1fms", (double)outcome->duration_us / 1000);
    else if (known)
        snprintf(text, sizeof text, "%.2fs", (double)outcome->duration_us / 1e6);
    put_cell(out, text, 9, true);
    bj_buf_puts(out, " ");
}

/* The strictest reason's rule, for a call that was not simply allowed. */
static void put_rule(struct bj_buf *out, const struct bj_audit_record *verdict, const json_t *body)
{
    const json_t *reasons = json_object_get(body, "reasons");

    for (size_t i = 0; i < json_array_size(reasons); i++) {
        const json_t *reason = json_array_get(reasons, i);

        if (!bj_streq(bj_audit_member(reason, "decision"), bj_decision_name(verdict->decision)))
            continue;
        bj_buf_printf(out, "[%s] ", bj_audit_member(reason, "rule"));
        return;
    }
}

/* What was allowed and yet did not happen. */
static void put_why_not(struct bj_buf *out, const struct bj_audit_record *outcome)
{
    json_t *body = outcome != NULL && !outcome->unknown ? bj_audit_body(outcome) : NULL;

    if (json_is_false(json_object_get(body, "ran")))
        bj_buf_printf(out, "(not done: %s) ", bj_audit_member(body, "reason"));
    json_decref(body);
}

static void put_row(struct listing *listing, const struct bj_audit_record *verdict,
                    const struct bj_audit_record *outcome)
{
    struct bj_buf what, *out = &listing->out;
    json_t *body = bj_audit_body(verdict);
    char ended[16] = "-";
    int left = listing->width - 67 - time_width(listing) - TOOL_WIDTH;

    if (outcome != NULL && outcome->unknown)
        ended[0] = '?';
    else if (outcome != NULL)
        snprintf(ended, sizeof ended, "%d", outcome->exit_code);
    else if (verdict->decision == BJ_DENY)
        ended[0] = '\0';
    bj_buf_printf(out, "%-7lld ", (long long)verdict->number);
    put_when(out, verdict->time_ns, time_width(listing));
    bj_buf_puts(out, "  ");
    put_cell(out, verdict->key != NULL ? verdict->key : "", 11, true);
    bj_buf_puts(out, " ");
    put_cell(out, verdict->sandbox != NULL ? verdict->sandbox : "", 11, true);
    bj_buf_puts(out, " ");
    put_cell(out, verdict->tool != NULL ? verdict->tool : "", TOOL_WIDTH, true);
    bj_buf_puts(out, " ");
    put_cell(out, bj_decision_name(verdict->decision), 8, true);
    put_cell(out, bj_risk_name(verdict->risk), 9, true);
    put_cell(out, ended, 5, true);
    put_duration(out, outcome);
    bj_buf_init(&what, BJ_AUDIT_SHOWN_MAX);
    put_rule(&what, verdict, body);
    put_why_not(&what, outcome);
    bj_audit_put_what(body, &what);
    if (listing->width == 0 || left > 0)
        put_cell(out, body != NULL ? bj_buf_text(&what) : "(unreadable)", left > 0 ? left : 0,
                 false);
    bj_buf_puts(out, "\n");
    bj_buf_release(&what);
    json_decref(body);
}

static void put_heading(struct listing *listing)
{
    bj_buf_printf(&listing->out, "%-8s%-*s  %-11s %-11s %-*s %-8s%-9s%-5s%-9s %s\n", "NUMBER",
                  time_width(listing), "TIME", "KEY", "SANDBOX", TOOL_WIDTH, "TOOL", "VERDICT",
                  "RISK", "EXIT", "TOOK", "WHAT");
}

/* ---- calls ---- */

static int give(void *context, const struct bj_audit_record *verdict,
                const struct bj_audit_record *outcome)
{
    struct listing *listing = context;

    if (verdict->number > listing->last)
        listing->last = verdict->number;
    if (outcome != NULL && outcome->number > listing->last)
        listing->last = outcome->number;
    if (listing->command->json)
        bj_audit_put_call(verdict, outcome, &listing->out);
    else
        put_row(listing, verdict, outcome);
    if (listing->out.length > 65536 || listing->out.failed)
        listing->broken = !bj_audit_flush(&listing->out);
    return listing->broken ? 1 : 0;
}

/* What is new since, again and again; a call comes a second time when it has ended. */
static int follow(struct bj_audit *audit, struct listing *listing, struct bj_error *err)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    struct bj_audit_filter filter = listing->command->filter;
    int result = 0;

    filter.newest = 0;
    filter.ended_too = true;
    while (result == 0 && !listing->broken) {
        nanosleep(&pause, NULL);
        filter.after = listing->last;
        result = bj_audit_query(audit, &filter, give, listing, err);
        if (listing->out.length > 0 && !bj_audit_flush(&listing->out))
            listing->broken = true;
    }
    return result;
}

static int terminal_width(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO))
        return 0;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

int bj_audit_do_list(struct bj_audit *audit, const struct bj_audit_command *command)
{
    struct listing listing = {.command = command, .width = terminal_width()};
    struct bj_audit_head head;
    struct bj_error err = {0};
    int result = 0;

    bj_buf_init(&listing.out, BJ_AUDIT_SHOWN_MAX);
    if (!command->json)
        put_heading(&listing);
    /* Before the first look, so that nothing falls between it and following. */
    if (command->follow && (result = bj_audit_head(audit, &head, &err)) == 0)
        listing.last = head.number;
    if (result == 0)
        result = bj_audit_query(audit, &command->filter, give, &listing, &err);
    if (!listing.broken)
        listing.broken = !bj_audit_flush(&listing.out);
    if (result == 0 && command->follow && !listing.broken)
        result = follow(audit, &listing, &err);
    bj_buf_release(&listing.out);
    if (result < 0)
        return bj_audit_print_error(&err);
    if (listing.last == 0)
        bj_audit_say_none();
    return listing.broken ? BJ_AUDIT_FAILED : 0;
}
