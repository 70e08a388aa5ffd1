/* Audit records and figures, keys and presets. */
#include "api/handling.h"
#include "api/objects.h"

#include <string.h>

#include "base/str.h"
#include "service/keys.h"

/* ---- audit ---- */

static int64_t field_ns(const json_t *query, const char *name)
{
    return bj_field_time(query, name, 0) * 1000;
}

static void ask(struct bj_exchange *exchange, struct bj_service *service, bool stats,
                bj_json_fn done)
{
    const json_t *query = exchange->query;
    struct bj_handling *call = bj_handling_new(exchange, service, sizeof *call);
    struct bj_audit_question question = {
        .key = bj_field_text(query, "key"),
        .sandbox = bj_field_text(query, "sandbox"),
        .tool = bj_field_text(query, "tool"),
        .decision = bj_field_text(query, "decision"),
        .risk = bj_field_text(query, "risk"),
        .before = bj_field_whole(query, "before", 0),
        .after = bj_field_whole(query, "after", 0),
        .since_ns = field_ns(query, "since"),
        .until_ns = field_ns(query, "until"),
        .limit = (uint32_t)bj_field_whole(query, "limit", 100),
        .stats = stats,
    };
    struct bj_error err;

    if (call != NULL)
        bj_handling_check(
            call, bj_service_audit(service, exchange->who, &question, done, call, &err), &err);
}

static void has_json(void *context, const struct bj_json_answer *answer)
{
    if (answer->base.result < 0)
        bj_handling_refuse(context, &answer->base);
    else
        bj_handling_json(context, 200, json_incref(answer->json));
}

void bj_get_records(struct bj_exchange *exchange, struct bj_service *service)
{
    ask(exchange, service, false, has_json);
}

void bj_get_record_stats(struct bj_exchange *exchange, struct bj_service *service)
{
    ask(exchange, service, true, has_json);
}

/* A call as the programs of agents read it: what, when, and whether it went well. */
static json_t *log_entry(const json_t *record)
{
    const json_t *verdict = json_object_get(record, "verdict");
    const json_t *outcome = json_object_get(record, "outcome");
    const json_t *exit_code = json_object_get(outcome, "exit_code");
    const char *decision = bj_field_text(verdict, "decision");
    bool allowed = decision == NULL || !bj_streq(decision, "deny");
    bool ran = json_is_object(outcome) && !json_is_false(json_object_get(outcome, "ran"));
    bool success = allowed && ran && (exit_code == NULL || json_integer_value(exit_code) == 0);
    json_t *entry = json_pack(
        "{s:b, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?, s:O?}", "success", success, "number",
        json_object_get(verdict, "number"), "time", json_object_get(verdict, "time"), "tool",
        json_object_get(verdict, "tool"), "sandbox", json_object_get(verdict, "sandbox"),
        "decision", json_object_get(verdict, "decision"), "risk", json_object_get(verdict, "risk"),
        "verdict", verdict, "outcome", outcome);

    return entry;
}

static void has_logs(void *context, const struct bj_json_answer *answer)
{
    const json_t *next = json_object_get(answer->json, "next"), *record;
    json_t *logs;
    size_t index;

    if (answer->base.result < 0) {
        bj_handling_refuse(context, &answer->base);
        return;
    }
    logs = json_array();
    json_array_foreach(json_object_get(answer->json, "records"), index, record)
        json_array_append_new(logs, log_entry(record));
    bj_handling_json(context, 200,
                     json_pack("{s:o, s:I, s:O?}", "logs", logs, "count",
                               (json_int_t)json_array_size(logs), "next", next));
}

void bj_get_audit_logs(struct bj_exchange *exchange, struct bj_service *service)
{
    ask(exchange, service, false, has_logs);
}

/* ---- figures ---- */

void bj_get_stats(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_exchange_json(exchange, 200, bj_service_stats(service, exchange->who));
}

/* ---- what there is ---- */

void bj_get_presets(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_exchange_json(exchange, 200, json_pack("{s:o}", "presets", bj_service_presets(service)));
}

static json_t *scope_list(uint32_t scopes)
{
    json_t *list = json_array();

    for (unsigned bit = 0; bj_key_scope_name(bit) != NULL; bit++) {
        if (scopes & (1u << bit))
            json_array_append_new(list, json_string(bj_key_scope_name(bit)));
    }
    return list;
}

static json_t *quota(const struct bj_quota *quota)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:f}", "sandboxes", (json_int_t)quota->sandboxes,
                     "processes", (json_int_t)quota->processes, "memory_mb",
                     (json_int_t)quota->memory_mb, "disk_mb", (json_int_t)quota->disk_mb,
                     "requests", (json_int_t)quota->requests, "window_seconds",
                     (double)quota->window_us / 1e6);
}

void bj_get_whoami(struct bj_exchange *exchange, struct bj_service *service)
{
    const struct bj_identity *who = exchange->who;

    (void)service;
    bj_exchange_json(exchange, 200,
                     json_pack("{s:o, s:o, s:o, s:o}", "key", bj_object_text(who->key), "owner",
                               bj_object_text(who->owner), "scopes", scope_list(who->scopes),
                               "quota", quota(&who->quota)));
}
