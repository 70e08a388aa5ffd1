/* One entry of a directory, told as files.h says. */
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
#include "base/str.h"
#include "files/internal.h"

const char *bj_files_type_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "directory";
    case S_IFLNK:
        return "symlink";
    case S_IFIFO:
        return "fifo";
    case S_IFSOCK:
        return "socket";
    case S_IFCHR:
        return "character";
    case S_IFBLK:
        return "block";
    default:
        return "unknown";
    }
}

void bj_files_permissions(mode_t mode, char ret[11])
{
    static const char letters[] = "?pc?d?b?-?l?s???"; /* by the type's bits */
    static const struct {
        mode_t bit;
        int place;
        char with, without; /* the place's x being set or not */
    } specials[] = {{S_ISUID, 3, 's', 'S'}, {S_ISGID, 6, 's', 'S'}, {S_ISVTX, 9, 't', 'T'}};

    ret[0] = letters[(mode & S_IFMT) >> 12];
    for (int i = 0; i < 9; i++)
        ret[i + 1] = mode & (0400u >> i) ? "rwx"[i % 3] : '-';
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        char *place = &ret[specials[i].place];

        if (mode & specials[i].bit)
            *place = *place == 'x' ? specials[i].with : specials[i].without;
    }
    ret[10] = '\0';
}

/* Where an opened path really is: asked of the kernel, or worked out where there is no /proc. */
static bool real_path(int fd, const char *path, char ret[PATH_MAX])
{
    char link[64];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, ret, PATH_MAX - 1);
    if (length > 0 && *ret == '/') {
        ret[length] = '\0';
        return true;
    }
    return realpath(path, ret) != NULL;
}

static void put_target(struct bj_buf *out, int dir_fd, const char *name, const char *path)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    char text[PATH_MAX], real[PATH_MAX];
    struct stat status;
    ssize_t length = BJ_SYS(readlinkat(dir_fd, name, text, sizeof text));

    bj_files_put_bytes(out, "target", text, length > 0 ? (size_t)length : 0);
    fd = BJ_SYS(openat(dir_fd, name, O_PATH | O_CLOEXEC));
    if (fd < 0 || fstat(fd, &status) < 0 || !real_path(fd, path, real)) {
        bj_files_put_text(out, "target_path", NULL);
        bj_files_put_text(out, "target_type", NULL);
        bj_files_put_text(out, "target_mode", NULL);
        return;
    }
    bj_files_put_bytes(out, "target_path", real, strlen(real));
    bj_files_put_text(out, "target_type", bj_files_type_name(status.st_mode));
    bj_files_put_int(out, "target_mode", status.st_mode & 07777);
}

static void put_attributes(struct bj_buf *out, int fd, const char *names, size_t length,
                           const char *prefix)
{
    BJ_CLEANUP_FREE char *value = bj_alloc(BJ_FILES_XATTRS_MAX);

    bj_files_put_name(out, "xattrs");
    bj_buf_puts(out, "{");
    for (const char *name = names; value != NULL && name < names + length;
         name += strlen(name) + 1) {
        ssize_t size;

        if (!bj_starts_with(name, prefix) || !bj_starts_with(name, "user."))
            continue;
        size = BJ_SYS(fgetxattr(fd, name, value, BJ_FILES_XATTRS_MAX));
        if (size >= 0)
            bj_files_put_attribute(out, name, value, (size_t)size);
    }
    bj_buf_puts(out, "}");
}

/* Only those of users, and only of what can be opened without harm. */
static void put_xattrs(struct bj_buf *out, int dir_fd, const char *name, const char *prefix,
                       const struct stat *status)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    BJ_CLEANUP_FREE char *names = NULL;
    ssize_t length = -1;

    if (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode))
        fd =
            BJ_SYS(openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC));
    names = bj_alloc(BJ_FILES_XATTRS_MAX);
    if (fd >= 0 && names != NULL)
        length = BJ_SYS(flistxattr(fd, names, BJ_FILES_XATTRS_MAX - 1));
    put_attributes(out, fd, names, length > 0 ? (size_t)length : 0, prefix);
}

/* Without the "/." of who wants what a link leads to. */
static size_t path_length(const char *path)
{
    size_t length = strlen(path);

    while (length > 2 && path[length - 1] == '.' && path[length - 2] == '/')
        length -= 2;
    return length;
}

void bj_files_put_entry(struct bj_files *files, struct bj_buf *out, int dir_fd, const char *name,
                        const char *path, const struct stat *status)
{
    size_t length = path_length(path);
    const char *slash = memrchr(path, '/', length);
    const char *last = slash != NULL && slash + 1 < path + length ? slash + 1 : path;
    char permissions[11];

    bj_files_permissions(status->st_mode, permissions);
    bj_files_put_bytes(out, "path", path, length);
    bj_files_put_bytes(out, "name", last, (size_t)(path + length - last));
    bj_files_put_text(out, "type", bj_files_type_name(status->st_mode));
    bj_files_put_int(out, "size", status->st_size);
    bj_files_put_int(out, "allocated", (int64_t)status->st_blocks * 512);
    bj_files_put_int(out, "mode", status->st_mode & 07777);
    bj_files_put_text(out, "permissions", permissions);
    bj_files_put_int(out, "links", (int64_t)status->st_nlink);
    bj_files_put_int(out, "uid", status->st_uid);
    bj_files_put_int(out, "gid", status->st_gid);
    bj_files_put_text(out, "owner", bj_files_user_name(status->st_uid));
    bj_files_put_text(out, "group", bj_files_group_name(status->st_gid));
    bj_files_put_int(out, "mtime_ns", bj_files_time(status->st_mtim));
    bj_files_put_int(out, "ctime_ns", bj_files_time(status->st_ctim));
    bj_files_put_int(out, "atime_ns", bj_files_time(status->st_atim));
    if (S_ISLNK(status->st_mode))
        put_target(out, dir_fd, name, path);
    if (files->options.xattrs != NULL)
        put_xattrs(out, dir_fd, name, files->options.xattrs, status);
}

int bj_files_put_path(struct bj_files *files, const char *path, const char *member, bool value,
                      struct bj_error *err)
{
    struct stat status;

    if (BJ_SYS(fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW)) < 0)
        return bj_files_fail(err, "stat", "cannot look at %s", path);
    bj_files_record_begin(files);
    bj_files_put_entry(files, &files->out, AT_FDCWD, path, path, &status);
    if (member != NULL)
        bj_files_put_bool(&files->out, member, value);
    return bj_files_record_end(files, err);
}
