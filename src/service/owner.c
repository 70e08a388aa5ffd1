/*
 * Owners: whoever sandboxes belong to, with what counts against their quotas. Owners come from keys
 * and from the users of a Unix socket; one that has nothing left is forgotten when room is needed.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "service/service_internal.h"

/* Owners are named by whoever configures the service, so the hash needs no secret. */
static uint32_t bucket_of(const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash & (BJ_OWNER_BUCKETS - 1);
}

struct owner *bj_owner_find(const struct bj_service *service, const char *name)
{
    struct owner *owner = service->owners[bucket_of(name)];

    while (owner != NULL && !bj_streq(owner->name, name))
        owner = owner->chain;
    return owner;
}

static void owner_free(struct owner *owner)
{
    bj_free(owner->requests.times);
    bj_free(owner->name);
    bj_free(owner);
}

static bool is_idle(const struct owner *owner)
{
    size_t count = owner->requests.count;

    return owner->sandboxes == 0 && owner->ended == 0 && owner->waiting == 0 && owner->turns == 0 &&
           owner->paced == 0 &&
           (count == 0 ||
            owner->requests.times[owner->requests.first + count - 1] + owner->requests.longest_us <=
                bj_clock_us());
}

/* Those that nothing is lost with. */
static void forget_idle(struct bj_service *service)
{
    for (size_t i = 0; i < BJ_OWNER_BUCKETS; i++) {
        struct owner **slot = &service->owners[i], *owner;

        while ((owner = *slot) != NULL) {
            if (is_idle(owner)) {
                *slot = owner->chain;
                owner_free(owner);
                service->owner_count--;
            } else {
                slot = &owner->chain;
            }
        }
    }
}

struct owner *bj_owner_get(struct bj_service *service, const char *name)
{
    struct owner *owner = bj_owner_find(service, name);

    if (owner != NULL)
        return owner;
    if (service->owner_count >= BJ_OWNERS_MAX)
        forget_idle(service);
    if (service->owner_count >= BJ_OWNERS_MAX)
        return NULL;
    owner = bj_alloc(sizeof *owner);
    if (owner != NULL)
        owner->name = bj_strdup(name);
    if (owner == NULL || owner->name == NULL) {
        bj_free(owner);
        return NULL;
    }
    owner->chain = service->owners[bucket_of(name)];
    service->owners[bucket_of(name)] = owner;
    service->owner_count++;
    return owner;
}

void bj_owners_release(struct bj_service *service)
{
    for (size_t i = 0; i < BJ_OWNER_BUCKETS; i++) {
        while (service->owners[i] != NULL) {
            struct owner *owner = service->owners[i];

            service->owners[i] = owner->chain;
            owner_free(owner);
        }
    }
    service->owner_count = 0;
}

/*
 * An owner has one window, in which the requests of all its keys stand, and a key's bound is for
 * them all. So keys with different bounds give nobody a window more: whoever comes with the
 * strictest is the first to wait.
 */

/* Room for one more behind the newest; those that no bound asks for any more are left out. */
static bool make_room(struct owner *owner)
{
    size_t most = (size_t)owner->requests.most, room;
    int64_t *times;

    if (owner->requests.count >= most) {
        owner->requests.first += owner->requests.count - most + 1;
        owner->requests.count = most - 1;
    }
    if (owner->requests.first + owner->requests.count < owner->requests.room)
        return true;
    if (owner->requests.first >= owner->requests.count && owner->requests.first > 0) {
        memmove(owner->requests.times, owner->requests.times + owner->requests.first,
                owner->requests.count * sizeof *times);
        owner->requests.first = 0;
        return true;
    }
    room = owner->requests.room > 0 ? owner->requests.room * 2 : 16;
    times = bj_realloc_array(owner->requests.times, room, sizeof *times);
    if (times == NULL)
        return false;
    owner->requests.times = times;
    owner->requests.room = room;
    return true;
}

/* 0 and counted, or how long the key must wait; -1 without memory. */
static int64_t count_request(struct owner *owner, const struct bj_quota *quota, int64_t now)
{
    int64_t bound =
        quota->requests < BJ_OWNER_REQUESTS_MAX ? quota->requests : BJ_OWNER_REQUESTS_MAX;
    size_t end = owner->requests.first + owner->requests.count;

    if (owner->requests.most < bound)
        owner->requests.most = bound;
    if (owner->requests.longest_us < quota->window_us)
        owner->requests.longest_us = quota->window_us;
    if (owner->requests.count >= (size_t)bound) {
        int64_t oldest = owner->requests.times[end - (size_t)bound];

        if (now - oldest < quota->window_us)
            return quota->window_us - (now - oldest);
    }
    if (!make_room(owner))
        return -1;
    owner->requests.times[owner->requests.first + owner->requests.count++] = now;
    return 0;
}

int bj_service_count_request(struct bj_service *service, const struct bj_identity *who,
                             int64_t *ret_retry_us, struct bj_error *err)
{
    const struct bj_quota *quota = &who->quota;
    struct owner *owner;
    int64_t wait;

    *ret_retry_us = 0;
    if (quota->requests <= 0 || quota->window_us <= 0)
        return 0;
    owner = bj_owner_get(service, who->owner);
    wait = owner != NULL ? count_request(owner, quota, bj_clock_us()) : -1;
    if (wait < 0)
        return bj_fail(err, BJ_E_NO_MEMORY, "service", "out of memory");
    if (wait == 0)
        return 0;
    owner->limited++;
    service->figures.limited++;
    *ret_retry_us = wait;
    return bj_fail(err, BJ_E_RATE, "service",
                   "%lld requests within %.0f s are what this key's quota permits; the next may "
                   "come in %.3f s",
                   (long long)quota->requests, (double)quota->window_us / 1e6, (double)wait / 1e6);
}

int bj_identity_copy(const struct bj_identity *who, struct identity_copy *ret, struct bj_error *err)
{
    ret->identity = *who;
    ret->identity.owner = ret->owner;
    ret->identity.key = ret->key;
    if (bj_str_copy(ret->owner, sizeof ret->owner, who->owner) &&
        bj_str_copy(ret->key, sizeof ret->key, who->key))
        return 0;
    return bj_fail(err, BJ_E_LIMIT, "service", "the names of keys and owners are shorter");
}
