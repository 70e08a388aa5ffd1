/* Network namespaces and loopback. */
#include "linux/network.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "linux/syscalls.h"

#define MAKER_STACK_SIZE (16 << 10)

/* One step of the maker; the call's text is counted for fault injection. */
#define MAKER_SYS(number, a, b, c, d)                                                              \
    (BJ_SYS(0) < 0 ? (long)-EIO                                                                    \
                   : bj_raw_syscall((number), (long)(a), (long)(b), (long)(c), (long)(d)))

/*
 * Makes the namespace and brings loopback up (netdevice(7)). It shares memory with the thread it
 * works for, errno included, and so calls the kernel directly.
 */
static long make(struct bj_netns *netns)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    long fd, result = MAKER_SYS(SYS_unshare, CLONE_NEWNET, 0, 0, 0);

    if (result < 0)
        return result;
    fd = MAKER_SYS(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0);
    if (fd < 0)
        return fd;
    result = MAKER_SYS(SYS_ioctl, fd, SIOCSIFFLAGS, &request, 0);
    bj_raw_syscall(SYS_close, fd, 0, 0, 0);
    if (result < 0)
        return result;
    fd = MAKER_SYS(SYS_openat, AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    netns->fd = (int)fd;
    return 0;
}

static void maker_main(void *data)
{
    struct bj_netns *netns = data;

    netns->failed = (int)-make(netns);
}

/*
 * Sends the maker to another processor. The kernel leaves a new task where it was made when the
 * others look busy at that moment, and would run it only once this process sleeps: nothing would be
 * gained.
 */
static void send_elsewhere(pid_t maker)
{
    cpu_set_t others;
    int here = sched_getcpu();

    if (here < 0 || sched_getaffinity(0, sizeof others, &others) < 0)
        return;
    CPU_CLR((size_t)here, &others);
    if (CPU_COUNT(&others) > 0)
        sched_setaffinity(maker, sizeof others, &others);
}

static pid_t start_maker(struct bj_netns *netns)
{
    static char stack[MAKER_STACK_SIZE] __attribute__((aligned(16)));
    const long flags = CLONE_VM | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_PARENT_SETTID |
                       CLONE_CHILD_CLEARTID;
    long result = bj_raw_thread(flags, stack + sizeof stack, &netns->running, maker_main, netns);

    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return (pid_t)result;
}

int bj_netns_begin(struct bj_netns *netns)
{
    pid_t maker;

    *netns = (struct bj_netns){.fd = -1};
    maker = BJ_SYS(start_maker(netns));
    if (maker < 0)
        return -1;
    send_elsewhere(maker);
    return 0;
}

int bj_netns_take(struct bj_netns *netns)
{
    pid_t running;

    /* What the maker wrote before it ended is seen after this. */
    while ((running = __atomic_load_n(&netns->running, __ATOMIC_ACQUIRE)) != 0)
        syscall(SYS_futex, &netns->running, FUTEX_WAIT, running, NULL);
    if (netns->failed != 0) {
        if (netns->fd >= 0)
            close(netns->fd);
        errno = netns->failed;
        return -1;
    }
    return netns->fd;
}

int bj_netns_enter(int fd)
{
    if (BJ_SYS(setns(fd, CLONE_NEWNET)) < 0)
        return -1;
    /* Any port may be bound inside: there is nobody else whose it could be. Where /proc/sys is
     * read-only, as in containers, the usual ones remain (ip-sysctl). */
    bj_write_file_at(AT_FDCWD, "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    return 0;
}

int bj_netns_join(struct bj_netns *netns)
{
    BJ_CLEANUP_CLOSE int fd = bj_netns_take(netns);

    return fd < 0 ? -1 : bj_netns_enter(fd);
}
