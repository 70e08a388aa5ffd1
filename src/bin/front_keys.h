/* Who the front lets in: the service's keys, the administrator's, and users of this machine. */
#ifndef BJ_BIN_FRONT_KEYS_H
#define BJ_BIN_FRONT_KEYS_H

#include "server/server.h"
#include "service/keys.h"
#include "service/service.h"
#include "supervisor/settings.h"

struct bj_front_keys {
    struct bj_keys keys;
    struct bj_keys *old; /* what requests may still refer to; owned */
    size_t old_count;
    struct bj_identity
        local; /* root and the service's own user, over the Unix socket; or everyone */
    bool no_key;
    bool lost; /* a key was removed, or may less than before: what came with it is to end */
    uid_t uid; /* who started the service */
    struct bj_service *service; /* borrowed */
};

/* Reads them all; release them, also after a failure. */
int bj_front_keys_load(const struct bj_service_settings *settings, struct bj_front_keys *ret,
                       struct bj_error *err);
/* Takes over what the file now has besides; what it has not any more stays good. BJ_E_LIMIT when
 * that has been done too often: then only a new front will do. */
int bj_front_keys_renew(struct bj_front_keys *keys, int fd, struct bj_error *err);
void bj_front_keys_release(struct bj_front_keys *keys);

/* The server's questions, answered from `keys`, which must stay where it is. */
void bj_front_gate(struct bj_front_keys *keys, struct bj_service *service,
                   struct bj_server_gate *ret);

#endif
