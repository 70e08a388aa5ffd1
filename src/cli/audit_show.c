/* belljar audit show, stats, verify, head and prune. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/str.h"
#include "cli/ask.h"
#include "cli/audit.h"
#include "wire/json.h"

#define OUT_MAX (32 << 20)

static int print_out(struct bj_buf *out)
{
    bool fine = bj_audit_flush(out);

    bj_buf_release(out);
    return fine ? 0 : BJ_AUDIT_FAILED;
}

/* ---- show ---- */

struct showing {
    const struct bj_audit_command *command;
    struct bj_buf out;
    bool found;
};

static void put_value(struct bj_buf *out, const json_t *value, int indent);

static void put_lines(struct bj_buf *out, const json_t *list, int indent)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        bj_buf_printf(out, "\n%*s- ", indent, "");
        put_value(out, json_array_get(list, i), indent + 2);
    }
}

static void put_members(struct bj_buf *out, json_t *object, int indent)
{
    const char *name, *before = "";
    json_t *value;

    json_object_foreach(object, name, value)
    {
        bj_buf_puts(out, before);
        bj_put_escaped(out, name, strlen(name));
        bj_buf_puts(out, ": ");
        put_value(out, value, indent + 2);
        before = ", ";
    }
}

static void put_value(struct bj_buf *out, const json_t *value, int indent)
{
    if (json_is_string(value))
        bj_put_escaped(out, json_string_value(value), json_string_length(value));
    else if (json_is_array(value))
        put_lines(out, value, indent);
    else if (json_is_object(value))
        put_members(out, (json_t *)value, indent);
    else if (json_is_integer(value))
        bj_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        bj_json_put_real(out, json_real_value(value));
    else
        bj_buf_puts(out, json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "nothing");
}

static void put_record(struct bj_buf *out, const struct bj_audit_record *record)
{
    json_t *body = bj_audit_body(record), *value;
    const char *name;

    if (body == NULL) {
        bj_buf_printf(out, "record %" PRId64 " is not readable\n", record->number);
        return;
    }
    json_object_foreach(body, name, value)
    {
        bj_put_escaped(out, name, strlen(name));
        bj_buf_printf(out, ":%*s", (int)(strlen(name) < 18 ? 18 - strlen(name) : 1), "");
        put_value(out, value, 4);
        bj_buf_puts(out, "\n");
    }
    bj_buf_puts(out, "hash:              ");
    for (int i = 0; i < BJ_AUDIT_HASH_SIZE; i++)
        bj_buf_printf(out, "%02x", record->hash[i]);
    bj_buf_puts(out, "\n");
    json_decref(body);
}

static int show_call(void *context, const struct bj_audit_record *verdict,
                     const struct bj_audit_record *outcome)
{
    struct showing *showing = context;

    showing->found = true;
    if (showing->command->json) {
        bj_audit_put_call(verdict, outcome, &showing->out);
        return 1;
    }
    put_record(&showing->out, verdict);
    if (outcome != NULL) {
        bj_buf_puts(&showing->out, "\n");
        put_record(&showing->out, outcome);
    }
    return 1;
}

/* The record itself; which call it is of shows in it. */
struct wanted {
    int64_t number, verdict;
    struct showing *showing;
};

static int find_record(void *context, const struct bj_audit_record *record)
{
    struct wanted *wanted = context;

    if (record->number != wanted->number)
        return 1;
    wanted->verdict = record->kind == BJ_AUDIT_OUTCOME ? record->verdict : record->number;
    if (record->kind == BJ_AUDIT_VERDICT)
        return 1;
    /* In case its verdict is gone, or it has none. */
    if (wanted->showing->command->json) {
        bj_json_put_clean(&wanted->showing->out, record->body, record->body_length);
        bj_buf_puts(&wanted->showing->out, "\n");
    } else {
        put_record(&wanted->showing->out, record);
    }
    return 1;
}

static int show_if_verdict(void *context, const struct bj_audit_record *verdict,
                           const struct bj_audit_record *outcome)
{
    struct wanted *wanted = context;

    if (verdict->number != wanted->verdict)
        return 1;
    wanted->showing->out.length = 0;
    return show_call(wanted->showing, verdict, outcome);
}

int bj_audit_do_show(struct bj_audit *audit, const struct bj_audit_command *command)
{
    struct showing showing = {.command = command};
    struct wanted wanted = {.number = command->number, .showing = &showing};
    struct bj_audit_filter filter = BJ_AUDIT_FILTER_ALL;
    struct bj_error err = {0};
    int result;

    bj_buf_init(&showing.out, OUT_MAX);
    filter.after = command->number - 1;
    result = bj_audit_each(audit, &filter, find_record, &wanted, &err);
    if (result >= 0 && wanted.verdict > 0) {
        filter.after = wanted.verdict - 1;
        result = bj_audit_query(audit, &filter, show_if_verdict, &wanted, &err);
    }
    if (result < 0) {
        bj_buf_release(&showing.out);
        return bj_audit_print_error(&err);
    }
    if (wanted.verdict == 0) {
        bj_buf_release(&showing.out);
        fprintf(stderr, "belljar: there is no record %" PRId64 "\n", command->number);
        return bj_code_exit_status(BJ_E_NOT_FOUND);
    }
    return print_out(&showing.out);
}

/* ---- stats ---- */

static void put_stats(struct bj_buf *out, const struct bj_audit_stats *stats)
{
    if (stats->last == 0) {
        bj_buf_puts(out, "no records\n");
        return;
    }
    bj_buf_printf(out, "records    %" PRId64 " to %" PRId64 ", %.1f MiB\n           ", stats->first,
                  stats->last, (double)stats->bytes / (1 << 20));
    bj_audit_put_time(stats->first_ns, out);
    bj_buf_puts(out, " to ");
    bj_audit_put_time(stats->last_ns, out);
    bj_buf_printf(out, "\ncalls      %" PRId64 " of %" PRId64 " tools\nverdicts  ", stats->calls,
                  stats->tools);
    for (int i = BJ_ALLOW; i <= BJ_DENY; i++)
        bj_buf_printf(out, " %s %" PRId64 "%s", bj_decision_name((enum bj_decision)i),
                      stats->decisions[i], i < BJ_DENY ? "," : "\nrisks     ");
    for (int i = BJ_RISK_NONE; i <= BJ_RISK_CRITICAL; i++)
        bj_buf_printf(out, " %s %" PRId64 "%s", bj_risk_name((enum bj_risk)i), stats->risks[i],
                      i < BJ_RISK_CRITICAL ? "," : "\n");
    bj_buf_printf(out,
                  "outcomes   %" PRId64 ", %" PRId64 " with another exit code than 0\n"
                  "open       %" PRId64
                  " (not denied and without an outcome: running, or cut off)\n"
                  "time       %.3f s in all\n",
                  stats->outcomes, stats->failed, stats->open, (double)stats->duration_us / 1e6);
}

int bj_audit_do_stats(struct bj_audit *audit, const struct bj_audit_command *command)
{
    struct bj_audit_stats stats;
    struct bj_error err = {0};
    struct bj_buf out;

    if (bj_audit_stats(audit, &command->filter, &stats, &err) < 0)
        return bj_audit_print_error(&err);
    bj_buf_init(&out, OUT_MAX);
    if (command->json)
        bj_audit_put_stats(&stats, &out);
    else
        put_stats(&out, &stats);
    return print_out(&out);
}

/* ---- verify, head, prune ---- */

static void put_head(struct bj_buf *out, const struct bj_audit_head *head)
{
    char text[BJ_AUDIT_HEAD_TEXT];

    bj_audit_head_text(head, text);
    bj_buf_puts(out, text);
}

static void put_check_json(struct bj_buf *out, const struct bj_audit_check *check)
{
    bj_buf_printf(out,
                  "{\n  \"sound\": %s,\n  \"records\": %" PRId64 ",\n  \"after\": %" PRId64
                  ",\n  \"head\": ",
                  check->sound ? "true" : "false", check->records, check->after);
    if (check->sound) {
        bj_buf_puts(out, "\"");
        put_head(out, &check->head);
        bj_buf_puts(out, "\"\n}\n");
        return;
    }
    bj_buf_printf(out, "null,\n  \"bad\": %" PRId64 ",\n  \"problem\": ", check->bad);
    bj_json_put_string(out, check->problem, strlen(check->problem));
    bj_buf_puts(out, "\n}\n");
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static void put_check(struct bj_buf *out, const struct bj_audit_check *check,
                      const struct bj_audit_command *command)
{
    if (!check->sound) {
        bj_buf_puts(out, "not whole: ");
        bj_put_escaped(out, check->problem, strlen(check->problem));
        bj_buf_puts(out, "\n");
        if (check->records > 0)
            bj_buf_printf(out, "records %" PRId64 " to %" PRId64 " follow from one another\n",
                          check->after + 1, check->after + check->records);
        return;
    }
    bj_buf_printf(out, "whole: %" PRId64 " record%s", check->records, plural(check->records));
    if (check->after > 0)
        bj_buf_printf(out, " behind number %" PRId64 ", where retention ended", check->after);
    bj_buf_puts(out, "\nhead:  ");
    put_head(out, &check->head);
    bj_buf_puts(out, command->anchored ? "\nthe anchored record is among them\n" : "\n");
}

int bj_audit_do_verify(struct bj_audit *audit, const struct bj_audit_command *command)
{
    struct bj_audit_check check;
    struct bj_error err = {0};
    struct bj_buf out;

    if (bj_audit_verify(audit, command->anchored ? &command->anchor : NULL, &check, &err) < 0)
        return bj_audit_print_error(&err);
    bj_buf_init(&out, OUT_MAX);
    if (command->json)
        put_check_json(&out, &check);
    else
        put_check(&out, &check, command);
    if (print_out(&out) != 0)
        return BJ_AUDIT_FAILED;
    return check.sound ? 0 : BJ_AUDIT_NOT_SOUND;
}

int bj_audit_do_head(struct bj_audit *audit, const struct bj_audit_command *command)
{
    struct bj_audit_head head;
    struct bj_error err = {0};
    struct bj_buf out;

    if (bj_audit_head(audit, &head, &err) < 0)
        return bj_audit_print_error(&err);
    bj_buf_init(&out, OUT_MAX);
    bj_buf_puts(&out, command->json ? "{\"head\": \"" : "");
    put_head(&out, &head);
    if (command->json)
        bj_buf_printf(&out, "\", \"number\": %" PRId64 "}", head.number);
    bj_buf_puts(&out, "\n");
    return print_out(&out);
}

/* The person at the terminal is asked, a script is not. False: no, or *err says what failed. */
static bool may_prune(struct bj_audit *audit, const struct bj_audit_retention *retention,
                      struct bj_error *err)
{
    struct bj_audit_retention trial = *retention;
    int64_t count = 0;
    char question[80];

    if (!isatty(STDIN_FILENO))
        return true;
    trial.dry_run = true;
    if (bj_audit_prune(audit, &trial, &count, err) < 0)
        return false;
    snprintf(question, sizeof question, "belljar: remove the oldest %" PRId64 " record%s? [y/N] ",
             count, plural(count));
    return count == 0 || bj_cli_confirm(question) == BJ_CONSENT_YES;
}

int bj_audit_do_prune(struct bj_audit *audit, const struct bj_audit_command *command)
{
    struct bj_audit_retention retention = command->retention;
    struct bj_error err = {0};
    int64_t count = 0;
    struct bj_buf out;

    retention.dry_run = command->dry_run;
    if (!command->dry_run && !command->yes && !may_prune(audit, &retention, &err)) {
        if (err.code != 0)
            return bj_audit_print_error(&err);
        fputs("belljar: nothing was removed\n", stderr);
        return BJ_AUDIT_FAILED;
    }
    if (bj_audit_prune(audit, &retention, &count, &err) < 0)
        return bj_audit_print_error(&err);
    bj_buf_init(&out, OUT_MAX);
    if (command->json)
        bj_buf_printf(&out, "{\"%s\": %" PRId64 "}\n",
                      command->dry_run ? "would_remove" : "removed", count);
    else
        bj_buf_printf(&out, "%" PRId64 " record%s %s\n", count, plural(count),
                      command->dry_run ? "would be removed" : "removed");
    return print_out(&out);
}
