/*
 * The main program of all attempts: finds the row, runs it in a child, prints one line. The child
 * keeps a report possible when a filter or a limit kills the attempt.
 *
 *     attempt --list
 *     attempt NAME facts=FILE mark=TEXT [verdict=2] [KEY=VALUE...]
 */
#include "attempt.h"

#include <ctype.h>
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const struct {
    const char *name;
    const struct attempt *rows;
} tables[] = {
    {"files", files_attempts},
    {"modes", modes_attempts},
    {"descriptors", descriptor_attempts},
    {"terminal", terminal_attempts},
    {"processes", process_attempts},
    {"init", init_attempts},
    {"identity", identity_attempts},
    {"kernel", kernel_attempts},
    {"mounts", mount_attempts},
    {"proc", proc_attempts},
    {"network", network_attempts},
    {"ipc", ipc_attempts},
    {"crossing", crossing_attempts},
    {"limits", limit_attempts},
    {"lifetime", lifetime_attempts},
    {"git", git_attempts},
};
static const char *const outcome_names[] = {"DONE", "REFUSED", "LACKING", "BROKEN"};

static char message[512];
static char facts[16384];
static char **arguments;
static const char *program;

static enum outcome say(enum outcome outcome, int error, const char *format, va_list list)
{
    int length = vsnprintf(message, sizeof(message), format, list);
    if (error && length >= 0 && (size_t)length < sizeof(message)) {
        snprintf(message + length, sizeof(message) - (size_t)length, ": %s", strerror(error));
    }
    for (char *c = message; *c; c++) {
        if (iscntrl((unsigned char)*c)) {
            *c = ' ';
        }
    }
    return outcome;
}

#define SAY(kind, error)                                                                           \
    va_list list;                                                                                  \
    va_start(list, format);                                                                        \
    enum outcome result = say(kind, error, format, list);                                          \
    va_end(list);                                                                                  \
    return result

enum outcome done(const char *format, ...)
{
    SAY(DONE, 0);
}

enum outcome lacking(const char *format, ...)
{
    SAY(LACKING, 0);
}

enum outcome broken(const char *format, ...)
{
    SAY(BROKEN, 0);
}

enum outcome refused(const char *format, ...)
{
    int error = errno;
    SAY(REFUSED, error);
}

enum outcome judged(const struct attempt *row, bool succeeded, const char *what)
{
    static const int absent[] = {ENOSYS,       ENOENT,          ENODEV,         ENXIO,
                                 EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT};
    if (succeeded) {
        return done("%s", what);
    }
    for (size_t i = 0; row->lacks && i < COUNT(absent); i++) {
        if (errno == absent[i]) {
            return lacking("%s: %s", row->lacks, strerror(errno));
        }
    }
    return refused("%s", what);
}

static const char *value_of(const char *line, const char *key)
{
    size_t length = strlen(key);
    return strncmp(line, key, length) == 0 && line[length] == '=' ? line + length + 1 : NULL;
}

const char *fact(const char *key)
{
    for (char **argument = arguments; *argument; argument++) {
        const char *value = value_of(*argument, key);
        if (value) {
            return value;
        }
    }
    /* The facts file was cut into lines when it was read. */
    for (const char *line = facts; *line; line += strlen(line) + 1) {
        const char *value = value_of(line, key);
        if (value) {
            return value;
        }
    }
    return "";
}

long fact_number(const char *key)
{
    return strtol(fact(key), NULL, 10);
}

const char *own_program(void)
{
    return program;
}

const char *marked(const char *name)
{
    static char text[256];
    snprintf(text, sizeof(text), "%s-%s", name, fact("mark"));
    return text;
}

const char *secret(void)
{
    /* Put together only here, so that neither this program nor its arguments hold it. */
    static char text[128];
    snprintf(text, sizeof(text), "secret-of-%s", fact("token"));
    return text;
}

bool holds_secret(const void *data, size_t size)
{
    return *fact("token") && memmem(data, size, secret(), strlen(secret())) != NULL;
}

bool fd_holds_secret(int fd)
{
    char data[65536];
    ssize_t size = read(fd, data, sizeof(data));
    return size > 0 && holds_secret(data, (size_t)size);
}

bool file_holds_secret(const char *path)
{
    struct stat status;
    if (stat(path, &status) || S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
        return false;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    bool found = fd_holds_secret(fd);
    int error = errno;
    close(fd);
    errno = error;
    return found;
}

enum outcome read_secret(const char *path)
{
    errno = 0;
    return file_holds_secret(path) ? done("read %s", path) : refused("no secret in %s", path);
}

bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t written = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return written == (ssize_t)strlen(text);
}

void own_mounts(int more_namespaces)
{
    char map[64];
    unsigned uid = getuid(), gid = getgid();
    if (unshare(CLONE_NEWNS | more_namespaces)) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS | more_namespaces) == 0) {
            write_text("/proc/self/setgroups", "deny");
            snprintf(map, sizeof(map), "0 %u 1", uid);
            write_text("/proc/self/uid_map", map);
            snprintf(map, sizeof(map), "0 %u 1", gid);
            write_text("/proc/self/gid_map", map);
        }
    }
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

long status_number(const char *key, int base)
{
    char line[512];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':') {
            value = strtol(line + strlen(key) + 1, NULL, base);
        }
    }
    if (file) {
        fclose(file);
    }
    return value;
}

bool any_process(bool (*visit)(long pid))
{
    bool found = false;
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    while (directory && !found && (entry = readdir(directory))) {
        if (isdigit((unsigned char)entry->d_name[0])) {
            found = visit(strtol(entry->d_name, NULL, 10));
        }
    }
    if (directory) {
        closedir(directory);
    }
    return found;
}

static void list_attempts(void)
{
    for (size_t i = 0; i < COUNT(tables); i++) {
        for (const struct attempt *row = tables[i].rows; row->name; row++) {
            printf("%s\t%s\t%d\t%u\t%s\t%s\t%s\n", tables[i].name, row->name, row->rule, row->flags,
                   row->scenario ? row->scenario : "plain", row->options ? row->options : "",
                   row->text);
        }
    }
}

static const struct attempt *find_attempt(const char *name)
{
    for (size_t i = 0; i < COUNT(tables); i++) {
        for (const struct attempt *row = tables[i].rows; row->name; row++) {
            if (strcmp(row->name, name) == 0) {
                return row;
            }
        }
    }
    return NULL;
}

static void load_facts(void)
{
    int fd = open(fact("facts"), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    ssize_t size = read(fd, facts, sizeof(facts) - 2);
    close(fd);
    for (ssize_t i = 0; i < size; i++) {
        if (facts[i] == '\n') {
            facts[i] = '\0';
        }
    }
}

static int report(enum outcome outcome)
{
    int fd = strcmp(fact("verdict"), "2") == 0 ? STDERR_FILENO : STDOUT_FILENO;
    char line[600];
    snprintf(line, sizeof(line), "\nattempt: %s %s\n", outcome_names[outcome], message);
    const char *next = line;
    ssize_t taken;
    while (*next && (taken = write(fd, next, strlen(next))) > 0) {
        next += taken;
    }
    return (int)outcome;
}

struct answer {
    enum outcome outcome;
    char message[sizeof(message)];
};

/* Runs the row in a child and takes its answer, or the signal that ended it. */
static enum outcome run_in_child(const struct attempt *row)
{
    int ends[2], status = 0;
    struct answer answer;
    if (pipe2(ends, O_CLOEXEC)) {
        return broken("pipe: %s", strerror(errno));
    }
    pid_t child = fork();
    if (child < 0) {
        return broken("fork: %s", strerror(errno));
    }
    if (child == 0) {
        close(ends[0]);
        memset(&answer, 0, sizeof(answer));
        answer.outcome = row->run(row);
        memcpy(answer.message, message, sizeof(message));
        _exit(write(ends[1], &answer, sizeof(answer)) == sizeof(answer) ? 0 : 1);
    }
    close(ends[1]);
    ssize_t size = read(ends[0], &answer, sizeof(answer));
    close(ends[0]);
    if (size == sizeof(answer)) {
        memcpy(message, answer.message, sizeof(message));
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        return answer.outcome;
    }
    waitpid(child, &status, 0);
    errno = 0;
    return WIFSIGNALED(status) ? refused("killed by signal %d", WTERMSIG(status))
                               : broken("ended without an answer, status %d", status);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        list_attempts();
        return 0;
    }
    program = argv[0];
    arguments = argv + (argc > 1 ? 2 : 1);
    load_facts();
    const struct attempt *row = argc > 1 ? find_attempt(argv[1]) : NULL;
    if (!row) {
        return report(broken("no attempt of that name"));
    }
    if (!*fact("token")) {
        return report(broken("cannot read the facts"));
    }
    return report(row->flags & DIRECT ? row->run(row) : run_in_child(row));
}
