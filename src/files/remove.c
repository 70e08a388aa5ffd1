/*
 * Removing a tree, however deep it is and whatever is done to it meanwhile. A directory deeper than
 * descriptors can be held is moved up beside the first one and is then a tree of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "files/internal.h"

#define HELD_MAX 64 /* directories open at once */

struct remover {
    struct bj_files *files;
    int top_fd;     /* what is too deep is moved here: the first directory */
    unsigned moved; /* so many were */
    int64_t removed;
    int failed; /* errno of the first that could not be removed; the rest goes all the same */
};

static void remove_in(struct remover *remover, int fd, unsigned depth);

static int open_directory(int dir_fd, const char *name)
{
    return BJ_SYS(openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

static void note(struct remover *remover)
{
    if (remover->failed == 0)
        remover->failed = errno;
}

static void move_up(struct remover *remover, int dir_fd, const char *name)
{
    char moved[64];

    snprintf(moved, sizeof moved, ".belljar-remove-%d-%u", (int)getpid(), remover->moved++);
    if (BJ_SYS(renameat(dir_fd, name, remover->top_fd, moved)) < 0)
        note(remover);
}

static void remove_name(struct remover *remover, int dir_fd, const char *name, unsigned depth)
{
    int fd;

    if (BJ_SYS(unlinkat(dir_fd, name, 0)) == 0) {
        remover->removed++;
        return;
    }
    if (errno == ENOENT)
        return;
    if (errno != EISDIR) {
        note(remover);
        return;
    }
    fd = depth < HELD_MAX ? open_directory(dir_fd, name) : -1;
    if (depth >= HELD_MAX || (fd < 0 && errno == EMFILE && depth > 1)) {
        move_up(remover, dir_fd, name);
        return;
    }
    if (fd >= 0)
        remove_in(remover, fd, depth + 1);
    if (BJ_SYS(unlinkat(dir_fd, name, AT_REMOVEDIR)) == 0)
        remover->removed++;
    else if (errno != ENOENT)
        note(remover);
}

/* Takes the descriptor. Again from the start until there is nothing that can be removed. */
static void remove_in(struct remover *remover, int fd, unsigned depth)
{
    BJ_CLEANUP_CLOSE int held = fd;
    struct bj_files_names names = {0};
    int64_t before;
    bool more;

    do {
        unsigned moved = remover->moved;

        before = remover->removed;
        (void)lseek(held, 0, SEEK_SET);
        if (bj_files_names_read(remover->files, held, SIZE_MAX / 4, &names, &more, NULL) < 0)
            return;
        for (size_t i = 0; i < names.count; i++)
            remove_name(remover, held, names.text + names.at[i], depth);
        more = names.count > 0 && (remover->removed > before || remover->moved > moved) &&
               remover->failed == 0;
        bj_files_names_release(remover->files, &names);
    } while (more);
}

int bj_files_remove_tree(struct bj_files *files, int dir_fd, const char *name, int64_t *removed,
                         struct bj_error *err)
{
    struct remover remover = {.files = files, .top_fd = -1};
    struct stat status;

    if (BJ_SYS(fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW)) < 0)
        return bj_files_fail(err, "remove", "cannot remove %s", name);
    if (S_ISDIR(status.st_mode)) {
        int top_fd = open_directory(dir_fd, name);

        if (top_fd < 0)
            return bj_files_fail(err, "remove", "cannot open %s", name);
        remover.top_fd = fcntl(top_fd, F_DUPFD_CLOEXEC, 0);
        remove_in(&remover, top_fd, 1);
        bj_fd_close(&remover.top_fd);
    }
    files->truncated = NULL; /* it went round again for what did not fit in memory */
    *removed += remover.removed;
    if (remover.failed == 0 &&
        BJ_SYS(unlinkat(dir_fd, name, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0)) == 0) {
        ++*removed;
        return 0;
    }
    if (remover.failed != 0)
        errno = remover.failed;
    return bj_files_fail(err, "remove", "cannot remove all of %s", name);
}

int bj_files_run_remove(struct bj_files *files, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *path = NULL;
    struct stat status;
    int64_t removed = 0;
    int result = bj_files_absolute(files->arguments[0], &path, err);

    if (result < 0)
        return result;
    if (BJ_SYS(fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW)) < 0) {
        if ((errno != ENOENT && errno != ENOTDIR) || !files->options.missing)
            return bj_files_fail(err, "remove", "cannot remove %s", path);
    } else if (files->options.recursive) {
        result = bj_files_remove_tree(files, AT_FDCWD, path, &removed, err);
    } else if (BJ_SYS(unlinkat(AT_FDCWD, path, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0)) < 0) {
        return bj_files_fail(err, "remove", "cannot remove %s", path);
    } else {
        removed = 1;
    }
    bj_files_put_int(&files->end, "removed", removed);
    return result;
}
