/*
 * The sliding log. Keys are in a hash table with chains, and in a list ordered by their latest
 * call, so the first of the list is the first that can be forgotten. Times are in a ring for each
 * key, which doubles until it holds max_requests.
 */
#include "policy/rate.h"

#include <string.h>
#include <sys/random.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/siphash.h"

#define FIRST_TIMES 4

struct key {
    struct key *chain;         /* next in its bucket */
    struct key *older, *newer; /* by latest call */
    int64_t *times;            /* ring; owned */
    size_t capacity, first, count;
    uint64_t hash;
    size_t length;
    char bytes[];
};

struct bj_rate {
    struct bj_rate_limits limits;
    uint8_t secret[16];
    int64_t latest_us;
    size_t keys, times; /* times: capacity of all rings */
    struct key *oldest, *newest;
    struct key **buckets; /* owned */
    size_t bucket_count;  /* a power of two */
};

int bj_rate_new(const struct bj_rate_limits *limits, const uint8_t secret[16], struct bj_rate **ret,
                struct bj_error *err)
{
    struct bj_rate *rate;

    if (limits->max_requests < 1 || limits->window_us < 1)
        return bj_fail(err, BJ_E_INVALID, "rate", "a rate needs a number of calls and a window");
    rate = bj_alloc(sizeof *rate);
    if (rate == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "rate", "out of memory");
    rate->limits = *limits;
    if (rate->limits.max_keys == 0)
        rate->limits.max_keys = BJ_RATE_KEYS;
    if (rate->limits.max_times == 0)
        rate->limits.max_times = BJ_RATE_TIMES;
    if (rate->limits.max_times < (size_t)limits->max_requests)
        rate->limits.max_times = (size_t)limits->max_requests;
    rate->bucket_count = 16;
    while (rate->bucket_count < rate->limits.max_keys && rate->bucket_count < BJ_RATE_KEYS)
        rate->bucket_count *= 2;
    rate->buckets = bj_alloc(rate->bucket_count * sizeof *rate->buckets);
    if (rate->buckets == NULL) {
        bj_free(rate);
        return bj_fail(err, BJ_E_NO_MEMORY, "rate", "out of memory");
    }
    rate->latest_us = INT64_MIN;
    memcpy(rate->secret, secret, sizeof rate->secret);
    *ret = rate;
    return 0;
}

int bj_rate_new_random(const struct bj_rate_limits *limits, struct bj_rate **ret,
                       struct bj_error *err)
{
    uint8_t secret[16];

    if (BJ_SYS(getrandom(secret, sizeof secret, 0)) != sizeof secret)
        return bj_fail_errno(err, "policy", "cannot get random bytes");
    return bj_rate_new(limits, secret, ret, err);
}

static struct key **bucket_of(const struct bj_rate *rate, uint64_t hash)
{
    return &rate->buckets[hash & (rate->bucket_count - 1)];
}

static void unlink_age(struct bj_rate *rate, struct key *key)
{
    *(key->older != NULL ? &key->older->newer : &rate->oldest) = key->newer;
    *(key->newer != NULL ? &key->newer->older : &rate->newest) = key->older;
    key->older = key->newer = NULL;
}

static void link_newest(struct bj_rate *rate, struct key *key)
{
    key->older = rate->newest;
    *(rate->newest != NULL ? &rate->newest->newer : &rate->oldest) = key;
    rate->newest = key;
}

static void forget(struct bj_rate *rate, struct key *key)
{
    struct key **slot = bucket_of(rate, key->hash);

    while (*slot != key)
        slot = &(*slot)->chain;
    *slot = key->chain;
    unlink_age(rate, key);
    rate->keys--;
    rate->times -= key->capacity;
    bj_free(key->times);
    bj_free(key);
}

void bj_rate_free(struct bj_rate *rate)
{
    if (rate == NULL)
        return;
    while (rate->oldest != NULL)
        forget(rate, rate->oldest);
    bj_free(rate->buckets);
    bj_free(rate);
}

static int64_t time_at(const struct key *key, size_t index)
{
    return key->times[(key->first + index) % key->capacity];
}

/* The difference counts, so that no time overflows; a key has its times in order. */
static bool is_over(const struct bj_rate *rate, int64_t time)
{
    return (uint64_t)rate->latest_us - (uint64_t)time >= (uint64_t)rate->limits.window_us;
}

static void drop_old_times(const struct bj_rate *rate, struct key *key)
{
    while (key->count > 0 && is_over(rate, time_at(key, 0))) {
        key->first = (key->first + 1) % key->capacity;
        key->count--;
    }
}

static int64_t until_over(const struct bj_rate *rate, int64_t time)
{
    return rate->limits.window_us - (int64_t)((uint64_t)rate->latest_us - (uint64_t)time);
}

/* Forgets keys that have no call in the window; each was added once, so this costs nothing more. */
static void forget_old_keys(struct bj_rate *rate)
{
    while (rate->oldest != NULL && is_over(rate, time_at(rate->oldest, rate->oldest->count - 1)))
        forget(rate, rate->oldest);
}

static struct key *find(const struct bj_rate *rate, uint64_t hash, const void *bytes, size_t length)
{
    struct key *key = *bucket_of(rate, hash);

    while (key != NULL &&
           !(key->hash == hash && key->length == length && memcmp(key->bytes, bytes, length) == 0))
        key = key->chain;
    return key;
}

/* A bigger ring with the same times. */
static bool grow(struct bj_rate *rate, struct key *key, size_t capacity)
{
    int64_t *times = bj_alloc(capacity * sizeof *times);

    if (times == NULL)
        return false;
    for (size_t i = 0; i < key->count; i++)
        times[i] = time_at(key, i);
    bj_free(key->times);
    rate->times += capacity - key->capacity;
    key->times = times;
    key->capacity = capacity;
    key->first = 0;
    return true;
}

static size_t next_capacity(const struct bj_rate *rate, size_t capacity)
{
    size_t next = capacity == 0 ? FIRST_TIMES : capacity * 2;

    return next > (size_t)rate->limits.max_requests ? (size_t)rate->limits.max_requests : next;
}

/* A key without a time, in no list yet. */
static struct key *make(uint64_t hash, const void *bytes, size_t length)
{
    struct key *key = length < SIZE_MAX - sizeof *key ? bj_alloc(sizeof *key + length) : NULL;

    if (key == NULL)
        return NULL;
    key->hash = hash;
    key->length = length;
    if (length > 0)
        memcpy(key->bytes, bytes, length);
    return key;
}

static int no_memory(struct bj_error *err)
{
    return bj_fail(err, BJ_E_NO_MEMORY, "rate", "out of memory");
}

/* Refused because all room is taken: the first key to be forgotten gives some back. */
static void answer_full(const struct bj_rate *rate, struct bj_rate_answer *ret)
{
    const struct key *oldest = rate->oldest;

    ret->reason = BJ_RATE_FULL;
    ret->retry_after_us = oldest != NULL ? until_over(rate, time_at(oldest, oldest->count - 1))
                                         : rate->limits.window_us;
}

/* Notes the call. The key's ring has room. */
static void note(struct bj_rate *rate, struct key *key, struct bj_rate_answer *ret)
{
    key->times[(key->first + key->count) % key->capacity] = rate->latest_us;
    key->count++;
    unlink_age(rate, key);
    link_newest(rate, key);
    ret->reason = BJ_RATE_PASSED;
    ret->count = (int64_t)key->count;
}

static int check_new(struct bj_rate *rate, uint64_t hash, const void *bytes, size_t length,
                     struct bj_rate_answer *ret, struct bj_error *err)
{
    size_t capacity = next_capacity(rate, 0);
    struct key *key;

    if (rate->keys >= rate->limits.max_keys || capacity > rate->limits.max_times - rate->times) {
        answer_full(rate, ret);
        return 0;
    }
    key = make(hash, bytes, length);
    if (key == NULL)
        return no_memory(err);
    if (!grow(rate, key, capacity)) {
        bj_free(key);
        return no_memory(err);
    }
    key->chain = *bucket_of(rate, hash);
    *bucket_of(rate, hash) = key;
    link_newest(rate, key);
    rate->keys++;
    note(rate, key, ret);
    return 0;
}

static int check_known(struct bj_rate *rate, struct key *key, struct bj_rate_answer *ret,
                       struct bj_error *err)
{
    size_t capacity = key->capacity;

    drop_old_times(rate, key);
    ret->count = (int64_t)key->count;
    if (key->count >= (size_t)rate->limits.max_requests) {
        ret->reason = BJ_RATE_LIMIT;
        ret->retry_after_us = until_over(rate, time_at(key, 0));
        return 0;
    }
    if (key->count == capacity) {
        capacity = next_capacity(rate, capacity);
        if (capacity - key->capacity > rate->limits.max_times - rate->times) {
            answer_full(rate, ret);
            return 0;
        }
        if (!grow(rate, key, capacity))
            return no_memory(err);
    }
    note(rate, key, ret);
    return 0;
}

int bj_rate_check(struct bj_rate *rate, const void *key, size_t length, int64_t now_us,
                  struct bj_rate_answer *ret, struct bj_error *err)
{
    uint64_t hash = bj_siphash(rate->secret, key, length);
    struct bj_rate_answer answer = {.reason = BJ_RATE_FULL};
    struct key *known;
    int result;

    if (now_us > rate->latest_us)
        rate->latest_us = now_us;
    forget_old_keys(rate);
    known = find(rate, hash, key, length);
    result = known != NULL ? check_known(rate, known, &answer, err)
                           : check_new(rate, hash, key, length, &answer, err);
    if (result == 0)
        *ret = answer;
    return result;
}

size_t bj_rate_keys(const struct bj_rate *rate)
{
    return rate->keys;
}

size_t bj_rate_times(const struct bj_rate *rate)
{
    return rate->times;
}
