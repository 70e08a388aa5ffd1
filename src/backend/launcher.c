/* The launcher's two ends: its loop, and what its client calls. */
#include "backend/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "linux/idmap.h"
#include "linux/network.h"
#include "linux/process.h"
#include "linux/socket.h"

#define POOL_MAX  256
#define SOCKET_FD 3
#define TURN_MAX  64 /* ends noticed in one turn */
#define NOT_ASKED UINT32_MAX
#define PAUSE_NS  1000000 /* until what was short may be there again */

/* A sandbox that the launcher started. */
struct slot {
    struct bj_launch launch;
    struct bj_usage usage;
    uint32_t end_id; /* of the END to be answered */
    bool used, ending, answered;
};

struct server {
    int socket_fd;
    int epoll_fd;
    int home_netns; /* where the launcher was started; -1 if it cannot return there */
    int pool[POOL_MAX];
    unsigned pool_count, pool_wanted;
    struct slot *slots;
    uint32_t *free_slots; /* their numbers */
    uint32_t free_count;
    uint32_t *late; /* numbers of those that are looked at again and again until they have ended */
    uint32_t late_count;
    struct bj_janitor janitor;
    char *packet; /* what was received last */
    struct bj_launcher_request request;
    int workspace_fd; /* that came with it; -1 = none */
};
#define PACKET_MAX sizeof(struct bj_launcher_request)

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

static void look_again(struct server *server, uint32_t number)
{
    server->late[server->late_count++] = number;
}

/* Ends a sandbox without waiting for it. */
static void begin_end(struct server *server, uint32_t number)
{
    struct slot *slot = &server->slots[number];
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};

    slot->ending = true;
    slot->usage = (struct bj_usage){0};
    bj_launch_end_begin(&slot->launch);
    if (slot->launch.init_pidfd < 0 ||
        BJ_SYS(epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, slot->launch.init_pidfd, &event)) < 0)
        look_again(server, number);
}

static int launch(struct server *server, size_t length, struct bj_launcher_answer *answer,
                  struct bj_fds *ret_fds, struct bj_error *err)
{
    struct bj_plan *plan = &server->request.plan;
    struct slot *slot;
    int result = bj_plan_unpack(server->packet + BJ_LAUNCHER_REQUEST_HEAD, length, plan, err);

    if (result < 0)
        return result;
    result = check_network(server, plan, err);
    if (result < 0)
        return result;
    if (server->free_count == 0)
        return bj_fail(err, BJ_E_LIMIT, "launch", "%d sandboxes are the most one launcher starts",
                       BJ_LAUNCHER_SANDBOXES);
    answer->number = server->free_slots[server->free_count - 1];
    slot = &server->slots[answer->number];
    *slot = (struct slot){.used = true, .answered = true};
    server->free_count--;
    use_pool(server, plan);
    slot->launch.cleaned_elsewhere = true;
    slot->launch.workspace_fd = server->workspace_fd;
    result = bj_launch_start(&slot->launch, plan, &ret_fds->fd[0], err);
    go_home(server);
    if (result < 0) {
        bj_fd_close(&ret_fds->fd[0]);
        begin_end(server, answer->number);
        return result;
    }
    answer->plain_trees = slot->launch.plain_trees;
    ret_fds->fd[1] = slot->launch.init_pidfd;
    ret_fds->count = BJ_LAUNCHER_FDS;
    return 0;
}

static bool send_answer(struct server *server, const struct bj_launcher_answer *answer,
                        const struct bj_fds *fds)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};

    while (bj_socket_send(server->socket_fd, answer, sizeof *answer, fds) < 0) {
        if (!bj_socket_shortage(errno))
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static bool serve_one(struct server *server)
{
    struct bj_launcher_answer answer = {0};
    struct bj_launcher_request *request = &server->request;
    BJ_CLEANUP_CLOSE int workspace_fd = -1;
    struct bj_fds fds;
    ssize_t length = bj_socket_receive(server->socket_fd, server->packet, PACKET_MAX, &fds, 0);
    bool sent;

    if (length < (ssize_t)BJ_LAUNCHER_REQUEST_HEAD)
        bj_fds_close(&fds);
    if (length < (ssize_t)BJ_LAUNCHER_REQUEST_HEAD)
        return length < 0 && bj_socket_shortage(errno); /* then it is still there */
    memcpy(request, server->packet, BJ_LAUNCHER_REQUEST_HEAD);
    if (fds.count == 1)
        workspace_fd = fds.fd[--fds.count];
    bj_fds_close(&fds);
    answer.id = request->id;
    if (request->kind == BJ_LAUNCHER_LAUNCH) {
        server->workspace_fd = workspace_fd;
        answer.result =
            launch(server, (size_t)length - BJ_LAUNCHER_REQUEST_HEAD, &answer, &fds, &answer.error);
    } else if (request->kind == BJ_LAUNCHER_END && request->number < BJ_LAUNCHER_SANDBOXES &&
               server->slots[request->number].used && !server->slots[request->number].ending) {
        server->slots[request->number].end_id = request->id;
        server->slots[request->number].answered = false;
        begin_end(server, request->number);
        return true;
    } else {
        answer.result = bj_fail(&answer.error, BJ_E_NOT_FOUND, "end", "there is no sandbox %u",
                                request->number);
    }
    sent = send_answer(server, &answer, &fds);
    if (fds.count > 0)
        bj_fd_close(&fds.fd[0]); /* the client's now */
    return sent;
}

/* Whether the sandbox has ended now; *ret_sent is false when nobody is left to be told. */
static bool try_end(struct server *server, uint32_t number, bool *ret_sent)
{
    struct slot *slot = &server->slots[number];
    struct bj_launcher_answer answer = {.id = slot->end_id, .number = number};

    if (!bj_launch_end_try(&slot->launch, &slot->usage))
        return false;
    answer.usage = slot->usage;
    if (!slot->answered && !send_answer(server, &answer, NULL))
        *ret_sent = false;
    slot->used = false;
    server->free_slots[server->free_count++] = number;
    return true;
}

/* Init has ended: the rest takes no waiting, or is looked at again. */
static bool notice_end(struct server *server, uint32_t number)
{
    bool sent = true;

    epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, server->slots[number].launch.init_pidfd, NULL);
    if (!try_end(server, number, &sent))
        look_again(server, number);
    return sent;
}

static bool try_late(struct server *server)
{
    uint32_t left = 0;
    bool sent = true;

    for (uint32_t i = 0; i < server->late_count; i++) {
        if (!try_end(server, server->late[i], &sent))
            server->late[left++] = server->late[i];
    }
    server->late_count = left;
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

    for (uint32_t i = 0; i < BJ_LAUNCHER_SANDBOXES; i++) {
        if (server->slots[i].used)
            bj_launch_remove_cgroups(&server->slots[i].launch);
    }
}

/* One turn of the loop; false when the client is gone. */
static bool turn(struct server *server)
{
    struct epoll_event events[TURN_MAX];
    bool idle = server->pool_count >= server->pool_wanted, more = true;
    int timeout = !idle ? 0 : server->late_count > 0 ? BJ_LAUNCH_END_MS : -1;
    int count = epoll_wait(server->epoll_fd, events, TURN_MAX, timeout);

    for (int i = 0; i < count && more; i++)
        more = events[i].data.u32 == NOT_ASKED ? serve_one(server)
                                               : notice_end(server, events[i].data.u32);
    if (count == 0 && !idle)
        fill_pool(server);
    if (more && server->late_count > 0)
        more = try_late(server);
    return more && (count >= 0 || errno == EINTR);
}

static void end_all(struct server *server)
{
    struct bj_usage unused;

    for (uint32_t i = 0; i < BJ_LAUNCHER_SANDBOXES; i++) {
        if (server->slots[i].used && !server->slots[i].ending)
            bj_launch_end_begin(&server->slots[i].launch);
    }
    for (uint32_t i = 0; i < BJ_LAUNCHER_SANDBOXES; i++) {
        if (server->slots[i].used)
            bj_launch_end(&server->slots[i].launch, &unused);
    }
}

static bool prepare(struct server *server)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = NOT_ASKED};

    /* Inits do not get any of it: every one would keep the pages that the next request overwrites,
     * and page tables for them. Nor is there a heap, for the same reason. */
    server->slots = bj_secret_alloc(BJ_LAUNCHER_SANDBOXES * sizeof *server->slots);
    server->free_slots = bj_secret_alloc(BJ_LAUNCHER_SANDBOXES * sizeof *server->free_slots);
    server->late = bj_secret_alloc(BJ_LAUNCHER_SANDBOXES * sizeof *server->late);
    server->packet = bj_secret_alloc(PACKET_MAX);
    if (server->slots == NULL || server->free_slots == NULL || server->late == NULL ||
        server->packet == NULL)
        return false;
    while (server->free_count < BJ_LAUNCHER_SANDBOXES) { /* 0 on top */
        server->free_slots[server->free_count] = BJ_LAUNCHER_SANDBOXES - 1 - server->free_count;
        server->free_count++;
    }
    server->epoll_fd = BJ_SYS(epoll_create1(EPOLL_CLOEXEC));
    if (server->epoll_fd < 0 ||
        BJ_SYS(epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->socket_fd, &event)) < 0)
        return false;
    bj_janitor_init(&server->janitor);
    return bj_janitor_start(&server->janitor, clean, server) == 0;
}

int bj_launcher_main(int socket_fd, unsigned pool)
{
    static struct server server; /* large */

    server.socket_fd = socket_fd;
    server.pool_wanted = pool < POOL_MAX ? pool : POOL_MAX;
    prctl(PR_SET_NAME, "belljar-launch", 0, 0, 0);
    if (!prepare(&server))
        return 1;
    server.home_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (server.pool_wanted > 0 && outer_namespace() < 0)
        server.pool_wanted = 0;
    while (turn(&server))
        continue;
    end_all(&server);
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
               struct bj_launcher_answer *answer, struct bj_fds *ret_fds, struct bj_error *err)
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
    struct bj_launcher_request *request = bj_alloc(BJ_LAUNCHER_REQUEST_HEAD + size);
    struct bj_launcher_answer answer;
    struct bj_fds fds;
    int result;

    if (request == NULL)
        return bj_fail(err, BJ_E_NO_MEMORY, "launch", "out of memory");
    request->kind = BJ_LAUNCHER_LAUNCH;
    request->id = ++launcher->last_id;
    size = bj_plan_pack(plan, &request->plan);
    result = ask(launcher, request, BJ_LAUNCHER_REQUEST_HEAD + size, &answer, &fds, err);
    bj_free(request);
    if (result < 0)
        return result;
    if (fds.count != BJ_LAUNCHER_FDS) {
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
    uint32_t request[BJ_LAUNCHER_REQUEST_HEAD / sizeof(uint32_t)] = {
        BJ_LAUNCHER_END, ++launcher->last_id, number}; /* kind, id, number */
    struct bj_launcher_answer answer;
    struct bj_fds fds;
    int result = ask(launcher, request, sizeof request, &answer, &fds, err);

    bj_fds_close(&fds);
    if (result == 0 && ret_usage != NULL)
        *ret_usage = answer.usage;
    return result;
}
