/* Reads the surroundings from /proc, /sys and a few well-known files. */
#include "linux/surroundings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "linux/beside.h"

#define CGROUP_ROOT    "/sys/fs/cgroup"
#define CGROUP2_MAGIC  0x63677270
#define PID_NS_INITIAL "pid:[4026531836]"

static const char *const kinds[] = {
#define NAME(id, name) name,
    BJ_NAMESPACE_KINDS(NAME)
#undef NAME
};

const char *bj_namespace_name(enum bj_namespace_kind kind)
{
    return kinds[kind];
}

/* The first line of a file, without its end; "" when it cannot be read. */
static void read_line(const char *path, char *ret, size_t size)
{
    bj_read_small_file_at(AT_FDCWD, path, ret, size);
    ret[strcspn(ret, "\n")] = '\0';
}

static int64_t read_number(const char *path)
{
    int64_t value;
    char text[32];

    read_line(path, text, sizeof text);
    return bj_parse_int64(text, &value) ? value : -1;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void read_namespaces(struct bj_surroundings *ret)
{
    char path[64];

    for (int i = 0; i < BJ_NAMESPACE_KIND_COUNT; i++) {
        snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
        ret->namespace_built[i] = exists(path);
        snprintf(path, sizeof path, "/proc/sys/user/max_%s_namespaces", kinds[i]);
        ret->namespace_max[i] = read_number(path);
    }
    ret->unprivileged_clone = read_number("/proc/sys/kernel/unprivileged_userns_clone");
    ret->apparmor_restricts = read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
}

static void read_security(struct bj_surroundings *ret)
{
    char status[4096], *found;

    ret->selinux = read_number("/sys/fs/selinux/enforce") == 1;
    read_line("/sys/kernel/security/lsm", ret->security_modules, sizeof ret->security_modules);
    if (bj_read_small_file_at(AT_FDCWD, "/proc/self/status", status, sizeof status) <= 0)
        return;
    found = strstr(status, "\nSeccomp:\t");
    ret->filtered = found != NULL && found[strlen("\nSeccomp:\t")] != '0';
}

/* These lie on directories that are empty by definition; the kernel does not count them. */
static bool is_harmless(const char *point)
{
    return bj_path_is_below(point, "/proc/sys/fs/binfmt_misc") ||
           bj_path_is_below(point, "/proc/fs/nfsd");
}

static bool is_in_system(const struct bj_host *host, const char *point)
{
    for (int i = 0; i < host->system_count; i++) {
        if (host->system[i].kind == BJ_SYSTEM_DIRECTORY && !bj_streq(point, host->system[i].path) &&
            bj_path_is_below(point, host->system[i].path))
            return true;
    }
    return false;
}

/* mountinfo (proc(5)): the mount point is the fifth field. */
static void read_mounts(const struct bj_host *host, struct bj_surroundings *ret)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char point[256];

    ret->chrooted = file != NULL;
    while (file != NULL && fscanf(file, "%*s %*s %*s %*s %255s%*[^\n]", point) == 1) {
        if (bj_streq(point, "/"))
            ret->chrooted = false;
        if (bj_starts_with(point, "/proc/") && !is_harmless(point))
            ret->proc_covered++;
        if (ret->system_mount[0] == '\0' && is_in_system(host, point))
            snprintf(ret->system_mount, sizeof ret->system_mount, "%.127s", point);
    }
    if (file != NULL)
        fclose(file);
}

static bool in_cgroup_named(const char *part)
{
    char text[4096];

    return bj_read_small_file_at(AT_FDCWD, "/proc/1/cgroup", text, sizeof text) > 0 &&
           strstr(text, part) != NULL;
}

static bool in_own_pid_namespace(void)
{
    char link[64] = "";

    return readlink("/proc/self/ns/pid", link, sizeof link - 1) > 0 &&
           !bj_streq(link, PID_NS_INITIAL);
}

/* A file alone proves nothing: a container's image can be a machine's root file system as well. */
static void read_container(const struct bj_host *host, struct bj_surroundings *ret)
{
    static const struct {
        const char *name, *file, *variable, *cgroup;
    } signs[] = {
        {"kubernetes", "/var/run/secrets/kubernetes.io", "KUBERNETES_SERVICE_HOST", "kubepods"},
        {"podman", "/run/.containerenv", NULL, "libpod"},
        {"docker", "/.dockerenv", NULL, "docker"},
        {"lxc", "/dev/lxd", NULL, "/lxc"},
    };
    bool inside = in_own_pid_namespace();

    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        bool named = exists(signs[i].file) ||
                     (signs[i].variable != NULL && getenv(signs[i].variable) != NULL);

        if ((inside && named) || in_cgroup_named(signs[i].cgroup)) {
            bj_str_copy(ret->container, sizeof ret->container, signs[i].name);
            return;
        }
    }
    read_line("/run/systemd/container", ret->container, sizeof ret->container);
    if (ret->container[0] == '\0' &&
        (inside || (host->uid == 0 && host->privileged && !host->initial_user_ns)))
        bj_str_copy(ret->container, sizeof ret->container, "other");
}

static void read_cgroup(const struct bj_host *host, struct bj_surroundings *ret)
{
    struct statfs kind;
    struct statvfs status;
    char text[4096], path[64], *own;

    ret->cgroup_mounted = exists(CGROUP_ROOT "/cgroup.controllers") ||
                          exists(CGROUP_ROOT "/memory") || exists(CGROUP_ROOT "/pids");
    ret->cgroup_v2 = statfs(CGROUP_ROOT, &kind) == 0 && kind.f_type == CGROUP2_MAGIC;
    ret->cgroup_read_only = statvfs(CGROUP_ROOT, &status) == 0 && (status.f_flag & ST_RDONLY) != 0;
    read_line(CGROUP_ROOT "/cgroup.controllers", ret->cgroup_offered, sizeof ret->cgroup_offered);
    if (bj_read_small_file_at(AT_FDCWD, "/proc/self/cgroup", text, sizeof text) > 0) {
        own = bj_starts_with(text, "0::") ? text : strstr(text, "\n0::");
        own = own != NULL ? strstr(own, "::") + 2 : text + strlen(text);
        snprintf(ret->cgroup_own, sizeof ret->cgroup_own, "%.*s", (int)strcspn(own, "\n"), own);
    }
    ret->systemd = exists("/run/systemd/system");
    snprintf(path, sizeof path, "/run/user/%u/systemd/private", host->uid);
    ret->systemd_user = exists(path);
}

static void read_loop(const struct bj_host *host, struct bj_surroundings *ret)
{
    BJ_CLEANUP_CLOSE int fd = -1;

    if (host->uid != 0)
        return;
    fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    ret->no_loop = fd < 0 ? errno : 0;
}

void bj_surroundings_read(const struct bj_host *host, struct bj_surroundings *ret)
{
    struct utsname name;

    memset(ret, 0, sizeof *ret);
    if (uname(&name) == 0)
        bj_str_copy(ret->kernel, sizeof ret->kernel, name.release);
    if (bj_own_path(ret->program, sizeof ret->program, NULL) < 0)
        ret->program[0] = '\0';
    read_namespaces(ret);
    read_security(ret);
    read_mounts(host, ret);
    read_container(host, ret);
    read_cgroup(host, ret);
    read_loop(host, ret);
}
