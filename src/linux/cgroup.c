/* Control groups. */
#include "linux/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/str.h"

#define CGROUP_ROOT     "/sys/fs/cgroup"
#define V1_MAGIC        0x27e0eb
#define V2_MAGIC        0x63677270
#define REMOVE_TRIES    1000
#define REMOVE_PAUSE_NS 10000000

static const char *const controller_names[BJ_CONTROLLER_COUNT] = {"memory", "pids", "cpu"};

/* The word `name` in a list separated by spaces, commas or newlines. */
static bool has_word(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (const char *at = list; (at = strstr(at, name)) != NULL; at += length) {
        bool starts = at == list || strchr(" ,\n", at[-1]) != NULL;

        if (starts && strchr(" ,\n", at[length]) != NULL)
            return true;
    }
    return false;
}

static long magic_of(const char *path)
{
    struct statfs status;

    return statfs(path, &status) < 0 ? 0 : (long)status.f_type;
}

/* The own cgroup of a controller as /proc/self/cgroup has it; controller "" = version 2. */
static bool own_path(const char *text, const char *controller, char *ret, size_t size)
{
    for (const char *line = text; *line != '\0';) {
        const char *list = strchr(line, ':'), *path = list != NULL ? strchr(list + 1, ':') : NULL;
        const char *end = strchrnul(line, '\n');

        if (path != NULL && path < end) {
            char names[128];

            snprintf(names, sizeof names, "%.*s", (int)(path - list - 1), list + 1);
            if (*controller == '\0' ? names[0] == '\0' : has_word(names, controller)) {
                snprintf(ret, size, "%.*s", (int)(end - path - 1), path + 1);
                return true;
            }
        }
        line = *end == '\n' ? end + 1 : end;
    }
    return false;
}

/* May a child be made in this directory and processes of ours be moved there? */
static bool may_use(const char *directory)
{
    char path[BJ_PATH_MAX];

    snprintf(path, sizeof path, "%s/cgroup.procs", directory);
    return access(directory, W_OK | X_OK) == 0 && access(path, W_OK) == 0;
}

static void find_v2(struct bj_host *host, const char *own)
{
    char directory[sizeof host->cgroup_path[0]], path[320], enabled[256];
    size_t root_length = strlen(CGROUP_ROOT);

    snprintf(directory, sizeof directory, CGROUP_ROOT "%s", bj_streq(own, "/") ? "" : own);
    while (strlen(directory) >= root_length) {
        bool any = false;

        snprintf(path, sizeof path, "%s/cgroup.subtree_control", directory);
        if (!may_use(directory))
            return; /* above it, moving this process would be refused as well */
        if (bj_read_small_file_at(AT_FDCWD, path, enabled, sizeof enabled) > 0) {
            for (int i = 0; i < BJ_CONTROLLER_COUNT; i++) {
                if (!has_word(enabled, controller_names[i]))
                    continue;
                memcpy(host->cgroup_path[i], directory, sizeof directory);
                any = true;
            }
        }
        if (any) {
            host->cgroup = BJ_CGROUP_V2;
            memcpy(host->freezer_path, directory, sizeof directory);
            return;
        }
        *strrchr(directory, '/') = '\0';
    }
}

/* Where a controller of version 1 lets us make cgroups; false, and "", where none does. */
static bool find_v1_controller(const char *text, const char *name, char *ret, size_t size)
{
    char own[192], mount[64];

    snprintf(mount, sizeof mount, CGROUP_ROOT "/%s", name);
    *ret = '\0';
    if (!own_path(text, name, own, sizeof own) || magic_of(mount) != V1_MAGIC)
        return false;
    snprintf(ret, size, "%s%s", mount, bj_streq(own, "/") ? "" : own);
    if (!may_use(ret))
        *ret = '\0';
    return *ret != '\0';
}

static void find_v1(struct bj_host *host, const char *text)
{
    find_v1_controller(text, "freezer", host->freezer_path, sizeof host->freezer_path);
    for (int i = 0; i < BJ_CONTROLLER_COUNT; i++) {
        if (find_v1_controller(text, controller_names[i], host->cgroup_path[i],
                               sizeof host->cgroup_path[i]))
            host->cgroup = BJ_CGROUP_V1;
    }
}

void bj_cgroup_find(struct bj_host *host)
{
    char text[4096], own[192];

    if (bj_read_small_file_at(AT_FDCWD, "/proc/self/cgroup", text, sizeof text) <= 0)
        return;
    if (magic_of(CGROUP_ROOT) == V2_MAGIC && own_path(text, "", own, sizeof own))
        find_v2(host, own);
    else
        find_v1(host, text);
}

int bj_cgroup_make(const char *path)
{
    char file[BJ_PATH_MAX];
    struct stat status;
    bool v1;

    if (BJ_SYS(mkdir(path, 0755)) < 0 && errno != EEXIST)
        return -1;
    /* Version 1 has "tasks": one thread moves without the lock that "cgroup.procs" takes. */
    snprintf(file, sizeof file, "%s/tasks", path);
    v1 = stat(file, &status) == 0;
    if (!v1)
        snprintf(file, sizeof file, "%s/cgroup.procs", path);
    return BJ_SYS(open(file, O_WRONLY | O_CLOEXEC));
}

int bj_cgroup_try_remove(const char *path)
{
    return rmdir(path) == 0 || errno == ENOENT ? 0 : -1;
}

int bj_cgroup_remove(const char *path)
{
    const struct timespec pause = {.tv_nsec = REMOVE_PAUSE_NS};

    for (int i = 0; i < REMOVE_TRIES; i++) {
        if (bj_cgroup_try_remove(path) == 0)
            return 0;
        if (errno != EBUSY)
            return -1;
        nanosleep(&pause, NULL);
    }
    return -1;
}

int bj_cgroup_freeze(const char *path, bool frozen)
{
    char file[BJ_PATH_MAX];

    snprintf(file, sizeof file, "%s/cgroup.freeze", path);
    if (bj_write_file_at(AT_FDCWD, file, frozen ? "1" : "0") == 0)
        return 0;
    if (errno != ENOENT)
        return -1;
    snprintf(file, sizeof file, "%s/freezer.state", path);
    return bj_write_file_at(AT_FDCWD, file, frozen ? "FROZEN" : "THAWED");
}

bool bj_cgroup_is_frozen(const char *path)
{
    char file[BJ_PATH_MAX], text[256];

    snprintf(file, sizeof file, "%s/cgroup.events", path);
    if (bj_read_small_file_at(AT_FDCWD, file, text, sizeof text) > 0)
        return strstr(text, "frozen 1") != NULL;
    snprintf(file, sizeof file, "%s/freezer.state", path);
    return bj_read_small_file_at(AT_FDCWD, file, text, sizeof text) > 0 &&
           strncmp(text, "FROZEN", strlen("FROZEN")) == 0;
}

static int64_t read_number(const char *directory, const char *name)
{
    char path[BJ_PATH_MAX], text[64];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (bj_read_small_file_at(AT_FDCWD, path, text, sizeof text) <= 0)
        return 0;
    return strtoll(text, NULL, 10);
}

/* The number behind "oom_kill " in a file of "key value" lines. */
static int64_t read_oom_kills(const char *directory, const char *name)
{
    char path[BJ_PATH_MAX], text[512], *found;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (bj_read_small_file_at(AT_FDCWD, path, text, sizeof text) <= 0)
        return 0;
    found = strstr(text, "oom_kill ");
    return found != NULL ? strtoll(found + strlen("oom_kill "), NULL, 10) : 0;
}

int64_t bj_cgroup_oom_kills(const char *path)
{
    int64_t kills = *path != '\0' ? read_oom_kills(path, "memory.events") : 0;

    return kills != 0 || *path == '\0' ? kills : read_oom_kills(path, "memory.oom_control");
}

void bj_cgroup_read_memory(const char *path, struct bj_cgroup_memory *ret)
{
    ret->peak = read_number(path, "memory.peak");
    if (ret->peak == 0)
        ret->peak = read_number(path, "memory.max_usage_in_bytes");
    ret->oom_kills = bj_cgroup_oom_kills(path);
}

/* The number in whichever of the files there is, by the version of cgroups; none of these is 0 of a
 * cgroup with something in it. -1 = not known. */
static int64_t read_either(const char *directory, const char *name, const char *other)
{
    int64_t number = *directory != '\0' ? read_number(directory, name) : 0;

    if (number == 0 && *directory != '\0' && other != NULL)
        number = read_number(directory, other);
    return number > 0 ? number : -1;
}

void bj_cgroup_read_figures(const char *memory, const char *pids, const char *cpu,
                            struct bj_cgroup_figures *ret)
{
    static const char usec[] = "usage_usec ";
    char path[BJ_PATH_MAX], text[512], *found;

    *ret = (struct bj_cgroup_figures){
        .memory = read_either(memory, "memory.current", "memory.usage_in_bytes"),
        .memory_peak = read_either(memory, "memory.peak", "memory.max_usage_in_bytes"),
        .tasks = read_either(pids, "pids.current", NULL),
        .cpu_us = -1,
    };
    snprintf(path, sizeof path, "%s/cpu.stat", cpu);
    if (*cpu != '\0' && bj_read_small_file_at(AT_FDCWD, path, text, sizeof text) > 0 &&
        (found = strstr(text, usec)) != NULL)
        ret->cpu_us = strtoll(found + strlen(usec), NULL, 10);
}
