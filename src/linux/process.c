/* Processes: making them, and what they may. */
#include "linux/process.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "linux/syscalls.h"

#define CHILD_STACK_SIZE (64 << 10)
#define SIGNALS          64

pid_t bj_process_clone(uint64_t flags, int *ret_pidfd)
{
    unsigned long all = (unsigned long)flags | CLONE_PIDFD | SIGCHLD;

#if defined(__x86_64__)
    return (pid_t)BJ_SYS(syscall(SYS_clone, all, NULL, ret_pidfd, NULL, 0));
#else /* arm64 and the rest: tls before child_tid */
    return (pid_t)BJ_SYS(syscall(SYS_clone, all, NULL, ret_pidfd, 0, NULL));
#endif
}

int bj_process_explain_namespaces(struct bj_error *err, const char *what)
{
    int result, saved = errno;

    result = bj_fail_errno(err, "namespace", "%s", what);
    if (saved != EPERM && saved != EACCES && saved != ENOSPC && saved != EINVAL && saved != EUSERS)
        return result;
    if (err != NULL)
        err->code = BJ_E_LAYER;
    bj_error_append(err, "; this host forbids them: `belljar doctor` says how to allow them, and "
                         "--isolation landlock does without, less strictly");
    return -BJ_E_LAYER;
}

struct vfork_call {
    void (*function)(void *);
    void *argument;
};

static int vfork_child(void *data)
{
    struct vfork_call *call = data;

    call->function(call->argument);
    _exit(127);
}

pid_t bj_process_vfork(unsigned long flags, void (*function)(void *), void *argument,
                       int *ret_pidfd)
{
    /* On the caller's, which sleeps until the child is gone from this memory: each thread has one.
     */
    char stack[CHILD_STACK_SIZE] __attribute__((aligned(16)));
    int all = (int)flags | CLONE_VM | CLONE_VFORK | SIGCHLD | (ret_pidfd != NULL ? CLONE_PIDFD : 0);
    struct vfork_call call = {function, argument};
    sigset_t blocked, before;
    pid_t pid;

    sigfillset(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    pid = BJ_SYS(clone(vfork_child, stack + sizeof stack, all, &call, ret_pidfd));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

int bj_process_reset_signals(void)
{
    /* The kernel's own struct, all zero: a C library would not let its internal signals
     * be reset. */
    static const unsigned long usual[4];
    sigset_t none;

    for (int i = 1; i <= SIGNALS; i++)
        syscall(SYS_rt_sigaction, i, usual, NULL, SIGNALS / 8);
    sigemptyset(&none);
    return BJ_SYS(sigprocmask(SIG_SETMASK, &none, NULL));
}

static int set_capabilities(uint64_t effective, uint64_t inheritable)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {
            .effective = (uint32_t)effective,
            .permitted = (uint32_t)effective,
            .inheritable = (uint32_t)inheritable,
        },
        {
            .effective = (uint32_t)(effective >> 32),
            .permitted = (uint32_t)(effective >> 32),
            .inheritable = (uint32_t)(inheritable >> 32),
        },
    };

    return (int)BJ_SYS(syscall(SYS_capset, &head, data));
}

int bj_process_keep_capabilities(uint64_t kept)
{
    return set_capabilities(kept, 0);
}

int bj_process_raise_ambient(uint64_t kept)
{
    if (set_capabilities(kept, kept) < 0)
        return -1;
    for (int cap = 0; cap < 64; cap++) {
        if (kept & (uint64_t)1 << cap &&
            BJ_SYS(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0)) < 0)
            return -1;
    }
    return 0;
}

int bj_process_no_root(void)
{
    return BJ_SYS(prctl(PR_SET_SECUREBITS,
                        SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED, 0, 0, 0));
}

int bj_process_no_new_privs(void)
{
    return BJ_SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

int bj_process_undumpable(void)
{
    return BJ_SYS(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

int bj_process_die_with_parent(void)
{
    return BJ_SYS(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
}

int bj_process_close_from(int first)
{
    return bj_process_close_range((unsigned)first, ~0U);
}

int bj_process_close_range(unsigned first, unsigned last)
{
    return BJ_SYS(bj_sys_close_range(first, last));
}

int bj_process_pidfd_signal(int pidfd, int signal)
{
    return (int)BJ_SYS(syscall(BJ_SYS_PIDFD_SEND_SIGNAL, pidfd, signal, NULL, 0));
}
