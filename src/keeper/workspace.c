/*
 * Where workspaces lie.
 *
 * With privilege each is a file system of its own in a sparse file of the state directory, as large
 * as disk_mb says and with room for so many files (linux/image.h): what is written does not count
 * as memory, and neither bytes nor files can go beyond. It is handed to the launcher with the plan
 * and goes with the sandbox. Those of a size are copied from one that was formatted once. A copy
 * takes about 2 ms, and on a disk that has stalled for ever, so it is made elsewhere (maker.c).
 *
 * Without privilege a workspace is a tmpfs, whose limits are the same but which is memory. That is
 * said of every sandbox that has one. Which of the two it is, is found out once, at the start.
 *
 * Of each size that was asked for one is kept ready, made while no acts come.
 */
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "keeper/keeper_internal.h"
#include "linux/image.h"

#define MIB           ((int64_t)1 << 20)
#define NO_LIMIT_MB   8192 /* of a workspace for which disk_mb says none; the file is sparse */
#define INODES_PER_MB 64   /* as in a tmpfs of the same size */
#define INODES_MIN    4096
#define SMALLEST_MB   2    /* less is no ext4 */
#define QUIET_US      5000 /* without an act, before a spare one is made */
#define PROBE_MB      16

/* That of the size, or a place for it; NULL: all of them are being made. */
static struct bj_workspace_template *find_template(struct bj_workspaces *all, int64_t megabytes)
{
    struct bj_workspace_template *oldest = NULL;

    for (size_t i = 0; i < BJ_WORKSPACE_TEMPLATES; i++) {
        struct bj_workspace_template *at = &all->templates[i];

        if ((at->fd >= 0 || at->maker.pid != 0) && at->megabytes == megabytes) {
            at->used = ++all->uses;
            return at;
        }
        if (at->maker.pid == 0 && at->making.id == 0 &&
            (oldest == NULL || at->fd < 0 || (oldest->fd >= 0 && at->used < oldest->used)))
            oldest = at;
    }
    if (oldest == NULL)
        return NULL;
    bj_fd_close(&oldest->fd);
    bj_maker_close(oldest->keeper, &oldest->spare_fd);
    return oldest;
}

static int64_t inodes_of(int64_t megabytes)
{
    int64_t inodes = megabytes * INODES_PER_MB;

    return inodes < INODES_MIN ? INODES_MIN : inodes;
}

/* Formats one of the size unless there is one. It waits, so this is for the start. */
static int format(struct bj_workspaces *all, struct bj_workspace_template *ret, int64_t megabytes,
                  struct bj_error *err)
{
    if (ret->fd >= 0)
        return 0;
    ret->megabytes = megabytes;
    ret->used = ++all->uses;
    return bj_image_format(megabytes * MIB, inodes_of(megabytes), &ret->fd, err);
}

static int make(struct bj_workspaces *all, struct bj_workspace_template *from, int64_t megabytes,
                int *ret_fd, struct bj_error *err)
{
    int result = format(all, from, megabytes, err);

    return result < 0 ? result : bj_image_mount(all->directory_fd, from->fd, ret_fd, err);
}

/* ---- making one while the loop turns ---- */

static void mounted(void *context, int fd, const struct bj_error *failed)
{
    struct bj_sandbox *sandbox = context;

    sandbox->disk_fd = fd;
    bj_sandbox_workspace_ready(sandbox, failed);
}

/* A copy for the sandbox, which waits for it. */
static int mount_later(struct bj_sandbox *sandbox, const struct bj_workspace_template *from,
                       struct bj_error *err)
{
    sandbox->making.done = mounted;
    sandbox->making.context = sandbox;
    return bj_maker_mount(sandbox->keeper, &sandbox->making, from->fd, err);
}

/* It has ended, or its time is over: those that wait go on, each with a copy or an error. */
static void formatted(struct bj_workspace_template *from)
{
    struct bj_sandbox *waiting = from->waiting;
    struct bj_error error = {0};
    int result;

    bj_deadline_clear(&from->keeper->deadlines, &from->deadline);
    bj_poll_free(from->watch);
    from->watch = NULL;
    from->waiting = NULL;
    result = bj_image_format_end(&from->maker, &from->fd, &error);
    while (waiting != NULL) {
        struct bj_sandbox *sandbox = waiting;
        int later = result;

        waiting = sandbox->next_waiting;
        sandbox->next_waiting = NULL;
        if (result == 0 && sandbox->stage != BJ_STAGE_ENDING)
            later = mount_later(sandbox, from, &error);
        if (later < 0 || sandbox->stage == BJ_STAGE_ENDING)
            bj_sandbox_workspace_ready(sandbox, later < 0 ? &error : NULL);
    }
}

static void maker_ended(void *context, int events)
{
    (void)events;
    formatted(context);
}

static void maker_is_late(struct bj_deadline *deadline)
{
    formatted((void *)((char *)deadline - offsetof(struct bj_workspace_template, deadline)));
}

static int format_later(struct bj_keeper *keeper, struct bj_workspace_template *ret,
                        int64_t megabytes, struct bj_error *err)
{
    int result = bj_image_format_begin(megabytes * MIB, inodes_of(megabytes), &ret->maker, err);

    if (result < 0)
        return result;
    ret->megabytes = megabytes;
    ret->used = ++keeper->workspaces.uses;
    ret->deadline.passed = maker_is_late;
    result = bj_poll_new(&keeper->loop, ret->maker.pidfd, maker_ended, ret, &ret->watch, err);
    if (result < 0) {
        bj_image_format_end(&ret->maker, &ret->fd, NULL);
        bj_fd_close(&ret->fd);
        return result;
    }
    bj_poll_for(ret->watch, UV_READABLE);
    bj_deadline_wait(&keeper->deadlines, &ret->deadline,
                     bj_deadlines_clock(&keeper->deadlines) + BJ_IMAGE_FORMAT_US);
    return 0;
}

/* ---- spare ones ---- */

static void spare_mounted(void *context, int fd, const struct bj_error *failed)
{
    struct bj_workspace_template *template = context;
    struct bj_workspaces *all = &template->keeper->workspaces;

    if (failed != NULL)
        return;
    bj_maker_close(template->keeper, &template->spare_fd);
    template->spare_fd = fd;
    bj_deadline_set(&template->keeper->deadlines, &all->deadline, bj_clock_us() + QUIET_US);
}

/* One spare, then the next a little later. Failing only makes the next sandbox slower. */
static void make_spare(struct bj_deadline *deadline)
{
    struct bj_keeper *keeper =
        (void *)((char *)deadline - offsetof(struct bj_keeper, workspaces.deadline));
    struct bj_workspaces *all = &keeper->workspaces;
    int64_t quiet_at = keeper->pool.acted_at + QUIET_US, now = bj_clock_us();
    bool made = false;

    if (keeper->stopping)
        return;
    for (size_t i = 0; now >= quiet_at && !made && i < BJ_WORKSPACE_TEMPLATES; i++) {
        struct bj_workspace_template *at = &all->templates[i];

        if (at->fd < 0 || at->spare_fd >= 0 || at->megabytes == PROBE_MB)
            continue;
        made = true;
        at->making.done = spare_mounted;
        at->making.context = at;
        if (at->making.id != 0 || bj_maker_mount(keeper, &at->making, at->fd, NULL) < 0)
            return;
    }
    if (now < quiet_at)
        bj_deadline_set(&keeper->deadlines, deadline, now + QUIET_US);
}

void bj_workspaces_init(struct bj_keeper *keeper)
{
    struct bj_workspaces *all = &keeper->workspaces;
    BJ_CLEANUP_CLOSE int fd = -1;
    int result = 0;

    for (size_t i = 0; i < BJ_WORKSPACE_TEMPLATES; i++)
        all->templates[i] =
            (struct bj_workspace_template){.keeper = keeper, .fd = -1, .spare_fd = -1};
    all->deadline.passed = make_spare;
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
        result = make(all, find_template(all, PROBE_MB), PROBE_MB, &fd, &all->why_not);
    all->on_disk = result == 0;
}

/* What disk_mb comes to. */
static int64_t size_of(int64_t disk_mb)
{
    if (disk_mb == 0)
        return NO_LIMIT_MB;
    return disk_mb < SMALLEST_MB ? SMALLEST_MB : disk_mb;
}

void bj_workspaces_warm(struct bj_keeper *keeper)
{
    struct bj_workspaces *all = &keeper->workspaces;

    for (uint32_t i = 0; all->on_disk && i < keeper->options->preset_count; i++) {
        int64_t megabytes = size_of(keeper->options->presets[i].config.disk_mb);

        if (i == BJ_WORKSPACE_TEMPLATES / 2 ||
            format(all, find_template(all, megabytes), megabytes, NULL) < 0)
            break;
        bj_deadline_set(&keeper->deadlines, &all->deadline, bj_clock_us());
    }
}

void bj_workspaces_release(struct bj_keeper *keeper)
{
    for (size_t i = 0; i < BJ_WORKSPACE_TEMPLATES; i++) {
        struct bj_workspace_template *at = &keeper->workspaces.templates[i];

        if (at->maker.pid != 0)
            formatted(at); /* nobody waits any more */
        bj_fd_close(&at->fd);
        bj_fd_close(&at->spare_fd);
    }
    bj_fd_close(&keeper->workspaces.directory_fd);
}

/* Files are sparse, so what is promised can be more than there is; an operator can bound it. */
static int promise(struct bj_keeper *keeper, int64_t megabytes, struct bj_error *err)
{
    int64_t most = keeper->options->max_total_disk_mb, promised = keeper->workspaces.promised_mb;

    if (most == 0 || megabytes <= most - promised)
        return 0;
    return bj_fail(err, BJ_E_FULL, "sandbox",
                   "sandboxes have %lld of the %lld MiB of disk that all of them may have "
                   "(limits.total_disk_mb): no %lld are left; end some, or ask for a smaller "
                   "resource_limits.disk_mb",
                   (long long)promised, (long long)most, (long long)megabytes);
}

int bj_workspace_make(struct bj_sandbox *sandbox, int64_t disk_mb, struct bj_error *err)
{
    struct bj_keeper *keeper = sandbox->keeper;
    struct bj_workspaces *all = &keeper->workspaces;
    struct bj_workspace_template *from;
    int result;

    if (!all->on_disk)
        return 0;
    disk_mb = size_of(disk_mb);
    result = promise(keeper, disk_mb, err);
    if (result < 0)
        return result;
    from = find_template(all, disk_mb);
    if (from == NULL)
        return bj_fail(err, BJ_E_BUSY, "sandbox", "too many sizes of workspaces are asked for");
    bj_deadline_set(&keeper->deadlines, &all->deadline, bj_clock_us() + QUIET_US);
    if (from->fd < 0 && from->maker.pid == 0)
        result = format_later(keeper, from, disk_mb, err);
    if (result == 0 && from->fd < 0) {
        sandbox->waits = true;
        sandbox->next_waiting = from->waiting;
        from->waiting = sandbox;
    } else if (result == 0 && from->spare_fd >= 0) {
        /* It was made while the disk had room, and is not made again where there is none. */
        sandbox->disk_fd = bj_fd_take(&from->spare_fd);
    } else if (result == 0) {
        result = mount_later(sandbox, from, err);
        sandbox->waits = result == 0;
    }
    if (result == 0)
        all->promised_mb += sandbox->disk_mb = disk_mb;
    return result;
}

void bj_workspace_release(struct bj_sandbox *sandbox)
{
    bj_maker_close(sandbox->keeper, &sandbox->disk_fd);
    sandbox->keeper->workspaces.promised_mb -= sandbox->disk_mb;
    sandbox->disk_mb = 0;
}
