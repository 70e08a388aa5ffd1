/*
 * The sandbox's own init, process 1. The outer half runs under "naive" (naive.c), an init as one
 * would write it without thinking: it keeps the caller's environment, a secret in a descriptor and
 * its arguments, ends on SIGTERM, and reaps nobody but its child.
 */
#include "attempt.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define PIDFD_GET_MOUNT_NAMESPACE _IO(0xFF, 3)

static enum outcome read_file(const struct attempt *row)
{
    return read_secret(row->path);
}

static enum outcome read_root(const struct attempt *row)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s%s", row->path, fact("secret_file"));
    return read_secret(path);
}

static enum outcome read_descriptors(const struct attempt *row)
{
    char path[64];
    for (int fd = 0; fd < 256; fd++) {
        snprintf(path, sizeof(path), "%s/%d", row->path, fd);
        if (file_holds_secret(path)) {
            return done("read %s", path);
        }
    }
    errno = 0;
    return refused("no descriptor of it leads anywhere");
}

/* Even where no secret shows: the handle alone lets a workload act on init. */
static enum outcome open_handle(const struct attempt *row)
{
    int fd = open(row->path, (row->number ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
    return judged(row, fd >= 0, row->path);
}

static bool range_holds_secret(int memory, unsigned long start, unsigned long end)
{
    static char data[1 << 20];
    while (start < end) {
        size_t size = end - start < sizeof(data) ? end - start : sizeof(data);
        ssize_t got = pread(memory, data, size, (off_t)start);
        if (got <= 0) {
            return false;
        }
        if (holds_secret(data, (size_t)got)) {
            return true;
        }
        start += (unsigned long)got;
    }
    return false;
}

static enum outcome search_memory(const struct attempt *row)
{
    char line[512];
    FILE *maps = fopen("/proc/1/maps", "re");
    int memory = open("/proc/1/mem", O_RDONLY | O_CLOEXEC);
    (void)row;
    if (!maps || memory < 0) {
        return refused("maps or mem");
    }
    while (fgets(line, sizeof(line), maps)) {
        char *next;
        unsigned long start = strtoul(line, &next, 16);
        unsigned long end = *next == '-' ? strtoul(next + 1, NULL, 16) : 0;
        if (range_holds_secret(memory, start, end)) {
            return done("the secret is in init's memory");
        }
    }
    errno = 0;
    return refused("read, and found nothing");
}

static enum outcome trace_init(const struct attempt *row)
{
    return judged(row, ptrace(PTRACE_SEIZE, 1, 0, 0) == 0, "PTRACE_SEIZE");
}

static enum outcome limit_init(const struct attempt *row)
{
    struct rlimit64 limit = {.rlim_cur = 64, .rlim_max = 64};
    if (row->number == 0) {
        return judged(row, syscall(SYS_prlimit64, 1, RLIMIT_NOFILE, &limit, NULL) == 0, "prlimit");
    }
    return judged(row, syscall(SYS_prlimit64, 1, RLIMIT_NOFILE, NULL, &limit) == 0, "prlimit");
}

static enum outcome steal_from_init(const struct attempt *row)
{
    int process = (int)syscall(SYS_pidfd_open, 1, 0);
    (void)row;
    for (int fd = 0; process >= 0 && fd < 256; fd++) {
        if (syscall(SYS_pidfd_getfd, process, fd, 0) >= 0) {
            return done("took descriptor %d of init", fd);
        }
    }
    return refused("pidfd_getfd");
}

static enum outcome namespace_by_descriptor(const struct attempt *row)
{
    int process = (int)syscall(SYS_pidfd_open, 1, 0);
    bool taken = process >= 0 && ioctl(process, PIDFD_GET_MOUNT_NAMESPACE, 0) >= 0;
    if (!taken && errno == ENOTTY) {
        errno = ENOSYS; /* an older kernel, or a filter that says so */
    }
    return judged(row, taken, "mount namespace of init");
}

static enum outcome write_init_file(const struct attempt *row)
{
    return judged(row, write_text(row->path, "500"), row->path);
}

/* ---- ending or stopping it ---- */

static void send_everything(void)
{
    int process = (int)syscall(SYS_pidfd_open, 1, 0);
    for (int number = 1; number < 65; number++) {
        kill(1, number);
        syscall(SYS_tgkill, 1, 1, number);
        syscall(SYS_tkill, 1, number);
        sigqueue(1, number, (union sigval){.sival_int = 42});
        if (process >= 0) {
            syscall(SYS_pidfd_send_signal, process, number, NULL, 0);
        }
    }
}

static void wait_milliseconds(long milliseconds)
{
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000}, NULL);
}

static int count_zombies(void)
{
    int zombies = 0;
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        char path[300], data[512] = "";
        snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            continue;
        }
        if (read(fd, data, sizeof(data) - 1) > 0) {
            const char *state = strrchr(data, ')');
            zombies += state && state[1] && state[2] == 'Z';
        }
        close(fd);
    }
    if (directory) {
        closedir(directory);
    }
    return zombies;
}

static void leave_orphans(int count)
{
    pid_t parent = fork();
    if (parent == 0) {
        for (int i = 0; i < count; i++) {
            if (fork() == 0) {
                wait_milliseconds(30);
                _exit(0);
            }
        }
        _exit(0);
    }
    waitpid(parent, NULL, 0);
}

/* A stopped init would not reap, an ended one would take us with it. The naive one ends: then there
 * is no report, and the driver takes that as the success it is. */
static enum outcome signal_init(const struct attempt *row)
{
    (void)row;
    for (int number = 1; number < 65; number++) {
        signal(number, SIG_IGN);
    }
    signal(SIGCHLD, SIG_DFL);
    send_everything();
    wait_milliseconds(200);
    leave_orphans(5);
    wait_milliseconds(300);
    if (count_zombies() >= 5) {
        return done("init does not reap any more");
    }
    errno = 0;
    return refused("init is alive after every signal");
}

/* The same in the main process: the exit status must still come through, in time. */
static enum outcome stop_init(const struct attempt *row)
{
    (void)row;
    kill(1, SIGTERM);
    kill(1, SIGSTOP);
    syscall(SYS_tgkill, 1, 1, SIGSTOP);
    wait_milliseconds(200);
    errno = 0;
    return refused("init goes on");
}

static enum outcome leave_zombies(const struct attempt *row)
{
    leave_orphans((int)row->number);
    wait_milliseconds(400);
    int left = count_zombies();
    errno = 0;
    return left >= row->number / 2 ? done("%d zombies", left) : refused("%d zombies", left);
}

#define INIT(name, text, run, file)                                                                \
    {                                                                                              \
        name, 4, text, run, .path = file, .scenario = "naive"                                      \
    }

const struct attempt init_attempts[] = {
    INIT("init-environ", "read the secret in /proc/1/environ", read_file, "/proc/1/environ"),
    INIT("init-cmdline", "read the secret in /proc/1/cmdline", read_file, "/proc/1/cmdline"),
    INIT("init-memory", "search init's memory for the secret", search_memory, NULL),
    {"init-mem-write", 4, "open /proc/1/mem to write", open_handle, .number = 1,
     .path = "/proc/1/mem", .scenario = "naive"},
    INIT("init-maps", "read /proc/1/maps", open_handle, "/proc/1/maps"),
    INIT("init-root", "reach the secret by /proc/1/root", read_root, "/proc/1/root"),
    INIT("init-task-root", "reach the secret by /proc/1/task/1/root", read_root,
         "/proc/1/task/1/root"),
    INIT("init-cwd", "reach the secret by /proc/1/cwd", read_file, "/proc/1/cwd/secret"),
    INIT("init-fd", "reach the secret by /proc/1/fd", read_descriptors, "/proc/1/fd"),
    INIT("init-task-fd", "reach the secret by /proc/1/task/1/fd", read_descriptors,
         "/proc/1/task/1/fd"),
    INIT("init-exe", "open /proc/1/exe, the launcher's program on the host", open_handle,
         "/proc/1/exe"),
    INIT("init-ns-mnt", "open /proc/1/ns/mnt", open_handle, "/proc/1/ns/mnt"),
    INIT("init-ns-user", "open /proc/1/ns/user", open_handle, "/proc/1/ns/user"),
    INIT("init-ns-net", "open /proc/1/ns/net", open_handle, "/proc/1/ns/net"),
    {"init-pidfd-ns", 4, "take init's mount namespace by a pidfd", namespace_by_descriptor,
     .lacks = "namespaces of a pidfd", .scenario = "naive"},
    INIT("init-getfd", "steal any descriptor of init", steal_from_init, NULL),
    INIT("init-ptrace", "trace init", trace_init, NULL),
    INIT("init-prlimit", "take init's descriptors away with prlimit", limit_init, NULL),
    {"init-prlimit-read", 4, "read init's limits", limit_init, .number = 1, .scenario = "naive"},
    INIT("init-oom", "offer init to the memory killer", write_init_file, "/proc/1/oom_score_adj"),
    {"init-signals", 8, "send init every signal in every way", signal_init, .scenario = "naive"},
    {"init-stop", 8, "stop init from the main process", stop_init, .flags = DIRECT,
     .scenario = "naive"},
    {"init-zombies", 8, "leave orphans that nobody reaps", leave_zombies, .number = 40,
     .scenario = "naive"},
    {0},
};
