/* How much an operation may do, what failures mean, and opening files without harm. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "files/internal.h"

void bj_files_set_time(struct bj_files *files, int64_t milliseconds)
{
    if (files->options.time > 0)
        milliseconds = files->options.time;
    files->deadline_us = milliseconds > 0 ? bj_clock_us() + milliseconds * 1000 : 0;
}

bool bj_files_spend(struct bj_files *files)
{
    if (files->entries_left <= 0)
        files->truncated = "entries";
    else if (files->deadline_us > 0 && bj_clock_us() > files->deadline_us)
        files->truncated = "time";
    else
        return files->entries_left-- > 0;
    return false;
}

static const struct {
    int number;
    enum bj_code code;
} meanings[] = {
    {ENOENT, BJ_E_NOT_FOUND},    {EACCES, BJ_E_DENIED},        {EPERM, BJ_E_DENIED},
    {EROFS, BJ_E_DENIED},        {EEXIST, BJ_E_CONFLICT},      {ENOTEMPTY, BJ_E_CONFLICT},
    {EBUSY, BJ_E_CONFLICT},      {ETXTBSY, BJ_E_CONFLICT},     {ENOTDIR, BJ_E_INVALID},
    {EISDIR, BJ_E_INVALID},      {ELOOP, BJ_E_INVALID},        {EINVAL, BJ_E_INVALID},
    {ENXIO, BJ_E_INVALID},       {ENAMETOOLONG, BJ_E_INVALID}, {EXDEV, BJ_E_INVALID},
    {ENOTSUP, BJ_E_UNSUPPORTED}, {ENOSYS, BJ_E_UNSUPPORTED},   {ENOSPC, BJ_E_FULL},
    {EDQUOT, BJ_E_FULL},         {EFBIG, BJ_E_LIMIT},          {EMFILE, BJ_E_LIMIT},
    {EMLINK, BJ_E_LIMIT},        {ENOMEM, BJ_E_NO_MEMORY},
};

enum bj_code bj_files_code(int number)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (meanings[i].number == number)
            return meanings[i].code;
    }
    return BJ_E_SYSTEM;
}

int bj_files_fail(struct bj_error *err, const char *step, const char *format, ...)
{
    int number = errno;
    char text[BJ_ERROR_MESSAGE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)bj_fail(err, bj_files_code(number), step, "%s: %s", text, strerror(number));
    if (err != NULL)
        err->sys_errno = number;
    errno = number;
    return -(int)bj_files_code(number);
}

/* Slashes at the end and "." in front go; what the kernel would make of the rest stays. */
int bj_files_absolute(const char *path, char **ret, struct bj_error *err)
{
    char here[BJ_PATH_MAX] = "";
    struct bj_buf out;

    if (*path == '\0')
        return bj_fail(err, BJ_E_INVALID, "path", "the path is empty");
    if (*path != '/' && getcwd(here, sizeof here) == NULL)
        return bj_files_fail(err, "path", "the working directory is gone");
    while (path[0] == '.' && (path[1] == '/' || path[1] == '\0'))
        path += path[1] == '/' ? 2 : 1;
    bj_buf_init(&out, BJ_FILES_PATH_MAX + sizeof here);
    bj_buf_puts(&out, here);
    if (out.length > 0 && out.data[out.length - 1] != '/' && *path != '/')
        bj_buf_puts(&out, "/");
    bj_buf_puts(&out, path);
    while (!out.failed && out.length > 1 && out.data[out.length - 1] == '/')
        out.data[--out.length] = '\0';
    if (out.failed) {
        bj_buf_release(&out);
        return bj_fail(err, BJ_E_NO_MEMORY, "path", "out of memory");
    }
    *ret = out.data;
    return 0;
}

const char *bj_files_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

int bj_files_open(int dir_fd, const char *name, int flags, int *ret_fd, struct stat *ret_status,
                  struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = -1;

    /* Looked at first: opening some special files does something. */
    if (BJ_SYS(fstatat(dir_fd, name, ret_status, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0)) < 0)
        return bj_files_fail(err, "open", "cannot open %s", name);
    if (S_ISREG(ret_status->st_mode)) {
        fd = BJ_SYS(openat(dir_fd, name, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
        if (fd < 0 || BJ_SYS(fstat(fd, ret_status)) < 0)
            return bj_files_fail(err, "open", "cannot open %s", name);
    }
    if (!S_ISREG(ret_status->st_mode)) {
        errno = S_ISDIR(ret_status->st_mode) ? EISDIR : EINVAL;
        (void)bj_fail(err, BJ_E_INVALID, "open", "%s is %s, not a regular file", name,
                      S_ISDIR(ret_status->st_mode) ? "a directory" : "a special file or link");
        if (err != NULL)
            err->sys_errno = errno;
        return -BJ_E_INVALID;
    }
    *ret_fd = bj_fd_take(&fd);
    return 0;
}
