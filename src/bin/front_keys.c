/* Who the front lets in. */
#include "bin/front_keys.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "supervisor/keyfile.h"

/* What the first user of a service owns, by whichever way he comes. */
#define DEFAULT_OWNER "default"

/* The administrator's own key, from the environment or a file. */
static int add_admin(struct bj_keys *keys, const char *text, struct bj_error *err)
{
    const struct bj_key_options options = {
        .name = DEFAULT_OWNER, .scopes = BJ_SCOPE_ALL, .text = text, .created = ""};

    return bj_keys_add(keys, &options, err);
}

int bj_front_keys_load(const struct bj_settings *settings, struct bj_front_keys *ret,
                       struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL, *text = NULL;
    int result;

    *ret = (struct bj_front_keys){
        .local = {.key = "local", .owner = DEFAULT_OWNER, .scopes = BJ_SCOPE_ALL, .uid = -1},
        .no_key = settings->no_key,
        .uid = geteuid(),
    };
    result = bj_keyfile_path(settings, "keys.json", &path, err);
    if (result == 0)
        result = bj_keys_load(path, &ret->keys, err);
    if (result < 0 || settings->no_key)
        return result;
    if (settings->api_key != NULL)
        return add_admin(&ret->keys, settings->api_key, err);
    result = bj_keyfile_read(settings, &text, err);
    if (result == 0 && text != NULL)
        result = add_admin(&ret->keys, text, err);
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    return result;
}

void bj_front_keys_release(struct bj_front_keys *keys)
{
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
        .admit = admit,
        .context = keys,
        .anyone = keys->no_key ? &keys->local : NULL,
    };
}
