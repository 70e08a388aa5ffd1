/*
 * Other people's processes. The victim runs outside under the caller's own user, which is the worst
 * case: no permission of the host stands between it and the workload.
 */
#include "attempt.h"

#include <limits.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

static pid_t victim(void)
{
    return (pid_t)fact_number("victim");
}

/* SIGURG is ignored by whoever does not ask for it; the victim and the witness note it, if they
 * find who sent it. */
static enum outcome sent(const struct attempt *row, bool succeeded)
{
    int error = errno;
    nanosleep(&(struct timespec){0, 100000000}, NULL);
    errno = error;
    return judged(row, succeeded, "sent");
}

static enum outcome signal_somebody(const struct attempt *row)
{
    signal(SIGURG, SIG_IGN);
    pid_t whom = row->path ? (pid_t)strtol(row->path, NULL, 10) : victim();
    if (row->path && row->path[0] == '@') {
        whom = (pid_t)-fact_number("group");
    }
    return sent(row, kill(whom, SIGURG) == 0);
}

static enum outcome signal_by_descriptor(const struct attempt *row)
{
    int fd = (int)syscall(SYS_pidfd_open, victim(), 0);
    return sent(row, fd >= 0 && syscall(SYS_pidfd_send_signal, fd, SIGURG, NULL, 0) == 0);
}

static enum outcome signal_queue(const struct attempt *row)
{
    return sent(row, sigqueue(victim(), SIGURG, (union sigval){0}) == 0);
}

static enum outcome trace(const struct attempt *row)
{
    bool traced = ptrace(PTRACE_SEIZE, victim(), 0, 0) == 0;
    int error = errno;
    if (traced) {
        ptrace(PTRACE_INTERRUPT, victim(), 0, 0);
        waitpid(victim(), NULL, __WALL);
        ptrace(PTRACE_DETACH, victim(), 0, 0);
    }
    errno = error;
    return judged(row, traced, "PTRACE_SEIZE");
}

static enum outcome read_memory(const struct attempt *row)
{
    char data[128] = "";
    struct iovec local = {data, sizeof(data)};
    struct iovec remote = {(void *)strtoul(fact("secret_address"), NULL, 10), sizeof(data)};
    ssize_t size = process_vm_readv(victim(), &local, 1, &remote, 1, 0);
    (void)row;
    return size > 0 && holds_secret(data, (size_t)size) ? done("read the victim's memory")
                                                        : refused("process_vm_readv");
}

/* Writes back what it read; a refused write is what counts. */
static enum outcome write_memory(const struct attempt *row)
{
    char data[1];
    struct iovec local = {data, 1};
    struct iovec remote = {(void *)strtoul(fact("spare_address"), NULL, 10), 1};
    data[0] = 'w';
    return judged(row, process_vm_writev(victim(), &local, 1, &remote, 1, 0) == 1,
                  "process_vm_writev");
}

static enum outcome read_proc_memory(const struct attempt *row)
{
    char path[64], data[128];
    (void)row;
    snprintf(path, sizeof(path), "/proc/%d/mem", victim());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = pread(fd, data, sizeof(data), strtol(fact("secret_address"), NULL, 10));
    return size > 0 && holds_secret(data, (size_t)size) ? done("read %s", path) : refused("mem");
}

static enum outcome read_proc_file(const struct attempt *row)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "/proc/%d/%s", victim(), row->path);
    return read_secret(path);
}

static char found[PATH_MAX];

static bool any_environment(long pid)
{
    snprintf(found, sizeof(found), "/proc/%ld/environ", pid);
    return file_holds_secret(found);
}

static bool any_command_line(long pid)
{
    char data[4096];
    snprintf(found, sizeof(found), "/proc/%ld/cmdline", pid);
    int fd = open(found, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, data, sizeof(data));
    close(fd);
    const char *name = fact("victim_name");
    return size > 0 && *name && memmem(data, (size_t)size, name, strlen(name));
}

static enum outcome look_at_all(const struct attempt *row)
{
    errno = 0;
    if (any_process(row->number ? any_environment : any_command_line)) {
        return done("%.200s", found);
    }
    return refused("no process shows it");
}

static enum outcome steal_descriptor(const struct attempt *row)
{
    int process = (int)syscall(SYS_pidfd_open, victim(), 0);
    if (process < 0) {
        return refused("pidfd_open");
    }
    int fd = (int)syscall(SYS_pidfd_getfd, process, (int)fact_number("victim_fd"), 0);
    char data[4096];
    ssize_t size = pread(fd, data, sizeof(data), 0);
    (void)row;
    return size > 0 && holds_secret(data, (size_t)size) ? done("took the victim's descriptor")
                                                        : refused("pidfd_getfd");
}

static enum outcome limit_victim(const struct attempt *row)
{
    struct rlimit64 limit;
    if (syscall(SYS_prlimit64, victim(), RLIMIT_FSIZE, NULL, &limit)) {
        return refused("prlimit");
    }
    return judged(row, syscall(SYS_prlimit64, victim(), RLIMIT_FSIZE, &limit, NULL) == 0,
                  "prlimit");
}

static enum outcome slow_victim(const struct attempt *row)
{
    return judged(row, setpriority(PRIO_PROCESS, (id_t)victim(), 5) == 0, "setpriority");
}

static enum outcome pin_victim(const struct attempt *row)
{
    cpu_set_t set;
    if (sched_getaffinity(victim(), sizeof(set), &set)) {
        return refused("sched_getaffinity");
    }
    return judged(row, sched_setaffinity(victim(), sizeof(set), &set) == 0, "sched_setaffinity");
}

static enum outcome compare_victim(const struct attempt *row)
{
    return judged(row, syscall(SYS_kcmp, getpid(), victim(), KCMP_VM, 0, 0) >= 0, "kcmp");
}

static enum outcome advise_victim(const struct attempt *row)
{
    int fd = (int)syscall(SYS_pidfd_open, victim(), 0);
    unsigned long page = strtoul(fact("spare_address"), NULL, 10) & ~4095UL;
    struct iovec range = {(void *)page, 4096};
    /* MADV_COLD = 20 */
    return judged(row, fd >= 0 && syscall(SYS_process_madvise, fd, &range, 1, 20, 0) >= 0,
                  "process_madvise");
}

/* Every process of the caller's in one stroke, found by guessing numbers instead of listing. */
static enum outcome guess_numbers(const struct attempt *row)
{
    (void)row;
    for (int distance = -200; distance <= 200; distance++) {
        if (victim() + distance > 1 && kill(victim() + distance, 0) == 0) {
            return done("process %d answers", victim() + distance);
        }
    }
    return refused("no number answers");
}

#define VICTIM(name, text, run)                                                                    \
    {                                                                                              \
        "victim-" name, 5, text " of a process outside", run                                       \
    }

const struct attempt process_attempts[] = {
    {"kill-group", 3, "signal the caller's process group: kill(0)", signal_somebody, .path = "0",
     .scenario = "group"},
    {"kill-all", 3, "signal everybody: kill(-1)", signal_somebody, .path = "-1",
     .flags = OUTSIDE_USER, .scenario = "group"},
    {"kill-group-number", 3, "signal the caller's group by its number", signal_somebody,
     .path = "@", .scenario = "group"},
    {"victim-kill", 5, "signal a process outside", signal_somebody, .scenario = "victim"},
    {"victim-pidfd-kill", 5, "signal it by a pidfd", signal_by_descriptor, .scenario = "victim"},
    {"victim-sigqueue", 5, "signal it with sigqueue", signal_queue, .scenario = "victim"},
    {"victim-guess", 5, "find processes outside by their numbers", guess_numbers},
    {"victim-list", 5, "see a process outside in /proc", look_at_all},
    {"victim-environments", 4, "find the secret in any process's environment", look_at_all,
     .number = 1},
    VICTIM("ptrace", "trace", trace),
    VICTIM("memory", "read the memory", read_memory),
    VICTIM("memory-write", "write the memory", write_memory),
    VICTIM("proc-mem", "read /proc/PID/mem", read_proc_memory),
    {"victim-environ", 4, "read /proc/PID/environ of a process outside", read_proc_file,
     .path = "environ"},
    {"victim-root", 5, "read below /proc/PID/root of a process outside", read_proc_file,
     .path = "cwd/secret"},
    VICTIM("getfd", "steal a descriptor", steal_descriptor),
    VICTIM("prlimit", "change the limits", limit_victim),
    VICTIM("nice", "lower the priority", slow_victim),
    VICTIM("affinity", "change the CPUs", pin_victim),
    VICTIM("kcmp", "compare kernel objects", compare_victim),
    {"victim-madvise", 5, "push out the memory of a process outside", advise_victim,
     .flags = OUTSIDE_ROOT},
    {0},
};
