/*
 * The network: families that are not namespaced or not needed, the host's services on loopback,
 * and any route out. Nothing is ever sent to another machine: a route is found by connecting a
 * datagram socket, which sends nothing.
 */
#include "attempt.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* family << 24 | type << 16 | protocol */
#define KIND(family, type, protocol) ((family) << 24 | (type) << 16 | (protocol))

static enum outcome open_socket(const struct attempt *row)
{
    int fd = socket((int)(row->number >> 24), (int)(row->number >> 16 & 0xff),
                    (int)(row->number & 0xffff));
    return judged(row, fd >= 0, "socket");
}

static enum outcome open_pair(const struct attempt *row)
{
    int ends[2];
    return judged(row, socketpair((int)row->number, SOCK_STREAM, 0, ends) == 0, "socketpair");
}

/* ---- services on the host ---- */

static bool answer_holds_secret(int fd)
{
    char data[512];
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, 700) != 1) {
        errno = ETIMEDOUT;
        return false;
    }
    ssize_t size = recv(fd, data, sizeof(data), 0);
    return size > 0 && holds_secret(data, (size_t)size);
}

struct end {
    struct sockaddr_storage address;
    socklen_t size;
};

/* Fills END from text and port; the family follows from the text. */
static bool parse_end(struct end *end, const char *text, long port)
{
    struct sockaddr_in *four = (struct sockaddr_in *)&end->address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&end->address;
    memset(end, 0, sizeof(*end));
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        end->size = sizeof(*four);
        return true;
    }
    if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)port);
        end->size = sizeof(*six);
        return true;
    }
    return false;
}

enum service { TCP4, TCP6, UDP4, UDP6, TCP_HOST };

static long port_of(enum service service)
{
    static const char *const names[] = {"tcp4", "tcp6", "udp4", "udp6", "tcp_host"};
    return fact_number(names[service]);
}

static enum outcome reach_service(const struct attempt *row)
{
    struct end end;
    enum service service = (enum service)row->number;
    const char *text = service == TCP_HOST ? fact("host_address") : row->path;
    bool datagram = service == UDP4 || service == UDP6;
    if (!*text) {
        return lacking("a host address beyond loopback");
    }
    if (!parse_end(&end, text, port_of(service))) {
        return broken("bad address %s", text);
    }
    int fd = socket(end.address.ss_family, datagram ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&end.address, end.size)) {
        return refused("connect");
    }
    if (datagram && send(fd, "hello", 5, 0) != 5) {
        return refused("send");
    }
    return answer_holds_secret(fd) ? done("the service at %s answered", text)
                                   : refused("no answer from %s", text);
}

/* The first data travel with the connection request: connect() is never called. */
static enum outcome reach_fast(const struct attempt *row)
{
    struct end end;
    parse_end(&end, row->path, port_of(TCP4));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (sendto(fd, "hello", 5, MSG_FASTOPEN, (struct sockaddr *)&end.address, end.size) != 5) {
        return refused("sendto");
    }
    return answer_holds_secret(fd) ? done("the service answered") : refused("no answer");
}

static enum outcome reach_by_sendmsg(const struct attempt *row)
{
    struct end end;
    parse_end(&end, row->path, port_of(UDP4));
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct iovec part = {"hello", 5};
    struct msghdr message = {
        .msg_name = &end.address, .msg_namelen = end.size, .msg_iov = &part, .msg_iovlen = 1};
    if (sendmsg(fd, &message, 0) != 5) {
        return refused("sendmsg");
    }
    return answer_holds_secret(fd) ? done("the service answered") : refused("no answer");
}

static enum outcome find_route(const struct attempt *row)
{
    struct end end;
    const char *text = row->path[0] == '@' ? fact(row->path + 1) : row->path;
    if (!*text || !parse_end(&end, text, 53)) {
        return lacking("a resolver");
    }
    int fd = socket(end.address.ss_family, SOCK_DGRAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&end.address, end.size) == 0) {
        return done("a route to %s", text);
    }
    return errno == ENETUNREACH && row->lacks && !*fact(row->lacks) ? lacking("%s", row->lacks)
                                                                    : refused("connect");
}

static enum outcome find_interface(const struct attempt *row)
{
    struct if_nameindex *list = if_nameindex();
    (void)row;
    for (struct if_nameindex *one = list; one && one->if_index; one++) {
        if (strcmp(one->if_name, "lo") != 0) {
            return done("interface %s", one->if_name);
        }
    }
    return list ? (errno = 0, refused("only lo")) : refused("no list");
}

/* The driver connects from outside meanwhile. */
static enum outcome serve_host(const struct attempt *row)
{
    struct end end;
    int one = 1;
    parse_end(&end, "127.0.0.1", fact_number("port"));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&end.address, end.size) || listen(fd, 4)) {
        return refused("bind");
    }
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    (void)row;
    if (poll(&wait, 1, 600) == 1) {
        return done("the host connected");
    }
    errno = 0;
    return refused("nobody came");
}

#define FAMILY(name, kind, ...)                                                                    \
    {                                                                                              \
        "socket-" name, 6, "open a socket: " name, open_socket, .number = kind, .lacks = name,     \
                                                                __VA_ARGS__                        \
    }
#define SERVICE(name, text, kind, address)                                                         \
    {                                                                                              \
        name, 11, text, reach_service, .number = kind, .path = address                             \
    }

const struct attempt network_attempts[] = {
    FAMILY("vsock", KIND(AF_VSOCK, SOCK_STREAM, 0), ),
    FAMILY("vsock-datagram", KIND(AF_VSOCK, SOCK_DGRAM, 0), ),
    FAMILY("alg", KIND(AF_ALG, SOCK_SEQPACKET, 0), ),
    FAMILY("packet", KIND(AF_PACKET, SOCK_RAW, 0), .flags = OUTSIDE_ROOT),
    FAMILY("packet-datagram", KIND(AF_PACKET, SOCK_DGRAM, 0), .flags = OUTSIDE_ROOT),
    FAMILY("xdp", KIND(AF_XDP, SOCK_RAW, 0), .flags = OUTSIDE_ROOT),
    FAMILY("raw", KIND(AF_INET, SOCK_RAW, IPPROTO_TCP), .flags = OUTSIDE_ROOT),
    FAMILY("raw-6", KIND(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6), .flags = OUTSIDE_ROOT),
    FAMILY("netlink-diag", KIND(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG), ),
    FAMILY("netlink-generic", KIND(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC), ),
    FAMILY("netlink-netfilter", KIND(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), ),
    FAMILY("netlink-uevent", KIND(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT), ),
    FAMILY("netlink-audit", KIND(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT), ),
    FAMILY("netlink-xfrm", KIND(AF_NETLINK, SOCK_RAW, NETLINK_XFRM), ),
    FAMILY("netlink-connector", KIND(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR), ),
    FAMILY("key", KIND(AF_KEY, SOCK_RAW, 2), .flags = OUTSIDE_ROOT),
    FAMILY("tipc", KIND(AF_TIPC, SOCK_STREAM, 0), ),
    FAMILY("rds", KIND(AF_RDS, SOCK_SEQPACKET, 0), ),
    FAMILY("bluetooth", KIND(AF_BLUETOOTH, SOCK_RAW, 1), ),
    FAMILY("can", KIND(AF_CAN, SOCK_RAW, 1), ),
    {"socketpair-tipc", 6, "make a pair of a strange family", open_pair, .number = AF_TIPC,
     .lacks = "tipc"},
    SERVICE("tcp4", "reach a service on 127.0.0.1", TCP4, "127.0.0.1"),
    SERVICE("tcp4-any", "reach it by 0.0.0.0", TCP4, "0.0.0.0"),
    SERVICE("tcp4-mapped", "reach it by ::ffff:127.0.0.1", TCP4, "::ffff:127.0.0.1"),
    SERVICE("tcp4-host", "reach a service on the host's own address", TCP_HOST, ""),
    SERVICE("tcp6", "reach a service on ::1", TCP6, "::1"),
    SERVICE("tcp6-any", "reach it by ::", TCP6, "::"),
    SERVICE("udp4", "reach a datagram service on 127.0.0.1", UDP4, "127.0.0.1"),
    SERVICE("udp6", "reach a datagram service on ::1", UDP6, "::1"),
    {"tcp4-fastopen", 11, "reach it without connect()", reach_fast, .path = "127.0.0.1"},
    {"udp4-sendmsg", 11, "reach it by sendmsg without connect()", reach_by_sendmsg,
     .path = "127.0.0.1"},
    {"route", 11, "find a route out", find_route, .path = "198.51.100.1", .lacks = "route4"},
    {"route-6", 11, "find a route out over IPv6", find_route, .path = "2001:db8::1",
     .lacks = "route6"},
    {"route-metadata", 11, "find a route to the cloud's metadata", find_route,
     .path = "169.254.169.254", .lacks = "route4"},
    {"route-multicast", 11, "find a route to a multicast group", find_route, .path = "224.0.0.251",
     .lacks = "route4"},
    {"route-resolver", 11, "find a route to the host's resolver", find_route, .path = "@resolver",
     .lacks = "route4"},
    {"interfaces", 11, "see the host's interfaces", find_interface},
    {"serve-host", 11, "offer a service on the host's loopback", serve_host, .scenario = "serve"},
    {0},
};
