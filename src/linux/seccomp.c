/*
 * Loading of the system call filter. See seccomp.h.
 *
 * No flags: SECCOMP_FILTER_FLAG_SPEC_ALLOW would keep speculative store bypass mitigation off on
 * kernels that tie it to filters, and saves nothing when loading. TSYNC is for callers with
 * threads; init's only one, the maker of its network namespace, has ended by then.
 */
#include "linux/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"

#include "seccomp-programs.h" /* made by seccomp-gen: programs[profile][arch] */

int bj_seccomp_load(enum bj_seccomp_profile profile, struct bj_error *err)
{
    const enum bj_seccomp_arch arch = BJ_SECCOMP_NATIVE;
    struct sock_fprog program;

    if (arch >= BJ_SECCOMP_ARCH_COUNT)
        return bj_fail(err, BJ_E_UNSUPPORTED, "seccomp",
                       "no system call filter for this architecture: "
                       "x86-64 and little-endian arm64 have one");
    program.filter = (struct sock_filter *)programs[profile][arch].filter; /* only read */
    program.len = programs[profile][arch].length;
    if (BJ_SYS(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) == 0)
        return 0;
    if (errno == ENOSYS || errno == EINVAL)
        return bj_fail(err, BJ_E_LAYER, "seccomp",
                       "cannot load the system call filter: this kernel has no seccomp filters "
                       "(CONFIG_SECCOMP_FILTER)");
    return bj_fail_errno(err, "seccomp", "cannot load the system call filter");
}

int bj_seccomp_load_program(const struct sock_filter *filter, unsigned short length)
{
    struct sock_fprog program = {.filter = (struct sock_filter *)filter, .len = length};

    return (int)BJ_SYS(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

const struct sock_filter *bj_seccomp_program(enum bj_seccomp_profile profile,
                                             enum bj_seccomp_arch arch, size_t *ret_length)
{
    *ret_length = programs[profile][arch].length;
    return programs[profile][arch].filter;
}
