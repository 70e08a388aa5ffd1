/*
 * Where workspaces lie.
 *
 * With privilege each is a file system of its own in a sparse file of the state directory, as large
 * as disk_mb says and with room for so many files (linux/image.h): what is written does not count
 * as memory, and neither bytes nor files can go beyond. It is handed to the launcher with the plan
 * and goes with the sandbox. Making one takes about 2 ms, so those of a size are copied from one
 * that was formatted once.
 *
 * Without privilege a workspace is a tmpfs, whose limits are the same but which is memory. That is
 * said of every sandbox that has one. Which of the two it is, is found out once, at the start.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "keeper/keeper_internal.h"
#include "linux/image.h"

#define MIB           ((int64_t)1 << 20)
#define NO_LIMIT_MB   8192 /* of a workspace for which disk_mb says none; the file is sparse */
#define INODES_PER_MB 64   /* as in a tmpfs of the same size */
#define INODES_MIN    4096
#define SMALLEST_MB   2 /* less is no ext4 */
#define PROBE_MB      16

static struct bj_workspace_template *find_template(struct bj_workspaces *all, int64_t megabytes)
{
    struct bj_workspace_template *oldest = &all->templates[0];

    for (size_t i = 0; i < BJ_WORKSPACE_TEMPLATES; i++) {
        struct bj_workspace_template *at = &all->templates[i];

        if (at->fd >= 0 && at->megabytes == megabytes) {
            at->used = ++all->uses;
            return at;
        }
        if (at->fd < 0 || (oldest->fd >= 0 && at->used < oldest->used))
            oldest = at;
    }
    bj_fd_close(&oldest->fd);
    return oldest;
}

static int make(struct bj_workspaces *all, int64_t megabytes, int *ret_fd, struct bj_error *err)
{
    struct bj_workspace_template *from = find_template(all, megabytes);
    int64_t inodes = megabytes * INODES_PER_MB;
    int result = 0;

    if (from->fd < 0) {
        from->megabytes = megabytes;
        from->used = ++all->uses;
        result = bj_image_format(megabytes * MIB, inodes < INODES_MIN ? INODES_MIN : inodes,
                                 &from->fd, err);
    }
    return result < 0 ? result : bj_image_mount(all->directory_fd, from->fd, ret_fd, err);
}

void bj_workspaces_init(struct bj_keeper *keeper)
{
    struct bj_workspaces *all = &keeper->workspaces;
    BJ_CLEANUP_CLOSE int fd = -1;
    int result = 0;

    for (size_t i = 0; i < BJ_WORKSPACE_TEMPLATES; i++)
        all->templates[i].fd = -1;
    all->directory_fd = -1;
    if (keeper->options->state == NULL || geteuid() != 0) {
        bj_fail(&all->why_not, BJ_E_UNSUPPORTED, "workspace",
                "only root can mount a file system in a file");
        return;
    }
    all->directory_fd = open(keeper->options->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (all->directory_fd < 0)
        result =
            bj_fail_errno(&all->why_not, "workspace", "cannot open %s", keeper->options->state);
    if (result == 0)
        result = make(all, PROBE_MB, &fd, &all->why_not);
    all->on_disk = result == 0;
}

void bj_workspaces_release(struct bj_keeper *keeper)
{
    for (size_t i = 0; i < BJ_WORKSPACE_TEMPLATES; i++)
        bj_fd_close(&keeper->workspaces.templates[i].fd);
    bj_fd_close(&keeper->workspaces.directory_fd);
}

int bj_workspace_make(struct bj_keeper *keeper, int64_t disk_mb, int *ret_fd, struct bj_error *err)
{
    struct bj_workspaces *all = &keeper->workspaces;

    *ret_fd = -1;
    if (!all->on_disk)
        return 0;
    if (disk_mb == 0)
        disk_mb = NO_LIMIT_MB;
    return make(all, disk_mb < SMALLEST_MB ? SMALLEST_MB : disk_mb, ret_fd, err);
}
