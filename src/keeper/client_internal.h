/*
 * What the files of the front's side of the keeper share: calls and where they stand.
 */
#ifndef BJ_KEEPER_CLIENT_INTERNAL_H
#define BJ_KEEPER_CLIENT_INTERNAL_H

#include "keeper/client.h"
#include "loop/link.h"

/* What was asked and is not answered yet. */
struct bj_asked {
    uint64_t id;
    bj_keeper_fn done; /* NULL: nobody wants to know any more */
    void *context;
    bool detach;  /* an ATTACH whose end was asked for before its answer came */
    char *packet; /* of an entry, which may have to be sent again; owned */
    size_t length;
    bool again;     /* it was sent before */
    unsigned taken; /* under way alone, in so many audit processes */
    bool given_up;  /* what is sent instead only says so */
    struct bj_asked *next_in_bucket;
    struct bj_asked *previous, *next;
};

struct bj_asked_list {
    struct bj_asked *first, *last; /* by rising ids */
};

/* A question about records; the reply comes over a socket of its own. */
struct bj_question {
    struct bj_question *previous, *next;
    struct bj_keeper_client *client;
    struct bj_link link;
    bj_keeper_fn done;
    void *context;
};

struct bj_keeper_client {
    uv_loop_t *loop;
    uv_idle_t end; /* never runs: once it is closed the memory can go */
    bool freed;
    const struct bj_keeper_watcher *watcher;
    void *context;
    struct bj_link keeper, audit; /* closed = not now */
    int64_t keeper_number;        /* of the process at `keeper`: entries are for no other */
    int64_t audit_number;         /* of the process at `audit` */
    int64_t listens;              /* of the one that the keeper takes acts from; 0 = not said */
    uint64_t last_id;
    struct bj_asked **buckets;
    uint32_t bucket_count, call_count;
    struct bj_asked_list entries, asks;
    struct bj_asked *unsent; /* of the entries the first that is to be sent; all later ones too */
    size_t entry_bytes;
    struct bj_question *questions; /* to the audit process */
};

/* The table (client_calls.c). */
int bj_calls_init(struct bj_keeper_client *client, struct bj_error *err);
/* A call with the next id, not yet in the table. BJ_E_BUSY while there is no keeper. */
int bj_asked_new(struct bj_keeper_client *client, bj_keeper_fn done, void *context,
                 struct bj_asked **ret, struct bj_error *err);
void bj_asked_free(struct bj_asked *call);
void bj_asked_insert(struct bj_keeper_client *client, struct bj_asked *call);
struct bj_asked *bj_asked_find(struct bj_keeper_client *client, uint64_t id);
/* Takes it out of the table; to be freed. */
void bj_asked_take(struct bj_keeper_client *client, struct bj_asked *call);
/* Answers everything with one error; what call backs ask meanwhile is left alone. */
void bj_calls_fail(struct bj_keeper_client *client, const struct bj_error *why);

/* The entry ends audit processes: a short one takes its place, or it is answered. False: it is
 * gone, and the call back may have done anything (client_give_up.c). */
bool bj_asked_give_up(struct bj_keeper_client *client, struct bj_asked *call);
/* Why such a call failed. */
void bj_asked_say_given_up(struct bj_error *ret);

/* What a packet says; -BJ_E_PROTOCOL also where its descriptors did not all come. */
int bj_client_message(const char *packet, size_t length, const struct bj_fds *fds,
                      struct bj_message *ret, struct bj_error *err);
/* Why a message could not be packed (client_ask.c). */
int bj_client_packing_failed(const struct bj_buf *buf, struct bj_error *err);
/* Ends a message and sends it to the keeper. To one that is gone nothing is sent: the loop is about
 * to tell, and then everything that was asked is answered. */
int bj_client_say(struct bj_keeper_client *client, struct bj_buf *message, struct bj_error *err);

/* Sends the entries that are still to be sent, as far as it goes (client_ask.c). */
void bj_keeper_pump(struct bj_keeper_client *client);
void bj_questions_fail(struct bj_keeper_client *client, const struct bj_error *why);
void bj_keeper_send_detach(struct bj_keeper_client *client, uint64_t id);

#endif
