/*
 * Keys: who may use the service, as what owner, with which scopes and quotas.
 *
 * A key is 160 random bits and the file has its SHA-256 alone: no slow hash is needed where there
 * is nothing to guess, and a request costs one hash. All entries are compared with, each in
 * constant time, so that the time taken tells neither which one matched nor how much of it.
 *
 * The file keys.json in the state directory: {"keys": [{"name", "owner", "scopes": […],
 * "sha256", "created", "quota": {…}}], "peers": [{"user" or "uid", "owner", "scopes", "quota"}]}.
 * Peers are users of this machine who come over the Unix socket, known by the kernel's word.
 */
#ifndef BJ_SERVICE_KEYS_H
#define BJ_SERVICE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "service/identity.h"

#define BJ_KEY_DIGEST 32 /* bytes of SHA-256 */
/* "e2b_" and 40 hexadecimal digits: the form that clients written for E2B demand of a key. */
#define BJ_KEY_TEXT 45
/* Bytes of one that somebody chose. */
#define BJ_KEY_LONGEST 512

struct bj_key {
    struct bj_identity identity; /* `key` and `owner` are below */
    char *name, *owner;          /* owned */
    char *created;               /* RFC 3339, UTC; "" = unknown; owned */
    uint8_t digest[BJ_KEY_DIGEST];
    bool is_admin; /* not of the file: the one that the service was started with */
    bool is_peer;  /* identity.uid says who; there is no digest */
};

struct bj_keys {
    struct bj_key *entry; /* owned */
    size_t count;
};

/* A new key's text. 0, or BJ_E_SYSTEM. */
int bj_key_make(char ret_text[BJ_KEY_TEXT], struct bj_error *err);

/*
 * BJ_E_CONFLICT, with what to do, when an entry of the file has a name that is the service's own:
 * the administrator's, that of whoever needs no key, or one that stands for another user of the
 * machine. Records could not tell them apart, and the administrator's key could not be added. It
 * is not asked when a file is read, so that such an entry can be removed.
 */
#define BJ_KEY_ADMIN "default" /* also the owner of what the first user of a service makes */
#define BJ_KEY_LOCAL "local"
int bj_keys_check(const struct bj_keys *keys, struct bj_error *err);

/* Its SHA-256: all that is kept of one. */
void bj_key_digest(const char *text, uint8_t ret[BJ_KEY_DIGEST]);

/* Is this fit to be a key: 16 to 512 printable characters without spaces? */
bool bj_key_valid(const char *text);

/*
 * Adds an entry: what can be done with it, not to be had by a name that is there already
 * (BJ_E_CONFLICT). `owner` NULL: the name. A key's own text is not kept.
 */
struct bj_key_options {
    const char *name, *owner;
    uint32_t scopes;
    struct bj_quota quota;
    const char *text;      /* of the key */
    const uint8_t *digest; /* of one whose text is not known; with neither it is a peer */
    uid_t uid;             /* of a peer */
    const char *created;   /* NULL = now */
};
int bj_keys_add(struct bj_keys *keys, const struct bj_key_options *options, struct bj_error *err);

/* Adds a copy, by its digest. */
int bj_keys_copy(struct bj_keys *keys, const struct bj_key *key, struct bj_error *err);

/* BJ_E_NOT_FOUND. */
int bj_keys_remove(struct bj_keys *keys, const char *name, struct bj_error *err);

/* Reads the file; one that is not there is an empty one. Release it, also after a failure. */
int bj_keys_load(const char *path, struct bj_keys *ret, struct bj_error *err);
/* The same from an open file. */
int bj_keys_read(int fd, struct bj_keys *ret, struct bj_error *err);
/* Writes it anew (0600), whole or not at all. */
int bj_keys_save(const char *path, const struct bj_keys *keys, struct bj_error *err);
void bj_keys_release(struct bj_keys *keys);

/* Whose key this is; NULL: nobody's. Borrowed from `keys`. */
const struct bj_identity *bj_keys_find(const struct bj_keys *keys, const char *text);
/* The same of a peer. */
const struct bj_identity *bj_keys_find_peer(const struct bj_keys *keys, uid_t uid);
/*
 * Does the value of a header have a key in it: one of these as a word, alone or among others, or
 * anything of the form that bj_key_make() gives, whether it opens anything or not?
 */
bool bj_keys_in(const struct bj_keys *keys, const char *text, size_t length);

/* Names of scopes as in the file: "files_read". 0 when there is none of that name. */
uint32_t bj_scope_parse(const char *name);
/* By bit; NULL beyond the last. */
const char *bj_key_scope_name(unsigned bit);

/* Sets what a quota is called in the file: "sandboxes", "memory_mb" …; false: there is none. */
bool bj_quota_set(struct bj_quota *quota, const char *name, int64_t value);
/* By row, as the file has it; 0 = unlimited; false beyond the last. */
bool bj_quota_get(const struct bj_quota *quota, unsigned row, const char **ret_name,
                  int64_t *ret_value);

#endif
