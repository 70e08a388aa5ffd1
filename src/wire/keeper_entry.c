/*
 * What the front and the keeper tell the audit process: entries, outcomes, questions.
 *
 * An entry must fit into one message whatever a client sends. What is long in it is a tool's
 * arguments, such as the content of a file: they come last and get the room that is left. Of the
 * environment only secrets travel, since all that is done with it is to keep them out of the
 * record.
 */
#include <string.h>

#include "base/str.h"
#include "model/mask.h"
#include "wire/fields.h"
#include "wire/keeper.h"

#define VERDICT_ROOM (48 << 10) /* bytes for the violations of one entry */

/* ---- the verdict ---- */

struct violation {
    const char *rule, *description, *command, *advice;
    enum bj_risk risk;
    enum bj_decision decision;
    int64_t from, to;
};
static const struct bj_wire_field violation_fields[] = {
    BJ_FIELD(struct violation, STRING, rule),
    BJ_FIELD(struct violation, STRING, description),
    BJ_FIELD(struct violation, STRING, command),
    BJ_FIELD(struct violation, STRING, advice),
    BJ_FIELD_CHOICE(struct violation, risk, BJ_RISK_CRITICAL + 1),
    BJ_FIELD_CHOICE(struct violation, decision, BJ_DENY + 1),
    BJ_FIELD(struct violation, I64, from),
    BJ_FIELD(struct violation, I64, to),
};

struct judged {
    enum bj_decision decision;
    enum bj_risk risk;
    uint32_t count;
    int32_t dropped;
    int64_t retry_after_us;
};
static const struct bj_wire_field judged_fields[] = {
    BJ_FIELD_CHOICE(struct judged, decision, BJ_DENY + 1),
    BJ_FIELD_CHOICE(struct judged, risk, BJ_RISK_CRITICAL + 1),
    BJ_FIELD_CHOICE(struct judged, count, BJ_VIOLATIONS_MAX + 1),
    BJ_FIELD(struct judged, I32, dropped),
    BJ_FIELD(struct judged, I64, retry_after_us),
};

static size_t size_of(const struct bj_violation *violation)
{
    return strlen(violation->rule) + strlen(violation->description) + strlen(violation->command) +
           strlen(violation->advice) + 64;
}

/* How many of the violations find room. */
static uint32_t that_fit(const struct bj_verdict *verdict)
{
    size_t room = VERDICT_ROOM;
    uint32_t count = 0;

    while (count < (uint32_t)verdict->count && size_of(&verdict->violations[count]) <= room)
        room -= size_of(&verdict->violations[count++]);
    return count;
}

static void put_verdict(struct bj_buf *out, const struct bj_verdict *verdict)
{
    uint32_t count = that_fit(verdict);
    const struct judged judged = {
        .decision = verdict->decision,
        .risk = verdict->risk,
        .count = count,
        .dropped = verdict->dropped + (verdict->count - (int)count),
        .retry_after_us = verdict->retry_after_us,
    };

    bj_wire_fields_put(out, BJ_FIELDS(judged_fields), &judged);
    for (uint32_t i = 0; i < count; i++) {
        const struct bj_violation *violation = &verdict->violations[i];

        bj_wire_fields_put(out, BJ_FIELDS(violation_fields),
                           &(struct violation){violation->rule, violation->description,
                                               violation->command, violation->advice,
                                               violation->risk, violation->decision,
                                               (int64_t)violation->from, (int64_t)violation->to});
    }
}

static void get_verdict(struct bj_unpack *in, struct bj_verdict *ret)
{
    struct judged judged = {0};
    struct violation from = {0};

    bj_wire_fields_get(in, BJ_FIELDS(judged_fields), NULL, &judged);
    if (judged.dropped < 0 || judged.retry_after_us < 0)
        in->failed = true;
    for (uint32_t i = 0; i < judged.count && !in->failed; i++) {
        bj_wire_fields_get(in, BJ_FIELDS(violation_fields), NULL, &from);
        if (from.from < 0 || from.to < from.from)
            in->failed = true;
        bj_verdict_add(ret, &(struct bj_violation){from.rule, from.description, from.command,
                                                   from.advice, from.risk, from.decision,
                                                   (size_t)from.from, (size_t)from.to});
    }
    ret->decision = judged.decision;
    ret->risk = judged.risk;
    ret->dropped = judged.dropped;
    ret->retry_after_us = judged.retry_after_us;
}

/* ---- the entry ---- */

static const struct bj_wire_field entry_fields[] = {
    BJ_FIELD(struct bj_entry, I64, uid),
    BJ_FIELD(struct bj_entry, STRING, owner),
    BJ_FIELD(struct bj_entry, TEXT, sandbox_owner),
    BJ_FIELD(struct bj_entry, STRING, request.tool),
    BJ_FIELD(struct bj_entry, TEXT, request.key),
    BJ_FIELD(struct bj_entry, TEXT, request.sandbox),
    BJ_FIELD(struct bj_entry, TEXT, request.directory),
    BJ_FIELD(struct bj_entry, TEXT, request.home),
    BJ_FIELD(struct bj_entry, TEXT, request.command),
    BJ_FIELD(struct bj_entry, LIST, request.argv),
    BJ_FIELD(struct bj_entry, TEXT, request.path),
    BJ_FIELD(struct bj_entry, TEXT, request.pattern),
    BJ_FIELD(struct bj_entry, TEXT, request.url),
    BJ_FIELD(struct bj_entry, TEXT, request.invalid),
};

static bool is_secret(const char *variable)
{
    return bj_mask_secret_name(variable, strcspn(variable, "="));
}

static void put_secrets(struct bj_buf *out, const char *const *environment)
{
    uint32_t count = 0;

    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++)
        count += is_secret(environment[i]);
    bj_pack_u32(out, count);
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (is_secret(environment[i]))
            bj_pack_text(out, environment[i]);
    }
}

/* How long the text is, and as much of it as has room. */
static void put_arguments(struct bj_buf *out, const struct bj_request *request)
{
    const char *text = request->arguments != NULL ? request->arguments : "";
    const size_t around = 2 * sizeof(uint32_t) + sizeof(int64_t);
    size_t length = strlen(text), kept = length;
    size_t room = BJ_MESSAGE_MAX > out->length + around ? BJ_MESSAGE_MAX - out->length - around : 0;

    if (kept >= room)
        kept = room > 0 ? room - 1 : 0;
    bj_pack_i64(out, (int64_t)(request->arguments_cut > 0 ? request->arguments_cut : length));
    bj_pack_u32(out, (uint32_t)kept + 1);
    bj_buf_append(out, text, kept);
    bj_buf_append(out, "", 1);
}

static void get_arguments(struct bj_unpack *in, struct bj_request *ret)
{
    int64_t length = bj_unpack_i64(in);
    const char *text = bj_unpack_string(in);
    size_t kept = strlen(text);

    if (length < 0 || (uint64_t)length < kept)
        in->failed = true;
    ret->arguments = length > 0 ? text : NULL;
    ret->arguments_cut = (uint64_t)length > kept ? (size_t)length : 0;
}

void bj_entry_put(struct bj_buf *out, const struct bj_entry *entry)
{
    bj_wire_fields_put(out, BJ_FIELDS(entry_fields), entry);
    bj_pack_u32(out, entry->act != NULL);
    bj_pack_bytes(out, entry->act, entry->act != NULL ? entry->act_length : 0);
    put_verdict(out, entry->verdict);
    put_secrets(out, entry->request.environment);
    put_arguments(out, &entry->request);
}

int bj_entry_get(const struct bj_message *message, const char **strings, size_t capacity,
                 struct bj_entry *ret, struct bj_error *err)
{
    struct bj_wire_field_lists lists = {.strings = strings, .capacity = capacity};
    struct bj_unpack in = bj_message_body(message);
    struct bj_entry entry = {.verdict = ret->verdict};
    uint32_t has_act;

    bj_wire_fields_get(&in, BJ_FIELDS(entry_fields), &lists, &entry);
    if (entry.request.argv[0] == NULL)
        entry.request.argv = NULL;
    has_act = bj_unpack_u32(&in);
    entry.act = bj_unpack_bytes(&in, &entry.act_length);
    if (has_act != (entry.act_length > 0) || entry.act_length > BJ_ACT_MAX)
        in.failed = true;
    if (has_act == 0)
        entry.act = NULL;
    get_verdict(&in, entry.verdict);
    entry.request.environment = bj_unpack_list(&in, strings, capacity, &lists.used);
    get_arguments(&in, &entry.request);
    if (!bj_unpack_end(&in) || !bj_owner_valid(entry.owner) ||
        (entry.sandbox_owner != NULL && !bj_owner_valid(entry.sandbox_owner)))
        return bj_message_fail(message, err);
    *ret = entry;
    return 0;
}

/* ---- outcomes ---- */

#define OUTCOME(type, member) BJ_FIELD(struct bj_outcome_note, type, member)
static const struct bj_wire_field outcome_fields[] = {
    OUTCOME(BOOL, ran),
    OUTCOME(BOOL, timed_out),
    OUTCOME(BOOL, oom_killed),
    OUTCOME(BOOL, truncated),
    OUTCOME(I32, exit_code),
    OUTCOME(I32, signal),
    OUTCOME(I64, duration_us),
    OUTCOME(I64, cpu_us),
    OUTCOME(I64, peak_memory),
    OUTCOME(I64, output_bytes[0]),
    OUTCOME(I64, output_bytes[1]),
    OUTCOME(TEXT, reason),
};

void bj_outcome_note_put(struct bj_buf *out, const struct bj_outcome_note *note)
{
    bj_wire_fields_put(out, BJ_FIELDS(outcome_fields), note);
}

int bj_outcome_note_get(const struct bj_message *message, struct bj_outcome_note *ret,
                        struct bj_error *err)
{
    struct bj_unpack in = bj_message_body(message);
    struct bj_outcome_note note = {0};

    bj_wire_fields_get(&in, BJ_FIELDS(outcome_fields), NULL, &note);
    if (!bj_unpack_end(&in) || note.exit_code < 0 || note.signal < 0 || note.duration_us < 0)
        return bj_message_fail(message, err);
    *ret = note;
    return 0;
}

/* ---- questions ---- */

#define QUESTION(type, member) BJ_FIELD(struct bj_audit_question, type, member)
static const struct bj_wire_field question_fields[] = {
    QUESTION(TEXT, owner),   QUESTION(TEXT, key),      QUESTION(TEXT, sandbox),
    QUESTION(TEXT, tool),    QUESTION(TEXT, decision), QUESTION(TEXT, risk),
    QUESTION(I64, before),   QUESTION(I64, after),     QUESTION(I64, since_ns),
    QUESTION(I64, until_ns), QUESTION(U32, limit),     QUESTION(BOOL, stats),
    QUESTION(BOOL, logs),
};

void bj_audit_question_put(struct bj_buf *out, const struct bj_audit_question *question)
{
    bj_wire_fields_put(out, BJ_FIELDS(question_fields), question);
}

int bj_audit_question_get(const struct bj_message *message, struct bj_audit_question *ret,
                          struct bj_error *err)
{
    struct bj_unpack in = bj_message_body(message);
    struct bj_audit_question question = {0};

    bj_wire_fields_get(&in, BJ_FIELDS(question_fields), NULL, &question);
    if (!bj_unpack_end(&in) || question.before < 0 || question.after < 0)
        return bj_message_fail(message, err);
    *ret = question;
    return 0;
}
