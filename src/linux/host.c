/* Facts about the host, read in a few dozen system calls. */
#include "linux/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "linux/cgroup.h"
#include "linux/landlock.h"
#include "linux/subid.h"
#include "model/protected.h"

/*
 * Host ids of sandboxes: above the ranges of users, containers (subuid) and systemd-nspawn, below
 * the sign bit. A slot of ids for each process id makes them unique among the sandboxes alive.
 */
#define ID_FIRST       0x70000000u
#define ID_SLOTS       (1u << 22) /* as many as there can be processes */
#define PID_NS_INITIAL "pid:[4026531836]"

static const char *const system_paths[] = {"/usr",   "/etc",   "/bin", "/sbin", "/lib",
                                           "/lib32", "/lib64", "/opt", "/nix"};

static bool has_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    uint64_t needed = (uint64_t)1 << CAP_SYS_ADMIN | (uint64_t)1 << CAP_SETUID |
                      (uint64_t)1 << CAP_SETGID | (uint64_t)1 << CAP_DAC_OVERRIDE;
    uint64_t effective;

    if (syscall(SYS_capget, &head, data) < 0)
        return false;
    effective = data[0].effective | (uint64_t)data[1].effective << 32;
    return (effective & needed) == needed;
}

/* The ids that this user namespace has to give away: the first line of its map. */
static void read_ids(struct bj_host *host)
{
    unsigned long inside, outside, count;
    char text[256], link[64] = "";

    if (bj_read_small_file_at(AT_FDCWD, "/proc/self/uid_map", text, sizeof text) <= 0 ||
        sscanf(text, "%lu %lu %lu", &inside, &outside, &count) != 3)
        return;
    host->initial_user_ns = inside == 0 && outside == 0;
    host->id_random =
        readlink("/proc/self/ns/pid", link, sizeof link - 1) < 0 || !bj_streq(link, PID_NS_INITIAL);
    if (host->initial_user_ns && count == UINT32_MAX) {
        host->id_first = ID_FIRST;
        host->id_slots = ID_SLOTS;
    } else if (count >= 2 * BJ_ID_SLOT) {
        host->id_slots = (uint32_t)(count / 2 / BJ_ID_SLOT); /* the upper half */
        host->id_first = (uint32_t)(inside + count - host->id_slots * BJ_ID_SLOT);
    } else {
        host->privileged = false;
    }
}

/* The mount that a path is on; -1 if its file system does not tell. */
static int mount_of(const char *path)
{
    struct file_handle none = {0};
    int id = -1;

    /* EOVERFLOW: there was no room for the handle itself, which nobody wants. */
    if (name_to_handle_at(AT_FDCWD, path, &none, &id, 0) < 0 && errno != EOVERFLOW)
        return -1;
    return id;
}

/* What is mounted below a system directory would not be in an overlay of the root file system, and
 * what it hides would be. */
static void part_with_mounts(struct bj_host *host)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    bool read = file != NULL;
    char point[256];

    /* mountinfo (proc(5)): the mount point is the fifth field. */
    while (read && fscanf(file, "%*s %*s %*s %*s %255s%*[^\n]", point) == 1) {
        for (int i = 0; i < host->system_count; i++) {
            struct bj_system_dir *dir = &host->system[i];

            dir->together &= bj_streq(point, dir->path) || !bj_path_is_below(point, dir->path);
        }
    }
    read = read && !ferror(file);
    for (int i = 0; i < host->system_count; i++)
        host->system[i].together &= read;
    if (file != NULL)
        fclose(file);
}

/*
 * System directories of one mount can be shown by one overlay of it, where the whole of that mount
 * can be handed over: not in a container's user namespace, whose mounts hide what is below them.
 */
static void find_together(struct bj_host *host)
{
    int root = mount_of("/");

    if (!host->privileged || !host->initial_user_ns || root < 0)
        return;
    for (int i = 0; i < host->system_count; i++) {
        struct bj_system_dir *dir = &host->system[i];

        dir->together = dir->kind == BJ_SYSTEM_DIRECTORY && mount_of(dir->path) == root;
    }
    part_with_mounts(host);
}

static void read_system_dirs(struct bj_host *host)
{
    for (size_t i = 0; i < sizeof system_paths / sizeof *system_paths; i++) {
        struct bj_system_dir *dir = &host->system[host->system_count++];
        struct stat status;
        ssize_t length;

        dir->path = system_paths[i];
        if (lstat(dir->path, &status) < 0)
            dir->kind = BJ_SYSTEM_ABSENT;
        else if (S_ISDIR(status.st_mode))
            dir->kind = BJ_SYSTEM_DIRECTORY;
        if (dir->kind == BJ_SYSTEM_DIRECTORY && bj_streq(dir->path, "/opt") && status.st_nlink <= 2)
            dir->kind = BJ_SYSTEM_ABSENT; /* empty, as on most hosts: not worth a mount */
        if (!S_ISLNK(status.st_mode) || dir->kind == BJ_SYSTEM_DIRECTORY)
            continue;
        length = readlink(dir->path, dir->link, sizeof dir->link - 1);
        if (length > 0)
            dir->kind = BJ_SYSTEM_LINK;
    }
}

/* An overlay shows one file system only: others mounted below a system directory are bound
 * on top. */
static void read_system_mounts(struct bj_host *host)
{
    static const char *const candidates[] = {"/usr/local", "/usr/share", "/usr/lib", "/usr/src"};
    struct stat top, status;

    if (lstat("/usr", &top) < 0)
        return;
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        if (lstat(candidates[i], &status) == 0 && S_ISDIR(status.st_mode) &&
            status.st_dev != top.st_dev)
            host->system_mounts[host->system_mount_count++] = candidates[i];
    }
}

/* The first processor's lines; a whole /proc/cpuinfo is made from them. */
static void read_cpu_block(struct bj_host *host)
{
    char *end;

    if (bj_read_small_file_at(AT_FDCWD, "/proc/cpuinfo", host->cpu_block, sizeof host->cpu_block) <=
        0)
        return;
    end = strstr(host->cpu_block, "\n\n");
    if (end != NULL)
        end[1] = '\0';
}

static void read_protected(struct bj_host *host, int workspace_fd)
{
    for (int i = 0; bj_protected_paths[i].path != NULL; i++) {
        const struct bj_protected *row = &bj_protected_paths[i];
        struct stat status;

        if (fstatat(workspace_fd, row->path, &status, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (i == 0 && S_ISDIR(status.st_mode)) {
            host->git_directory = true; /* protected by its parts */
            continue;
        }
        host->protected_present |= (uint32_t)1 << i;
        if (S_ISLNK(status.st_mode) ||
            (row->parent != NULL &&
             fstatat(workspace_fd, row->parent, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
             S_ISLNK(status.st_mode)))
            host->protected_links |= (uint32_t)1 << i;
    }
}

/* Unix sockets in the top directory: reachable whatever the network namespace, so to be masked. */
static int read_sockets(struct bj_host *host, int workspace_fd, struct bj_error *err)
{
    int fd = openat(workspace_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    int result = 0;

    if (directory == NULL) {
        bj_fd_close(&fd);
        return bj_fail_errno(err, "workspace", "cannot look for sockets in the workspace");
    }
    while (result == 0 && (entry = readdir(directory)) != NULL) {
        struct stat status;

        if (entry->d_type != DT_SOCK && entry->d_type != DT_UNKNOWN)
            continue;
        if (fstatat(workspace_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISSOCK(status.st_mode))
            continue;
        if (host->socket_count == BJ_SOCKETS_MAX)
            result =
                bj_fail(err, BJ_E_LIMIT, "workspace",
                        "more than %d Unix sockets lie in the workspace's top directory; not all "
                        "of them could be covered",
                        BJ_SOCKETS_MAX);
        else
            bj_str_copy(host->sockets[host->socket_count++], sizeof host->sockets[0],
                        entry->d_name);
    }
    closedir(directory);
    return result;
}

/* The path of an open directory, without links and dots; false if it has none. */
static bool path_of(int fd, char *ret, size_t size)
{
    char link[32];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, ret, size);
    if (length <= 0 || (size_t)length >= size || ret[0] != '/') {
        ret[0] = '\0';
        return false;
    }
    ret[length] = '\0';
    return true;
}

static void read_home(struct bj_host *host)
{
    const char *home = getenv("HOME");
    BJ_CLEANUP_CLOSE int fd = -1;

    if (home == NULL || home[0] != '/')
        return;
    fd = open(home, O_PATH | O_CLOEXEC);
    if (fd < 0 || !path_of(fd, host->home, sizeof host->home))
        bj_str_copy(host->home, sizeof host->home, home);
}

static int read_workspace(const struct bj_config *config, struct bj_host *host,
                          struct bj_error *err)
{
    const char *path = config->workspace_path != NULL ? config->workspace_path : host->directory;
    BJ_CLEANUP_CLOSE int fd = -1;
    struct stat status;

    if (config->workspace != BJ_WORKSPACE_DIRECTORY)
        return 0;
    if (path[0] == '\0')
        return bj_fail(err, BJ_E_INVALID, "workspace",
                       "the current directory has no path; use --workspace DIR");
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return bj_fail_errno(err, "workspace", "cannot open the workspace %s", path);
    if (fstat(fd, &status) < 0)
        return bj_fail_errno(err, "workspace", "cannot stat the workspace %s", path);
    host->workspace_uid = status.st_uid;
    host->workspace_gid = status.st_gid;
    if (!path_of(fd, host->workspace, sizeof host->workspace))
        return bj_fail(err, BJ_E_INVALID, "workspace", "the workspace %s has no path", path);
    read_protected(host, fd);
    return read_sockets(host, fd, err);
}

static void read_kernel(struct bj_host *host)
{
    struct utsname name;
    int major, minor;

    if (uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) == 2)
        host->kernel = major * 1000 + minor;
    host->proc_sys_user = host->kernel >= 5014;
    host->landlock_abi = bj_landlock_abi();
}

static int read_oom_score(void)
{
    char text[16];

    if (bj_read_small_file_at(AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof text) <= 0)
        return 0;
    return (int)strtol(text, NULL, 10);
}

int bj_host_read(const struct bj_config *config, struct bj_host *ret, struct bj_error *err)
{
    static atomic_uint serial;
    static const char *const scratch_points[] = {"/tmp", "/mnt", "/run", "/var", "/sys"};
    struct stat status;

    memset(ret, 0, sizeof *ret);
    ret->uid = geteuid();
    ret->gid = getegid();
    ret->pid = getpid();
    ret->serial = atomic_fetch_add(&serial, 1) + 1;
    /* A layout shows the caller's files as they are: its workload has the caller's ids. */
    ret->privileged = ret->uid == 0 && has_capabilities() && config->layout == NULL;
    ret->cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    read_kernel(ret);
    if (ret->uid == 0) {
        read_ids(ret);
        ret->oom_score = read_oom_score();
    }
    if (config->ids == BJ_IDS_SUBORDINATE && !ret->privileged) {
        int result = bj_subid_read(ret, err);

        if (result < 0)
            return result;
    }
    bj_cgroup_find(ret);
    if (config->layout == NULL) {
        read_system_dirs(ret);
        read_system_mounts(ret);
        find_together(ret);
    }
    if (config->cpu_cores > 0 && config->cpu_cores < ret->cpus)
        read_cpu_block(ret);
    for (size_t i = 0; ret->scratch_point[0] == '\0' && i < 5; i++) {
        if (stat(scratch_points[i], &status) == 0 && S_ISDIR(status.st_mode))
            bj_str_copy(ret->scratch_point, sizeof ret->scratch_point, scratch_points[i]);
    }
    if (getcwd(ret->directory, sizeof ret->directory) == NULL)
        ret->directory[0] = '\0';
    read_home(ret);
    return read_workspace(config, ret, err);
}
