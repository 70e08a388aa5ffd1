/*
 * An archive of what is there, to standard output. A file's size is said before its content: one
 * that shrinks meanwhile is filled up with zeros, one that grows is cut; both are records.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "files/internal.h"

#define BLOCK (128 << 10)

struct packer {
    struct bj_files *files;
    struct archive *archive;
    struct archive_entry *entry;
    struct bj_files_seen seen;
    struct bj_buf name; /* of the entry at hand; what begins it is prefix_length long */
    size_t prefix_length;
    char *block;
    int64_t entries, bytes;
};

static la_ssize_t write_out(struct archive *archive, void *context, const void *data, size_t length)
{
    (void)context;
    if (bj_files_write(STDOUT_FILENO, data, length) == 0)
        return (la_ssize_t)length;
    archive_set_error(archive, errno, "cannot write the archive");
    return -1;
}

static int archive_failed(struct packer *packer, struct bj_error *err)
{
    const char *text = archive_error_string(packer->archive);

    errno = archive_errno(packer->archive);
    return bj_fail(err, errno == ENOMEM ? BJ_E_NO_MEMORY : BJ_E_SYSTEM, "tar", "%s",
                   text != NULL ? text : "cannot make the archive");
}

static int put_skipped(struct packer *packer, const char *path, const char *why,
                       struct bj_error *err)
{
    struct bj_files *files = packer->files;

    bj_files_record_begin(files);
    bj_files_put_text(&files->out, "skipped", why);
    bj_files_put_bytes(&files->out, "path", path, strlen(path));
    return bj_files_record_end(files, err);
}

static void describe(struct packer *packer, const struct stat *status)
{
    struct archive_entry *entry = archive_entry_clear(packer->entry);

    archive_entry_copy_pathname(entry, bj_buf_text(&packer->name));
    archive_entry_set_filetype(entry, status->st_mode & S_IFMT);
    archive_entry_set_perm(entry, status->st_mode & 01777);
    archive_entry_set_mtime(entry, status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
    archive_entry_set_uid(entry, status->st_uid);
    archive_entry_set_gid(entry, status->st_gid);
    archive_entry_copy_uname(entry, bj_files_user_name(status->st_uid));
    archive_entry_copy_gname(entry, bj_files_group_name(status->st_gid));
    archive_entry_set_size(entry, S_ISREG(status->st_mode) ? status->st_size : 0);
}

static int write_header(struct packer *packer, struct bj_error *err)
{
    /* A warning is about a name that another system may not show as it is. */
    if (archive_write_header(packer->archive, packer->entry) < ARCHIVE_WARN)
        return archive_failed(packer, err);
    packer->entries++;
    return 0;
}

static int write_content(struct packer *packer, int fd, const char *path, int64_t left,
                         struct bj_error *err)
{
    bool short_of = false;

    while (left > 0) {
        size_t wanted = left < BLOCK ? (size_t)left : BLOCK;
        ssize_t length = short_of ? (ssize_t)wanted : BJ_SYS(read(fd, packer->block, wanted));

        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0) {
            memset(packer->block, 0, BLOCK);
            short_of = true;
            continue;
        }
        if (archive_write_data(packer->archive, packer->block, (size_t)length) < 0)
            return archive_failed(packer, err);
        left -= length;
    }
    return short_of ? put_skipped(packer, path, "it shrank while it was read", err) : 0;
}

static int pack_file(struct packer *packer, int dir_fd, const char *name, const char *path,
                     struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int fd = -1;
    struct stat status;
    const char *first;
    int64_t most = packer->files->options.bytes;
    struct bj_error why;
    int result;

    if (bj_files_open(dir_fd, name, O_RDONLY | O_NOFOLLOW, &fd, &status, &why) < 0)
        return put_skipped(packer, path, why.message, err);
    describe(packer, &status);
    first = status.st_nlink > 1 ? bj_files_seen_find(&packer->seen, &status) : NULL;
    if (first != NULL) {
        archive_entry_copy_hardlink(packer->entry, first);
        archive_entry_set_size(packer->entry, 0);
        return write_header(packer, err);
    }
    if (most > 0 && status.st_size > most - packer->bytes)
        return bj_fail(err, BJ_E_LIMIT, "tar", "there are more than %lld bytes", (long long)most);
    if (status.st_nlink > 1)
        bj_files_seen_add(&packer->seen, &status, bj_buf_text(&packer->name));
    packer->bytes += status.st_size;
    result = write_header(packer, err);
    return result < 0 ? result : write_content(packer, fd, path, status.st_size, err);
}

static int pack_link(struct packer *packer, int dir_fd, const char *name, const char *path,
                     const struct stat *status, struct bj_error *err)
{
    char target[BJ_PATH_MAX];
    ssize_t length = BJ_SYS(readlinkat(dir_fd, name, target, sizeof target - 1));

    if (length < 0)
        return put_skipped(packer, path, strerror(errno), err);
    target[length] = '\0';
    describe(packer, status);
    archive_entry_copy_symlink(packer->entry, target);
    return write_header(packer, err);
}

static int pack_one(struct packer *packer, int dir_fd, const char *name, const char *path,
                    const struct stat *status, struct bj_error *err)
{
    switch (status->st_mode & S_IFMT) {
    case S_IFREG:
        return pack_file(packer, dir_fd, name, path, err);
    case S_IFLNK:
        return pack_link(packer, dir_fd, name, path, status, err);
    case S_IFDIR:
        describe(packer, status);
        return write_header(packer, err);
    default:
        return put_skipped(packer, path, bj_files_type_name(status->st_mode), err);
    }
}

static int pack_entry(void *context, const struct bj_files_entry *entry,
                      enum bj_files_step *ret_step, struct bj_error *err)
{
    struct packer *packer = context;

    if (bj_files_is_excluded(packer->files, entry)) {
        *ret_step = BJ_STEP_OVER;
        return 0;
    }
    packer->name.length = packer->prefix_length;
    bj_buf_puts(&packer->name, entry->relative);
    if (packer->name.failed)
        return bj_fail(err, BJ_E_NO_MEMORY, "tar", "out of memory");
    return pack_one(packer, entry->dir_fd, entry->name, entry->path, &entry->status, err);
}

static int pack_path(struct packer *packer, const char *given, struct bj_error *err)
{
    struct bj_files_walk walk = {.visit = pack_entry, .context = packer};
    BJ_CLEANUP_FREE char *path = NULL;
    struct stat status;
    const char *name;
    bool contents;
    int result = bj_files_absolute(given, &path, err);

    if (result < 0)
        return result;
    if (BJ_SYS(fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW)) < 0)
        return bj_files_fail(err, "tar", "cannot read %s", path);
    contents = packer->files->options.contents || path[1] == '\0';
    if (contents && S_ISLNK(status.st_mode) && BJ_SYS(fstatat(AT_FDCWD, path, &status, 0)) < 0)
        return bj_files_fail(err, "tar", "cannot read %s", path);
    name = bj_files_name(path);
    packer->name.length = 0;
    if (!contents || !S_ISDIR(status.st_mode)) {
        bj_buf_puts(&packer->name, name);
        result = pack_one(packer, AT_FDCWD, path, path, &status, err);
        bj_buf_puts(&packer->name, "/");
    }
    packer->prefix_length = packer->name.length;
    if (result == 0 && S_ISDIR(status.st_mode))
        result = bj_files_walk(packer->files, &walk, path, err);
    return result;
}

static int open_archive(struct packer *packer, struct bj_error *err)
{
    packer->archive = archive_write_new();
    packer->entry = archive_entry_new();
    packer->block = bj_alloc(BLOCK);
    if (packer->archive == NULL || packer->entry == NULL || packer->block == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "tar", "out of memory");
    if (archive_write_set_format_pax(packer->archive) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(packer->archive, BLOCK) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(packer->archive, 1) != ARCHIVE_OK ||
        (packer->files->options.gzip &&
         archive_write_add_filter_gzip(packer->archive) != ARCHIVE_OK) ||
        archive_write_open(packer->archive, NULL, NULL, write_out, NULL) != ARCHIVE_OK)
        return archive_failed(packer, err);
    return 0;
}

static int pack(struct packer *packer, struct bj_error *err)
{
    struct bj_files *files = packer->files;
    int result = open_archive(packer, err);

    for (int i = 0; i < files->argument_count && result == 0; i++)
        result = pack_path(packer, files->arguments[i], err);
    /* An archive with an end would pass for all of it. */
    if (result == 0 && files->truncated != NULL)
        result = bj_fail(err, BJ_E_LIMIT, "tar", "not all fits into an archive: too many %s",
                         files->truncated);
    if (result == 0 && archive_write_close(packer->archive) != ARCHIVE_OK)
        result = archive_failed(packer, err);
    if (result < 0 && packer->archive != NULL)
        archive_write_fail(packer->archive);
    return result;
}

int bj_files_run_tar_out(struct bj_files *files, struct bj_error *err)
{
    struct packer packer = {.files = files};
    int result;

    /* Where there is no such locale, names that are not ASCII are marked as bytes instead. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    bj_files_set_time(files, 0);
    bj_buf_init(&packer.name, 2 * BJ_FILES_PATH_MAX);
    result = pack(&packer, err);
    bj_files_put_int(&files->end, "entries", packer.entries);
    bj_files_put_int(&files->end, "bytes", packer.bytes);
    if (packer.archive != NULL)
        archive_write_free(packer.archive);
    archive_entry_free(packer.entry);
    bj_files_seen_release(&packer.seen);
    bj_buf_release(&packer.name);
    bj_free(packer.block);
    return result;
}
