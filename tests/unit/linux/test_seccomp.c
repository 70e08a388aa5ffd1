/*
 * The compiled filters in an interpreter: every number, every condition both ways with garbage
 * where it must not matter, against lists that are written here and not derived from the policy.
 * test_seccomp_live.c tries them for real.
 */
#include "linux/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "bpf.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define ALLOW       SECCOMP_RET_ALLOW
#define KILL        SECCOMP_RET_KILL_PROCESS
#define FAIL(error) (SECCOMP_RET_ERRNO | (error))

#define LAST_KNOWN 469
#define LENGTH_MAX 400

/* ---- Numbers ---- */

static const struct {
    uint32_t audit;
    uint32_t seccomp;
    bool is_x86;
} arches[] = {
    [BJ_SECCOMP_X86_64] = {AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64, true},
    [BJ_SECCOMP_ARM64] = {AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64, false},
};

static const char *const refused[] = {"setns",
                                      "umount2",
                                      "pivot_root",
                                      "chroot",
                                      "fsopen",
                                      "fsmount",
                                      "fsconfig",
                                      "fspick",
                                      "open_tree",
                                      "open_tree_attr",
                                      "move_mount",
                                      "mount_setattr",
                                      "bpf",
                                      "io_uring_setup",
                                      "io_uring_enter",
                                      "io_uring_register",
                                      "add_key",
                                      "keyctl",
                                      "request_key",
                                      "perf_event_open",
                                      "userfaultfd",
                                      "kexec_load",
                                      "kexec_file_load",
                                      "init_module",
                                      "finit_module",
                                      "delete_module",
                                      "create_module",
                                      "query_module",
                                      "get_kernel_syms",
                                      "open_by_handle_at",
                                      "name_to_handle_at",
                                      "swapon",
                                      "swapoff",
                                      "reboot",
                                      "acct",
                                      "quotactl",
                                      "quotactl_fd",
                                      "syslog",
                                      "settimeofday",
                                      "clock_settime",
                                      "adjtimex",
                                      "clock_adjtime",
                                      "iopl",
                                      "ioperm",
                                      "vhangup",
                                      "sethostname",
                                      "setdomainname",
                                      "fanotify_init",
                                      "fanotify_mark",
                                      "lookup_dcookie",
                                      "move_pages",
                                      "migrate_pages",
                                      "mbind",
                                      "set_mempolicy",
                                      "set_mempolicy_home_node",
                                      "get_mempolicy",
                                      "kcmp",
                                      "pidfd_getfd",
                                      "uselib",
                                      "nfsservctl",
                                      "sysfs",
                                      "ustat",
                                      "modify_ldt",
                                      "lsm_set_self_attr",
                                      "getpmsg",
                                      "putpmsg",
                                      "afs_syscall",
                                      "tuxcall",
                                      "security",
                                      "vserver",
                                      "_sysctl",
                                      "set_thread_area",
                                      "get_thread_area"};

static const char *const missing[] = {
    "clone3",         "openat2",      "memfd_secret", "remap_file_pages",  "epoll_ctl_old",
    "epoll_wait_old", "statmount",    "listmount",    "lsm_get_self_attr", "lsm_list_modules",
    "file_getattr",   "file_setattr", "io_setup"};

static const char *const decided_by_argument[] = {"clone",          "prlimit64",
                                                  "setrlimit",      "personality",
                                                  "ioctl",          "socket",
                                                  "socketpair",     "open",
                                                  "openat",         "creat",
                                                  "chmod",          "fchmod",
                                                  "fchmodat",       "fchmodat2",
                                                  "mknod",          "mknodat",
                                                  "setpriority",    "ioprio_set",
                                                  "sched_setattr",  "sched_setaffinity",
                                                  "sched_setparam", "sched_setscheduler",
                                                  "unshare",        "mount"};

/* Of arch/x86/entry/syscalls/syscall_64.tbl in Linux 6.18; from 403 on the same on arm64. */
static const struct {
    const char *name;
    int number;
    bool only_x86;
} newer[] = {
    {"uretprobe", 335, true},          {"uprobe", 336, true},
    {"cachestat", 451, false},         {"fchmodat2", 452, false},
    {"map_shadow_stack", 453, false},  {"futex_wake", 454, false},
    {"futex_wait", 455, false},        {"futex_requeue", 456, false},
    {"statmount", 457, false},         {"listmount", 458, false},
    {"lsm_get_self_attr", 459, false}, {"lsm_set_self_attr", 460, false},
    {"lsm_list_modules", 461, false},  {"mseal", 462, false},
    {"setxattrat", 463, false},        {"getxattrat", 464, false},
    {"listxattrat", 465, false},       {"removexattrat", 466, false},
    {"open_tree_attr", 467, false},    {"file_getattr", 468, false},
    {"file_setattr", 469, false},
};

static bool is_in(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}
#define IS_IN(name, names) is_in(name, names, COUNT(names))

/* Copies the name of a call, or leaves an empty text. */
static void name_of(enum bj_seccomp_arch arch, int number, char *name, size_t size)
{
    char *known = seccomp_syscall_resolve_num_arch(arches[arch].seccomp, number);

    snprintf(name, size, "%s", known != NULL ? known : "");
    free(known);
    for (size_t i = 0; i < COUNT(newer); i++) {
        if (newer[i].number == number && (arches[arch].is_x86 || !newer[i].only_x86))
            snprintf(name, size, "%s", newer[i].name);
    }
}

/* The call's number, or -1 where the architecture lacks it. */
static int number_of(enum bj_seccomp_arch arch, const char *name)
{
    int number = seccomp_syscall_resolve_name_arch(arches[arch].seccomp, name);

    for (size_t i = 0; i < COUNT(newer); i++) {
        if (strcmp(newer[i].name, name) == 0)
            return newer[i].number;
    }
    return number < 0 ? -1 : number;
}

static uint32_t ask(enum bj_seccomp_profile profile, enum bj_seccomp_arch arch,
                    const struct seccomp_data *data)
{
    size_t length;
    const struct sock_filter *program = bj_seccomp_program(profile, arch, &length);

    return bpf_run(program, length, data);
}

typedef void check_fn(enum bj_seccomp_profile profile, enum bj_seccomp_arch arch);

static void for_all_programs(check_fn *check)
{
    for (unsigned profile = 0; profile < BJ_SECCOMP_PROFILE_COUNT; profile++) {
        for (unsigned arch = 0; arch < BJ_SECCOMP_ARCH_COUNT; arch++)
            check((enum bj_seccomp_profile)profile, (enum bj_seccomp_arch)arch);
    }
}

static void check_shape(enum bj_seccomp_profile profile, enum bj_seccomp_arch arch)
{
    size_t length;
    const struct sock_filter *program = bj_seccomp_program(profile, arch, &length);

    assert_in_range(length, 2, LENGTH_MAX - 1);
    for (size_t i = 0; i < length; i++) {
        const struct sock_filter *insn = &program[i];
        size_t jump = insn->jt > insn->jf ? insn->jt : insn->jf;

        if (insn->code == (BPF_JMP | BPF_JA))
            jump = insn->k;
        if (BPF_CLASS(insn->code) != BPF_RET)
            assert_in_range(i + 1 + jump, i + 1, length - 1);
    }
}

static void test_shape(void **state)
{
    (void)state;
    for_all_programs(check_shape);
}

/* Where only listed programs run, there are no files in memory. */
static bool is_listed_profile(enum bj_seccomp_profile profile)
{
    return profile == BJ_SECCOMP_SANDBOX_LISTED || profile == BJ_SECCOMP_NO_NETWORK_LISTED;
}

static uint32_t expected_for(enum bj_seccomp_profile profile, enum bj_seccomp_arch arch, int number)
{
    char name[64];

    name_of(arch, number, name, sizeof name);
    if (strcmp(name, "memfd_create") == 0 && is_listed_profile(profile))
        return FAIL(ENOSYS);
    if (number > LAST_KNOWN || name[0] == '\0' || IS_IN(name, missing))
        return FAIL(ENOSYS);
    return IS_IN(name, refused) ? FAIL(EPERM) : ALLOW;
}

static void check_numbers(enum bj_seccomp_profile profile, enum bj_seccomp_arch arch)
{
    for (int number = 0; number <= 1024; number++) {
        struct seccomp_data data = {.nr = number, .arch = arches[arch].audit};
        char name[64];

        name_of(arch, number, name, sizeof name);
        if (IS_IN(name, decided_by_argument))
            continue;
        for (int ones = 0; ones < 2; ones++) {
            uint32_t got, expected = expected_for(profile, arch, number);

            memset(data.args, ones ? 0xff : 0, sizeof data.args);
            got = ask(profile, arch, &data);
            if (got != expected)
                fail_msg("profile %d arch %d: %d (%s) is 0x%x, not 0x%x", (int)profile, (int)arch,
                         number, name, got, expected);
        }
    }
}

static void test_numbers(void **state)
{
    (void)state;
    for_all_programs(check_numbers);
}

static void check_other_numbers(enum bj_seccomp_profile profile, enum bj_seccomp_arch arch)
{
    const uint32_t high = arches[arch].is_x86 ? KILL : FAIL(ENOSYS);
    struct seccomp_data data = {.arch = arches[arch].audit};

    for (uint32_t number = 0; number <= 1024; number++) {
        data.nr = (int)(number | 0x40000000);
        assert_int_equal(ask(profile, arch, &data), high);
        data.nr = (int)(number | 0xc0000000);
        assert_int_equal(ask(profile, arch, &data), high);
        data.nr = (int)(number | 0x80000000);
        assert_int_equal(ask(profile, arch, &data), FAIL(ENOSYS));
        data.nr = (int)(number | 0x10000);
        assert_int_equal(ask(profile, arch, &data), FAIL(ENOSYS));
    }
    data.nr = -2;
    assert_int_equal(ask(profile, arch, &data), high);
    data.nr = 0x3fffffff;
    assert_int_equal(ask(profile, arch, &data), FAIL(ENOSYS));
    data.nr = 0x7fffffff;
    assert_int_equal(ask(profile, arch, &data), high);
    data.nr = -1; /* a tracer skips a call */
    assert_int_equal(ask(profile, arch, &data), ALLOW);
}

static void test_other_numbers(void **state)
{
    (void)state;
    for_all_programs(check_other_numbers);
}

static void check_foreign(enum bj_seccomp_profile profile, enum bj_seccomp_arch arch)
{
    static const uint32_t audits[] = {
        AUDIT_ARCH_I386,
        AUDIT_ARCH_X86_64,
        AUDIT_ARCH_AARCH64,
        AUDIT_ARCH_ARM,
        AUDIT_ARCH_ARMEB,
        AUDIT_ARCH_MIPS64,
        0,
        UINT32_MAX,
    };

    for (size_t i = 0; i < COUNT(audits); i++) {
        if (audits[i] == arches[arch].audit)
            continue;
        for (int number = -1; number <= 1024; number++) {
            struct seccomp_data data = {.nr = number, .arch = audits[i]};

            assert_int_equal(ask(profile, arch, &data), KILL);
        }
    }
}

static void test_foreign(void **state)
{
    (void)state;
    for_all_programs(check_foreign);
}

/* ---- Arguments ---- */

#define ANY                (-1) /* the argument must not matter */
#define NEWER_FLAGS        0x7e020000
#define EVERY_FLAG_BUT_NEW 0x81fdffff
#define CREATE             0100
#define TMPFILE            020000000
#define DIRECTORY_X86      0200000
#define DIRECTORY_ARM      040000

struct argument_case {
    const char *call;
    int64_t args[4]; /* 32 bits each, or ANY */
    uint32_t expected;
    uint32_t no_network; /* the expectation there, if it is another one; else 0 */
    uint32_t nesting;    /* the same for that profile */
};

#define REFUSED     FAIL(EPERM)
#define NO_PROTOCOL FAIL(EPROTONOSUPPORT)
#define DONE        FAIL(0)

static const struct argument_case argument_cases[] = {
    {"clone", {SIGCHLD, ANY, ANY, ANY}, ALLOW, 0},
    {"clone", {EVERY_FLAG_BUT_NEW, ANY, ANY, ANY}, ALLOW, 0},
    {"clone", {0x003d0f00, ANY, ANY, ANY}, ALLOW, 0}, /* glibc's pthread_create */
    {"clone", {CLONE_NEWNS, ANY, ANY, ANY}, REFUSED, 0},
    {"unshare", {CLONE_NEWUSER, ANY, ANY, ANY}, REFUSED, 0, ALLOW},
    {"unshare", {CLONE_NEWPID | CLONE_NEWNS, ANY, ANY, ANY}, REFUSED, 0, ALLOW},
    {"unshare", {CLONE_NEWUSER | CLONE_NEWNET, ANY, ANY, ANY}, REFUSED, 0},
    {"unshare", {CLONE_NEWNET, ANY, ANY, ANY}, REFUSED, 0},
    {"unshare", {CLONE_NEWNS, ANY, ANY, ANY}, REFUSED, 0},
    {"unshare", {CLONE_FILES, ANY, ANY, ANY}, REFUSED, 0},
    {"mount", {ANY, ANY, ANY, MS_REC | MS_PRIVATE}, REFUSED, 0, DONE},
    {"mount", {ANY, ANY, ANY, MS_REC | MS_SHARED}, REFUSED, 0},
    {"mount", {ANY, ANY, ANY, MS_BIND}, REFUSED, 0},
    {"mount", {ANY, ANY, ANY, MS_NOSUID | MS_NODEV | MS_NOEXEC}, REFUSED, 0},
    {"mount", {ANY, ANY, ANY, 0}, REFUSED, 0},
    {"clone", {CLONE_NEWCGROUP, ANY, ANY, ANY}, REFUSED, 0},
    {"clone", {CLONE_NEWUTS | SIGCHLD, ANY, ANY, ANY}, REFUSED, 0},
    {"clone", {CLONE_NEWIPC, ANY, ANY, ANY}, REFUSED, 0},
    {"clone", {CLONE_NEWUSER | CLONE_VM, ANY, ANY, ANY}, REFUSED, 0},
    {"clone", {CLONE_NEWPID, ANY, ANY, ANY}, REFUSED, 0},
    {"clone", {CLONE_NEWNET, ANY, ANY, ANY}, REFUSED, 0},
    {"clone", {NEWER_FLAGS, ANY, ANY, ANY}, REFUSED, 0},
    {"clone", {UINT32_MAX, ANY, ANY, ANY}, REFUSED, 0},

    {"prlimit64", {0, 7, ANY, ANY}, ALLOW, 0},      /* RLIMIT_NOFILE */
    {"prlimit64", {0, 4, 1, ANY}, FAIL(EINVAL), 0}, /* RLIMIT_CORE, set */
    {"prlimit64", {1, 7, ANY, ANY}, REFUSED, 0},
    {"prlimit64", {UINT32_MAX, 7, ANY, ANY}, REFUSED, 0},
    {"setrlimit", {7, ANY, ANY, ANY}, ALLOW, 0},
    {"setrlimit", {4, ANY, ANY, ANY}, FAIL(EINVAL), 0},

    {"personality", {0, ANY, ANY, ANY}, ALLOW, 0},
    {"personality", {UINT32_MAX, ANY, ANY, ANY}, ALLOW, 0},
    {"personality", {0x0040000, ANY, ANY, ANY}, REFUSED, 0}, /* ADDR_NO_RANDOMIZE */
    {"personality", {0x0400000, ANY, ANY, ANY}, REFUSED, 0}, /* READ_IMPLIES_EXEC */
    {"personality", {8, ANY, ANY, ANY}, REFUSED, 0},         /* PER_LINUX32 */

    {"ioctl", {ANY, 0x5412, ANY, ANY}, REFUSED, 0}, /* TIOCSTI */
    {"ioctl", {ANY, 0x541c, ANY, ANY}, REFUSED, 0}, /* TIOCLINUX */
    {"ioctl", {ANY, 0x541d, ANY, ANY}, REFUSED, 0}, /* TIOCCONS */
    {"ioctl", {ANY, 0x5423, ANY, ANY}, REFUSED, 0}, /* TIOCSETD */
    {"ioctl", {ANY, 0x5401, ANY, ANY}, ALLOW, 0},   /* TCGETS */
    {"ioctl", {ANY, 0x5413, ANY, ANY}, ALLOW, 0},   /* TIOCGWINSZ */
    {"ioctl", {ANY, 0x541b, ANY, ANY}, ALLOW, 0},   /* FIONREAD */
    {"ioctl", {ANY, 0, ANY, ANY}, ALLOW, 0},

    {"socket", {AF_UNIX, ANY, ANY, ANY}, ALLOW, REFUSED},
    {"socket", {AF_INET, SOCK_STREAM, 0, ANY}, ALLOW, REFUSED},
    {"socket", {AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP, ANY}, ALLOW, REFUSED},
    {"socket", {AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP, ANY}, ALLOW, REFUSED},
    {"socket", {AF_INET, SOCK_DGRAM, IPPROTO_ICMP, ANY}, ALLOW, REFUSED},
    {"socket", {AF_INET6, SOCK_STREAM, IPPROTO_TCP, ANY}, ALLOW, REFUSED},
    {"socket", {AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6, ANY}, ALLOW, REFUSED},
    {"socket", {AF_INET, SOCK_STREAM, 262, ANY}, NO_PROTOCOL, REFUSED}, /* MPTCP */
    {"socket", {AF_INET, SOCK_STREAM, IPPROTO_SCTP, ANY}, NO_PROTOCOL, REFUSED},
    {"socket", {AF_INET6, SOCK_DGRAM, UINT32_MAX, ANY}, NO_PROTOCOL, REFUSED},
    {"socket", {AF_INET, SOCK_RAW, ANY, ANY}, REFUSED, 0},
    {"socket", {AF_INET, SOCK_RAW | SOCK_CLOEXEC, ANY, ANY}, REFUSED, 0},
    {"socket", {AF_INET, SOCK_PACKET, ANY, ANY}, REFUSED, 0},
    {"socket", {AF_INET, SOCK_SEQPACKET, ANY, ANY}, REFUSED, 0},
    {"socket", {AF_INET, SOCK_DCCP, ANY, ANY}, REFUSED, 0},
    {"socket", {AF_INET6, SOCK_RAW, ANY, ANY}, REFUSED, 0},
    {"socket", {AF_NETLINK, ANY, 0, ANY}, ALLOW, REFUSED},
    {"socket", {AF_NETLINK, ANY, 4, ANY}, REFUSED, 0},  /* SOCK_DIAG */
    {"socket", {AF_NETLINK, ANY, 12, ANY}, REFUSED, 0}, /* NETFILTER */
    {"socket", {AF_NETLINK, ANY, 15, ANY}, REFUSED, 0}, /* KOBJECT_UEVENT */
    {"socket", {AF_PACKET, ANY, ANY, ANY}, REFUSED, 0},
    {"socket", {AF_VSOCK, ANY, ANY, ANY}, REFUSED, 0},
    {"socket", {AF_ALG, ANY, ANY, ANY}, REFUSED, 0},
    {"socket", {AF_BLUETOOTH, ANY, ANY, ANY}, REFUSED, 0},
    {"socket", {0, ANY, ANY, ANY}, REFUSED, 0},
    {"socket", {UINT32_MAX, ANY, ANY, ANY}, REFUSED, 0},

    {"socketpair", {AF_UNIX, SOCK_STREAM, ANY, ANY}, ALLOW, 0},
    {"socketpair", {AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, ANY, ANY}, ALLOW, 0},
    {"socketpair", {AF_UNIX, SOCK_DGRAM, ANY, ANY}, ALLOW, REFUSED},

    {"sched_setaffinity", {0, ANY, ANY, ANY}, ALLOW, 0},
    {"sched_setaffinity", {1, ANY, ANY, ANY}, REFUSED, 0}, /* init */
    {"sched_setaffinity", {77, ANY, ANY, ANY}, ALLOW, REFUSED},
    {"sched_setscheduler", {1, ANY, ANY, ANY}, REFUSED, 0},
    {"sched_setattr", {1, ANY, ANY, ANY}, REFUSED, 0},
    {"sched_setparam", {1, ANY, ANY, ANY}, REFUSED, 0},
    {"sched_setscheduler", {0, ANY, ANY, ANY}, ALLOW, 0},
    {"sched_setattr", {0, ANY, ANY, ANY}, ALLOW, 0},
    {"sched_setparam", {0, ANY, ANY, ANY}, ALLOW, 0},
    {"setpriority", {0, 0, ANY, ANY}, ALLOW, 0},
    {"setpriority", {0, 1, ANY, ANY}, REFUSED, 0},
    {"setpriority", {1, 0, ANY, ANY}, ALLOW, REFUSED}, /* PRIO_PGRP */
    {"setpriority", {2, 0, ANY, ANY}, REFUSED, 0},     /* PRIO_USER */
    {"ioprio_set", {1, 0, ANY, ANY}, ALLOW, 0},
    {"ioprio_set", {1, 1, ANY, ANY}, REFUSED, 0},
    {"ioprio_set", {3, 0, ANY, ANY}, REFUSED, 0}, /* IOPRIO_WHO_USER */
    {"socketpair", {AF_INET, ANY, ANY, ANY}, REFUSED, 0},
    {"socketpair", {30, ANY, ANY, ANY}, REFUSED, 0}, /* AF_TIPC */

    {"open", {ANY, O_RDWR, ANY, ANY}, ALLOW, 0},
    {"open", {ANY, (uint32_t) ~(CREATE | TMPFILE), ANY, ANY}, ALLOW, 0},
    {"open", {ANY, CREATE | O_WRONLY, 0777, ANY}, ALLOW, 0},
    {"open", {ANY, CREATE, 01777, ANY}, ALLOW, 0},
    {"open", {ANY, CREATE, 04755, ANY}, REFUSED, 0},
    {"open", {ANY, CREATE | O_EXCL, 02755, ANY}, REFUSED, 0},
    {"open", {ANY, TMPFILE | DIRECTORY_X86, 0644, ANY}, ALLOW, 0},
    {"open", {ANY, TMPFILE | DIRECTORY_X86, 06755, ANY}, REFUSED, 0},
    {"open", {ANY, TMPFILE, 04000, ANY}, REFUSED, 0},
    {"openat", {ANY, ANY, O_RDWR, ANY}, ALLOW, 0},
    {"openat", {ANY, ANY, (uint32_t) ~(CREATE | TMPFILE), ANY}, ALLOW, 0},
    {"openat", {ANY, ANY, CREATE, 0777}, ALLOW, 0},
    {"openat", {ANY, ANY, CREATE, 04755}, REFUSED, 0},
    {"openat", {ANY, ANY, CREATE, 02000}, REFUSED, 0},
    {"openat", {ANY, ANY, TMPFILE | DIRECTORY_X86, 0600}, ALLOW, 0},
    {"openat", {ANY, ANY, TMPFILE | DIRECTORY_X86, 04711}, REFUSED, 0},
    {"openat", {ANY, ANY, TMPFILE | DIRECTORY_ARM, 02711}, REFUSED, 0},
    {"openat", {ANY, ANY, UINT32_MAX, 06000}, REFUSED, 0},

    {"creat", {ANY, 0644, ANY, ANY}, ALLOW, 0},
    {"creat", {ANY, 04644, ANY, ANY}, REFUSED, 0},
    {"chmod", {ANY, 01777, ANY, ANY}, ALLOW, 0},
    {"chmod", {ANY, 02755, ANY, ANY}, REFUSED, 0},
    {"chmod", {ANY, 0104755, ANY, ANY}, REFUSED, 0},
    {"fchmod", {ANY, 0755, ANY, ANY}, ALLOW, 0},
    {"fchmod", {ANY, 04755, ANY, ANY}, REFUSED, 0},
    {"fchmodat", {ANY, ANY, 0755, ANY}, ALLOW, 0},
    {"fchmodat", {ANY, ANY, 06755, ANY}, REFUSED, 0},
    {"fchmodat2", {ANY, ANY, 0755, ANY}, ALLOW, 0},
    {"fchmodat2", {ANY, ANY, 02755, ANY}, REFUSED, 0},

    {"mknod", {ANY, S_IFIFO | 0644, ANY, ANY}, ALLOW, 0},
    {"mknod", {ANY, S_IFSOCK | 0644, ANY, ANY}, ALLOW, 0},
    {"mknod", {ANY, S_IFREG | 0644, ANY, ANY}, ALLOW, 0},
    {"mknod", {ANY, 0644, ANY, ANY}, ALLOW, 0},
    {"mknod", {ANY, S_IFREG | 04755, ANY, ANY}, REFUSED, 0},
    {"mknod", {ANY, 02755, ANY, ANY}, REFUSED, 0},
    {"mknod", {ANY, S_IFCHR | 0600, ANY, ANY}, REFUSED, 0},
    {"mknod", {ANY, S_IFBLK, ANY, ANY}, REFUSED, 0},
    {"mknodat", {ANY, ANY, S_IFIFO | 0644, ANY}, ALLOW, 0},
    {"mknodat", {ANY, ANY, S_IFREG | 02755, ANY}, REFUSED, 0},
    {"mknodat", {ANY, ANY, S_IFCHR, ANY}, REFUSED, 0},
    {"mknodat", {ANY, ANY, S_IFBLK | 0600, ANY}, REFUSED, 0},
};

/* Both halves of an argument that does not matter, and the high half of one that does. */
static const uint64_t garbage[] = {0, UINT64_MAX, 0x0000000100000001, 0x5a5aa5a55a5aa5a5};

static void check_case(enum bj_seccomp_profile profile, enum bj_seccomp_arch arch,
                       const struct argument_case *row)
{
    struct seccomp_data data = {.nr = number_of(arch, row->call), .arch = arches[arch].audit};
    uint32_t expected = row->expected, got;

    if (data.nr < 0)
        return;
    if ((profile == BJ_SECCOMP_NO_NETWORK || profile == BJ_SECCOMP_NO_NETWORK_LISTED) &&
        row->no_network != 0)
        expected = row->no_network;
    if (profile == BJ_SECCOMP_NESTING && row->nesting != 0)
        expected = row->nesting;
    for (size_t i = 0; i < COUNT(garbage); i++) {
        for (size_t j = 0; j < COUNT(data.args); j++) {
            data.args[j] = garbage[i];
            if (j < COUNT(row->args) && row->args[j] != ANY)
                data.args[j] = (garbage[i] & ~(uint64_t)UINT32_MAX) | (uint64_t)row->args[j];
        }
        got = ask(profile, arch, &data);
        if (got != expected)
            fail_msg("profile %d arch %d: %s, row %d, garbage %d: 0x%x, not 0x%x", (int)profile,
                     (int)arch, row->call, (int)(row - argument_cases), (int)i, got, expected);
    }
}

static void check_arguments(enum bj_seccomp_profile profile, enum bj_seccomp_arch arch)
{
    for (size_t i = 0; i < COUNT(argument_cases); i++)
        check_case(profile, arch, &argument_cases[i]);
}

static void test_arguments(void **state)
{
    (void)state;
    for_all_programs(check_arguments);
    for (size_t i = 0; i < COUNT(decided_by_argument); i++) {
        size_t rows = 0;

        for (size_t j = 0; j < COUNT(argument_cases); j++)
            rows += strcmp(argument_cases[j].call, decided_by_argument[i]) == 0;
        assert_in_range(rows, 2, COUNT(argument_cases));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),         cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_other_numbers), cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_arguments),
    };

    return cmocka_run_group_tests_name("seccomp", tests, NULL, NULL);
}
