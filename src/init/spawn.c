/*
 * Starting a process inside. The child runs in init's memory until it has executed (vfork), so
 * everything between is async-signal-safe and reports through a struct that both see.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/str.h"
#include "init/init_internal.h"
#include "linux/landlock.h"
#include "linux/process.h"
#include "linux/seccomp.h"

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"
#define PROGRAM_FD   (BJ_PASSED_BELOW - 1) /* a program that came as a descriptor, until it runs */

struct child {
    const struct bj_plan *plan;
    const struct bj_spawn *spawn;
    int streams[3];
    int extra[BJ_SPAWN_EXTRA_MAX];
    int extra_count;
    int program_fd; /* of BJ_SPAWN_FILE; -1 = none. It ends with the process's beginning */
    bool terminal;
    const char *step; /* what failed, NULL while nothing has */
    int failed;       /* errno */
};

/* Filters that somebody else wrote: for what is started only, since init could not work under any.
 */
static struct {
    struct sock_filter instructions[BJ_FILTER_MAX];
    unsigned short length;
} filters[BJ_FILTERS_MAX];
static unsigned filter_count;

int bj_init_add_filter(int fd, struct bj_error *err)
{
    size_t length = 0, size = sizeof filters[0].instructions;
    char *at;
    ssize_t n;

    if (filter_count == BJ_FILTERS_MAX)
        return bj_fail(err, BJ_E_LIMIT, "seccomp", "more than %d further system call filters",
                       BJ_FILTERS_MAX);
    at = (char *)filters[filter_count].instructions;
    while (length < size && (n = BJ_SYS(read(fd, at + length, size - length))) != 0) {
        if (n < 0 && errno != EINTR)
            return bj_fail_errno(err, "seccomp", "cannot read a further system call filter");
        length += n > 0 ? (size_t)n : 0;
    }
    if (length == 0 || length % sizeof(struct sock_filter) != 0 || length == size)
        return bj_fail(err, BJ_E_INVALID, "seccomp",
                       "a further system call filter is no whole number of instructions, or more "
                       "than %d",
                       BJ_FILTER_MAX - 1);
    filters[filter_count++].length = (unsigned short)(length / sizeof(struct sock_filter));
    return 0;
}

/* Descriptors for what is started, kept above all numbers that they are to get. */
static struct {
    int fd, number;
} passed[BJ_PASSED_MAX];
static unsigned passed_count;

int bj_init_add_passed(int fd, int number, struct bj_error *err)
{
    unsigned at = passed_count;

    if (at == BJ_PASSED_MAX || number <= 2 || number >= BJ_PASSED_BELOW)
        return bj_fail(err, BJ_E_LIMIT, "streams", "descriptor %d cannot be passed on", number);
    for (; at > 0 && passed[at - 1].number > number; at--) /* in the order of their numbers */
        passed[at] = passed[at - 1];
    passed[at].number = number;
    passed[at].fd = BJ_SYS(fcntl(fd, F_DUPFD_CLOEXEC, BJ_PASSED_BELOW));
    if (passed[at].fd < 0)
        return bj_fail_errno(err, "streams", "cannot pass descriptor %d on", number);
    passed_count++;
    return 0;
}

/* Puts what is passed on in its place and closes everything else from `from` on. */
static int pass_on_child(unsigned from)
{
    for (unsigned i = 0; i < passed_count; i++) {
        unsigned number = (unsigned)passed[i].number;

        if (number < from) /* taken by what belongs to this process alone */
            continue;
        if (BJ_SYS(dup2(passed[i].fd, passed[i].number)) < 0 ||
            (number > from && bj_process_close_range(from, number - 1) < 0))
            return -1;
        from = number + 1;
    }
    return bj_process_close_range(from, ~0U);
}

static int load_filters_child(void)
{
    for (unsigned i = 0; i < filter_count; i++) {
        if (bj_seccomp_load_program(filters[i].instructions, filters[i].length) < 0)
            return -1;
    }
    return 0;
}

/* Soft and hard limits, never above what this process may have. */
static int set_limits_child(const struct bj_plan *plan)
{
    for (uint32_t i = 0; i < plan->rlimit_count; i++) {
        struct rlimit limit, now;

        if (getrlimit(plan->rlimits[i].resource, &now) < 0)
            return -1;
        limit.rlim_max =
            plan->rlimits[i].limit < now.rlim_max ? plan->rlimits[i].limit : now.rlim_max;
        limit.rlim_cur = limit.rlim_max;
        if (BJ_SYS(setrlimit(plan->rlimits[i].resource, &limit)) < 0)
            return -1;
    }
    return 0;
}

static int set_streams_child(const struct child *child)
{
    int first = 3 + BJ_SPAWN_EXTRA_MAX, extra[BJ_SPAWN_EXTRA_MAX];

    /* Out of the way of the numbers that are to be filled. */
    for (int i = 0; i < child->extra_count; i++) {
        extra[i] = BJ_SYS(fcntl(child->extra[i], F_DUPFD, first));
        if (extra[i] < 0)
            return -1;
    }
    for (int i = 0; i < 3; i++) {
        if (BJ_SYS(dup2(child->streams[i], i)) < 0)
            return -1;
    }
    if (child->terminal && BJ_SYS(ioctl(0, TIOCSCTTY, 0)) < 0)
        return -1;
    for (int i = 0; i < child->extra_count; i++) {
        if (BJ_SYS(dup2(extra[i], 3 + i)) < 0)
            return -1;
    }
    if (child->program_fd < 0)
        return pass_on_child(3 + (unsigned)child->extra_count);
    /* Behind all that the process is to have, and closed when it is executed. */
    if (BJ_SYS(dup3(child->program_fd, PROGRAM_FD, O_CLOEXEC)) < 0)
        return -1;
    return bj_process_close_range(3 + (unsigned)child->extra_count, PROGRAM_FD - 1) < 0 ||
                   bj_process_close_range(PROGRAM_FD + 1, ~0U) < 0
               ? -1
               : 0;
}

static int set_identity_child(const struct bj_plan *plan)
{
    /* Not PID 1 there, init could be signalled: an inner domain keeps it out of reach. */
    if (plan->isolation != BJ_ISOLATION_NAMESPACES)
        return plan->isolation == BJ_ISOLATION_LANDLOCK ? bj_landlock_scope() : 0;
    if (plan->uid != plan->init_uid && (BJ_SYS(setresgid(plan->gid, plan->gid, plan->gid)) < 0 ||
                                        BJ_SYS(setresuid(plan->uid, plan->uid, plan->uid)) < 0))
        return -1;
    /* Who is not root keeps them across execve(2) only if they are ambient. */
    if (plan->uid != 0 && plan->workload_caps != 0)
        return bj_process_raise_ambient(plan->workload_caps);
    return bj_process_keep_capabilities(plan->workload_caps);
}

/* Enters the first directory that can be, and has PWD, if it is among the variables, say which. */
static int enter_directory_child(const struct bj_plan *plan, const struct bj_spawn *spawn)
{
    static char pwd[BJ_PATH_MAX + 4] = "PWD=";
    const char *tried[] = {bj_plan_text(plan, plan->directory), bj_plan_text(plan, plan->home),
                           "/"};
    const char **env = (const char **)spawn->env; /* init's own copy */
    size_t i = 0;

    if (*spawn->directory != '\0' || !plan->directory_tried)
        return BJ_SYS(chdir(*spawn->directory != '\0' ? spawn->directory : tried[0]));
    while (*tried[i] == '\0' || BJ_SYS(chdir(tried[i])) < 0) {
        if (++i == sizeof tried / sizeof *tried)
            return -1;
    }
    for (; *env != NULL; env++) {
        if (strncmp(*env, "PWD=", 4) == 0 && bj_str_copy(pwd + 4, sizeof pwd - 4, tried[i]))
            *env = pwd;
    }
    return 0;
}

/* A file without "#!" is a shell script, as execvp(3) has it. */
static void execute_script_child(const struct bj_spawn *spawn, const char *path)
{
    const char *argv[64] = {"/bin/sh", path};
    size_t i, first = spawn->flags & BJ_SPAWN_NAMED ? 1 : 0;

    for (i = 1; spawn->argv[first + i] != NULL && i + 2 < sizeof argv / sizeof *argv; i++)
        argv[i + 1] = spawn->argv[first + i];
    if (spawn->argv[first + i] != NULL) {
        errno = E2BIG;
        return;
    }
    execve("/bin/sh", (char *const *)argv, (char *const *)spawn->env);
}

static void try_child(const struct bj_spawn *spawn, const char *path)
{
    const char *const *argv = spawn->argv + (spawn->flags & BJ_SPAWN_NAMED ? 1 : 0);

    execve(path, (char *const *)argv, (char *const *)spawn->env);
    if (errno == ENOEXEC)
        execute_script_child(spawn, path);
}

/* execvpe(3), by the PATH that the process itself will have; or the program that came with it. */
static void execute_child(const struct bj_spawn *spawn, int program_fd)
{
    const char *name = spawn->argv[0], *path = PATH_DEFAULT;
    bool denied = false;
    char file[BJ_PATH_MAX];

    if (spawn->flags & BJ_SPAWN_FILE) {
        syscall(SYS_execveat, program_fd, "", spawn->argv, spawn->env, AT_EMPTY_PATH);
        return;
    }
    if (strchr(name, '/') != NULL) {
        try_child(spawn, name);
        return;
    }
    for (size_t i = 0; spawn->env[i] != NULL; i++) {
        if (strncmp(spawn->env[i], "PATH=", 5) == 0)
            path = spawn->env[i] + 5;
    }
    errno = ENOENT;
    for (const char *at = path; *name != '\0';) {
        size_t length = strcspn(at, ":"), name_length = strlen(name);

        if (length > 0 && length + name_length + 2 <= sizeof file) {
            memcpy(file, at, length);
            file[length] = '/';
            memcpy(file + length + 1, name, name_length + 1);
            try_child(spawn, file);
            if (errno == EACCES)
                denied = true;
            else if (errno != ENOENT && errno != ENOTDIR)
                return;
        }
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    errno = denied ? EACCES : ENOENT;
}

static void run_child(void *data)
{
    struct child *child = data;
    const struct bj_plan *plan = child->plan;
    sigset_t none;

    sigemptyset(&none);
    if (BJ_SYS(setsid()) < 0)
        child->step = "session";
    else if (set_streams_child(child) < 0)
        child->step = "streams";
    else if (set_identity_child(plan) < 0)
        child->step = "identity";
    else if (enter_directory_child(plan, child->spawn) < 0)
        child->step = "directory";
    else if (set_limits_child(plan) < 0)
        child->step = "limits";
    else if (BJ_SYS(sigprocmask(SIG_SETMASK, &none, NULL)) < 0)
        child->step = "signals";
    else if (load_filters_child() < 0)
        child->step = "filters";
    if (child->step == NULL) {
        umask(022);
        execute_child(child->spawn, PROGRAM_FD);
        child->step = "execute";
    }
    child->failed = errno;
    _exit(127);
}

/* A terminal of the sandbox's own; the slave belongs to the workload's user. */
static int open_terminal(const struct bj_init *init, const struct bj_spawn *spawn, int *ret_master,
                         int *ret_slave, struct bj_error *err)
{
    struct winsize size = {.ws_row = spawn->rows, .ws_col = spawn->columns};
    BJ_CLEANUP_CLOSE int master = -1;
    int unlock = 0, slave;

    bj_init_act_as_workload(init, true);
    master = BJ_SYS(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    bj_init_act_as_workload(init, false);
    if (master < 0 && init->plan->isolation == BJ_ISOLATION_LANDLOCK)
        return bj_fail(err, BJ_E_UNSUPPORTED, "terminal",
                       "--isolation landlock has no terminals of its own to give; leave out -t");
    if (master < 0)
        return bj_fail_errno(err, "terminal", "cannot open a terminal");
    if (BJ_SYS(ioctl(master, TIOCSPTLCK, &unlock)) < 0 ||
        (size.ws_row != 0 && BJ_SYS(ioctl(master, TIOCSWINSZ, &size)) < 0))
        return bj_fail_errno(err, "terminal", "cannot prepare the terminal");
    slave = BJ_SYS(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (slave < 0)
        return bj_fail_errno(err, "terminal", "cannot open the terminal's other end");
    *ret_slave = slave;
    *ret_master = bj_fd_take(&master);
    return 0;
}

static int explain(const struct child *child, struct bj_error *err)
{
    const char *name = child->spawn->argv[0];
    const char *directory = *child->spawn->directory != '\0'
                                ? child->spawn->directory
                                : bj_plan_text(child->plan, child->plan->directory);
    int result;

    errno = child->failed;
    if (!bj_streq(child->step, "execute")) {
        if (bj_streq(child->step, "directory"))
            return bj_fail_errno(err, "directory", "cannot enter the working directory %s",
                                 directory);
        return bj_fail_errno(err, child->step, "cannot prepare the process (%s)", child->step);
    }
    if (child->failed == ENOENT || child->failed == ENOTDIR) {
        result =
            bj_fail(err, BJ_E_NOT_FOUND, "execute", "%s: command not found in the sandbox", name);
        if (strchr(name, '/') != NULL)
            bj_error_append(err, " (the file, or its interpreter, is not visible inside)");
        return result;
    }
    if (child->failed == E2BIG)
        return bj_fail_errno(err, "execute", "%s", name);
    return bj_fail(err, BJ_E_NOT_EXECUTABLE, "execute", "%s: cannot be executed: %s", name,
                   strerror(child->failed));
}

int bj_init_spawn(struct bj_init *init, const struct bj_spawn *spawn, const struct bj_fds *streams,
                  pid_t *ret_pid, struct bj_fds *ret_fds, struct bj_error *err)
{
    struct child child = {.plan = init->plan, .spawn = spawn, .program_fd = -1};
    BJ_CLEANUP_CLOSE int master = -1, slave = -1;
    bool want_pidfd = spawn->flags & BJ_SPAWN_PIDFD;
    int pidfd = -1, result, given;
    pid_t pid;

    child.terminal = spawn->flags & BJ_SPAWN_TERMINAL;
    given = child.terminal ? 0 : 3;
    child.extra_count = (int)streams->count - given - (spawn->flags & BJ_SPAWN_FILE ? 1 : 0);
    if (child.extra_count < 0 || child.extra_count > BJ_SPAWN_EXTRA_MAX)
        return bj_fail(err, BJ_E_PROTOCOL, "spawn", "%zu descriptors are not the three streams",
                       streams->count);
    if (child.terminal) {
        result = open_terminal(init, spawn, &master, &slave, err);
        if (result < 0)
            return result;
    }
    for (int i = 0; i < 3; i++)
        child.streams[i] = child.terminal ? slave : streams->fd[i];
    for (int i = 0; i < child.extra_count; i++)
        child.extra[i] = streams->fd[given + i];
    if (spawn->flags & BJ_SPAWN_FILE)
        child.program_fd = streams->fd[streams->count - 1];
    bj_init_oom_offer(init, true);
    pid = bj_process_vfork(0, run_child, &child, want_pidfd ? &pidfd : NULL);
    bj_init_oom_offer(init, false);
    if (pid < 0)
        return bj_fail_errno(err, "spawn", "cannot start a process");
    if (child.step != NULL) {
        bj_fd_close(&pidfd);
        waitpid(pid, NULL, 0);
        return explain(&child, err);
    }
    ret_fds->count = 0;
    if (child.terminal)
        ret_fds->fd[ret_fds->count++] = bj_fd_take(&master);
    if (want_pidfd)
        ret_fds->fd[ret_fds->count++] = pidfd;
    *ret_pid = pid;
    return 0;
}
