/* Id maps. */
#include "linux/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "linux/syscalls.h"

#define HOLDER_STACK_SIZE (8 << 10)

int bj_idmap_write(pid_t pid, const char *uid_lines, const char *gid_lines)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
    if (bj_write_file_at(AT_FDCWD, path, uid_lines) < 0)
        return -1;
    snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
    return bj_write_file_at(AT_FDCWD, path, gid_lines);
}

int bj_idmap_write_self(const char *uid_line, const char *gid_line)
{
    if (bj_write_file_at(AT_FDCWD, "/proc/self/setgroups", "deny") < 0 ||
        bj_write_file_at(AT_FDCWD, "/proc/self/uid_map", uid_line) < 0)
        return -1;
    return bj_write_file_at(AT_FDCWD, "/proc/self/gid_map", gid_line);
}

/* It shares memory with its parent, errno included, and so calls the kernel directly. */
static int hold(void *data)
{
    const struct bj_idmap_holder *holder = data;

    bj_raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
    /* Another parent: it died before it could be noticed. */
    while (bj_raw_syscall(SYS_getppid, 0, 0, 0, 0) == holder->parent)
        bj_raw_syscall(SYS_ppoll, 0, 0, 0, 0);
    bj_raw_syscall(SYS_exit, 0, 0, 0, 0);
    __builtin_unreachable();
}

/* Makes a holder in a user namespace of its own. With every signal blocked: no handler of the
 * parent's may run on its small stack. */
static int start_holder(struct bj_idmap_holder *holder)
{
    sigset_t all, old;

    *holder = (struct bj_idmap_holder){.parent = getpid()};
    holder->stack = bj_alloc(HOLDER_STACK_SIZE);
    if (holder->stack == NULL)
        return -1;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    holder->pid = BJ_SYS(clone(hold, (char *)holder->stack + HOLDER_STACK_SIZE,
                               CLONE_VM | CLONE_NEWUSER | SIGCHLD, holder));
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (holder->pid > 0)
        return 0;
    holder->pid = 0;
    bj_free(holder->stack);
    holder->stack = NULL;
    return -1;
}

int bj_idmap_namespace(uid_t uid, gid_t gid, uid_t to_uid, gid_t to_gid,
                       struct bj_idmap_holder *ret_holder)
{
    char uid_line[48], gid_line[48], path[64];
    int ns_fd = -1, saved;

    if (start_holder(ret_holder) < 0)
        return -1;
    snprintf(uid_line, sizeof uid_line, "%u %u 1\n", uid, to_uid);
    snprintf(gid_line, sizeof gid_line, "%u %u 1\n", gid, to_gid);
    if (bj_idmap_write(ret_holder->pid, uid_line, gid_line) == 0) {
        snprintf(path, sizeof path, "/proc/%d/ns/user", ret_holder->pid);
        ns_fd = BJ_SYS(open(path, O_RDONLY | O_CLOEXEC));
    }
    saved = errno;
    kill(ret_holder->pid, SIGKILL);
    errno = saved;
    return ns_fd;
}

void bj_idmap_reap(struct bj_idmap_holder *holder)
{
    if (holder->pid == 0)
        return;
    while (waitpid(holder->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    bj_free(holder->stack);
    *holder = (struct bj_idmap_holder){0};
}
