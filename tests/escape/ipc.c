/*
 * Talking to host processes without a network: sockets by name, shared memory, queues, semaphores.
 */
#include "attempt.h"

#include <poll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* An abstract name where NAME begins with '@'. */
static socklen_t make_address(struct sockaddr_un *address, const char *name)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    snprintf(address->sun_path, sizeof(address->sun_path), "%s", name);
    size_t length = strlen(address->sun_path);
    if (name[0] == '@') {
        address->sun_path[0] = '\0';
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    }
    return sizeof(*address);
}

static enum outcome reach_socket(const struct attempt *row)
{
    struct sockaddr_un address;
    char name[120], data[512];
    snprintf(name, sizeof(name), "%s%s", row->number ? "@" : "", fact(row->path));
    if (strlen(name) < 3 || strlen(name) >= sizeof(address.sun_path)) {
        return broken("bad socket name %s", name);
    }
    socklen_t size = make_address(&address, name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, size)) {
        return refused("connect to %s", name);
    }
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    ssize_t got = poll(&wait, 1, 700) == 1 ? recv(fd, data, sizeof(data), 0) : -1;
    return got > 0 && holds_secret(data, (size_t)got) ? done("%s answered", name)
                                                      : refused("no answer from %s", name);
}

static enum outcome send_datagram(const struct attempt *row)
{
    struct sockaddr_un address;
    char name[120];
    snprintf(name, sizeof(name), "@%s", fact(row->path));
    socklen_t size = make_address(&address, name);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    return judged(row, sendto(fd, "hello", 5, 0, (struct sockaddr *)&address, size) == 5, name);
}

/* The driver connects from outside meanwhile. */
static enum outcome serve_abstract(const struct attempt *row)
{
    struct sockaddr_un address;
    char name[120];
    (void)row;
    snprintf(name, sizeof(name), "@%s", fact("name"));
    socklen_t size = make_address(&address, name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, 4)) {
        return refused("bind");
    }
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, 600) == 1) {
        return done("the host connected");
    }
    errno = 0;
    return refused("nobody came");
}

static enum outcome read_segment(const struct attempt *row)
{
    int id = shmget((key_t)fact_number("ipc_key"), 0, 0);
    char *memory = id < 0 ? (void *)-1 : shmat(id, NULL, SHM_RDONLY);
    (void)row;
    if (memory == (void *)-1) {
        return refused("shmget");
    }
    return holds_secret(memory, 4096) ? done("read the host's segment") : refused("no secret");
}

/* Identifiers are small numbers: no key is needed to try them. */
static enum outcome guess_segment(const struct attempt *row)
{
    long id = fact_number("segment");
    char *memory = shmat((int)id, NULL, SHM_RDONLY);
    (void)row;
    if (memory == (void *)-1) {
        return refused("shmat");
    }
    return holds_secret(memory, 4096) ? done("read the host's segment") : refused("no secret");
}

static enum outcome read_queue(const struct attempt *row)
{
    struct {
        long type;
        char data[256];
    } message;
    int id = msgget((key_t)fact_number("ipc_key"), 0);
    ssize_t size =
        id < 0 ? -1 : msgrcv(id, &message, sizeof(message.data), 0, IPC_NOWAIT | MSG_COPY);
    (void)row;
    return size > 0 && holds_secret(message.data, (size_t)size) ? done("read the host's queue")
                                                                : refused("msgget");
}

static enum outcome use_semaphore(const struct attempt *row)
{
    int id = semget((key_t)fact_number("ipc_key"), 0, 0);
    return judged(row, id >= 0 && semctl(id, 0, GETVAL) >= 0, "the host's semaphore");
}

static enum outcome open_queue(const struct attempt *row)
{
    return judged(row, syscall(SYS_mq_open, fact("queue") + 1, O_RDONLY | O_NONBLOCK, 0, NULL) >= 0,
                  "the host's message queue");
}

#define SOCKET(name, text, key, kind)                                                              \
    {                                                                                              \
        name, 5, text, reach_socket, .path = key, .number = kind                                   \
    }

const struct attempt ipc_attempts[] = {
    SOCKET("abstract", "reach an abstract socket of a host process", "abstract", 1),
    {"abstract-datagram", 5, "send to an abstract socket of a host process", send_datagram,
     .path = "abstract_datagram", .scenario = "victim"},
    {"abstract-serve", 5, "offer an abstract socket to the host", serve_abstract,
     .scenario = "serve-abstract"},
    SOCKET("socket-file", "reach a host process's socket by its path", "socket_file", 0),
    {"socket-in-workspace", 5, "reach a socket that lies in the workspace", reach_socket,
     .path = "workspace_socket", .scenario = "workspace-socket"},
    {"socket-in-volume", 5, "reach a socket that lies in a read-only volume", reach_socket,
     .path = "volume_socket", .scenario = "volume-socket"},
    {"sysv-memory", 5, "read a host process's shared memory", read_segment},
    {"sysv-memory-number", 5, "attach it by its number", guess_segment},
    {"sysv-queue", 5, "read a host process's message queue", read_queue},
    {"sysv-semaphore", 5, "read a host process's semaphore", use_semaphore},
    {"posix-queue", 5, "open a host process's POSIX queue", open_queue},
    {0},
};
