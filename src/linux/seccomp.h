/*
 * The system call filter. What it allows is written in seccomp.policy, which seccomp-gen compiles
 * at build time; loading is one system call with a ready array.
 */
#ifndef BJ_LINUX_SECCOMP_H
#define BJ_LINUX_SECCOMP_H

#include <linux/filter.h>
#include <stddef.h>

#include "base/error.h"
#include "model/rights.h"

enum bj_seccomp_arch { BJ_SECCOMP_X86_64, BJ_SECCOMP_ARM64, BJ_SECCOMP_ARCH_COUNT };

/* The one that this is compiled for; BJ_SECCOMP_ARCH_COUNT = there is no filter for it. */
#if defined(__x86_64__) && defined(__LP64__)
#define BJ_SECCOMP_NATIVE BJ_SECCOMP_X86_64
#elif defined(__aarch64__) && defined(__LP64__) && defined(__AARCH64EL__)
#define BJ_SECCOMP_NATIVE BJ_SECCOMP_ARM64
#else
#define BJ_SECCOMP_NATIVE BJ_SECCOMP_ARCH_COUNT
#endif

/* As seccomp-gen makes them: programs[profile][arch]. */
struct bj_seccomp_code {
    const struct sock_filter *filter;
    unsigned short length;
};

/*
 * Puts the calling thread, and all that it starts, under the filter for good. Needs no_new_privs
 * set or CAP_SYS_ADMIN in the caller's user namespace. The filter refuses mounts, namespaces and
 * set-user-id modes to the caller too, so it is the last layer to be applied.
 *
 * BJ_E_UNSUPPORTED on an architecture without a filter, BJ_E_LAYER where the kernel has no filters,
 * BJ_E_SYSTEM otherwise. No heap; may be called between clone and exec. See seccomp(2).
 */
int bj_seccomp_load(enum bj_seccomp_profile profile, struct bj_error *err);

/* The same with any program, which the kernel checks. 0, or -1 with errno. Async-signal-safe. */
int bj_seccomp_load_program(const struct sock_filter *filter, unsigned short length);

/* The program itself, for tests and measurements. Any architecture's can be had on any. */
const struct sock_filter *bj_seccomp_program(enum bj_seccomp_profile profile,
                                             enum bj_seccomp_arch arch, size_t *ret_length);

#endif
