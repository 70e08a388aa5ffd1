/* The key from the environment; see toldkey.h. */
#include "supervisor/toldkey.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "service/keys.h"

#define VARIABLE "BELLJAR_API_KEY="

void bj_toldkey_forget(void)
{
    char **kept = environ;

    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (bj_starts_with(*at, VARIABLE))
            explicit_bzero(*at, strlen(*at));
        else
            *kept++ = *at;
    }
    if (kept != NULL)
        *kept = NULL;
}

int bj_toldkey_open(const char *key, enum bj_role role, int *ret_fd, struct bj_error *err)
{
    uint8_t digest[BJ_KEY_DIGEST];
    const void *told = role == BJ_ROLE_AUDIT ? (const void *)key : digest;
    size_t length = role == BJ_ROLE_AUDIT && key != NULL ? strlen(key) : sizeof digest;
    BJ_CLEANUP_CLOSE int in = -1, out = -1;
    int ends[2];

    *ret_fd = -1;
    if (key == NULL || (role != BJ_ROLE_AUDIT && role != BJ_ROLE_FRONT))
        return 0;
    bj_key_digest(key, digest);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return bj_fail_errno(err, "key", "cannot make a pipe");
    in = ends[0];
    out = ends[1];
    /* It is empty, and takes more than a key is long. */
    if (write(out, told, length) != (ssize_t)length)
        return bj_fail_errno(err, "key", "cannot hand on the key");
    *ret_fd = bj_fd_take(&in);
    return 0;
}

int bj_toldkey_read(void *ret, size_t size, size_t *ret_length, struct bj_error *err)
{
    size_t length = 0;
    ssize_t got = 1;

    while (got > 0 && length < size) {
        got = read(BJ_ROLE_KEY, (char *)ret + length, size - length);
        length += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        return bj_fail_errno(err, "key", "the key was not handed on");
    close(BJ_ROLE_KEY);
    *ret_length = length;
    return 0;
}
