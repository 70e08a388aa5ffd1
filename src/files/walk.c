/*
 * Walking a tree that may change meanwhile: from descriptor to descriptor, never over a path, so
 * that a directory turned into a link leads nowhere else; bounded in levels, entries, names and
 * time.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fault.h"
#include "base/fd.h"
#include "files/internal.h"

struct walker {
    struct bj_files *files;
    const struct bj_files_walk *walk;
    struct bj_buf path;
    size_t root_length; /* where `relative` begins */
    unsigned deepest;
    bool stop;
};

static int walk_directory(struct walker *walker, int fd, unsigned depth, struct bj_error *err);

/* Into a directory, if it is still one. */
static int enter(struct walker *walker, const struct bj_files_entry *entry, struct bj_error *err)
{
    int fd;

    if (entry->depth >= walker->deepest) {
        /* Only what the program cannot do is told as left out, not what was not asked for. */
        if (walker->deepest == BJ_FILES_DEPTH_MAX)
            walker->files->truncated = "depth";
        return 0;
    }
    fd =
        BJ_SYS(openat(entry->dir_fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        walker->files->truncated = "depth";
    return fd < 0 ? 0 : walk_directory(walker, fd, entry->depth + 1, err);
}

static int visit(struct walker *walker, int dir_fd, const char *name, unsigned depth,
                 struct bj_error *err)
{
    const struct bj_files_walk *walk = walker->walk;
    struct bj_files_entry entry = {.dir_fd = dir_fd,
                                   .name = name,
                                   .path = walker->path.data,
                                   .path_length = walker->path.length,
                                   .relative = walker->path.data + walker->root_length,
                                   .depth = depth};
    enum bj_files_step step = BJ_STEP_ON;
    int result;

    if (BJ_SYS(fstatat(dir_fd, name, &entry.status, AT_SYMLINK_NOFOLLOW)) < 0)
        return 0; /* gone again */
    result = walk->visit(walk->context, &entry, &step, err);
    if (result < 0)
        return result;
    walker->stop = step == BJ_STEP_STOP;
    if (step != BJ_STEP_ON || !S_ISDIR(entry.status.st_mode))
        return 0;
    result = enter(walker, &entry, err);
    if (result < 0 || walk->leave == NULL)
        return result;
    entry.path = walker->path.data; /* it may have moved */
    entry.relative = walker->path.data + walker->root_length;
    return walk->leave(walk->context, &entry, err);
}

/* Puts a name behind the path; false where it does not fit. */
static bool append(struct walker *walker, const char *name)
{
    if (walker->path.length + strlen(name) + 2 > BJ_FILES_PATH_MAX) {
        walker->files->truncated = "depth";
        return false;
    }
    if (walker->path.length > walker->root_length)
        bj_buf_puts(&walker->path, "/");
    bj_buf_puts(&walker->path, name);
    return !walker->path.failed;
}

static int walk_names(struct walker *walker, int fd, const struct bj_files_names *names,
                      unsigned depth, struct bj_error *err)
{
    size_t length = walker->path.length;
    int result = 0;

    for (size_t i = 0; i < names->count && result == 0 && !walker->stop; i++) {
        const char *name = names->text + names->at[i];

        if (!bj_files_spend(walker->files)) {
            walker->stop = true;
            break;
        }
        if (append(walker, name))
            result = visit(walker, fd, name, depth, err);
        else if (walker->path.failed)
            return bj_fail(err, BJ_E_NO_MEMORY, "walk", "out of memory");
        walker->path.length = length;
        walker->path.data[length] = '\0';
    }
    return result;
}

/* Takes the descriptor. */
static int walk_directory(struct walker *walker, int fd, unsigned depth, struct bj_error *err)
{
    BJ_CLEANUP_CLOSE int held = fd;
    struct bj_files *files = walker->files;
    size_t keep = walker->walk->by_limit ? (size_t)files->limit_left + 1 : SIZE_MAX / 4;
    struct bj_files_names names = {0};
    bool more = false;
    int result = bj_files_names_read(files, held, keep, &names, &more, err);

    if (result < 0)
        return result == -BJ_E_NO_MEMORY ? result : 0;
    result = walk_names(walker, held, &names, depth, err);
    bj_files_names_release(files, &names);
    return result;
}

int bj_files_walk(struct bj_files *files, const struct bj_files_walk *walk, const char *root,
                  struct bj_error *err)
{
    struct walker walker = {.files = files, .walk = walk, .deepest = walk->depth};
    int result, fd = BJ_SYS(open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC));

    if (fd < 0)
        return bj_files_fail(err, "walk", "cannot open the directory %s", root);
    if (walker.deepest == 0 || walker.deepest > BJ_FILES_DEPTH_MAX)
        walker.deepest = BJ_FILES_DEPTH_MAX;
    bj_buf_init(&walker.path, 2 * BJ_FILES_PATH_MAX);
    bj_buf_puts(&walker.path, root);
    if (strcmp(root, "/") != 0)
        bj_buf_puts(&walker.path, "/");
    walker.root_length = walker.path.length;
    if (walker.path.failed) {
        bj_fd_close(&fd);
        bj_buf_release(&walker.path);
        return bj_fail(err, BJ_E_NO_MEMORY, "walk", "out of memory");
    }
    result = walk_directory(&walker, fd, 1, err);
    bj_buf_release(&walker.path);
    return result;
}
