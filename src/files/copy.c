/* Copying files and trees. What was read decides, not what stood at the path before. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "files/internal.h"

#define BLOCK (128 << 10)

struct copier {
    struct bj_files *files;
    const char *to;
    struct stat made; /* the copy's own top, so that it is not copied into itself */
    int64_t copied, skipped, bytes;
    char *block;
};

/* From one offset to another, or to the end of the file where that comes first. */
static int copy_range(struct copier *copier, int from, int to, off_t at, off_t end)
{
    int64_t most = copier->files->options.bytes;

    while (at < end) {
        size_t wanted = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
        ssize_t length = BJ_SYS(pread(from, copier->block, wanted, at));

        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return (int)length;
        if (most > 0 && copier->bytes + length > most) {
            errno = EFBIG;
            return -1;
        }
        if (BJ_SYS(pwrite(to, copier->block, (size_t)length, at)) != length)
            return -1;
        at += length;
        copier->bytes += length;
    }
    return 0;
}

/* Holes stay holes. A file that has no size, as those of /proc, is read to its end. */
static int copy_content(struct copier *copier, int from, int to, off_t size)
{
    off_t at = 0;

    if (size == 0)
        return copy_range(copier, from, to, 0, (off_t)1 << 40);
    while (at < size) {
        off_t data = lseek(from, at, SEEK_DATA), hole;

        if (data < 0 && errno == ENXIO)
            break;
        hole = data < 0 ? size : lseek(from, data, SEEK_HOLE);
        data = data < 0 ? at : data;
        if (hole <= data || hole > size)
            hole = size;
        if (copy_range(copier, from, to, data, hole) < 0)
            return -1;
        at = hole;
    }
    return BJ_SYS(ftruncate(to, size));
}

static int copy_file(struct copier *copier, int dir_fd, const char *name, const char *to,
                     struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int in = -1, out = -1;
    struct stat status, old;
    int result = bj_files_open(dir_fd, name, O_RDONLY | O_NOFOLLOW, &in, &status, err);

    if (result < 0)
        return result;
    out = BJ_SYS(open(to,
                      O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
                          (copier->files->options.keep ? O_EXCL : 0),
                      status.st_mode & 0777));
    if (out < 0 || BJ_SYS(fstat(out, &old)) < 0)
        return bj_files_fail(err, "copy", "cannot make %s", to);
    if (!S_ISREG(old.st_mode) || (old.st_dev == status.st_dev && old.st_ino == status.st_ino))
        return bj_fail(err, BJ_E_INVALID, "copy", "%s is %s", to,
                       S_ISREG(old.st_mode) ? "the same file" : "a special file");
    if (BJ_SYS(ftruncate(out, 0)) < 0 || copy_content(copier, in, out, status.st_size) < 0 ||
        BJ_SYS(fchmod(out, status.st_mode & 0777)) < 0)
        return bj_files_fail(err, "copy", "cannot write %s", to);
    copier->copied++;
    return 0;
}

static int copy_link(struct copier *copier, int dir_fd, const char *name, const char *to,
                     struct bj_error *err)
{
    char target[BJ_PATH_MAX];
    ssize_t length = BJ_SYS(readlinkat(dir_fd, name, target, sizeof target - 1));

    if (length < 0)
        return bj_files_fail(err, "copy", "cannot read the link %s", name);
    target[length] = '\0';
    if (BJ_SYS(symlink(target, to)) < 0) {
        if (errno != EEXIST || copier->files->options.keep || unlink(to) < 0 ||
            symlink(target, to) < 0)
            return bj_files_fail(err, "copy", "cannot make the link %s", to);
    }
    copier->copied++;
    return 0;
}

static int copy_directory(struct copier *copier, const char *to, struct bj_error *err)
{
    struct stat status;

    if (BJ_SYS(mkdir(to, 0700)) < 0 &&
        (errno != EEXIST || fstatat(AT_FDCWD, to, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
         !S_ISDIR(status.st_mode)))
        return bj_files_fail(err, "copy", "cannot make the directory %s", to);
    copier->copied++;
    return 0;
}

static int copy_one(struct copier *copier, int dir_fd, const char *name, const char *to,
                    mode_t mode, struct bj_error *err)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return copy_file(copier, dir_fd, name, to, err);
    case S_IFLNK:
        return copy_link(copier, dir_fd, name, to, err);
    case S_IFDIR:
        return copy_directory(copier, to, err);
    default:
        copier->skipped++;
        return 0;
    }
}

static int destination(const struct copier *copier, const char *relative, char **ret,
                       struct bj_error *err)
{
    struct bj_buf path;

    bj_buf_init(&path, 2 * BJ_FILES_PATH_MAX);
    bj_buf_printf(&path, "%s/%s", copier->to, relative);
    if (path.failed) {
        bj_buf_release(&path);
        return bj_fail(err, BJ_E_NO_MEMORY, "copy", "out of memory");
    }
    *ret = path.data;
    return 0;
}

static int copy_entry(void *context, const struct bj_files_entry *entry,
                      enum bj_files_step *ret_step, struct bj_error *err)
{
    struct copier *copier = context;
    BJ_CLEANUP_FREE char *to = NULL;
    int result;

    if (entry->status.st_ino == copier->made.st_ino &&
        entry->status.st_dev == copier->made.st_dev) {
        *ret_step = BJ_STEP_OVER;
        return 0;
    }
    result = destination(copier, entry->relative, &to, err);
    return result < 0
               ? result
               : copy_one(copier, entry->dir_fd, entry->name, to, entry->status.st_mode, err);
}

/* Only now may its permissions shut it. */
static int leave_directory(void *context, const struct bj_files_entry *entry, struct bj_error *err)
{
    struct copier *copier = context;
    BJ_CLEANUP_FREE char *to = NULL;
    int result = destination(copier, entry->relative, &to, err);

    if (result == 0 && BJ_SYS(chmod(to, entry->status.st_mode & 01777)) < 0)
        result = bj_files_fail(err, "copy", "cannot set the permissions of %s", to);
    return result;
}

static int copy_tree(struct copier *copier, const char *from, struct bj_error *err)
{
    struct bj_files_walk walk = {.visit = copy_entry, .leave = leave_directory, .context = copier};
    struct stat status;
    int result;

    if (BJ_SYS(fstatat(AT_FDCWD, from, &status, AT_SYMLINK_NOFOLLOW)) < 0)
        return bj_files_fail(err, "copy", "cannot copy %s", from);
    result = copy_one(copier, AT_FDCWD, from, copier->to, status.st_mode, err);
    if (result < 0 || !S_ISDIR(status.st_mode))
        return result;
    if (BJ_SYS(fstatat(AT_FDCWD, copier->to, &copier->made, AT_SYMLINK_NOFOLLOW)) < 0)
        return bj_files_fail(err, "copy", "cannot look at %s", copier->to);
    result = bj_files_walk(copier->files, &walk, from, err);
    if (result == 0 && BJ_SYS(chmod(copier->to, status.st_mode & 01777)) < 0)
        result = bj_files_fail(err, "copy", "cannot set the permissions of %s", copier->to);
    return result;
}

int bj_files_copy_tree(struct bj_files *files, const char *from, const char *to,
                       struct bj_error *err)
{
    BJ_CLEANUP_FREE char *block = bj_alloc(BLOCK);
    struct copier copier = {.files = files, .to = to, .block = block};
    int result;

    if (block == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "copy", "out of memory");
    result = copy_tree(&copier, from, err);
    /* Half a copy is not a success that was cut: whoever asked may remove the original next. */
    if (result == 0 && files->truncated != NULL)
        result = bj_fail(err, BJ_E_LIMIT, "copy", "%s is only copied in part: too many %s", from,
                         files->truncated);
    bj_files_put_int(&files->end, "copied", copier.copied);
    bj_files_put_int(&files->end, "skipped", copier.skipped);
    return result;
}

int bj_files_run_copy(struct bj_files *files, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *from = NULL, *to = NULL;
    struct stat status;
    int result = bj_files_absolute(files->arguments[0], &from, err);

    if (result == 0)
        result = bj_files_absolute(files->arguments[1], &to, err);
    if (result < 0)
        return result;
    if (BJ_SYS(fstatat(AT_FDCWD, from, &status, AT_SYMLINK_NOFOLLOW)) < 0)
        return bj_files_fail(err, "copy", "cannot copy %s", from);
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode))
        return bj_fail(err, BJ_E_INVALID, "copy", "%s is a special file", from);
    if (files->options.keep && fstatat(AT_FDCWD, to, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return bj_files_fail(err, "copy", "cannot copy to %s", to);
    }
    if (files->options.parents)
        result = bj_files_make_parents(to, err);
    if (result == 0)
        result = bj_files_copy_tree(files, from, to, err);
    return result < 0 ? result : bj_files_put_path(files, to, NULL, false, err);
}
