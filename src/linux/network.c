/* Network namespaces and loopback. */
#include "linux/network.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"

#define MAKER_STACK_SIZE (16 << 10)

/* netdevice(7) */
static int loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    BJ_CLEANUP_CLOSE int fd = BJ_SYS(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));

    if (fd < 0)
        return -1;
    return BJ_SYS(ioctl(fd, SIOCSIFFLAGS, &request));
}

/* Shares errno with the process it works for, and so touches it only when all is lost. */
static int maker_main(void *data)
{
    struct bj_netns *netns = data;

    if (BJ_SYS(unshare(CLONE_NEWNET)) < 0 || loopback_up() < 0 ||
        (netns->fd = BJ_SYS(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC))) < 0)
        netns->failed = errno;
    _exit(0);
}

int bj_netns_begin(struct bj_netns *netns)
{
    static char stack[MAKER_STACK_SIZE] __attribute__((aligned(16)));

    *netns = (struct bj_netns){.fd = -1};
    netns->maker =
        BJ_SYS(clone(maker_main, stack + sizeof stack, CLONE_VM | CLONE_FILES, netns));
    return netns->maker < 0 ? -1 : 0;
}

int bj_netns_join(struct bj_netns *netns)
{
    BJ_CLEANUP_CLOSE int fd = -1;

    while (waitpid(netns->maker, NULL, __WALL) < 0) {
        if (errno != EINTR)
            return -1;
    }
    fd = netns->fd;
    if (netns->failed != 0) {
        errno = netns->failed;
        return -1;
    }
    return BJ_SYS(setns(fd, CLONE_NEWNET));
}
