/* Audit records and figures, keys and presets. */
#include "api/handling.h"
#include "api/objects.h"

#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"
#include "service/keys.h"

/* ---- audit ---- */

static int64_t field_ns(const json_t *query, const char *name)
{
    return bj_field_time(query, name, 0) * 1000;
}

/* A page on its way: its turn, then its text, which goes from the file to the client. */
struct page_call {
    struct bj_handling call;
    bool stats, logs;
    int fd;
};

static void page_release(struct bj_handling *call)
{
    struct page_call *page = (struct page_call *)call;

    bj_fd_close(&page->fd);
}

static void page_sent(void *context, int result, int64_t bytes, const struct bj_error *err)
{
    struct page_call *page = context;

    (void)bytes;
    (void)err;
    if (result < 0)
        bj_exchange_reset(page->call.exchange);
    else
        bj_exchange_end(page->call.exchange);
    bj_handling_free(&page->call);
}

static void has_page(void *context, struct bj_text_answer *answer)
{
    struct page_call *page = context;
    struct bj_exchange *exchange = page->call.exchange;
    char length[24];

    if (answer->base.result < 0) {
        bj_handling_refuse(&page->call, &answer->base);
        return;
    }
    bj_turn_rest(page->call.turn);
    page->fd = bj_fd_take(&answer->fd);
    snprintf(length, sizeof length, "%lld", (long long)answer->size);
    bj_exchange_set_header(exchange, "Content-Length", length);
    bj_exchange_begin(exchange, 200, "application/json");
    bj_exchange_send_file(exchange, page->fd, 0, answer->size, page_sent, page);
}

static void ask(struct bj_handling *call)
{
    struct page_call *page = (struct page_call *)call;
    const json_t *query = call->exchange->query;
    struct bj_audit_question question = {
        .owner = bj_field_text(query, "owner"),
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
        .stats = page->stats,
        .logs = page->logs,
    };
    struct bj_error err;

    bj_handling_check(
        call, bj_service_audit(call->service, call->exchange->who, &question, has_page, call, &err),
        &err);
}

static void begin_page(struct bj_exchange *exchange, struct bj_service *service, bool stats,
                       bool logs)
{
    struct page_call *page =
        (struct page_call *)bj_handling_new(exchange, service, sizeof(struct page_call));

    if (page == NULL)
        return;
    page->call.release = page_release;
    page->stats = stats;
    page->logs = logs;
    page->fd = -1;
    bj_handling_in_turn(&page->call, ask);
}

void bj_get_records(struct bj_exchange *exchange, struct bj_service *service)
{
    begin_page(exchange, service, false, false);
}

void bj_get_record_stats(struct bj_exchange *exchange, struct bj_service *service)
{
    begin_page(exchange, service, true, false);
}

void bj_get_audit_logs(struct bj_exchange *exchange, struct bj_service *service)
{
    begin_page(exchange, service, false, true);
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
