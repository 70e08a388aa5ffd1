/*
 * A request that is being carried out: an exchange, who asks, and for which sandbox. This folder's
 * own. A handler makes a call, asks the service, and answers in the service's call back; answering
 * frees the call. If the client goes away first, a handler that runs for long ends its work
 * (bj_exchange_on_gone); others do not notice, and their answer is thrown away.
 */
#ifndef BJ_API_HANDLING_H
#define BJ_API_HANDLING_H

#include "api/handlers.h"

struct bj_handling;
typedef void (*bj_handling_fn)(struct bj_handling *call);

struct bj_handling {
    struct bj_exchange *exchange;
    struct bj_service *service;
    struct bj_caller caller;
    char sandbox[BJ_SANDBOX_ID_MAX]; /* what caller.sandbox points to */
    bj_handling_fn go;
    bool gone;            /* the client went away before the work began */
    bool in_use;          /* its sandbox is in use by it */
    bool looks_on;        /* at the sandbox: does not keep it from being idle */
    bool *ret_over;       /* where it is noted that it was freed; NULL */
    struct bj_turn *turn; /* given back with it; NULL */
    void (*release)(struct bj_handling *call); /* of what is larger than this struct; may be NULL */
};

/*
 * A zeroed call of `size` bytes, of which struct bj_handling is the first member. NULL: no memory,
 * and the exchange has been answered.
 */
struct bj_handling *bj_handling_new(struct bj_exchange *exchange, struct bj_service *service,
                                    size_t size);

/* For the sandbox of this identifier, which is checked; NULL: the caller's default one, which is
 * made if need be. Then `go` is called; otherwise the exchange is answered. */
void bj_handling_for(struct bj_handling *call, const char *sandbox, bj_handling_fn go);

/* Both, for the sandbox that the path names; "default" is the caller's. */
void bj_handling_begin(struct bj_exchange *exchange, struct bj_service *service, bj_handling_fn go);

/* `go` when it has a turn (service.h); otherwise the exchange is answered. A client that goes away
 * before gives its place to the next. */
void bj_handling_in_turn(struct bj_handling *call, bj_handling_fn go);

/* `go` for a request with so many bytes of commands: at once, or, as reading them takes long, when
 * it is its owner's turn (service.h). */
void bj_handling_paced(struct bj_handling *call, size_t length, bj_handling_fn go);

/* The sandbox that the path names; NULL: the caller's default one. */
const char *bj_path_sandbox(const struct bj_exchange *exchange);

/* Only frees: the exchange was answered. */
void bj_handling_free(struct bj_handling *call);

/* Answer and free. */
void bj_handling_json(struct bj_handling *call, int status, json_t *body);
void bj_handling_empty(struct bj_handling *call); /* 204 */
/* An object with `list`, which it takes over, under `name`; a `result` below 0 is answered as the
 * error that it is. */
void bj_handling_list(struct bj_handling *call, int result, const char *name, json_t *list,
                      const struct bj_error *err);
void bj_handling_fail(struct bj_handling *call, const struct bj_error *err);
void bj_handling_refuse(struct bj_handling *call, const struct bj_answer *answer);
/* `result` as a service's function returned it: below 0 there will be no call back. */
static inline void bj_handling_check(struct bj_handling *call, int result,
                                     const struct bj_error *err)
{
    if (result < 0)
        bj_handling_fail(call, err);
}

/* Call backs that are all the same. `context` is the call. */
void bj_handling_done(void *context, const struct bj_answer *answer); /* 204 */

/* The address is for another protocol alone: 426. */
void bj_exchange_want_upgrade(struct bj_exchange *exchange, const char *protocol);

/* ---- fields of what was asked for; of objects that were checked ---- */

const char *bj_field_text(const json_t *object, const char *name); /* NULL: not there */
bool bj_field_true(const json_t *object, const char *name);
int64_t bj_field_whole(const json_t *object, const char *name, int64_t otherwise);
/* Seconds as microseconds. */
int64_t bj_field_time(const json_t *object, const char *name, int64_t otherwise);
/* A list of texts, ending with NULL, to be freed with bj_free(); its texts are the object's. NULL:
 * not there. False: no memory. */
bool bj_field_list(const json_t *object, const char *name, const char ***ret);
/* Permissions in octal, "0755". False, and said, when it is none. */
bool bj_field_mode(const json_t *object, const char *name, uint32_t otherwise, uint32_t *ret,
                   struct bj_error *err);
/* The number in a path's parameter; 0 if it is none. */
uint32_t bj_parameter_number(const struct bj_exchange *exchange, int index);

#endif
