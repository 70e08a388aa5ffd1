/* The launcher's two ends: its loop, and what its client calls. */
#include "backend/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "linux/idmap.h"
#include "linux/network.h"
#include "linux/process.h"
#include "linux/socket.h"

#define SANDBOXES_MAX 4096
#define POOL_MAX      256
#define LAUNCH_FDS    2
#define SOCKET_FD     3

enum request_kind { REQUEST_LAUNCH = 1, REQUEST_END };

struct request {
    uint32_t kind;
    uint32_t number;     /* END */
    struct bj_plan plan; /* LAUNCH; as much of it as is in use */
};
#define REQUEST_HEAD offsetof(struct request, plan)

struct answer {
    int32_t result; /* 0 or a negative code */
    uint32_t number;
    struct bj_usage usage;
    struct bj_error error;
};

/* A sandbox that the launcher started: its plan as long as cgroups must be found by it. */
struct slot {
    struct bj_launch launch;
    struct bj_plan *plan; /* NULL = a free slot */
};

struct server {
    int socket_fd;
    int home_netns; /* where the launcher was started; -1 if it cannot return there */
    int pool[POOL_MAX];
    unsigned pool_count, pool_wanted;
    struct slot *slots;
    struct bj_janitor janitor;
    struct request request;
};

/* Back from a namespace of the pool. Without privilege there is no way back: that is remembered. */
static void go_home(struct server *server)
{
    if (server->home_netns >= 0 && BJ_SYS(setns(server->home_netns, CLONE_NEWNET)) < 0)
        bj_fd_close(&server->home_netns);
}

/* One more namespace for the pool. Failing only makes the next launch slower. */
static void fill_pool(struct server *server)
{
    struct bj_netns netns;
    int fd = bj_netns_begin(&netns) < 0 ? -1 : bj_netns_take(&netns);

    if (fd >= 0 && bj_netns_enter(fd) == 0)
        server->pool[server->pool_count++] = fd;
    else
        server->pool_wanted = 0;
    if (fd >= 0 && server->pool_wanted == 0)
        close(fd);
    go_home(server);
}

/* With a namespace of the pool: init, cloned from here, has it already. */
static void use_pool(struct server *server, struct bj_plan *plan)
{
    BJ_CLEANUP_CLOSE int fd = -1;

    if (server->pool_count == 0)
        return;
    for (uint32_t i = 0; i < plan->op_count; i++) {
        if (plan->ops[i].kind != BJ_OP_NETWORK && plan->ops[i].kind != BJ_OP_NETWORK_JOIN)
            continue;
        if (fd < 0) {
            fd = server->pool[--server->pool_count];
            if (BJ_SYS(setns(fd, CLONE_NEWNET)) < 0)
                return;
        }
        plan->ops[i].flags |= BJ_FLAG_DONE;
    }
}

/* A sandbox in the host's network needs the launcher to be in it. */
static int check_network(const struct server *server, const struct bj_plan *plan,
                         struct bj_error *err)
{
    if (plan->layers & BJ_LAYER_BIT(NETWORK) || server->home_netns >= 0)
        return 0;
    return bj_fail(err, BJ_E_UNSUPPORTED, "network",
                   "this launcher keeps network namespaces ready and, unprivileged, has left the "
                   "host's network: start one without a pool for it");
}

static struct slot *free_slot(struct server *server, uint32_t *ret_number)
{
    for (uint32_t i = 0; i < SANDBOXES_MAX; i++) {
        if (server->slots[i].plan == NULL) {
            *ret_number = i;
            return &server->slots[i];
        }
    }
    return NULL;
}

static int launch(struct server *server, size_t plan_size, struct answer *answer,
                  struct bj_fds *ret_fds, struct bj_error *err)
{
    struct slot *slot = free_slot(server, &answer->number);
    struct bj_usage unused;
    int result = bj_plan_check(&server->request.plan, plan_size, err);

    if (result < 0)
        return result;
    result = check_network(server, &server->request.plan, err);
    if (result < 0)
        return result;
    if (slot == NULL)
        return bj_fail(err, BJ_E_LIMIT, "launch", "%d sandboxes are the most one launcher starts",
                       SANDBOXES_MAX);
    slot->plan = bj_alloc(plan_size);
    if (slot->plan == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "launch", "out of memory");
    memcpy(slot->plan, &server->request.plan, plan_size);
    use_pool(server, slot->plan);
    slot->launch.cleaned_elsewhere = true;
    result = bj_launch_start(&slot->launch, slot->plan, &ret_fds->fd[0], err);
    go_home(server);
    if (result < 0) {
        bj_fd_close(&ret_fds->fd[0]);
        bj_launch_end(&slot->launch, &unused);
        bj_free(slot->plan);
        slot->plan = NULL;
        return result;
    }
    ret_fds->fd[1] = slot->launch.init_pidfd;
    ret_fds->count = LAUNCH_FDS;
    return 0;
}

static void end(struct server *server, uint32_t number, struct bj_usage *usage)
{
    struct slot *slot = &server->slots[number];

    bj_launch_end(&slot->launch, usage);
    bj_free(slot->plan);
    slot->plan = NULL;
}

static bool serve_one(struct server *server)
{
    struct answer answer = {0};
    struct request *request = &server->request;
    struct bj_fds fds;
    ssize_t length = bj_socket_receive(server->socket_fd, request, sizeof *request, &fds, 0);
    bool sent;

    bj_fds_close(&fds); /* none are wanted */
    if (length < (ssize_t)REQUEST_HEAD)
        return false;
    if (request->kind == REQUEST_LAUNCH) {
        answer.result = launch(server, (size_t)length - REQUEST_HEAD, &answer, &fds, &answer.error);
    } else if (request->kind == REQUEST_END && request->number < SANDBOXES_MAX &&
               server->slots[request->number].plan != NULL) {
        end(server, request->number, &answer.usage);
    } else {
        answer.result = bj_fail(&answer.error, BJ_E_NOT_FOUND, "end", "there is no sandbox %u",
                                request->number);
    }
    sent = bj_socket_send(server->socket_fd, &answer, sizeof answer, &fds) == 0;
    if (fds.count > 0)
        bj_fd_close(&fds.fd[0]); /* the client's now */
    return sent;
}

/*
 * Without privilege, an outer user namespace in which the launcher may make network namespaces. A
 * sandbox's own user namespace comes below it, so that not even root inside rules over its network.
 */
static int outer_namespace(void)
{
    char uids[48], gids[48];

    if (geteuid() == 0)
        return 0;
    snprintf(uids, sizeof uids, "%u %u 1\n", geteuid(), geteuid());
    snprintf(gids, sizeof gids, "%u %u 1\n", getegid(), getegid());
    if (BJ_SYS(unshare(CLONE_NEWUSER)) < 0)
        return -1;
    return bj_idmap_write_self(uids, gids);
}

/* The janitor's work, should the launcher be killed: every sandbox's cgroups. */
static void clean(void *data)
{
    struct server *server = data;

    for (uint32_t i = 0; i < SANDBOXES_MAX; i++) {
        if (server->slots[i].plan != NULL)
            bj_launch_remove_cgroups(&server->slots[i].launch);
    }
}

int bj_launcher_main(int socket_fd, unsigned pool)
{
    static struct server server; /* large */
    struct pollfd polled = {.fd = socket_fd, .events = POLLIN};

    server.socket_fd = socket_fd;
    server.pool_wanted = pool < POOL_MAX ? pool : POOL_MAX;
    server.slots = bj_alloc(SANDBOXES_MAX * sizeof *server.slots);
    if (server.slots == NULL)
        return 1;
    prctl(PR_SET_NAME, "belljar-launch", 0, 0, 0);
    bj_janitor_init(&server.janitor);
    if (bj_janitor_start(&server.janitor, clean, &server) < 0)
        return 1;
    server.home_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (server.pool_wanted > 0 && outer_namespace() < 0)
        server.pool_wanted = 0;
    for (;;) {
        bool idle = server.pool_count >= server.pool_wanted;

        if (poll(&polled, 1, idle ? -1 : 0) > 0) {
            if (!serve_one(&server))
                break;
        } else if (!idle) {
            fill_pool(&server);
        }
    }
    for (uint32_t i = 0; i < SANDBOXES_MAX; i++) {
        struct bj_usage unused;

        if (server.slots[i].plan != NULL)
            end(&server, i, &unused);
    }
    bj_janitor_stop(&server.janitor);
    return 0;
}

int bj_launcher_fork(struct bj_launcher *launcher, unsigned pool, struct bj_error *err)
{
    int ends[2];

    if (bj_socket_pair(ends) < 0)
        return bj_fail_errno(err, "launcher", "cannot make a socket pair");
    launcher->pid = BJ_SYS(fork());
    if (launcher->pid == 0) {
        dup2(ends[1], SOCKET_FD);
        fcntl(SOCKET_FD, F_SETFD, FD_CLOEXEC);
        bj_process_close_from(SOCKET_FD + 1);
        _exit(bj_launcher_main(SOCKET_FD, pool));
    }
    close(ends[1]);
    launcher->socket_fd = ends[0];
    if (launcher->pid < 0) {
        bj_fd_close(&launcher->socket_fd);
        return bj_fail_errno(err, "launcher", "cannot start the launcher");
    }
    return 0;
}

int bj_launcher_execute(struct bj_launcher *launcher, const char *path, unsigned pool,
                        struct bj_error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    char count[16];
    char *argv[] = {(char *)"belljar-launcher", count, NULL}, *env[] = {NULL};
    int ends[2], failed;

    snprintf(count, sizeof count, "%u", pool);
    if (bj_socket_pair(ends) < 0)
        return bj_fail_errno(err, "launcher", "cannot make a socket pair");
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    failed = posix_spawn_file_actions_adddup2(&actions, ends[1], SOCKET_FD);
    /* A session of its own: what the caller's terminal sends is for the caller to decide on. */
    if (failed == 0)
        failed = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                           POSIX_SPAWN_SETSIGDEF);
    if (failed == 0)
        failed = posix_spawnattr_setsigmask(&attributes, &none);
    if (failed == 0)
        failed = posix_spawnattr_setsigdefault(&attributes, &all);
    if (failed == 0)
        failed = posix_spawn(&launcher->pid, path, &actions, &attributes, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    launcher->socket_fd = ends[0];
    if (failed != 0) {
        bj_fd_close(&launcher->socket_fd);
        errno = failed;
        return bj_fail_errno(err, "launcher", "cannot start %s", path);
    }
    return 0;
}

void bj_launcher_stop(struct bj_launcher *launcher)
{
    if (launcher->socket_fd < 0)
        return;
    bj_fd_close(&launcher->socket_fd);
    while (waitpid(launcher->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* Sends a request and receives its answer. */
static int ask(struct bj_launcher *launcher, const void *request, size_t size,
               struct answer *answer, struct bj_fds *ret_fds, struct bj_error *err)
{
    ssize_t length;

    ret_fds->count = 0; /* the caller closes them whatever comes */
    if (bj_socket_send(launcher->socket_fd, request, size, NULL) < 0)
        return bj_fail_errno(err, "launcher", "cannot ask the launcher");
    length = bj_socket_receive(launcher->socket_fd, answer, sizeof *answer, ret_fds, 0);
    if (length != sizeof *answer)
        bj_fds_close(ret_fds);
    if (length != sizeof *answer)
        return bj_fail(err, BJ_E_ENDED, "launcher", "the launcher has ended");
    if (answer->result < 0 && err != NULL)
        *err = answer->error;
    return answer->result;
}

int bj_launcher_launch(struct bj_launcher *launcher, const struct bj_plan *plan,
                       uint32_t *ret_number, int *ret_socket, int *ret_pidfd, struct bj_error *err)
{
    size_t size = bj_plan_size(plan);
    struct request *request = bj_alloc(REQUEST_HEAD + size);
    struct answer answer;
    struct bj_fds fds;
    int result;

    if (request == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "launch", "out of memory");
    request->kind = REQUEST_LAUNCH;
    memcpy(&request->plan, plan, size);
    result = ask(launcher, request, REQUEST_HEAD + size, &answer, &fds, err);
    bj_free(request);
    if (result < 0)
        return result;
    if (fds.count != LAUNCH_FDS) {
        bj_fds_close(&fds);
        return bj_fail(err, BJ_E_PROTOCOL, "launcher", "the launcher answered without a sandbox");
    }
    *ret_number = answer.number;
    *ret_socket = fds.fd[0];
    *ret_pidfd = fds.fd[1];
    return 0;
}

int bj_launcher_end(struct bj_launcher *launcher, uint32_t number, struct bj_usage *ret_usage,
                    struct bj_error *err)
{
    uint32_t request[2] = {REQUEST_END, number};
    struct answer answer;
    struct bj_fds fds;
    int result = ask(launcher, request, sizeof request, &answer, &fds, err);

    bj_fds_close(&fds);
    if (result == 0 && ret_usage != NULL)
        *ret_usage = answer.usage;
    return result;
}
