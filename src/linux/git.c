/* The guard of a repository's .git/commondir. */
#include "linux/git.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"

#define REDIRECT "commondir"

static bool is_there(int git_fd)
{
    struct stat status;

    return fstatat(git_fd, REDIRECT, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

void bj_git_guard_open(struct bj_git_guard *guard, const char *workspace)
{
    char path[BJ_PATH_MAX];

    guard->git_fd = -1;
    if (snprintf(path, sizeof path, "%s/.git", workspace) >= (int)sizeof path)
        return;
    guard->git_fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (guard->git_fd >= 0 && is_there(guard->git_fd))
        bj_fd_close(&guard->git_fd); /* it was there before: bound read-only like the others */
}

bool bj_git_guard_close(struct bj_git_guard *guard)
{
    bool removed =
        guard->git_fd >= 0 && is_there(guard->git_fd) && unlinkat(guard->git_fd, REDIRECT, 0) == 0;

    bj_fd_close(&guard->git_fd);
    return removed;
}
