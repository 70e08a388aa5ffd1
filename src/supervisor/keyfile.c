/* The administrator's key in a file. */
#include "supervisor/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "service/keys.h"

#define NAME "key"

int bj_keyfile_path(const struct bj_service_settings *settings, const char *name, char **ret_path,
                    struct bj_error *err)
{
    struct bj_buf path;

    bj_buf_init(&path, BJ_PATH_MAX);
    bj_buf_printf(&path, "%s/%s", settings->state, name);
    if (path.failed) {
        bj_buf_release(&path);
        return bj_fail(err, BJ_E_LIMIT, "key", "the path of the state directory is too long");
    }
    *ret_path = path.data;
    return 0;
}

static int any_in_list(const struct bj_service_settings *settings, bool *ret, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL;
    struct bj_keys keys = {0};
    int result = bj_keyfile_path(settings, "keys.json", &path, err);

    if (result == 0)
        result = bj_keys_load(path, &keys, err);
    *ret = keys.count > 0;
    bj_keys_release(&keys);
    return result;
}

static int write_key(const char *path, struct bj_error *err)
{
    char text[BJ_KEY_TEXT + 1];
    BJ_CLEANUP_CLOSE int fd = -1;
    int result = bj_key_make(text, err);

    if (result < 0)
        return result;
    text[BJ_KEY_TEXT - 1] = '\n';
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || bj_fd_write_all(fd, text, BJ_KEY_TEXT) < 0 || fsync(fd) < 0)
        result = bj_fail_errno(err, "key", "cannot write a key to %s", path);
    explicit_bzero(text, sizeof text);
    return result;
}

int bj_keyfile_make(const struct bj_service_settings *settings, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL;
    bool any = false;
    int result;

    if (settings->no_key || settings->api_key != NULL || settings->key_file != NULL)
        return 0;
    result = bj_keyfile_path(settings, NAME, &path, err);
    if (result == 0 && access(path, F_OK) == 0)
        return 0;
    if (result == 0)
        result = any_in_list(settings, &any, err);
    return result < 0 || any ? result : write_key(path, err);
}

int bj_keyfile_read(const struct bj_service_settings *settings, char **ret_text,
                    struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL;
    char *text = NULL;
    size_t length;
    int result;

    *ret_text = NULL;
    result = bj_keyfile_path(settings, NAME, &path, err);
    if (result < 0 || (settings->key_file == NULL && access(path, F_OK) < 0))
        return result;
    result = bj_read_file(settings->key_file != NULL ? settings->key_file : path, BJ_KEY_FILE_MAX,
                          &text, &length, err);
    if (result < 0)
        return result;
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
        text[--length] = '\0';
    if (!bj_key_valid(text)) {
        explicit_bzero(text, length);
        bj_free(text);
        return bj_fail(err, BJ_E_INVALID, "key",
                       "%s: expected one line with a key of 16 to 512 printable characters without "
                       "spaces",
                       settings->key_file != NULL ? settings->key_file : path);
    }
    *ret_text = text;
    return 0;
}
