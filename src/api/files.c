/* Files without their content: list, stat, make, move, remove, permissions, edit, glob, search. */
#include "api/handling.h"
#include "api/objects.h"
#include "api/text.h"
#include "base/mem.h"
#include "base/str.h"

#define PIECE (32 << 10) /* bytes of a listing that are sent together */

/*
 * A listing, which goes to the client as it comes: entries never stand in memory beyond a piece. It
 * begins with the first piece that is full, so that a short one has a length, and what goes wrong
 * before is an error; what goes wrong later breaks the connection.
 */
struct listing_call {
    struct bj_handling call;
    struct bj_files_flow flow;
    bj_handling_fn look;
    struct bj_buf text;
    bool begun, any;
};

static void listing_release(struct bj_handling *call)
{
    bj_buf_release(&((struct listing_call *)call)->text);
}

static void listing_gone(void *context)
{
    struct listing_call *listing = context;

    listing->call.gone = true;
    bj_flow_stop(&listing->flow);
}

static void listing_drained(void *context)
{
    bj_flow_resume(&((struct listing_call *)context)->flow);
}

/* False: the client has enough for now. */
static bool send_piece(struct listing_call *listing)
{
    struct bj_exchange *exchange = listing->call.exchange;
    bool more;

    if (!listing->begun) {
        listing->begun = true;
        bj_exchange_begin(exchange, 200, "application/json");
        bj_exchange_on_drain(exchange, listing_drained, listing);
    }
    more = bj_exchange_write(exchange, bj_buf_text(&listing->text), listing->text.length);
    listing->text.length = 0;
    return more;
}

static bool has_entry(void *context, const struct bj_file_info *file)
{
    struct listing_call *listing = context;
    json_t *object = bj_object_file(file);

    bj_buf_puts(&listing->text, listing->any ? "," : "");
    listing->any = true;
    bj_object_put(object, &listing->text);
    json_decref(object);
    return listing->text.failed || listing->text.length < PIECE || send_piece(listing);
}

static void has_files(void *context, const struct bj_files_answer *answer)
{
    struct listing_call *listing = context;
    struct bj_exchange *exchange = listing->call.exchange;

    bj_buf_puts(&listing->text,
                answer->truncated ? "],\"truncated\":true}\n" : "],\"truncated\":false}\n");
    if (listing->call.gone ||
        (listing->begun && (answer->base.result < 0 || listing->text.failed))) {
        bj_exchange_reset(exchange);
    } else if (answer->base.result < 0) {
        bj_handling_refuse(&listing->call, &answer->base);
        return;
    } else if (listing->text.failed) {
        bj_exchange_json(exchange, 200, NULL);
    } else if (!listing->begun) {
        bj_exchange_respond(exchange, 200, "application/json", bj_buf_text(&listing->text),
                            listing->text.length);
    } else {
        send_piece(listing);
        bj_exchange_end(exchange);
    }
    bj_handling_free(&listing->call);
}

static void begin_look(struct bj_handling *call)
{
    bj_exchange_on_gone(call->exchange, listing_gone, call);
    ((struct listing_call *)call)->look(call);
}

static void in_turn(struct bj_handling *call)
{
    bj_handling_in_turn(call, begin_look);
}

static void begin_listing(struct bj_exchange *exchange, struct bj_service *service,
                          bj_handling_fn look)
{
    struct listing_call *listing =
        (struct listing_call *)bj_handling_new(exchange, service, sizeof(struct listing_call));

    if (listing == NULL)
        return;
    listing->call.release = listing_release;
    listing->flow = (struct bj_files_flow){.each = has_entry, .context = listing};
    listing->look = look;
    bj_buf_init(&listing->text, BJ_RESPONSE_MAX);
    bj_buf_puts(&listing->text, "{\"files\":[");
    bj_handling_for(&listing->call, bj_path_sandbox(exchange), in_turn);
}

static void has_file(void *context, const struct bj_files_answer *answer)
{
    if (answer->base.result < 0)
        bj_handling_refuse(context, &answer->base);
    else if (answer->count == 0)
        bj_handling_empty(context);
    else
        bj_handling_json(context, 200, bj_object_file(&answer->files[0]));
}

/* ---- looking ---- */

static const char *path_or_workspace(const json_t *query)
{
    const char *path = bj_field_text(query, "path");

    return path != NULL ? path : ".";
}

static void list(struct bj_handling *call)
{
    const json_t *query = call->exchange->query;
    struct bj_files_list_request request = {
        .path = path_or_workspace(query),
        .depth = (uint32_t)bj_field_whole(query, "depth", 1),
        .limit = (uint32_t)bj_field_whole(query, "limit", 0),
        .flow = &((struct listing_call *)call)->flow,
    };
    struct bj_error err;

    bj_handling_check(
        call, bj_files_list(call->service, &call->caller, &request, has_files, call, &err), &err);
}

void bj_get_files(struct bj_exchange *exchange, struct bj_service *service)
{
    begin_listing(exchange, service, list);
}

static void stat_file(struct bj_handling *call)
{
    const char *path = bj_field_text(call->exchange->query, "path");
    struct bj_error err;

    bj_handling_check(call, bj_files_stat(call->service, &call->caller, path, has_file, call, &err),
                      &err);
}

void bj_get_file(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, stat_file);
}

static void glob(struct bj_handling *call)
{
    const json_t *query = call->exchange->query;
    struct bj_files_glob_request request = {
        .pattern = bj_field_text(query, "pattern"),
        .path = bj_field_text(query, "path"),
        .limit = (uint32_t)bj_field_whole(query, "limit", 0),
        .flow = &((struct listing_call *)call)->flow,
    };
    struct bj_error err;

    bj_handling_check(
        call, bj_files_glob(call->service, &call->caller, &request, has_files, call, &err), &err);
}

void bj_get_files_glob(struct bj_exchange *exchange, struct bj_service *service)
{
    begin_listing(exchange, service, glob);
}

static void found(void *context, const struct bj_files_search_answer *answer)
{
    json_t *matches;

    if (answer->base.result < 0) {
        bj_handling_refuse(context, &answer->base);
        return;
    }
    matches = json_array();
    for (size_t i = 0; i < answer->count; i++)
        json_array_append_new(matches, bj_object_match(&answer->matches[i]));
    bj_handling_json(context, 200,
                     json_pack("{s:o, s:b}", "matches", matches, "truncated", answer->truncated));
}

static void search(struct bj_handling *call)
{
    const json_t *query = call->exchange->query;
    int64_t around = bj_field_whole(query, "context", 0);
    struct bj_files_search_request request = {
        .pattern = bj_field_text(query, "pattern"),
        .path = bj_field_text(query, "path"),
        .glob = bj_field_text(query, "glob"),
        .literal = bj_field_true(query, "literal"),
        .ignore_case = bj_field_true(query, "ignore_case"),
        .before = (uint32_t)bj_field_whole(query, "before", around),
        .after = (uint32_t)bj_field_whole(query, "after", around),
        .limit = (uint32_t)bj_field_whole(query, "limit", 0),
    };
    struct bj_error err;

    bj_handling_check(
        call, bj_files_search(call->service, &call->caller, &request, found, call, &err), &err);
}

static void search_in_turn(struct bj_handling *call)
{
    bj_handling_in_turn(call, search);
}

void bj_get_files_search(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, search_in_turn);
}

/* ---- changing ---- */

static void change(struct bj_handling *call, const struct bj_files_change *wanted)
{
    struct bj_error err;

    bj_handling_check(
        call, bj_files_change(call->service, &call->caller, wanted, has_file, call, &err), &err);
}

static void make_directory(struct bj_handling *call)
{
    const json_t *body = call->exchange->body;
    struct bj_files_change wanted = {.verb = BJ_FILES_MKDIR, .path = bj_field_text(body, "path")};
    struct bj_error err;

    if (!bj_field_mode(body, "mode", 0, &wanted.mode, &err))
        bj_handling_fail(call, &err);
    else
        change(call, &wanted);
}

void bj_post_directory(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, make_directory);
}

static void move(struct bj_handling *call)
{
    const json_t *body = call->exchange->body;

    change(call, &(struct bj_files_change){.verb = BJ_FILES_MOVE,
                                           .path = bj_field_text(body, "path"),
                                           .target = bj_field_text(body, "target"),
                                           .overwrite = bj_field_true(body, "overwrite")});
}

void bj_post_file_move(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, move);
}

static void remove_file(struct bj_handling *call)
{
    const json_t *query = call->exchange->query;

    change(call, &(struct bj_files_change){.verb = BJ_FILES_REMOVE,
                                           .path = bj_field_text(query, "path"),
                                           .recursive = bj_field_true(query, "recursive")});
}

void bj_delete_file(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, remove_file);
}

static void change_mode(struct bj_handling *call)
{
    const json_t *body = call->exchange->body;
    struct bj_files_change wanted = {.verb = BJ_FILES_CHMOD,
                                     .path = bj_field_text(body, "path"),
                                     .recursive = bj_field_true(body, "recursive")};
    struct bj_error err;

    if (!bj_field_mode(body, "mode", 0, &wanted.mode, &err))
        bj_handling_fail(call, &err);
    else
        change(call, &wanted);
}

void bj_post_file_mode(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, change_mode);
}

static void edited(void *context, const struct bj_files_edit_answer *answer)
{
    if (answer->base.result < 0)
        bj_handling_refuse(context, &answer->base);
    else
        bj_handling_json(context, 200,
                         json_pack("{s:o, s:I}", "path", bj_object_text(answer->path), "replaced",
                                   (json_int_t)answer->replaced));
}

static void edit(struct bj_handling *call)
{
    const json_t *body = call->exchange->body;
    struct bj_files_edit_request request = {
        .path = bj_field_text(body, "path"),
        .old_text = bj_field_text(body, "old_text"),
        .new_text = bj_field_text(body, "new_text"),
        .all = bj_field_true(body, "all"),
    };
    struct bj_error err;

    bj_handling_check(
        call, bj_files_edit(call->service, &call->caller, &request, edited, call, &err), &err);
}

void bj_post_file_edit(struct bj_exchange *exchange, struct bj_service *service)
{
    bj_handling_begin(exchange, service, edit);
}
