/*
 * System calls that a tool never needs and an attacker wants. Arguments are chosen so that the
 * call does nothing where it is allowed: current values, bad magic, names of no file. Where a call
 * checks the right first and the argument later, an argument error proves the right.
 */
#include "attempt.h"

#include <asm/prctl.h>
#include <linux/bpf.h>
#include <linux/fanotify.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/quota.h>
#include <linux/reboot.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

/* ---- namespaces ---- */

static enum outcome unshare_one(const struct attempt *row)
{
    if (syscall(SYS_unshare, row->number) == 0) {
        return done("unshare");
    }
    return judged(row, syscall(SYS_unshare, row->number | CLONE_NEWUSER) == 0, "unshare");
}

static long raw_clone(unsigned long flags)
{
    long child = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0);
    if (child == 0) {
        _exit(0);
    }
    if (child > 0) {
        waitpid((pid_t)child, NULL, 0);
    }
    return child;
}

static enum outcome clone_one(const struct attempt *row)
{
    unsigned long flags = (unsigned long)row->number;
    if (raw_clone(flags) > 0) {
        return done("clone");
    }
    return judged(row, raw_clone(flags | CLONE_NEWUSER) > 0, "clone");
}

static enum outcome clone3_one(const struct attempt *row)
{
    struct clone_args args = {.flags = (uint64_t)row->number, .exit_signal = SIGCHLD};
    long child = syscall(SYS_clone3, &args, sizeof(args));
    if (child == 0) {
        _exit(0);
    }
    if (child > 0) {
        waitpid((pid_t)child, NULL, 0);
    }
    return judged(row, child > 0, "clone3");
}

/* Its own namespace again: harmless, and root may. */
static enum outcome join_own(const struct attempt *row)
{
    int fd = open(row->path, O_RDONLY | O_CLOEXEC);
    return judged(row, fd >= 0 && setns(fd, (int)row->number) == 0, "setns");
}

static enum outcome join_by_pidfd(const struct attempt *row)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    return judged(row, fd >= 0 && setns(fd, CLONE_NEWNET) == 0, "setns by pidfd");
}

/* ---- subsystems ---- */

static enum outcome make_map(const struct attempt *row)
{
    union bpf_attr map = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return judged(row, syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)) >= 0, "a BPF map");
}

static enum outcome load_program(const struct attempt *row)
{
    const struct bpf_insn code[] = {{.code = 0xb7}, {.code = 0x95}}; /* r0 = 0; exit */
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
                           .insn_cnt = COUNT(code),
                           .insns = (uintptr_t)code,
                           .license = (uintptr_t) "GPL"};
    return judged(row, syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load)) >= 0, "a BPF program");
}

static enum outcome make_ring(const struct attempt *row)
{
    struct io_uring_params parameters = {0};
    return judged(row, syscall(SYS_io_uring_setup, 4, &parameters) >= 0, "io_uring");
}

static enum outcome add_key(const struct attempt *row)
{
    /* -1 is the thread's own keyring, which goes with the thread. */
    return judged(row, syscall(SYS_add_key, "user", "escape", "x", 1, -1) > 0, "add_key");
}

static enum outcome request_key(const struct attempt *row)
{
    if (syscall(SYS_request_key, "user", "escape-no-such-key", NULL, 0) > 0) {
        return done("request_key");
    }
    /* ENOKEY = 126: it looked. */
    return errno == 126 ? done("request_key searched the keyrings") : judged(row, false, "request");
}

static enum outcome use_keyctl(const struct attempt *row)
{
    /* 0: the serial number of a keyring; -4: the user's, shared by all of the same user. */
    return judged(row, syscall(SYS_keyctl, 0, -4, 1) > 0, "keyctl");
}

static enum outcome read_user_key(const struct attempt *row)
{
    char data[256];
    long key = syscall(SYS_keyctl, 10, -4, "user", fact("key_name"), 0);         /* search */
    long size = key > 0 ? syscall(SYS_keyctl, 11, key, data, sizeof(data)) : -1; /* read */
    (void)row;
    return size > 0 && holds_secret(data, (size_t)size) ? done("read the caller's key")
                                                        : refused("keyctl");
}

static enum outcome open_counter(const struct attempt *row)
{
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE,
                                    .size = sizeof(event),
                                    .config = PERF_COUNT_SW_TASK_CLOCK,
                                    .exclude_kernel = 1,
                                    .exclude_hv = 1};
    return judged(row, syscall(SYS_perf_event_open, &event, 0, -1, -1, 0) >= 0, "perf_event_open");
}

static enum outcome handle_faults(const struct attempt *row)
{
    return judged(row, syscall(SYS_userfaultfd, O_CLOEXEC | row->number) >= 0, "userfaultfd");
}

static enum outcome watch_everything(const struct attempt *row)
{
    if (syscall(SYS_fanotify_init, FAN_CLASS_NOTIF, O_RDONLY) >= 0) {
        return done("fanotify_init");
    }
    return judged(row, syscall(SYS_fanotify_init, FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY) >= 0,
                  "fanotify_init");
}

static enum outcome read_log(const struct attempt *row)
{
    static char data[4096];
    return judged(row, syscall(SYS_syslog, row->number, data, sizeof(data)) > 0, "syslog");
}

static enum outcome open_by_handle(const struct attempt *row)
{
    struct {
        struct file_handle head;
        unsigned char bytes[128];
    } handle = {0};
    const char *text = fact("handle");
    unsigned type = 0, byte;
    if (sscanf(text, "%u:", &type) != 1) {
        return broken("no handle");
    }
    handle.head.handle_type = (int)type;
    for (text = strchr(text, ':') + 1; sscanf(text, "%2x", &byte) == 1; text += 2) {
        handle.head.f_handle[handle.head.handle_bytes++] = (unsigned char)byte;
    }
    int mount = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = (int)syscall(SYS_open_by_handle_at, mount, &handle, O_RDONLY);
    (void)row;
    return fd >= 0 && fd_holds_secret(fd) ? done("opened the host's file by its handle")
                                          : refused("open_by_handle_at");
}

static enum outcome change_personality(const struct attempt *row)
{
    return judged(row, syscall(SYS_personality, row->number) >= 0, "personality");
}

/* ---- the machine ---- */

static enum outcome set_clock(const struct attempt *row)
{
    struct timespec now;
    struct timex adjust = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    if (row->number == 0) {
        return judged(row, syscall(SYS_clock_settime, CLOCK_REALTIME, &now) == 0, "clock_settime");
    }
    if (row->number == 1) {
        struct timeval value = {now.tv_sec, now.tv_nsec / 1000};
        return judged(row, syscall(SYS_settimeofday, &value, NULL) == 0, "settimeofday");
    }
    adjtimex(&adjust);
    adjust.modes = adjust.status & STA_NANO ? ADJ_NANO : ADJ_MICRO; /* as it is */
    if (row->number == 2) {
        return judged(row, syscall(SYS_adjtimex, &adjust) >= 0, "adjtimex");
    }
    return judged(row, syscall(SYS_clock_adjtime, CLOCK_REALTIME, &adjust) >= 0, "clock_adjtime");
}

/* Root passes the check of rights and fails on the argument. */
static enum outcome passed_rights(const struct attempt *row, long result, const char *what)
{
    bool argument = errno == EINVAL || errno == ENOENT || errno == EFAULT || errno == ESRCH ||
                    errno == EBADF || errno == ENOEXEC || errno == ENOTBLK;
    if (result < 0 && argument) {
        return done("%s only minds its argument", what);
    }
    return judged(row, result >= 0, what);
}

static enum outcome reboot_wrongly(const struct attempt *row)
{
    return passed_rights(row, syscall(SYS_reboot, 0x12345678, 0, LINUX_REBOOT_CMD_CAD_OFF, NULL),
                         "reboot");
}

static enum outcome machine_call(const struct attempt *row)
{
    const char *nothing = "/nonexistent/escape";
    errno = 0;
    switch (row->number) {
    case SYS_swapon:
    case SYS_swapoff:
    case SYS_acct:
        return passed_rights(row, syscall(row->number, nothing, 0), row->name);
    case SYS_init_module:
        return passed_rights(row, syscall(SYS_init_module, "not an image", 12, ""), row->name);
    case SYS_finit_module:
        return passed_rights(row, syscall(SYS_finit_module, -1, "", 0), row->name);
    case SYS_delete_module:
        return passed_rights(row, syscall(SYS_delete_module, "escape_none", O_NONBLOCK), row->name);
    case SYS_kexec_load:
        return passed_rights(row, syscall(SYS_kexec_load, 0, 0, NULL, 0xfff0), row->name);
    case SYS_kexec_file_load:
        return passed_rights(row, syscall(SYS_kexec_file_load, -1, -1, 0, "", 0xfff0), row->name);
    case SYS_vhangup:
        setsid();
        return judged(row, syscall(SYS_vhangup) == 0, row->name);
    case SYS_quotactl:
        return judged(row, syscall(SYS_quotactl, QCMD(Q_SYNC, USRQUOTA), NULL, 0, NULL) == 0,
                      row->name);
    default:
        return broken("no such call");
    }
}

/* ---- scheduling ---- */

static enum outcome be_urgent(const struct attempt *row)
{
    struct sched_param parameter = {.sched_priority = 1};
    switch (row->number) {
    case 0:
        return judged(row, sched_setscheduler(0, SCHED_FIFO, &parameter) == 0, "SCHED_FIFO");
    case 1:
        return judged(row, sched_setscheduler(0, SCHED_RR, &parameter) == 0, "SCHED_RR");
    case 2:
        return judged(row, setpriority(PRIO_PROCESS, 0, -5) == 0, "nice -5");
    default:
        /* IOPRIO_WHO_PROCESS, class 1 is real time. */
        return judged(row, syscall(SYS_ioprio_set, 1, 0, 1 << 13) == 0, "real-time I/O");
    }
}

static enum outcome be_deadline(const struct attempt *row)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes = {48, SCHED_DEADLINE, 0, 0, 0, 1000000, 10000000, 10000000};
    return judged(row, syscall(SYS_sched_setattr, 0, &attributes, 0) == 0, "SCHED_DEADLINE");
}

/* ---- ways round a filter ---- */

#ifdef __x86_64__
static long call_i386(long number, long first)
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "0"(number), "b"(first)
                     : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static enum outcome enter_as_i386(const struct attempt *row)
{
    enum { I386_GETPID = 20, I386_UNSHARE = 310 };
    long result = row->number ? call_i386(I386_UNSHARE, CLONE_NEWUSER) : call_i386(I386_GETPID, 0);
    errno = result < 0 ? (int)-result : 0;
    return judged(row, result >= 0, "int 0x80");
}

static enum outcome enter_as_x32(const struct attempt *row)
{
    return judged(row, syscall(row->number | 0x40000000) > 0, "an x32 call");
}

/* Code of 32 bits in the same process: far return into the compatibility segment, int 0x80 for
 * getpid, and back. */
static enum outcome enter_compatibility(const struct attempt *row)
{
    static const unsigned char code[] = {
        0xb8, 20,   0, 0, 0, /* mov eax, getpid */
        0xcd, 0x80,          /* int 0x80 */
        0xcb,                /* far return */
    };
    unsigned char *low = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (low == MAP_FAILED) {
        return refused("no memory below 4 GiB");
    }
    memcpy(low, code, sizeof(code));
    unsigned long stack = (unsigned long)low + 8000, target = (unsigned long)low;
    long result;
    __asm__ volatile("mov %%rsp, %%r12\n\t"
                     "mov %[stack], %%rsp\n\t"
                     /* the frame that the 32-bit far return takes: offset, segment 0x33 */
                     "lea 1f(%%rip), %%rax\n\t"
                     "mov %%eax, (%%rsp)\n\t"
                     "movl $0x33, 4(%%rsp)\n\t"
                     /* and the one that brings us there */
                     "sub $16, %%rsp\n\t"
                     "mov %[target], (%%rsp)\n\t"
                     "movq $0x23, 8(%%rsp)\n\t"
                     "lretq\n\t"
                     "1: mov %%r12, %%rsp\n\t"
                     : "=&a"(result)
                     : [stack] "r"(stack), [target] "r"(target)
                     : "memory", "cc", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12");
    errno = 0;
    return judged(row, (int)result > 0, "getpid from a 32-bit segment");
}

/* A tracer may ask the kernel to pass over the filters of its child. */
static enum outcome suspend_filter(const struct attempt *row)
{
    enum { SUSPEND_SECCOMP = 1 << 21 };
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    bool suspended = ptrace(PTRACE_SEIZE, child, 0, SUSPEND_SECCOMP) == 0;
    int error = errno;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    errno = error;
    return judged(row, suspended, "PTRACE_O_SUSPEND_SECCOMP");
}

/* A tracer changes the number of a call after its entry was seen. */
static enum outcome rewrite_call(const struct attempt *row)
{
    int status = 0;
    struct user_regs_struct registers;
    pid_t child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0)) {
            _exit(9);
        }
        raise(SIGSTOP);
        _exit(syscall(SYS_getppid) == 0 ? 7 : 8);
    }
    waitpid(child, &status, 0);
    while (WIFSTOPPED(status)) {
        if (ptrace(PTRACE_GETREGS, child, 0, &registers) == 0 &&
            registers.orig_rax == SYS_getppid && (long)registers.rax == -ENOSYS) {
            registers.orig_rax = SYS_unshare;
            registers.rdi = CLONE_NEWUSER;
            ptrace(PTRACE_SETREGS, child, 0, &registers);
        }
        if (ptrace(PTRACE_SYSCALL, child, 0, 0)) {
            kill(child, SIGKILL);
        }
        waitpid(child, &status, 0);
    }
    (void)row;
    errno = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 7 ? done("a call rewritten past the filter")
                                                         : refused("status %x", status);
}
#endif

/* Whoever is spared takes the rest of the machine with it. */
static enum outcome escape_killer(const struct attempt *row)
{
    const long sys_resource = 1L << 24;
    if (!write_text("/proc/self/oom_score_adj", "-900")) {
        if (errno == EACCES && geteuid() == 0 && !(status_number("CapEff", 16) & sys_resource)) {
            return lacking("CAP_SYS_RESOURCE");
        }
        return judged(row, false, "oom_score_adj");
    }
    return done("spared by the memory killer");
}

/* The host's core handler would be fed with the workload's memory, as root, in the host's
 * namespaces. A pipe handler is skipped by the kernel for the limit 1 and for no other, 0 included;
 * so the workload must not be able to leave 1. */
static enum outcome choose_core_limit(const struct attempt *row)
{
    struct rlimit limit;
    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = row->number ? limit.rlim_max : 0;
    setrlimit(RLIMIT_CORE, &limit);
    getrlimit(RLIMIT_CORE, &limit);
    errno = 0;
    return limit.rlim_cur != 1
               ? done("a crash reaches the host's handler (limit %ld)", (long)limit.rlim_cur)
               : refused("a crash reaches nobody");
}

static enum outcome crash(const struct attempt *row)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_CORE, &limit)) {
        getrlimit(RLIMIT_CORE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_CORE, &limit);
    }
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        abort();
    }
    waitpid(child, &status, 0);
    (void)row;
    errno = 0;
    return WCOREDUMP(status) ? done("the kernel wrote a core") : refused("no core");
}

#define UNSHARE(name, flag)                                                                        \
    {                                                                                              \
        "unshare-" name, 6, "unshare a namespace: " name, unshare_one, .number = flag              \
    }
#define CLONE(name, flag)                                                                          \
    {                                                                                              \
        "clone-" name, 6, "clone into a new namespace: " name, clone_one, .number = flag           \
    }
#define MACHINE(name, call, ...)                                                                   \
    {                                                                                              \
        name, 6, name, machine_call, .number = call, .flags = OUTSIDE_ROOT, __VA_ARGS__            \
    }

const struct attempt kernel_attempts[] = {
    UNSHARE("user", CLONE_NEWUSER),
    UNSHARE("mount", CLONE_NEWNS),
    UNSHARE("pid", CLONE_NEWPID),
    UNSHARE("net", CLONE_NEWNET),
    UNSHARE("ipc", CLONE_NEWIPC),
    UNSHARE("uts", CLONE_NEWUTS),
    UNSHARE("cgroup", CLONE_NEWCGROUP),
    UNSHARE("time", CLONE_NEWTIME),
    CLONE("user", CLONE_NEWUSER),
    CLONE("mount", CLONE_NEWNS),
    CLONE("pid", CLONE_NEWPID),
    CLONE("net", CLONE_NEWNET),
    CLONE("ipc", CLONE_NEWIPC),
    CLONE("uts", CLONE_NEWUTS),
    CLONE("cgroup", CLONE_NEWCGROUP),
    {"clone-high", 6, "clone with high bits set", clone_one, .number = CLONE_NEWUSER | 1L << 40},
    {"clone3-user", 6, "clone3 into a new user namespace", clone3_one, .number = CLONE_NEWUSER},
    {"clone3-all", 6, "clone3 into all namespaces", clone3_one,
     .number = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC},
    {"setns-net", 6, "setns to a network namespace", join_own, .path = "/proc/self/ns/net",
     .number = CLONE_NEWNET, .flags = OUTSIDE_ROOT},
    {"setns-mnt", 6, "setns to a mount namespace", join_own, .path = "/proc/self/ns/mnt",
     .number = CLONE_NEWNS, .flags = OUTSIDE_ROOT},
    {"setns-pidfd", 6, "setns by a pidfd", join_by_pidfd, .flags = OUTSIDE_ROOT},
    {"bpf-map", 6, "make a BPF map", make_map, .flags = OUTSIDE_ROOT,
     .lacks = "CONFIG_BPF_SYSCALL"},
    {"bpf-program", 6, "load a BPF program", load_program, .flags = OUTSIDE_ROOT,
     .lacks = "CONFIG_BPF_SYSCALL"},
    {"io-uring", 6, "set up io_uring", make_ring, .lacks = "CONFIG_IO_URING"},
    {"add-key", 6, "add a key", add_key, .lacks = "CONFIG_KEYS"},
    {"request-key", 6, "request a key", request_key, .lacks = "CONFIG_KEYS"},
    {"keyctl", 6, "reach the user's keyring", use_keyctl, .lacks = "CONFIG_KEYS"},
    {"user-key", 1, "read a key that the caller keeps in the kernel", read_user_key,
     .lacks = "CONFIG_KEYS"},
    {"perf-event", 6, "open a performance counter", open_counter, .flags = OUTSIDE_ROOT,
     .lacks = "CONFIG_PERF_EVENTS"},
    {"userfaultfd", 6, "handle page faults", handle_faults, .number = 1, /* user mode only */
     .lacks = "CONFIG_USERFAULTFD"},
    {"userfaultfd-kernel", 6, "handle the kernel's page faults", handle_faults,
     .flags = OUTSIDE_ROOT, .lacks = "CONFIG_USERFAULTFD"},
    {"fanotify", 6, "watch whole file systems", watch_everything, .lacks = "CONFIG_FANOTIFY"},
    {"syslog", 6, "read the kernel's log", read_log, .number = 3, .flags = OUTSIDE_ROOT},
    {"open-by-handle", 6, "open a host file by its handle", open_by_handle, .flags = OUTSIDE_ROOT},
    {"personality", 6, "switch address randomisation off", change_personality,
     .number = ADDR_NO_RANDOMIZE},
    {"personality-read-exec", 6, "make readable memory executable", change_personality,
     .number = READ_IMPLIES_EXEC},
    {"clock-settime", 6, "set the clock", set_clock, .number = 0, .flags = OUTSIDE_ROOT},
    {"settimeofday", 6, "set the clock, the old way", set_clock, .number = 1,
     .flags = OUTSIDE_ROOT},
    {"adjtimex", 6, "adjust the clock", set_clock, .number = 2, .flags = OUTSIDE_ROOT},
    {"clock-adjtime", 6, "adjust a clock", set_clock, .number = 3, .flags = OUTSIDE_ROOT},
    {"reboot", 6, "reboot, with bad magic", reboot_wrongly, .flags = OUTSIDE_ROOT},
    MACHINE("swapon", SYS_swapon, ),
    MACHINE("swapoff", SYS_swapoff, ),
    MACHINE("acct", SYS_acct, .lacks = "CONFIG_BSD_PROCESS_ACCT"),
    MACHINE("init-module", SYS_init_module, .lacks = "CONFIG_MODULES"),
    MACHINE("finit-module", SYS_finit_module, .lacks = "CONFIG_MODULES"),
    MACHINE("delete-module", SYS_delete_module, .lacks = "CONFIG_MODULES"),
    MACHINE("kexec-load", SYS_kexec_load, .lacks = "CONFIG_KEXEC"),
    MACHINE("kexec-file-load", SYS_kexec_file_load, .lacks = "CONFIG_KEXEC_FILE"),
    MACHINE("vhangup", SYS_vhangup, ),
    {"quotactl", 6, "reach disk quotas", machine_call, .number = SYS_quotactl,
     .lacks = "CONFIG_QUOTA"},
    {"schedule-fifo", 7, "run in real time", be_urgent, .number = 0, .flags = OUTSIDE_ROOT},
    {"schedule-rr", 7, "run in real time, in turns", be_urgent, .number = 1, .flags = OUTSIDE_ROOT},
    {"schedule-deadline", 7, "run with a deadline", be_deadline, .flags = OUTSIDE_ROOT},
    {"schedule-nice", 7, "raise the priority", be_urgent, .number = 2, .flags = OUTSIDE_ROOT},
    {"schedule-io", 7, "raise the I/O priority", be_urgent, .number = 3, .flags = OUTSIDE_ROOT},
#ifdef __x86_64__
    {"i386-getpid", 6, "enter the kernel by int 0x80", enter_as_i386,
     .lacks = "CONFIG_IA32_EMULATION"},
    {"i386-unshare", 6, "unshare by int 0x80", enter_as_i386, .number = 1,
     .lacks = "CONFIG_IA32_EMULATION"},
    {"i386-segment", 6, "enter the kernel from a 32-bit segment", enter_compatibility,
     .lacks = "CONFIG_IA32_EMULATION"},
    {"x32-getpid", 6, "enter the kernel by an x32 number", enter_as_x32, .number = SYS_getpid,
     .lacks = "CONFIG_X86_X32_ABI"},
    {"x32-high", 6, "an old x32 number", enter_as_x32, .number = 512,
     .lacks = "CONFIG_X86_X32_ABI"},
    {"suspend-filter", 6, "have a tracer suspend the filter", suspend_filter, .flags = OUTSIDE_ROOT,
     .lacks = "CONFIG_CHECKPOINT_RESTORE"},
    {"rewrite-call", 6, "rewrite a call after the filter saw it", rewrite_call},
#endif
    {"memory-killer", 7, "be spared by the memory killer", escape_killer, .flags = OUTSIDE_ROOT},
    {"core-handler", 6, "have a crash handled by the host", choose_core_limit, .number = 1},
    {"core-handler-zero", 6, "the same by lowering the limit to 0", choose_core_limit},
    {"core-file", 7, "leave a core file", crash, .scenario = "core"},
    {0},
};
