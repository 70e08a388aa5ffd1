/*
 * Who the workload is: user, groups, capabilities, what it inherits from the caller's environment,
 * and what it learns about the host.
 */
#include "attempt.h"

#include <grp.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static enum outcome find_in_environment(const struct attempt *row)
{
    for (char **entry = environ; *entry; entry++) {
        if (row->path ? strncmp(*entry, row->path, strlen(row->path)) == 0
                      : holds_secret(*entry, strlen(*entry))) {
            return done("%.60s", *entry);
        }
    }
    errno = 0;
    return refused("not in the environment");
}

/* Group 4343 owns the driver's file, 42 is a host group that reads password hashes. */
static enum outcome find_group(const struct attempt *row)
{
    gid_t groups[64];
    int count = getgroups((int)COUNT(groups), groups);
    for (int i = 0; i < count; i++) {
        if (groups[i] == 4343 || groups[i] == 42) {
            return done("group %u is kept", groups[i]);
        }
    }
    (void)row;
    errno = 0;
    return refused("%d groups, none of the caller's", count);
}

static enum outcome read_group_file(const struct attempt *row)
{
    (void)row;
    return read_secret("readable-by-group");
}

/* Runs the helper that the driver planted and reads what it says it is. */
static enum outcome run_helper(const struct attempt *row)
{
    int ends[2];
    char text[64] = "", *next;
    if (pipe(ends)) {
        return broken("pipe: %s", strerror(errno));
    }
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl(fact(row->path), "helper", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    ssize_t size = read(ends[0], text, sizeof(text) - 1);
    waitpid(child, NULL, 0);
    if (size <= 0) {
        return refused("%s did not run", row->path);
    }
    unsigned long user = strtoul(text, &next, 10), capabilities = strtoul(next, NULL, 16);
    errno = 0;
    if (user != geteuid() || (capabilities & ~(unsigned long)status_number("CapEff", 16))) {
        return done("user %lu, capabilities %lx", user, capabilities);
    }
    return refused("it stayed user %lu with capabilities %lx", user, capabilities);
}

static enum outcome have_capability(const struct attempt *row)
{
    static const char *const sets[] = {"CapEff", "CapPrm", "CapInh", "CapAmb"};
    for (size_t i = row->number ? 2 : 0; i < COUNT(sets); i++) {
        long value = status_number(sets[i], 16);
        if (value != 0) {
            return done("%s is %lx", sets[i], value);
        }
    }
    errno = 0;
    return refused("no capability in any set");
}

static enum outcome lack_protection(const struct attempt *row)
{
    long value = status_number(row->path, 10);
    errno = 0;
    return value != row->number ? done("%s is %ld", row->path, value)
                                : refused("%s is %ld", row->path, value);
}

static enum outcome become(const struct attempt *row)
{
    gid_t group = 0;
    switch (row->number) {
    case 0:
        return judged(row, setresuid(12345, 12345, 12345) == 0, "setresuid");
    case 1:
        return judged(row, setresgid(12345, 12345, 12345) == 0, "setresgid");
    case 2:
        return judged(row, setgroups(1, &group) == 0, "setgroups");
    default:
        return judged(row, setgroups(0, NULL) == 0, "setgroups");
    }
}

static enum outcome give_away(const struct attempt *row)
{
    int fd = open("given-away", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    return judged(row, fd >= 0 && fchown(fd, 54321, 54321) == 0, "chown to somebody else");
}

/* The driver reads this process's user on the host meanwhile. */
static enum outcome be_looked_at(const struct attempt *row)
{
    (void)row;
    nanosleep(&(struct timespec){0, 600000000}, NULL);
    errno = 0;
    return refused("looked at from outside");
}

static enum outcome know_name(const struct attempt *row)
{
    char name[256] = "";
    (void)row;
    gethostname(name, sizeof(name) - 1);
    errno = 0;
    return strcmp(name, fact("hostname")) == 0 ? done("host name %s", name)
                                               : refused("host name %s", name);
}

static enum outcome know_file(const struct attempt *row)
{
    char inside[128] = "";
    int fd = open(row->path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, inside, sizeof(inside) - 1);
    if (size <= 0) {
        return judged(row, false, row->path);
    }
    inside[strcspn(inside, "\n")] = '\0';
    errno = 0;
    return strcmp(inside, fact("machine_id")) == 0 ? done("the host's %s", row->path)
                                                   : refused("another %s", row->path);
}

/* Sets what is set already: harmless where it works. */
static enum outcome set_name(const struct attempt *row)
{
    char name[256] = "";
    gethostname(name, sizeof(name) - 1);
    if (row->number) {
        if (getdomainname(name, sizeof(name) - 1)) {
            return broken("getdomainname");
        }
        return judged(row, setdomainname(name, strlen(name)) == 0, "setdomainname");
    }
    return judged(row, sethostname(name, strlen(name)) == 0, "sethostname");
}

/* Restrictions must survive the execution of a program that lies in no file system. */
static enum outcome run_from_memory(const struct attempt *row)
{
    char data[65536];
    int ends[2];
    int memory = (int)syscall(SYS_memfd_create, "program", 0);
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (memory < 0 || self < 0 || pipe(ends)) {
        return refused("memfd_create");
    }
    for (ssize_t size; (size = read(self, data, sizeof(data))) > 0;) {
        if (write(memory, data, (size_t)size) != size) {
            return broken("write: %s", strerror(errno));
        }
    }
    pid_t child = fork();
    if (child == 0) {
        char facts[PATH_MAX];
        snprintf(facts, sizeof(facts), "facts=%s", fact("facts"));
        char *argv[] = {"program", (char *)row->path, facts, NULL};
        dup2(ends[1], STDOUT_FILENO);
        syscall(SYS_execveat, memory, "", argv, environ, AT_EMPTY_PATH);
        _exit(127);
    }
    close(ends[1]);
    ssize_t size = read(ends[0], data, sizeof(data) - 1);
    waitpid(child, NULL, 0);
    data[size > 0 ? size : 0] = '\0';
    errno = 0;
    return strstr(data, "DONE") ? done("%s from memory is free", row->path)
                                : refused("%s from memory", row->path);
}

#define BECOME(name, n)                                                                            \
    {                                                                                              \
        "become-" name, 1, "become " name, become, .number = n, .flags = OUTSIDE_ROOT              \
    }

const struct attempt identity_attempts[] = {
    {"environment-secret", 4, "find the caller's secret in the environment", find_in_environment},
    {"environment-agent", 4, "find the caller's ssh agent", find_in_environment,
     .path = "SSH_AUTH_SOCK="},
    {"environment-preload", 4, "inherit the caller's loader settings", find_in_environment,
     .path = "LD_LIBRARY_PATH="},
    {"groups-list", 1, "keep the caller's groups", find_group, .scenario = "groups"},
    {"groups-file", 1, "read a file by a group of the caller's", read_group_file,
     .flags = CALLER_ROOT | OUTSIDE_USER, .scenario = "group-file"},
    {"helper-set-id", 1, "gain a user by a set-id program", run_helper, .path = "helper_set_id",
     .scenario = "helper"},
    {"helper-capable", 1, "gain a capability by a file", run_helper, .path = "helper_capable",
     .flags = OUTSIDE_USER, .scenario = "helper"},
    {"capabilities", 1, "have any capability", have_capability, .flags = OUTSIDE_ROOT},
    {"capabilities-ambient", 1, "inherit ambient capabilities", have_capability, .number = 1,
     .scenario = "ambient"},
    {"no-new-privileges", 1, "run without no_new_privs", lack_protection, .number = 1,
     .path = "NoNewPrivs"},
    {"filter-mode", 6, "run without a system call filter", lack_protection, .number = 2,
     .path = "Seccomp"},
    {"memory-program-privileges", 1, "lose no_new_privs by running from memory", run_from_memory,
     .path = "no-new-privileges"},
    {"memory-program-filter", 6, "lose the filter by running from memory", run_from_memory,
     .path = "filter-mode"},
    BECOME("user", 0),
    BECOME("group", 1),
    BECOME("groups", 2),
    BECOME("no-groups", 3),
    {"give-away", 1, "give a file to another user", give_away, .flags = OUTSIDE_ROOT},
    {"host-user-zero", 1, "be user 0 on the host", be_looked_at, .flags = OUTSIDE_ROOT,
     .scenario = "host-user"},
    {"host-user-shared", 1, "share a host user with another sandbox", be_looked_at,
     .flags = CALLER_ROOT, .scenario = "two-users"},
    {"host-name", 5, "learn the host's name", know_name},
    {"machine-id", 5, "learn the host's machine id", know_file, .path = "/etc/machine-id",
     .lacks = "/etc/machine-id"},
    {"set-host-name", 6, "set the host name", set_name, .flags = OUTSIDE_ROOT},
    {"set-domain-name", 6, "set the domain name", set_name, .number = 1, .flags = OUTSIDE_ROOT},
    {0},
};
