/*
 * seccomp-load [ROUNDS]: what the system call filter costs to load, beside the kernel's floor and
 * beside the same policy by libseccomp, made ahead and made at run time. One child a measurement,
 * the variants mixed, so that a slow moment meets all. Prints medians in microseconds: of the load
 * in the child, and of the child's life from fork to wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "linux/seccomp.h"
#include "../tests/unit/linux/bpf.h"

#define ROUNDS_MAX 10000
#define NUMBERS    470

#if defined(__x86_64__)
#define NATIVE_ARCH  BJ_SECCOMP_X86_64
#define NATIVE_AUDIT AUDIT_ARCH_X86_64
#else
#define NATIVE_ARCH  BJ_SECCOMP_ARM64
#define NATIVE_AUDIT AUDIT_ARCH_AARCH64
#endif

struct variant {
    const char *name;
    struct sock_fprog program;
    unsigned flags;
    bool build; /* by libseccomp, within the measurement */
    int load_ns[ROUNDS_MAX];
    int life_ns[ROUNDS_MAX];
};

static struct sock_filter floor_program[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

static int now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int)((now.tv_sec % 2) * 1000000000 + now.tv_nsec);
}

static int since_ns(int start)
{
    int passed = now_ns() - start;

    return passed >= 0 ? passed : passed + 2000000000;
}

/* ---- The same policy through libseccomp ---- */

#define SET_ID 06000
#define MAKES  020000100

static void allow_if(scmp_filter_ctx ctx, const char *name, unsigned count,
                     const struct scmp_arg_cmp *tests)
{
    int number = seccomp_syscall_resolve_name(name);

    if (number >= 0)
        seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, number, count, tests);
}

#define MASKED(arg, mask, value) SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, mask, value)
#define ALLOW_IF(ctx, name, ...)                                                                   \
    allow_if(ctx, name,                                                                            \
             sizeof((struct scmp_arg_cmp[]){__VA_ARGS__}) / sizeof(struct scmp_arg_cmp),           \
             (struct scmp_arg_cmp[]){__VA_ARGS__})

static void add_sockets(scmp_filter_ctx ctx)
{
    static const unsigned protocols[] = {0, 1, 6, 17, 58};

    ALLOW_IF(ctx, "socketpair", MASKED(0, UINT32_MAX, AF_UNIX));
    ALLOW_IF(ctx, "socket", MASKED(0, UINT32_MAX, AF_UNIX));
    ALLOW_IF(ctx, "socket", MASKED(0, UINT32_MAX, AF_NETLINK), MASKED(2, UINT32_MAX, 0));
    for (unsigned type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
            ALLOW_IF(ctx, "socket", MASKED(0, UINT32_MAX, AF_INET), MASKED(1, 0xf, type),
                     MASKED(2, UINT32_MAX, protocols[i]));
            ALLOW_IF(ctx, "socket", MASKED(0, UINT32_MAX, AF_INET6), MASKED(1, 0xf, type),
                     MASKED(2, UINT32_MAX, protocols[i]));
        }
    }
}

static void add_modes(scmp_filter_ctx ctx)
{
    static const unsigned types[] = {0, S_IFREG, S_IFIFO, S_IFSOCK};

    ALLOW_IF(ctx, "open", MASKED(1, MAKES, 0));
    ALLOW_IF(ctx, "open", MASKED(2, SET_ID, 0));
    ALLOW_IF(ctx, "openat", MASKED(2, MAKES, 0));
    ALLOW_IF(ctx, "openat", MASKED(3, SET_ID, 0));
    ALLOW_IF(ctx, "creat", MASKED(1, SET_ID, 0));
    ALLOW_IF(ctx, "chmod", MASKED(1, SET_ID, 0));
    ALLOW_IF(ctx, "fchmod", MASKED(1, SET_ID, 0));
    ALLOW_IF(ctx, "fchmodat", MASKED(2, SET_ID, 0));
    ALLOW_IF(ctx, "fchmodat2", MASKED(2, SET_ID, 0));
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        ALLOW_IF(ctx, "mknod", MASKED(1, SET_ID | S_IFMT, types[i]));
        ALLOW_IF(ctx, "mknodat", MASKED(2, SET_ID | S_IFMT, types[i]));
    }
}

/* libseccomp takes one test an argument in a rule: of the four terminal requests it
 * compares one. */
static void add_others(scmp_filter_ctx ctx)
{
    ALLOW_IF(ctx, "clone", MASKED(0, 0x7e020000, 0));
    ALLOW_IF(ctx, "prlimit64", MASKED(0, UINT32_MAX, 0));
    ALLOW_IF(ctx, "personality", MASKED(0, UINT32_MAX, 0));
    ALLOW_IF(ctx, "personality", MASKED(0, UINT32_MAX, UINT32_MAX));
    ALLOW_IF(ctx, "ioctl", SCMP_CMP(1, SCMP_CMP_NE, 0x5412));
}

static bool is_decided_by_argument(int number)
{
    static const char *const names[] = {
        "open",    "openat", "creat", "chmod",     "fchmod",      "fchmodat", "fchmodat2",  "mknod",
        "mknodat", "clone",  "ioctl", "prlimit64", "personality", "socket",   "socketpair",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (seccomp_syscall_resolve_name(names[i]) == number)
            return true;
    }
    return false;
}

/* What the filter says to a call whatever its arguments; asked once, ahead of the measurement. */
static uint32_t answers[NUMBERS];

static void ask_answers(const struct sock_fprog *program)
{
    for (int number = 0; number < NUMBERS; number++) {
        struct seccomp_data data = {.nr = number, .arch = NATIVE_AUDIT};

        answers[number] = is_decided_by_argument(number)
                              ? SECCOMP_RET_KILL_PROCESS
                              : bpf_run(program->filter, program->len, &data);
    }
}

static scmp_filter_ctx make_libseccomp(unsigned optimize)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));

    if (ctx == NULL)
        die("seccomp_init");
    seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, optimize);
    for (int number = 0; number < NUMBERS; number++) {
        if (answers[number] == SECCOMP_RET_ALLOW)
            seccomp_rule_add(ctx, SCMP_ACT_ALLOW, number, 0);
        else if (answers[number] == (SECCOMP_RET_ERRNO | ENOSYS))
            seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), number, 0);
    }
    add_sockets(ctx);
    add_modes(ctx);
    add_others(ctx);
    return ctx;
}

static struct sock_fprog export_libseccomp(unsigned optimize)
{
    scmp_filter_ctx ctx = make_libseccomp(optimize);
    int fd = memfd_create("filter", MFD_CLOEXEC);
    struct sock_fprog program;
    struct stat st;

    if (fd < 0 || seccomp_export_bpf(ctx, fd) != 0 || fstat(fd, &st) != 0)
        die("seccomp_export_bpf");
    program.len = (unsigned short)((size_t)st.st_size / sizeof *program.filter);
    program.filter = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (program.filter == MAP_FAILED)
        die("mmap");
    close(fd);
    seccomp_release(ctx);
    return program;
}

/* ---- Measuring ---- */

static void load(const struct variant *variant)
{
    if (variant->build) {
        scmp_filter_ctx ctx = make_libseccomp(1);

        if (seccomp_load(ctx) != 0)
            die("seccomp_load");
    } else if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, variant->flags, &variant->program) !=
               0) {
        die("seccomp");
    }
}

static void measure(struct variant *variant, int round, int *shared)
{
    int status, start = now_ns();
    pid_t pid = fork();

    if (pid < 0)
        die("fork");
    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        start = now_ns();
        load(variant);
        *shared = since_ns(start);
        _exit(0);
    }
    if (waitpid(pid, &status, 0) != pid || status != 0)
        die("child");
    variant->life_ns[round] = since_ns(start);
    variant->load_ns[round] = *shared;
}

/* What ran before leaves its mark on the next (warm or cold memory), so nobody has a
 * fixed place. */
static void shuffle(int *order, int count)
{
    for (int i = count - 1; i > 0; i--) {
        int other = (int)(random() % (i + 1)), saved = order[i];

        order[i] = order[other];
        order[other] = saved;
    }
}

static int compare_int(const void *a, const void *b)
{
    const int *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

static double median_us(int *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare_int);
    return values[count / 2] / 1000.0;
}

int main(int argc, char **argv)
{
    static struct variant variants[] = {
        {.name = "one instruction", .program = {1, floor_program}},
        {.name = "belljar"},
        {.name = "belljar, SPEC_ALLOW", .flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW},
        {.name = "libseccomp, ahead"},
        {.name = "libseccomp, ahead, binary tree"},
        {.name = "libseccomp, at run time", .build = true},
    };
    const int count = sizeof variants / sizeof *variants;
    int order[sizeof variants / sizeof *variants] = {0, 1, 2, 3, 4, 5};
    const int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 500;
    int *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    size_t length;

    if (rounds < 1 || rounds > ROUNDS_MAX || shared == MAP_FAILED) {
        fprintf(stderr, "usage: seccomp-load [ROUNDS]\n");
        return 2;
    }
    variants[1].program.filter =
        (struct sock_filter *)bj_seccomp_program(BJ_SECCOMP_SANDBOX, NATIVE_ARCH, &length);
    variants[1].program.len = (unsigned short)length;
    variants[2].program = variants[1].program;
    ask_answers(&variants[1].program);
    variants[3].program = export_libseccomp(1);
    variants[4].program = export_libseccomp(2);
    variants[5].program = variants[3].program; /* for its length only */

    for (int round = 0; round < rounds; round++) {
        shuffle(order, count);
        for (int i = 0; i < count; i++)
            measure(&variants[order[i]], round, shared);
    }
    printf("%-32s %12s %9s %12s\n", "filter", "instructions", "load µs", "fork-wait µs");
    for (int i = 0; i < count; i++)
        printf("%-32s %12u %8.1f %12.1f\n", variants[i].name, variants[i].program.len,
               median_us(variants[i].load_ns, rounds), median_us(variants[i].life_ns, rounds));
    return 0;
}
