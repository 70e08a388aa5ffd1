/*
 * The system call filter for real: children that try a call with the filter and without it, so that
 * a refusal is known to be the filter's. Where the host refuses already, the case is skipped.
 */
#include "linux/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define CANNOT_LOAD 250 /* exit status of a child that did not get its filter */

typedef int child_fn(const void *data);

/* Runs the function in a child; the wait status. The child's own exit status is the result. */
static int run_child(bool with_filter, enum bj_seccomp_profile profile, child_fn *run,
                     const void *data)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit no_core = {0, 0};

        setrlimit(RLIMIT_CORE, &no_core);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
            _exit(CANNOT_LOAD);
        if (with_filter && bj_seccomp_load(profile, NULL) != 0)
            _exit(CANNOT_LOAD);
        _exit(run(data));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

struct live_case {
    const char *name;
    long number;
    int error; /* with the filter */
    long args[4];
};

#define HIGH    (1L << 32)
#define NULLPTR 0

static char live_path[64]; /* filled by main */
#define LIVE_PATH (long)live_path

static const struct live_case live_cases[] = {
    {"unshare", SYS_unshare, EPERM, {0}},
    {"setns", SYS_setns, EPERM, {-1}},
    {"mount", SYS_mount, EPERM, {1, 1, 1}},
    {"clone with a namespace", SYS_clone, EPERM, {CLONE_NEWNS | CLONE_FS}},
    {"clone3", SYS_clone3, ENOSYS, {NULLPTR}},
    {"openat2", SYS_openat2, ENOSYS, {AT_FDCWD}},
    {"bpf", SYS_bpf, EPERM, {-1, 1, 8}},
    {"io_uring_setup", SYS_io_uring_setup, EPERM, {0}},
    {"keyctl", SYS_keyctl, EPERM, {-1}},
    {"userfaultfd", SYS_userfaultfd, EPERM, {-1}},
    {"perf_event_open", SYS_perf_event_open, EPERM, {1}},
    {"pidfd_getfd", SYS_pidfd_getfd, EPERM, {-1}},
    {"kcmp", SYS_kcmp, EPERM, {-1, -1}},
    {"name_to_handle_at", SYS_name_to_handle_at, EPERM, {-1, 1, 1, 1}},
    {"personality", SYS_personality, EPERM, {0x0040000}},
    {"prlimit64 of another", SYS_prlimit64, EPERM, {1 << 30}},
    {"prlimit64 of another, high bits", SYS_prlimit64, EPERM, {HIGH | 1 << 30}},
    {"TIOCSTI", SYS_ioctl, EPERM, {-1, 0x5412}},
    {"TIOCSTI, high bits", SYS_ioctl, EPERM, {-1, HIGH | 0x5412}},
    {"AF_VSOCK, wrong type", SYS_socket, EPERM, {AF_VSOCK, 0}},
    {"uevent netlink", SYS_socket, EPERM, {AF_NETLINK, SOCK_RAW, 15}},
    {"netlink pair", SYS_socketpair, EPERM, {AF_NETLINK, SOCK_RAW, 0, 1}},
    {"set-user-id file", SYS_openat, EPERM, {AT_FDCWD, LIVE_PATH, O_CREAT | O_RDWR, 04755}},
    {"set-user-id mode", SYS_fchmodat, EPERM, {AT_FDCWD, LIVE_PATH, 04755}},
    {"set-group-id fifo", SYS_mknodat, EPERM, {AT_FDCWD, LIVE_PATH, S_IFIFO | 02644}},
    {"get_mempolicy", SYS_get_mempolicy, EPERM, {1}},
    {"a call of the future", 1000, ENOSYS, {0}},
};

static int run_live_case(const void *data)
{
    const struct live_case *row = data;
    long result = syscall(row->number, row->args[0], row->args[1], row->args[2], row->args[3], 0L);

    return result >= 0 ? 0 : errno;
}

static void skip_or_fail(const char *why)
{
    if (getenv("BJ_MUST_WORK") != NULL)
        fail_msg("%s", why);
    print_message("skipped: %s\n", why);
    skip();
}

static void test_live_case(void **state)
{
    const struct live_case *row = *state;
    int inside, outside;

    inside = run_child(true, BJ_SECCOMP_SANDBOX, run_live_case, row);
    unlink(live_path);
    assert_true(WIFEXITED(inside));
    if (WEXITSTATUS(inside) == CANNOT_LOAD)
        skip_or_fail("filters cannot be loaded here");
    assert_int_equal(WEXITSTATUS(inside), row->error);

    outside = run_child(false, BJ_SECCOMP_SANDBOX, run_live_case, row);
    unlink(live_path);
    if (row->number != 1000 && outside == inside)
        skip_or_fail("here this call fails in the same way without the filter");
}

#ifdef __x86_64__
static int run_i386(const void *data)
{
    long result;

    (void)data;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory"); /* getpid */
    return result > 0 ? 0 : 1;
}

static int run_x32(const void *data)
{
    (void)data;
    syscall(0x40000000 | SYS_getpid);
    return 0; /* ENOSYS from most kernels, but alive */
}

static void check_killed(child_fn *run)
{
    int inside = run_child(true, BJ_SECCOMP_SANDBOX, run, NULL);
    int outside = run_child(false, BJ_SECCOMP_SANDBOX, run, NULL);

    if (WIFEXITED(inside) && WEXITSTATUS(inside) == CANNOT_LOAD)
        skip_or_fail("filters cannot be loaded here");
    assert_true(WIFSIGNALED(inside));
    if (outside != 0)
        skip_or_fail("this kernel has no such entry");
    assert_int_equal(WTERMSIG(inside), SIGSYS);
}

static void test_i386(void **state)
{
    (void)state;
    check_killed(run_i386);
}

static void test_x32(void **state)
{
    (void)state;
    check_killed(run_x32);
}

/* A tracer that turns a call into none, as strace's fault injection does. */
static void test_skipped_call(void **state)
{
    struct user_regs_struct registers;
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (bj_seccomp_load(BJ_SECCOMP_SANDBOX, NULL) != 0)
            _exit(CANNOT_LOAD);
        _exit(syscall(SYS_getppid) == 42 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    if (!WIFSTOPPED(status))
        skip_or_fail("ptrace is not allowed here");
    do {
        ptrace(PTRACE_SYSCALL, pid, 0, 0);
        waitpid(pid, &status, 0);
        if (!WIFSTOPPED(status))
            break;
        ptrace(PTRACE_GETREGS, pid, 0, &registers);
        if (registers.orig_rax == SYS_getppid) {
            registers.orig_rax = (unsigned long long)-1;
            registers.rax = 42;
            ptrace(PTRACE_SETREGS, pid, 0, &registers);
        }
    } while (WIFSTOPPED(status));
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CANNOT_LOAD)
        skip_or_fail("filters cannot be loaded here");
    assert_int_equal(WEXITSTATUS(status), 0);
}
#endif

static void *thread_main(void *data)
{
    return data;
}

/* What ordinary programs do; the number of the step that failed, or 0. */
static int run_ordinary(const void *data)
{
    int pair[2], status, byte = 7;
    pthread_t thread;
    void *result;
    pid_t pid;

    (void)data;
    if (pthread_create(&thread, NULL, thread_main, &byte) != 0 ||
        pthread_join(thread, &result) != 0 || result != &byte)
        return 1;
    if (open(live_path, O_CREAT | O_RDWR | O_CLOEXEC, 0755) < 0 || chmod(live_path, 01700) != 0 ||
        unlink(live_path) != 0)
        return 2;
    if (memfd_create("m", MFD_CLOEXEC) < 0 || epoll_create1(EPOLL_CLOEXEC) < 0 ||
        inotify_init1(IN_CLOEXEC) < 0)
        return 3;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return 4;
    if (syscall(SYS_personality, 0xffffffffL) < 0 || ptrace(PTRACE_CONT, getpid(), 0, 0) != -1 ||
        errno != ESRCH) /* not traced, but not refused either */
        return 5;
    pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
        _exit(1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 7)
        return 6;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &(uint32_t){SECCOMP_RET_ALLOW}) == 0
               ? 0
               : 7;
}

static void check_ordinary(enum bj_seccomp_profile profile)
{
    int inside = run_child(true, profile, run_ordinary, NULL);

    unlink(live_path);
    assert_true(WIFEXITED(inside));
    if (WEXITSTATUS(inside) == CANNOT_LOAD)
        skip_or_fail("filters cannot be loaded here");
    assert_int_equal(WEXITSTATUS(inside), 0);
}

static void test_ordinary(void **state)
{
    (void)state;
    check_ordinary(BJ_SECCOMP_SANDBOX);
    check_ordinary(BJ_SECCOMP_NO_NETWORK);
}

static int run_sockets(const void *data)
{
    int inet = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);

    (void)data;
    return (inet >= 0 ? 1 : 0) | (netlink >= 0 ? 2 : 0);
}

static void test_sockets(void **state)
{
    int sandbox = run_child(true, BJ_SECCOMP_SANDBOX, run_sockets, NULL);
    int no_network = run_child(true, BJ_SECCOMP_NO_NETWORK, run_sockets, NULL);

    (void)state;
    if (WEXITSTATUS(sandbox) == CANNOT_LOAD)
        skip_or_fail("filters cannot be loaded here");
    assert_int_equal(WEXITSTATUS(sandbox), 3);
    assert_int_equal(WEXITSTATUS(no_network), 0);
}

/* Without no_new_privs and the capability the kernel refuses, and the error says so. */
static int run_unprivileged(const void *data)
{
    struct bj_error err = {0};

    (void)data;
    if (geteuid() == 0 && setuid(65534) != 0)
        return 1;
    if (bj_seccomp_load(BJ_SECCOMP_SANDBOX, &err) != -BJ_E_SYSTEM)
        return 2;
    return err.sys_errno == EACCES && strstr(err.message, "system call filter") != NULL ? 0 : 3;
}

static void test_unprivileged(void **state)
{
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0)
        _exit(run_unprivileged(NULL));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    struct CMUnitTest cases[COUNT(live_cases)];
    const struct CMUnitTest tests[] = {
#ifdef __x86_64__
        cmocka_unit_test(test_i386),         cmocka_unit_test(test_x32),
        cmocka_unit_test(test_skipped_call),
#endif
        cmocka_unit_test(test_ordinary),     cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_unprivileged),
    };
    int failures;

    snprintf(live_path, sizeof live_path, "/tmp/belljar-test-seccomp-%d", (int)getpid());
    for (size_t i = 0; i < COUNT(live_cases); i++)
        cases[i] = (struct CMUnitTest){.name = live_cases[i].name,
                                       .test_func = test_live_case,
                                       .initial_state = (void *)&live_cases[i]};
    failures = cmocka_run_group_tests_name("seccomp, live", tests, NULL, NULL);
    failures += cmocka_run_group_tests_name("seccomp, call by call", cases, NULL, NULL);
    return failures == 0 ? 0 : 1;
}
