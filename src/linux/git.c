/* The guard of what may be missing in a repository. */
#include "linux/git.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/str.h"

#define DEPTH_MAX 16

static const char *const names[] = {"commondir", "hooks", "config", "config.worktree"};
#define NAME_COUNT (sizeof names / sizeof *names)

static bool is_there(int git_fd, const char *name)
{
    struct stat status;

    /* Anything but a clear no counts as yes. */
    return fstatat(git_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

void bj_git_guard_open(struct bj_git_guard *guard, const char *workspace)
{
    char path[BJ_PATH_MAX];

    *guard = (struct bj_git_guard){.git_fd = -1};
    if (snprintf(path, sizeof path, "%s/.git", workspace) >= (int)sizeof path)
        return;
    guard->git_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    for (size_t i = 0; guard->git_fd >= 0 && i < NAME_COUNT; i++) {
        if (!is_there(guard->git_fd, names[i]))
            guard->absent |= (uint32_t)1 << i;
    }
}

/* Opens a directory that may have been made unreadable on purpose. No link is followed. */
static int open_readable(int parent_fd, const char *name)
{
    BJ_CLEANUP_CLOSE int path_fd =
        openat(parent_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    char itself[32];

    if (path_fd < 0)
        return -1;
    snprintf(itself, sizeof itself, "/proc/self/fd/%d", path_fd);
    chmod(itself, 0700);
    return open(itself, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Removes a file or a whole directory, as far as it goes; links are removed, never followed. */
static void remove_all(int parent_fd, const char *name, int depth)
{
    struct dirent *entry;
    DIR *directory;
    int fd;

    if (unlinkat(parent_fd, name, 0) == 0 || errno != EISDIR || depth > DEPTH_MAX)
        return;
    fd = open_readable(parent_fd, name);
    directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (directory == NULL) {
        bj_fd_close(&fd);
        return;
    }
    while ((entry = readdir(directory)) != NULL) {
        if (!bj_streq(entry->d_name, ".") && !bj_streq(entry->d_name, ".."))
            remove_all(dirfd(directory), entry->d_name, depth + 1);
    }
    closedir(directory);
    unlinkat(parent_fd, name, AT_REMOVEDIR);
}

/* First to a name that git does not know, which is one step and cannot stop half way; then for
 * good. */
static bool take_away(int git_fd, const char *name)
{
    uint64_t random = 0;
    char aside[64];

    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return false;
    snprintf(aside, sizeof aside, "belljar-removed-%016llx", (unsigned long long)random);
    if (renameat(git_fd, name, git_fd, aside) < 0)
        return false;
    remove_all(git_fd, aside, 0);
    return true;
}

bool bj_git_guard_close(struct bj_git_guard *guard, const char **ret_name, bool *ret_gone)
{
    bool found = false, gone;
    struct stat status;

    /* The directory may have been made unwritable, to keep what was put there. */
    if (guard->git_fd >= 0 && guard->absent != 0 && fstat(guard->git_fd, &status) == 0 &&
        (status.st_mode & 0700) != 0700)
        fchmod(guard->git_fd, (status.st_mode & 07777) | 0700);
    for (size_t i = 0; guard->git_fd >= 0 && i < NAME_COUNT; i++) {
        if (!(guard->absent & (uint32_t)1 << i) || !is_there(guard->git_fd, names[i]))
            continue;
        gone = take_away(guard->git_fd, names[i]);
        if (found && !*ret_gone)
            continue; /* the worse news stays */
        found = true;
        *ret_name = names[i];
        *ret_gone = gone;
    }
    bj_fd_close(&guard->git_fd);
    return found;
}
