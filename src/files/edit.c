/*
 * Replacing a text in a file. The file is read whole and written beside itself and renamed, so that
 * a full disk or a kill leaves the old one. Where that cannot be (its directory may not be written,
 * it has other names, it is someone else's) it is written in place.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "files/internal.h"

struct text {
    char *data;
    size_t length;
};

struct edit {
    char *path; /* links followed; owned */
    int fd;
    struct stat status;
    struct bj_buf content, request, result;
    struct text old, replacement; /* in `request` */
    int64_t replaced, line;
};

static int read_all(int fd, struct bj_buf *out, const char *what, struct bj_error *err)
{
    for (;;) {
        size_t left = out->maximum - out->length;
        char *room = bj_buf_reserve(out, left < 65536 ? left : 65536);
        ssize_t length;

        if (room == NULL)
            return bj_fail(err, BJ_E_NO_MEMORY, "edit", "out of memory");
        if (left == 0)
            return bj_fail(err, BJ_E_LIMIT, "edit", "%s is larger than %zu bytes", what,
                           out->maximum - 1);
        length = BJ_SYS(read(fd, room, left < 65536 ? left : 65536));
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return bj_files_fail(err, "edit", "cannot read %s", what);
        if (length == 0)
            return 0;
        out->length += (size_t)length;
    }
}

static int open_file(struct edit *edit, const char *given, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL;
    char real[PATH_MAX];
    int result = bj_files_absolute(given, &path, err);

    if (result < 0)
        return result;
    if (realpath(path, real) == NULL)
        return bj_files_fail(err, "edit", "cannot open %s", path);
    edit->path = bj_strdup(real);
    if (edit->path == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "edit", "out of memory");
    return bj_files_open(AT_FDCWD, real, O_RDWR | O_NOFOLLOW, &edit->fd, &edit->status, err);
}

static int read_request(struct edit *edit, int64_t old_length, struct bj_error *err)
{
    int result = read_all(STDIN_FILENO, &edit->request, "the request", err);

    if (result < 0)
        return result;
    if (old_length <= 0 || (size_t)old_length > edit->request.length)
        return bj_fail(err, BJ_E_INVALID, "edit",
                       "--old must say how many of the bytes on standard input are to be replaced");
    edit->old = (struct text){edit->request.data, (size_t)old_length};
    edit->replacement =
        (struct text){edit->request.data + old_length, edit->request.length - (size_t)old_length};
    return 0;
}

static int64_t line_of(const char *from, const char *to)
{
    int64_t line = 1;

    while ((from = memchr(from, '\n', (size_t)(to - from))) != NULL) {
        from++;
        line++;
    }
    return line;
}

/* Makes the new content and counts the places. */
static int replace(struct edit *edit, bool all, struct bj_error *err)
{
    const char *at = edit->content.data, *end = at + edit->content.length, *found;

    while (at < end &&
           (found = memmem(at, (size_t)(end - at), edit->old.data, edit->old.length)) != NULL) {
        if (edit->replaced++ == 0)
            edit->line = line_of(edit->content.data, found);
        bj_buf_append(&edit->result, at, (size_t)(found - at));
        bj_buf_append(&edit->result, edit->replacement.data, edit->replacement.length);
        at = found + edit->old.length;
    }
    bj_buf_append(&edit->result, at, (size_t)(end - at));
    if (edit->replaced == 0)
        return bj_fail(err, BJ_E_NOT_FOUND, "edit", "the text to replace is not in %s", edit->path);
    if (edit->replaced > 1 && !all)
        return bj_fail(err, BJ_E_CONFLICT, "edit",
                       "the text to replace is in %s %lld times: give more of what is around it, "
                       "or replace all",
                       edit->path, (long long)edit->replaced);
    if (edit->result.failed)
        return bj_fail(err, edit->result.no_memory ? BJ_E_NO_MEMORY : BJ_E_LIMIT, "edit",
                       "%s would be too large", edit->path);
    return 0;
}

static int write_in_place(struct edit *edit, struct bj_error *err)
{
    const struct bj_buf *content = &edit->result;

    if (BJ_SYS(lseek(edit->fd, 0, SEEK_SET)) < 0 ||
        bj_files_write(edit->fd, content->data, content->length) < 0 ||
        BJ_SYS(ftruncate(edit->fd, (off_t)content->length)) < 0)
        return bj_files_fail(err, "edit", "cannot write %s", edit->path);
    return 0;
}

static bool copy_attributes(int from, int to)
{
    BJ_CLEANUP_FREE char *names = bj_alloc(BJ_FILES_XATTRS_MAX);
    BJ_CLEANUP_FREE char *value = bj_alloc(BJ_FILES_XATTRS_MAX);
    ssize_t length;

    if (names == NULL || value == NULL)
        return false;
    length = flistxattr(from, names, BJ_FILES_XATTRS_MAX - 1);
    for (const char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
        ssize_t size = fgetxattr(from, name, value, BJ_FILES_XATTRS_MAX);

        if (size < 0 || fsetxattr(to, name, value, (size_t)size, 0) < 0)
            return false;
    }
    return length >= 0 || errno == ENOTSUP;
}

/* A file beside it that is the same but for the content; -1 where there can be none. */
static int make_beside(struct edit *edit, char *name)
{
    BJ_CLEANUP_CLOSE int fd = BJ_SYS(mkostemp(name, O_CLOEXEC));
    struct stat status;

    if (fd < 0)
        return -1;
    if (fstat(fd, &status) < 0 || status.st_uid != edit->status.st_uid ||
        (status.st_gid != edit->status.st_gid && fchown(fd, (uid_t)-1, edit->status.st_gid) < 0) ||
        fchmod(fd, edit->status.st_mode & 01777) < 0 || edit->status.st_mode & 06000 ||
        !copy_attributes(edit->fd, fd)) {
        unlink(name);
        return -1;
    }
    return bj_fd_take(&fd);
}

/* Is it what was read? Somebody may have written it since. */
static bool is_unchanged(const struct edit *edit)
{
    struct stat now;

    return stat(edit->path, &now) == 0 && now.st_ino == edit->status.st_ino &&
           now.st_dev == edit->status.st_dev && now.st_size == edit->status.st_size &&
           bj_files_time(now.st_mtim) == bj_files_time(edit->status.st_mtim);
}

static int write_back(struct edit *edit, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    char name[PATH_MAX + 32];
    int result = 0;

    errno = 0;
    snprintf(name, sizeof name, "%.*s.belljar-edit-XXXXXX",
             (int)(bj_files_name(edit->path) - edit->path), edit->path);
    if (edit->status.st_nlink == 1)
        fd = make_beside(edit, name);
    if (fd < 0 && (errno == ENOSPC || errno == EDQUOT))
        return bj_files_fail(err, "edit", "cannot write %s", edit->path);
    if (!is_unchanged(edit))
        result = bj_fail(err, BJ_E_CONFLICT, "edit", "%s was changed meanwhile", edit->path);
    else if (fd < 0)
        return write_in_place(edit, err);
    else if (bj_files_write(fd, edit->result.data, edit->result.length) < 0 ||
             BJ_SYS(rename(name, edit->path)) < 0)
        result = bj_files_fail(err, "edit", "cannot write %s", edit->path);
    if (result < 0 && fd >= 0)
        unlink(name);
    return result;
}

static int run(struct bj_files *files, struct edit *edit, struct bj_error *err)
{
    int result = read_request(edit, files->options.old, err);

    if (result == 0)
        result = open_file(edit, files->arguments[0], err);
    if (result == 0)
        result = read_all(edit->fd, &edit->content, edit->path, err);
    if (result == 0)
        result = replace(edit, files->options.all, err);
    if (result == 0)
        result = write_back(edit, err);
    if (result < 0)
        return result;
    bj_files_put_int(&files->end, "replaced", edit->replaced);
    bj_files_put_int(&files->end, "line", edit->line);
    bj_files_put_int(&files->end, "size", (int64_t)edit->result.length);
    return 0;
}

int bj_files_run_edit(struct bj_files *files, struct bj_error *err)
{
    struct edit edit = {.fd = -1};
    int result;

    bj_buf_init(&edit.request, 2 * BJ_CONTENT_MAX + 1);
    bj_buf_init(&edit.content, BJ_CONTENT_MAX + 1);
    bj_buf_init(&edit.result, BJ_CONTENT_MAX);
    result = run(files, &edit, err);
    bj_buf_release(&edit.request);
    bj_buf_release(&edit.content);
    bj_buf_release(&edit.result);
    bj_fd_close(&edit.fd);
    bj_free(edit.path);
    return result;
}
