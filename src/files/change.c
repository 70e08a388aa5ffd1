/* What changes names and permissions: mkdir, move, chmod, chown, xattr. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "files/internal.h"

#define PARENT_MODE 0755

/*
 * Makes what is missing of a path's directories, from the left. The path is the caller's own to
 * follow, links and all, as mkdir -p does. *ret_made: the last one was not there before.
 */
static int make_directories(char *path, mode_t mode, bool *ret_made, struct bj_error *err)
{
    *ret_made = false;
    for (char *slash = path + 1;; slash++) {
        bool last;
        struct stat status;

        slash += strcspn(slash, "/");
        last = *slash == '\0';
        *slash = '\0';
        *ret_made = BJ_SYS(mkdir(path, last ? mode : PARENT_MODE)) == 0;
        if (!*ret_made && (errno != EEXIST || fstatat(AT_FDCWD, path, &status, 0) < 0 ||
                           !S_ISDIR(status.st_mode))) {
            if (errno == EEXIST)
                errno = ENOTDIR;
            return bj_files_fail(err, "mkdir", "cannot make the directory %s", path);
        }
        if (last)
            return 0;
        *slash = '/';
    }
}

int bj_files_make_parents(const char *path, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *copy = bj_strdup(path);
    bool made;
    char *slash;

    if (copy == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "mkdir", "out of memory");
    slash = strrchr(copy, '/');
    if (slash == NULL || slash == copy)
        return 0;
    *slash = '\0';
    return make_directories(copy, PARENT_MODE, &made, err);
}

int bj_files_run_mkdir(struct bj_files *files, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL;
    int64_t mode = files->options.mode;
    bool made = false;
    int result = bj_files_absolute(files->arguments[0], &path, err);

    if (result == 0)
        result = make_directories(path, mode >= 0 ? (mode_t)mode : PARENT_MODE, &made, err);
    if (result < 0)
        return result;
    /* What was asked for, whatever the umask is. */
    if (made && mode >= 0 && BJ_SYS(chmod(path, (mode_t)mode)) < 0)
        return bj_files_fail(err, "mkdir", "cannot set the permissions of %s", path);
    return bj_files_put_path(files, path, "created", made, err);
}

/* Across file systems: a copy, and then the original goes. */
static int move_over(struct bj_files *files, const char *from, const char *to, struct bj_error *err)
{
    int64_t removed = 0;
    int result = bj_files_copy_tree(files, from, to, err);

    return result < 0 ? result : bj_files_remove_tree(files, AT_FDCWD, from, &removed, err);
}

int bj_files_run_move(struct bj_files *files, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *from = NULL, *to = NULL;
    int result = bj_files_absolute(files->arguments[0], &from, err);

    if (result == 0)
        result = bj_files_absolute(files->arguments[1], &to, err);
    if (result == 0 && files->options.parents &&
        faccessat(AT_FDCWD, from, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        result = bj_files_make_parents(to, err);
    if (result < 0)
        return result;
    if (BJ_SYS(renameat2(AT_FDCWD, from, AT_FDCWD, to,
                         files->options.keep ? RENAME_NOREPLACE : 0)) < 0) {
        if (errno != EXDEV)
            return bj_files_fail(err, "move", "cannot move %s to %s", from, to);
        result = move_over(files, from, to, err);
    }
    return result < 0 ? result : bj_files_put_path(files, to, NULL, false, err);
}

struct change {
    struct bj_files *files;
    bool owners; /* else permissions */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    int64_t changed;
};

static int change_one(struct change *change, int dir_fd, const char *name, const char *path,
                      const struct stat *status, struct bj_error *err)
{
    int done;

    if (change->owners)
        done = BJ_SYS(fchownat(dir_fd, name, change->uid, change->gid, AT_SYMLINK_NOFOLLOW));
    else if (S_ISLNK(status->st_mode))
        return 0; /* links have none */
    else
        done = BJ_SYS(fchmodat(dir_fd, name, change->mode, 0));
    if (done < 0)
        return bj_files_fail(err, "change", "cannot change the %s of %s",
                             change->owners ? "owner" : "permissions", path);
    change->changed++;
    return 0;
}

static int change_entry(void *context, const struct bj_files_entry *entry,
                        enum bj_files_step *ret_step, struct bj_error *err)
{
    struct change *change = context;

    (void)ret_step;
    if (S_ISDIR(entry->status.st_mode))
        return 0; /* when what is in it is done: the change may shut it */
    return change_one(change, entry->dir_fd, entry->name, entry->path, &entry->status, err);
}

static int change_directory(void *context, const struct bj_files_entry *entry, struct bj_error *err)
{
    return change_one(context, entry->dir_fd, entry->name, entry->path, &entry->status, err);
}

/* Of the path itself, which may be a link to what is meant, and of everything below. */
static int change_tree(struct bj_files *files, struct change *change, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL;
    struct bj_files_walk walk = {
        .visit = change_entry, .leave = change_directory, .context = change};
    struct stat status;
    int result = bj_files_absolute(files->arguments[1], &path, err), done;

    if (result < 0)
        return result;
    bj_files_set_time(files, 0);
    if (BJ_SYS(fstatat(AT_FDCWD, path, &status, 0)) < 0)
        return bj_files_fail(err, "change", "cannot look at %s", path);
    if (files->options.recursive && S_ISDIR(status.st_mode))
        result = bj_files_walk(files, &walk, path, err);
    if (result < 0)
        return result;
    done = change->owners ? BJ_SYS(chown(path, change->uid, change->gid))
                          : BJ_SYS(chmod(path, change->mode));
    if (done < 0)
        return bj_files_fail(err, "change", "cannot change the %s of %s",
                             change->owners ? "owner" : "permissions", path);
    bj_files_put_int(&files->end, "changed", change->changed + 1);
    return 0;
}

int bj_files_run_chmod(struct bj_files *files, struct bj_error *err)
{
    struct change change = {.files = files};
    int64_t mode;

    if (!bj_files_parse_octal(files->arguments[0], 01777, &mode))
        return bj_fail(err, BJ_E_INVALID, "chmod",
                       "%s are not octal permissions without set-id bits, such as 644",
                       files->arguments[0]);
    change.mode = (mode_t)mode;
    return change_tree(files, &change, err);
}

int bj_files_run_chown(struct bj_files *files, struct bj_error *err)
{
    struct change change = {.files = files, .owners = true, .uid = (uid_t)-1, .gid = (gid_t)-1};
    BJ_CLEANUP_FREE char *user = bj_strdup(files->arguments[0]);
    char *colon;

    if (user == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "chown", "out of memory");
    colon = strchr(user, ':');
    if (colon != NULL)
        *colon = '\0';
    if (*user != '\0' && !bj_files_user_id(user, &change.uid))
        return bj_fail(err, BJ_E_INVALID, "chown", "user not found: %s", user);
    if (colon != NULL && colon[1] != '\0' && !bj_files_group_id(colon + 1, &change.gid))
        return bj_fail(err, BJ_E_INVALID, "chown", "group not found: %s", colon + 1);
    return change_tree(files, &change, err);
}

static int remove_attributes(int fd, const char *path, const char *prefix, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *names = bj_alloc(BJ_FILES_XATTRS_MAX);
    ssize_t length;

    if (names == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "xattr", "out of memory");
    length = BJ_SYS(flistxattr(fd, names, BJ_FILES_XATTRS_MAX - 1));
    if (length < 0)
        return bj_files_fail(err, "xattr", "cannot read the attributes of %s", path);
    for (const char *name = names; name < names + length; name += strlen(name) + 1) {
        if (!bj_starts_with(name, "user.") || !bj_starts_with(name, prefix))
            continue;
        if (BJ_SYS(fremovexattr(fd, name)) < 0 && errno != ENODATA)
            return bj_files_fail(err, "xattr", "cannot remove the attribute %s of %s", name, path);
    }
    return 0;
}

static int set_attribute(int fd, const char *path, char *assignment, struct bj_error *err)
{
    char *equals = strchr(assignment, '=');

    if (equals == NULL || !bj_starts_with(assignment, "user."))
        return bj_fail(err, BJ_E_INVALID, "xattr", "%s is not user.NAME=VALUE", assignment);
    *equals = '\0';
    if (BJ_SYS(fsetxattr(fd, assignment, equals + 1, strlen(equals + 1), 0)) < 0)
        return bj_files_fail(err, "xattr", "cannot set the attribute %s of %s", assignment, path);
    return 0;
}

int bj_files_run_xattr(struct bj_files *files, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL;
    BJ_CLEANUP_CLOSE int fd = -1;
    struct stat status;
    int result = bj_files_absolute(files->arguments[0], &path, err);

    if (result < 0)
        return result;
    fd = BJ_SYS(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        result = bj_files_open(AT_FDCWD, path, O_RDONLY, &fd, &status, err);
    if (result == 0 && files->options.xattrs != NULL)
        result = remove_attributes(fd, path, files->options.xattrs, err);
    for (int i = 1; i < files->argument_count && result == 0; i++)
        result = set_attribute(fd, path, files->arguments[i], err);
    return result < 0 ? result : bj_files_put_path(files, path, NULL, false, err);
}
