/* Digests of files. */
#include <errno.h>
#include <fcntl.h>
#include <nettle/md5.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "files/internal.h"

#define BLOCK (64 << 10)

static const struct nettle_hash *const hashes[] = {
    [BJ_HASH_SHA256] = &nettle_sha256,
    [BJ_HASH_SHA1] = &nettle_sha1,
    [BJ_HASH_SHA512] = &nettle_sha512,
    [BJ_HASH_MD5] = &nettle_md5,
};

union context {
    struct sha256_ctx sha256;
    struct sha1_ctx sha1;
    struct sha512_ctx sha512;
    struct md5_ctx md5;
};

struct work {
    struct bj_files *files;
    const struct nettle_hash *hash;
    uint8_t *block;
};

static void put_hex(struct bj_buf *out, const uint8_t *digest, size_t size)
{
    char text[2 * SHA512_DIGEST_SIZE + 1] = "";

    for (size_t i = 0; i < size; i++) {
        text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    bj_files_put_text(out, "hash", text);
}

/* An endless file is one that the time runs out on. */
static int digest(struct work *work, int fd, const char *path, uint8_t *ret_digest,
                  int64_t *ret_size, struct bj_error *err)
{
    union context context;

    work->hash->init(&context);
    for (*ret_size = 0;;) {
        ssize_t length = BJ_SYS(read(fd, work->block, BLOCK));

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return bj_files_fail(err, "hash", "cannot read %s", path);
        if (length == 0)
            break;
        work->hash->update(&context, (size_t)length, work->block);
        *ret_size += length;
        if (work->files->options.bytes > 0 && *ret_size > work->files->options.bytes)
            return bj_fail(err, BJ_E_LIMIT, "hash", "%s is larger than %lld bytes", path,
                           (long long)work->files->options.bytes);
        if (work->files->deadline_us > 0 && bj_clock_us() > work->files->deadline_us)
            return bj_fail(err, BJ_E_TIMEOUT, "hash", "there was no time to read all of %s", path);
    }
    work->hash->digest(&context, work->hash->digest_size, ret_digest);
    return 0;
}

static int hash_path(struct work *work, const char *given, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL;
    BJ_CLEANUP_CLOSE int fd = -1;
    uint8_t value[SHA512_DIGEST_SIZE];
    struct stat status;
    int64_t size = 0;
    int result = bj_files_absolute(given, &path, err);

    if (result == 0)
        result = bj_files_open(AT_FDCWD, path, O_RDONLY, &fd, &status, err);
    if (result == 0)
        result = digest(work, fd, path, value, &size, err);
    if (result < 0)
        return result;
    bj_files_record_begin(work->files);
    bj_files_put_bytes(&work->files->out, "path", path, strlen(path));
    bj_files_put_text(&work->files->out, "algorithm", work->hash->name);
    put_hex(&work->files->out, value, work->hash->digest_size);
    bj_files_put_int(&work->files->out, "size", size);
    return bj_files_record_end(work->files, err);
}

int bj_files_run_hash(struct bj_files *files, struct bj_error *err)
{
    BJ_CLEANUP_FREE uint8_t *block = bj_alloc(BLOCK);
    struct work work = {.files = files, .hash = hashes[files->options.algorithm], .block = block};
    int result = block != NULL ? 0 : bj_fail(err, BJ_E_NO_MEMORY, "hash", "out of memory");

    bj_files_set_time(files, BJ_FILES_TIME_MS);
    for (int i = 0; i < files->argument_count && result == 0; i++)
        result = hash_path(&work, files->arguments[i], err);
    return result;
}
