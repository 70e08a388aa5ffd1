/*
 * A record as one line of JSON, which is what the chain's hashes cover.
 *
 * A body begins with what the columns repeat, always in the same order and form. So whether the
 * columns say the same as the body is seen by writing that beginning again from the columns and
 * comparing bytes; nothing has to be parsed for it.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/json.h"

static const char *const kind_names[] = {"", "verdict", "outcome", "prune"};

void bj_audit_mask_cut(struct bj_audit *audit, const char *text, size_t length, size_t maximum,
                       struct bj_buf *out)
{
    out->length = 0;
    out->failed = out->no_memory = false;
    if (bj_mask_cut(audit->mask, text, length, maximum, out))
        bj_buf_printf(out, "[cut: %zu bytes in all]", length);
}

/* Masks, cuts, and appends as a JSON string, with `behind` at its end. */
static void put_masked_with(struct bj_audit *audit, const char *text, size_t length, size_t maximum,
                            const char *behind)
{
    struct bj_buf *out = &audit->body, *scratch = &audit->scratch;

    bj_audit_mask_cut(audit, text, length, maximum < audit->room ? maximum : audit->room, scratch);
    if (audit->room != SIZE_MAX)
        audit->room -= scratch->length < audit->room ? scratch->length : audit->room;
    bj_buf_puts(scratch, behind);
    if (!scratch->failed) {
        bj_json_put_string(out, bj_buf_text(scratch), scratch->length);
    } else if (!out->failed) {
        out->failed = true;
        out->no_memory = scratch->no_memory;
    }
}

static void put_masked(struct bj_audit *audit, const char *text, size_t length, size_t maximum)
{
    put_masked_with(audit, text, length, maximum, "");
}

/* The next word of an argument vector. */
static void put_word(struct bj_audit *audit, struct bj_mask_words *words, const char *word,
                     size_t maximum)
{
    size_t shown = bj_mask_word(words, word);

    put_masked_with(audit, word, shown, maximum, word[shown] != '\0' ? BJ_MASKED : "");
}

static void put_text(struct bj_audit *audit, const char *name, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    bj_buf_printf(&audit->body, ",\"%s\":", name);
    put_masked(audit, text, strlen(text), BJ_AUDIT_TEXT_MAX);
}

static void put_number(struct bj_audit *audit, const char *name, int64_t value)
{
    if (value != 0)
        bj_buf_printf(&audit->body, ",\"%s\":%" PRId64, name, value);
}

/* A list of texts, or of the words of an argument vector. */
static void put_list(struct bj_audit *audit, const char *name, const char *const *texts, bool words)
{
    struct bj_mask_words state = {0};

    if (texts == NULL || texts[0] == NULL)
        return;
    bj_buf_printf(&audit->body, ",\"%s\":[", name);
    for (int i = 0; texts[i] != NULL; i++) {
        if (i > 0)
            bj_buf_puts(&audit->body, ",");
        if (i == BJ_AUDIT_LIST_MAX) {
            bj_buf_puts(&audit->body, "\"[cut]\"");
            break;
        }
        if (words)
            put_word(audit, &state, texts[i], BJ_AUDIT_TEXT_MAX);
        else
            put_masked(audit, texts[i], strlen(texts[i]), BJ_AUDIT_TEXT_MAX);
    }
    bj_buf_puts(&audit->body, "]");
}

/* ---- the beginning, as the columns have it ---- */

/*
 * The date of a day since 1970 in the calendar of RFC 3339. By hand, because gmtime_r() reads the
 * time zone's file first. Years are counted from March, so that the leap day comes last.
 */
static void put_date(int64_t days, struct bj_buf *out)
{
    int64_t shifted = days + 719468; /* since 1 March of the year 0 */
    int64_t era = shifted / 146097, day = shifted % 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t rest = day - (365 * year + year / 4 - year / 100), month = (5 * rest + 2) / 153;

    bj_buf_printf(out, "%04" PRId64 "-%02" PRId64 "-%02" PRId64, year + era * 400 + (month >= 10),
                  month < 10 ? month + 3 : month - 9, rest - (153 * month + 2) / 5 + 1);
}

void bj_audit_put_time(int64_t time_ns, struct bj_buf *out)
{
    int64_t seconds = time_ns / 1000000000, of_day = seconds % 86400;

    put_date(seconds / 86400, out);
    bj_buf_printf(out, "T%02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%09" PRId64 "Z", of_day / 3600,
                  of_day / 60 % 60, of_day % 60, time_ns % 1000000000);
}

static void put_name(const char *name, const char *text, struct bj_buf *out)
{
    if (text == NULL)
        return;
    bj_buf_printf(out, ",\"%s\":", name);
    bj_json_put_string(out, text, strlen(text));
}

void bj_audit_body_head(const struct bj_audit_record *record, struct bj_buf *out)
{
    bj_buf_printf(out, "{\"number\":%" PRId64 ",\"kind\":\"%s\"", record->number,
                  kind_names[record->kind]);
    bj_buf_puts(out, ",\"time\":\"");
    bj_audit_put_time(record->time_ns, out);
    bj_buf_puts(out, "\"");
    if (record->kind == BJ_AUDIT_VERDICT) {
        bj_buf_printf(out, ",\"uid\":%" PRId64, record->uid);
        put_name("key", record->key, out);
        put_name("owner", record->owner, out);
        put_name("sandbox", record->sandbox, out);
        put_name("sandbox_owner", record->sandbox_owner, out);
        put_name("tool", record->tool, out);
        bj_buf_printf(out, ",\"decision\":\"%s\",\"risk\":\"%s\"",
                      bj_decision_name(record->decision), bj_risk_name(record->risk));
    } else if (record->kind == BJ_AUDIT_OUTCOME) {
        bj_buf_printf(out, ",\"verdict\":%" PRId64, record->verdict);
        if (record->unknown)
            bj_buf_puts(out, ",\"exit_code\":null,\"duration_us\":null");
        else
            bj_buf_printf(out, ",\"exit_code\":%d,\"duration_us\":%" PRId64, record->exit_code,
                          record->duration_us);
    }
}

/* ---- a tool's arguments, and the act ---- */

static void put_value(struct bj_audit *audit, const json_t *value, size_t maximum);

static void put_object(struct bj_audit *audit, json_t *object, size_t maximum)
{
    const char *name, *comma = "";
    json_t *value;

    bj_buf_puts(&audit->body, "{");
    json_object_foreach(object, name, value)
    {
        bj_buf_puts(&audit->body, comma);
        put_masked(audit, name, strlen(name), maximum);
        bj_buf_puts(&audit->body, ":");
        if (bj_mask_secret_name(name, strlen(name)) && !json_is_null(value) &&
            !json_is_boolean(value))
            bj_buf_puts(&audit->body, "\"" BJ_MASKED "\"");
        else
            put_value(audit, value, maximum);
        comma = ",";
    }
    bj_buf_puts(&audit->body, "}");
}

/* A command may come as a list of words here too. */
static void put_array(struct bj_audit *audit, const json_t *array, size_t maximum)
{
    struct bj_mask_words words = {0};

    bj_buf_puts(&audit->body, "[");
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);

        if (i > 0)
            bj_buf_puts(&audit->body, ",");
        if (json_is_string(item)) {
            put_word(audit, &words, json_string_value(item), maximum);
        } else {
            words = (struct bj_mask_words){0};
            put_value(audit, item, maximum);
        }
    }
    bj_buf_puts(&audit->body, "]");
}

/* Of a string so many bytes are kept at most. */
static void put_value(struct bj_audit *audit, const json_t *value, size_t maximum)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        /* jansson's loop wants it writable; it is not written */
        put_object(audit, (json_t *)value, maximum);
        break;
    case JSON_ARRAY:
        put_array(audit, value, maximum);
        break;
    case JSON_STRING:
        put_masked(audit, json_string_value(value), json_string_length(value), maximum);
        break;
    case JSON_INTEGER:
        bj_buf_printf(&audit->body, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        bj_json_put_real(&audit->body, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        bj_buf_puts(&audit->body, json_is_true(value) ? "true" : "false");
        break;
    case JSON_NULL:
        bj_buf_puts(&audit->body, "null");
        break;
    }
}

/* How deep brackets go, whatever they mean; a bound for what follows. */
static int depth_of(const char *text)
{
    int depth = 0, deepest = 0;

    for (; *text != '\0'; text++) {
        depth += (*text == '{' || *text == '[') - (*text == '}' || *text == ']');
        if (depth > deepest)
            deepest = depth;
    }
    return deepest;
}

/* NULL if it is no JSON, says a name twice or is deep: nothing is to get lost on the way. */
static json_t *load(const char *text, size_t length)
{
    json_error_t ignored;

    return length <= BJ_AUDIT_ARGS_MAX && depth_of(text) <= BJ_JSON_DEPTH_MAX
               ? json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &ignored)
               : NULL;
}

/* The beginning of a text of `size` bytes: what it ends with may be the beginning of a secret. */
static void put_beginning(struct bj_audit *audit, const char *name, const char *text, size_t size)
{
    size_t most = audit->room < BJ_AUDIT_TEXT_MAX ? audit->room : BJ_AUDIT_TEXT_MAX;
    struct bj_buf *scratch = &audit->scratch;

    scratch->length = 0;
    bj_mask_rest(audit->mask, text, strlen(text), scratch);
    if (scratch->length > most) /* the writer of JSON mends half a character */
        scratch->length = most;
    bj_buf_printf(scratch, "[cut: %zu bytes in all]", size);
    bj_buf_printf(&audit->body, ",\"%s\":", name);
    if (scratch->failed)
        audit->body.failed = audit->body.no_memory = true;
    else
        bj_json_put_string(&audit->body, bj_buf_text(scratch), scratch->length);
    scratch->failed = scratch->no_memory = false;
}

/* As JSON if that is what it is, each string masked by itself; otherwise as a text. */
static void put_arguments(struct bj_audit *audit, const struct bj_request *request)
{
    const char *text = request->arguments;
    size_t length = text != NULL ? strnlen(text, BJ_AUDIT_ARGS_MAX + 1) : 0;
    json_t *value = NULL;

    if (length == 0)
        return;
    if (request->arguments_cut > 0) {
        put_beginning(audit, "arguments_text", text, request->arguments_cut);
        return;
    }
    value = length <= audit->room ? load(text, length) : NULL;
    if (value == NULL) {
        put_text(audit, "arguments_text", text);
        return;
    }
    bj_buf_puts(&audit->body, ",\"arguments\":");
    put_value(audit, value, BJ_AUDIT_VALUE_MAX);
    json_decref(value);
}

/* What is done is kept longer than what was asked for. */
static void put_act(struct bj_audit *audit, const char *act)
{
    json_t *value = act != NULL ? load(act, strlen(act)) : NULL;

    if (act == NULL)
        return;
    bj_buf_puts(&audit->body, ",\"act\":");
    if (value != NULL)
        put_value(audit, value, BJ_AUDIT_TEXT_MAX);
    else
        audit->body.failed = audit->body.no_memory = true; /* we wrote it, so memory has ended */
    json_decref(value);
}

/* ---- the three kinds ---- */

/* It may have been cut when the verdict was made, in the middle of a secret. */
static void put_reason(struct bj_audit *audit, const char *name, const char *text)
{
    size_t length = strlen(text);

    if (length < BJ_VERDICT_TEXT_MAX || length > audit->room) {
        put_text(audit, name, text);
        return;
    }
    audit->scratch.length = 0;
    bj_mask_rest(audit->mask, text, length, &audit->scratch);
    bj_buf_printf(&audit->body, ",\"%s\":", name);
    if (audit->scratch.failed)
        audit->body.failed = audit->body.no_memory = true;
    else
        bj_json_put_string(&audit->body, bj_buf_text(&audit->scratch), audit->scratch.length);
    audit->scratch.failed = audit->scratch.no_memory = false;
}

static void put_violation(struct bj_audit *audit, const struct bj_violation *violation)
{
    bj_buf_puts(&audit->body, "{\"rule\":");
    put_masked(audit, violation->rule, strlen(violation->rule), BJ_AUDIT_TEXT_MAX);
    bj_buf_printf(&audit->body, ",\"risk\":\"%s\",\"decision\":\"%s\"",
                  bj_risk_name(violation->risk), bj_decision_name(violation->decision));
    put_reason(audit, "description", violation->description);
    put_reason(audit, "command", violation->command);
    put_reason(audit, "advice", violation->advice);
    if (violation->to > violation->from)
        bj_buf_printf(&audit->body, ",\"from\":%zu,\"to\":%zu", violation->from, violation->to);
    bj_buf_puts(&audit->body, "}");
}

/* Refused requests cost who sends them nothing, and their records are kept in the place of others':
 * of what was not done there is the beginning, and how long it was. */
static size_t room_for(const struct bj_audit_record *record)
{
    return record->owner != NULL && record->decision == BJ_DENY ? BJ_AUDIT_DENIED_MAX : SIZE_MAX;
}

void bj_audit_body_verdict(struct bj_audit *audit, const struct bj_audit_record *record,
                           const struct bj_request *request, const struct bj_verdict *verdict)
{
    audit->room = room_for(record);
    bj_audit_body_head(record, &audit->body);
    put_text(audit, "directory", request->directory);
    put_text(audit, "command", request->command);
    put_list(audit, "argv", request->argv, true);
    put_text(audit, "path", request->path);
    put_text(audit, "pattern", request->pattern);
    put_text(audit, "url", request->url);
    put_arguments(audit, request);
    put_act(audit, request->act);
    audit->room = room_for(record); /* as much again for the reasons */
    if (verdict->count > 0)
        bj_buf_puts(&audit->body, ",\"reasons\":[");
    for (int i = 0; i < verdict->count; i++) {
        if (i > 0)
            bj_buf_puts(&audit->body, ",");
        put_violation(audit, &verdict->violations[i]);
    }
    if (verdict->count > 0)
        bj_buf_puts(&audit->body, "]");
    put_number(audit, "further_reasons", verdict->dropped);
    put_number(audit, "retry_after_us", verdict->retry_after_us);
    bj_buf_puts(&audit->body, "}");
}

static void put_limits(struct bj_audit *audit, const struct bj_audit_outcome *outcome)
{
    const char *hit[BJ_AUDIT_LIST_MAX + 5];
    int count = 0;

    if (outcome->timed_out)
        hit[count++] = "timeout";
    if (outcome->oom_killed)
        hit[count++] = "memory";
    if (outcome->truncated)
        hit[count++] = "output";
    for (int i = 0; outcome->limits != NULL && outcome->limits[i] != NULL; i++) {
        if (i > BJ_AUDIT_LIST_MAX)
            break; /* one too many, so that put_list() says that it was cut */
        hit[count++] = outcome->limits[i];
    }
    hit[count] = NULL;
    put_list(audit, "limits", hit, false);
}

void bj_audit_body_outcome(struct bj_audit *audit, const struct bj_audit_record *record,
                           const struct bj_audit_outcome *outcome)
{
    audit->room = SIZE_MAX;
    bj_audit_body_head(record, &audit->body);
    bj_buf_printf(&audit->body, ",\"ran\":%s", outcome->ran ? "true" : "false");
    put_number(audit, "signal", outcome->signal);
    put_number(audit, "cpu_us", outcome->cpu_us);
    put_number(audit, "peak_memory_bytes", outcome->peak_memory);
    put_number(audit, "stdout_bytes", outcome->output_bytes[0]);
    put_number(audit, "stderr_bytes", outcome->output_bytes[1]);
    put_text(audit, "reason", outcome->reason);
    put_limits(audit, outcome);
    put_list(audit, "walls", outcome->walls, false);
    bj_buf_puts(&audit->body, "}");
}

void bj_audit_body_prune(struct bj_audit *audit, const struct bj_audit_record *record,
                         const struct bj_audit_head *last)
{
    char hash[2 * BJ_AUDIT_HASH_SIZE + 1];

    bj_audit_hash_text(last->hash, hash);
    bj_audit_body_head(record, &audit->body);
    bj_buf_printf(&audit->body, ",\"removed_through\":%" PRId64 ",\"hash\":\"%s\"}", last->number,
                  hash);
}
