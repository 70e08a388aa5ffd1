/*
 * A descriptor that the loop watches, for something that may be freed at any moment: libuv wants
 * its handle until a turn later, so the handle has a life of its own.
 */
#ifndef BJ_LOOP_POLL_H
#define BJ_LOOP_POLL_H

#include <uv.h>

#include "base/error.h"

struct bj_poll;

/* UV_READABLE, UV_WRITABLE and UV_DISCONNECT, or 0 after an error of the descriptor's, which is not
 * watched then until bj_poll_for(). */
typedef void (*bj_poll_fn)(void *context, int events);

/* Watches for nothing yet. The descriptor stays the caller's and becomes non-blocking. */
int bj_poll_new(uv_loop_t *loop, int fd, bj_poll_fn fn, void *context, struct bj_poll **ret,
                struct bj_error *err);
/* Nothing is called any more from here on; the descriptor is closed after. NULL is fine. */
void bj_poll_free(struct bj_poll *watch);

/* What to watch for from now on; 0 = nothing. */
void bj_poll_for(struct bj_poll *watch, int events);

#endif
