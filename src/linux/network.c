/* Loopback. */
#include "linux/network.h"

#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"

int bj_network_loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    BJ_CLEANUP_CLOSE int fd = BJ_SYS(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));

    if (fd < 0)
        return -1;
    return BJ_SYS(ioctl(fd, SIOCSIFFLAGS, &request));
}
