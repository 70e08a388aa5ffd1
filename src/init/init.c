/* PID 1: its beginning, its loop and its end. */
#include "init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/fd.h"
#include "init/init_internal.h"
#include "linux/process.h"
#include "linux/socket.h"

#define SOCKET_FD         3 /* where init's end of the pair is moved to; everything above is closed */
#define WATCH_INTERVAL_US 10000
#define REST_MS           100
#define PAGE              4096        /* where they are larger, madvise(2) refuses or does less */
#define STACK_MAX         (128 << 10) /* what setting up may have used of it */
#define BELOW_FRAME       4096        /* which the calls that give it back may use */

static int64_t cpu_us(const struct rusage *usage)
{
    return (int64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000 +
           usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
}

/*
 * No core files, for init and all it will start. 1, not 0: only then does the kernel spare a
 * handler that the host's core_pattern pipes to (core(5)). The filter keeps it so.
 */
static int forbid_cores(struct bj_error *err)
{
    const struct rlimit one = {.rlim_cur = 1, .rlim_max = 1}, none = {0};

    if (BJ_SYS(setrlimit(RLIMIT_CORE, &one)) < 0 && setrlimit(RLIMIT_CORE, &none) < 0)
        return bj_fail_errno(err, "limits", "cannot turn core files off");
    return 0;
}

/* Nothing of the caller's stays: descriptors, signal dispositions, arguments, environment. */
static int forget_caller(struct bj_init *init, struct bj_init_wipe wipe, struct bj_error *err)
{
    sigset_t child;
    int null_fd;

    if (wipe.length > 0) /* nothing was registered: NULL, which memset(3) does not take */
        memset(wipe.start, 0, wipe.length);
    if (bj_process_reset_signals() < 0)
        return bj_fail_errno(err, "init", "cannot reset the caller's signals");
    if (BJ_SYS(dup2(init->socket_fd, SOCKET_FD)) < 0 || bj_process_close_from(SOCKET_FD + 1) < 0)
        return bj_fail_errno(err, "init", "cannot close the caller's descriptors");
    init->socket_fd = SOCKET_FD;
    fcntl(SOCKET_FD, F_SETFD, FD_CLOEXEC);
    null_fd = BJ_SYS(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (null_fd < 0)
        return bj_fail_errno(err, "init", "cannot open /dev/null");
    for (int i = 0; i < 3; i++) {
        if (BJ_SYS(dup2(null_fd, i)) < 0)
            return bj_fail_errno(err, "init", "cannot replace the caller's standard streams");
    }
    close(null_fd);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (BJ_SYS(sigprocmask(SIG_BLOCK, &child, NULL)) < 0)
        return bj_fail_errno(err, "init", "cannot block SIGCHLD");
    init->signal_fd = BJ_SYS(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
    if (init->signal_fd < 0)
        return bj_fail_errno(err, "init", "cannot watch for children");
    umask(0);
    prctl(PR_SET_NAME, bj_plan_text(init->plan, init->plan->init_name), 0, 0, 0);
    bj_init_oom_open(init);
    return 0;
}

static void send_exited(struct bj_init *init, enum bj_frame_type type, uint32_t id,
                        const struct bj_exited *exited)
{
    struct bj_frame_head head = {.type = (uint16_t)type, .id = id, .length = sizeof *exited};

    bj_init_send(init, head, exited, NULL);
}

/* Why there will be no sandbox any more. */
static void say_failed(struct bj_init *init, const struct bj_error *err)
{
    bj_init_send(init, (struct bj_frame_head){.type = BJ_FRAME_FAILED, .length = sizeof *err}, err,
                 NULL);
}

/* The main process is over: end the rest, tell the host what it all cost, and go. */
static void finish(struct bj_init *init, int status) __attribute__((noreturn));
static void finish(struct bj_init *init, int status)
{
    struct bj_exited exited = {
        .pid = init->main_pid, .status = status, .memory_exceeded = init->memory_exceeded};
    struct rusage usage;

    bj_init_end_all(init);
    getrusage(RUSAGE_CHILDREN, &usage);
    exited.cpu_us = cpu_us(&usage);
    exited.peak_kb = usage.ru_maxrss;
    send_exited(init, BJ_FRAME_EXITED, 0, &exited);
    _exit(0);
}

static void note_exit(struct bj_init *init, pid_t pid, int status, const struct rusage *usage)
{
    struct bj_exited exited = {
        .pid = pid, .status = status, .cpu_us = cpu_us(usage), .peak_kb = usage->ru_maxrss};

    if (pid == init->main_pid)
        finish(init, status);
    for (size_t i = 0; i < BJ_PROCESSES_MAX; i++) {
        struct bj_init_process *entry = &init->processes[i];

        if (entry->pid != pid || entry->ended)
            continue;
        exited.memory_exceeded = entry->memory_exceeded;
        if (!entry->keep)
            send_exited(init, BJ_FRAME_EXITED, 0, &exited);
        if (entry->waiter != 0)
            send_exited(init, BJ_FRAME_REPLY, entry->waiter, &exited);
        entry->ended = true;
        entry->exited = exited;
        if (!entry->keep || entry->waiter != 0)
            *entry = (struct bj_init_process){0};
        return;
    }
}

static void reap(struct bj_init *init)
{
    struct signalfd_siginfo drained[4];
    struct rusage usage;
    int status;
    pid_t pid;

    while (read(init->signal_fd, drained, sizeof drained) > 0)
        continue;
    while ((pid = wait4(-1, &status, WNOHANG | __WALL, &usage)) > 0)
        note_exit(init, pid, status, &usage);
}

/* One packet from the host; false when the sandbox is over. */
static bool receive(struct bj_init *init)
{
    char *packet = init->room.packet;
    struct bj_fds fds;
    struct bj_error err = {0};
    struct bj_frame frame;
    ssize_t length =
        bj_socket_receive(init->socket_fd, packet, sizeof init->room.packet, &fds, MSG_DONTWAIT);
    int result;

    if (length < 0 && errno == EAGAIN)
        return true;
    if (length <= 0)
        return false;
    result = bj_frame_get(packet, (size_t)length, &frame, &err);
    if (result == 0 && frame.head.fds != fds.count)
        result = -1;
    if (result == 0)
        result = bj_init_serve(init, &frame, &fds, &err);
    bj_fds_close(&fds);
    return result == 0;
}

/*
 * Too much memory is in use: the main process and the sandbox end. A sandbox that lives without one
 * loses every process, as when the kernel runs out of memory, and goes on; unless it is its files.
 */
static void limit_memory(struct bj_init *init)
{
    struct bj_error err;

    if (init->main_pid == 0 && bj_init_files_exceed(init)) {
        bj_fail(&err, BJ_E_NO_MEMORY, "memory",
                "the sandbox has ended: its files, which lie in memory, took more than the memory "
                "limit of %llu MiB; write less, or raise memory_mb",
                (unsigned long long)(init->plan->memory_watch >> 20));
        say_failed(init, &err);
    }
    if (init->main_pid != 0 || bj_init_files_exceed(init)) {
        init->memory_exceeded = true;
        finish(init, SIGKILL);
    }
    for (size_t i = 0; i < BJ_PROCESSES_MAX; i++)
        init->processes[i].memory_exceeded = true;
    BJ_SYS(kill(-1, SIGKILL));
}

/* Where init is what limits memory: looks again when it is time to. Returns how long that is. */
static int watch(struct bj_init *init, int64_t *next)
{
    int64_t now = bj_clock_us();

    if (init->plan->memory_watch == 0)
        return -1;
    if (now >= *next && bj_init_memory_exceeded(init))
        limit_memory(init);
    if (now >= *next)
        *next = now + WATCH_INTERVAL_US;
    return (int)((*next - now + 999) / 1000);
}

/* Gives back the whole pages that lie between the two. */
static void give_back(const void *from, const void *to)
{
    uintptr_t first = ((uintptr_t)from + PAGE - 1) / PAGE * PAGE, end = (uintptr_t)to / PAGE * PAGE;

    if (first < end)
        madvise((void *)first, end - first, MADV_DONTNEED);
}

/*
 * Init lives as long as its sandbox, so what only its beginning needed goes: of the plan all but
 * the numbers in front of its operations and the texts of two directories.
 */
static void forget_setup(const struct bj_plan *plan)
{
    const char *kept[] = {bj_plan_text(plan, plan->directory), bj_plan_text(plan, plan->home)};
    const char *lower = kept[0] < kept[1] ? kept[0] : kept[1];
    const char *higher = kept[0] < kept[1] ? kept[1] : kept[0];

    give_back(plan->ops, lower);
    give_back(lower + strlen(lower) + 1, higher);
    give_back(higher + strlen(higher) + 1, plan->text + plan->text_length);
}

/* Nobody has asked for anything for a while: what requests need is not kept for the next. */
static void rest(struct bj_init *init)
{
    const char *here = __builtin_frame_address(0);

    give_back(&init->room, &init->room + 1);
    give_back(here - STACK_MAX, here - BELOW_FRAME);
}

static void serve(struct bj_init *init)
{
    struct pollfd polled[2] = {
        {.fd = init->socket_fd, .events = POLLIN},
        {.fd = init->signal_fd, .events = POLLIN},
    };
    int64_t next = bj_clock_us() + WATCH_INTERVAL_US;
    bool rested = false;

    for (;;) {
        int timeout = watch(init, &next);
        int ready = poll(polled, 2, timeout >= 0 || rested ? timeout : REST_MS);

        if (ready < 0 && errno != EINTR)
            return;
        if (ready == 0 && !rested)
            rest(init);
        rested = ready == 0;
        if (ready > 0 && polled[1].revents != 0)
            reap(init);
        if (ready > 0 && polled[0].revents != 0 && !receive(init))
            return;
    }
}

/*
 * Init dies with its host, and a process tree of its own with it. Without one its processes would
 * live on: there it stays, sees its socket close, and ends them first.
 */
static int tie_to_host(const struct bj_plan *plan)
{
    return plan->isolation == BJ_ISOLATION_NAMESPACES ? bj_process_die_with_parent() : 0;
}

void bj_init_run(const struct bj_plan *plan, int socket_fd, struct bj_init_wipe wipe)
{
    static struct bj_init init;
    struct bj_error err = {0};

    init.plan = plan;
    init.socket_fd = socket_fd;
    init.scratch_fd = init.root_fd = init.proc_fd = init.signal_fd = init.ruleset_fd = init.oom_fd =
        -1;
    for (size_t i = 0; i < BJ_TREES_MAX; i++)
        init.slots[i] = -1;
    if (tie_to_host(plan) < 0 || forget_caller(&init, wipe, &err) < 0 || forbid_cores(&err) < 0 ||
        bj_init_setup(&init, &err) < 0) {
        if (err.code == BJ_E_OK)
            bj_fail_errno(&err, "init", "cannot ask to die with the parent");
        say_failed(&init, &err);
        _exit(1);
    }
    forget_setup(plan);
    serve(&init);
    bj_init_end_all(&init);
    _exit(0);
}
