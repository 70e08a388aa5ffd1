/*
 * Mounting and unmounting workspaces where nobody waits for it: in processes of their own. A disk
 * that has stalled holds up whoever asked for a workspace on it, not the loop.
 *
 *     keeper ── MOUNT id, template ──▶ maker ── forks ──▶ child: copies, attaches, mounts
 *       ▲                                                   │
 *       └────────────── answer: id, the mount ──────────────┘
 *     keeper ── CLOSE, a mount ──────▶ maker ── forks ──▶ child: closes it as the last one
 *
 * The maker is cloned from the keeper (fork(3) would have libuv do things in the child) and only
 * receives and forks, so it never touches the disk itself. It has so many children at most; while
 * all of them are busy it takes no more, and what is asked of it waits in the link's queue until
 * its time is over. Whoever closes the last descriptor of a mount unmounts it, so the keeper sends
 * each to the maker before it closes its own. It would unmount only if it were held up in between
 * for as long as the maker takes to receive, clone and close: nothing makes the child wait for it.
 *
 * The maker ends with the keeper. When it is killed, those that wait are told, and there is a new
 * one for the next. That is seen by its pidfd and not only by the socket, which a child that hangs
 * keeps open.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "keeper/keeper_internal.h"
#include "linux/image.h"
#include "linux/process.h"

#define SOCKET_FD    3
#define DIRECTORY_FD 4
#define CHILDREN_MAX 32

enum { MOUNT, CLOSE };

struct request {
    uint32_t kind, id;
};

struct answer {
    uint32_t id;
    struct bj_error error; /* code 0: there is a descriptor */
};

/* ---- the maker ---- */

static void say(struct answer *answer, const struct bj_fds *fds)
{
    (void)bj_socket_send(SOCKET_FD, answer, sizeof *answer, fds);
}

static void mount_child(uint32_t id, int template_fd)
{
    struct answer answer = {.id = id};
    struct bj_fds fds = {.count = 0};

    if (bj_image_check_room(DIRECTORY_FD, &answer.error) == 0 &&
        bj_image_mount(DIRECTORY_FD, template_fd, &fds.fd[0], &answer.error) == 0)
        fds.count = 1;
    say(&answer, &fds);
}

/* Has a child do it, if there can be one. It waits until the maker has closed its own descriptor,
 * so of these two the child's is the last. */
static bool do_in_child(const struct request *request, struct bj_fds *fds)
{
    struct answer failed = {.id = request->id};
    int pipe_fds[2] = {-1, -1}, pidfd = -1;
    pid_t child = BJ_SYS(pipe2(pipe_fds, O_CLOEXEC)) == 0 ? bj_process_clone(0, &pidfd) : -1;
    char nothing;

    if (child < 0 && request->kind == MOUNT) {
        bj_fail_errno(&failed.error, "workspace", "cannot start a process");
        say(&failed, NULL);
    }
    if (child == 0) {
        bj_fd_close(&pipe_fds[1]);
        if (request->kind != MOUNT)
            close(SOCKET_FD); /* it answers nothing */
        (void)!read(pipe_fds[0], &nothing, 1);
        if (request->kind == MOUNT)
            mount_child(request->id, fds->fd[0]);
        bj_fds_close(fds);
        _exit(0);
    }
    bj_fds_close(fds);
    bj_fd_close(&pipe_fds[1]);
    bj_fd_close(&pipe_fds[0]);
    bj_fd_close(&pidfd);
    return child > 0;
}

static void maker_main(void) __attribute__((noreturn));
static void maker_main(void)
{
    int children = 0;

    prctl(PR_SET_NAME, "belljar-maker", 0, 0, 0);
    signal(SIGCHLD, SIG_DFL);
    for (;;) {
        struct request request;
        struct bj_fds fds = {.count = 0};
        ssize_t length = bj_socket_receive(SOCKET_FD, &request, sizeof request, &fds, 0);

        if (length < 0 && (errno == EINTR || errno == EMSGSIZE || bj_socket_shortage(errno)))
            continue;
        if (length <= 0)
            _exit(0);
        while (children > 0 && waitpid(-1, NULL, children < CHILDREN_MAX ? WNOHANG : 0) > 0)
            children--;
        if (length == sizeof request && fds.count == 1 && do_in_child(&request, &fds))
            children++;
        bj_fds_close(&fds);
    }
}

/* ---- the keeper's end ---- */

static void take_out(struct bj_maker *maker, struct bj_making *making)
{
    struct bj_making **at = &maker->first;

    while (*at != making)
        at = &(*at)->next;
    *at = making->next;
    making->id = 0;
    bj_deadline_clear(&maker->keeper->deadlines, &making->deadline);
}

static void received(void *context, const char *packet, size_t length, struct bj_fds *fds)
{
    struct bj_maker *maker = context;
    struct bj_making *making = maker->first;
    struct answer answer;
    int fd = -1;

    if (length != sizeof answer)
        return;
    memcpy(&answer, packet, sizeof answer);
    answer.error.message[sizeof answer.error.message - 1] = '\0';
    if (fds->count == 1)
        fd = bj_fd_take(&fds->fd[0]);
    while (making != NULL && making->id != answer.id)
        making = making->next;
    if (making == NULL) { /* too late */
        bj_maker_close(maker->keeper, &fd);
        return;
    }
    take_out(maker, making);
    if (fd < 0 && answer.error.code == BJ_E_OK)
        bj_fail(&answer.error, BJ_E_BUSY, "workspace", "no descriptor is free for a workspace");
    making->done(making->context, fd, fd < 0 ? &answer.error : NULL);
}

/* Those that wait get an error; the next that is asked for has a new maker. */
static void closed(void *context)
{
    struct bj_maker *maker = context;
    struct bj_making *making = maker->first, *next;
    struct bj_error failed;

    bj_fail(&failed, BJ_E_BUSY, "workspace", "the process that mounts workspaces has ended");
    maker->first = NULL;
    for (; making != NULL; making = next) {
        next = making->next;
        making->id = 0;
        bj_deadline_clear(&maker->keeper->deadlines, &making->deadline);
        making->done(making->context, -1, &failed);
    }
}

static const struct bj_link_calls calls = {.received = received, .closed = closed};

static void reap(struct bj_maker *maker)
{
    bj_poll_free(maker->watch);
    maker->watch = NULL;
    bj_fd_close(&maker->pidfd);
    if (maker->pid > 0) {
        kill(maker->pid, SIGKILL); /* it may be stopped; its children go on, and end */
        waitpid(maker->pid, NULL, 0);
    }
    maker->pid = 0;
}

/* It was killed. What its children have answered counts; then those that wait are told, unless the
 * link did so, after which there may be another maker already. */
static void maker_ended(void *context, int events)
{
    struct bj_maker *maker = context;

    (void)events;
    reap(maker);
    bj_link_take_in(&maker->link);
    if (maker->pid == 0 && maker->link.fd >= 0) {
        bj_link_close(&maker->link);
        closed(maker);
    }
}

/* Takes the socket. */
static int watch(struct bj_maker *maker, int socket, struct bj_error *err)
{
    uv_loop_t *loop = &maker->keeper->loop;
    int result = bj_link_open(&maker->link, loop, socket, &calls, maker, err);

    if (result == 0)
        result = bj_poll_new(loop, maker->pidfd, maker_ended, maker, &maker->watch, err);
    if (result < 0) {
        bj_link_close(&maker->link);
        reap(maker);
        return result;
    }
    bj_poll_for(maker->watch, UV_READABLE);
    return 0;
}

static int begin(struct bj_maker *maker, struct bj_error *err)
{
    struct bj_keeper *keeper = maker->keeper;
    int ends[2];

    reap(maker); /* the last one */
    if (bj_socket_pair(ends) < 0)
        return bj_fail_errno(err, "workspace", "cannot make a socket pair");
    maker->pid = bj_process_clone(0, &maker->pidfd);
    if (maker->pid == 0) {
        int directory = fcntl(keeper->workspaces.directory_fd, F_DUPFD, DIRECTORY_FD + 1);
        int socket = fcntl(ends[1], F_DUPFD, DIRECTORY_FD + 1);

        if (directory < 0 || socket < 0 || dup2(socket, SOCKET_FD) < 0 ||
            dup2(directory, DIRECTORY_FD) < 0 || bj_process_die_with_parent() < 0)
            _exit(1);
        bj_process_close_from(DIRECTORY_FD + 1);
        maker_main();
    }
    close(ends[1]);
    if (maker->pid < 0) {
        close(ends[0]);
        return bj_fail_errno(err, "workspace", "cannot start a process");
    }
    return watch(maker, ends[0], err);
}

int bj_maker_init(struct bj_keeper *keeper, struct bj_error *err)
{
    keeper->maker.keeper = keeper;
    keeper->maker.pidfd = -1;
    return begin(&keeper->maker, err);
}

void bj_maker_release(struct bj_keeper *keeper)
{
    struct bj_maker *maker = &keeper->maker;

    if (maker->keeper == NULL)
        return;
    bj_link_close(&maker->link);
    reap(maker);
    maker->keeper = NULL;
}

static void late(struct bj_deadline *deadline)
{
    struct bj_making *making = (void *)((char *)deadline - offsetof(struct bj_making, deadline));
    struct bj_error failed;

    bj_fail(&failed, BJ_E_TIMEOUT, "workspace",
            "the disk that workspaces lie on does not answer; try again, or see what it does");
    take_out(making->maker, making);
    making->done(making->context, -1, &failed);
}

static int ask_for(struct bj_maker *maker, uint32_t kind, uint32_t id, int fd, struct bj_error *err)
{
    struct request request = {.kind = kind, .id = id};
    struct bj_fds fds = {.fd = {fd}, .count = 1};
    int result = maker->link.fd < 0 ? begin(maker, err) : 0;

    return result < 0 ? result : bj_link_send(&maker->link, &request, sizeof request, &fds, err);
}

int bj_maker_mount(struct bj_keeper *keeper, struct bj_making *making, int template_fd,
                   struct bj_error *err)
{
    struct bj_maker *maker = &keeper->maker;
    uint32_t id = ++maker->last_id != 0 ? maker->last_id : ++maker->last_id;
    int result = ask_for(maker, MOUNT, id, template_fd, err);

    if (result < 0)
        return result;
    making->maker = maker;
    making->id = id;
    making->next = maker->first;
    maker->first = making;
    making->deadline.passed = late;
    bj_deadline_wait(&keeper->deadlines, &making->deadline,
                     bj_deadlines_clock(&keeper->deadlines) + BJ_IMAGE_MOUNT_US);
    return 0;
}

void bj_maker_close(struct bj_keeper *keeper, int *fd)
{
    if (*fd >= 0 && keeper->maker.keeper != NULL)
        (void)ask_for(&keeper->maker, CLOSE, 0, *fd, NULL);
    bj_fd_close(fd);
}
