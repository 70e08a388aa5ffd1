/*
 * System calls that C libraries lack or know only in recent versions. Each returns what the call
 * does: 0 or more, or -1 with errno. Numbers are the same on all architectures (those above 424
 * are).
 */
#ifndef BJ_LINUX_SYSCALLS_H
#define BJ_LINUX_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum {
    BJ_SYS_PIDFD_SEND_SIGNAL = 424,
    BJ_SYS_OPEN_TREE = 428,
    BJ_SYS_MOVE_MOUNT = 429,
    BJ_SYS_FSOPEN = 430,
    BJ_SYS_FSCONFIG = 431,
    BJ_SYS_FSMOUNT = 432,
    BJ_SYS_CLOSE_RANGE = 436,
    BJ_SYS_OPENAT2 = 437,
    BJ_SYS_MOUNT_SETATTR = 442,
    BJ_SYS_LANDLOCK_CREATE_RULESET = 444,
    BJ_SYS_LANDLOCK_ADD_RULE = 445,
    BJ_SYS_LANDLOCK_RESTRICT_SELF = 446,
};

/*
 * A system call that leaves errno alone: for a task that shares another's memory, and with it
 * errno. Returns what the kernel does: 0 or more, or -errno.
 */
static inline long bj_raw_syscall(long number, long a, long b, long c, long d)
{
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;

    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#else
#error "no raw system call for this architecture"
#endif
}

/*
 * clone(2) for a thread that knows no C library: musl's clone() refuses CLONE_THREAD from 1.2.5 on,
 * and a pthread needs its thread-local storage and locks. Calls function(argument) on the stack
 * that ends at `stack` (aligned to 16) and ends the thread. *tid is set before the thread begins
 * (CLONE_PARENT_SETTID) and cleared after it has ended (CLONE_CHILD_CLEARTID). Returns its id, or
 * -errno.
 */
static inline long bj_raw_thread(long flags, char *stack, volatile pid_t *tid,
                                 void (*function)(void *), void *argument)
{
#if defined(__x86_64__)
    register volatile pid_t *r10 __asm__("r10") = tid;
    register long r8 __asm__("r8") = 0;
    long result;

    __asm__ volatile(
        "syscall\n\t"
        "testq %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "movq %[argument], %%rdi\n\t"
        "xorl %%ebp, %%ebp\n\t"
        "callq *%[function]\n\t"
        "movl %[end], %%eax\n\t"
        "xorl %%edi, %%edi\n\t"
        "syscall\n"
        "1:"
        : "=a"(result)
        : "0"((long)SYS_clone), "D"(flags), "S"(stack), "d"(tid), "r"(r10),
          "r"(r8), [function] "b"(function), [argument] "r"(argument), [end] "i"(SYS_exit)
        : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = SYS_clone;
    register long x0 __asm__("x0") = flags;
    register char *x1 __asm__("x1") = stack;
    register volatile pid_t *x2 __asm__("x2") = tid;
    register long x3 __asm__("x3") = 0; /* tls before child_tid: clone(2), C library/kernel
                                           differences */
    register volatile pid_t *x4 __asm__("x4") = tid;

    __asm__ volatile(
        "svc 0\n\t"
        "cbnz x0, 1f\n\t"
        "mov x0, %[argument]\n\t"
        "mov x29, xzr\n\t"
        "blr %[function]\n\t"
        "mov x8, %[end]\n\t"
        "mov x0, xzr\n\t"
        "svc 0\n"
        "1:"
        : "+r"(x0)
        : "r"(x8), "r"(x1), "r"(x2), "r"(x3),
          "r"(x4), [function] "r"(function), [argument] "r"(argument), [end] "i"(SYS_exit)
        : "memory");
    return x0;
#else
#error "no raw thread for this architecture"
#endif
}

static inline int bj_sys_close_range(unsigned first, unsigned last)
{
    return (int)syscall(BJ_SYS_CLOSE_RANGE, first, last, 0);
}

static inline int bj_sys_open_tree(int dir_fd, const char *path, unsigned flags)
{
    return (int)syscall(BJ_SYS_OPEN_TREE, dir_fd, path, flags);
}

static inline int bj_sys_move_mount(int from_fd, const char *from, int to_fd, const char *to,
                                    unsigned flags)
{
    return (int)syscall(BJ_SYS_MOVE_MOUNT, from_fd, from, to_fd, to, flags);
}

static inline int bj_sys_fsopen(const char *type, unsigned flags)
{
    return (int)syscall(BJ_SYS_FSOPEN, type, flags);
}

static inline int bj_sys_fsconfig(int fs_fd, unsigned command, const char *key, const void *value,
                                  int aux)
{
    return (int)syscall(BJ_SYS_FSCONFIG, fs_fd, command, key, value, aux);
}

static inline int bj_sys_fsmount(int fs_fd, unsigned flags, unsigned attributes)
{
    return (int)syscall(BJ_SYS_FSMOUNT, fs_fd, flags, attributes);
}

#endif
