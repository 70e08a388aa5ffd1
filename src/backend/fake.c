/*
 * A backend that isolates nothing and starts nothing: for tests of what stands on the interface. A
 * process writes its arguments to its standard output and ends with the status that its name says:
 * "exit-3" ends with 3, "signal-9" by signal 9, anything else with 0.
 */
#include "backend/backend.h"
#include "backend/environment.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

struct bj_sandbox {
    int event_fd;
    struct bj_exited exited[BJ_PROCESSES_MAX];
    int started, told;
    bool killed;
};

static int fake_create(const struct bj_config *config, struct bj_launcher *launcher,
                       struct bj_result *result, struct bj_sandbox **ret_sandbox,
                       struct bj_error *err)
{
    struct bj_sandbox *sandbox = bj_alloc(sizeof *sandbox);

    (void)config;
    (void)launcher;
    (void)result;
    if (sandbox == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "fake", "out of memory");
    sandbox->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sandbox->event_fd < 0) {
        bj_free(sandbox);
        return bj_fail_errno(err, "fake", "cannot make an event descriptor");
    }
    *ret_sandbox = sandbox;
    return 0;
}

static int fake_dry_run(const struct bj_config *config, struct bj_buf *out, struct bj_error *err)
{
    (void)config;
    (void)err;
    bj_buf_puts(out, "fake\n");
    return 0;
}

static int status_of(const char *name)
{
    int64_t number;

    if (bj_starts_with(name, "exit-") && bj_parse_int64(name + 5, &number))
        return (int)(number & 0xff) << 8;
    if (bj_starts_with(name, "signal-") && bj_parse_int64(name + 7, &number))
        return (int)(number & 0x7f);
    return 0;
}

static int fake_spawn(struct bj_sandbox *sandbox, const struct bj_spawn *spawn,
                      const int streams[3], pid_t *ret_pid, int *ret_terminal, struct bj_error *err)
{
    struct bj_exited *exited = &sandbox->exited[sandbox->started];
    uint64_t one = 1;

    (void)ret_terminal;
    if (spawn->flags & BJ_SPAWN_TERMINAL)
        return bj_fail(err, BJ_E_UNSUPPORTED, "fake", "the fake backend has no terminals");
    if (sandbox->started == BJ_PROCESSES_MAX)
        return bj_fail(err, BJ_E_LIMIT, "fake", "too many processes");
    for (size_t i = 0; spawn->argv[i] != NULL; i++) {
        bj_fd_write_all(streams[1], spawn->argv[i], strlen(spawn->argv[i]));
        bj_fd_write_all(streams[1], "\n", 1);
    }
    *exited = (struct bj_exited){.pid = ++sandbox->started, .status = status_of(spawn->argv[0])};
    if (ret_pid != NULL)
        *ret_pid = exited->pid;
    if (write(sandbox->event_fd, &one, sizeof one) != sizeof one)
        return bj_fail_errno(err, "fake", "cannot tell of the end");
    return 0;
}

static int refuse_fd(struct bj_error *err)
{
    return bj_fail(err, BJ_E_UNSUPPORTED, "fake", "the fake backend hands out nothing");
}

static int fake_open(struct bj_sandbox *sandbox, const struct bj_open *request, int *ret_fd,
                     struct bj_error *err)
{
    (void)sandbox;
    (void)request;
    (void)ret_fd;
    return refuse_fd(err);
}

static int fake_endpoint(struct bj_sandbox *sandbox, const struct bj_endpoint *endpoint,
                         int *ret_fd, struct bj_error *err)
{
    (void)sandbox;
    (void)endpoint;
    (void)ret_fd;
    return refuse_fd(err);
}

static int fake_signal(struct bj_sandbox *sandbox, pid_t pid, bool group, int signal,
                       struct bj_error *err)
{
    (void)sandbox;
    (void)pid;
    (void)group;
    (void)signal;
    return bj_fail(err, BJ_E_NOT_FOUND, "fake", "every fake process has ended");
}

static int fake_wait(struct bj_sandbox *sandbox, pid_t pid, struct bj_exited *ret,
                     struct bj_error *err)
{
    if (pid < 1 || pid > sandbox->started)
        return bj_fail(err, BJ_E_NOT_FOUND, "fake", "there is no process %d", pid);
    *ret = sandbox->exited[pid - 1];
    return 0;
}

static int fake_list(struct bj_sandbox *sandbox, struct bj_process_entry *ret, size_t capacity,
                     size_t *ret_count, struct bj_error *err)
{
    (void)sandbox;
    (void)ret;
    (void)capacity;
    (void)err;
    *ret_count = 0;
    return 0;
}

static int fake_event_fd(const struct bj_sandbox *sandbox)
{
    return sandbox->event_fd;
}

static int fake_next_event(struct bj_sandbox *sandbox, struct bj_backend_event *ret,
                           struct bj_error *err)
{
    (void)err;
    ret->kind = sandbox->killed ? BJ_BACKEND_EVENT_ENDED : BJ_BACKEND_EVENT_NONE;
    if (sandbox->told < sandbox->started) {
        ret->kind = BJ_BACKEND_EVENT_EXITED;
        ret->exited = sandbox->exited[sandbox->told++];
    }
    return 0;
}

static int fake_environment(const struct bj_sandbox *sandbox, bool terminal, char ***ret,
                            struct bj_error *err)
{
    const struct bj_environment_base base = {
        .user = "user", .home = "/home/user", .terminal = terminal};

    (void)sandbox;
    return bj_environment_build(&base, ret, err);
}

static void fake_kill(struct bj_sandbox *sandbox)
{
    uint64_t one = 1;
    ssize_t written = write(sandbox->event_fd, &one, sizeof one);

    (void)written;
    sandbox->killed = true;
}

static void fake_destroy(struct bj_sandbox *sandbox, struct bj_result *result)
{
    (void)result;
    if (sandbox == NULL)
        return;
    bj_fd_close(&sandbox->event_fd);
    bj_free(sandbox);
}

const struct bj_backend bj_backend_fake = {
    .version = BJ_BACKEND_VERSION,
    .name = "fake",
    .create = fake_create,
    .dry_run = fake_dry_run,
    .spawn = fake_spawn,
    .open = fake_open,
    .connect = fake_endpoint,
    .listen = fake_endpoint,
    .signal = fake_signal,
    .wait = fake_wait,
    .list = fake_list,
    .event_fd = fake_event_fd,
    .next_event = fake_next_event,
    .environment = fake_environment,
    .kill = fake_kill,
    .destroy = fake_destroy,
};
