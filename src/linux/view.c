/* Paths of the workload on the host. See view.h. */
#include "linux/view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#define LINKS_MAX 40 /* as the kernel */

void bj_view_init(struct bj_view *view, const struct bj_config *config, const struct bj_host *host)
{
    const char *source = config->workspace_path != NULL ? config->workspace_path : host->directory;

    *view = (struct bj_view){.config = config, .host = host, .directory = source};
    if (config->working_directory != NULL)
        view->directory = config->working_directory;
    else if (config->workspace == BJ_WORKSPACE_EMPTY)
        view->directory = "/workspace";
}

/* A tree of the host's in the sandbox. */
struct place {
    const char *source, *target;
    bool writable;
};

/* Where a path lies: what was mounted last covers what came before. */
static bool find_place(const struct bj_view *view, const char *path, struct place *ret)
{
    const struct bj_config *config = view->config;
    const struct bj_host *host = view->host;

    for (int64_t i = config->volume_count; i > 0; i--) {
        const struct bj_volume *volume = &config->volumes[i - 1];

        *ret = (struct place){volume->source, volume->target, !volume->read_only};
        if (bj_path_is_below(path, ret->target))
            return true;
    }
    *ret = (struct place){host->workspace, view->directory, true};
    if (config->workspace == BJ_WORKSPACE_DIRECTORY && bj_path_is_below(path, ret->target))
        return true;
    for (int i = 0; i < host->system_count; i++) {
        const struct bj_system_dir *dir = &host->system[i];

        *ret = (struct place){dir->path, dir->path, false};
        if (dir->kind == BJ_SYSTEM_DIRECTORY && bj_path_is_below(path, dir->path))
            return true;
        if (dir->kind == BJ_SYSTEM_LINK && bj_streq(path, dir->path))
            return true;
    }
    return false;
}

bool bj_view_is_writable(const struct bj_view *view, const char *path)
{
    struct place place;

    return find_place(view, path, &place) && place.writable;
}

const char *bj_view_host(const struct bj_view *view, const char *path, char *space, size_t size)
{
    struct place place;
    int length;

    if (!find_place(view, path, &place))
        return NULL;
    length = snprintf(space, size, "%s%s", place.source, path + strlen(place.target));
    return length > 0 && (size_t)length < size ? space : NULL;
}

/* One resolution under way. */
struct walk {
    char done[BJ_PATH_MAX];    /* without links; "" is the root */
    char pending[BJ_PATH_MAX]; /* what is still to be followed */
    int links;
};

static bool set_pending(struct walk *walk, const char *first, const char *rest)
{
    char joined[2 * BJ_PATH_MAX];

    snprintf(joined, sizeof joined, "%s/%s", first, rest);
    if (!bj_str_copy(walk->pending, sizeof walk->pending, joined)) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (first[0] == '/')
        walk->done[0] = '\0';
    return true;
}

/* Is the last component done a link? Then what it says comes next. False with errno. */
static bool follow(const struct bj_view *view, struct walk *walk, const char *rest,
                   void (*linked)(void *data, const char *link), void *data)
{
    char space[BJ_PATH_MAX], target[BJ_PATH_MAX];
    const char *host = bj_view_host(view, walk->done, space, sizeof space);
    ssize_t length = host != NULL ? readlink(host, target, sizeof target - 1) : -1;

    if (host != NULL && length < 0 && errno != EINVAL)
        return false;
    if (length <= 0)
        return bj_str_copy(walk->pending, sizeof walk->pending, rest);
    if (++walk->links > LINKS_MAX) {
        errno = ELOOP;
        return false;
    }
    target[length] = '\0';
    if (linked != NULL)
        linked(data, walk->done);
    *strrchr(walk->done, '/') = '\0';
    return set_pending(walk, target, rest);
}

static bool step(const struct bj_view *view, struct walk *walk,
                 void (*linked)(void *data, const char *link), void *data)
{
    size_t used = strlen(walk->done), length = strcspn(walk->pending, "/");
    char rest[BJ_PATH_MAX], *slash;

    bj_str_copy(rest, sizeof rest, walk->pending + length + (walk->pending[length] == '/'));
    if (length == 0 || (length == 1 && walk->pending[0] == '.'))
        return bj_str_copy(walk->pending, sizeof walk->pending, rest);
    if (length == 2 && bj_starts_with(walk->pending, "..")) {
        slash = strrchr(walk->done, '/');
        if (slash != NULL)
            *slash = '\0';
        return bj_str_copy(walk->pending, sizeof walk->pending, rest);
    }
    if (used + 1 + length >= sizeof walk->done) {
        errno = ENAMETOOLONG;
        return false;
    }
    walk->done[used] = '/';
    memcpy(walk->done + used + 1, walk->pending, length);
    walk->done[used + 1 + length] = '\0';
    return follow(view, walk, rest, linked, data);
}

bool bj_view_resolve(const struct bj_view *view, const char *path,
                     void (*linked)(void *data, const char *link), void *data,
                     char ret_path[BJ_PATH_MAX], struct stat *ret_status)
{
    struct walk walk = {0};
    char space[BJ_PATH_MAX];
    const char *host;

    if (!set_pending(&walk, path[0] == '/' ? path : view->directory, path[0] == '/' ? "" : path))
        return false;
    while (walk.pending[0] != '\0') {
        if (!step(view, &walk, linked, data))
            return false;
    }
    host = bj_view_host(view, walk.done, space, sizeof space);
    if (host == NULL) {
        errno = ENOENT;
        return false;
    }
    bj_str_copy(ret_path, BJ_PATH_MAX, walk.done);
    return lstat(host, ret_status) == 0;
}
