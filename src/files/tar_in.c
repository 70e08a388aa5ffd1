/*
 * Unpacking an archive from standard input. libarchive reads it; where things go is decided here,
 * since what is in an archive must not lead out of the directory: every name is gone through from
 * descriptor to descriptor without following links, neither those of the archive nor those of
 * somebody who makes them meanwhile.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "files/internal.h"

#define BLOCK       (128 << 10)
#define TRAILER_MAX (64 << 20) /* bytes behind the archive's end that are read and dropped */
#define DIR_FLAGS   (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A directory gets its permissions and time when all is in it. */
struct later {
    char *path;
    mode_t mode;
    struct timespec mtime;
};

struct unpacker {
    struct bj_files *files;
    struct archive *archive;
    char *block;
    int top_fd;
    struct later *later;
    size_t later_count, later_capacity, later_bytes;
    int64_t entries, bytes;
};

static la_ssize_t read_in(struct archive *archive, void *context, const void **ret_data)
{
    struct unpacker *unpacker = context;

    *ret_data = unpacker->block;
    for (;;) {
        ssize_t length = BJ_SYS(read(STDIN_FILENO, unpacker->block, BLOCK));
        struct pollfd readable = {.fd = STDIN_FILENO, .events = POLLIN};

        if (length >= 0)
            return length;
        if (errno == EAGAIN) {
            (void)poll(&readable, 1, -1);
        } else if (errno != EINTR) {
            archive_set_error(archive, errno, "cannot read the archive");
            return -1;
        }
    }
}

static int archive_failed(struct unpacker *unpacker, struct bj_error *err)
{
    const char *text = archive_error_string(unpacker->archive);

    return bj_fail(err, archive_errno(unpacker->archive) == ENOMEM ? BJ_E_NO_MEMORY : BJ_E_INVALID,
                   "tar", "the archive cannot be read: %s", text != NULL ? text : "it is damaged");
}

/* ---- places ---- */

/* Takes "./" and slashes at the end out of an archived name; what would leave is refused. */
static int clean_path(const char *given, char ret[BJ_PATH_MAX], struct bj_error *err)
{
    size_t used = 0;

    if (*given == '/')
        return bj_fail(err, BJ_E_INVALID, "tar", "the archive has an absolute path: %s", given);
    while (*given != '\0') {
        size_t length = strcspn(given, "/");

        if (length == 2 && given[0] == '.' && given[1] == '.')
            return bj_fail(err, BJ_E_INVALID, "tar", "a path in the archive has .. in it");
        if (length > 0 && !(length == 1 && *given == '.')) {
            if (used + length + 2 > BJ_PATH_MAX)
                return bj_fail(err, BJ_E_INVALID, "tar", "a path in the archive is too long");
            if (used > 0)
                ret[used++] = '/';
            memcpy(ret + used, given, length);
            used += length;
        }
        given += length + (given[length] == '/');
    }
    ret[used] = '\0';
    return 0;
}

/* The directory that a clean path is in, made if need be, and the name in it. */
static int open_parent(struct unpacker *unpacker, char *path, bool make, int *ret_fd,
                       const char **ret_name, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = fcntl(unpacker->top_fd, F_DUPFD_CLOEXEC, 0);
    char *name = path;

    for (char *slash; fd >= 0 && (slash = strchr(name, '/')) != NULL; name = slash + 1) {
        int next;

        *slash = '\0';
        next = BJ_SYS(openat(fd, name, O_PATH | DIR_FLAGS));
        if (next < 0 && errno == ENOENT && make && BJ_SYS(mkdirat(fd, name, 0755)) == 0)
            next = BJ_SYS(openat(fd, name, O_PATH | DIR_FLAGS));
        if (next < 0 && (errno == ENOTDIR || errno == ELOOP)) {
            (void)bj_fail(err, BJ_E_INVALID, "tar",
                          "%s is not a directory (links are not followed), so nothing can be "
                          "unpacked below it",
                          path);
            *slash = '/';
            return -BJ_E_INVALID;
        }
        *slash = '/';
        bj_fd_close(&fd);
        fd = next;
    }
    if (fd < 0)
        return bj_files_fail(err, "tar", "cannot make the directory of %s", path);
    *ret_name = name;
    *ret_fd = bj_fd_take(&fd);
    return 0;
}

/* ---- kinds ---- */

static struct timespec time_of(struct archive_entry *entry)
{
    if (!archive_entry_mtime_is_set(entry))
        return (struct timespec){.tv_nsec = UTIME_NOW};
    return (struct timespec){archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
}

static void set_time(int fd, struct archive_entry *entry)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, time_of(entry)};

    (void)futimens(fd, times); /* a time that the file system cannot have is no failure */
}

/* What has the name already goes, but no directory. */
static int make_way(struct unpacker *unpacker, int dir_fd, const char *name)
{
    if (errno != EEXIST || unpacker->files->options.keep)
        return -1;
    return BJ_SYS(unlinkat(dir_fd, name, 0));
}

static int write_content(struct unpacker *unpacker, int fd, const char *path, struct bj_error *err)
{
    int64_t most = unpacker->files->options.bytes;

    for (;;) {
        const void *data;
        size_t length;
        la_int64_t offset;
        int result = archive_read_data_block(unpacker->archive, &data, &length, &offset);

        if (result == ARCHIVE_EOF)
            return 0;
        if (result < ARCHIVE_WARN)
            return archive_failed(unpacker, err);
        unpacker->bytes += (int64_t)length;
        if (most > 0 && unpacker->bytes > most)
            return bj_fail(err, BJ_E_LIMIT, "tar", "the archive has more than %lld bytes",
                           (long long)most);
        for (const char *at = data; length > 0;) {
            ssize_t written = BJ_SYS(pwrite(fd, at, length, offset));

            if (written < 0 && errno == EINTR)
                continue;
            if (written < 0)
                return bj_files_fail(err, "tar", "cannot write %s", path);
            at += written;
            offset += written;
            length -= (size_t)written;
        }
    }
}

static int unpack_file(struct unpacker *unpacker, struct archive_entry *entry, int dir_fd,
                       const char *name, const char *path, struct bj_error *err)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    BJ_CLEANUP_CLOSE int fd = BJ_SYS(openat(dir_fd, name, flags, 0600));
    int result;

    if (fd < 0 && make_way(unpacker, dir_fd, name) == 0)
        fd = BJ_SYS(openat(dir_fd, name, flags, 0600));
    if (fd < 0)
        return bj_files_fail(err, "tar", "cannot make %s", path);
    result = write_content(unpacker, fd, path, err);
    if (result < 0)
        return result;
    /* Its end may be a hole. */
    if ((archive_entry_size_is_set(entry) &&
         BJ_SYS(ftruncate(fd, archive_entry_size(entry))) < 0) ||
        BJ_SYS(fchmod(fd, archive_entry_perm(entry) & 0777)) < 0)
        return bj_files_fail(err, "tar", "cannot write %s", path);
    set_time(fd, entry);
    return 0;
}

static int unpack_symlink(struct unpacker *unpacker, struct archive_entry *entry, int dir_fd,
                          const char *name, const char *path, struct bj_error *err)
{
    const char *target = archive_entry_symlink(entry);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, time_of(entry)};

    if (target == NULL || *target == '\0')
        return bj_fail(err, BJ_E_INVALID, "tar", "the link %s leads nowhere", path);
    if (BJ_SYS(symlinkat(target, dir_fd, name)) < 0 &&
        (make_way(unpacker, dir_fd, name) < 0 || symlinkat(target, dir_fd, name) < 0))
        return bj_files_fail(err, "tar", "cannot make the link %s", path);
    (void)utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW);
    return 0;
}

/* Another name of a file that is below the directory too. */
static int unpack_hardlink(struct unpacker *unpacker, const char *target, int dir_fd,
                           const char *name, const char *path, struct bj_error *err)
{
    char clean[BJ_PATH_MAX];
    BJ_CLEANUP_CLOSE int target_fd = -1;
    const char *target_name = NULL;
    struct stat status;
    int result = clean_path(target, clean, err);

    if (result == 0)
        result = open_parent(unpacker, clean, false, &target_fd, &target_name, err);
    if (result < 0)
        return result;
    if (BJ_SYS(fstatat(target_fd, target_name, &status, AT_SYMLINK_NOFOLLOW)) < 0)
        return bj_files_fail(err, "tar", "cannot link %s to %s", path, clean);
    if (!S_ISREG(status.st_mode))
        return bj_fail(err, BJ_E_INVALID, "tar", "%s is a second name of %s, which is no file",
                       path, clean);
    if (BJ_SYS(linkat(target_fd, target_name, dir_fd, name, 0)) < 0 &&
        (make_way(unpacker, dir_fd, name) < 0 ||
         linkat(target_fd, target_name, dir_fd, name, 0) < 0))
        return bj_files_fail(err, "tar", "cannot link %s to %s", path, clean);
    return 0;
}

static int remember(struct unpacker *unpacker, struct archive_entry *entry, const char *path,
                    struct bj_error *err)
{
    size_t wanted = unpacker->later_capacity > 0 ? unpacker->later_capacity * 2 : 64;
    struct later *larger = unpacker->later;
    char *copy = bj_strdup(path);

    unpacker->later_bytes += sizeof *larger + strlen(path);
    if (unpacker->later_count == unpacker->later_capacity) {
        larger = bj_realloc_array(unpacker->later, wanted, sizeof *larger);
        if (larger != NULL) {
            unpacker->later = larger;
            unpacker->later_capacity = wanted;
        }
    }
    if (copy == NULL || larger == NULL || unpacker->later_bytes > BJ_FILES_KEPT_MAX) {
        bj_free(copy);
        return bj_fail(err, BJ_E_NO_MEMORY, "tar", "the archive has too many directories");
    }
    unpacker->later[unpacker->later_count++] =
        (struct later){copy, archive_entry_perm(entry) & 01777, time_of(entry)};
    return 0;
}

static int unpack_directory(struct unpacker *unpacker, struct archive_entry *entry, int dir_fd,
                            const char *name, const char *path, struct bj_error *err)
{
    struct stat status;

    if (BJ_SYS(mkdirat(dir_fd, name, 0700)) < 0 &&
        (errno != EEXIST || fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
         !S_ISDIR(status.st_mode)))
        return bj_files_fail(err, "tar", "cannot make the directory %s", path);
    return remember(unpacker, entry, path, err);
}

static int unpack_entry(struct unpacker *unpacker, struct archive_entry *entry,
                        struct bj_error *err)
{
    const char *given = archive_entry_pathname(entry), *link = archive_entry_hardlink(entry),
               *name = NULL;
    BJ_CLEANUP_CLOSE int dir_fd = -1;
    char path[BJ_PATH_MAX];
    int result;

    if (given == NULL)
        return bj_fail(err, BJ_E_INVALID, "tar", "an entry of the archive has no name");
    result = clean_path(given, path, err);
    if (result < 0 || *path == '\0')
        return result; /* the directory itself stays as it is */
    if (archive_entry_perm(entry) & 06000)
        return bj_fail(err, BJ_E_INVALID, "tar", "%s has set-id bits, which are refused", path);
    result = open_parent(unpacker, path, true, &dir_fd, &name, err);
    if (result < 0)
        return result;
    if (link != NULL)
        return unpack_hardlink(unpacker, link, dir_fd, name, path, err);
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return unpack_file(unpacker, entry, dir_fd, name, path, err);
    case AE_IFLNK:
        return unpack_symlink(unpacker, entry, dir_fd, name, path, err);
    case AE_IFDIR:
        return unpack_directory(unpacker, entry, dir_fd, name, path, err);
    default:
        return bj_fail(err, BJ_E_INVALID, "tar",
                       "%s is a device or other special file, which are refused", path);
    }
}

/* ---- all of it ---- */

static int finish_directories(struct unpacker *unpacker, struct bj_error *err)
{
    int result = 0;

    for (size_t i = unpacker->later_count; i > 0 && result == 0; i--) {
        struct later *later = &unpacker->later[i - 1];
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, later->mtime};
        BJ_CLEANUP_CLOSE int dir_fd = -1, fd = -1;
        const char *name = NULL;

        result = open_parent(unpacker, later->path, false, &dir_fd, &name, err);
        if (result < 0)
            break;
        fd = BJ_SYS(openat(dir_fd, name, O_RDONLY | DIR_FLAGS));
        if (fd < 0 || BJ_SYS(fchmod(fd, later->mode)) < 0)
            return bj_files_fail(err, "tar", "cannot set the permissions of %s", later->path);
        (void)futimens(fd, times);
    }
    return result;
}

static int open_top(struct unpacker *unpacker, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL, *inside = NULL;
    int result = bj_files_absolute(unpacker->files->arguments[0], &path, err);

    if (result < 0)
        return result;
    inside = bj_realloc_array(NULL, strlen(path) + 3, 1);
    if (inside == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "tar", "out of memory");
    snprintf(inside, strlen(path) + 3, "%s/.", path);
    result = bj_files_make_parents(inside, err);
    if (result < 0)
        return result;
    unpacker->top_fd = BJ_SYS(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    return unpacker->top_fd >= 0 ? 0 : bj_files_fail(err, "tar", "cannot open %s", path);
}

static int unpack_all(struct unpacker *unpacker, struct bj_error *err)
{
    for (;;) {
        struct archive_entry *entry;
        int next = archive_read_next_header(unpacker->archive, &entry), result = 0;

        /* A warning is about a name that is not in this program's character set: it has none. */
        if (next < ARCHIVE_WARN)
            return archive_failed(unpacker, err);
        /* What is no archive makes no directory. */
        if (unpacker->top_fd < 0 && (result = open_top(unpacker, err)) < 0)
            return result;
        if (next == ARCHIVE_EOF)
            return finish_directories(unpacker, err);
        if (!bj_files_spend(unpacker->files))
            return bj_fail(err, BJ_E_LIMIT, "tar", "the archive has too many entries");
        result = unpack_entry(unpacker, entry, err);
        if (result < 0)
            return result;
        unpacker->entries++;
    }
}

static int open_archive(struct unpacker *unpacker, struct bj_error *err)
{
    unpacker->archive = archive_read_new();
    unpacker->block = bj_alloc(BLOCK);
    if (unpacker->archive == NULL || unpacker->block == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "tar", "out of memory");
    if (archive_read_support_format_tar(unpacker->archive) != ARCHIVE_OK ||
        archive_read_support_format_empty(unpacker->archive) != ARCHIVE_OK ||
        archive_read_support_filter_gzip(unpacker->archive) < ARCHIVE_WARN ||
        archive_read_open(unpacker->archive, unpacker, NULL, read_in, NULL) != ARCHIVE_OK)
        return archive_failed(unpacker, err);
    return 0;
}

/* Whoever writes may still be at the zeros behind the end, and takes a closed pipe for a failure.
 */
static void drain(struct unpacker *unpacker)
{
    int64_t left = TRAILER_MAX;
    const void *data;
    la_ssize_t length;

    while (left > 0 && (length = read_in(unpacker->archive, unpacker, &data)) > 0)
        left -= length;
}

int bj_files_run_tar_in(struct bj_files *files, struct bj_error *err)
{
    struct unpacker unpacker = {.files = files, .top_fd = -1};
    int result;

    /* Where there is no such locale, libarchive gives names as bytes all the same, and a warning.
     */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    bj_files_set_time(files, 0);
    result = open_archive(&unpacker, err);
    if (result == 0)
        result = unpack_all(&unpacker, err);
    if (result == 0)
        drain(&unpacker);
    bj_files_put_int(&files->end, "entries", unpacker.entries);
    bj_files_put_int(&files->end, "bytes", unpacker.bytes);
    if (unpacker.archive != NULL)
        archive_read_free(unpacker.archive);
    for (size_t i = 0; i < unpacker.later_count; i++)
        bj_free(unpacker.later[i].path);
    bj_free(unpacker.later);
    bj_free(unpacker.block);
    bj_fd_close(&unpacker.top_fd);
    return result;
}
