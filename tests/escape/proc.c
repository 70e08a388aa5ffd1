/*
 * /proc and /sys: knobs that change the host, windows that show it. Knobs are opened, never
 * written.
 */
#include "attempt.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

static enum outcome open_knob(const struct attempt *row)
{
    int fd = open(row->path, O_WRONLY | O_CLOEXEC);
    return judged(row, fd >= 0, row->path);
}

static enum outcome read_window(const struct attempt *row)
{
    char data[4096];
    int fd = open(row->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, data, sizeof(data));
    /* The kernel log has nothing new to say now and then; that it opens is enough. */
    if (fd >= 0 && size < 0 && errno == EAGAIN) {
        return done("%s opens", row->path);
    }
    return judged(row, size > 0, row->path);
}

/* Who may not see them reads zeros. */
static enum outcome read_addresses(const struct attempt *row)
{
    char line[256];
    FILE *file = fopen(row->path, "re");
    for (int i = 0; file && i < 200 && fgets(line, sizeof(line), file); i++) {
        if (strtoull(line, NULL, 16)) {
            return done("%.40s", line);
        }
    }
    errno = file ? 0 : errno;
    return judged(row, false, row->path);
}

/* The text that the driver looks for is in a file the kernel keeps for everybody. */
static enum outcome find_fact(const struct attempt *row)
{
    char line[1024];
    const char *wanted = fact(row->number ? "lock_inode" : "abstract");
    FILE *file = fopen(row->path, "re");
    if (!file) {
        return refused("%s", row->path);
    }
    while (fgets(line, sizeof(line), file)) {
        if (*wanted && strstr(line, wanted)) {
            return done("%.100s", line);
        }
    }
    errno = 0;
    return refused("not in %s", row->path);
}

static enum outcome find_port(const struct attempt *row)
{
    char line[512], wanted[16];
    snprintf(wanted, sizeof(wanted), ":%04lX ", fact_number("tcp4"));
    FILE *file = fopen(row->path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        if (strstr(line, wanted)) {
            return done("the host's port is listed");
        }
    }
    errno = 0;
    return refused("the host's port is not in %s", row->path);
}

static enum outcome list_tree(const struct attempt *row)
{
    int entries = 0;
    DIR *directory = opendir(row->path);
    while (directory && readdir(directory)) {
        entries++;
    }
    return judged(row, entries > 2, row->path);
}

/* ---- cgroups ---- */

static char found[PATH_MAX];

static bool walk_groups(const char *path, int depth, bool (*visit)(const char *directory))
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    bool result = directory && visit(path);
    while (directory && !result && depth < 3 && (entry = readdir(directory))) {
        if (entry->d_name[0] != '.' && entry->d_type == DT_DIR) {
            char below[PATH_MAX];
            snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
            result = walk_groups(below, depth + 1, visit);
        }
    }
    if (directory) {
        closedir(directory);
    }
    return result;
}

static bool join_group(const char *directory)
{
    snprintf(found, sizeof(found), "%s/cgroup.procs", directory);
    return write_text(found, "0");
}

static bool open_agent(const char *directory)
{
    snprintf(found, sizeof(found), "%s/release_agent", directory);
    int fd = open(found, O_WRONLY | O_CLOEXEC);
    return fd >= 0;
}

static bool make_group(const char *directory)
{
    snprintf(found, sizeof(found), "%s/%s", directory, marked("group"));
    return mkdirat(AT_FDCWD, found, 0755) == 0 && rmdir(found) == 0;
}

static enum outcome use_groups(const struct attempt *row)
{
    static bool (*const ways[])(const char *) = {join_group, open_agent, make_group};
    if (walk_groups("/sys/fs/cgroup", 0, ways[row->number])) {
        return done("%.200s", found);
    }
    return judged(row, false, "no cgroup to use");
}

#define KNOB(name, file)                                                                           \
    {                                                                                              \
        "knob-" name, 5, "open " file " to write", open_knob, .path = file, .flags = OUTSIDE_ROOT, \
                                                              .lacks = file                        \
    }
#define WINDOW(name, file, ...)                                                                    \
    {                                                                                              \
        "window-" name, 5, "read " file, read_window, .path = file, .lacks = file, __VA_ARGS__     \
    }
#define TREE(name, directory)                                                                      \
    {                                                                                              \
        "sys-" name, 5, "list " directory, list_tree, .path = directory, .lacks = directory        \
    }

const struct attempt proc_attempts[] = {
    KNOB("core-pattern", "/proc/sys/kernel/core_pattern"),
    KNOB("modprobe", "/proc/sys/kernel/modprobe"),
    KNOB("hostname", "/proc/sys/kernel/hostname"),
    KNOB("panic", "/proc/sys/kernel/panic"),
    KNOB("pid-max", "/proc/sys/kernel/pid_max"),
    KNOB("kptr-restrict", "/proc/sys/kernel/kptr_restrict"),
    KNOB("overcommit", "/proc/sys/vm/overcommit_memory"),
    KNOB("drop-caches", "/proc/sys/vm/drop_caches"),
    KNOB("forward", "/proc/sys/net/ipv4/ip_forward"),
    KNOB("file-max", "/proc/sys/fs/file-max"),
    KNOB("protected-links", "/proc/sys/fs/protected_hardlinks"),
    KNOB("binfmt", "/proc/sys/fs/binfmt_misc/register"),
    KNOB("sysrq-trigger", "/proc/sysrq-trigger"),
    KNOB("irq", "/proc/irq/default_smp_affinity"),
    KNOB("mtrr", "/proc/mtrr"),
    KNOB("bus-pci", "/proc/bus/pci/00/00.0"),
    KNOB("sys-uevent", "/sys/kernel/uevent_helper"),
    KNOB("sys-power", "/sys/power/state"),
    KNOB("sys-device", "/sys/block/vda/queue/scheduler"),
    WINDOW("kcore", "/proc/kcore", .flags = OUTSIDE_ROOT),
    WINDOW("kmsg", "/proc/kmsg", .flags = OUTSIDE_ROOT),
    WINDOW("keys", "/proc/keys", ),
    WINDOW("key-users", "/proc/key-users", ),
    WINDOW("timer-list", "/proc/timer_list", .flags = OUTSIDE_ROOT),
    WINDOW("sched-debug", "/sys/kernel/debug/sched/debug", .flags = OUTSIDE_ROOT),
    WINDOW("vmallocinfo", "/proc/vmallocinfo", .flags = OUTSIDE_ROOT),
    WINDOW("slabinfo", "/proc/slabinfo", .flags = OUTSIDE_ROOT),
    WINDOW("kpagecount", "/proc/kpagecount", .flags = OUTSIDE_ROOT),
    WINDOW("kpageflags", "/proc/kpageflags", .flags = OUTSIDE_ROOT),
    {"window-iomem", 5, "read the machine's addresses", read_addresses, .path = "/proc/iomem",
     .flags = OUTSIDE_ROOT},
    {"window-kallsyms", 5, "read the kernel's addresses", read_addresses, .path = "/proc/kallsyms",
     .flags = OUTSIDE_ROOT},
    {"window-locks", 5, "see a host process's lock in /proc/locks", find_fact,
     .path = "/proc/locks", .number = 1, .scenario = "lock:held"},
    {"window-unix", 5, "see the host's abstract sockets", find_fact, .path = "/proc/net/unix"},
    {"window-tcp", 5, "see the host's listening ports", find_port, .path = "/proc/net/tcp"},
    TREE("class", "/sys/class"),
    TREE("devices", "/sys/devices"),
    TREE("kernel", "/sys/kernel"),
    TREE("firmware", "/sys/firmware"),
    TREE("block", "/sys/block"),
    TREE("cgroup", "/sys/fs/cgroup"),
    {"cgroup-leave", 7, "move to another cgroup", use_groups, .number = 0, .flags = OUTSIDE_ROOT,
     .lacks = "a cgroup tree"},
    {"cgroup-agent", 7, "open a release agent", use_groups, .number = 1, .flags = OUTSIDE_ROOT,
     .lacks = "version 1 cgroups"},
    {"cgroup-make", 7, "make a cgroup", use_groups, .number = 2, .flags = OUTSIDE_ROOT,
     .lacks = "a cgroup tree"},
    {0},
};
