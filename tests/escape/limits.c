/*
 * Using up what the host shares out. Every attempt stops at a number of its own, far below what
 * the host can bear, and that number is far above what the sandbox is given: outside it is
 * reached, inside it must not be.
 */
#include "attempt.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { MIB = 1 << 20 };

static void pause_for(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}

/* What a limit stopped, and how far it came; errno says by what. */
static enum outcome counted(const struct attempt *row, long made, const char *what)
{
    if (made >= row->number) {
        return done("%ld %s", made, what);
    }
    return refused("stopped at %ld %s", made, what);
}

/* A limit that the workload may raise is none. */
static void raise_limit(int resource)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(resource, &limit) == 0) {
        return;
    }
    if (getrlimit(resource, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(resource, &limit);
    }
}

/* ---- processes ---- */

static enum outcome fork_many(const struct attempt *row)
{
    pid_t children[1024];
    long made = 0;
    raise_limit(RLIMIT_NPROC);
    while (made < row->number && (children[made] = fork()) >= 0) {
        if (children[made++] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            pause();
            _exit(0);
        }
    }
    int error = errno;
    for (long i = 0; i < made; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    errno = error;
    return counted(row, made, "processes");
}

/* Every process forks again, to a fixed depth: 2^8 of them where nothing stops it. */
static enum outcome fork_tree(const struct attempt *row)
{
    long *made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t self = getpid();
    if (made == MAP_FAILED) {
        return broken("mmap: %s", strerror(errno));
    }
    setpgid(0, 0);
    for (int depth = 0; depth < 8; depth++) {
        if (fork() == 0) {
            __atomic_add_fetch(made, 1, __ATOMIC_RELAXED);
        }
    }
    pause_for(0.5);
    if (getpid() != self) {
        _exit(0);
    }
    return counted(row, __atomic_load_n(made, __ATOMIC_RELAXED), "processes in a tree");
}

/* Ended children that nobody waits for keep their number. */
static enum outcome keep_zombies(const struct attempt *row)
{
    long made = 0;
    raise_limit(RLIMIT_NPROC);
    while (made < row->number) {
        pid_t child = fork();
        if (child < 0) {
            break;
        }
        if (child == 0) {
            _exit(0);
        }
        made++;
    }
    return counted(row, made, "zombies");
}

static void *sleep_on(void *unused)
{
    pause();
    return unused;
}

static enum outcome start_threads(const struct attempt *row)
{
    pthread_attr_t attributes;
    pthread_t thread;
    long made = 0;
    raise_limit(RLIMIT_NPROC);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    while (made < row->number &&
           (errno = pthread_create(&thread, &attributes, sleep_on, NULL)) == 0) {
        made++;
    }
    return counted(row, made, "threads");
}

/* ---- memory; a step is a mebibyte ---- */

static bool touch(char *memory, size_t size)
{
    for (size_t i = 0; memory != MAP_FAILED && i < size; i += 4096) {
        memory[i] = (char)(i >> 12 | 1);
    }
    return memory != MAP_FAILED;
}

static char *map_anonymous(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static enum outcome touch_memory(const struct attempt *row)
{
    long made = 0;
    while (made < row->number && touch(map_anonymous(MIB), MIB)) {
        made++;
    }
    return counted(row, made, "MiB of memory");
}

/* No single process is large. */
static enum outcome spread_memory(const struct attempt *row)
{
    enum { PARTS = 6 };
    int ends[2];
    long made = 0, part = row->number / PARTS + 1;
    char byte;
    if (pipe(ends)) {
        return broken("pipe: %s", strerror(errno));
    }
    pid_t children[PARTS];
    for (int i = 0; i < PARTS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(ends[0]);
            for (long j = 0; j < part && touch(map_anonymous(MIB), MIB); j++) {
                if (write(ends[1], "m", 1) != 1) {
                    break;
                }
            }
            close(ends[1]);
            pause();
        }
    }
    close(ends[1]);
    while (read(ends[0], &byte, 1) == 1) {
        made++;
    }
    for (int i = 0; i < PARTS; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    errno = ENOMEM;
    return counted(row, made, "MiB in six processes");
}

static enum outcome write_chunks(const struct attempt *row, int fd, const char *what)
{
    static char data[MIB];
    long made = 0;
    memset(data, 'x', sizeof(data));
    signal(SIGXFSZ, SIG_IGN);
    raise_limit(RLIMIT_FSIZE);
    while (fd >= 0 && made < row->number && write(fd, data, sizeof(data)) == sizeof(data)) {
        made++;
    }
    return counted(row, made, what);
}

static enum outcome fill_memory_file(const struct attempt *row)
{
    return write_chunks(row, memfd_create("filled", MFD_CLOEXEC), "MiB in a memory file");
}

/* The driver's word: outside it is a directory of its own on the same kind of file system. */
static const char *directory(void)
{
    const char *home = getenv("HOME");
    return strcmp(fact("directory"), "~") == 0 && home ? home : fact("directory");
}

static enum outcome fill_directory(const struct attempt *row)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", directory(), marked("filled"));
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    enum outcome outcome = write_chunks(row, fd, "MiB in a directory");
    unlink(path);
    return outcome;
}

/* Removed at once, so that only the sandbox's counting sees it. */
static enum outcome fill_unlinked(const struct attempt *row)
{
    int fd = open(directory(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return write_chunks(row, fd, "MiB in a nameless file");
}

static enum outcome fill_segments(const struct attempt *row)
{
    enum { STEP = 16 };
    int ids[64];
    long made = 0, count = 0;
    while (made < row->number && count < (long)COUNT(ids)) {
        int id = shmget(IPC_PRIVATE, (size_t)STEP * MIB, IPC_CREAT | 0600);
        char *memory = id < 0 ? MAP_FAILED : shmat(id, NULL, 0);
        if (id >= 0) {
            ids[count++] = id;
            /* Gone with the last attachment, whatever ends us. */
            shmctl(id, IPC_RMID, NULL);
        }
        if (memory == MAP_FAILED || !touch(memory, (size_t)STEP * MIB)) {
            break;
        }
        made += STEP;
    }
    return counted(row, made, "MiB in segments");
}

/* Fills ends until no more goes in; 0 where the pair cannot be had. */
static long fill_end(int fd)
{
    static char data[65536];
    long bytes = 0;
    ssize_t size;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while ((size = write(fd, data, sizeof(data))) > 0) {
        bytes += size;
    }
    return bytes;
}

static enum outcome fill_pipes(const struct attempt *row)
{
    long bytes = 0;
    int ends[2];
    raise_limit(RLIMIT_NOFILE);
    while (bytes < row->number * MIB && pipe(ends) == 0) {
        fcntl(ends[1], F_SETPIPE_SZ, MIB);
        bytes += fill_end(ends[1]);
    }
    return counted(row, bytes / MIB, "MiB in pipes");
}

static enum outcome fill_sockets(const struct attempt *row)
{
    long bytes = 0;
    int ends[2], size = MIB;
    raise_limit(RLIMIT_NOFILE);
    while (bytes < row->number * MIB && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0) {
        setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        bytes += fill_end(ends[0]);
    }
    return counted(row, bytes / MIB, "MiB in socket queues");
}

static enum outcome fill_queues(const struct attempt *row)
{
    static struct {
        long type;
        char data[8192];
    } message = {1, ""};
    static int ids[16384];
    long bytes = 0;
    size_t count = 0;
    while (bytes < row->number * MIB && count < COUNT(ids) &&
           (ids[count] = msgget(IPC_PRIVATE, IPC_CREAT | 0600)) >= 0) {
        int id = ids[count++];
        while (msgsnd(id, &message, sizeof(message.data), IPC_NOWAIT) == 0) {
            bytes += (long)sizeof(message.data);
        }
    }
    int error = errno;
    while (count > 0) {
        msgctl(ids[--count], IPC_RMID, NULL);
    }
    errno = error;
    return counted(row, bytes / MIB, "MiB in message queues");
}

/* ---- files ---- */

/* The limit is one for all places together. */
static enum outcome fill_places(const struct attempt *row)
{
    static const char *const places[] = {"/tmp", "/dev/shm", "/var/tmp", "/run", "/dev", "."};
    static char data[MIB];
    char path[PATH_MAX];
    long made = 0;
    bool inside = strcmp(directory(), "/tmp") == 0;
    for (size_t i = 0; i < COUNT(places); i++) {
        snprintf(path, sizeof(path), "%s/%s-%zu", inside ? places[i] : directory(),
                 marked("spread"), i);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        for (int j = 0; j < 40 && fd >= 0 && write(fd, data, sizeof(data)) == sizeof(data); j++) {
            made++;
        }
    }
    return counted(row, made, "MiB in all places together");
}

static enum outcome open_many(const struct attempt *row)
{
    long made = 0;
    raise_limit(RLIMIT_NOFILE);
    while (made < row->number && open("/dev/null", O_RDONLY) >= 0) {
        made++;
    }
    return counted(row, made, "open files");
}

static enum outcome make_names(const struct attempt *row)
{
    char path[PATH_MAX];
    long made = 0;
    for (; made < row->number; made++) {
        snprintf(path, sizeof(path), "%s/%ld", directory(), made);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (fd < 0) {
            break;
        }
        close(fd);
    }
    int error = errno;
    for (long i = 0; i < made; i++) {
        snprintf(path, sizeof(path), "%s/%ld", directory(), i);
        unlink(path);
    }
    errno = error;
    return counted(row, made, "files");
}

static enum outcome make_sparse(const struct attempt *row)
{
    char path[PATH_MAX];
    signal(SIGXFSZ, SIG_IGN);
    raise_limit(RLIMIT_FSIZE);
    snprintf(path, sizeof(path), "%s/%s", directory(), marked("sparse"));
    int fd = row->path ? memfd_create("sparse", MFD_CLOEXEC)
                       : open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    bool large = fd >= 0 && ftruncate(fd, (off_t)1 << 40) == 0;
    int error = errno;
    unlink(path);
    errno = error;
    return judged(row, large, "a file of 1 TiB");
}

/* ---- what the whole host shares ---- */

static enum outcome take_terminals(const struct attempt *row)
{
    long made = 0;
    raise_limit(RLIMIT_NOFILE);
    while (made < row->number && open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC) >= 0) {
        made++;
    }
    return counted(row, made, "terminals");
}

/* The count is the user's, and the caller is that user: the driver tries for one meanwhile. */
static enum outcome take_watches(const struct attempt *row)
{
    long made = 0;
    raise_limit(RLIMIT_NOFILE);
    while (made < row->number && inotify_init1(IN_CLOEXEC) >= 0) {
        made++;
    }
    ssize_t taken = write(STDOUT_FILENO, "ready\n", 6);
    (void)taken;
    pause_for(0.5);
    errno = 0;
    return refused("%ld inotify instances; the driver says what is left", made);
}

static enum outcome spin(const struct attempt *row)
{
    struct timespec start, now, used;
    clock_gettime(CLOCK_MONOTONIC, &start);
    double elapsed;
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
        elapsed = (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9;
    } while (elapsed < 1.2);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    double share = ((double)used.tv_sec + (double)used.tv_nsec / 1e9) / elapsed;
    errno = 0;
    (void)row;
    return share > 0.2 ? done("%.2f of a CPU", share) : refused("%.2f of a CPU", share);
}

static enum outcome flood(const struct attempt *row)
{
    static char data[65536];
    long written = 0;
    memset(data, 'f', sizeof(data));
    data[sizeof(data) - 1] = '\n';
    signal(SIGPIPE, SIG_IGN);
    while (written < 64L * MIB) {
        ssize_t size = write((int)row->number, data, sizeof(data));
        if (size <= 0) {
            return refused("stopped at %ld", written);
        }
        written += size;
    }
    return done("wrote 64 MiB; how much came through is for the driver to say");
}

#define PROCESSES(name, text, run, n)                                                              \
    {                                                                                              \
        "processes-" name, 7, text, run, .number = n, .scenario = "limit:processes",               \
                                         .options = "--processes 50 --allow-degraded"              \
    }
#define MEMORY(name, text, run, n)                                                                 \
    {                                                                                              \
        "memory-" name, 7, text, run,                                                              \
            .number = n, .scenario = "limit:memory",                                               \
            .options = "--memory 64m --disk 512m --workspace empty --allow-degraded"               \
    }
#define MEMORY_IN(name, text, run, n, place)                                                       \
    {                                                                                              \
        "memory-" name, 7, text, run,                                                              \
            .number = n, .scenario = "limit:memory:" place,                                        \
            .options = "--memory 64m --disk 512m --workspace empty --allow-degraded"               \
    }
#define DISK(name, text, run, n, place)                                                            \
    {                                                                                              \
        "disk-" name, 7, text, run, .number = n, .scenario = "limit:disk:" place,                  \
                                    .options = "--disk 32m --workspace empty"                      \
    }

const struct attempt limit_attempts[] = {
    PROCESSES("fork", "make 300 processes", fork_many, 300),
    PROCESSES("few", "make just more processes than given", fork_many, 50),
    PROCESSES("tree", "make processes that make processes", fork_tree, 200),
    PROCESSES("zombies", "keep 300 ended processes", keep_zombies, 300),
    PROCESSES("threads", "make 300 threads", start_threads, 300),
    MEMORY("touch", "use 256 MiB", touch_memory, 256),
    MEMORY("spread", "use 192 MiB in six processes", spread_memory, 192),
    MEMORY("file", "use 256 MiB by a memory file", fill_memory_file, 256),
    MEMORY("segments", "use 256 MiB by System V segments", fill_segments, 256),
    {"memory-pipes", 7, "use 48 MiB by pipes", fill_pipes, .number = 48, .scenario = "limit:memory",
     .options = "--memory 32m --allow-degraded"},
    {"memory-sockets", 7, "use 64 MiB by socket queues", fill_sockets, .number = 64,
     .scenario = "limit:memory", .options = "--memory 32m --allow-degraded"},
    {"memory-queues", 7, "use 64 MiB by System V message queues", fill_queues, .number = 64,
     .scenario = "limit:memory", .options = "--memory 32m --allow-degraded"},
    MEMORY_IN("tmp", "use 256 MiB by /tmp", fill_directory, 256, "/tmp"),
    MEMORY_IN("dev-shm", "use 256 MiB by /dev/shm", fill_directory, 256, "/dev/shm"),
    DISK("tmp", "write 100 MiB to /tmp", fill_directory, 100, "/tmp"),
    DISK("dev-shm", "write 100 MiB to /dev/shm", fill_directory, 100, "/dev/shm"),
    DISK("workspace", "write 100 MiB to an empty workspace", fill_directory, 100, "."),
    DISK("nameless", "write 100 MiB to a file without a name", fill_unlinked, 100, "/tmp"),
    DISK("run", "write 100 MiB to /run", fill_directory, 100, "/run"),
    DISK("dev", "write 100 MiB to /dev", fill_directory, 100, "/dev"),
    DISK("var-tmp", "write 100 MiB to /var/tmp", fill_directory, 100, "/var/tmp"),
    DISK("places", "write 80 MiB to all places together", fill_places, 80, "/tmp"),
    DISK("home", "write 100 MiB to the home directory", fill_directory, 100, "~"),
    DISK("names-tmp", "make 150,000 files in /tmp", make_names, 150000, "/tmp"),
    DISK("names-workspace", "make 150,000 files in an empty workspace", make_names, 150000, "."),
    {"sparse-workspace", 7, "make a file of 1 TiB in the workspace", make_sparse,
     .scenario = "limit::."},
    {"sparse-tmp", 7, "make a file of 1 TiB in /tmp", make_sparse, .scenario = "limit::/tmp"},
    {"sparse-memory", 7, "make a memory file of 1 TiB", make_sparse, .path = "memfd",
     .scenario = "limit::."},
    {"open-files", 7, "open 300 files", open_many, .number = 300, .scenario = "limit",
     .options = "--open-files 64"},
    {"terminals", 7, "take 500 of the host's terminals", take_terminals, .number = 500,
     .scenario = "limit"},
    {"watches", 7, "use up the user's inotify instances", take_watches, .number = 2000,
     .flags = OUTSIDE_USER, .scenario = "watches"},
    {"cpu", 7, "use a whole CPU", spin, .scenario = "limit:cpu",
     .options = "--cpus 0.1 --allow-degraded"},
    {"flood-stdout", 9, "write 64 MiB to the caller's file", flood, .number = 1,
     .scenario = "flood:stdout", .options = "--output-limit 1m"},
    {"flood-stderr", 9, "write 64 MiB to the caller's error file", flood, .number = 2,
     .scenario = "flood:stderr", .options = "--output-limit 1m"},
    {0},
};
