/* What only looks: stat, list, usage. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "files/internal.h"

int bj_files_run_stat(struct bj_files *files, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL;
    struct stat status;
    int result = bj_files_absolute(files->arguments[0], &path, err);

    if (result < 0)
        return result;
    if (!files->options.follow)
        return bj_files_put_path(files, path, NULL, false, err);
    if (BJ_SYS(fstatat(AT_FDCWD, path, &status, 0)) < 0)
        return bj_files_fail(err, "stat", "cannot look at %s", path);
    bj_files_record_begin(files);
    bj_files_put_entry(files, &files->out, AT_FDCWD, path, path, &status);
    return bj_files_record_end(files, err);
}

static int list_entry(void *context, const struct bj_files_entry *entry,
                      enum bj_files_step *ret_step, struct bj_error *err)
{
    struct bj_files *files = context;

    if (files->limit_left == 0) {
        files->truncated = "limit";
        *ret_step = BJ_STEP_STOP;
        return 0;
    }
    files->limit_left--;
    bj_files_record_begin(files);
    bj_files_put_entry(files, &files->out, entry->dir_fd, entry->name, entry->path, &entry->status);
    return bj_files_record_end(files, err);
}

int bj_files_run_list(struct bj_files *files, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL;
    struct bj_files_walk walk = {.visit = list_entry,
                                 .context = files,
                                 .by_limit = true,
                                 .depth =
                                     files->options.depth > 0 ? (unsigned)files->options.depth : 1};
    int result = bj_files_absolute(files->arguments[0], &path, err);

    if (result < 0)
        return result;
    bj_files_set_time(files, BJ_FILES_TIME_MS);
    return bj_files_walk(files, &walk, path, err);
}

struct usage {
    struct bj_files_seen seen;
    int64_t bytes, allocated, files, directories, others;
};

static int add_usage(void *context, const struct bj_files_entry *entry,
                     enum bj_files_step *ret_step, struct bj_error *err)
{
    struct usage *usage = context;
    const struct stat *status = &entry->status;

    (void)ret_step;
    (void)err;
    if (S_ISDIR(status->st_mode))
        usage->directories++;
    else if (S_ISREG(status->st_mode))
        usage->files++;
    else
        usage->others++;
    /* A file with several names takes its room once. */
    if (!S_ISDIR(status->st_mode) && status->st_nlink > 1 &&
        bj_files_seen_find(&usage->seen, status) != NULL)
        return 0;
    if (!S_ISDIR(status->st_mode) && status->st_nlink > 1)
        bj_files_seen_add(&usage->seen, status, "");
    if (S_ISREG(status->st_mode))
        usage->bytes += status->st_size;
    usage->allocated += (int64_t)status->st_blocks * 512;
    return 0;
}

static void put_file_system(struct bj_files *files, const char *path)
{
    struct statvfs system;

    if (BJ_SYS(statvfs(path, &system)) < 0)
        return;
    bj_files_put_int(&files->end, "total", (int64_t)system.f_blocks * (int64_t)system.f_frsize);
    bj_files_put_int(&files->end, "free", (int64_t)system.f_bavail * (int64_t)system.f_frsize);
    bj_files_put_int(&files->end, "inodes", (int64_t)system.f_files);
    bj_files_put_int(&files->end, "inodes_free", (int64_t)system.f_favail);
}

int bj_files_run_usage(struct bj_files *files, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL;
    struct usage usage = {0};
    struct bj_files_walk walk = {.visit = add_usage, .context = &usage};
    struct bj_files_entry top = {0};
    enum bj_files_step step;
    int result = bj_files_absolute(files->arguments[0], &path, err);

    if (result < 0)
        return result;
    bj_files_set_time(files, BJ_FILES_TIME_MS);
    if (BJ_SYS(fstatat(AT_FDCWD, path, &top.status, 0)) < 0)
        return bj_files_fail(err, "usage", "cannot look at %s", path);
    result = add_usage(&usage, &top, &step, err);
    if (result == 0 && S_ISDIR(top.status.st_mode))
        result = bj_files_walk(files, &walk, path, err);
    bj_files_seen_release(&usage.seen);
    if (result < 0)
        return result;
    bj_files_put_int(&files->end, "bytes", usage.bytes);
    bj_files_put_int(&files->end, "allocated", usage.allocated);
    bj_files_put_int(&files->end, "files", usage.files);
    bj_files_put_int(&files->end, "directories", usage.directories);
    bj_files_put_int(&files->end, "others", usage.others);
    put_file_system(files, path);
    return 0;
}
