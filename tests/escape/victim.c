/*
 * The process that stands outside, under the caller's own user. It keeps the secret everywhere a
 * process can keep one, serves it to whoever connects, and notes every touch in a file.
 *
 *     victim SERVE-DIRECTORY TOKEN NAME    makes NAME/facts below the directory, then serves
 *     victim --witness EVIDENCE            notes signals only
 */
#include "attempt.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

static char kept[4096] __attribute__((aligned(4096)));  /* the secret */
static char spare[4096] __attribute__((aligned(4096))); /* for others to write */
static int evidence = -1;
static FILE *facts;
static volatile sig_atomic_t ending;

static void note(const char *text)
{
    char line[128];
    int length = snprintf(line, sizeof(line), "%s\n", text);
    ssize_t taken = write(evidence, line, (size_t)length);
    (void)taken;
}

/* The parent of a process, by its own /proc; 0 where it has gone. */
static pid_t parent_of(pid_t pid)
{
    char path[64], data[512] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, data, sizeof(data) - 1);
    close(fd);
    const char *state = size > 0 ? strrchr(data, ')') : NULL;
    return state ? (pid_t)strtol(state + 4, NULL, 10) : 0;
}

/* Others on this machine may signal everybody: only descendants of the driver count. The attempts
 * live on for a moment after their signal, so that they are found. */
static void note_signal(int number, siginfo_t *from, void *context)
{
    (void)number;
    (void)context;
    int error = errno;
    for (pid_t pid = from->si_pid; pid > 1; pid = parent_of(pid)) {
        if (pid == getppid()) {
            note("SIGURG arrived");
            break;
        }
    }
    errno = error;
}

static void end(int number)
{
    (void)number;
    ending = 1;
}

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vfprintf(facts, format, list);
    va_end(list);
    fputc('\n', facts);
}

/* ---- services ---- */

struct service {
    int fd;
    const char *name;
    bool datagram;
};
static struct service services[256];
static size_t service_count;

static void add_service(int fd, const char *name, bool datagram)
{
    services[service_count++] = (struct service){fd, name, datagram};
}

static void serve_internet(const char *name, int family, int type, const void *address)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr *any = family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
    socklen_t size = family == AF_INET ? sizeof(four) : sizeof(six);
    memcpy(family == AF_INET ? (void *)&four.sin_addr : (void *)&six.sin6_addr, address,
           family == AF_INET ? 4 : 16);
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, any, size) || (type == SOCK_STREAM && listen(fd, 16)) ||
        getsockname(fd, any, &size)) {
        tell("%s=0", name);
        return;
    }
    tell("%s=%d", name, ntohs(family == AF_INET ? four.sin_port : six.sin6_port));
    add_service(fd, name, type == SOCK_DGRAM);
}

/* The first address that is not loopback, so that a sandbox with half a network shows. */
static void serve_host_address(void)
{
    struct ifaddrs *list = NULL;
    char text[64];
    getifaddrs(&list);
    for (struct ifaddrs *one = list; one; one = one->ifa_next) {
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET ||
            one->ifa_flags & IFF_LOOPBACK) {
            continue;
        }
        const void *address = &((struct sockaddr_in *)one->ifa_addr)->sin_addr;
        inet_ntop(AF_INET, address, text, sizeof(text));
        tell("host_address=%s", text);
        serve_internet("tcp_host", AF_INET, SOCK_STREAM, address);
        break;
    }
    freeifaddrs(list);
}

static void serve_unix(const char *key, const char *name, int type, bool abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    size_t room = sizeof(address.sun_path) - 1;
    snprintf(address.sun_path + abstract, room, "%s", name);
    socklen_t size = abstract
                         ? (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))
                         : sizeof(address);
    if (bind(fd, (struct sockaddr *)&address, size) == 0 &&
        (type == SOCK_DGRAM || listen(fd, 16) == 0)) {
        tell("%s=%s", key, name);
        add_service(fd, key, type == SOCK_DGRAM);
        if (!abstract) {
            chmod(name, 0666);
        }
    }
}

static void answer(const struct service *service)
{
    note(service->name);
    if (service->datagram) {
        struct sockaddr_storage from;
        socklen_t size = sizeof(from);
        char data[64];
        if (recvfrom(service->fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&from,
                     &size) >= 0 &&
            size > sizeof(sa_family_t)) {
            sendto(service->fd, kept, strlen(kept), MSG_DONTWAIT, (struct sockaddr *)&from, size);
        }
        return;
    }
    int fd = accept4(service->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        send(fd, kept, strlen(kept), MSG_NOSIGNAL);
        close(fd);
    }
}

/* ---- other ways to keep a secret ---- */

struct kept_objects {
    int segment, queue, semaphore;
    long key;
    char posix[64];
};

static void keep_in_kernel(struct kept_objects *objects, const char *token)
{
    key_t key = (key_t)(0x42000000 | strtol(token + strlen(token) - 6, NULL, 16));
    struct {
        long type;
        char data[256];
    } message = {1, ""};
    snprintf(message.data, sizeof(message.data), "%.200s", kept);
    objects->segment = shmget(key, 4096, IPC_CREAT | 0600);
    char *memory = shmat(objects->segment, NULL, 0);
    if (memory != (void *)-1) {
        memcpy(memory, kept, 4096);
    }
    objects->queue = msgget(key, IPC_CREAT | 0600);
    msgsnd(objects->queue, &message, sizeof(message.data), IPC_NOWAIT);
    objects->semaphore = semget(key, 1, IPC_CREAT | 0600);
    tell("ipc_key=%ld\nsegment=%d", (long)key, objects->segment);
    snprintf(objects->posix, sizeof(objects->posix), "/bj-escape-%.40s", token);
    /* NULL attributes are the defaults. */
    syscall(SYS_mq_open, objects->posix + 1, O_CREAT | O_RDWR, 0600, NULL);
    tell("queue=%s", objects->posix);
    objects->key = syscall(SYS_add_key, "user", objects->posix, kept, strlen(kept), -4);
    syscall(SYS_keyctl, 5, objects->key, 0x3f3f0000); /* the user may do all */
    tell("key_name=%s", objects->posix);
}

static void release_from_kernel(const struct kept_objects *objects)
{
    shmctl(objects->segment, IPC_RMID, NULL);
    msgctl(objects->queue, IPC_RMID, NULL);
    semctl(objects->semaphore, 0, IPC_RMID);
    syscall(SYS_mq_unlink, objects->posix + 1);
    syscall(SYS_keyctl, 9, objects->key, -4); /* unlink from the user's keyring */
}

static void tell_handle(const char *path)
{
    struct {
        struct file_handle head;
        unsigned char bytes[128];
    } handle = {.head.handle_bytes = 128};
    int mount;
    if (name_to_handle_at(AT_FDCWD, path, &handle.head, &mount, 0)) {
        return;
    }
    fprintf(facts, "handle=%d:", handle.head.handle_type);
    for (unsigned i = 0; i < handle.head.handle_bytes; i++) {
        fprintf(facts, "%02x", handle.head.f_handle[i]);
    }
    fputc('\n', facts);
}

static void serve_everything(const char *directory, const char *token)
{
    char name[PATH_MAX];
    const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
    serve_internet("tcp4", AF_INET, SOCK_STREAM, &loopback);
    serve_internet("udp4", AF_INET, SOCK_DGRAM, &loopback);
    serve_internet("tcp6", AF_INET6, SOCK_STREAM, &in6addr_loopback);
    serve_internet("udp6", AF_INET6, SOCK_DGRAM, &in6addr_loopback);
    serve_host_address();
    snprintf(name, sizeof(name), "bj-escape-%s", token);
    serve_unix("abstract", name, SOCK_STREAM, true);
    snprintf(name, sizeof(name), "bj-escape-%s-d", token);
    serve_unix("abstract_datagram", name, SOCK_DGRAM, true);
    snprintf(name, sizeof(name), "%s/socket", directory);
    serve_unix("socket_file", name, SOCK_STREAM, false);
}

/* A socket more: the driver puts them into workspaces and volumes. */
static void listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", name);
    if (service_count < COUNT(services) &&
        bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        listen(fd, 4);
        chmod(name, 0666);
        add_service(fd, "socket in a shared directory", false);
    }
}

/* Answers whoever waits; returns whether there was anybody. */
static bool serve_waiting(int milliseconds, bool *ret_asked)
{
    struct pollfd waits[COUNT(services) + 1];
    size_t count = service_count;
    for (size_t i = 0; i < count; i++) {
        waits[i] = (struct pollfd){services[i].fd, POLLIN, 0};
    }
    waits[count] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    int ready = poll(waits, count + 1, milliseconds);
    *ret_asked = ready > 0 && waits[count].revents;
    for (size_t i = 0; ready > 0 && i < count; i++) {
        if (waits[i].revents & POLLIN) {
            answer(&services[i]);
        }
    }
    return ready > *ret_asked;
}

/* A line asks for another socket; an empty one asks only that everything so far is noted. */
static void serve(void)
{
    char line[PATH_MAX];
    bool asked;
    while (!ending) {
        serve_waiting(-1, &asked);
        if (!asked) {
            continue;
        }
        ssize_t size = read(STDIN_FILENO, line, sizeof(line) - 1);
        if (size <= 0) {
            return; /* the driver has gone */
        }
        line[size] = '\0';
        line[strcspn(line, "\n")] = '\0';
        if (line[0]) {
            listen_at(line);
        }
        while (serve_waiting(0, &asked)) {
        }
        printf("ok\n");
        fflush(stdout);
    }
}

static int witness(const char *path)
{
    evidence = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
    char byte;
    note("ready");
    while (read(STDIN_FILENO, &byte, 1) != 0) {
    }
    return 0;
}

int main(int argc, char **argv)
{
    char path[PATH_MAX];
    struct kept_objects objects;
    sigaction(SIGURG,
              &(struct sigaction){.sa_sigaction = note_signal, .sa_flags = SA_RESTART | SA_SIGINFO},
              NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = end}, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && strcmp(argv[1], "--witness") == 0) {
        return witness(argv[2]);
    }
    if (argc != 4 || chdir(argv[1])) {
        return 2;
    }
    prctl(PR_SET_DUMPABLE, 1);
    snprintf(kept, sizeof(kept), "secret-of-%s", argv[2]);
    snprintf(path, sizeof(path), "%s/evidence", argv[1]);
    evidence = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
    snprintf(path, sizeof(path), "%s/facts.new", argv[1]);
    facts = fopen(path, "we");
    int held = open("secret", O_RDONLY | O_CLOEXEC);
    if (evidence < 0 || !facts || held < 0) {
        return 3;
    }
    tell("victim=%d\nvictim_fd=%d\nvictim_name=%s", getpid(), held, argv[3]);
    tell("secret_address=%lu\nspare_address=%lu", (unsigned long)kept, (unsigned long)spare);
    serve_everything(argv[1], argv[2]);
    keep_in_kernel(&objects, argv[2]);
    tell_handle("secret");
    fclose(facts);
    if (rename("facts.new", "facts")) {
        return 4;
    }
    serve();
    release_from_kernel(&objects);
    return 0;
}
