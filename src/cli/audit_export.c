/*
 * belljar audit export: for other programs. JSON Lines gives each record as it was hashed, with its
 * hash, so that the chain can be checked without Belljar; CSV gives calls as a spreadsheet wants
 * them, with nothing in them that it would take for a formula.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "cli/audit.h"
#include "wire/json.h"

#define OUT_MAX (32 << 20)
#define POLL_NS 250000000

struct exporting {
    const struct bj_audit_command *command;
    struct bj_buf out;
    int64_t last;
    bool broken;
};

static int flush_if_full(struct exporting *exporting)
{
    if (exporting->out.length > 65536 || exporting->out.failed)
        exporting->broken = !bj_audit_flush(&exporting->out);
    return exporting->broken ? 1 : 0;
}

static int give_record(void *context, const struct bj_audit_record *record)
{
    struct exporting *exporting = context;
    struct bj_buf *out = &exporting->out;

    if (record->number > exporting->last)
        exporting->last = record->number;
    bj_buf_puts(out, "{\"hash\":\"");
    for (int i = 0; i < BJ_AUDIT_HASH_SIZE; i++)
        bj_buf_printf(out, "%02x", record->hash[i]);
    bj_buf_puts(out, "\",\"record\":");
    bj_json_put_clean(out, record->body, record->body_length);
    bj_buf_puts(out, "}\n");
    return flush_if_full(exporting);
}

/* ---- CSV (RFC 4180) ---- */

/* Would a spreadsheet take it for a formula? The wide forms of the signs count, too. */
static bool is_formula(const char *text)
{
    static const char *const signs[] = {
        "=", "+", "-", "@", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"};

    text += strspn(text, " ");
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (strncmp(text, signs[i], strlen(signs[i])) == 0)
            return true;
    }
    return false;
}

/* Always quoted, on one line: what is not printable is escaped as it is on a terminal. */
static void put_text(struct bj_buf *out, const char *text)
{
    struct bj_buf safe;

    bj_buf_init(&safe, OUT_MAX);
    bj_put_escaped(&safe, text, strlen(text));
    bj_buf_puts(out, is_formula(bj_buf_text(&safe)) ? ",\"'" : ",\"");
    for (size_t i = 0; i < safe.length; i++)
        bj_buf_append(out, safe.data[i] == '"' ? "\"\"" : safe.data + i,
                      safe.data[i] == '"' ? 2 : 1);
    bj_buf_puts(out, "\"");
    if (safe.failed)
        out->failed = out->no_memory = true;
    bj_buf_release(&safe);
}

/* Texts of a list, or one member of each object in it, with blanks between. */
static void put_list(struct bj_buf *out, const json_t *list, const char *member)
{
    struct bj_buf joined;

    bj_buf_init(&joined, OUT_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *text = member != NULL ? bj_audit_member(item, member) : json_string_value(item);

        bj_buf_puts(&joined, i > 0 ? "; " : "");
        bj_buf_puts(&joined, text != NULL ? text : "");
    }
    put_text(out, bj_buf_text(&joined));
    bj_buf_release(&joined);
}

static void put_number(struct bj_buf *out, const json_t *body, const char *member)
{
    bj_buf_printf(out, ",%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(body, member)));
}

static void put_verdict(struct bj_buf *out, const struct bj_audit_record *verdict)
{
    json_t *body = bj_audit_body(verdict);
    struct bj_buf what;

    bj_buf_printf(out, "%" PRId64 ",", verdict->number);
    bj_audit_put_time(verdict->time_ns, out);
    bj_buf_printf(out, ",%" PRId64, verdict->uid);
    put_text(out, verdict->key != NULL ? verdict->key : "");
    put_text(out, verdict->sandbox != NULL ? verdict->sandbox : "");
    put_text(out, verdict->tool != NULL ? verdict->tool : "");
    bj_buf_printf(out, ",%s,%s", bj_decision_name(verdict->decision), bj_risk_name(verdict->risk));
    put_list(out, json_object_get(body, "reasons"), "rule");
    bj_buf_init(&what, OUT_MAX);
    bj_audit_put_what(body, &what);
    put_text(out, body != NULL ? bj_buf_text(&what) : "(unreadable)");
    bj_buf_release(&what);
    json_decref(body);
}

static void put_outcome(struct bj_buf *out, const struct bj_audit_record *outcome)
{
    json_t *body;

    if (outcome == NULL) {
        bj_buf_puts(out, ",,,,,,,\n");
        return;
    }
    body = bj_audit_body(outcome);
    bj_buf_puts(out, ",");
    if (!outcome->unknown)
        bj_buf_printf(out, "%d", outcome->exit_code);
    put_number(out, body, "signal");
    bj_buf_puts(out, ",");
    if (!outcome->unknown)
        bj_buf_printf(out, "%" PRId64 ".%03" PRId64, outcome->duration_us / 1000,
                      outcome->duration_us % 1000);
    put_number(out, body, "stdout_bytes");
    put_number(out, body, "stderr_bytes");
    put_list(out, json_object_get(body, "limits"), NULL);
    put_list(out, json_object_get(body, "walls"), NULL);
    bj_buf_puts(out, "\n");
    json_decref(body);
}

static int give_call(void *context, const struct bj_audit_record *verdict,
                     const struct bj_audit_record *outcome)
{
    struct exporting *exporting = context;

    if (verdict->number > exporting->last)
        exporting->last = verdict->number;
    if (outcome != NULL && outcome->number > exporting->last)
        exporting->last = outcome->number;
    put_verdict(&exporting->out, verdict);
    put_outcome(&exporting->out, outcome);
    return flush_if_full(exporting);
}

static int give_all(struct bj_audit *audit, const struct bj_audit_filter *filter,
                    struct exporting *exporting, struct bj_error *err)
{
    int result = exporting->command->csv
                     ? bj_audit_query(audit, filter, give_call, exporting, err)
                     : bj_audit_each(audit, filter, give_record, exporting, err);

    if (!exporting->broken)
        exporting->broken = !bj_audit_flush(&exporting->out);
    return result;
}

int bj_audit_do_export(struct bj_audit *audit, const struct bj_audit_command *command)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    struct exporting exporting = {.command = command};
    struct bj_audit_filter filter = command->filter;
    struct bj_audit_head head;
    struct bj_error err = {0};
    int result = 0;

    bj_buf_init(&exporting.out, OUT_MAX);
    if (command->csv)
        bj_buf_puts(&exporting.out,
                    "number,time,uid,key,sandbox,tool,verdict,risk,rules,what,exit_code,signal,"
                    "duration_ms,stdout_bytes,stderr_bytes,limits,walls\n");
    if (command->follow && (result = bj_audit_head(audit, &head, &err)) == 0)
        exporting.last = head.number;
    if (result == 0)
        result = give_all(audit, &filter, &exporting, &err);
    filter.newest = 0;
    filter.ended_too = true;
    while (result == 0 && command->follow && !exporting.broken) {
        nanosleep(&pause, NULL);
        filter.after = exporting.last;
        result = give_all(audit, &filter, &exporting, &err);
    }
    bj_buf_release(&exporting.out);
    if (result < 0)
        return bj_audit_print_error(&err);
    if (exporting.last == 0)
        bj_audit_say_none();
    return exporting.broken ? BJ_AUDIT_FAILED : 0;
}
