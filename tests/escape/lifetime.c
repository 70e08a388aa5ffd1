/*
 * Outliving the command. These are the main process themselves; the driver looks for survivors,
 * measures how long the launcher took, and ends what is left by its number.
 */
#include "attempt.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { LIFE = 8 /* seconds that anything here lives at most */ };

static void deafen(void)
{
    for (int number = 1; number < 65; number++) {
        signal(number, SIG_IGN);
    }
    prctl(PR_SET_PDEATHSIG, 0);
}

static void linger(void)
{
    struct timespec end, now;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += LIFE;
    do {
        nanosleep(&(struct timespec){0, 100000000}, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec);
    _exit(0);
}

static enum outcome left_behind(const char *what)
{
    errno = 0;
    return done("left %s behind; whether it lives is for the driver to say", what);
}

static void become_daemon(void)
{
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            deafen();
            for (int fd = 0; fd < 3; fd++) {
                close(fd);
            }
            linger();
        }
        _exit(0);
    }
    wait(NULL);
}

static enum outcome leave_daemon(const struct attempt *row)
{
    (void)row;
    become_daemon();
    return left_behind("a daemon");
}

static enum outcome leave_stopped(const struct attempt *row)
{
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        raise(SIGSTOP);
        linger();
    }
    waitpid(child, NULL, WUNTRACED);
    (void)row;
    return left_behind("a stopped child");
}

/* Whoever would kill one always finds its successor born already. It ends for a file "stop". */
static enum outcome leave_chain(const struct attempt *row)
{
    struct timespec start, now;
    (void)row;
    if (fork() == 0) {
        deafen();
        signal(SIGCHLD, SIG_IGN);
        setsid();
        for (int fd = 0; fd < 3; fd++) {
            close(fd);
        }
        clock_gettime(CLOCK_MONOTONIC, &start);
        do {
            if (fork() > 0 || access("stop", F_OK) == 0) {
                _exit(0);
            }
            int beats = open("beats", O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
            ssize_t taken = write(beats, ".", 1);
            close(beats);
            (void)taken;
            nanosleep(&(struct timespec){0, 2000000}, NULL);
            clock_gettime(CLOCK_MONOTONIC, &now);
        } while (now.tv_sec < start.tv_sec + LIFE);
        _exit(0);
    }
    return left_behind("a chain of forks");
}

static enum outcome leave_traced(const struct attempt *row)
{
    (void)row;
    if (fork() == 0) {
        pid_t traced = fork();
        if (traced == 0) {
            ptrace(PTRACE_TRACEME, 0, 0, 0);
            raise(SIGSTOP);
            linger();
        }
        waitpid(traced, NULL, 0);
        deafen();
        linger();
    }
    nanosleep(&(struct timespec){0, 100000000}, NULL);
    return left_behind("a tracer and its child");
}

/* The parent of a vfork cannot be interrupted while the child lives. */
static enum outcome leave_vfork(const struct attempt *row)
{
    (void)row;
    if (fork() == 0) {
        deafen();
        long child = syscall(SYS_clone, CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL);
        if (child == 0) {
            deafen();
            linger();
        }
        _exit(0);
    }
    nanosleep(&(struct timespec){0, 100000000}, NULL);
    return left_behind("a process waiting for its vfork");
}

/* A sibling instead of a child: its parent is whoever started us. */
static enum outcome leave_sibling(const struct attempt *row)
{
    (void)row;
    if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL) == 0) {
        deafen();
        linger();
    }
    return left_behind("a sibling");
}

static void *linger_on(void *unused)
{
    linger();
    return unused;
}

/* The first thread ends: the process is a zombie that runs. */
static enum outcome leave_thread(const struct attempt *row)
{
    pthread_t thread;
    (void)row;
    become_daemon();
    deafen();
    if (pthread_create(&thread, NULL, linger_on, NULL)) {
        return broken("no thread");
    }
    syscall(SYS_exit, 0);
    return left_behind("nothing");
}

/* Nobody reads: the launcher must not wait for a place to put this. */
static enum outcome fill_output(const struct attempt *row)
{
    static char data[65536];
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    (void)row;
    become_daemon();
    deafen();
    fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 80; i++) {
        ssize_t taken = write(STDOUT_FILENO, data, sizeof(data));
        (void)taken;
        poll(&output, 1, 100);
    }
    return left_behind("nothing");
}

/* Says its word, then its child keeps standard output open: nobody must wait for that child. */
static enum outcome hold_output(const struct attempt *row)
{
    if (fork() == 0) {
        deafen();
        if (row->number) {
            setsid();
        }
        linger();
    }
    return left_behind("a child that holds standard output");
}

/* The main process stays: for the time-out, and for the launcher killed under it. */
static enum outcome stay(const struct attempt *row)
{
    (void)row;
    become_daemon();
    deafen();
    ssize_t taken = write(STDOUT_FILENO, "ready\n", 6);
    (void)taken;
    linger();
    return left_behind("nothing");
}

static enum outcome stop_self(const struct attempt *row)
{
    (void)row;
    become_daemon();
    kill(getpid(), SIGSTOP);
    linger();
    return left_behind("nothing");
}

/* Standard output closed, all signals ignored, one child a process group leader. */
static enum outcome hide_output(const struct attempt *row)
{
    (void)row;
    deafen();
    for (int fd = 0; fd < 3; fd++) {
        close(fd);
    }
    become_daemon();
    linger();
    return left_behind("nothing");
}

#define LIFE_ROW(name, text, run, kind, ...)                                                       \
    {                                                                                              \
        name, 8, text, run, .flags = DIRECT, .scenario = kind, __VA_ARGS__                         \
    }

const struct attempt lifetime_attempts[] = {
    LIFE_ROW("daemon", "leave a daemon behind", leave_daemon, "survive", ),
    LIFE_ROW("stopped-child", "leave a stopped child behind", leave_stopped, "survive", ),
    LIFE_ROW("fork-chain", "leave a chain of forks behind", leave_chain, "chain", ),
    LIFE_ROW("traced-child", "leave a tracer and a traced child behind", leave_traced, "survive", ),
    LIFE_ROW("vfork-child", "leave an uninterruptible parent behind", leave_vfork, "survive", ),
    LIFE_ROW("sibling", "leave a sibling behind", leave_sibling, "survive", ),
    {"output-holder", 9, "hold standard output after the end", hold_output, .flags = DIRECT,
     .scenario = "holder"},
    {"output-holder-session", 9, "the same from another session", hold_output, .number = 1,
     .flags = DIRECT, .scenario = "holder"},
    LIFE_ROW("timeout", "outlive the time-out", stay, "timeout", .options = "--timeout 1s"),
    LIFE_ROW("timeout-stopped", "outlive the time-out by stopping", stop_self, "timeout",
             .options = "--timeout 1s"),
    LIFE_ROW("timeout-hidden", "outlive the time-out without output", hide_output, "timeout",
             .options = "--timeout 1s"),
    LIFE_ROW("timeout-thread", "outlive the time-out in a second thread", leave_thread, "timeout",
             .options = "--timeout 1s"),
    LIFE_ROW("timeout-unread", "outlive the time-out while nobody reads", fill_output,
             "timeout:unread", .options = "--timeout 1s"),
    LIFE_ROW("launcher-killed", "outlive the launcher's SIGKILL", stay, "kill:9", ),
    LIFE_ROW("launcher-terminated", "outlive the launcher's SIGTERM", stay, "kill:15", ),
    LIFE_ROW("launcher-hung-up", "outlive the launcher's SIGHUP", stay, "kill:1", ),
    LIFE_ROW("launcher-interrupted", "outlive the launcher's SIGINT", stay, "kill:2", ),
    {0},
};
