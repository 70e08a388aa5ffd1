/*
 * What the caller left open: descriptors beyond the three standard ones, and standard streams that
 * are the caller's own files, directories, sockets or terminals instead of a relay.
 */
#include "attempt.h"

#include <arpa/inet.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* The driver leaks these on purpose; the numbers are its own. */
enum { LEAKED_FILE = 77, LEAKED_DIRECTORY = 78, LEAKED_NAMESPACE = 79 };

static enum outcome count_leaked(const struct attempt *row)
{
    int limit = (int)sysconf(_SC_OPEN_MAX);
    for (int fd = 3; fd < (limit > 4096 ? 4096 : limit); fd++) {
        /* Our own report pipe is the one descriptor that is close-on-exec. */
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0 && !(flags & FD_CLOEXEC)) {
            return done("descriptor %d is open", fd);
        }
    }
    (void)row;
    errno = 0;
    return refused("no descriptor beyond the standard streams");
}

static enum outcome read_leaked_file(const struct attempt *row)
{
    char data[4096];
    (void)row;
    ssize_t size = pread(LEAKED_FILE, data, sizeof(data), 0);
    return size > 0 && holds_secret(data, (size_t)size) ? done("read the leaked file")
                                                        : refused("descriptor");
}

enum directory_way { OPEN_BELOW, CHANGE_INTO, CHANGE_BY_PROC, PATH_BY_PROC, WALK_UP };

static enum outcome use_leaked_directory(const struct attempt *row)
{
    int fd;
    switch ((enum directory_way)row->number) {
    case OPEN_BELOW:
        fd = openat(LEAKED_DIRECTORY, "secret", O_RDONLY | O_CLOEXEC);
        return fd >= 0 && fd_holds_secret(fd) ? done("read below it") : refused("openat");
    case CHANGE_INTO:
        return fchdir(LEAKED_DIRECTORY) ? refused("fchdir") : read_secret("secret");
    case CHANGE_BY_PROC:
        return chdir("/proc/self/fd/78") ? refused("chdir") : read_secret("secret");
    case PATH_BY_PROC:
        return read_secret("/proc/self/fd/78/secret");
    case WALK_UP:
        fd = openat(LEAKED_DIRECTORY, "../../../../../../../../etc/passwd", O_RDONLY | O_CLOEXEC);
        return judged(row, fd >= 0, "the host's root by a leaked directory");
    }
    return broken("no such way");
}

static enum outcome join_leaked_namespace(const struct attempt *row)
{
    return judged(row, setns(LEAKED_NAMESPACE, CLONE_NEWNET) == 0, "setns on a leaked descriptor");
}

/* ---- standard streams ---- */

static bool is_file(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

static int reopen(int fd, int flags)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, flags | O_CLOEXEC);
}

/* The driver compares the file afterwards, so a written pipe of the sandbox's own is no success. */
static enum outcome write_stdin(const struct attempt *row)
{
    int fd = reopen(STDIN_FILENO, O_RDWR);
    if (!is_file(STDIN_FILENO)) {
        errno = 0;
        return refused("standard input is no file");
    }
    return judged(row, fd >= 0 && pwrite(fd, "X", 1, 0) == 1, "standard input reopened to write");
}

static enum outcome rewind_stdin(const struct attempt *row)
{
    char data[4096];
    (void)row;
    if (lseek(STDIN_FILENO, 0, SEEK_SET) < 0) {
        return refused("lseek");
    }
    ssize_t size = read(STDIN_FILENO, data, sizeof(data));
    errno = 0;
    return size > 0 && holds_secret(data, (size_t)size) ? done("read what lies before the offset")
                                                        : refused("nothing before the offset");
}

static enum outcome move_stdin(const struct attempt *row)
{
    return judged(row, lseek(STDIN_FILENO, 5, SEEK_SET) == 5, "the caller's offset moved");
}

static enum outcome truncate_stream(const struct attempt *row)
{
    return judged(row, ftruncate((int)row->number, 0) == 0, "ftruncate");
}

static enum outcome overwrite_stream(const struct attempt *row)
{
    int fd = (int)row->number;
    return judged(row, lseek(fd, 0, SEEK_SET) == 0 && write(fd, "OVERWRITTEN", 11) == 11, "lseek");
}

static enum outcome read_stream_back(const struct attempt *row)
{
    int fd = reopen((int)row->number, O_RDONLY | O_NONBLOCK);
    if (fd < 0) {
        return refused("reopen");
    }
    if (!is_file(fd)) {
        errno = 0;
        return refused("standard output is no file");
    }
    errno = 0;
    return fd_holds_secret(fd) ? done("read what the caller wrote before") : refused("no secret");
}

static enum outcome chmod_stream(const struct attempt *row)
{
    if (!is_file((int)row->number)) {
        errno = 0;
        return refused("no file");
    }
    return judged(row, fchmod((int)row->number, 0666) == 0, "fchmod");
}

static enum outcome flag_stream(const struct attempt *row)
{
    int fd = (int)row->number;
    int flags = fcntl(fd, F_GETFL);
    return judged(row, fcntl(fd, F_SETFL, (flags & ~O_APPEND) | O_NONBLOCK) == 0, "F_SETFL");
}

/* The lock belongs to the open file description that the caller shares. */
static enum outcome lock_stream(const struct attempt *row)
{
    return judged(row, flock((int)row->number, LOCK_EX | LOCK_NB) == 0, "flock");
}

static enum outcome enter_stdin(const struct attempt *row)
{
    (void)row;
    return fchdir(STDIN_FILENO) ? refused("fchdir") : read_secret("secret");
}

/* A datagram socket of the host's network, as a server under a super-server would get it. */
static enum outcome send_by_stdin(const struct attempt *row)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)fact_number("udp4")),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    ssize_t sent =
        sendto(STDIN_FILENO, "hello", 5, 0, (struct sockaddr *)&address, sizeof(address));
    return judged(row, sent == 5, "sent by the socket on standard input");
}

static enum outcome connect_by_stdin(const struct attempt *row)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)fact_number("tcp4")),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    return judged(row, connect(STDIN_FILENO, (struct sockaddr *)&address, sizeof(address)) == 0,
                  "connected by the socket on standard input");
}

static enum outcome chmod_stdin_device(const struct attempt *row)
{
    return judged(row, fchmod(STDIN_FILENO, 0666) == 0, "fchmod of the host's /dev/null");
}

#define LEAKED(name, text, run, n)                                                                 \
    {                                                                                              \
        name, 2, text, run, .number = n, .scenario = "leaked"                                      \
    }
#define STREAM(name, text, run, n, kind)                                                           \
    {                                                                                              \
        name, 2, text, run, .number = n, .scenario = kind                                          \
    }

const struct attempt descriptor_attempts[] = {
    LEAKED("leaked-any", "find any descriptor beyond the standard streams", count_leaked, 0),
    LEAKED("leaked-file", "read a file by a leaked descriptor", read_leaked_file, 0),
    LEAKED("leaked-directory", "openat below a leaked directory", use_leaked_directory, OPEN_BELOW),
    LEAKED("leaked-directory-fchdir", "fchdir into a leaked directory", use_leaked_directory,
           CHANGE_INTO),
    LEAKED("leaked-directory-chdir", "chdir to /proc/self/fd/N", use_leaked_directory,
           CHANGE_BY_PROC),
    LEAKED("leaked-directory-path", "open /proc/self/fd/N/FILE", use_leaked_directory,
           PATH_BY_PROC),
    LEAKED("leaked-directory-up", "walk up from a leaked directory", use_leaked_directory, WALK_UP),
    {"leaked-namespace", 2, "join a network namespace by a leaked descriptor",
     join_leaked_namespace, .flags = OUTSIDE_ROOT, .scenario = "leaked"},
    STREAM("stdin-reopen", "write the caller's file by reopening standard input", write_stdin, 0,
           "stdin:read"),
    STREAM("stdin-rewind", "read the part of a file that the caller had skipped", rewind_stdin, 0,
           "stdin:skipped"),
    STREAM("stdin-seek", "move the caller's offset", move_stdin, 0, "stdin:offset"),
    STREAM("stdin-truncate", "truncate the caller's file", truncate_stream, 0, "stdin:write"),
    STREAM("stdin-overwrite", "overwrite the caller's file", overwrite_stream, 0, "stdin:write"),
    STREAM("stdin-chmod", "change the mode of the caller's file", chmod_stream, 0, "stdin:write"),
    STREAM("stdin-flags", "change the flags of the caller's file", flag_stream, 0, "stdin:flags"),
    STREAM("stdin-lock", "lock the caller's file", lock_stream, 0, "stdin:lock"),
    STREAM("stdin-directory", "enter a directory given as standard input", enter_stdin, 0,
           "stdin:directory"),
    STREAM("stdin-datagram", "send by a host socket given as standard input", send_by_stdin, 0,
           "stdin:udp"),
    STREAM("stdin-stream", "connect a host socket given as standard input", connect_by_stdin, 0,
           "stdin:tcp"),
    {"stdin-null-chmod", 2, "change the mode of the /dev/null given as standard input",
     chmod_stdin_device, .flags = OUTSIDE_ROOT, .scenario = "stdin:null"},
    STREAM("stdout-truncate", "truncate the caller's output file", truncate_stream, 1, "stdout"),
    STREAM("stdout-overwrite", "overwrite the caller's output file", overwrite_stream, 1, "stdout"),
    STREAM("stdout-read", "read the caller's output file back", read_stream_back, 1, "stdout"),
    STREAM("stdout-chmod", "change the mode of the output file", chmod_stream, 1, "stdout"),
    STREAM("stdout-flags", "change the flags of the output file", flag_stream, 1, "stdout"),
    STREAM("stderr-truncate", "truncate the caller's error file", truncate_stream, 2, "stderr"),
    STREAM("stderr-read", "read the caller's error file back", read_stream_back, 2, "stderr"),
    {0},
};
