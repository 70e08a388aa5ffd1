/*
 * How often a key may call: at most `max_requests` within any `window` of time.
 *
 * A true sliding log: the time of every call that passed is kept until it leaves the window, so the
 * limit holds in every window wherever it begins. A call at time t counts until just before
 * t + window. Calls that are refused do not count.
 *
 * Memory is bounded: by the number of keys, and by the times of all keys together. A key gives its
 * place up only when it has no call left in the window, when forgetting it changes nothing. So
 * nobody gets a fresh window by making others call. When every place is taken by a key that is
 * still counted, a new key is refused until one is free.
 */
#ifndef BJ_POLICY_RATE_H
#define BJ_POLICY_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct bj_rate;

struct bj_rate_limits {
    int64_t max_requests; /* at least 1 */
    int64_t window_us;    /* at least 1 */
    size_t max_keys;      /* 0 = BJ_RATE_KEYS */
    size_t max_times;     /* of all keys together; 0 = BJ_RATE_TIMES */
};
#define BJ_RATE_KEYS  65536
#define BJ_RATE_TIMES (8 << 20) /* 64 MiB */

/* `secret` keys the hash of the table; it changes no answer. */
int bj_rate_new(const struct bj_rate_limits *limits, const uint8_t secret[16], struct bj_rate **ret,
                struct bj_error *err);
/* The same with a secret of the kernel's. */
int bj_rate_new_random(const struct bj_rate_limits *limits, struct bj_rate **ret,
                       struct bj_error *err);
void bj_rate_free(struct bj_rate *rate);

enum bj_rate_reason {
    BJ_RATE_PASSED,
    BJ_RATE_LIMIT, /* the key has made its calls */
    BJ_RATE_FULL,  /* there is no room to count it */
};

struct bj_rate_answer {
    enum bj_rate_reason reason;
    int64_t count;          /* calls of the key in the window, this one with them if it passed */
    int64_t retry_after_us; /* from now; 0 if it passed */
};

/*
 * Counts a call of a key, any bytes, at a monotonic time in microseconds. A time before the
 * latest one counts as the latest, so a clock that goes back gives nobody a call more. Fails with
 * BJ_E_NO_MEMORY only; the call is then not counted and must be refused.
 */
int bj_rate_check(struct bj_rate *rate, const void *key, size_t length, int64_t now_us,
                  struct bj_rate_answer *ret, struct bj_error *err);

/* Keys and times held now. */
size_t bj_rate_keys(const struct bj_rate *rate);
size_t bj_rate_times(const struct bj_rate *rate);

#endif
