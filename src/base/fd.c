/* File descriptors and small files. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/mem.h"

void bj_fd_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

int bj_fd_take(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

int bj_fd_write_all(int fd, const void *data, size_t length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t n = write(fd, at, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        at += n;
        length -= (size_t)n;
    }
    return 0;
}

int bj_write_file_at(int dir_fd, const char *path, const char *text)
{
    BJ_CLEANUP_CLOSE int fd = BJ_SYS(openat(dir_fd, path, O_WRONLY | O_CLOEXEC));

    if (fd < 0)
        return -1;
    return BJ_SYS(bj_fd_write_all(fd, text, strlen(text)));
}

ssize_t bj_read_small_file_at(int dir_fd, const char *path, char *text, size_t size)
{
    BJ_CLEANUP_CLOSE int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;

    text[0] = '\0';
    if (fd < 0)
        return -1;
    while (length < size - 1) {
        ssize_t n = read(fd, text + length, size - 1 - length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        length += (size_t)n;
    }
    text[length] = '\0';
    return (ssize_t)length;
}

static int read_to_end(int fd, struct bj_buf *content)
{
    for (;;) {
        char *room = bj_buf_reserve(content, 4096 < content->maximum - content->length
                                                 ? 4096
                                                 : content->maximum - content->length);
        size_t space;
        ssize_t n;

        if (room == NULL)
            return -ENOMEM;
        space = content->capacity - content->length - 1;
        if (space > content->maximum - content->length)
            space = content->maximum - content->length;
        if (space == 0)
            return -EFBIG;
        n = BJ_SYS(read(fd, room, space));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        content->length += (size_t)n;
    }
}

int bj_read_file(const char *path, size_t maximum, char **ret_text, size_t *ret_length,
                 struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    struct bj_buf content;
    struct stat status;
    int result;

    fd = BJ_SYS(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (fd < 0)
        return bj_fail_errno(err, "read", "cannot open %s", path);
    if (BJ_SYS(fstat(fd, &status)) < 0)
        return bj_fail_errno(err, "read", "cannot stat %s", path);
    if (!S_ISREG(status.st_mode))
        return bj_fail(err, BJ_E_INVALID, "read", "%s is not a regular file", path);

    bj_buf_init(&content, maximum + 1);
    result = read_to_end(fd, &content);
    if (result == -EFBIG || (result == 0 && content.length > maximum)) {
        bj_buf_release(&content);
        return bj_fail(err, BJ_E_LIMIT, "read", "%s is larger than %zu bytes", path, maximum);
    }
    if (result < 0) {
        bj_buf_release(&content);
        errno = -result;
        return bj_fail_errno(err, "read", "cannot read %s", path);
    }
    if (content.data == NULL && bj_buf_reserve(&content, 0) == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "read", "cannot read %s: out of memory", path);
    content.data[content.length] = '\0';
    *ret_text = content.data;
    if (ret_length != NULL)
        *ret_length = content.length;
    return 0;
}
