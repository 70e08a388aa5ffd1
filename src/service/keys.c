/* Keys, and the file that they are in. */
#include "service/keys.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <nettle/sha2.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/json_read.h"

#define KEY_PREFIX   "e2b_"
#define KEY_BYTES    20 /* 160 bits */
#define KEY_LEAST    16
#define NAME_LONGEST 64
#define PEER_PREFIX  "unix:"

/* ---- names ---- */

static const char *const scope_names[] = {"read",   "execute", "files_read", "files_write",
                                          "manage", "audit",   "admin"};

uint32_t bj_scope_parse(const char *name)
{
    for (unsigned i = 0; i < sizeof scope_names / sizeof *scope_names; i++) {
        if (bj_streq(scope_names[i], name))
            return 1u << i;
    }
    return 0;
}

const char *bj_key_scope_name(unsigned bit)
{
    return bit < sizeof scope_names / sizeof *scope_names ? scope_names[bit] : NULL;
}

static const struct {
    const char *name;
    size_t offset;
    int64_t unit;
} quota_rows[] = {
    {"sandboxes", offsetof(struct bj_quota, sandboxes), 1},
    {"processes", offsetof(struct bj_quota, processes), 1},
    {"memory_mb", offsetof(struct bj_quota, memory_mb), 1},
    {"disk_mb", offsetof(struct bj_quota, disk_mb), 1},
    {"requests", offsetof(struct bj_quota, requests), 1},
    {"window_seconds", offsetof(struct bj_quota, window_us), 1000000},
};
#define QUOTA_ROWS (sizeof quota_rows / sizeof *quota_rows)

static int64_t *quota_field(const struct bj_quota *quota, size_t row)
{
    return (int64_t *)((char *)quota + quota_rows[row].offset);
}

bool bj_quota_set(struct bj_quota *quota, const char *name, int64_t value)
{
    for (size_t i = 0; i < QUOTA_ROWS; i++) {
        if (bj_streq(quota_rows[i].name, name) && value >= 0 && value <= 1000000000) {
            *quota_field(quota, i) = value * quota_rows[i].unit;
            return true;
        }
    }
    return false;
}

bool bj_quota_get(const struct bj_quota *quota, unsigned row, const char **ret_name,
                  int64_t *ret_value)
{
    if (row >= QUOTA_ROWS)
        return false;
    *ret_name = quota_rows[row].name;
    *ret_value = *quota_field(quota, row) / quota_rows[row].unit;
    return true;
}

/* What goes into records and paths of documents: short, printable, nothing that needs escaping. */
static bool is_name(const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && strchr("-_.@:+", text[i]) == NULL)
            return false;
    }
    return length > 0 && length <= NAME_LONGEST;
}

/* ---- one key ---- */

int bj_key_make(char ret_text[BJ_KEY_TEXT], struct bj_error *err)
{
    uint8_t bytes[KEY_BYTES];
    size_t at = strlen(KEY_PREFIX);

    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return bj_fail_errno(err, "key", "cannot get random bytes for a key");
    memcpy(ret_text, KEY_PREFIX, at);
    for (size_t i = 0; i < sizeof bytes; i++, at += 2)
        snprintf(ret_text + at, BJ_KEY_TEXT - at, "%02x", bytes[i]);
    explicit_bzero(bytes, sizeof bytes);
    return 0;
}

bool bj_key_valid(const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return length >= KEY_LEAST && length <= BJ_KEY_LONGEST;
}

void bj_key_digest(const char *text, uint8_t ret[BJ_KEY_DIGEST])
{
    struct sha256_ctx context;

    sha256_init(&context);
    sha256_update(&context, strlen(text), (const uint8_t *)text);
    sha256_digest(&context, BJ_KEY_DIGEST, ret);
    explicit_bzero(&context, sizeof context);
}

static void release_key(struct bj_key *key)
{
    bj_free(key->name);
    bj_free(key->owner);
    bj_free(key->created);
}

static const struct bj_key *find_name(const struct bj_keys *keys, const char *name)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (bj_streq(keys->entry[i].name, name))
            return &keys->entry[i];
    }
    return NULL;
}

static char *now_text(void)
{
    char text[32];
    time_t now = time(NULL);
    struct tm parts;

    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
    return bj_strdup(text);
}

/* Takes the texts of `key`, also when it fails. */
static int append(struct bj_keys *keys, struct bj_key *key, struct bj_error *err)
{
    struct bj_key *grown = NULL;
    int result = 0;

    if (keys->count >= BJ_KEYS_MAX)
        result = bj_fail(err, BJ_E_LIMIT, "keys", "more than %d keys", BJ_KEYS_MAX);
    else if (key->name != NULL && key->owner != NULL && key->created != NULL)
        grown = bj_realloc_array(keys->entry, keys->count + 1, sizeof *grown);
    if (grown == NULL) {
        release_key(key);
        return result < 0 ? result : bj_fail(err, BJ_E_NO_MEMORY, "keys", "out of memory");
    }
    key->identity.key = key->name;
    key->identity.owner = key->owner;
    grown[keys->count++] = *key;
    keys->entry = grown;
    return 0;
}

int bj_keys_add(struct bj_keys *keys, const struct bj_key_options *options, struct bj_error *err)
{
    const char *owner = options->owner != NULL ? options->owner : options->name;
    struct bj_key key = {
        .identity = {.scopes = options->scopes, .uid = -1, .quota = options->quota},
        .is_peer = options->text == NULL && options->digest == NULL};

    if (!is_name(options->name) || !is_name(owner))
        return bj_fail(err, BJ_E_INVALID, "keys",
                       "expected names of 1 to %d letters, digits and -_.@:+; found \"%.64s\"",
                       NAME_LONGEST, is_name(options->name) ? owner : options->name);
    if (find_name(keys, options->name) != NULL)
        return bj_fail(err, BJ_E_CONFLICT, "keys",
                       "there is a key named %s already; remove it first", options->name);
    if (options->text != NULL && !bj_key_valid(options->text))
        return bj_fail(err, BJ_E_INVALID, "keys",
                       "expected a key of %d to %d printable characters without spaces (not shown)",
                       KEY_LEAST, BJ_KEY_LONGEST);
    if (options->text != NULL)
        bj_key_digest(options->text, key.digest);
    else if (options->digest != NULL)
        memcpy(key.digest, options->digest, sizeof key.digest);
    else
        key.identity.uid = options->uid;
    key.name = bj_strdup(options->name);
    key.owner = bj_strdup(owner);
    key.created = options->created != NULL ? bj_strdup(options->created) : now_text();
    return append(keys, &key, err);
}

int bj_keys_copy(struct bj_keys *keys, const struct bj_key *key, struct bj_error *err)
{
    struct bj_key copy = *key;

    copy.name = bj_strdup(key->name);
    copy.owner = bj_strdup(key->owner);
    copy.created = bj_strdup(key->created);
    return append(keys, &copy, err);
}

/* "unix:UID" is what a user of the machine is called who was given no other name. */
static bool is_reserved(const struct bj_key *key)
{
    char own[32] = "";

    if (key->is_peer)
        snprintf(own, sizeof own, PEER_PREFIX "%lld", (long long)key->identity.uid);
    return bj_streq(key->name, BJ_KEY_ADMIN) || bj_streq(key->name, BJ_KEY_LOCAL) ||
           (bj_starts_with(key->name, PEER_PREFIX) && !bj_streq(key->name, own));
}

int bj_keys_check(const struct bj_keys *keys, struct bj_error *err)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (!keys->entry[i].is_admin && is_reserved(&keys->entry[i]))
            return bj_fail(err, BJ_E_CONFLICT, "keys",
                           "no key can be named \"%s\": the service calls somebody else so; "
                           "choose another name, or remove the key (belljar serve keys remove %s)",
                           keys->entry[i].name, keys->entry[i].name);
    }
    return 0;
}

int bj_keys_remove(struct bj_keys *keys, const char *name, struct bj_error *err)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (!bj_streq(keys->entry[i].name, name))
            continue;
        release_key(&keys->entry[i]);
        memmove(&keys->entry[i], &keys->entry[i + 1], (keys->count - i - 1) * sizeof *keys->entry);
        keys->count--;
        return 0;
    }
    return bj_fail(err, BJ_E_NOT_FOUND, "keys", "there is no key named %.64s", name);
}

void bj_keys_release(struct bj_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        release_key(&keys->entry[i]);
    bj_free(keys->entry);
    *keys = (struct bj_keys){0};
}

/* ---- looking up ---- */

/* All ones when the digests are equal, else zero; takes the same time in both cases. */
static size_t equal_mask(const uint8_t *a, const uint8_t *b)
{
    unsigned difference = 0;

    for (size_t i = 0; i < BJ_KEY_DIGEST; i++)
        difference |= (unsigned)(a[i] ^ b[i]);
    return (size_t)0 - (size_t)((difference - 1) >> 31);
}

const struct bj_identity *bj_keys_find(const struct bj_keys *keys, const char *text)
{
    uint8_t digest[BJ_KEY_DIGEST];
    size_t found = 0; /* place + 1 */

    bj_key_digest(text, digest);
    for (size_t i = 0; i < keys->count; i++) {
        const struct bj_key *key = &keys->entry[i];

        if (!key->is_peer)
            found |= equal_mask(key->digest, digest) & (i + 1);
    }
    return found > 0 ? &keys->entry[found - 1].identity : NULL;
}

/* Anywhere, since nothing else looks like it. */
static bool has_form(const char *text, size_t length)
{
    size_t prefix = strlen(KEY_PREFIX);

    for (size_t at = 0; at + BJ_KEY_TEXT - 1 <= length; at++) {
        size_t digits = 0;

        if (strncasecmp(text + at, KEY_PREFIX, prefix) != 0)
            continue;
        while (digits < 2 * KEY_BYTES && isxdigit((unsigned char)text[at + prefix + digits]))
            digits++;
        if (digits == 2 * KEY_BYTES)
            return true;
    }
    return false;
}

static bool is_word(const struct bj_keys *keys, const char *text, size_t length)
{
    char word[BJ_KEY_LONGEST + 1];
    bool found;

    if (length < KEY_LEAST || length > BJ_KEY_LONGEST)
        return false;
    memcpy(word, text, length);
    word[length] = '\0';
    found = bj_keys_find(keys, word) != NULL;
    explicit_bzero(word, sizeof word);
    return found;
}

static bool has_word(const struct bj_keys *keys, const char *text, size_t length,
                     const char *between)
{
    size_t begin = 0;

    for (size_t at = 0; at <= length; at++) {
        if (at < length && (text[at] == '\0' || strchr(between, text[at]) == NULL))
            continue;
        /* The whole of it was looked at before it was taken apart. */
        if ((begin > 0 || at < length) && is_word(keys, text + begin, at - begin))
            return true;
        begin = at + 1;
    }
    return false;
}

bool bj_keys_in(const struct bj_keys *keys, const char *text, size_t length)
{
    /* Key texts have no blanks, but one that somebody chose may have any of the others. */
    return has_form(text, length) || is_word(keys, text, length) ||
           has_word(keys, text, length, " \t") || has_word(keys, text, length, " \t\"',;:=&");
}

const struct bj_identity *bj_keys_find_peer(const struct bj_keys *keys, uid_t uid)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->entry[i].is_peer && keys->entry[i].identity.uid == (int64_t)uid)
            return &keys->entry[i].identity;
    }
    return NULL;
}

/* ---- the file ---- */

static void cleanup_json(json_t **json)
{
    json_decref(*json);
}
#define CLEANUP_JSON __attribute__((cleanup(cleanup_json)))

static int read_scopes(json_t *list, uint32_t *ret, struct bj_error *err)
{
    size_t index;
    json_t *entry;

    *ret = 0;
    json_array_foreach(list, index, entry)
    {
        uint32_t scope = json_is_string(entry) ? bj_scope_parse(json_string_value(entry)) : 0;

        if (scope == 0)
            return bj_fail(err, BJ_E_CONFIG, "keys",
                           "scopes: expected read, execute, files_read, files_write, manage, audit "
                           "or admin; found %s",
                           json_is_string(entry) ? "another word" : bj_json_type(entry));
        *ret |= scope;
    }
    return json_is_array(list) ? 0 : bj_fail(err, BJ_E_CONFIG, "keys", "scopes: expected a list");
}

static int read_quota(json_t *object, struct bj_quota *ret, struct bj_error *err)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        if (!json_is_integer(value) || !bj_quota_set(ret, name, json_integer_value(value)))
            return bj_fail(err, BJ_E_CONFIG, "keys",
                           "quota: expected sandboxes, processes, memory_mb, disk_mb, requests or "
                           "window_seconds with a whole number; found \"%.32s\"",
                           name);
    }
    if (ret->requests > 0 && ret->window_us == 0)
        ret->window_us = 60 * (int64_t)1000000;
    return 0;
}

static bool read_digest(const char *text, uint8_t ret[BJ_KEY_DIGEST])
{
    if (text == NULL || strlen(text) != 2 * BJ_KEY_DIGEST ||
        strspn(text, "0123456789abcdef") != 2 * BJ_KEY_DIGEST)
        return false;
    for (size_t i = 0; i < BJ_KEY_DIGEST; i++) {
        unsigned byte;

        sscanf(text + 2 * i, "%2x", &byte);
        ret[i] = (uint8_t)byte;
    }
    return true;
}

/* By number or by name. */
static int read_user(json_t *entry, uid_t *ret, struct bj_error *err)
{
    json_t *uid = json_object_get(entry, "uid"), *user = json_object_get(entry, "user");
    struct passwd *account;

    if (json_is_integer(uid) && json_integer_value(uid) >= 0 &&
        json_integer_value(uid) < UINT32_MAX) {
        *ret = (uid_t)json_integer_value(uid);
        return 0;
    }
    if (!json_is_string(user))
        return bj_fail(err, BJ_E_CONFIG, "keys",
                       "expected \"uid\" (a number) or \"user\" (a name)");
    account = getpwnam(json_string_value(user));
    if (account == NULL)
        return bj_fail(err, BJ_E_CONFIG, "keys", "there is no user \"%.64s\"",
                       json_string_value(user));
    *ret = account->pw_uid;
    return 0;
}

static int read_entry(struct bj_keys *keys, json_t *entry, bool peer, struct bj_error *err)
{
    json_t *quota = json_object_get(entry, "quota");
    const char *created = json_string_value(json_object_get(entry, "created"));
    struct bj_key_options options = {
        .name = json_string_value(json_object_get(entry, "name")),
        .owner = json_string_value(json_object_get(entry, "owner")),
        .created = created != NULL ? created : "",
    };
    uint8_t digest[BJ_KEY_DIGEST] = {0};
    char peer_name[32];
    int result;

    if (!json_is_object(entry))
        return bj_fail(err, BJ_E_CONFIG, "keys", "expected an object");
    result = read_scopes(json_object_get(entry, "scopes"), &options.scopes, err);
    if (result == 0 && quota != NULL)
        result = read_quota(quota, &options.quota, err);
    if (result == 0 && peer)
        result = read_user(entry, &options.uid, err);
    if (result < 0)
        return result;
    if (peer && options.name == NULL) {
        snprintf(peer_name, sizeof peer_name, PEER_PREFIX "%u", options.uid);
        options.name = peer_name;
    }
    if (options.name == NULL)
        return bj_fail(err, BJ_E_CONFIG, "keys", "expected a \"name\"");
    if (!peer) {
        if (!read_digest(json_string_value(json_object_get(entry, "sha256")), digest))
            return bj_fail(err, BJ_E_CONFIG, "keys",
                           "expected \"sha256\" with 64 hexadecimal digits");
        options.digest = digest;
    }
    return bj_keys_add(keys, &options, err);
}

static int read_list(struct bj_keys *keys, json_t *root, const char *name, struct bj_error *err)
{
    json_t *list = json_object_get(root, name), *entry;
    size_t index;

    if (list != NULL && !json_is_array(list))
        return bj_fail(err, BJ_E_CONFIG, "keys", "%s: expected a list", name);
    json_array_foreach(list, index, entry)
    {
        int result = read_entry(keys, entry, bj_streq(name, "peers"), err);

        if (result < 0) {
            bj_error_prefix(err, "%s, entry %zu: ", name, index + 1);
            return result;
        }
    }
    return 0;
}

static int parse_file(const char *text, size_t length, struct bj_keys *ret, struct bj_error *err)
{
    CLEANUP_JSON json_t *root = NULL;
    int result = bj_json_parse_within(text, length, BJ_KEYS_FILE_MAX, &root, err);

    if (result == 0)
        result = read_list(ret, root, "keys", err);
    if (result == 0)
        result = read_list(ret, root, "peers", err);
    return result;
}

int bj_keys_load(const char *path, struct bj_keys *ret, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *text = NULL;
    size_t length = 0;
    int result;

    *ret = (struct bj_keys){0};
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return 0;
    result = bj_read_file(path, BJ_KEYS_FILE_MAX, &text, &length, err);
    if (result == 0)
        result = parse_file(text, length, ret, err);
    if (result < 0)
        bj_error_prefix(err, "%s: ", path);
    return result;
}

int bj_keys_read(int fd, struct bj_keys *ret, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *text = NULL;
    struct stat status;

    *ret = (struct bj_keys){0};
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > BJ_KEYS_FILE_MAX)
        return bj_fail(err, BJ_E_CONFIG, "keys", "expected a file of at most %d bytes",
                       BJ_KEYS_FILE_MAX);
    text = bj_alloc((size_t)status.st_size + 1);
    if (text == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "keys", "out of memory");
    if (pread(fd, text, (size_t)status.st_size, 0) != status.st_size)
        return bj_fail_errno(err, "keys", "cannot read the keys");
    return parse_file(text, (size_t)status.st_size, ret, err);
}

/* NULL: no memory. */
static json_t *entry_json(const struct bj_key *key)
{
    char digest[2 * BJ_KEY_DIGEST + 1];
    json_t *scopes = json_array(), *quota = json_object(), *entry;

    for (unsigned bit = 0; bj_key_scope_name(bit) != NULL; bit++) {
        if ((key->identity.scopes & (1u << bit)) != 0)
            json_array_append_new(scopes, json_string(bj_key_scope_name(bit)));
    }
    for (size_t i = 0; i < QUOTA_ROWS; i++) {
        int64_t value = *quota_field(&key->identity.quota, i) / quota_rows[i].unit;

        if (value > 0)
            json_object_set_new(quota, quota_rows[i].name, json_integer(value));
    }
    for (size_t i = 0; i < BJ_KEY_DIGEST; i++)
        snprintf(digest + 2 * i, 3, "%02x", key->digest[i]);
    entry = json_pack("{s:s, s:s, s:s, s:o, s:o}", "name", key->name, "owner", key->owner,
                      "created", key->created, "scopes", scopes, "quota", quota);
    if (key->is_peer)
        json_object_set_new(entry, "uid", json_integer(key->identity.uid));
    else
        json_object_set_new(entry, "sha256", json_string(digest));
    return entry;
}

static char *file_text(const struct bj_keys *keys)
{
    CLEANUP_JSON json_t *root = json_object();
    json_t *list = json_array(), *peers = json_array();

    for (size_t i = 0; i < keys->count; i++) {
        const struct bj_key *key = &keys->entry[i];

        if (json_array_append_new(key->is_peer ? peers : list, entry_json(key)) < 0)
            return NULL;
    }
    if (json_object_set_new(root, "keys", list) < 0 ||
        json_object_set_new(root, "peers", peers) < 0)
        return NULL;
    return json_dumps(root, JSON_INDENT(2));
}

int bj_keys_save(const char *path, const struct bj_keys *keys, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *text = file_text(keys);
    BJ_CLEANUP_CLOSE int fd = -1;
    char temporary[BJ_PATH_MAX];

    if (text == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "keys", "out of memory");
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
        return bj_fail(err, BJ_E_LIMIT, "keys", "the path of the keys is too long");
    unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || bj_fd_write_all(fd, text, strlen(text)) < 0 || bj_fd_write_all(fd, "\n", 1) < 0 ||
        fsync(fd) < 0 || rename(temporary, path) < 0) {
        bj_fail_errno(err, "keys", "cannot write %s", path);
        unlink(temporary);
        return -BJ_E_SYSTEM;
    }
    return 0;
}
