/*
 * The calls of the front's side of the keeper: in a table by id, and in two lists by age: entries,
 * which may have to be sent again, and what is asked of the keeper directly.
 */
#include "keeper/client_internal.h"

#include "base/mem.h"

#define FIRST_BUCKETS 64u

int bj_calls_init(struct bj_keeper_client *client, struct bj_error *err)
{
    client->buckets = bj_alloc(FIRST_BUCKETS * sizeof *client->buckets);
    if (client->buckets == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "keeper", "no memory for calls");
    client->bucket_count = FIRST_BUCKETS;
    return 0;
}

static struct bj_asked **bucket_of(struct bj_keeper_client *client, uint64_t id)
{
    return &client->buckets[id & (client->bucket_count - 1)];
}

/* A table that cannot grow is slower, no more. */
static void grow_table(struct bj_keeper_client *client)
{
    uint32_t old_count = client->bucket_count;
    struct bj_asked **old = client->buckets, **larger = bj_alloc(2 * old_count * sizeof *larger);

    if (larger == NULL)
        return;
    client->buckets = larger;
    client->bucket_count = 2 * old_count;
    for (uint32_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct bj_asked *call = old[i], **bucket = bucket_of(client, call->id);

            old[i] = call->next_in_bucket;
            call->next_in_bucket = *bucket;
            *bucket = call;
        }
    }
    bj_free(old);
}

static struct bj_asked_list *list_of(struct bj_keeper_client *client, const struct bj_asked *call)
{
    return call->packet != NULL ? &client->entries : &client->asks;
}

void bj_asked_insert(struct bj_keeper_client *client, struct bj_asked *call)
{
    struct bj_asked_list *list = list_of(client, call);
    struct bj_asked **bucket;

    if (client->call_count >= client->bucket_count)
        grow_table(client);
    bucket = bucket_of(client, call->id);
    call->next_in_bucket = *bucket;
    *bucket = call;
    client->call_count++;
    client->entry_bytes += call->length;
    call->previous = list->last;
    *(list->last != NULL ? &list->last->next : &list->first) = call;
    list->last = call;
}

struct bj_asked *bj_asked_find(struct bj_keeper_client *client, uint64_t id)
{
    struct bj_asked *call = *bucket_of(client, id);

    while (call != NULL && call->id != id)
        call = call->next_in_bucket;
    return call;
}

void bj_asked_take(struct bj_keeper_client *client, struct bj_asked *call)
{
    struct bj_asked_list *list = list_of(client, call);
    struct bj_asked **bucket = bucket_of(client, call->id);

    while (*bucket != call)
        bucket = &(*bucket)->next_in_bucket;
    *bucket = call->next_in_bucket;
    client->call_count--;
    if (client->unsent == call)
        client->unsent = call->next;
    *(call->previous != NULL ? &call->previous->next : &list->first) = call->next;
    *(call->next != NULL ? &call->next->previous : &list->last) = call->previous;
    client->entry_bytes -= call->length;
}

void bj_asked_free(struct bj_asked *call)
{
    bj_free(call->packet);
    bj_free(call);
}

int bj_asked_new(struct bj_keeper_client *client, bj_keeper_fn done, void *context,
                 struct bj_asked **ret, struct bj_error *err)
{
    struct bj_asked *call;

    if (client->freed || client->keeper.fd < 0)
        return bj_fail(err, BJ_E_BUSY, "keeper", "the service is starting; try again");
    if (client->call_count >= BJ_CALLS_MAX)
        return bj_fail(err, BJ_E_BUSY, "keeper", "%d calls wait for an answer; try again later",
                       BJ_CALLS_MAX);
    call = bj_alloc(sizeof *call);
    if (call == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "keeper", "no memory for a call");
    call->id = ++client->last_id;
    call->done = done;
    call->context = context;
    *ret = call;
    return 0;
}

static void fail_list(struct bj_keeper_client *client, struct bj_asked_list *list, uint64_t last,
                      const struct bj_error *why)
{
    while (list->first != NULL && list->first->id <= last) {
        struct bj_asked *call = list->first;
        struct bj_fds fds = {.count = 0};
        struct bj_keeper_answer how = {.result = -why->code, .error = why, .fds = &fds};

        bj_asked_take(client, call);
        if (call->done != NULL)
            call->done(call->context, &how);
        bj_asked_free(call);
    }
}

void bj_calls_fail(struct bj_keeper_client *client, const struct bj_error *why)
{
    uint64_t last = client->last_id;

    fail_list(client, &client->entries, last, why);
    fail_list(client, &client->asks, last, why);
}
