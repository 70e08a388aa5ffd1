/*
 * The workload's paths on the host: which host file it will find under a path, before there is a
 * sandbox. Links are followed as they lead inside, not as they lead here.
 */
#ifndef BJ_LINUX_VIEW_H
#define BJ_LINUX_VIEW_H

#include <stdbool.h>
#include <sys/stat.h>

#include "model/config.h"
#include "model/host.h"

struct bj_view {
    const struct bj_config *config; /* borrowed, and settled */
    const struct bj_host *host;
    const char *directory; /* where the workspace appears */
};

void bj_view_init(struct bj_view *view, const struct bj_config *config, const struct bj_host *host);

/* May the workload write there? */
bool bj_view_is_writable(const struct bj_view *view, const char *path);

/* The host path of a path inside that has no links; NULL if it is none of the host's files. */
const char *bj_view_host(const struct bj_view *view, const char *path, char *space, size_t size);

/*
 * Follows a path (below `directory` if it is relative) to its end. Each symbolic link on the way is
 * told to `linked`, which may be NULL. False, with errno, where there is no such file.
 */
bool bj_view_resolve(const struct bj_view *view, const char *path,
                     void (*linked)(void *data, const char *link), void *data,
                     char ret_path[BJ_PATH_MAX], struct stat *ret_status);

#endif
