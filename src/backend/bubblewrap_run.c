/*
 * The bubblewrap backend: commands run by bwrap, with what Belljar can put around it.
 *
 * Theory of operation. The native backend makes an init that isolates nothing, but holds the
 * limits, the terminal and the end of everything (plan/bubblewrap.c). What it starts is bwrap with
 * the command behind it. bwrap gets two descriptors: the system call filter, which it loads last of
 * all and for the command only, and a pipe on which it reports the process that it isolated, and
 * the exit status of the command if that was ever executed. So a command that bwrap could not start
 * is told from one that failed.
 *
 * A sandbox of this kind is one command: init is outside of it, so nothing can be opened, connected
 * or started in it later.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/bubblewrap.h"
#include "base/escape.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "linux/host.h"
#include "linux/program.h"
#include "linux/seccomp.h"

#define ARENA_MAX  (4 << 20)
#define STATUS_MAX 1024 /* bytes of what bwrap reports: two lines of some hundred */

struct bj_sandbox {
    struct bj_sandbox *outer; /* the native backend's */
    struct bj_arena arena;
    char program[BJ_PATH_MAX];
    const char *const *terminal_line, *const *plain_line; /* up to "--"; the arena's */
    int filter_fd;                                        /* -1 = no filter */
    int status_in, status_out;                            /* the pipe; the end given is closed */
    char status[STATUS_MAX];
    size_t status_length;
};

static void bubblewrap_destroy(struct bj_sandbox *sandbox, struct bj_result *result)
{
    if (sandbox == NULL)
        return;
    bj_backend_native.destroy(sandbox->outer, result);
    bj_fd_close(&sandbox->filter_fd);
    bj_fd_close(&sandbox->status_in);
    bj_fd_close(&sandbox->status_out);
    bj_arena_release(&sandbox->arena);
    bj_free(sandbox);
}

/* The native sandbox's filter, as a file that bwrap reads. */
static int make_filter(int *ret_fd, struct bj_error *err)
{
    const enum bj_seccomp_arch arch = BJ_SECCOMP_NATIVE;
    BJ_CLEANUP_CLOSE int fd = -1;
    const struct sock_filter *filter;
    size_t length;

    if (arch == BJ_SECCOMP_ARCH_COUNT)
        return bj_fail(err, BJ_E_UNSUPPORTED, "seccomp",
                       "there is no system call filter for this architecture; --without seccomp "
                       "goes without");
    filter = bj_seccomp_program(BJ_SECCOMP_SANDBOX, arch, &length);
    fd = BJ_SYS(memfd_create("filter", MFD_CLOEXEC));
    if (fd < 0 || bj_fd_write_all(fd, filter, length * sizeof *filter) < 0 ||
        lseek(fd, 0, SEEK_SET) < 0)
        return bj_fail_errno(err, "seccomp", "cannot hand over the system call filter");
    *ret_fd = bj_fd_take(&fd);
    return 0;
}

static int find_bwrap(struct bj_sandbox *sandbox, struct bj_error *err)
{
    if (bj_program_find("bwrap", sandbox->program, sizeof sandbox->program, NULL) == 0)
        return 0;
    return bj_fail(err, BJ_E_UNSUPPORTED, "bubblewrap",
                   "sandbox_type bubblewrap needs the program bwrap, which is not in PATH: install "
                   "bubblewrap, or use sandbox_type native, which needs nothing");
}

/* Both lines are made before anything runs, so that what cannot be had is an error then. */
static int make_lines(struct bj_sandbox *sandbox, const struct bj_config *config,
                      struct bj_error *err)
{
    /* The numbers that bubblewrap_spawn() gives the descriptors by their order. */
    static const char *const with_filter[] = {"--json-status-fd", "3", "--seccomp", "4", NULL};
    static const char *const without[] = {"--json-status-fd", "3", NULL};
    BJ_CLEANUP_FREE struct bj_host *host = bj_alloc(sizeof *host);
    struct bj_bubblewrap_options options = {
        .program = sandbox->program,
        .home = config->user == BJ_USER_ROOT ? "/root" : BJ_BUBBLEWRAP_HOME,
        .extra = sandbox->filter_fd >= 0 ? with_filter : without,
    };
    int result;

    if (host == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "bubblewrap", "out of memory");
    result = bj_host_read(config, host, err);
    if (result == 0)
        result = bj_bubblewrap_argv(config, host, &options, &sandbox->arena,
                                    &sandbox->terminal_line, err);
    /* A terminal of its own must stay the command's; anybody else's must not. */
    options.new_session = true;
    if (result == 0)
        result =
            bj_bubblewrap_argv(config, host, &options, &sandbox->arena, &sandbox->plain_line, err);
    return result;
}

static int prepare(struct bj_sandbox *sandbox, const struct bj_config *config, struct bj_error *err)
{
    bool filtered = true;
    int ends[2], result = find_bwrap(sandbox, err);

    for (char **name = config->disabled_layers; name != NULL && *name != NULL; name++)
        filtered &= !bj_streq(*name, bj_layer_name(BJ_LAYER_SECCOMP));
    if (result == 0 && filtered)
        result = make_filter(&sandbox->filter_fd, err);
    if (result == 0)
        result = make_lines(sandbox, config, err);
    if (result < 0)
        return result;
    if (BJ_SYS(pipe2(ends, O_CLOEXEC)) < 0)
        return bj_fail_errno(err, "bubblewrap", "cannot make a pipe");
    sandbox->status_in = ends[0];
    sandbox->status_out = ends[1];
    if (fcntl(sandbox->status_in, F_SETFL, O_NONBLOCK) < 0)
        return bj_fail_errno(err, "bubblewrap", "cannot prepare a pipe");
    return 0;
}

static int bubblewrap_create(const struct bj_config *config, struct bj_launcher *launcher,
                             struct bj_result *result, struct bj_sandbox **ret_sandbox,
                             struct bj_error *err)
{
    struct bj_sandbox *sandbox = bj_alloc(sizeof *sandbox);
    int failed;

    if (sandbox == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "bubblewrap", "out of memory");
    sandbox->filter_fd = sandbox->status_in = sandbox->status_out = -1;
    bj_arena_init(&sandbox->arena, ARENA_MAX);
    failed = prepare(sandbox, config, err);
    if (failed == 0)
        failed = bj_backend_native.create(config, launcher, result, &sandbox->outer, err);
    if (failed < 0) {
        bubblewrap_destroy(sandbox, NULL);
        return failed;
    }
    *ret_sandbox = sandbox;
    return 0;
}

static int bubblewrap_dry_run(const struct bj_config *config, struct bj_buf *out,
                              struct bj_error *err)
{
    struct bj_sandbox *sandbox = bj_alloc(sizeof *sandbox);
    int result;

    if (sandbox == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "bubblewrap", "out of memory");
    sandbox->filter_fd = sandbox->status_in = sandbox->status_out = -1;
    bj_arena_init(&sandbox->arena, ARENA_MAX);
    result = prepare(sandbox, config, err);
    if (result == 0)
        result = bj_backend_native.dry_run(config, out, err);
    for (const char *const *word = sandbox->plain_line; result == 0 && *word != NULL; word++) {
        bj_buf_puts(out, word == sandbox->plain_line ? "" : " ");
        bj_shell_quote(out, *word);
    }
    if (result == 0)
        bj_buf_puts(out, "\n");
    bubblewrap_destroy(sandbox, NULL);
    return result;
}

static int bubblewrap_spawn(struct bj_sandbox *sandbox, const struct bj_spawn *spawn,
                            const int streams[3], pid_t *ret_pid, int *ret_terminal,
                            struct bj_error *err)
{
    const char *const *line =
        spawn->flags & BJ_SPAWN_TERMINAL ? sandbox->terminal_line : sandbox->plain_line;
    const int extra[] = {sandbox->status_out, sandbox->filter_fd};
    struct bj_spawn wrapped = *spawn;
    BJ_CLEANUP_FREE const char **argv = NULL;
    size_t own = 0, count = 0;
    int result;

    if (!(spawn->flags & BJ_SPAWN_MAIN) || sandbox->status_out < 0)
        return bj_fail(err, BJ_E_UNSUPPORTED, "bubblewrap",
                       "a sandbox of bubblewrap's runs one command only");
    if (spawn->flags & BJ_SPAWN_NAMED || *spawn->directory != '\0')
        return bj_fail(err, BJ_E_UNSUPPORTED, "bubblewrap",
                       "bubblewrap starts commands by their own name, in the working directory");
    while (line[own] != NULL)
        own++;
    while (spawn->argv[count] != NULL)
        count++;
    argv = bj_alloc((own + count + 1) * sizeof *argv);
    if (argv == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "bubblewrap", "out of memory");
    memcpy(argv, line, own * sizeof *argv);
    memcpy(argv + own, spawn->argv, count * sizeof *argv);
    wrapped.argv = argv;
    wrapped.extra = extra;
    wrapped.extra_count = sandbox->filter_fd >= 0 ? 2 : 1;
    result = bj_backend_native.spawn(sandbox->outer, &wrapped, streams, ret_pid, ret_terminal, err);
    bj_fd_close(&sandbox->status_out); /* so that the end of the pipe is seen */
    return result;
}

/* Takes in what bwrap has reported by now. */
static void read_status(struct bj_sandbox *sandbox)
{
    while (sandbox->status_length < STATUS_MAX - 1) {
        ssize_t got = read(sandbox->status_in, sandbox->status + sandbox->status_length,
                           STATUS_MAX - 1 - sandbox->status_length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        sandbox->status_length += (size_t)got;
        sandbox->status[sandbox->status_length] = '\0';
    }
}

/* A number of the report; -1 if it is not there. */
static long reported(const struct bj_sandbox *sandbox, const char *name)
{
    const char *at = strstr(sandbox->status, name);
    char *end;
    long value;

    if (at == NULL)
        return -1;
    at += strlen(name) + strspn(at + strlen(name), ": ");
    value = strtol(at, &end, 10);
    return end == at ? -1 : value;
}

/* The only child of a process, or -1. */
static pid_t child_of(pid_t parent)
{
    char path[64], text[64], *end;
    long pid;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
    if (bj_read_small_file_at(AT_FDCWD, path, text, sizeof text) <= 0)
        return -1;
    pid = strtol(text, &end, 10);
    return end == text ? -1 : (pid_t)pid;
}

/*
 * The command is the child of the sandbox's first process, which is bwrap's. A signal to bwrap
 * itself would end everything at once; so would one to its group, which has a session apart from
 * the command's unless that has a terminal.
 */
static int bubblewrap_signal(struct bj_sandbox *sandbox, pid_t pid, bool group, int signal,
                             struct bj_error *err)
{
    pid_t first, target, leader;

    if (pid != 0)
        return bj_fail(err, BJ_E_UNSUPPORTED, "bubblewrap",
                       "only the command itself can be signalled in bubblewrap");
    read_status(sandbox);
    first = (pid_t)reported(sandbox, "\"child-pid\"");
    target = first > 0 ? child_of(first) : -1;
    if (target <= 0)
        return bj_fail(err, BJ_E_NOT_FOUND, "signal", "the command has not started");
    leader = getpgid(target);
    if (group && leader > 0 && leader == getpgid(first) && getsid(target) == first)
        target = -leader;
    if (BJ_SYS(kill(target, signal)) < 0)
        return bj_fail_errno(err, "signal", "cannot signal the command");
    return 0;
}

static int bubblewrap_next_event(struct bj_sandbox *sandbox, struct bj_backend_event *ret,
                                 struct bj_error *err)
{
    int result = bj_backend_native.next_event(sandbox->outer, ret, err);

    if (result < 0 || ret->kind != BJ_BACKEND_EVENT_EXITED)
        return result;
    read_status(sandbox);
    if (ret->exited.status != 0 && (ret->exited.status & 0x7f) == 0 &&
        reported(sandbox, "\"exit-code\"") < 0)
        return bj_fail(err, BJ_E_LAYER, "bubblewrap",
                       "bubblewrap could not start the command; its own words are in the error "
                       "output");
    return 0;
}

static int refuse(struct bj_error *err)
{
    return bj_fail(err, BJ_E_UNSUPPORTED, "bubblewrap",
                   "nothing can be reached in a sandbox of bubblewrap's; sandbox_type native can");
}

static int bubblewrap_open(struct bj_sandbox *sandbox, const struct bj_open *request, int *ret_fd,
                           struct bj_error *err)
{
    (void)sandbox;
    (void)request;
    (void)ret_fd;
    return refuse(err);
}

static int bubblewrap_endpoint(struct bj_sandbox *sandbox, const struct bj_endpoint *endpoint,
                               int *ret_fd, struct bj_error *err)
{
    (void)sandbox;
    (void)endpoint;
    (void)ret_fd;
    return refuse(err);
}

static int bubblewrap_wait(struct bj_sandbox *sandbox, pid_t pid, struct bj_exited *ret,
                           struct bj_error *err)
{
    (void)sandbox;
    (void)pid;
    (void)ret;
    return refuse(err);
}

static int bubblewrap_list(struct bj_sandbox *sandbox, struct bj_process_entry *ret,
                           size_t capacity, size_t *ret_count, struct bj_error *err)
{
    (void)sandbox;
    (void)ret;
    (void)capacity;
    (void)ret_count;
    return refuse(err);
}

static int bubblewrap_event_fd(const struct bj_sandbox *sandbox)
{
    return bj_backend_native.event_fd(sandbox->outer);
}

static int bubblewrap_environment(const struct bj_sandbox *sandbox, bool terminal, char ***ret,
                                  struct bj_error *err)
{
    return bj_backend_native.environment(sandbox->outer, terminal, ret, err);
}

static void bubblewrap_kill(struct bj_sandbox *sandbox)
{
    bj_backend_native.kill(sandbox->outer);
}

const struct bj_backend bj_backend_bubblewrap = {
    .version = BJ_BACKEND_VERSION,
    .name = "bubblewrap",
    .create = bubblewrap_create,
    .dry_run = bubblewrap_dry_run,
    .spawn = bubblewrap_spawn,
    .open = bubblewrap_open,
    .connect = bubblewrap_endpoint,
    .listen = bubblewrap_endpoint,
    .signal = bubblewrap_signal,
    .wait = bubblewrap_wait,
    .list = bubblewrap_list,
    .event_fd = bubblewrap_event_fd,
    .next_event = bubblewrap_next_event,
    .environment = bubblewrap_environment,
    .kill = bubblewrap_kill,
    .destroy = bubblewrap_destroy,
};
