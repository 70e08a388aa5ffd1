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
    bj_rate_free(owner->requests);
    bj_free(owner->name);
    bj_free(owner);
}

static bool is_idle(const struct owner *owner)
{
    return owner->sandboxes == 0 && owner->waiting == 0 && owner->turns == 0 &&
           (owner->requests == NULL || bj_rate_times(owner->requests) == 0);
}

/* Those that nothing is lost with. A rate forgets old calls only when it is asked. */
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

/* Anew when the quota is another one: the window is, too. */
static int prepare_rate(struct owner *owner, const struct bj_quota *quota, struct bj_error *err)
{
    struct bj_rate_limits limits = {
        .max_requests = quota->requests, .window_us = quota->window_us, .max_keys = 1};

    if (owner->requests != NULL && owner->quota.requests == quota->requests &&
        owner->quota.window_us == quota->window_us)
        return 0;
    bj_rate_free(owner->requests);
    owner->requests = NULL;
    owner->quota = *quota;
    return bj_rate_new_random(&limits, &owner->requests, err);
}

int bj_service_count_request(struct bj_service *service, const struct bj_identity *who,
                             int64_t *ret_retry_us, struct bj_error *err)
{
    const struct bj_quota *quota = &who->quota;
    struct bj_rate_answer answer;
    struct owner *owner;
    int result;

    *ret_retry_us = 0;
    if (quota->requests <= 0 || quota->window_us <= 0)
        return 0;
    owner = bj_owner_get(service, who->owner);
    if (owner == NULL)
        return no_memory(err);
    result = prepare_rate(owner, quota, err);
    if (result == 0)
        result = bj_rate_check(owner->requests, "", 0, bj_clock_us(), &answer, err);
    if (result < 0 || answer.reason == BJ_RATE_PASSED)
        return result;
    owner->limited++;
    service->figures.limited++;
    *ret_retry_us = answer.retry_after_us;
    return bj_fail(err, BJ_E_RATE, "service",
                   "%lld requests within %.0f s are what this key's quota permits; the next may "
                   "come in %.3f s",
                   (long long)quota->requests, (double)quota->window_us / 1e6,
                   (double)answer.retry_after_us / 1e6);
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
