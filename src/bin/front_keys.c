/* Who the front lets in. */
#include "bin/front_keys.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "supervisor/keyfile.h"
#include "supervisor/toldkey.h"

/* The administrator's own key, from the environment (its digest) or a file. */
static int add_admin(struct bj_keys *keys, const char *text, const uint8_t *digest,
                     struct bj_error *err)
{
    const struct bj_key_options options = {.name = BJ_KEY_ADMIN,
                                           .scopes = BJ_SCOPE_ALL,
                                           .text = text,
                                           .digest = digest,
                                           .created = ""};
    int result = bj_keys_add(keys, &options, err);

    if (result == 0)
        keys->entry[keys->count - 1].is_admin = true;
    return result;
}

int bj_front_keys_load(const struct bj_service_settings *settings, struct bj_front_keys *ret,
                       struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL, *text = NULL;
    uint8_t told[BJ_KEY_DIGEST];
    size_t told_length = 0;
    int result = bj_toldkey_read(told, sizeof told, &told_length, err);

    *ret = (struct bj_front_keys){
        .local = {.key = BJ_KEY_LOCAL, .owner = BJ_KEY_ADMIN, .scopes = BJ_SCOPE_ALL, .uid = -1},
        .no_key = settings->no_key,
        .uid = geteuid(),
    };
    if (result == 0)
        result = bj_keyfile_path(settings, "keys.json", &path, err);
    if (result == 0)
        result = bj_keys_load(path, &ret->keys, err);
    if (result == 0 && bj_keys_check(&ret->keys, err) < 0) {
        bj_error_prefix(err, "%s: ", path);
        result = -BJ_E_CONFLICT;
    }
    if (result < 0 || settings->no_key)
        return result;
    if (told_length == sizeof told)
        return add_admin(&ret->keys, NULL, told, err);
    result = bj_keyfile_read(settings, &text, err);
    if (result == 0 && text != NULL)
        result = add_admin(&ret->keys, text, NULL, err);
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    return result;
}

/* The administrator's key goes over by its digest: its text is not kept. */
static int take_admin(struct bj_keys *fresh, const struct bj_keys *now, struct bj_error *err)
{
    for (size_t i = 0; i < now->count; i++) {
        if (now->entry[i].is_admin)
            return bj_keys_copy(fresh, &now->entry[i], err);
    }
    return 0;
}

/* Is each of them among others, with the same rights? */
static bool all_remain(const struct bj_keys *keys, const struct bj_keys *others)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct bj_key *key = &keys->entry[i];
        bool found = false;

        for (size_t k = 0; k < others->count && !found; k++) {
            const struct bj_key *other = &others->entry[k];

            found = bj_streq(key->name, other->name) && bj_streq(key->owner, other->owner) &&
                    key->is_peer == other->is_peer &&
                    key->identity.scopes == other->identity.scopes &&
                    key->identity.uid == other->identity.uid &&
                    memcmp(key->digest, other->digest, sizeof key->digest) == 0;
        }
        if (!found)
            return false;
    }
    return true;
}

int bj_front_keys_renew(struct bj_front_keys *keys, int fd, struct bj_error *err)
{
    struct bj_keys fresh = {0}, *grown;
    int result;

    if (keys->old_count >= BJ_KEYS_OLD_MAX)
        return bj_fail(err, BJ_E_LIMIT, "keys", "keys were added %d times", BJ_KEYS_OLD_MAX);
    grown = bj_realloc_array(keys->old, keys->old_count + 1, sizeof *grown);
    if (grown == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "keys", "out of memory");
    keys->old = grown;
    result = bj_keys_read(fd, &fresh, err);
    if (result == 0)
        result = bj_keys_check(&fresh, err);
    if (result == 0)
        result = take_admin(&fresh, &keys->keys, err);
    if (result < 0) {
        bj_keys_release(&fresh);
        return result;
    }
    keys->lost = keys->lost || !all_remain(&keys->keys, &fresh);
    keys->old[keys->old_count++] = keys->keys;
    keys->keys = fresh;
    return 0;
}

void bj_front_keys_release(struct bj_front_keys *keys)
{
    for (size_t i = 0; i < keys->old_count; i++)
        bj_keys_release(&keys->old[i]);
    bj_free(keys->old);
    bj_keys_release(&keys->keys);
}

static int by_key(void *context, const char *presented, const struct bj_identity **ret)
{
    struct bj_front_keys *keys = context;

    *ret = bj_keys_find(&keys->keys, presented);
    return *ret != NULL ? 0 : -BJ_E_UNAUTHENTICATED;
}

static int by_peer(void *context, uid_t uid, gid_t gid, const struct bj_identity **ret)
{
    struct bj_front_keys *keys = context;

    (void)gid;
    *ret = bj_keys_find_peer(&keys->keys, uid);
    if (*ret == NULL && (uid == 0 || uid == keys->uid))
        *ret = &keys->local;
    return *ret != NULL ? 0 : -BJ_E_UNAUTHENTICATED;
}

static bool has_key(void *context, const char *text, size_t length)
{
    const struct bj_front_keys *keys = context;

    return bj_keys_in(&keys->keys, text, length);
}

static int admit(void *context, const struct bj_identity *who, int64_t *ret_after_us,
                 struct bj_error *err)
{
    struct bj_front_keys *keys = context;

    return bj_service_count_request(keys->service, who, ret_after_us, err);
}

void bj_front_gate(struct bj_front_keys *keys, struct bj_service *service,
                   struct bj_server_gate *ret)
{
    keys->service = service;
    *ret = (struct bj_server_gate){
        .key = by_key,
        .peer = by_peer,
        .has_key = has_key,
        .admit = admit,
        .context = keys,
        .anyone = keys->no_key ? &keys->local : NULL,
    };
}
