/* Asking the kernel about a connection (tcp(7), TCP_INFO). */
#include "server/progress.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

bool bj_progress_acknowledged(int fd, uint64_t *ret)
{
    struct tcp_info info;
    socklen_t length = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 ||
        length < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked)
        return false;
    *ret = info.tcpi_bytes_acked;
    return true;
}
